//! One field as a number, read from its bytes.
//!
//! The grammar is the plain decimal one and nothing else: hexadecimal, underscores, thousands and Fortran exponents are
//! text, since a guess that is wrong once in a million rows is a wrong cluster nobody sees. Short decimals, which are
//! nearly all of them, are read here without a call to the general parser: up to fifteen digits and a power of ten up
//! to 10^22 are exact in f64, so that one division rounds correctly (W. D. Clinger, How to read floating point numbers
//! accurately, 1990, section 4). Of these, eight bytes are read at a time (D. Lemire, Number parsing at a gigabyte per second,
//! 2021, section 3). The general parser takes the rest.

use super::field::{Field, WORD};
use crate::table::is_missing;
use multiversion::multiversion;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// A spelling of a missing value.
    Missing,
    /// A finite number; never negative zero.
    Number(f64),
    /// An infinity, spelt out or by overflow.
    Infinite,
    /// Anything else.
    Text,
}

/// The longest built-in spelling of a missing value (`null`, `none`), in bytes.
const LONGEST_MISSING: usize = 4;

/// Digits that fit a f64 exactly, whatever they are: 10^15 < 2^53.
const EXACT_DIGITS: usize = 15;

/// The powers of ten that [`EXACT_DIGITS`] can need, each exact in f64.
const POWERS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads a field; `nulls` are spellings of a missing value beside the built-in ones, already [`trim`]med.
#[inline]
pub(super) fn cell<'t>(field: impl Into<Field<'t>>, nulls: &[Vec<u8>]) -> Cell {
    let field = field.into();
    let value = short(field.word(), field.length() as u64);
    if nulls.is_empty() && !value.is_nan() { Cell::Number(value) } else { longer(field.bytes(), nulls) }
}

/// Reads a field of any kind.
fn longer(field: &[u8], nulls: &[Vec<u8>]) -> Cell {
    let field = trim(field);
    if !nulls.is_empty() && nulls.iter().any(|null| null == field) {
        return Cell::Missing;
    }
    match short_decimal(field) {
        Some(value) => Cell::Number(value),
        None => other(field),
    }
}

/// The same for numbers that are spelt with a decimal comma; a point is part of no number then.
pub(super) fn cell_with_comma(field: &[u8], nulls: &[Vec<u8>]) -> Cell {
    if missing(field, nulls) {
        return Cell::Missing;
    }
    if field.contains(&b'.') {
        return Cell::Text;
    }
    let mut short = [0; 32];
    let mut long = Vec::new();
    let pointed = match short.get_mut(..field.len()) {
        Some(short) => {
            short.copy_from_slice(field);
            short
        }
        None => {
            long.extend_from_slice(field);
            &mut long[..]
        }
    };
    pointed.iter_mut().filter(|byte| **byte == b',').for_each(|byte| *byte = b'.');
    cell(&*pointed, &[])
}

/// Whether a field spells a missing value; the same answer as [`cell`] gives, without reading numbers.
pub(super) fn missing(field: &[u8], nulls: &[Vec<u8>]) -> bool {
    let field = trim(field);
    nulls.iter().any(|null| null == field) || missing_spelling(field)
}

/// A field without the spaces and tabs around it.
pub(super) fn trim(mut field: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = field {
        field = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = field {
        field = rest;
    }
    field
}

fn unsigned(field: &[u8]) -> (bool, &[u8]) {
    match field {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, field),
    }
}

/// Reads decimals as [`short`] does: many at once, since vectors read several together.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
pub(super) fn shorts(words: &[u64], lengths: &[u64], values: &mut [f64]) {
    let words = words.iter().zip(lengths);
    values.iter_mut().zip(words).for_each(|(value, (word, length))| *value = short(*word, *length));
}

