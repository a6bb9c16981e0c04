//! Measures of a clustering: scikit-learn's figures, edges, and rows that count more than once.

use crate::data::{Kind, Random, root, table};
use crate::sklearn::{labels, numbers, record, relative, rows, with_rows};
use ndarray::{Array2, Axis};
use segma::engine::Centroids;
use segma::engine::cpu::Cpu;
use segma::kmeans::{Init, Params, Quiet, fit};
use segma::matrix::{Frame, Matrix, Weights};
use segma::quality::{Clustered, Estimate, Options, Quality, Sampled, agreement, means};
use serde_json::{Value, json};

/// How far a figure may be from scikit-learn's, as a share of it: both add up f64 numbers, each in its own order.
const NEAR: f64 = 1e-9;

fn recorded() -> Value {
    let path = root().join("tests/fixtures/quality_sklearn.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn quality(matrix: &Matrix, centroids: &Centroids, labels: &[u32]) -> Quality {
    let means = means(matrix, centroids, labels);
    let clustered = Clustered { centroids, means: &means, labels };
    Quality::new(&Cpu::new().unwrap(), matrix, &clustered, Options { exact_rows: 100, seed: 1 }).unwrap()
}

fn matrix(x: &Array2<f64>) -> Matrix {
    Matrix::learn(&x.view(), None).unwrap().0
}

/// The rows of a matrix as centroids.
fn at_rows(matrix: &Matrix, rows: impl IntoIterator<Item = usize>) -> Centroids {
    Centroids::new(matrix.dims(), rows.into_iter().flat_map(|i| matrix.point(i).collect::<Vec<_>>()).collect())
}

fn made_up(n: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * i + i / 7) % 4) as u32).collect()
}

fn codes(value: &Value) -> Vec<u32> {
    labels(value).into_iter().map(|l| l as u32).collect()
}

#[track_caller]
fn near(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= NEAR * theirs.abs(), "{what}: {ours} is not {theirs}");
}

#[test]
fn indices_of_fits_and_of_made_up_labels_are_those_of_scikit_learn() {
    for (case, theirs) in recorded()["cases"].as_object().unwrap() {
        let record = record(case);
        let grid = &record["grid"];
        let (bits, exponent) = (grid["s"].as_u64().unwrap(), grid["e"].as_i64().unwrap());
        let frame = Frame::new(numbers(&grid["offset"]), exponent as i32, bits as u32).unwrap();
        let on_grid = |v: &f64| (v * f64::from(frame.scale())).round_ties_even() as i64;
        let values = rows(&grid["centroids"]);
        let centroids = Centroids::new(frame.dims(), values.iter().map(on_grid).collect());
        with_rows(&record, |matrix| {
            let (matrix, fitted) = (matrix(Some(&frame)), &theirs["fitted"]);
            let q = quality(&matrix, &centroids, &codes(&grid["labels"]));
            near(q.calinski_harabasz.unwrap(), &fitted["calinski_harabasz"], case);
            near(q.davies_bouldin.unwrap(), &fitted["davies_bouldin"], case);
            near(q.simplified_silhouette, &fitted["simplified"], case);
            for (c, segment) in q.segments.iter().enumerate() {
                near(segment.simplified_silhouette, &fitted["simplified_clusters"][c], case);
                for (radius, theirs) in segment.radius.iter().zip(numbers(&fitted["radius"][c])) {
                    let ours = radius * 2f64.powi(exponent as i32);
                    assert!(relative(ours, theirs) < 1e-7, "{case}: radius {ours} is not {theirs}");
                }
            }
            let inertia = q.inertia() * 4f64.powi(exponent as i32);
            near(inertia, &grid["inertia"], case);
            let other = quality(&matrix, &at_rows(&matrix, 0..4), &made_up(matrix.count()));
            near(other.calinski_harabasz.unwrap(), &theirs["made_up"]["calinski_harabasz"], case);
            near(other.davies_bouldin.unwrap(), &theirs["made_up"]["davies_bouldin"], case);
        });
    }
}

