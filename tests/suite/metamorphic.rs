//! Relations between fits that need no known answer: what a change of the table must and must not change.
//!
//! Tables are random; a failure prints its seed. A relation that would hold only up to the rounding to the grid is made
//! exact by values that the grid and f32 hold exactly: multiples of 1/8 below 2^10 ([`dyadic`]). Others are exact for any
//! values, because sums have no order and labels are an exact function.

use crate::data::{Kind, Random, narrow, table};
use crate::fitted::{fitted, from_rows, matrix, predicted, repeated, rows_of, same_partition, weighted};
use crate::program::{Place, npy};
use ndarray::{Array2, Axis, concatenate, s};
use segma::kmeans::{Fit, Init, Params};
use segma::matrix::Matrix;

const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];
const K: usize = 4;

fn blobs(seed: u64) -> Array2<f64> {
    table(Kind::Blobs, 401, 3, seed)
}

/// Groups of 8 rows with means on multiples of 1/64: every mean, difference and distance is exact on the grid.
fn dyadic(seed: u64) -> Array2<f64> {
    let mut random = Random(seed);
    Array2::from_shape_fn((8 * K, 3), |(i, j)| {
        let group = i % K;
        (100 * ((group * (j + 1)) % 5) + random.below(32)) as f64 / 8.0 + (group * group) as f64
    })
}

fn start(x: &Array2<f64>) -> Params {
    from_rows(x, &(0..K).collect::<Vec<_>>()).tol(0.0)
}

/// The fit of a table from its own first rows.
fn own(x: &Array2<f64>) -> (Matrix, Fit) {
    let m = matrix(x);
    let f = fitted(&m, start(x));
    (m, f)
}

fn values(m: &Matrix, f: &Fit) -> Array2<f64> {
    f.values(m.frame())
}

fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    let mut order: Vec<usize> = (0..n).collect();
    (1..n).rev().for_each(|i| order.swap(i, random.below(i + 1)));
    order
}

#[test]
fn the_order_of_rows_does_not_matter() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let order = shuffled(x.nrows(), seed);
        let n = matrix(&rows_of(&x, &order));
        let g = fitted(&n, start(&x));
        assert_eq!(m.frame(), n.frame(), "seed {seed}");
        assert_eq!((&f.centroids, f.inertia, f.iterations), (&g.centroids, g.inertia, g.iterations), "seed {seed}");
        assert!(order.iter().zip(&g.labels[..]).all(|(&i, l)| f.labels[i] == *l), "seed {seed}");
    }
}

#[test]
fn the_order_of_columns_does_not_matter() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let y = x.select(Axis(1), &[2, 0, 1]);
        let (n, g) = own(&y);
        let map = same_partition(&f.labels, &g.labels, &format!("seed {seed}"));
        let (a, b) = (values(&m, &f).select(Axis(1), &[2, 0, 1]), values(&n, &g).select(Axis(0), &map));
        assert_eq!((a, f.inertia), (b, g.inertia), "seed {seed}");
    }
}

#[test]
fn moving_all_rows_moves_the_centroids_with_them() {
    for seed in SEEDS {
        let x = dyadic(seed);
        let (m, f) = own(&x);
        for offset in [1.0, -4096.0, (1u64 << 30) as f64] {
            let y = x.mapv(|v| v + offset);
            let (n, g) = own(&y);
            assert_eq!((&f.labels, &f.centroids), (&g.labels, &g.centroids), "seed {seed} {offset}");
            assert_eq!(values(&m, &f).mapv(|v| v + offset), values(&n, &g), "seed {seed} {offset}");
        }
    }
}

#[test]
fn scaling_by_a_power_of_two_scales_the_centroids() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        for p in [-300, -20, -1, 1, 7, 300] {
            let (n, g) = own(&x.mapv(|v| v * 2f64.powi(p)));
            assert_eq!((&f.labels, &f.centroids, f.inertia), (&g.labels, &g.centroids, g.inertia), "seed {seed} 2^{p}");
            assert_eq!(values(&m, &f).mapv(|v| v * 2f64.powi(p)), values(&n, &g), "seed {seed} 2^{p}");
        }
    }
}

