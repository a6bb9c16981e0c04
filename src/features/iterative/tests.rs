//! Regressions against scikit-learn, and what they promise on any table.

use super::*;
use crate::features::columns::{assert_near, columns_of, gappy_rows, numbers, shuffled, tables, weighted_and_repeated};

fn learnt(rows: &[Vec<f64>], weights: Option<&[u64]>) -> Learnt {
    let columns = columns_of(rows);
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    Iterative::learn(&columns, weights).unwrap()
}

fn filled(iterative: &Iterative, row: &[f64]) -> Vec<f64> {
    let mut row = row.to_vec();
    iterative.fill(&mut row);
    row
}

/// Both regress in f64, scikit-learn by a decomposition of the rows, segma by one of their products, which has half the
/// digits for columns that almost depend on each other.
#[test]
fn values_are_those_of_scikit_learn() {
    for (name, rows, later, record) in tables() {
        let learnt = learnt(&rows, None);
        assert_eq!(learnt.rounds as u64, record["rounds"].as_u64().unwrap(), "{name}");
        for (rows, expected) in [(&rows, "iterative"), (&later, "iterative_later")] {
            for (row, expected) in rows.iter().zip(record[expected].as_array().unwrap()) {
                for (found, expected) in filled(&learnt.iterative, row).into_iter().zip(numbers(expected)) {
                    assert_near(found, expected, 1.0, 1e-9, name);
                }
            }
        }
    }
}

#[test]
fn a_weight_counts_as_so_many_rows_in_any_order() {
    let rows = gappy_rows(300, 5);
    let (rows, weights, repeated) = weighted_and_repeated(&rows);
    let plain = learnt(&shuffled(&repeated), None);
    let scaled: Vec<u64> = weights.iter().map(|w| w << 20).collect();
    assert_eq!(learnt(&rows, Some(&weights)), plain);
    assert_eq!(learnt(&rows, Some(&scaled)), plain);
}

#[test]
fn one_column_has_nothing_but_its_mean() {
    let learnt = learnt(&[vec![1.0], vec![f64::NAN], vec![3.0]], None);
    assert_eq!((learnt.rounds, learnt.converged), (0, true));
    assert_eq!(filled(&learnt.iterative, &[f64::NAN]), [2.0]);
}

#[test]
fn a_column_without_values_cannot_be_learnt() {
    assert_eq!(Iterative::learn(&[&[1.0, 2.0], &[f64::NAN, 4.0]], Some(&[1, 0])), None);
    assert_eq!(Iterative::learn(&[&[], &[]], None), None);
    assert_eq!(Iterative::learn(&[], None), None);
}

#[test]
fn a_gap_that_was_never_seen_is_filled_too() {
    let rows: Vec<Vec<f64>> = (0..50).map(|i| vec![f64::from(i), 3.0 * f64::from(i) + 1.0]).collect();
    let learnt = learnt(&rows, None);
    assert_eq!((learnt.rounds, learnt.converged), (1, true));
    assert_near(filled(&learnt.iterative, &[100.0, f64::NAN])[1], 301.0, 0.0, 1e-6, "line");
}

#[test]
fn absurd_tables_stay_finite() {
    let gap = f64::NAN;
    for columns in [
        [&[f64::MAX, f64::MIN, gap, 1.0][..], &[1.0, gap, 2.0, 3.0], &[5e-324, 0.0, 1e-310, gap]],
        [&[1e300, 1e300, gap, 1e300], &[2.0, gap, 2.0, 2.0], &[-1e200, 1e250, gap, 7.0]],
        [&[1.0, 2.0, 3.0, gap], &[1.0, 2.0, gap, 4.0], &[2.0, 4.0, gap, gap]],
        [&[0.0, gap, gap, gap], &[gap, 0.0, gap, gap], &[gap, gap, 0.0, gap]],
    ] {
        let iterative = Iterative::learn(&columns, None).unwrap().iterative;
        iterative.validate().unwrap();
        for row in [[gap, gap, gap], [f64::MAX, gap, gap], [gap, f64::MIN, f64::MAX], [gap, 1.0, gap]] {
            assert!(filled(&iterative, &row).iter().all(|v| v.is_finite()), "{columns:?}");
        }
    }
}

#[test]
fn regressions_read_back_exactly_and_must_fit() {
    let iterative = learnt(&gappy_rows(60, 4), None).iterative;
    let text = serde_json::to_string(&iterative).unwrap();
    assert_eq!(serde_json::from_str::<Iterative>(&text).unwrap(), iterative);
    iterative.validate().unwrap();
    let mut short = iterative.clone();
    short.steps[3].coefficients.pop();
    assert_eq!(short.validate(), Err("steps[3]: does not fit 4 columns".into()));
    let mut infinite = iterative;
    infinite.means[0] = f64::INFINITY;
    assert!(infinite.validate().is_err());
}
