//! Row weights in fixed point, so that weighted sums are integers too.

use super::power::{ceil_exponent, ceil_log2, scale2};
use crate::error::{Error, Place, Result};

/// Weights `[points]`, each an integer multiple of `2^-bits`, their total below 2^62.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    values: Vec<u64>,
    bits: i32,
    total: u64,
    positive: u64,
}

impl Weights {
    /// Weights from real numbers `[points]`: a weight of 3 counts exactly as three rows, a weight of 0 as none.
    ///
    /// # Errors
    /// [`Error::Data`] naming the row if a weight is negative, not finite, or so small beside the largest ones that it
    /// would vanish, and if no weight is above zero.
    pub fn new(weights: &[f64]) -> Result<Self> {
        if let Some((row, w)) = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(at(row, format!("{w} is not a weight"), "weights are finite and at least 0"));
        }
        let bits = fixed_point_bits(weights)?;
        let mut values = Vec::with_capacity(weights.len());
        for (row, &w) in weights.iter().enumerate() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "in 0..2^61 by the choice of bits"
            )]
            let fixed = scale2(w, bits).round_ties_even() as u64;
            if fixed == 0 && w > 0.0 {
                return Err(at(
                    row,
                    format!("weight {w:e} vanishes beside the others"),
                    "give weights of closer sizes",
                ));
            }
            values.push(fixed);
        }
        let total = values.iter().sum();
        let positive = values.iter().filter(|w| **w > 0).count() as u64;
        Ok(Self { values, bits, total, positive })
    }

    /// The fixed-point weights `[points]`.
    #[must_use]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// Takes those of `from`, each row `i` at `places[i]`.
    pub(super) fn place(&mut self, from: &Self, places: &[u32]) {
        places.iter().zip(&from.values).for_each(|(&place, &w)| self.values[place as usize] = w);
    }

    /// Their sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// A fixed-point weight sum as a real number.
    #[must_use]
    pub fn real(&self, fixed: u64) -> f64 {
        scale2(fixed as f64, -self.bits)
    }

    /// A weight of one in fixed point: 0 or infinite where weights are so large or small that it is neither.
    #[must_use]
    pub fn one(&self) -> f64 {
        scale2(1.0, self.bits)
    }

    /// Rows of weight above zero.
    #[must_use]
    pub fn positive(&self) -> u64 {
        self.positive
    }

    /// The rows an unweighted table of the same content would have: the total weight, but no less than the rows that
    /// have weight.
    pub(super) fn effective_rows(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates at a huge count, capped later"
        )]
        let total = self.real(self.total).ceil() as u64;
        total.max(self.positive)
    }
}

/// Fraction bits: as many as keep the total within 2^61; negative for huge weights.
fn fixed_point_bits(weights: &[f64]) -> Result<i32> {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::data(Place::default(), "every weight is 0", "at least one row must have weight"));
    }
    // Bounds the sum by count times the largest, each by its next power of two; no sum of floats to overflow.
    let count = ceil_log2(weights.len() as u64) as i32;
    Ok(61 - ceil_exponent(largest) - count)
}

fn at(row: usize, message: String, hint: &str) -> Error {
    Error::data(Place::default().at_row(row as u64 + 1), message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_weights_are_exact() {
        let w = Weights::new(&[1.0, 3.0, 0.0]).unwrap();
        assert_eq!(w.values()[1], 3 * w.values()[0]);
        assert_eq!((w.values()[2], w.positive(), w.real(w.total())), (0, 2, 4.0));
    }

    #[test]
    fn bad_weights_name_their_row() {
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            let message = Weights::new(&[1.0, bad]).unwrap_err().to_string();
            assert!(message.starts_with("data: row 2: "), "{message}");
        }
        assert!(Weights::new(&[0.0, 0.0]).unwrap_err().to_string().contains("every weight is 0"));
    }

    #[test]
    fn weights_too_far_apart_are_refused_not_lost() {
        let message = Weights::new(&[1e300, 1e-300]).unwrap_err().to_string();
        assert!(message.contains("row 2") && message.contains("vanishes"), "{message}");
        assert!(Weights::new(&[1e300, 2e300]).is_ok());
        assert!(Weights::new(&[1e-300, 2e-300]).is_ok());
    }
}