#[test]
fn labelings_agree_as_scikit_learn_says() {
    let recorded = recorded();
    let check = |truth: &[u32], labels: &[u32], theirs: &Value| {
        let ours = agreement(truth, labels);
        let what = format!("{ours:?} is not {theirs}");
        let absolute = |ours: f64, name: &str| {
            let theirs = theirs[name].as_f64().unwrap();
            assert!((ours - theirs).abs() <= NEAR * theirs.abs().max(1e-3), "{name}: {what}");
        };
        near(ours.adjusted_rand, &theirs["adjusted_rand"], &what);
        absolute(ours.normalized_mutual_information, "normalized_mutual_information");
        absolute(ours.homogeneity, "homogeneity");
        absolute(ours.completeness, "completeness");
        absolute(ours.v_measure, "v_measure");
    };
    for pair in recorded["agreement"].as_array().unwrap() {
        check(&codes(&pair["truth"]), &codes(&pair["labels"]), pair);
    }
    for (case, theirs) in recorded["cases"].as_object().unwrap() {
        let fitted = codes(&record(case)["grid"]["labels"]);
        check(&fitted, &made_up(fitted.len()), &theirs["agreement"]);
    }
}

#[test]
fn one_segment_has_nothing_to_be_compared_with() {
    let matrix = matrix(&table(Kind::Blobs, 200, 3, 1));
    let q = quality(&matrix, &at_rows(&matrix, [5]), &[0; 200]);
    assert_eq!((q.calinski_harabasz, q.davies_bouldin, q.simplified_silhouette), (None, None, 0.0));
    assert!(!q.is_split() && q.margins[19] == 200 && q.border_share() == 0.0);
    assert!(q.segments[0].inertia > q.total_inertia && q.explained() < 0.0, "the centroid is not the mean");
}

#[test]
fn segments_of_one_row_have_no_silhouette_and_no_radius() {
    let matrix = matrix(&table(Kind::Blobs, 9, 2, 1));
    let q = quality(&matrix, &at_rows(&matrix, 0..9), &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((q.calinski_harabasz, q.davies_bouldin, q.simplified_silhouette), (None, Some(0.0), 0.0));
    assert_eq!((q.inertia(), q.explained()), (0.0, 1.0));
    assert!(q.segments.iter().all(|s| (s.count, s.radius) == (1, [0.0; 3]) && s.border_share == 0.0));
    let labels = [0, 1, 1, 1, 1, 1, 1, 1, 1];
    let q = quality(&matrix, &at_rows(&matrix, 0..2), &labels);
    assert_eq!(q.segments[0].simplified_silhouette, 0.0);
    let of_rows: f64 = q.segments[1].simplified_silhouette * 8.0 / 9.0;
    assert!((q.simplified_silhouette - of_rows).abs() < 1e-15 && q.calinski_harabasz.is_some());
}

#[test]
fn equal_rows_in_two_segments_are_all_on_the_border() {
    let matrix = matrix(&table(Kind::Constant, 70, 2, 1));
    let labels: Vec<u32> = (0..70).map(|i| i % 2).collect();
    let q = quality(&matrix, &at_rows(&matrix, [0, 1]), &labels);
    assert_eq!((q.calinski_harabasz, q.davies_bouldin), (None, None));
    assert_eq!((q.simplified_silhouette, q.border_share(), q.margins[0]), (0.0, 1.0, 70));
    assert_eq!((q.total_inertia, q.explained()), (0.0, 1.0));
}

#[test]
fn a_segment_without_rows_counts_for_nothing() {
    let matrix = matrix(&table(Kind::Blobs, 90, 2, 4));
    let labels: Vec<u32> = (0..90).map(|i| i % 2 * 2).collect();
    let three = quality(&matrix, &at_rows(&matrix, [0, 1, 2]), &labels);
    assert_eq!((three.segments[1].count, three.segments[1].share, three.segments[1].radius), (0, 0.0, [0.0; 3]));
    let labels: Vec<u32> = (0..90).map(|i| i % 2).collect();
    let two = quality(&matrix, &at_rows(&matrix, [0, 2]), &labels);
    assert_eq!((three.calinski_harabasz, three.davies_bouldin), (two.calinski_harabasz, two.davies_bouldin));
    assert_eq!((three.inertia(), three.total_inertia), (two.inertia(), two.total_inertia));
}

#[test]
fn a_row_of_weight_three_is_measured_as_three_rows() {
    let x = table(Kind::Blobs, 600, 3, 8);
    let mut random = Random(5);
    let weights: Vec<usize> = (0..600).map(|_| random.below(4)).collect();
    let repeated: Vec<usize> = (0..600).flat_map(|i| std::iter::repeat_n(i, weights[i])).collect();
    let plain = matrix(&x.select(Axis(0), &repeated));
    let real: Vec<f64> = weights.iter().map(|w| *w as f64).collect();
    let weighted = Matrix::learn(&x.view(), Some(Weights::new(&real).unwrap())).unwrap().0;
    let labels = made_up(600);
    let ours: Vec<u32> = repeated.iter().map(|&i| labels[i]).collect();
    let first = |label: u32| ours.iter().position(|l| *l == label).unwrap();
    let centroids = at_rows(&plain, (0..4).map(first));
    assert_eq!(plain.frame().offset(), weighted.frame().offset());
    let shift = plain.frame().bits() as i32 - weighted.frame().bits() as i32;
    assert_eq!(shift, 0, "the same grid");
    let (a, b) = (quality(&plain, &centroids, &ours), quality(&weighted, &centroids, &labels));
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * a.abs(), "{a} {b}");
    near(a.simplified_silhouette, b.simplified_silhouette);
    near(a.calinski_harabasz.unwrap(), b.calinski_harabasz.unwrap());
    near(a.davies_bouldin.unwrap(), b.davies_bouldin.unwrap());
    near(a.total_inertia, b.total_inertia);
    let share = |q: &Quality, step: usize| q.margins[step] as f64 / q.margins.iter().sum::<u64>() as f64;
    (0..20).for_each(|step| near(share(&a, step), share(&b, step)));
    for (a, b) in a.segments.iter().zip(&b.segments) {
        assert_eq!(a.radius, b.radius);
        near(a.share, b.share);
        near(a.inertia, b.inertia);
        near(a.border_share, b.border_share);
        near(a.simplified_silhouette, b.simplified_silhouette);
    }
}

