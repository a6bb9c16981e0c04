//! Missing values filled from the rows most like theirs: scikit-learn's `KNNImputer(n_neighbors=5)` (Troyanskaya et al. 2001,
//! "Missing value estimation methods for DNA microarrays").
//!
//! The rows to take from, the *donors*, are a sample that stays in the model. The distance of two rows is the mean squared
//! difference over the columns that both have, so the caller brings the columns to one size first. A missing value becomes
//! the mean of the five nearest donors that have one; of equally near donors the first counts. Where no donor has both the
//! value and a column in common with the row, it becomes the column's mean.

use serde::{Deserialize, Serialize};

/// Donors that a missing value is the mean of: scikit-learn's default.
const NEAREST: usize = 5;

/// The donors, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(crate) struct Neighbours {
    /// `[dims][donors]`, NaN where a value is missing.
    columns: Vec<Vec<f64>>,
    /// Whether a column has a value for every donor.
    whole: Vec<bool>,
    /// How many rows each donor stands for.
    counts: Vec<u64>,
    /// `[donors x words]`: the columns that a donor has, a bit each.
    masks: Vec<u64>,
    /// What stands for a value that no donor can give.
    means: Vec<f64>,
}

/// What the model file holds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    columns: Vec<Vec<Option<f64>>>,
    counts: Vec<u64>,
    means: Vec<f64>,
}

impl Neighbours {
    /// Learns from the columns of the donors `[dims][donors]` and the mean of each whole column `[dims]`.
    ///
    /// A count of 3 is three donors. Equal donors side by side are kept as one with a count, which answers the same.
    pub(crate) fn learn(columns: &[&[f64]], counts: Option<&[u64]>, means: &[f64]) -> Self {
        let same = |a: usize, b: usize| columns.iter().all(|c| c[a] == c[b] || (c[a].is_nan() && c[b].is_nan()));
        let (mut rows, mut kept): (Vec<usize>, Vec<u64>) = (Vec::new(), Vec::new());
        for row in 0..columns.first().map_or(0, |c| c.len()) {
            match (counts.map_or(1, |c| c[row]), rows.last(), kept.last_mut()) {
                (0, ..) => {}
                (count, Some(&last), Some(sum)) if same(last, row) => *sum += count,
                (count, ..) => {
                    rows.push(row);
                    kept.push(count);
                }
            }
        }
        let taken = columns.iter().map(|c| rows.iter().map(|&row| c[row]).collect()).collect();
        Self::of(taken, kept, means.to_vec())
    }

    fn of(columns: Vec<Vec<f64>>, counts: Vec<u64>, means: Vec<f64>) -> Self {
        let words = columns.len().div_ceil(64);
        let mut masks = vec![0; words * counts.len()];
        for (j, column) in columns.iter().enumerate() {
            for (donor, _) in column.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
                masks[donor * words + j / 64] |= 1 << (j % 64);
            }
        }
        let whole = columns.iter().map(|c| c.iter().all(|v| !v.is_nan())).collect();
        Self { columns, whole, counts, masks, means }
    }

    /// Columns.
    pub(crate) fn dims(&self) -> usize {
        self.columns.len()
    }

    /// Fills the missing values of a row `[dims]`.
    pub(crate) fn fill(&self, row: &mut [f64]) {
        let missing: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_nan()).collect();
        if !missing.is_empty() {
            let distances = self.distances(row);
            missing.into_iter().for_each(|j| row[j] = self.value(j, &distances));
        }
    }

    /// How far each donor is from a row; NaN for one without a column in common.
    fn distances(&self, row: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.counts.len()];
        let words = row.len().div_ceil(64);
        let mut mask = vec![0; words];
        for (j, &x) in row.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
            mask[j / 64] |= 1u64 << (j % 64);
            let pairs = sums.iter_mut().zip(&self.columns[j]);
            if self.whole[j] {
                pairs.for_each(|(sum, &v)| *sum += (x - v) * (x - v));
            } else {
                pairs.for_each(|(sum, &v)| *sum += if v.is_nan() { 0.0 } else { (x - v) * (x - v) });
            }
        }
        for (sum, has) in sums.iter_mut().zip(self.masks.chunks_exact(words)) {
            let common: u32 = has.iter().zip(&mask).map(|(a, b)| (a & b).count_ones()).sum();
            *sum = if common == 0 { f64::NAN } else { *sum / f64::from(common) };
        }
        sums
    }

    /// The value of a column that the nearest donors give.
    fn value(&self, j: usize, distances: &[f64]) -> f64 {
        let column = &self.columns[j];
        let mut nearest = [(f64::NAN, 0); NEAREST]; // in order, first come first; NaN is still free
        for (donor, &distance) in distances.iter().enumerate() {
            let farthest = nearest[NEAREST - 1].0;
            if distance.is_nan() || farthest <= distance || column[donor].is_nan() {
                continue;
            }
            let at = nearest.partition_point(|&(d, _)| d <= distance);
            nearest.copy_within(at..NEAREST - 1, at + 1);
            nearest[at] = (distance, donor);
        }
        let found = nearest.into_iter().take_while(|(d, _)| !d.is_nan()).map(|(_, donor)| donor);
        self.mean(j, found).unwrap_or(self.means[j])
    }

    /// The mean over the first rows that donors stand for.
    fn mean(&self, j: usize, donors: impl Iterator<Item = usize>) -> Option<f64> {
        let mut open = NEAREST as u64;
        let mut taken = Vec::with_capacity(NEAREST);
        for donor in donors {
            let rows = self.counts[donor].min(open);
            open -= rows;
            taken.push((self.columns[j][donor], rows as f64));
        }
        let rows = (NEAREST as u64 - open) as f64;
        let mean = taken.iter().map(|(v, n)| v * n).sum::<f64>() / rows;
        if taken.is_empty() {
            None
        } else if mean.is_finite() {
            Some(mean)
        } else {
            Some(taken.iter().map(|(v, n)| v * (n / rows)).sum::<f64>().clamp(f64::MIN, f64::MAX))
        }
    }
}

