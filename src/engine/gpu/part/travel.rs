//! How far the centroids of a set have travelled in the passes of a device: what its tiles' slack is held against (see
//! `prune.wgsl`).

use crate::engine::Centroids;

/// Steps of travel are `2^-STEP_BITS` of the frame's unit.
pub(in crate::engine::gpu) const STEP_BITS: u32 = 24;

/// No move counts as farther. Twin of `MOST_DRIFT` in `common.wgsl`.
pub(in crate::engine::gpu) const MOST_DRIFT: u32 = 1 << 30;

/// The travel of a set, saturating: at the most there is no tile is settled.
#[derive(Debug, Default)]
pub(super) struct Travel {
    pub(super) steps: u32,
    /// The centroids of the pass that was last; if there is none, no tile has slack.
    last: Option<Centroids>,
}

impl Travel {
    /// Goes on to these centroids, on the grid of `bits`. False if they are of another number: then no slack says anything.
    pub(super) fn go(&mut self, to: &Centroids, bits: u32) -> bool {
        if let Some(last) = &self.last {
            if last.k() != to.k() {
                return false;
            }
            let moved = |(a, b): (&[i64], &[i64])| -> u128 {
                a.iter().zip(b).map(|(a, b)| u128::from(a.abs_diff(*b)).pow(2)).fold(0, u128::saturating_add)
            };
            let most = last.rows().zip(to.rows()).map(moved).max().unwrap_or(0);
            self.add(steps(most, bits));
        }
        self.last = Some(to.clone());
        true
    }

    /// Goes on to the centroids that the device made, which moved by no more than `drift`.
    pub(super) fn follow(&mut self, to: &Centroids, drift: u64) {
        self.add(u32::try_from(drift).unwrap_or(MOST_DRIFT));
        self.last = Some(to.clone());
    }

    fn add(&mut self, drift: u32) {
        self.steps = self.steps.saturating_add(2 * drift.min(MOST_DRIFT));
    }
}

/// The square root of a square on the grid, in steps, rounded up.
fn steps(square: u128, bits: u32) -> u32 {
    let floor = square.isqrt();
    let root = floor + u128::from(floor * floor < square);
    let steps = match bits.checked_sub(STEP_BITS) {
        Some(finer) => root.div_ceil(1 << finer),
        None => root << (STEP_BITS - bits),
    };
    u32::try_from(steps).unwrap_or(MOST_DRIFT).min(MOST_DRIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_rounded_up_to_steps_and_counts_twice() {
        assert_eq!((steps(0, 40), steps(1, 40), steps(1 << 32, 40), steps((1 << 32) + 1, 40)), (0, 1, 1, 2));
        assert_eq!((steps(2, 24), steps(9, 20), steps(u128::MAX, 40)), (2, 48, MOST_DRIFT));
        let mut travel = Travel::default();
        let at = |values: [i64; 4]| Centroids::new(2, values.to_vec());
        assert!(travel.go(&at([0, 0, 5, 5]), 24) && travel.steps == 0);
        assert!(travel.go(&at([3, 4, 5, 6]), 24) && travel.steps == 10, "the largest move of all");
        travel.follow(&at([3, 4, 5, 6]), 7);
        assert!(travel.go(&at([3, 4, 5, 6]), 24) && travel.steps == 24);
        assert!(!travel.go(&Centroids::new(2, vec![0, 0]), 24));
        (0..4).for_each(|_| travel.follow(&at([3, 4, 5, 6]), u64::MAX));
        assert_eq!(travel.steps, u32::MAX);
    }
}
