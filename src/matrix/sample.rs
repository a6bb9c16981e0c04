//! The fixed sample that offsets and quantiles are taken from: even steps through the rows, or through their weight.

use super::Weights;

/// The rows that an unweighted table of the same content would have.
pub(crate) fn effective_rows(rows: usize, weights: Option<&Weights>) -> u64 {
    weights.map_or(rows as u64, Weights::effective_rows)
}

/// The rows (ascending, a row may repeat) that lie at even steps of the total weight, `size` of them.
///
/// Without weights every row weighs one, so a row of weight 3 is drawn exactly as three equal rows would be.
pub(crate) fn sample_rows(rows: usize, weights: Option<&Weights>, size: u64) -> Vec<usize> {
    let Some(weights) = weights else {
        return (0..size)
            .filter_map(|i| usize::try_from(u128::from(i) * rows as u128 / u128::from(size)).ok())
            .collect();
    };
    let total = u128::from(weights.total());
    let mut sample = Vec::new();
    let (mut row, mut passed) = (0, u128::from(weights.values()[0]));
    for i in 0..u128::from(size) {
        let position = i * total / u128::from(size);
        while passed <= position {
            row += 1;
            passed += u128::from(weights.values()[row]);
        }
        sample.push(row);
    }
    sample
}

/// The lower `part/of` quantile: an element of the data, never a mean of two. Rearranges the values.
pub(super) fn lower_quantile(values: &mut [f64], part: usize, of: usize) -> f64 {
    let at = (values.len() - 1) * part / of;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_three_is_sampled_as_three_rows() {
        let weights = Weights::new(&[3.0, 0.0, 1.0, 2.0]).unwrap();
        assert_eq!(sample_rows(4, Some(&weights), 6), [0, 0, 0, 2, 3, 3]);
        assert_eq!(sample_rows(4, Some(&weights), 3), [0, 0, 3]);
    }

    #[test]
    fn steps_are_even_without_weights() {
        assert_eq!(sample_rows(10, None, 5), [0, 2, 4, 6, 8]);
    }

    #[test]
    fn the_median_is_the_lower_one() {
        assert_eq!(lower_quantile(&mut [4.0, 2.0, 3.0, 1.0], 1, 2), 2.0);
    }
}
