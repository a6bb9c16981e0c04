//! Texts kept byte for byte, one after another in few pieces of memory.

use super::BLOCK;
use crate::error::Result;
use crate::store::{Bytes, Store};

/// Texts `[rows]`.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// All but the last hold [`BLOCK`] rows.
    blocks: Vec<Block>,
    /// Blocks, from the first on, that lie in their store.
    stored: usize,
}

#[derive(Debug, Clone)]
struct Block {
    rows: usize,
    text: Text,
    ends: Ends,
}

/// The texts of a block, one after another.
#[derive(Debug, Clone)]
enum Text {
    Open(String),
    Closed(Bytes),
}

/// Where each text of a block ends.
#[derive(Debug, Clone)]
enum Ends {
    /// All are this long, as ids often are.
    Every(usize),
    At(Vec<usize>),
    /// The same as u64, the lowest byte first.
    Closed(Bytes),
}

impl Block {
    /// An empty one with room for a text of this length.
    fn with_capacity(length: usize) -> Self {
        Self { rows: 0, text: Text::Open(String::with_capacity(length)), ends: Ends::Every(0) }
    }

    /// Bytes of the texts.
    fn length(&self) -> usize {
        match &self.text {
            Text::Open(text) => text.len(),
            Text::Closed(text) => text.len(),
        }
    }

    fn end(&self, i: usize) -> usize {
        match &self.ends {
            Ends::Every(length) => (i + 1) * length,
            Ends::At(ends) => ends[i],
            Ends::Closed(ends) => usize::try_from(u64::from_le_bytes(ends.as_chunks().0[i])).unwrap_or(usize::MAX),
        }
    }

    fn get(&self, i: usize) -> &str {
        let place = if i == 0 { 0 } else { self.end(i - 1) }..self.end(i);
        match &self.text {
            Text::Open(text) => &text[place],
            Text::Closed(text) => str::from_utf8(&text[place]).unwrap_or_default(), // it was written as text
        }
    }

    fn push(&mut self, text: &str) {
        let end = self.length() + text.len();
        match &mut self.ends {
            Ends::Every(length) if self.rows == 0 => *length = text.len(),
            Ends::Every(length) if *length == text.len() => {}
            Ends::Every(length) => {
                let mut ends: Vec<usize> = (1..=self.rows).map(|i| i * *length).collect();
                ends.push(end);
                self.ends = Ends::At(ends);
            }
            Ends::At(ends) => ends.push(end),
            Ends::Closed(_) => {}
        }
        if let Text::Open(all) = &mut self.text {
            all.push_str(text);
        }
        self.rows += 1;
    }

    /// Gives back the memory kept for more texts.
    fn shrink(&mut self) {
        if let Text::Open(text) = &mut self.text {
            text.shrink_to_fit();
        }
        if let Ends::At(ends) = &mut self.ends {
            ends.shrink_to_fit();
        }
    }

    /// Moves a block that will not grow any more into a store.
    fn keep(&mut self, store: &Store) -> Result<()> {
        if let Text::Open(text) = &mut self.text {
            self.text = Text::Closed(store.keep(std::mem::take(text).into_bytes().into())?);
        }
        if let Ends::At(ends) = &self.ends {
            let bytes: Vec<u8> = ends.iter().flat_map(|end| (*end as u64).to_le_bytes()).collect();
            self.ends = Ends::Closed(store.keep(bytes.into())?);
        }
        Ok(())
    }
}

/// Whether the same texts are in the same rows.
impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Texts {}

impl Texts {
    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.rows)
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The text in row `i`.
    #[must_use]
    pub fn get(&self, i: usize) -> &str {
        self.blocks[i / BLOCK].get(i % BLOCK)
    }

    /// The texts, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.blocks.last().is_none_or(|b| b.rows == BLOCK) {
            // The next block will be as long as the last, give or take a little.
            let length = self.blocks.last().map_or(0, |b| b.length() + b.length() / 32);
            self.blocks.last_mut().into_iter().for_each(Block::shrink);
            self.blocks.push(Block::with_capacity(length));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(text);
        }
    }

    /// Moves later texts to the end of these: block by block as they are where they begin at a block.
    pub fn append(&mut self, later: &mut Self) {
        if self.len().is_multiple_of(BLOCK) {
            self.stored += if self.stored == self.blocks.len() { later.stored } else { 0 };
            self.blocks.append(&mut later.blocks);
        } else {
            later.iter().for_each(|text| self.push(text));
        }
        *later = Self::default();
    }

    /// Moves all full blocks into a store.
    pub(super) fn keep(&mut self, store: &Store) -> Result<()> {
        for block in self.blocks[self.stored..].iter_mut().take_while(|block| block.rows == BLOCK) {
            block.keep(store)?;
            self.stored += 1;
        }
        Ok(())
    }

    /// Bytes that the texts take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = |b: &Block| match &b.text {
            Text::Open(text) => text.capacity(),
            Text::Closed(text) => text.len(),
        };
        let ends = |b: &Block| match &b.ends {
            Ends::Every(_) => 0,
            Ends::At(ends) => ends.capacity() * size_of::<usize>(),
            Ends::Closed(ends) => ends.len(),
        };
        self.blocks.iter().map(|b| text(b) + ends(b)).sum()
    }

    /// Gives back the memory kept for more texts.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.blocks.last_mut().into_iter().for_each(Block::shrink);
        self
    }

    /// The rows for which `kept` is true, in a store.
    pub(super) fn retain(&self, kept: &[bool], store: &Store) -> Result<Self> {
        let mut all = Self::default();
        for (block, kept) in kept.chunks(BLOCK).enumerate() {
            let rows = (block * BLOCK..).zip(kept).filter(|(_, kept)| **kept);
            rows.for_each(|(row, _)| all.push(self.get(row)));
            all.keep(store)?;
        }
        Ok(all.finish())
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|t| all.push(t));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_whatever_they_hold_and_however_they_are_joined() {
        let texts: Vec<String> = (0..BLOCK + 9).map(|i| ["", "ü", "a,b\n", " 00123 "][i % 4].repeat(i % 3)).collect();
        let all: Texts = texts.iter().map(String::as_str).collect();
        let mut joined = Texts::default();
        texts.chunks(10_007).for_each(|part| joined.append(&mut part.iter().map(String::as_str).collect()));
        assert_eq!(joined, all);
        assert!((0..texts.len()).all(|i| all.get(i) == texts[i]) && all.len() == texts.len());
        let ids: Vec<String> = (0..BLOCK + 9).map(|i| format!("C{i:07}")).collect();
        let all: Texts = ids.iter().map(String::as_str).collect();
        assert!((0..ids.len()).all(|i| all.get(i) == ids[i]) && all.finish().bytes() < (BLOCK + 9) * 9);
    }
}
