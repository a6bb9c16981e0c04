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
    rows: usize,
    ends: Ends,
}

/// Where each text of a block ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ends {
    /// All are this long, as ids often are.
    Every(usize),
    At(Vec<usize>),
}

impl Default for Ends {
    fn default() -> Self {
        Self::Every(0)
    }
}

impl Block {
    fn end(&self, i: usize) -> usize {
        match &self.ends {
            Ends::Every(length) => (i + 1) * length,
            Ends::At(ends) => ends[i],
        }
    }

    fn push(&mut self, text: &str) {
        match &mut self.ends {
            Ends::Every(length) if self.rows == 0 => *length = text.len(),
            Ends::Every(length) if *length == text.len() => {}
            Ends::Every(length) => {
                let mut ends: Vec<usize> = (1..=self.rows).map(|i| i * *length).collect();
                ends.push(self.text.len() + text.len());
                self.ends = Ends::At(ends);
            }
            Ends::At(ends) => ends.push(self.text.len() + text.len()),
        }
        self.text.push_str(text);
        self.rows += 1;
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        if let Ends::At(ends) = &mut self.ends {
            ends.shrink_to_fit();
        }
    }
}

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
        let (block, at) = (&self.blocks[i / BLOCK], i % BLOCK);
        let start = if at == 0 { 0 } else { block.end(at - 1) };
        &block.text[start..block.end(at)]
    }

    /// The texts, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.blocks.last().is_none_or(|b| b.rows == BLOCK) {
            // The next block will be as long as the last, give or take a little.
            let length = self.blocks.last().map_or(0, |b| b.text.len() + b.text.len() / 32);
            self.blocks.last_mut().into_iter().for_each(Block::shrink);
            self.blocks.push(Block { text: String::with_capacity(length), ..Block::default() });
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(text);
        }
    }

    /// Adds later texts.
    pub fn append(&mut self, later: &Self) {
        later.iter().for_each(|text| self.push(text));
    }

    /// Bytes that the texts take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let ends = |b: &Block| match &b.ends {
            Ends::Every(_) => 0,
            Ends::At(ends) => ends.capacity() * size_of::<usize>(),
        };
        self.blocks.iter().map(|b| b.text.capacity() + ends(b)).sum()
    }

    /// Gives back the memory kept for more texts.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.blocks.last_mut().into_iter().for_each(Block::shrink);
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
        let ids: Vec<String> = (0..BLOCK + 9).map(|i| format!("C{i:07}")).collect();
        let all: Texts = ids.iter().map(String::as_str).collect();
        assert!((0..ids.len()).all(|i| all.get(i) == ids[i]) && all.finish().bytes() < (BLOCK + 9) * 9);
    }
}