/// Reads a decimal without exponent of at most eight bytes, given as the [`Field::word`] and the length of a field; NaN if it
/// is none. No step depends on what the bytes are.
#[inline(always)]
fn short(word: u64, length: u64) -> f64 {
    let negative = word & 0xff == u64::from(b'-');
    let sign = if negative | (word & 0xff == u64::from(b'+')) { 8 } else { 0 };
    let word = word >> sign;
    // The lowest bit of the byte with the first point, and all bits below it; or none, and all bits.
    let points = zero_bytes(word ^ every(b'.'));
    let point = (points & points.wrapping_neg()) >> 7;
    let before = point.wrapping_sub(1);
    let bits = length.wrapping_mul(8).wrapping_sub(sign + if point == 0 { 0 } else { 8 });
    // Without the point, the last digit highest and noughts before the first.
    let up = 64_u64.wrapping_sub(bits) & 63;
    let digits = (word & before | word >> 8 & !before) << up | every(b'0') & ((1 << up) - 1);
    let high = every(0xf0);
    let all_digits = (digits & high | (digits.wrapping_add(every(6)) & high) >> 4) == every(0x33);
    let mantissa = eight_digits(digits & every(0x0f));
    // A one in the place of the last digit before the point is the power of ten.
    let power = eight_digits(point << (up.wrapping_sub(8) & 63));
    let value = exact(mantissa) / exact(if point == 0 { 1 } else { power });
    let sign = if negative & (mantissa != 0) { 1 << 63 } else { 0 };
    let sound = all_digits & (bits.wrapping_sub(1) < 64) & (length <= WORD as u64);
    if sound { f64::from_bits(value.to_bits() | sign) } else { f64::NAN }
}

/// The number that eight digits are, each a byte, the first one lowest.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// A number below 2^52 as f64: other than a conversion, this is the same for vectors of all kinds, and does not wait for what
/// its register held before.
#[inline(always)]
fn exact(number: u64) -> f64 {
    const TWO_TO_52: f64 = (1u64 << 52) as f64;
    f64::from_bits(TWO_TO_52.to_bits() | number) - TWO_TO_52
}

/// The same byte eight times.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; WORD])
}

/// Marks bytes that are zero by their highest bits: the lowest of them, and perhaps others above it (H. S. Warren, Hacker's
/// Delight, 2nd edition, section 6-1).
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(every(1)) & !word & every(0x80)
}

/// A decimal without exponent of at most [`EXACT_DIGITS`] digits.
fn short_decimal(field: &[u8]) -> Option<f64> {
    let (negative, field) = unsigned(field);
    if field.len() > EXACT_DIGITS + 1 {
        return None;
    }
    let (whole, rest) = digits(field, 0);
    let (mantissa, decimals, count) = match rest {
        [] => (whole, 0, field.len()),
        [b'.', decimals @ ..] => match digits(decimals, whole) {
            (mantissa, []) => (mantissa, decimals.len(), field.len() - 1),
            _ => return None,
        },
        _ => return None,
    };
    if count == 0 || count > EXACT_DIGITS {
        return None;
    }
    let value = if decimals == 0 { mantissa as f64 } else { mantissa as f64 / POWERS[decimals] };
    Some(if negative && mantissa != 0 { -value } else { value })
}

/// Appends the digits that start a text to a number; gives it and the rest of the text. At most 16 digits in all.
#[inline]
fn digits(mut text: &[u8], mut number: i64) -> (i64, &[u8]) {
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        number = number * 10 + i64::from(digit - b'0');
        text = rest;
    }
    (number, text)
}

/// Everything [`short_decimal`] leaves: long decimals, exponents, missing values, infinities and text.
fn other(field: &[u8]) -> Cell {
    if missing_spelling(field) {
        return Cell::Missing;
    }
    if infinity_spelling(field) {
        return Cell::Infinite;
    }
    if !field.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Cell::Text;
    }
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(value) if value.is_finite() => Cell::Number(value + 0.0), // -0.0 + 0.0 is 0.0
        Some(_) => Cell::Infinite,
        None => Cell::Text,
    }
}

fn missing_spelling(field: &[u8]) -> bool {
    field.len() <= LONGEST_MISSING && std::str::from_utf8(field).is_ok_and(is_missing)
}

