//! Whole numbers of a power of ten in as few bits as their range needs.
//!
//! The codes of [`GROUP`] values lie in [`LANES`] streams of bits side by side, value by value in turn, so that every step of
//! packing and unpacking is the same for all lanes and vectors do it whole (D. Lemire and L. Boytsov, Decoding billions of
//! integers per second through vectorization, 2015, section 4).

use super::number::exact;
use multiversion::multiversion;

/// Powers of ten, exact in f64, by which a value may be a whole number.
const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Whole numbers stay below this: then a product with a larger power of ten still rounds to the right whole number.
const MOST_WHOLE: f64 = (1u64 << 51) as f64;

/// Added to a number below [`MOST_WHOLE`], this leaves the nearest whole number in the lowest bits of the sum: vectors of all
/// widths can add, but few can round or convert to integers.
const TO_WHOLE: f64 = (3u64 << 51) as f64;

/// Streams of bits side by side.
const LANES: usize = 8;

/// Values packed together: a word of each lane for every bit.
const GROUP: usize = LANES * 64;

/// Bytes of a word of all lanes.
const ROW: usize = LANES * size_of::<u64>();

/// Values that are looked at together for the power of ten that they need.
const CHECKED: usize = 256;

/// How values are packed: as `(low - 1 + code) / 10^power`; the code 0 is a missing value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packing {
    low: i64,
    power: usize,
    /// Bits of a code, at most 52.
    width: usize,
}

impl Packing {
    /// How values can be packed; `None` if they cannot, or all are missing.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        // A power of ten that serves a value serves it with any larger power, too, as long as the whole number is not too
        // large; so the power only grows on the way.
        let (mut power, mut least, mut most) = (0, f64::INFINITY, f64::NEG_INFINITY);
        for chunk in values.chunks(CHECKED) {
            while !all_whole(chunk, POWERS[power]) {
                power += 1;
                if power == POWERS.len() {
                    return None;
                }
            }
            let (low, high) = range(chunk);
            (least, most) = (least.min(low), most.max(high));
        }
        let (least, most) = (least * POWERS[power], most * POWERS[power]);
        if least > most || least.abs().max(most.abs()) >= MOST_WHOLE {
            return None;
        }
        let (low, high) = (whole(least), whole(most));
        let width = (64 - (high - low + 1).cast_unsigned().leading_zeros()) as usize;
        Some(Self { low, power, width })
    }

    /// Bytes that so many values take: whole groups of them.
    pub(super) fn bytes(self, values: usize) -> usize {
        values.div_ceil(GROUP) * self.width * ROW
    }

    /// The codes of values.
    pub(super) fn pack(self, values: &[f64]) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes(values.len())];
        let mut packed = bytes.as_chunks_mut().0.chunks_exact_mut(self.width);
        let (groups, rest) = values.as_chunks();
        groups.iter().zip(&mut packed).for_each(|(group, packed)| pack(self, group, packed));
        if let Some(packed) = packed.next() {
            let mut group = [f64::NAN; GROUP];
            group[..rest.len()].copy_from_slice(rest);
            pack(self, &group, packed);
        }
        bytes
    }

    /// Values from their codes, from the value `first` on.
    pub(super) fn unpack(self, bytes: &[u8], first: usize, out: &mut [f64]) {
        let before = (first.next_multiple_of(GROUP) - first).min(out.len());
        let (begun, rest) = out.split_at_mut(before);
        let (groups, ended) = rest.as_chunks_mut::<GROUP>();
        let next = first + before;
        let after = next + groups.len() * GROUP;
        begun.iter_mut().zip(first..).for_each(|(o, i)| *o = self.value(bytes, i));
        let packed = bytes.as_chunks().0.chunks_exact(self.width).skip(next / GROUP);
        groups.iter_mut().zip(packed).for_each(|(o, packed)| unpack(self, packed, o));
        ended.iter_mut().zip(after..).for_each(|(o, i)| *o = self.value(bytes, i));
    }

    /// One value.
    fn value(self, bytes: &[u8], i: usize) -> f64 {
        let (lane, bit) = (i % LANES, i % GROUP / LANES * self.width);
        let rows = &bytes.as_chunks().0[i / GROUP * self.width..];
        let word = |k: usize| rows.get(k).map_or(0, |row| words(row)[lane]);
        let low = word(bit / 64) >> (bit % 64);
        // Shifted in two steps, since a shift by 64 is none.
        let high = word(bit / 64 + 1) << 1 << (63 - bit % 64);
        match (low | high) & self.mask() {
            0 => f64::NAN,
            code => (self.low - 1 + code.cast_signed()) as f64 / POWERS[self.power],
        }
    }

    fn mask(self) -> u64 {
        (1 << self.width) - 1
    }
}

