//! Texts kept byte for byte, one after another in one piece of memory.

use super::BLOCK;

/// Texts `[rows]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// All but the last hold [`BLOCK`] rows.
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Block {
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.ends.len())
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The text in row `i`.
    #[must_use]
    pub fn get(&self, i: usize) -> &str {
        let (block, at) = (&self.blocks[i / BLOCK], i % BLOCK);
        let start = if at == 0 { 0 } else { block.ends[at - 1] };
        &block.text[start..block.ends[at]]
    }

    /// The texts, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.blocks.last().is_none_or(|b| b.ends.len() == BLOCK) {
            self.blocks.push(Block::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.text.push_str(text);
            block.ends.push(block.text.len());
        }
    }

    /// Adds later texts.
    pub fn append(&mut self, later: &Self) {
        later.iter().for_each(|text| self.push(text));
    }

    /// Bytes that the texts take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|b| b.text.capacity() + b.ends.capacity() * size_of::<usize>()).sum()
    }

    /// Gives back the memory kept for more texts.
    #[must_use]
    pub fn finish(mut self) -> Self {
        for block in &mut self.blocks {
            block.text.shrink_to_fit();
            block.ends.shrink_to_fit();
        }
        self
    }

    /// The rows for which `kept` is true.
    #[must_use]
    pub fn retain(&self, kept: &[bool]) -> Self {
        let mut all = Self::default();
        self.iter().zip(kept).filter(|(_, kept)| **kept).for_each(|(text, _)| all.push(text));
        all.finish()
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
        texts.chunks(10_007).for_each(|part| joined.append(&part.iter().map(String::as_str).collect()));
        assert_eq!(joined, all);
        assert!((0..texts.len()).all(|i| all.get(i) == texts[i]) && all.len() == texts.len());
    }
}
