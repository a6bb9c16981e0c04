//! Right numbers: hand cases, exact optima, offsets, magnitudes, and the size at which f32 sums go wrong.

use crate::data::{Kind, Random, narrow, table};
use crate::fitted::{column, fitted, from_rows, inertia, matrix, predicted, same_partition, weighted};
use ndarray::{Array2, array};
use segma::kmeans::{Fit, Init, Params};
use segma::matrix::Matrix;
use segma::segments::Assignments;

/// Squared distance in f64.
fn d2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// One iteration in plain f64: labels (ties to the lowest index) and the means of the labelled rows.
fn lloyd(x: &Array2<f64>, centroids: &Array2<f64>) -> (Vec<u32>, Array2<f64>) {
    let (mut sums, mut counts) = (Array2::<f64>::zeros(centroids.dim()), vec![0.0; centroids.nrows()]);
    let mut labels = Vec::new();
    for row in x.rows() {
        let at: Vec<f64> = centroids.rows().into_iter().map(|c| d2(&row.to_vec(), &c.to_vec())).collect();
        let best = (0..at.len()).fold(0, |b, c| if at[c] < at[b] { c } else { b });
        labels.push(best as u32);
        counts[best] += 1.0;
        let mut sum = sums.row_mut(best);
        sum += &row;
    }
    for (mut sum, count) in sums.rows_mut().into_iter().zip(counts) {
        sum /= count;
    }
    (labels, sums)
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs())
}

#[test]
fn the_weighted_hand_case_is_exact() {
    // scikit-learn's test_kmeans_results.
    let x = array![[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [1.0, 1.0]];
    let given = Params::new(2).init(Init::Given(array![[0.0, 0.0], [1.0, 1.0]]));
    let m = weighted(&x, &[3.0, 1.0, 1.0, 3.0]);
    let f = fitted(&m, given);
    assert_eq!((&f.labels[..], f.iterations), ([0, 0, 1, 1].as_slice(), 2));
    assert_eq!(f.values(m.frame()), array![[0.125, 0.0], [0.875, 1.0]]);
    assert_eq!(inertia(&f, &m) * m.weights().unwrap().real(1), 0.375);
}

#[test]
fn one_iteration_is_the_plain_one() {
    for seed in 0..4 {
        let x = table(Kind::Blobs, 700, 5, 100 + seed);
        let m = matrix(&x);
        let f = fitted(&m, from_rows(&x, &[0, 1, 2, 3]).max_iter(1));
        let (_, centroids) = lloyd(&x, &crate::fitted::rows_of(&x, &[0, 1, 2, 3]));
        let (labels, _) = lloyd(&x, &centroids);
        let map = same_partition(&f.labels, &labels, &format!("seed {seed}"));
        for (c, row) in f.values(m.frame()).rows().into_iter().enumerate() {
            let plain = centroids.row(map[c]);
            assert!(row.iter().zip(plain).all(|(a, b)| (a - b).abs() < 1e-6), "seed {seed}: {row} {plain}");
        }
    }
}

#[test]
fn a_tiny_inertia_beside_large_distances_is_right() {
    let x = array![[-1.0001f32], [-0.9999], [0.9999], [1.0001]];
    let m = Matrix::learn(&x.view(), None).unwrap().0;
    let found = inertia(&fitted(&m, Params::new(2)), &m);
    assert!(close(found, 4.001_327_6e-8, 0.01), "{found:e}");
}

#[test]
fn a_small_distance_in_many_columns_is_right() {
    let x = Array2::from_shape_fn((2, 1000), |(i, _)| [1.0f32, 1.001][i]);
    let m = Matrix::learn(&x.view(), None).unwrap().0;
    let f = fitted(&m, Params::new(2));
    let a = Assignments::new(&m, &f.centroids, &f.labels).distances(0..m.tiles());
    assert_eq!(a.own, [0.0, 0.0]);
    assert!(a.second.iter().all(|d| close(d * d, 1e-3, 1e-3)), "{:?}", a.second);
    assert!(close(2.0 * inertia(&fitted(&m, Params::new(1)), &m), 1e-3, 1e-3));
}

#[test]
fn distances_are_zero_at_a_centroid_symmetric_and_never_negative() {
    for offset in [0.0, 1e6] {
        let x = table(Kind::Blobs, 40, 7, 3).mapv(|v| v + offset);
        let m = matrix(&x);
        let f = fitted(&m, Params::new(40).init(Init::Given(x.clone())));
        let a = Assignments::new(&m, &f.centroids, &f.labels).distances(0..m.tiles());
        assert!(a.own.iter().all(|d| *d == 0.0) && a.second.iter().all(|d| *d > 0.0));
        let pair = |order: [usize; 2]| {
            let m = matrix(&crate::fitted::rows_of(&x, &order));
            let f = fitted(&m, Params::new(2));
            Assignments::new(&m, &f.centroids, &f.labels).distances(0..m.tiles()).second
        };
        let (ab, ba) = (pair([3, 8]), pair([8, 3]));
        assert!(ab[0] == ab[1] && close(ab[0], ba[0], 1e-6), "{ab:?} {ba:?}");
    }
}

fn checked_fit(x: &Array2<f64>, m: &Matrix, f: &Fit) {
    let values = f.values(m.frame());
    let recomputed: f64 =
        x.rows().into_iter().zip(&f.labels[..]).map(|(r, &l)| d2(&r.to_vec(), &values.row(l as usize).to_vec())).sum();
    assert!(close(inertia(f, m), recomputed, 1e-6), "{:e} {recomputed:e}", inertia(f, m));
    assert_eq!(f.counts.iter().sum::<u64>(), x.nrows() as u64);
    for (c, row) in values.rows().into_iter().enumerate() {
        assert_eq!(f.labels.iter().filter(|l| **l as usize == c).count() as u64, f.counts[c]);
        for (j, &v) in row.iter().enumerate() {
            let own =
                x.column(j).iter().zip(&f.labels[..]).filter(|(_, l)| **l as usize == c).map(|(v, _)| *v).collect();
            let own: Vec<f64> = own;
            let (low, high) = own.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
            let slack = 1e-7 * (high - low).abs().max(low.abs());
            assert!(v >= low - slack && v <= high + slack, "{v} outside {low}..{high}");
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            assert!((v - mean).abs() <= 1e-6 * (high - low).max(1.0), "{v} {mean}");
        }
    }
}

#[test]
fn inertia_counts_and_centroids_belong_to_the_labels() {
    for kind in [Kind::Blobs, Kind::Counts, Kind::Duplicates] {
        let x = table(kind, 1500, 4, 12);
        let m = matrix(&x);
        let f = fitted(&m, Params::new(6).tol(0.0));
        checked_fit(&x, &m, &f);
        // Labels are the nearest of the written centroids, ties to the lowest, by plain integers.
        for (i, &label) in f.labels.iter().enumerate() {
            let at: Vec<i128> = f.centroids.rows().map(|c| grid_d2(&m, i, c)).collect();
            assert_eq!(at.iter().position(|d| d == at.iter().min().unwrap()), Some(label as usize), "{kind:?} row {i}");
        }
        let total: i128 = (0..1500).map(|i| grid_d2(&m, i, f.centroids.row(f.labels[i] as usize))).sum();
        assert_eq!(f.inertia.to_string(), total.to_string());
    }
}

fn grid_d2(m: &Matrix, i: usize, centroid: &[i64]) -> i128 {
    m.point(i).zip(centroid).map(|(q, c)| i128::from(q - c).pow(2)).sum()
}

#[test]
fn the_objective_never_rises() {
    for kind in [Kind::Blobs, Kind::Outlier] {
        let x = table(kind, 800, 3, 15);
        let m = matrix(&x);
        let at = |t| fitted(&m, from_rows(&x, &[0, 1, 2, 3, 4, 5, 6]).tol(0.0).max_iter(t)).inertia.as_f64();
        let objective: Vec<f64> = (1..25).map(at).collect();
        assert!(objective.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)), "{kind:?}: {objective:?}");
    }
}

