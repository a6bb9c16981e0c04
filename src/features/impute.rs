//! What stands for a missing value.

use super::moments::moments;
use crate::matrix::Weights;

/// The lower median of the values that are there, a weight of 3 counting as three rows: an element of the data, exact.
/// `None` if nothing with weight is there.
pub(super) fn median(values: &[f64], weights: Option<&Weights>) -> Option<f64> {
    let present = || values.iter().enumerate().filter(|(_, v)| !v.is_nan());
    match weights {
        None => lower_median(present().map(|(_, &v)| v).collect()),
        Some(w) => weighted_lower_median(present().map(|(i, &v)| (v, w.values()[i])).collect()),
    }
}

/// The mean of the values that are there. `None` if nothing with weight is there.
pub(super) fn mean(values: &[f64], weights: Option<&Weights>) -> Option<f64> {
    Some(moments(values, weights).mean).filter(|mean| mean.is_finite())
}

fn lower_median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = (values.len() - 1) / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

fn weighted_lower_median(mut values: Vec<(f64, u64)>) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = values.iter().map(|(_, w)| w).sum();
    let mut passed = 0;
    values.into_iter().find_map(|(v, w)| {
        passed += w;
        (w > 0 && passed >= total - total / 2).then_some(v)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_lower_one() {
        assert_eq!(lower_median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(lower_median(vec![]), None);
    }

    #[test]
    fn a_weight_counts_as_so_many_rows() {
        for (weighted, plain) in [
            (vec![(1.0, 3), (5.0, 1), (2.0, 0)], vec![1.0, 1.0, 1.0, 5.0]),
            (vec![(1.0, 1), (5.0, 1)], vec![1.0, 5.0]),
            (vec![(9.0, 2), (4.0, 1)], vec![9.0, 9.0, 4.0]),
        ] {
            assert_eq!(weighted_lower_median(weighted), lower_median(plain));
        }
    }
}
