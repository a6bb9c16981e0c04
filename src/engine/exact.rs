//! The contract in the shortest honest code: one thread, integers, no SIMD.
//!
//! It is the judge (every engine must equal it, byte for byte) and the referee (it decides the points that a fast path
//! cannot). It is kept slow and obvious on purpose.

use super::silhouette::{Grouped, Means, plain};
use super::{Centroids, Change, Engine, Far, NO_LABEL, Session, SetPass};
use crate::error::Result;
use crate::matrix::Matrix;

/// The squared distance of a point to a centroid on the grid.
#[must_use]
#[inline]
pub fn distance2(point: impl IntoIterator<Item = i64>, centroid: &[i64]) -> u128 {
    point.into_iter().zip(centroid).map(|(q, c)| u128::from(q.abs_diff(*c)).pow(2)).sum()
}

/// The centroid nearest to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearest {
    /// Its index; ties go to the lowest.
    pub index: usize,
    /// Its squared distance on the grid.
    pub distance2: u128,
    /// Whether another centroid, not identical to it, is exactly as near.
    pub tie: bool,
}

/// The nearest centroid among `candidates` (ascending, at least one).
#[must_use]
#[inline]
pub fn nearest(point: &[i64], centroids: &Centroids, candidates: impl IntoIterator<Item = usize>) -> Nearest {
    let mut best = Nearest { index: 0, distance2: u128::MAX, tie: false };
    for index in candidates {
        let distance2 = distance2(point.iter().copied(), centroids.row(index));
        if distance2 < best.distance2 {
            best = Nearest { index, distance2, tie: false };
        } else if distance2 == best.distance2 {
            best.tie |= centroids.row(index) != centroids.row(best.index);
        }
    }
    best
}

/// A coordinate of the mean of a cluster: `sum / weight` rounded to the nearest integer, ties to even; `weight` must be above 0.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a mean of grid integers lies on the grid")]
pub fn mean(sum: i128, weight: i64) -> i64 {
    let weight = i128::from(weight);
    let (quotient, rest) = (sum.div_euclid(weight), sum.rem_euclid(weight));
    let up = match (2 * rest).cmp(&weight) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient & 1,
    };
    (quotient + up) as i64
}

/// The judge as an engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact;

impl Engine for Exact {
    fn name(&self) -> String {
        "exact".into()
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        Ok(Box::new(ExactSession { matrix, sets: Vec::new() }))
    }

    fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
        Ok(plain(grouped))
    }
}

struct ExactSession<'m> {
    matrix: &'m Matrix,
    sets: Vec<(Vec<u32>, Option<Centroids>)>,
}

impl Session for ExactSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        self.sets = vec![(vec![NO_LABEL; self.matrix.count()], None); sets];
        Ok(())
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        Ok(batch.iter().map(|s| self.pass_one(s.set, s.centroids)).collect())
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let (labels, centroids) = &self.sets[set];
        let Some(centroids) = centroids else { return Ok(Vec::new()) };
        let mut all: Vec<Far> = (0..self.matrix.count())
            .filter(|&row| self.matrix.weight(row) > 0)
            .map(|row| {
                let distance2 = distance2(self.matrix.point(row), centroids.row(labels[row] as usize));
                Far { row, label: labels[row], distance2 }
            })
            .filter(|far| far.distance2 > 0)
            .collect();
        Far::keep(&mut all, most);
        Ok(all)
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.sets[set].0[row] = label;
        Ok(())
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        self.sets[set].0.iter_mut().for_each(|l| *l = map[*l as usize]);
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        Ok(self.sets[set].0.clone())
    }
}

impl ExactSession<'_> {
    fn pass_one(&mut self, set: usize, centroids: &Centroids) -> Change {
        let (labels, last) = &mut self.sets[set];
        let mut change = Change::none(centroids.k(), centroids.dims());
        for (row, label) in labels.iter_mut().enumerate() {
            let point: Vec<i64> = self.matrix.point(row).collect();
            let Nearest { index, tie, .. } = nearest(&point, centroids, 0..centroids.k());
            change.ties += u64::from(tie);
            let old = std::mem::replace(label, u32::try_from(index).unwrap_or(NO_LABEL));
            if old == *label {
                continue;
            }
            let weight = self.matrix.weight(row);
            change.changed += u64::from(weight > 0);
            change.move_point(&point, weight, index, 1);
            if old != NO_LABEL {
                change.move_point(&point, weight, old as usize, -1);
            }
        }
        *last = Some(centroids.clone());
        change
    }
}

impl Change {
    /// Adds (`sign` 1) or takes away (-1) a point of a cluster.
    pub(in crate::engine) fn move_point(&mut self, point: &[i64], weight: u64, cluster: usize, sign: i64) {
        let sums = &mut self.sums[cluster * point.len()..(cluster + 1) * point.len()];
        for (sum, &q) in sums.iter_mut().zip(point) {
            *sum += i128::from(sign) * i128::from(weight) * i128::from(q);
        }
        self.weights[cluster] += sign * weight.cast_signed();
        self.counts[cluster] += sign;
    }
}

#[cfg(test)]
mod tests {
    use super::mean;

    #[test]
    fn division_rounds_to_nearest_with_ties_to_even() {
        for (sum, weight, quotient) in
            [(7, 2, 4), (5, 2, 2), (-5, 2, -2), (-7, 2, -4), (10, 3, 3), (-10, 3, -3), (11, 3, 4)]
        {
            assert_eq!(mean(sum, weight), quotient, "{sum}/{weight}");
        }
    }
}
