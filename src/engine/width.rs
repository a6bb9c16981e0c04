//! How wide a label is: as narrow as the number of clusters allows, so that a pass that changes little reads a byte a point and not
//! four. A GPU has several to a word.

use crate::engine::NO_LABEL;
use crate::matrix::TILE;
use rayon::prelude::*;

/// Words that a thread turns into labels at a time.
const AT_ONCE: usize = 1 << 14;

/// The width of a label. All of its bits set are no label, so a buffer filled with ones holds none, whatever the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Width {
    /// 8 bits: up to 255 clusters.
    #[default]
    Byte,
    /// 16 bits: up to 65,535 clusters.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// Narrowest first.
    pub const ALL: [Self; 3] = [Self::Byte, Self::Half, Self::Word];

    /// The narrowest for the labels of `k` clusters.
    #[must_use]
    pub fn of(k: usize) -> Self {
        Self::ALL.into_iter().find(|width| k <= width.none() as usize).unwrap_or(Self::Word)
    }

    /// Bytes of a label.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bits() as u64 / 8
    }

    /// Bits of a label.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Byte => 8,
            Self::Half => 16,
            Self::Word => 32,
        }
    }

    /// No label.
    #[must_use]
    pub const fn none(self) -> u32 {
        NO_LABEL >> (32 - self.bits())
    }

    /// Labels to a word.
    #[must_use]
    pub const fn to_a_word(self) -> usize {
        (32 / self.bits()) as usize
    }

    /// Words of so many labels.
    #[must_use]
    pub const fn words(self, labels: usize) -> usize {
        labels.div_ceil(self.to_a_word())
    }

    /// Words of a set's labels in a chunk of so many tiles, and of its tiles' slack after them.
    #[must_use]
    pub const fn set_words(self, tiles: usize) -> usize {
        self.words(tiles * TILE) + tiles
    }

    /// The words of these labels; what is left of the last one is no label.
    pub(super) fn pack(self, labels: &[u32]) -> Vec<u32> {
        let word = |some: &[u32]| {
            let ones = if some.len() < self.to_a_word() { NO_LABEL } else { 0 };
            (0..).zip(some).fold(ones, |word, (place, &label)| self.put(word, place, label))
        };
        labels.par_chunks(self.to_a_word()).with_min_len(AT_ONCE).map(word).collect()
    }

    /// Appends the first `count` labels of these words.
    pub(super) fn unpack(self, words: &[u32], count: usize, labels: &mut Vec<u32>) {
        let first = labels.len();
        labels.resize(first + count, NO_LABEL);
        let some = labels[first..].par_chunks_mut(AT_ONCE * self.to_a_word()).zip(words.par_chunks(AT_ONCE));
        some.for_each(|(labels, words)| match self {
            Self::Byte => unpack::<8>(words, labels),
            Self::Half => unpack::<16>(words, labels),
            Self::Word => labels.copy_from_slice(&words[..labels.len()]),
        });
    }

    /// The word with another label at a place.
    pub(super) fn put(self, word: u32, place: u32, label: u32) -> u32 {
        let shift = place * self.bits();
        word & !(self.none() << shift) | (label & self.none()) << shift
    }

    /// The label at a place of a word.
    pub(super) fn take(self, word: u32, place: u32) -> u32 {
        let label = word >> (place * self.bits()) & self.none();
        if label == self.none() { NO_LABEL } else { label }
    }
}

fn unpack<const BITS: usize>(words: &[u32], labels: &mut [u32]) {
    let none = NO_LABEL >> (32 - BITS);
    for (some, &word) in labels.chunks_mut(32 / BITS).zip(words) {
        for (place, label) in some.iter_mut().enumerate() {
            let found = word >> (place * BITS) & none;
            *label = if found == none { NO_LABEL } else { found };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_width_holds_every_label_and_none() {
        let of = [1, 254, 255, 256, 65_534, 65_535, 65_536, 1 << 31].map(|k| Width::of(k).bits());
        assert_eq!(of, [8, 8, 8, 16, 16, 16, 32, 32]);
        for width in Width::ALL {
            assert_eq!(u64::from(width.none()) + 1, 1 << width.bits());
        }
    }

    #[test]
    fn labels_come_back_as_they_went_and_what_is_left_of_a_word_is_no_label() {
        for width in Width::ALL {
            for count in [0, 1, 3, 4, 5, 64, 300, 5 * AT_ONCE + 1] {
                let label = |i: usize| match u32::try_from(i).unwrap().wrapping_mul(97) % width.none().min(70_000) {
                    13 => NO_LABEL,
                    label => label,
                };
                let labels: Vec<u32> = (0..count).map(label).collect();
                let words = width.pack(&labels);
                assert_eq!(words.len(), width.words(count));
                let mut back = vec![7];
                width.unpack(&words, count, &mut back);
                assert!(back[0] == 7 && back[1..] == labels, "{width:?} {count}");
                let unused = u32::try_from(words.len() * width.to_a_word() - count).unwrap();
                for place in (0..32 / width.bits()).rev().take(unused as usize) {
                    assert_eq!(width.take(words[words.len() - 1], place), NO_LABEL);
                }
            }
        }
        let word = Width::Byte.put(0x0403_0201, 2, 200);
        assert_eq!((word, Width::Byte.take(word, 2), Width::Byte.take(word, 3)), (0x04c8_0201, 200, 4));
        assert_eq!(Width::Half.take(Width::Half.put(word, 1, NO_LABEL), 1), NO_LABEL);
    }
}
