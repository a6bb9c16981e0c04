//! How alike two labelings of the same rows are, whatever their clusters are called.

use ethnum::I256;

/// Cells that a table of all pairs of clusters may have; more are counted by sorting.
const MOST_CELLS: usize = 1 << 22;

/// How alike a labeling and the truth are: 1 if they are the same partition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// The adjusted Rand index (Hubert & Arabie 1985): 0 is what chance gives.
    pub adjusted_rand: f64,
    /// Mutual information over the arithmetic mean of both entropies (Strehl & Ghosh 2002; the mean: Kvålseth 1987).
    pub normalized_mutual_information: f64,
    /// How far each cluster holds rows of one true group only (Rosenberg & Hirschberg 2007).
    pub homogeneity: f64,
    /// How far the rows of a true group are in one cluster.
    pub completeness: f64,
    /// The harmonic mean of the two.
    pub v_measure: f64,
}

/// Compares the `labels` of some rows with their true groups. Of no rows, all is 1.
///
/// # Panics
/// If one has more rows than the other.
#[must_use]
pub fn agreement(truth: &[u32], labels: &[u32]) -> Agreement {
    let table = Contingency::new(truth, labels);
    let (h_truth, h_labels) = (entropy(&table.a, table.rows), entropy(&table.b, table.rows));
    let shared = table.mutual_information();
    let part = |of: f64| if of > 0.0 { shared / of } else { 1.0 };
    let (homogeneity, completeness) = (part(h_truth), part(h_labels));
    let both = homogeneity + completeness;
    let nothing_to_tell = h_truth == 0.0 && h_labels == 0.0;
    Agreement {
        adjusted_rand: table.adjusted_rand(),
        normalized_mutual_information: if nothing_to_tell { 1.0 } else { shared / ((h_truth + h_labels) / 2.0) },
        homogeneity,
        completeness,
        v_measure: if both > 0.0 { 2.0 * homogeneity * completeness / both } else { 0.0 },
    }
}

/// For each cluster of `a`, the largest Jaccard similarity to one of `b` (Hennig 2007): shared rows over the rows of either. 0 for a
/// cluster without rows.
///
/// # Panics
/// If one has more rows than the other.
#[must_use]
pub fn best_jaccard(a: &[u32], b: &[u32]) -> Vec<f64> {
    let table = Contingency::new(a, b);
    let mut best = vec![0.0; table.a.len()];
    for &(i, j, shared) in &table.cells {
        let similarity = shared as f64 / (table.a[i] + table.b[j] - shared) as f64;
        best[i] = f64::max(best[i], similarity);
    }
    best
}

/// How many rows have which pair of labels.
#[derive(Debug, Clone, PartialEq)]
struct Contingency {
    rows: u64,
    /// Rows of each cluster.
    a: Vec<u64>,
    b: Vec<u64>,
    /// The pairs that occur, in order, and their rows.
    cells: Vec<(usize, usize, u64)>,
}

impl Contingency {
    fn new(a: &[u32], b: &[u32]) -> Self {
        assert_eq!(a.len(), b.len(), "both label the same rows");
        let width = |labels: &[u32]| labels.iter().max().map_or(0, |l| *l as usize + 1);
        let (wide_a, wide_b) = (width(a), width(b));
        let pairs = a.iter().zip(b).map(|(&a, &b)| (a as usize, b as usize));
        let cells = match wide_a.checked_mul(wide_b) {
            Some(cells) if cells <= MOST_CELLS => {
                let mut counts = vec![0u64; cells];
                pairs.for_each(|(i, j)| counts[i * wide_b + j] += 1);
                let there = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
                there.map(|(cell, n)| (cell / wide_b, cell % wide_b, n)).collect()
            }
            _ => {
                let mut pairs: Vec<(usize, usize)> = pairs.collect();
                pairs.sort_unstable();
                pairs.chunk_by(PartialEq::eq).map(|same| (same[0].0, same[0].1, same.len() as u64)).collect()
            }
        };
        Self::of_cells(wide_a, wide_b, cells)
    }

    fn of_cells(wide_a: usize, wide_b: usize, cells: Vec<(usize, usize, u64)>) -> Self {
        let (mut a, mut b) = (vec![0; wide_a], vec![0; wide_b]);
        for &(i, j, n) in &cells {
            a[i] += n;
            b[j] += n;
        }
        Self { rows: a.iter().sum(), a, b, cells }
    }

