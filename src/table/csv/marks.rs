//! Where something may end: separators, quotes and line ends of a text, sixty-four bytes at a time.
//!
//! What a byte is does not depend on the bytes before it, so vectors compare many at once (G. Langdale and D. Lemire, Parsing
//! gigabytes of JSON per second, 2019, section 3.1). What the marks mean is for the reader of them to say.

use multiversion::multiversion;

/// Bytes whose marks are found together.
const BLOCK: usize = 64;

/// Bytes whose marks are held: they and the text stay in the first-level cache.
const WINDOW: usize = 64 * BLOCK;

/// The marks of a text, in order.
pub(super) struct Marks<'t> {
    text: &'t [u8],
    delimiter: u8,
    /// The text up to here was looked at.
    looked: usize,
    found: Vec<u32>,
    /// The mark that is next.
    next: usize,
}

impl<'t> Marks<'t> {
    /// The marks of a text, from a place on; the text is shorter than 4 GiB.
    pub(super) fn new(text: &'t [u8], from: usize, delimiter: u8) -> Self {
        Self { text, delimiter, looked: from, found: Vec::with_capacity(WINDOW), next: 0 }
    }

    /// The next mark: the index of a separator, a quote, or a control character such as a line end; at last that of the end.
    #[inline]
    pub(super) fn peek(&mut self) -> usize {
        if self.next == self.found.len() && !self.look_on() {
            return self.text.len();
        }
        self.found[self.next] as usize
    }

    /// Goes over the next mark, which is not the end.
    #[inline]
    pub(super) fn pass(&mut self) {
        self.peek();
        self.next += 1;
    }

    /// Finds more marks; whether there were any.
    #[cold]
    fn look_on(&mut self) -> bool {
        self.found.clear();
        self.next = 0;
        while self.found.is_empty() && self.looked < self.text.len() {
            let end = self.text.len().min(self.looked + WINDOW);
            find(&self.text[self.looked..end], self.looked, self.delimiter, &mut self.found);
            self.looked = end;
        }
        !self.found.is_empty()
    }
}

/// Adds the marks of a piece of text, whose index is `from`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
#[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
fn find(text: &[u8], from: usize, delimiter: u8, found: &mut Vec<u32>) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (i, block) in blocks.iter().enumerate() {
        note(marked(block, delimiter), (from + i * BLOCK) as u32, found);
    }
    let mut last = [b'0'; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let inside = (1 << rest.len()) - 1;
    note(marked(&last, delimiter) & inside, (from + blocks.len() * BLOCK) as u32, found);
}

/// A bit for each byte of a block, set if the byte is a mark.
#[inline(always)]
fn marked(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from((*byte == delimiter) | (*byte < b' ') | (*byte == b'"'));
    }
    // Moves the lowest bit of byte i to bit 56 + i.
    const TOGETHER: u64 = 0x0102_0408_1020_4080;
    let eights = flags.as_chunks().0.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(TOGETHER) >> 56);
    eights.enumerate().fold(0, |bits, (i, eight)| bits | eight << (8 * i))
}

#[inline(always)]
fn note(mut bits: u64, from: u32, found: &mut Vec<u32>) {
    while bits != 0 {
        found.push(from + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::mutation::Random;

    #[test]
    fn every_mark_is_found_wherever_the_text_begins() {
        let mut random = Random(1);
        let mut byte = || b"0123456789abcdefghijkl;;;\n\r\t\" \xff\xc3,"[random.below(33)];
        for length in [0, 1, 63, 64, 65, 200, WINDOW - 1, WINDOW + 1, 3 * WINDOW] {
            let text: Vec<u8> = (0..length).map(|_| byte()).collect();
            for from in [0, 1, 40, 64, length].into_iter().filter(|from| *from <= length) {
                let is_mark = |i: &usize| matches!(text[*i], b';' | b'"' | 0..b' ');
                let mut marks = Marks::new(&text, from, b';');
                for place in (from..length).filter(is_mark) {
                    assert_eq!(marks.peek(), place, "{length} bytes from {from}");
                    marks.pass();
                }
                assert_eq!((marks.peek(), marks.peek()), (length, length));
            }
        }
    }
}
