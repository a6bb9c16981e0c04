//! Tables with too little in them, empty clusters, and weights: right, or refused with the reason.

use crate::data::{Kind, Random, table};
use crate::fitted::{column, fitted, from_rows, inertia, matrix, repeated, rows_of, weighted};
use crate::program::Place;
use ndarray::{Array2, array};
use segma::engine::cpu::Cpu;
use segma::kmeans::{Fit, Init, Params, Quiet, fit};
use segma::matrix::{Matrix, Weights};

fn refusal(matrix: &Matrix, params: Params) -> String {
    let error = fit(&Cpu::new().unwrap(), matrix, &params.check().unwrap(), &mut Quiet).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    error.to_string()
}

fn says(fit: &Fit, code: &str, text: &str) {
    let note = fit.notes.iter().find(|n| n.code == code).unwrap_or_else(|| panic!("no {code} in {:?}", fit.notes));
    assert!(note.text.contains(text), "{}", note.text);
}

#[test]
fn identical_rows_are_one_cluster_of_no_inertia() {
    for row in [[3.1, -7.0], [0.0, 1e30], [1e-310, 5.0]] {
        let m = matrix(&Array2::from_shape_fn((10, 2), |(_, j)| row[j]));
        for init in [Init::KMeansPlusPlus, Init::Random, Init::Given(array![[0.0, 1.0], [1.0, 0.0], [5.0, 5.0]])] {
            let f = fitted(&m, Params::new(3).init(init));
            assert_eq!((f.centroids.k(), f.counts.as_slice(), f.inertia.as_u64()), (1, [10].as_slice(), 0));
            assert_eq!(f.values(m.frame()).row(0).to_vec(), row);
            says(&f, "fewer_clusters", "1 distinct row ");
        }
        assert!(refusal(&m, Params::new(3).require_k(true)).contains("k=3 but the data has only 1 distinct"));
    }
}

#[test]
fn fewer_distinct_rows_than_k_give_as_many_clusters() {
    let m = matrix(&array![[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [9.0, 0.0]]);
    for init in [Init::KMeansPlusPlus, Init::Random] {
        let f = fitted(&m, Params::new(4).init(init));
        assert_eq!((f.centroids.k(), f.inertia.as_u64()), (3, 0));
        let mut used = f.labels.to_vec();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, [0, 1, 2]);
        says(&f, "fewer_clusters", "3 clusters instead of 4: the data has only 3 distinct rows");
    }
    assert!(refusal(&m, Params::new(4).require_k(true)).contains("k=4 but the data has only 3 distinct rows"));
}

#[test]
fn as_many_clusters_as_rows_give_every_row_its_own() {
    let x = table(Kind::Blobs, 20, 3, 4);
    let m = matrix(&x);
    for init in [Init::KMeansPlusPlus, Init::Random, Init::Given(x.clone())] {
        let f = fitted(&m, Params::new(20).init(init));
        assert_eq!((f.counts.as_slice(), f.inertia.as_u64()), ([1; 20].as_slice(), 0));
        assert!(f.iterations <= 2 && f.converged && f.notes.is_empty());
    }
    assert!(refusal(&m, Params::new(21)).contains("n_samples=20 should be >= n_clusters=21"));
    for k in [1 << 31, u32::MAX as usize - 1] {
        assert!(refusal(&m, Params::new(k)).contains("n_samples=20 should be"), "{k}");
    }
}