    /// The adjusted Rand index from whole numbers of pairs, up to the last division.
    fn adjusted_rand(&self) -> f64 {
        let squares =
            |counts: &mut dyn Iterator<Item = u64>| -> I256 { counts.map(|n| I256::from(n) * I256::from(n)).sum() };
        let rows = I256::from(self.rows);
        let both = squares(&mut self.cells.iter().map(|(_, _, n)| *n));
        let (a, b) = (squares(&mut self.a.iter().copied()), squares(&mut self.b.iter().copied()));
        // Ordered pairs of rows: together in both, in one of the two only, in none.
        let (together, only_a, only_b) = (both - rows, a - both, b - both);
        let apart = rows * rows - a - b + both;
        if only_a == I256::ZERO && only_b == I256::ZERO {
            return 1.0;
        }
        let expected = (together + only_a) * (only_a + apart) + (together + only_b) * (only_b + apart);
        2.0 * (together * apart - only_a * only_b).as_f64() / expected.as_f64()
    }

    /// In nats; never below 0.
    fn mutual_information(&self) -> f64 {
        let rows = self.rows as f64;
        let term = |&(i, j, n): &(usize, usize, u64)| {
            let (n, of) = (n as f64, self.a[i] as f64 * self.b[j] as f64);
            n / rows * libm::log(n * rows / of)
        };
        let shared: f64 = self.cells.iter().map(term).sum();
        // What rounding leaves of nothing.
        if shared < f64::EPSILON { 0.0 } else { shared }
    }
}

/// The entropy of clusters of these sizes, in nats; exactly 0 for one cluster.
fn entropy(counts: &[u64], rows: u64) -> f64 {
    let share = |n: &u64| *n as f64 / rows as f64;
    counts.iter().filter(|n| **n > 0).map(share).map(|p| if p < 1.0 { -p * libm::log(p) } else { 0.0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_by_other_names_is_the_same() {
        let a = agreement(&[0, 0, 1, 1, 2], &[7, 7, 0, 0, 3]);
        assert_eq!((a.adjusted_rand, a.normalized_mutual_information, a.v_measure), (1.0, 1.0, 1.0));
        assert_eq!(best_jaccard(&[0, 0, 1, 1, 3], &[7, 7, 0, 0, 3]), [1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn one_cluster_says_nothing_of_groups() {
        let one = agreement(&[0, 0, 1, 1], &[0, 0, 0, 0]);
        assert_eq!((one.adjusted_rand, one.normalized_mutual_information), (0.0, 0.0));
        assert_eq!((one.homogeneity, one.completeness, one.v_measure), (0.0, 1.0, 0.0));
        let both = agreement(&[5; 3], &[2; 3]);
        assert_eq!((both.adjusted_rand, both.normalized_mutual_information, both.v_measure), (1.0, 1.0, 1.0));
        let none = agreement(&[], &[]);
        assert_eq!((none.adjusted_rand, none.normalized_mutual_information, none.v_measure), (1.0, 1.0, 1.0));
    }

    #[test]
    fn worse_than_chance_is_below_zero() {
        assert_eq!(agreement(&[0, 0, 1, 1], &[0, 1, 0, 1]).adjusted_rand, -0.5);
    }

    #[test]
    fn a_cluster_is_matched_by_shared_rows_over_the_rows_of_either() {
        assert_eq!(best_jaccard(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 2]), [2.0 / 3.0, 0.5]);
    }

    #[test]
    fn pairs_are_counted_alike_in_a_table_and_by_sorting() {
        let a: Vec<u32> = (0..9000).map(|i| i * 7 % 3000).collect();
        let b: Vec<u32> = (0..9000).map(|i| i * 13 % 2999).collect();
        let sorted = Contingency::new(&a, &b);
        assert!(sorted.a.len() * sorted.b.len() > MOST_CELLS);
        let mut counted = std::collections::BTreeMap::new();
        a.iter().zip(&b).for_each(|(&a, &b)| *counted.entry((a as usize, b as usize)).or_insert(0) += 1);
        assert!(sorted.cells.iter().copied().eq(counted.into_iter().map(|((i, j), n)| (i, j, n))));
        let few: Vec<u32> = b.iter().map(|b| b % 9).collect();
        let table = Contingency::new(&a, &few);
        let mut cells = table.cells.clone();
        cells.sort_unstable();
        assert_eq!(table, Contingency::of_cells(3000, 9, cells));
        assert_eq!(table.cells.iter().map(|c| c.2).sum::<u64>(), 9000);
    }
}