/// Two groups 3 apart, of 100 rows each, on multiples of 1/8.
fn two_groups() -> Array2<f64> {
    Array2::from_shape_fn((200, 2), |(i, j)| f64::from(i >= 100) * 3.0 + ((i * 7 + j * 3) % 9) as f64 / 8.0)
}

fn is_pure(labels: &[u32]) -> bool {
    let first = labels[0];
    labels.iter().enumerate().all(|(i, l)| (*l == first) == (i < 100))
}

#[test]
fn an_offset_hides_no_groups() {
    let check = |m: &Matrix, again: &Array2<f64>, what: &str| {
        let f = fitted(m, Params::new(2));
        assert!(is_pure(&f.labels), "{what}");
        assert_eq!(f.labels, predicted(again, m, &f), "{what}");
    };
    for offset in [0.0, 1e3, 1e4, 1e5, 1e6, 1e7] {
        let x = narrow(&two_groups().mapv(|v| v + offset));
        let m = Matrix::learn(&x.view(), None).unwrap().0;
        check(&m, &x.mapv(f64::from), &format!("f32 {offset}"));
    }
    for offset in [1e8, 1e9, 1e12, -1e12] {
        let x = two_groups().mapv(|v| v + offset);
        check(&matrix(&x), &x, &format!("f64 {offset}"));
    }
}

#[test]
fn unix_seconds_ids_and_years_are_clustered_as_if_centred() {
    let mut random = Random(21);
    for centre in [1_700_000_000.0, 1e12, 2025.0] {
        let near = Array2::from_shape_fn((500, 2), |(_, j)| (random.below(1000) as f64).powi(1 + j as i32));
        let far = Array2::from_shape_fn((500, 2), |(i, j)| near[[i, j]] + [centre, 0.0][j]);
        let a = fitted(&matrix(&near), from_rows(&near, &[0, 1, 2, 3]));
        let b = fitted(&matrix(&far), from_rows(&far, &[0, 1, 2, 3]));
        assert_eq!((a.labels, a.centroids, a.inertia), (b.labels, b.centroids, b.inertia), "{centre}");
    }
}