impl From<Neighbours> for Stored {
    fn from(n: Neighbours) -> Self {
        let there = |column: Vec<f64>| column.into_iter().map(|v| (!v.is_nan()).then_some(v)).collect();
        Self { columns: n.columns.into_iter().map(there).collect(), counts: n.counts, means: n.means }
    }
}

impl TryFrom<Stored> for Neighbours {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { columns, counts, means } = stored;
        if columns.iter().any(|c| c.len() != counts.len()) || means.len() != columns.len() {
            return Err("columns, counts and means of the donors do not fit together".into());
        }
        if counts.contains(&0) {
            return Err("a donor stands for no row".into());
        }
        let gaps = |column: Vec<Option<f64>>| column.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        Ok(Self::of(columns.into_iter().map(gaps).collect(), counts, means))
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{
        assert_near, columns_of, drawn, gappy_rows, means_of, numbers, tables, weighted_and_repeated,
    };
    use super::*;

    fn learnt(rows: &[Vec<f64>], counts: Option<&[u64]>) -> Neighbours {
        let columns = columns_of(rows);
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        Neighbours::learn(&columns, counts, &means_of(&columns, counts))
    }

    fn filled(neighbours: &Neighbours, row: &[f64]) -> Vec<f64> {
        let mut row = row.to_vec();
        neighbours.fill(&mut row);
        row
    }

    #[test]
    fn values_are_those_of_scikit_learn() {
        for (name, rows, later, record) in tables() {
            let neighbours = learnt(&rows, None);
            for (rows, expected) in [(&rows, "knn"), (&later, "knn_later")] {
                for (row, expected) in rows.iter().zip(record[expected].as_array().unwrap()) {
                    for (found, expected) in filled(&neighbours, row).into_iter().zip(numbers(expected)) {
                        assert_near(found, expected, 1.0, 1e-13, name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_count_is_so_many_donors() {
        let rows = gappy_rows(200, 4);
        let (rows, counts, repeated) = weighted_and_repeated(&rows);
        let text = |neighbours| serde_json::to_string(&neighbours).unwrap(); // a gap is not equal to itself
        assert_eq!(text(learnt(&rows, Some(&counts))), text(learnt(&repeated, None)));
        let counted = Neighbours::learn(&[&[0.0, 1.0], &[10.0, 40.0]], Some(&[3, 9]), &[0.0, 0.0]);
        assert_eq!(filled(&counted, &[0.0, f64::NAN]), [0.0, (3.0 * 10.0 + 2.0 * 40.0) / 5.0]);
    }

    #[test]
    fn of_equally_near_donors_the_first_counts() {
        let near = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
        let neighbours = Neighbours::learn(&[&near, &[1.0, 2.0, 3.0, 4.0, 5.0, 600.0]], None, &[0.0, 0.0]);
        assert_eq!(filled(&neighbours, &[0.0, f64::NAN]), [0.0, 3.0]);
    }

    #[test]
    fn a_value_that_no_donor_gives_is_the_mean() {
        let gap = f64::NAN;
        let neighbours = Neighbours::learn(&[&[1.0, gap], &[gap, 2.0], &[gap, gap]], None, &[7.0, 8.0, 9.0]);
        assert_eq!(filled(&neighbours, &[1.5, gap, gap]), [1.5, 8.0, 9.0]);
        assert_eq!(filled(&neighbours, &[gap, gap, gap]), [7.0, 8.0, 9.0]);
        let none = Neighbours::learn(&[&[], &[]], None, &[7.0, 8.0]);
        assert_eq!(filled(&none, &[gap, 1.0]), [7.0, 1.0]);
    }

    #[test]
    fn absurd_magnitudes_stay_finite() {
        let huge = [f64::MAX, f64::MIN, f64::MAX, f64::MAX, f64::MAX, f64::MAX];
        let tiny = [5e-324, 0.0, f64::NAN, -5e-324, 1.0, 2.0];
        let neighbours = Neighbours::learn(&[&huge, &tiny], None, &[0.0, 0.0]);
        for row in [[f64::NAN, 1.0], [f64::MIN, f64::NAN], [f64::MAX, f64::NAN], [f64::NAN, f64::NAN]] {
            assert!(filled(&neighbours, &row).iter().all(|v| v.is_finite()), "{row:?}");
        }
    }

    #[test]
    fn donors_read_back_exactly() {
        let rows = gappy_rows(50, 70);
        let neighbours = learnt(&rows, None);
        let text = serde_json::to_string(&neighbours).unwrap();
        let again: Neighbours = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let row: Vec<f64> = drawn(70).map(|u| if u < 0.3 { f64::NAN } else { u }).collect();
        assert_eq!(filled(&again, &row), filled(&neighbours, &row));
        assert!(serde_json::from_str::<Neighbours>(r#"{"columns":[[1.0]],"counts":[],"means":[0.0]}"#).is_err());
    }
}
