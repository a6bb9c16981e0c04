//! Texts as numbers: levels by how often they occur.

use super::plan::OneHot;
use super::together::Raw;
use crate::matrix::Weights;
use crate::table::Levels;

/// The levels of a column that occur in rows of weight, and the weight of these.
pub(super) struct Counted<'a> {
    /// In alphabetical order.
    levels: Vec<(&'a str, u64)>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(found: &'a Levels, weights: Option<&Weights>) -> Self {
        let mut counts = vec![0u64; found.names.len()];
        for (i, code) in found.codes.iter().enumerate() {
            if let Some(count) = counts.get_mut(usize::from(*code)) {
                *count += weights.map_or(1, |w| w.values()[i]);
            }
        }
        let mut levels: Vec<(&str, u64)> =
            found.names.iter().map(String::as_str).zip(counts).filter(|(_, count)| *count > 0).collect();
        levels.sort_unstable();
        Self { levels }
    }

    /// A feature each for the `most` most frequent levels (of equals the first in the alphabet), and one for the rest.
    pub(super) fn one_hot(&self, most: usize, missing: bool) -> OneHot {
        let mut by_count: Vec<usize> = (0..self.levels.len()).collect();
        by_count.sort_by_key(|&i| std::cmp::Reverse(self.levels[i].1));
        by_count.truncate(most.max(1));
        by_count.sort_unstable();
        let levels: Vec<String> = by_count.iter().map(|&i| self.levels[i].0.to_owned()).collect();
        OneHot { other: levels.len() < self.levels.len(), levels, missing }
    }

    /// Each level's place in the alphabet.
    pub(super) fn ordinal(&self) -> Vec<(String, f64)> {
        self.levels.iter().enumerate().map(|(i, (name, _))| ((*name).to_owned(), i as f64)).collect()
    }

    /// Each level's share of the rows that hold one.
    pub(super) fn frequency(&self) -> Vec<(String, f64)> {
        let total: u64 = self.levels.iter().map(|(_, count)| count).sum();
        self.levels.iter().map(|(name, count)| ((*name).to_owned(), *count as f64 / total as f64)).collect()
    }
}

/// For each of a column's levels its index among `known` ones.
pub(super) fn places<'k>(found: &Levels, known: impl Iterator<Item = &'k str>) -> Vec<Option<usize>> {
    let known: std::collections::HashMap<&str, usize> = known.enumerate().map(|(i, name)| (name, i)).collect();
    found.names.iter().map(|name| known.get(name.as_str()).copied()).collect()
}

/// The number of each row's level; NaN for a missing or unknown one.
pub(super) fn numbers<'a>(name: &'a str, found: &'a Levels, values: &[(String, f64)]) -> Raw<'a> {
    let places = places(found, values.iter().map(|(name, _)| name.as_str()));
    let number = |place: Option<usize>| place.map_or(f64::NAN, |at| values[at].1);
    let numbers: Vec<f64> = places.into_iter().map(number).collect();
    let read = move |first: usize, out: &mut [f64]| {
        let codes = out.iter_mut().zip(&found.codes[first..]);
        codes.for_each(|(o, code)| *o = numbers.get(usize::from(*code)).copied().unwrap_or(f64::NAN));
    };
    Raw { name, rows: found.codes.len(), read: Box::new(read) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::MISSING;

    fn found() -> Levels {
        let names = ["b", "a", "d", "c", "gone"].map(String::from).to_vec();
        Levels { names, codes: vec![0, 0, 1, 2, 2, 3, MISSING].into(), asked: false }
    }

    #[test]
    fn rare_levels_share_a_feature() {
        let found = found();
        let counted = Counted::new(&found, None);
        let one_hot = |most| counted.one_hot(most, false);
        assert_eq!((one_hot(9).levels, one_hot(9).other), (["a", "b", "c", "d"].map(String::from).to_vec(), false));
        assert_eq!((one_hot(3).levels, one_hot(3).other), (["a", "b", "d"].map(String::from).to_vec(), true));
        let weights = Weights::new(&[1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 1.0]).unwrap();
        assert_eq!(Counted::new(&found, Some(&weights)).one_hot(1, false).levels, ["c"]);
    }

    #[test]
    fn levels_become_numbers_by_the_alphabet_or_by_their_share() {
        let found = found();
        let counted = Counted::new(&found, None);
        let read = |values: &[(String, f64)]| {
            let mut all = [0.0; 7];
            (numbers("c", &found, values).read)(0, &mut all);
            all
        };
        assert_eq!(read(&counted.ordinal())[..6], [1.0, 1.0, 0.0, 3.0, 3.0, 2.0]);
        let shares = read(&counted.frequency());
        assert_eq!(shares[..6], [2.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0, 2.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0]);
        assert!(shares[6].is_nan());
    }
}