#[test]
fn k_means_plus_plus_finds_every_distinct_row_at_any_offset() {
    for offset in [0.0, 1e3, 1e5, 1e6] {
        let x = Array2::from_shape_fn((500, 2), |(i, j)| ((i % 10) * (3 + j)) as f32 * 0.25 + offset);
        let m = Matrix::learn(&x.view(), None).unwrap().0;
        for seed in 0..10 {
            let f = fitted(&m, Params::new(10).seed(seed));
            assert_eq!((f.counts.as_slice(), f.inertia.as_u64()), ([50; 10].as_slice(), 0), "{offset} seed {seed}");
        }
    }
}

#[test]
fn columns_of_very_different_scale_equal_the_judge() {
    let x = table(Kind::Blobs, 800, 4, 23);
    let x = Array2::from_shape_fn(x.dim(), |(i, j)| x[[i, j]] * [1.0, 1e3, 1e6, 1e9][j]);
    let f = fitted(&matrix(&x), Params::new(5));
    assert_eq!(f.counts.iter().sum::<u64>(), 800);
}

#[test]
fn a_power_of_two_scales_the_centroids_and_nothing_else() {
    let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i * 37 + j * 11) % 128) as f32 / 64.0);
    let given = |x: &Array2<f32>| Params::new(3).init(Init::Given(x.slice(ndarray::s![..3, ..]).mapv(f64::from)));
    let m = Matrix::learn(&x.view(), None).unwrap().0;
    let plain = fitted(&m, given(&x));
    for p in [-140, -130, -100, -64, -3, 0, 1, 60, 100, 120] {
        let factor = 2f64.powi(p);
        let y = x.mapv(|v| (f64::from(v) * factor) as f32);
        let n = Matrix::learn(&y.view(), None).unwrap().0;
        let f = fitted(&n, given(&y));
        assert_eq!((&f.labels, &f.centroids, f.inertia), (&plain.labels, &plain.centroids, plain.inertia), "2^{p}");
        assert_eq!(f.values(n.frame()), plain.values(m.frame()).mapv(|v| v * factor), "2^{p}");
    }
}

#[test]
fn huge_and_tiny_magnitudes_keep_the_labels() {
    let x = two_groups().mapv(|v| v / 8.0 - 0.25);
    for factor in [1e30, 3e38, 1e-25, 1e-38, 1e-40] {
        let m = Matrix::learn(&x.mapv(|v| (v * factor) as f32).view(), None).unwrap().0;
        assert!(is_pure(&fitted(&m, Params::new(2)).labels), "f32 {factor:e}");
    }
    for factor in [1e200, 1e308, 1e-200, 1e-310] {
        let m = matrix(&x.mapv(|v| v * factor));
        let f = fitted(&m, Params::new(2));
        assert!(is_pure(&f.labels) && f.values(m.frame()).iter().all(|v| v.is_finite()), "f64 {factor:e}");
    }
}

#[test]
fn a_far_outlier_is_a_cluster_of_its_own_and_the_others_stay_right() {
    for (size, others) in [(1e9, true), (-1e9, true), (1e30, false)] {
        let mut x = two_groups();
        x[[57, 0]] = size;
        let (m, coarse) = Matrix::learn(&x.view(), None).unwrap();
        let f = fitted(&m, Params::new(3));
        assert_eq!(f.labels.iter().filter(|l| **l == f.labels[57]).count(), 1, "{size:e}");
        // Beyond what the grid can resolve beside it a note says so, and no cluster is invented.
        assert!(others != coarse.iter().any(|c| c.column == 1) || f.centroids.k() == 3, "{size:e}: {coarse:?}");
        if others {
            let (rest, moved) = ([&f.labels[..57], &f.labels[58..]].concat(), f.labels[0]);
            assert!(rest.iter().enumerate().all(|(i, l)| (*l == moved) == (i < 99)), "{size:e}");
        } else {
            assert!(f.centroids.k() == 2 && !coarse.is_empty(), "{size:e}");
        }
    }
}

#[test]
fn rows_far_outside_the_frame_are_labelled_however_many_they_are() {
    let x = column(&[0.0, 1.0, 10.0, 11.0]);
    let m = matrix(&x);
    let f = fitted(&m, Params::new(2));
    for value in [8e3, -8e3, 1e5, 1e300, -f64::MAX] {
        let labels = predicted(&Array2::from_elem((20_000, 1), value), &m, &f);
        let nearest = if value > 0.0 { f.labels[3] } else { f.labels[0] };
        assert!(labels.iter().all(|l| *l == nearest), "{value:e}");
    }
}