#[test]
fn every_row_twice_gives_the_same_centroids() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (_, f) = own(&x);
        let twice = fitted(&matrix(&repeated(&x, &[2; 401])), start(&x));
        let heavy = fitted(&weighted(&x, &[2.0; 401]), start(&x));
        assert_eq!((&f.centroids, f.iterations), (&twice.centroids, twice.iterations), "seed {seed}");
        assert_eq!((&f.centroids, &f.labels), (&heavy.centroids, &heavy.labels), "seed {seed}");
        assert_eq!(twice.labels, f.labels.iter().flat_map(|&l| [l, l]).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_row_at_a_centroid_moves_nothing() {
    for seed in SEEDS {
        let x = dyadic(seed);
        let (m, f) = own(&x);
        let centres = values(&m, &f);
        for c in 0..f.centroids.k() {
            let y = concatenate![Axis(0), x, centres.slice(s![c..=c, ..])];
            let n = matrix(&y);
            let g = fitted(&n, Params::new(K).init(Init::Given(centres.clone())).tol(0.0));
            let map = same_partition(&f.labels, &g.labels[..x.nrows()], &format!("seed {seed}"));
            assert_eq!(values(&n, &g).select(Axis(0), &map), centres, "seed {seed} cluster {c}");
            assert_eq!(g.labels[x.nrows()] as usize, map[c], "seed {seed}");
        }
    }
}

#[test]
fn a_cluster_taken_away_leaves_the_others() {
    for seed in SEEDS {
        let x = dyadic(seed);
        let (m, f) = own(&x);
        let centres = values(&m, &f);
        for gone in 0..f.centroids.k() {
            let rows: Vec<usize> = (0..x.nrows()).filter(|&i| f.labels[i] as usize != gone).collect();
            let left: Vec<usize> = (0..centres.nrows()).filter(|&c| c != gone).collect();
            let n = matrix(&rows_of(&x, &rows));
            let g = fitted(&n, from_rows(&centres, &left).tol(0.0));
            let labels: Vec<u32> = rows.iter().map(|&i| f.labels[i] - u32::from(f.labels[i] as usize > gone)).collect();
            let map = same_partition(&labels, &g.labels, &format!("seed {seed}"));
            assert_eq!(values(&n, &g).select(Axis(0), &map), rows_of(&centres, &left), "seed {seed}");
        }
    }
}

#[test]
fn a_constant_column_changes_nothing_else() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let y = concatenate![Axis(1), x, Array2::from_elem((x.nrows(), 1), seed as f64 * 1e5)];
        let (n, g) = own(&y);
        assert_eq!((&f.labels, f.inertia), (&g.labels, g.inertia), "seed {seed}");
        assert_eq!(values(&m, &f), values(&n, &g).slice(s![.., ..3]), "seed {seed}");
    }
}

#[test]
fn a_column_four_times_is_that_column_doubled() {
    // The square of 2 is 4, which f32 holds, unlike the square root of 2 for a column that is there twice.
    for seed in SEEDS {
        let x = dyadic(seed);
        let first = x.slice(s![.., ..1]);
        let four = concatenate![Axis(1), x, first, first, first];
        let mut double = x.clone();
        double.column_mut(0).mapv_inplace(|v| 2.0 * v);
        let ((n, f), (m, g)) = (own(&four), own(&double));
        let map = same_partition(&f.labels, &g.labels, &format!("seed {seed}"));
        let (a, b) = (values(&n, &f), values(&m, &g).select(Axis(0), &map));
        assert_eq!(a.column(0).mapv(|v| 2.0 * v), b.column(0), "seed {seed}");
        assert_eq!(n.frame().length2(f.inertia.as_f64()), m.frame().length2(g.inertia.as_f64()), "seed {seed}");
    }
}

#[test]
fn a_negated_column_negates_its_centroids() {
    // With an odd number of rows the lower median is the middle one, so that the grid is mirrored exactly.
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let mut y = x.clone();
        y.column_mut(1).mapv_inplace(|v| -v);
        let (n, g) = own(&y);
        let map = same_partition(&f.labels, &g.labels, &format!("seed {seed}"));
        let (mut a, b) = (values(&m, &f), values(&n, &g).select(Axis(0), &map));
        a.column_mut(1).mapv_inplace(|v| -v);
        assert_eq!((a, f.inertia), (b, g.inertia), "seed {seed}");
    }
}

#[test]
fn rows_drawn_to_their_centroid_keep_their_label() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let centres = values(&m, &f);
        let near = Array2::from_shape_fn(x.dim(), |(i, j)| {
            let centre = centres[[f.labels[i] as usize, j]];
            centre + (x[[i, j]] - centre) / 2.0
        });
        let g = fitted(&matrix(&near), Params::new(K).init(Init::Given(centres.clone())).tol(0.0));
        same_partition(&f.labels, &g.labels, &format!("seed {seed}"));
    }
}

#[test]
fn predict_labels_each_row_alone() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        assert_eq!(f.labels, predicted(&x, &m, &f), "seed {seed}");
        let some: Vec<usize> = shuffled(x.nrows(), seed).into_iter().take(70).collect();
        let expected: Vec<u32> = some.iter().map(|&i| f.labels[i]).collect();
        assert_eq!(predicted(&rows_of(&x, &some), &m, &f), expected, "seed {seed}");
        for i in (0..x.nrows()).step_by(40) {
            assert_eq!(predicted(&rows_of(&x, &[i]), &m, &f), [f.labels[i]], "seed {seed} row {i}");
        }
    }
}

