//! A field of a text, and the first eight of its bytes at once.

/// Bytes of a word.
pub(super) const WORD: usize = size_of::<u64>();

/// A field where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'t> {
    /// The field, and what of the text follows it.
    rest: &'t [u8],
    length: usize,
}

impl<'t> Field<'t> {
    /// The field from one index to another.
    #[inline]
    pub(super) fn new(text: &'t [u8], from: usize, to: usize) -> Self {
        Self { rest: &text[from..], length: to - from }
    }

    #[inline]
    pub(super) fn bytes(self) -> &'t [u8] {
        &self.rest[..self.length]
    }

    /// The field without its first bytes.
    #[inline]
    pub(super) fn skip(self, bytes: usize) -> Self {
        Self { rest: &self.rest[bytes..], length: self.length - bytes }
    }

    /// Bytes of the field.
    #[inline]
    pub(super) fn length(self) -> usize {
        self.length
    }

    /// The first eight bytes, the first one lowest; zeros behind a shorter field.
    #[inline]
    pub(super) fn word(self) -> u64 {
        let word = match self.rest.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => self.rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        // Shifted in two steps, since a shift by 64 is none.
        word & !(u64::MAX << (4 * self.length.min(WORD)) << (4 * self.length.min(WORD)))
    }
}

impl<'t> From<&'t [u8]> for Field<'t> {
    fn from(bytes: &'t [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_field_whatever_follows_it() {
        for text in [&b"12345678,9"[..], b"1234,", b"12"] {
            for to in 1..=text.len().min(WORD) {
                for field in [Field::new(text, 0, to), Field::from(&text[..to])] {
                    assert_eq!(field.bytes(), &text[..to]);
                    let mut padded = [0; WORD];
                    padded[..to].copy_from_slice(&text[..to]);
                    assert_eq!((field.word(), field.length()), (u64::from_le_bytes(padded), to));
                }
            }
        }
        assert_eq!(Field::new(b"123456789,", 0, 9).word(), u64::from_le_bytes(*b"12345678"));
        assert_eq!(Field::new(b",", 0, 0).word(), 0);
    }
}
