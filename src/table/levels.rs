//! A column of few different texts: each is kept once, and a row is a number.

use super::BLOCK;
use crate::error::Result;
use crate::store::{Bytes, Store};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Most different texts in such a column; two codes more have a meaning of their own.
pub const MOST_LEVELS: usize = u16::MAX as usize - 1;

/// The code of a missing value.
pub const MISSING: u16 = u16::MAX;

/// The code of a text that is none of the known ones.
pub const UNSEEN: u16 = u16::MAX - 1;

/// Texts `[rows]` of few different spellings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    /// The spellings, in the order of their first rows (or as they were given).
    pub names: Vec<String>,
    /// For each row its index in `names`, [`MISSING`] or [`UNSEEN`].
    pub codes: Codes,
    /// Whether the column was to be text whatever it holds.
    pub asked: bool,
}

/// A code for each row.
pub type Codes = crate::store::Values<u16>;

/// Levels while they are found.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    names: Vec<String>,
    /// Codes that went to a store, and those after them.
    stored: Vec<Bytes>,
    codes: Vec<u16>,
    index: HashMap<Box<[u8]>, u16, RandomState>,
    /// New texts are not levels.
    closed: bool,
    /// There were more than [`MOST_LEVELS`] texts: nothing is kept.
    full: bool,
}

impl Finding {
    /// An empty column; if levels are known beforehand, there will be no others.
    pub(super) fn new(known: &[String]) -> Self {
        let (names, stored, codes, index) = (Vec::new(), Vec::new(), Vec::new(), HashMap::default());
        let mut finding = Self { names, stored, codes, index, closed: false, full: false };
        for name in known {
            finding.code(name.as_bytes());
        }
        finding.closed = !known.is_empty();
        finding
    }

    /// A column of so many missing values.
    pub(super) fn missing(rows: usize) -> Self {
        let mut finding = Self::new(&[]);
        finding.codes = vec![MISSING; rows];
        finding
    }

    /// Adds a text if it was there before and so need not be looked at; levels known beforehand were not there.
    pub(super) fn push_again(&mut self, text: &[u8]) -> bool {
        let code = if self.closed { None } else { self.index.get(text) };
        self.codes.extend(code);
        code.is_some()
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        if !self.full {
            let code = self.code(text);
            self.codes.push(code);
        }
    }

    pub(super) fn push_missing(&mut self) {
        if !self.full {
            self.codes.push(MISSING);
        }
    }

    fn code(&mut self, text: &[u8]) -> u16 {
        if let Some(code) = self.index.get(text) {
            return *code;
        }
        if self.closed || self.full {
            return UNSEEN;
        }
        match u16::try_from(self.names.len()) {
            Ok(code) if usize::from(code) < MOST_LEVELS => {
                self.names.push(String::from_utf8_lossy(text).into_owned());
                self.index.insert(text.into(), code);
                code
            }
            _ => {
                self.give_up();
                UNSEEN
            }
        }
    }

    /// Adds later rows.
    pub(super) fn append(&mut self, later: &Self) {
        if later.full {
            self.give_up();
        }
        let names: Vec<u16> = later.names.iter().map(|n| self.code(n.as_bytes())).collect();
        if !self.full {
            let here = |code: u16| names.get(usize::from(code)).copied().unwrap_or(code);
            self.codes.extend(later.all_codes().map(here));
        }
    }

    /// The codes of all rows, those in the store first.
    fn all_codes(&self) -> impl Iterator<Item = u16> {
        let stored = self.stored.iter().flat_map(|piece| piece.as_chunks().0).map(|code| u16::from_ne_bytes(*code));
        stored.chain(self.codes.iter().copied())
    }

    /// There are too many texts: lets go of all.
    fn give_up(&mut self) {
        let (names, stored, codes, index) = (Vec::new(), Vec::new(), Vec::new(), HashMap::default());
        *self = Self { names, stored, codes, index, closed: self.closed, full: true };
    }

    /// Moves most codes into a store, where it has no room for them in memory.
    pub(super) fn keep(&mut self, store: &Store) -> Result<()> {
        if self.codes.len() >= BLOCK {
            let bytes = bytemuck::cast_slice(&self.codes).to_vec();
            self.stored.push(store.keep(bytes.into())?);
            self.codes.clear();
        }
        Ok(())
    }