#[test]
fn a_fit_from_its_own_result_stays_there() {
    for seed in SEEDS {
        let x = blobs(seed);
        let (m, f) = own(&x);
        let g = fitted(&m, Params::new(K).init(Init::Given(values(&m, &f))).tol(0.0));
        assert_eq!((&f.labels, &f.centroids, f.inertia), (&g.labels, &g.centroids, g.inertia), "seed {seed}");
        assert!(g.iterations <= 2 && g.converged, "seed {seed}: {} iterations", g.iterations);
    }
}

#[test]
fn more_starts_are_never_worse() {
    for seed in SEEDS {
        let m = matrix(&table(Kind::Blobs, 300, 2, seed));
        for init in [Init::KMeansPlusPlus, Init::Random] {
            let params = Params::new(9).init(init).seed(seed);
            let tried: Vec<_> = [1, 2, 3, 5, 8].map(|n| fitted(&m, params.clone().n_init(n)).inertia).to_vec();
            assert!(tried.windows(2).all(|w| w[1] <= w[0]), "seed {seed}: {tried:?}");
        }
    }
}

/// A table as CSV text, cell by cell; `None` for the header.
fn csv(x: &Array2<f32>, cell: impl Fn(Option<usize>, String) -> String) -> String {
    let line = |i: Option<usize>, cells: Vec<String>| {
        cells.into_iter().map(|c| cell(i, c)).collect::<Vec<_>>().join(",") + "\n"
    };
    let header = line(None, (0..x.ncols()).map(|j| format!("f{j}")).collect());
    let rows = x.rows().into_iter().enumerate();
    header + &rows.map(|(i, r)| line(Some(i), r.iter().map(ToString::to_string).collect())).collect::<String>()
}

/// What a fit of a file writes, and what its model says of that file.
fn told(place: &Place, file: &str) -> (String, serde_json::Value) {
    place.run(&format!("fit {file} -k 3 -o {file}.run -q")).ended(0);
    let segments = place.text(&format!("{file}.run/segments.csv"));
    let again = place.run(&format!("predict {file}.run/model.json {file}")).ended(0).stdout;
    assert!(again == segments, "a model that was written and read gives the same");
    (segments, place.json(&format!("{file}.run/model.json")))
}

#[test]
fn the_spelling_of_numbers_and_the_format_do_not_matter() {
    let place = Place::new();
    // Multiples of 1/8: their short decimal text is exactly their f32, so that the array holds the same numbers.
    let x = narrow(&table(Kind::Blobs, 200, 3, 19).mapv(|v| (v * 8.0).round() / 8.0));
    let spelt = |i: Option<usize>, c: String| match i {
        None => c,
        Some(i) => match (i % 5, c.strip_prefix('-')) {
            (0, None) => format!("+{c}"),
            (0 | 1, Some(size)) => format!("-0{size}"),
            (1, None) => format!("00{c}"),
            (2, _) => format!("{c}e0"),
            (3, _) => format!(" {c}E+00\t"),
            _ => format!("{c}{}", if c.contains('.') { "000" } else { ".0" }),
        },
    };
    place.put("plain.csv", csv(&x, |_, c| c));
    place.put("spelt.csv", csv(&x, spelt));
    place.put("quoted.csv", csv(&x, |_, c| format!("\"{c}\"")));
    place.put("crlf.csv", csv(&x, |_, c| c).replace('\n', "\r\n"));
    place.put("marked.csv", format!("\u{feff}{}", csv(&x, |_, c| c)));
    place.put("array.npy", npy(&[200, 3], x.as_slice().unwrap()));
    let plain = told(&place, "plain.csv");
    for file in ["spelt.csv", "quoted.csv", "crlf.csv", "marked.csv", "array.npy"] {
        let other = told(&place, file);
        assert!(plain == other, "{file} gives another answer");
    }
}

#[test]
fn rows_in_two_files_are_labelled_as_in_one() {
    let place = Place::with_customers();
    place.run("fit customers.csv --id customer_id -k 4 -o run").ended(0);
    let text = place.text("customers.csv");
    let lines: Vec<&str> = text.lines().collect();
    let part = |from: usize, to: usize| [&lines[..1], &lines[from..to]].concat().join("\n") + "\n";
    place.put("a.csv", part(1, 1234));
    place.put("b.csv", part(1234, lines.len()));
    let labels = |file: &str| place.run(&format!("predict run/model.json {file}")).ended(0).stdout;
    let (a, b) = (labels("a.csv"), labels("b.csv"));
    let b = b.split_once('\n').unwrap().1;
    assert!(a + b == place.text("run/segments.csv"), "labels depend on the rows beside them");
}