#[test]
fn one_cluster_is_the_mean() {
    let x = table(Kind::Blobs, 1000, 3, 6);
    let m = matrix(&x);
    let f = fitted(&m, Params::new(1));
    assert!(f.labels.iter().all(|l| *l == 0) && f.iterations <= 2 && f.converged);
    let mean = x.mean_axis(ndarray::Axis(0)).unwrap();
    let total: f64 = x.rows().into_iter().map(|r| (&r - &mean).mapv(|v| v * v).sum()).sum();
    assert!(f.values(m.frame()).row(0).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!((inertia(&f, &m) / total - 1.0).abs() < 1e-6);
    assert!((f.total_inertia / f.inertia.as_f64() - 1.0).abs() < 1e-12);
}

#[test]
fn one_row_works() {
    for value in [0.0, -1e300, 5e-324] {
        let m = matrix(&column(&[value]));
        let f = fitted(&m, Params::new(1));
        assert_eq!((&f.labels[..], f.values(m.frame())[[0, 0]]), ([0].as_slice(), value));
    }
}

#[test]
fn a_constant_column_changes_no_label() {
    let x = table(Kind::Blobs, 300, 2, 9);
    let plain = fitted(&matrix(&x), from_rows(&x, &[0, 1, 2, 3]));
    for constant in [0.0, 7.0, 1e30, -1e-300] {
        let wide = ndarray::concatenate![ndarray::Axis(1), x, Array2::from_elem((300, 1), constant)];
        let m = matrix(&wide);
        let f = fitted(&m, from_rows(&wide, &[0, 1, 2, 3]));
        assert_eq!((&f.labels, f.inertia, f.iterations), (&plain.labels, plain.inertia, plain.iterations));
        assert!(f.values(m.frame()).column(2).iter().all(|v| *v == constant));
    }
}

#[test]
fn no_rows_and_no_columns_are_refused() {
    for (shape, reason) in [((0, 3), "no data rows"), ((3, 0), "no columns")] {
        let error = Matrix::learn(&Array2::<f64>::zeros(shape).view(), None).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn many_duplicates_still_give_distinct_centroids() {
    let mut random = Random(16);
    let x = Array2::from_shape_fn((1000, 2), |(i, _)| if i < 800 { (i % 3) as f64 } else { random.uniform() * 50.0 });
    for seed in 0..5 {
        let f = fitted(&matrix(&x), Params::new(16).seed(seed));
        let mut rows: Vec<&[i64]> = f.centroids.rows().collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 16, "seed {seed}");
    }
}

#[test]
fn an_empty_cluster_takes_the_farthest_row_and_of_equals_the_lowest() {
    // All rows go to the first centroid; the second is filled by row 0, which is as far away as row 4.
    let x = column(&[0.0, 5.0, 5.0, 5.0, 10.0]);
    let m = matrix(&x);
    let once = fitted(&m, Params::new(2).init(Init::Given(array![[5.0], [1e6]])).max_iter(1));
    assert_eq!((&once.labels[..], once.converged), ([1, 0, 0, 0, 0].as_slice(), false));
    let f = fitted(&m, Params::new(2).init(Init::Given(array![[5.0], [1e6]])));
    assert_eq!((f.counts.as_slice(), f.converged), ([4, 1].as_slice(), true));
    // Two empty clusters: the two farthest rows, farthest first.
    let m = matrix(&column(&[0.0, 1.0, 2.0, 9.0, 10.0, 4.0]));
    let f = fitted(&m, Params::new(3).init(Init::Given(array![[4.0], [1e6], [2e6]])));
    assert_eq!(f.centroids.k(), 3);
}

#[test]
fn first_centroids_that_are_all_the_rows_do_not_loop() {
    let x = column(&[0.0, 1.0, 1.0, 1.0, 5.0]);
    let f = fitted(&matrix(&x), Params::new(5).init(Init::Given(x.clone())));
    assert!(f.converged && f.iterations <= 3 && f.inertia.as_u64() == 0, "{} iterations", f.iterations);
    assert_eq!((f.centroids.k(), f.counts.as_slice()), (3, [3, 1, 1].as_slice()));
}

#[test]
fn weights_that_are_none_are_refused_by_row() {
    for (weights, reason) in [
        (vec![0.0, 0.0], "every weight is 0"),
        (vec![1.0, -1.0], "row 2: -1 is not a weight"),
        (vec![f64::NAN, 1.0], "row 1: NaN is not a weight"),
        (vec![1.0, f64::INFINITY], "row 2: inf is not a weight"),
        (vec![1e300, 1e-300], "row 2: weight 1e-300 vanishes"),
    ] {
        let error = Weights::new(&weights).unwrap_err();
        assert!(error.to_string().contains(reason) && error.exit_code() == 3, "{error}");
    }
    let two = Weights::new(&[1.0, 2.0]).unwrap();
    let error = Matrix::learn(&column(&[1.0, 2.0, 3.0]).view(), Some(two)).unwrap_err();
    assert!(error.to_string().contains("2 weights for 3 rows"), "{error}");
}

/// Weights of 0 to 3; every first of a kind has weight, so that it can be a first centroid.
fn small_weights(n: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    (0..n).map(|i| if i < 5 { 1 } else { random.below(4) }).collect()
}

#[test]
fn a_weight_of_n_is_n_rows_and_of_0_none_byte_for_byte() {
    for (kind, seed) in [Kind::Blobs, Kind::Counts, Kind::Duplicates, Kind::Outlier].into_iter().zip(30..) {
        let x = table(kind, 400, 3, seed);
        let times = small_weights(400, seed);
        let weights: Vec<f64> = times.iter().map(|&n| n as f64).collect();
        let (light, heavy) = (weighted(&x, &weights), matrix(&repeated(&x, &times)));
        let given = || from_rows(&x, &[0, 1, 2, 3, 4]);
        let (a, b) = (fitted(&light, given()), fitted(&heavy, given()));
        assert_eq!(light.frame(), heavy.frame(), "{kind:?}");
        assert_eq!(a.centroids, b.centroids, "{kind:?}");
        assert_eq!((a.iterations, a.converged), (b.iterations, b.converged), "{kind:?}");
        let labels: Vec<u32> = a.labels.iter().zip(&times).flat_map(|(&l, &n)| vec![l; n]).collect();
        assert_eq!(b.labels, labels, "{kind:?}");
        assert_eq!(a.labels.len(), 400, "rows without weight are labelled too");
    }
}

#[test]
fn a_row_without_weight_moves_nothing_however_far_it_lies() {
    let x = table(Kind::Blobs, 300, 3, 41);
    let far = ndarray::concatenate![ndarray::Axis(0), x, array![[1e9, -1e9, 0.0]]];
    let mut weights = vec![1.0; 301];
    weights[300] = 0.0;
    let (m, plain) = (weighted(&far, &weights), matrix(&x));
    assert_eq!(m.frame(), plain.frame());
    let (a, b) = (fitted(&m, from_rows(&x, &[0, 1, 2])), fitted(&plain, from_rows(&x, &[0, 1, 2])));
    assert_eq!((&a.centroids, &a.labels[..300]), (&b.centroids, &b.labels[..]));
    for init in [Init::KMeansPlusPlus, Init::Random] {
        let f = fitted(&m, Params::new(40).init(init));
        assert!(f.counts.iter().zip(&f.weights).all(|(c, w)| (*w > 0) == (*c > 0) && *w > 0));
    }
}

#[test]
fn weights_of_any_one_size_give_the_same_clusters() {
    let x = table(Kind::Blobs, 200, 2, 5);
    let plain = fitted(&matrix(&x), from_rows(&x, &[0, 1, 2]));
    for size in [1e-300, 0.1, 1.0, 3.0, 1e300] {
        let f = fitted(&weighted(&x, &vec![size; 200]), from_rows(&x, &[0, 1, 2]));
        assert_eq!(f.labels, plain.labels, "{size}");
    }
}

#[test]
fn weights_count_as_rows_through_the_whole_preparation() {
    let mut random = Random(77);
    let times = small_weights(120, 78);
    let cell = |v: f64, gap: bool| if gap { String::new() } else { format!("{v:.3}") };
    let rows: Vec<String> = (0..120)
        .map(|i| {
            let (a, b) = (random.uniform() * 1e3, random.uniform() + (i % 3) as f64);
            format!("{},{}", cell(a, i % 11 == 0), cell(b, i % 7 == 3))
        })
        .collect();
    let place = Place::new();
    let with: String = rows.iter().zip(&times).map(|(r, n)| format!("{r},{n}\n")).collect();
    place.put("weighted.csv", format!("a,b,w\n{with}"));
    let without: String = rows.iter().zip(&times).map(|(r, n)| format!("{r}\n").repeat(*n)).collect();
    place.put("repeated.csv", format!("a,b\n{without}"));
    place.put("c.csv", "a,b\n100,0.5\n500,1.5\n900,2.5\n");
    for scale in ["zscore", "minmax", "none"] {
        let flags = format!("--init c.csv --scale {scale} --force -q");
        place.run(&format!("fit weighted.csv --weight-column w -o a {flags}")).ended(0);
        place.run(&format!("fit repeated.csv -o b {flags}")).ended(0);
        let (a, b) = (place.json("a/model.json"), place.json("b/model.json"));
        for part in ["pipeline", "frame", "centroids_grid", "centroids"] {
            assert_eq!(a[part], b[part], "{scale}: {part}");
        }
        assert_eq!(a["training"]["inertia"], b["training"]["inertia"], "{scale}");
        assert_eq!(a["training"]["iterations"], b["training"]["iterations"], "{scale}");
    }
}

#[test]
fn zero_has_no_sign() {
    let x = array![[-0.0, 1.0], [0.0, 1.0], [0.0, -0.0], [-0.0, 0.0]];
    let m = matrix(&x);
    let f = fitted(&m, Params::new(4));
    assert_eq!((f.centroids.k(), f.inertia.as_u64()), (2, 0));
    let place = Place::new();
    place.put("a.csv", "a,b\n-0,1\n0.0,1\n0,-0.0\n-0e5,0\n");
    place.run("fit a.csv -k 2 -o run --scale none").ended(0);
    for name in ["model.json", "segments.csv", "profile.csv"] {
        assert!(!place.text(&format!("run/{name}")).contains("-0"), "{name}");
    }
}

#[test]
fn a_row_between_two_centroids_goes_to_the_lower_one() {
    let x = column(&[0.0, 1.0, 2.0]);
    // One pass from the centroids 0 and 2 puts the middle row with 0.
    let f = fitted(&matrix(&x), from_rows(&x, &[0, 2]));
    assert_eq!(f.labels, [0, 0, 1]);
    let f = fitted(&matrix(&x), from_rows(&x, &[2, 0]));
    assert_eq!(f.labels, [1, 0, 0]);
}

#[test]
fn a_tolerance_of_0_ends_when_no_label_changes() {
    let x = table(Kind::Blobs, 2000, 3, 8);
    let f = fitted(&matrix(&x), from_rows(&x, &[0, 1, 2, 3, 4, 5]).tol(0.0).max_iter(1000));
    assert!(f.converged && f.iterations < 1000);
    let means = rows_of(&x, &(0..2000).filter(|&i| f.labels[i] == 0).collect::<Vec<_>>());
    let mean = means.mean_axis(ndarray::Axis(0)).unwrap();
    let m = matrix(&x);
    assert!(f.values(m.frame()).row(0).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6));
    for tol in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Params::new(2).tol(tol).check().unwrap_err().exit_code(), 2);
    }
}