/// Whether each value is a whole number of `1 / power` and comes back from it by one division, or is too large to tell.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn all_whole(values: &[f64], power: f64) -> bool {
    let nearest = |v: f64| v * power + TO_WHOLE - TO_WHOLE;
    if power == 1.0 {
        values.iter().fold(true, |all, v| all & ((nearest(*v) == *v) | v.is_nan()))
    } else {
        values.iter().fold(true, |all, v| all & ((nearest(*v) / power == *v) | v.is_nan()))
    }
}

/// The smallest and the largest value; infinite, the former positive, if all are missing.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn range(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (whole, rest) = values.as_chunks::<LANES>();
    // One after the other: together, compilers shuffle the lanes.
    for values in whole {
        low.iter_mut().zip(values).for_each(|(low, v)| *low = if *v < *low { *v } else { *low });
    }
    for values in whole {
        high.iter_mut().zip(values).for_each(|(high, v)| *high = if *v > *high { *v } else { *high });
    }
    let low = low.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    (low, high.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max))
}

/// The whole number that a value is nearest to, ties to the even one.
#[inline(always)]
fn whole(value: f64) -> i64 {
    (value + TO_WHOLE).to_bits().cast_signed() - TO_WHOLE.to_bits().cast_signed()
}

/// Packs the codes of a group.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn pack(Packing { low, power, width }: Packing, values: &[f64; GROUP], out: &mut [[u8; ROW]]) {
    let power = POWERS[power];
    let (mut open, mut filled, mut next) = ([0; LANES], 0, 0);
    for values in values.as_chunks::<LANES>().0 {
        let mut codes = [0; LANES];
        for (code, v) in codes.iter_mut().zip(values) {
            *code = if v.is_nan() { 0 } else { (whole(v * power) - low + 1).cast_unsigned() };
        }
        for (open, code) in open.iter_mut().zip(&codes) {
            *open |= code << filled;
        }
        filled += width;
        if filled >= 64 {
            filled -= 64;
            for (place, word) in out[next].as_chunks_mut().0.iter_mut().zip(&open) {
                *place = word.to_le_bytes();
            }
            next += 1;
            for (open, code) in open.iter_mut().zip(&codes) {
                *open = code >> (width - filled);
            }
        }
    }
}

/// Unpacks a group.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn unpack(packing: Packing, packed: &[[u8; ROW]], out: &mut [f64; GROUP]) {
    let (power, before) = (POWERS[packing.power], (packing.low - 1) as f64);
    let (mut bit, mask) = (0, packing.mask());
    for out in out.as_chunks_mut::<LANES>().0 {
        let low = words(&packed[bit / 64]);
        let high = words(packed.get(bit / 64 + 1).unwrap_or(&[0; ROW]));
        for ((o, low), high) in out.iter_mut().zip(&low).zip(&high) {
            let code = (low >> (bit % 64) | high << 1 << (63 - bit % 64)) & mask;
            // Sums of whole numbers below 2^52 are exact.
            *o = if code == 0 { f64::NAN } else { exact(code) + before };
        }
        bit += packing.width;
    }
    if packing.power > 0 {
        out.iter_mut().for_each(|o| *o /= power);
    }
}

#[inline(always)]
fn words(row: &[u8; ROW]) -> [u64; LANES] {
    let mut words = [0; LANES];
    words.iter_mut().zip(row.as_chunks().0).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values packed in all widths come back, whole and from any place on.
    #[test]
    fn every_width_and_place_gives_the_values_back() {
        for width in 1..=52 {
            let most = (1u64 << width) - 2;
            // So that the smallest and the largest one fit.
            let least = if width == 52 { MOST_WHOLE - 1.0 } else { 5.0 };
            let code = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - width) & most;
            let value = |i: u64| if i % 7 == 3 { f64::NAN } else { code(i) as f64 - least };
            let values: Vec<f64> =
                [-least, most as f64 - least].into_iter().chain((0..3 * GROUP as u64).map(value)).collect();
            let packing = Packing::of(&values).unwrap();
            assert_eq!(packing.width, width, "{packing:?}");
            let bytes = packing.pack(&values);
            let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
            for (first, rows) in
                [(0, values.len()), (1, GROUP + 1), (GROUP, GROUP), (GROUP - 1, 2), (17, 5), (700, 700)]
            {
                let mut out = vec![0.0; rows];
                packing.unpack(&bytes, first, &mut out);
                assert!(same(&out, &values[first..first + rows]), "{width} bits, {rows} from {first}");
            }
        }
    }
}
