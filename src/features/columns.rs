//! Columns that are hard for learners of numbers, and what scikit-learn answers on others. For tests only.

use serde_json::Value;
use std::sync::LazyLock;

/// Columns of absurd size.
pub(crate) const ABSURD: &[&[f64]] = &[
    &[f64::MAX, f64::MIN],
    &[f64::MAX, f64::MAX, 0.0],
    &[f64::MIN, -1.0, f64::MAX, 1.0, 5e-324],
    &[0.0, 5e-324],
    &[-5e-324, 5e-324, 0.0, 1e-310],
    &[1e300, 1e300 + 1e285, 1e300],
    &[-1e300, 1e-300, 0.0, 0.0, 0.0],
    &[1e12 + 2.0, 1e12 + 4.0, 1e12 + 6.0],
    &[1e-8, 2e-8, 9e-8],
    &[f64::MAX],
    &[0.0],
    &[-3.5],
];

/// A few hundred numbers each: even, skewed to either side, heavy-tailed, tied, with gaps.
pub(crate) fn awkward() -> Vec<Vec<f64>> {
    let even: Vec<f64> = drawn(300).collect();
    let map = |f: fn(f64) -> f64| even.iter().map(|&u| f(u)).collect::<Vec<f64>>();
    vec![
        even.clone(),
        map(|u| libm::exp(4.0 * u)),
        map(|u| -libm::exp(3.0 * u)),
        map(|u| libm::tan(3.1 * (u - 0.5))),
        map(|u| (u * 5.0).floor() - 1.0),
        map(|u| if u < 0.7 { 0.0 } else { 1000.0 * u }),
        map(|u| if u < 0.2 { f64::NAN } else { 1e6 + u }),
    ]
}

/// Numbers from 0 to 1, always the same (Knuth's multiplicative congruential generator, MMIX).
pub(crate) fn drawn(count: usize) -> impl Iterator<Item = f64> {
    let mut state = 42u64;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

/// The rows in another order.
pub(super) fn shuffled<T: Clone>(rows: &[T]) -> Vec<T> {
    let mut keyed: Vec<_> = drawn(rows.len()).zip(rows).collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    keyed.into_iter().map(|(_, row)| row.clone()).collect()
}

/// The rows with weights 3, 0, 1, 2 in turn; and each repeated as often as it weighs.
pub(super) fn weighted_and_repeated<T: Clone>(rows: &[T]) -> (Vec<T>, Vec<u64>, Vec<T>) {
    let weights: Vec<u64> = [3, 0, 1, 2].into_iter().cycle().take(rows.len()).collect();
    let copies = rows.iter().zip(&weights).flat_map(|(row, &w)| (0..w).map(|_| row.clone()));
    (rows.to_vec(), weights.clone(), copies.collect())
}

/// What `tests/fixtures/record_features.py` recorded.
pub(super) static SKLEARN: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/fixtures/features_sklearn.json")).expect("the fixture is JSON")
});

/// The numbers of a list, `null` as NaN.
pub(super) fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

/// The recorded columns: name, values, and the record of what scikit-learn made of them.
pub(super) fn recorded() -> Vec<(&'static str, Vec<f64>, &'static Value)> {
    let columns = SKLEARN["columns"].as_object().expect("an object");
    columns.iter().map(|(name, record)| (name.as_str(), numbers(&record["values"]), record)).collect()
}

/// Fails unless both are as near as `tolerance` times the larger of `scale` and their size.
pub(super) fn assert_near(found: f64, expected: f64, scale: f64, tolerance: f64, what: &str) {
    let size = expected.abs().max(scale);
    assert!((found - expected).abs() <= tolerance * size, "{what}: {found:e} instead of {expected:e}");
}

/// Rows of numbers, `[points][dims]`.
type Rows = Vec<Vec<f64>>;

/// The recorded tables: name, rows, later rows, and the record of what scikit-learn filled in.
pub(super) fn tables() -> Vec<(&'static str, Rows, Rows, &'static Value)> {
    let rows = |list: &Value| list.as_array().expect("a list").iter().map(numbers).collect();
    let tables = SKLEARN["tables"].as_object().expect("an object");
    tables.iter().map(|(name, record)| (name.as_str(), rows(&record["rows"]), rows(&record["later"]), record)).collect()
}

/// Rows of which each column depends on the others, a fifth of the values missing.
pub(super) fn gappy_rows(rows: usize, dims: usize) -> Rows {
    let numbers: Vec<f64> = drawn(rows * (2 * dims + 2)).collect();
    let row = |n: &[f64]| {
        let (hidden, rest) = n.split_at(2);
        let value = |j: usize| (j + 1) as f64 * hidden[j % 2] + hidden[1] + 0.3 * rest[j];
        (0..dims).map(|j| if rest[dims + j] < 0.2 { f64::NAN } else { value(j) }).collect()
    };
    numbers.chunks_exact(2 * dims + 2).map(row).collect()
}

/// Rows as columns.
pub(super) fn columns_of(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).collect()).collect()
}

/// The mean of each column; 0 for one without values.
pub(super) fn means_of(columns: &[&[f64]], weights: Option<&[u64]>) -> Vec<f64> {
    columns.iter().map(|c| super::sums::spread(c, weights).map_or(0.0, |s| s.mean)).collect()
}