    /// The levels; `None` if there were too many.
    pub(super) fn finish(self, store: &Store) -> Result<Option<Levels>> {
        if self.full {
            return Ok(None);
        }
        let mut pieces: Vec<&[u8]> = self.stored.iter().map(|piece| &piece[..]).collect();
        pieces.push(bytemuck::cast_slice(&self.codes));
        let in_memory = self.stored.iter().all(Bytes::in_memory);
        let codes = match if in_memory { None } else { store.join(&pieces)? } {
            Some(bytes) => Codes::in_file(bytes),
            None if self.stored.is_empty() => self.codes.into(),
            None => self.all_codes().collect::<Vec<u16>>().into(),
        };
        Ok(Some(Levels { names: self.names, codes, asked: false }))
    }
}

impl Levels {
    /// Whether every text says yes or no, and for each level whether it says yes.
    pub(super) fn yes_or_no(&self) -> Option<Vec<bool>> {
        const PAIRS: [[&str; 2]; 4] = [["yes", "no"], ["true", "false"], ["y", "n"], ["t", "f"]];
        let pair =
            PAIRS.iter().find(|pair| self.names.iter().all(|n| pair.iter().any(|p| n.eq_ignore_ascii_case(p))))?;
        (!self.names.is_empty()).then(|| self.names.iter().map(|n| n.eq_ignore_ascii_case(pair[0])).collect())
    }

    /// The rows for which `kept` is true, in a store.
    pub(super) fn retain(&self, kept: &[bool], store: &Store) -> Result<Self> {
        let codes = self.codes.iter().zip(kept).filter(|(_, kept)| **kept).map(|(c, _)| *c).collect::<Vec<u16>>();
        let bytes: &[u8] = bytemuck::cast_slice(&codes);
        let filed = if store.take(bytes.len() as u64) { None } else { store.join(&[bytes])? };
        let codes = filed.map_or_else(|| Codes::from(codes), Codes::in_file);
        Ok(Self { names: self.names.clone(), codes, asked: self.asked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], known: &[String]) -> Finding {
        let mut finding = Finding::new(known);
        texts.iter().for_each(|t| if t.is_empty() { finding.push_missing() } else { finding.push(t.as_bytes()) });
        finding
    }

    #[test]
    fn parts_join_as_if_read_in_one_go() {
        let texts = ["b", "a", "", "b", "c", "a", "", "d", "b"];
        let whole = found(&texts, &[]).finish(&Store::default()).unwrap().unwrap();
        assert_eq!(whole.names, ["b", "a", "c", "d"]);
        for cut in 0..texts.len() {
            let mut joined = found(&texts[..cut], &[]);
            joined.append(&found(&texts[cut..], &[]));
            assert_eq!(joined.finish(&Store::default()).unwrap().unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn texts_other_than_the_known_ones_are_unseen() {
        let known = ["x".to_owned(), "b".to_owned()];
        let mut all = found(&["b", "a"], &known);
        all.append(&found(&["", "x", "z"], &known));
        assert_eq!(
            all.finish(&Store::default()).unwrap().unwrap(),
            Levels { names: known.to_vec(), codes: vec![1, UNSEEN, MISSING, 0, UNSEEN].into(), asked: false }
        );
    }

    #[test]
    fn too_many_different_texts_are_not_kept() {
        let texts: Vec<String> = (0..=MOST_LEVELS).map(|i| i.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(found(&texts[1..], &[]).finish(&Store::default()).unwrap().unwrap().names.len(), MOST_LEVELS);
        assert_eq!(found(&texts, &[]).finish(&Store::default()).unwrap(), None);
        let mut joined = found(&texts[..40_000], &[]);
        joined.append(&found(&texts[30_000..], &[]));
        assert_eq!(joined.finish(&Store::default()).unwrap(), None);
    }

    #[test]
    fn yes_and_no_are_found_in_any_letter_case() {
        let said = |texts: &[&str]| found(texts, &[]).finish(&Store::default()).unwrap().unwrap().yes_or_no();
        assert_eq!(said(&["No", "yes", "", "YES"]), Some(vec![false, true, true]));
        assert_eq!(said(&["true"]), Some(vec![true]));
        assert_eq!(said(&["yes", "false"]), None);
        assert_eq!(said(&["yes", "no", "maybe"]), None);
        assert_eq!(said(&[""]), None);
    }
}