fn infinity_spelling(field: &[u8]) -> bool {
    let (_, name) = unsigned(field);
    name.eq_ignore_ascii_case(b"inf") || name.eq_ignore_ascii_case(b"infinity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Cell {
        cell(text.as_bytes(), &[])
    }

    #[test]
    fn decimal_forms_are_numbers() {
        for (text, value) in [
            ("1", 1.0),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("+1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-2.25", -2.25),
            ("00123", 123.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("0.1000000000000000055511151231257827", 0.1),
            ("1e-400", 0.0),
            (" \t7\t ", 7.0),
        ] {
            assert_eq!(read(text), Cell::Number(value), "{text:?}");
        }
    }

    #[test]
    fn other_forms_are_text() {
        for text in [
            "0x10",
            "1_000",
            "1d5",
            "１２",
            "1,5",
            "1 000",
            "1e",
            "e5",
            ".",
            "-",
            "+",
            "--1",
            "1.2.3",
            "€5",
            "5%",
            "(5)",
            "\u{a0}1",
            "1\u{a0}",
            "1\u{200b}",
            "#N/A",
            "-nan",
            "1e5f",
            "infinit",
            "1\n",
        ] {
            assert_eq!(read(text), Cell::Text, "{text:?}");
        }
    }

    #[test]
    fn infinities_and_overflow_are_infinite() {
        for text in ["inf", "-inf", "+Infinity", "INFINITY", "1e400", "-1e309"] {
            assert_eq!(read(text), Cell::Infinite, "{text:?}");
        }
    }

    #[test]
    fn missing_spellings_are_missing() {
        for text in ["", "  ", "NA", "n/a", "NaN", "null", "None", "\\N", "\tna "] {
            assert_eq!(read(text), Cell::Missing, "{text:?}");
            assert!(missing(text.as_bytes(), &[]), "{text:?}");
        }
    }

    #[test]
    fn a_given_null_wins_over_a_number() {
        let nulls = [b"-999".to_vec(), b"?".to_vec()];
        assert_eq!(cell(&b" -999"[..], &nulls), Cell::Missing);
        assert_eq!(cell(&b"?"[..], &nulls), Cell::Missing);
        assert_eq!(cell(&b"-998"[..], &nulls), Cell::Number(-998.0));
    }

    #[test]
    fn zero_has_no_sign() {
        for text in ["-0", "-0.0", "-.0", "-0e5", "-1e-400", "-0.00000000000000000000"] {
            let Cell::Number(value) = read(text) else { panic!("{text:?}") };
            assert_eq!(value.to_bits(), 0, "{text:?}");
        }
    }

    #[test]
    fn a_word_at_once_reads_what_is_read_byte_by_byte() {
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut numbers = 0;
        for bytes in [&b"0123456789"[..], b"0123456789.", b"0123456789.+-", b"059.-:/ ,e\xb0\0a"] {
            for _ in 0..100_000 {
                let mut text: Vec<u8> = (0..12).map(|_| bytes[random(bytes.len())]).collect();
                let (from, length) = (random(3), random(10));
                if random(4) == 0 {
                    text[from] = b'-';
                }
                let (fast, plain) = (Field::new(&text, from, from + length), &text[from..from + length]);
                let (fast, plain) = (cell(fast, &[]), longer(plain, &[]));
                let bits = |cell: Cell| if let Cell::Number(value) = cell { value.to_bits() } else { 1 };
                assert!(fast == plain && bits(fast) == bits(plain), "{text:?} from {from}: {fast:?}, {plain:?}");
                numbers += usize::from(matches!(fast, Cell::Number(_)));
            }
        }
        assert!(numbers > 150_000, "{numbers} were numbers");
    }

    #[test]
    fn many_at_once_are_read_as_one_by_one() {
        let text = b"1,-2.5,12345678,123456789,,x,+.5,-0,9.,.,-,1e3,00000001,-1.23456,99999999";
        let fields: Vec<Field<'_>> = text.split(|byte| *byte == b',').map(Field::from).collect();
        let (words, lengths): (Vec<u64>, Vec<u64>) = fields.iter().map(|f| (f.word(), f.length() as u64)).unzip();
        let mut values = vec![0.0; fields.len()];
        shorts(&words, &lengths, &mut values);
        for (field, value) in fields.iter().zip(values) {
            assert_eq!(short(field.word(), field.length() as u64).to_bits(), value.to_bits(), "{field:?}");
            let general = str::from_utf8(field.bytes()).unwrap().parse::<f64>().map(|value| value + 0.0);
            assert!(value.is_nan() || general == Ok(value), "{field:?}");
        }
    }

    #[test]
    fn short_decimals_equal_the_general_parser_bit_for_bit() {
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = (state >> 60) % 15 + 1;
            let mantissa = (state >> 8) % 10_u64.pow(u32::try_from(digits).unwrap());
            let mut text = format!("{mantissa}");
            text.insert(usize::try_from(state >> 32).unwrap() % (text.len() + 1), '.');
            let fast = short_decimal(text.as_bytes()).unwrap();
            assert_eq!(fast.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }
}
