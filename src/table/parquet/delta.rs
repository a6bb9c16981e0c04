//! Lengths of texts as differences (the Parquet format's `DELTA_BINARY_PACKED`), added up before texts are made of them.
//!
//! Texts that share their beginnings are kept as its length and their rest: a few bytes can say that each of a million
//! texts begins with the one before, whole, so that only a sum of all lengths shows how large the texts are.

/// Bytes of all texts of a page of `DELTA_BYTE_ARRAY`, of at most `most` texts; `None` if it is not one.
pub(super) fn strings(page: &[u8], most: u64) -> Option<u64> {
    let (prefixes, rest) = walk(page, most)?;
    let (suffixes, _) = walk(rest, most)?;
    prefixes.checked_add(suffixes)
}

/// The sum of a run of lengths, and the bytes after it; `None` if there are more than `most`, or the bytes end.
pub(super) fn walk(bytes: &[u8], most: u64) -> Option<(u64, &[u8])> {
    let (block, rest) = varint(bytes)?;
    let (parts, rest) = varint(rest)?;
    let (count, rest) = varint(rest)?;
    let (first, mut rest) = signed(rest)?;
    let size = usize::try_from(block.checked_div(parts)?).ok()?;
    // The format has miniblocks of a multiple of 32 lengths, and no page has as many as this.
    if count > most || size == 0 || size % 32 > 0 || block > 1 << 20 {
        return None;
    }
    if count == 0 {
        return Some((0, rest));
    }
    let (mut value, mut left) = (first, count - 1);
    let mut sum = u64::try_from(first).ok()?;
    while left > 0 {
        let (least, after) = signed(rest)?;
        let (widths, after) = after.split_at_checked(usize::try_from(parts).ok()?)?;
        rest = after;
        for width in widths.iter().map(|w| usize::from(*w)) {
            if left == 0 {
                break;
            }
            let (packed, after) = rest.split_at_checked(size / 8 * width)?;
            let taken = left.min(size as u64);
            for i in 0..usize::try_from(taken).ok()? {
                // Lengths wrap around at 32 bits, as their decoder lets them.
                value = i64::from(wrapped(value.wrapping_add(least).wrapping_add(bits(packed, i * width, width)?)));
                sum = sum.checked_add(u64::try_from(value).ok()?)?;
            }
            left -= taken;
            rest = after;
        }
    }
    Some((sum, rest))
}

#[expect(clippy::cast_possible_truncation, reason = "wrapping around is what is asked for")]
fn wrapped(value: i64) -> i32 {
    value as i32
}

/// `width` bits from the bit `at` on, the lowest first; at most 32.
fn bits(bytes: &[u8], at: usize, width: usize) -> Option<i64> {
    if width > 32 {
        return None;
    }
    let held = bytes[at / 8..].iter().take(5).rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    Some((held >> (at % 8) & ((1 << width) - 1)).cast_signed())
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 127).checked_shl(u32::try_from(7 * i).ok()?)?;
        if *byte < 128 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

fn signed(bytes: &[u8]) -> Option<(i64, &[u8])> {
    varint(bytes).map(|(v, rest)| ((v >> 1).cast_signed() ^ -(v & 1).cast_signed(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four miniblocks of 32: the lengths 3, 5, 4, all differences at least -1.
    const SOME: [u8; 17] = [128, 1, 4, 3, 6, 1, 2, 0, 0, 0, 0b0011, 0, 0, 0, 0, 0, 0];

    #[test]
    fn lengths_are_added_up() {
        let (sum, rest) = walk(&[&SOME[..], &[0, 9]].concat(), 3).map(|(sum, rest)| (sum, rest.to_vec())).unwrap();
        assert_eq!((sum, rest), (12, vec![9]));
    }

    #[test]
    fn more_lengths_than_values_are_refused() {
        assert_eq!(walk(&[&SOME[..], &[0]].concat(), 2), None);
        assert_eq!(walk(&[128, 1, 4, 255, 255, 255, 255, 255, 1, 0], 3), None);
    }

    #[test]
    fn cut_lengths_are_refused() {
        (0..SOME.len()).for_each(|cut| assert_eq!(walk(&SOME[..cut], 3), None, "{cut}"));
    }
}