#[test]
fn points_without_weight_in_a_dropped_cluster_are_counted_where_they_go() {
    let x = array![[0.0], [1.0], [10.0], [11.0], [100.0], [101.0], [102.0]];
    let weights = Weights::new(&[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    for rows in [array![[0.0], [0.0], [10.0], [10.0], [100.0], [101.0], [102.0]], x] {
        let matrix = Matrix::learn(&rows.view(), Some(weights.clone())).unwrap().0;
        let found = fitted(&matrix, Params::new(3).init(Init::Given(array![[0.0], [10.0], [100.0]])));
        assert_eq!(found.counts.iter().sum::<u64>(), 7);
    }
}

#[test]
fn a_cluster_that_empties_after_the_last_iteration_is_filled_while_distinct_rows_remain() {
    let matrix = Matrix::learn(&array![[-1.01], [-1.0], [1.0], [1.01]].view(), None).unwrap().0;
    for params in [Params::new(3).max_iter(1), Params::new(3).tol(1000.0)] {
        let params = params.init(Init::Given(array![[-2.01], [0.0], [2.01]])).require_k(true);
        assert_eq!(fitted(&matrix, params).centroids.k(), 3);
    }
}

#[test]
fn clusters_are_in_order_of_size_also_where_ties_move_rows() {
    for seed in 0..300 {
        let matrix = Matrix::learn(&table(Kind::Counts, 47, 2, seed).view(), None).unwrap().0;
        let found = fitted(&matrix, Params::new(5).seed(seed).max_iter(3));
        assert!(found.counts.is_sorted_by(|a, b| a >= b), "seed {seed}: {:?}", found.counts);
    }
}