#[test]
fn a_figure_says_whether_it_is_exact() {
    let exact = Estimate { value: 0.5, sampled: None };
    assert_eq!(json!(exact), json!({ "value": 0.5, "exact": true }));
    let sampled = Estimate { value: 0.5, sampled: Some(Sampled { rows: 50, ci95: [0.4, 0.6] }) };
    let written = json!({ "value": 0.5, "exact": false, "sample_rows": 50, "ci95": [0.4, 0.6] });
    assert_eq!(json!(sampled), written);
}

#[test]
fn a_fit_tells_how_it_went() {
    let matrix = matrix(&table(Kind::Blobs, 3000, 4, 3));
    for max_iter in [3, 300] {
        let params = Params::new(6).init(Init::Random).n_init(3).tol(0.0).max_iter(max_iter).check().unwrap();
        let fit = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
        assert_eq!(fit.history.len(), fit.iterations as usize);
        assert_eq!(fit.history[0].changed, 3000, "every row is new");
        assert!(fit.history.windows(2).all(|w| w[1].inertia < w[0].inertia));
        let (last, inertia) = (fit.history[fit.history.len() - 1], matrix.frame().length2(fit.inertia.as_f64()));
        assert_eq!(last.changed == 0, fit.converged);
        assert_eq!(last.inertia == inertia, fit.converged, "{} {inertia}", last.inertia);
        assert_eq!(fit.means, means(&matrix, &fit.centroids, &fit.labels));
        assert_eq!(fit.means == fit.centroids, fit.converged);
    }
}

#[test]
fn what_a_fit_measures_is_what_its_labels_give() {
    let matrix = matrix(&table(Kind::Outlier, 900, 3, 3));
    let fit = fit(&Cpu::new().unwrap(), &matrix, &Params::new(5).check().unwrap(), &mut Quiet).unwrap();
    let engine = Cpu::new().unwrap();
    let q = Quality::new(&engine, &matrix, &Clustered::from(&fit), Options { exact_rows: 100, seed: 1 }).unwrap();
    assert_eq!(q, quality(&matrix, &fit.centroids, &fit.labels));
    let (inertia, total) = (matrix.frame().length2(fit.inertia.as_f64()), matrix.frame().length2(fit.total_inertia));
    assert!(relative(q.inertia(), inertia) < 1e-9 && relative(q.total_inertia, total) < 1e-9);
    assert_eq!(q.segments.iter().map(|s| s.count).collect::<Vec<_>>(), fit.counts);
}
