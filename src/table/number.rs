//! One field as a number, read from its bytes.
//!
//! The grammar is the plain decimal one and nothing else: hexadecimal, underscores, thousands and Fortran exponents are
//! text, since a guess that is wrong once in a million rows is a wrong cluster nobody sees. Short decimals, which are
//! nearly all of them, are read here without a call to the general parser: up to fifteen digits and a power of ten up
//! to 10^22 are exact in f64, so that one division rounds correctly (W. D. Clinger, How to read floating point numbers
//! accurately, 1990, section 4). Eight of their digits are read at a time (D. Lemire, Number parsing at a gigabyte per second,
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

/// Reads a field; `nulls` are spellings of a missing value beside the built-in ones, already [`trim`]med.
#[inline]
pub(super) fn cell<'t>(field: impl Into<Field<'t>>, nulls: &[Vec<u8>]) -> Cell {
    let field = field.into();
    if !nulls.is_empty() && is_one_of(trim(field.bytes()), nulls) {
        return Cell::Missing;
    }
    match decimal(field) {
        value if value.is_nan() => no_decimal(field.bytes()),
        value => Cell::Number(value),
    }
}

/// What a field holds that is not read by [`decimal`].
pub(super) fn no_decimal(field: &[u8]) -> Cell {
    let trimmed = trim(field);
    let value = if trimmed.len() < field.len() { decimal(trimmed.into()) } else { f64::NAN };
    if value.is_nan() { other(trimmed) } else { Cell::Number(value) }
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
    is_one_of(field, nulls) || missing_spelling(field)
}

fn is_one_of(field: &[u8], nulls: &[Vec<u8>]) -> bool {
    nulls.iter().any(|null| null == field)
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

fn unsigned(field: &[u8]) -> &[u8] {
    match field {
        [b'-' | b'+', rest @ ..] => rest,
        _ => field,
    }
}

/// Bytes of a decimal that is read here, at most.
const LONGEST: usize = 2 * WORD;

/// A decimal without exponent of at most [`EXACT_DIGITS`] digits in [`LONGEST`] bytes; NaN if the field is none.
#[inline]
fn decimal(field: Field<'_>) -> f64 {
    let length = field.length() as u64;
    if field.length() <= WORD {
        short(field.word(), length)
    } else if field.length() <= LONGEST {
        long(field.word(), field.skip(WORD).word(), length)
    } else {
        f64::NAN
    }
}

/// Decimals that are read together.
#[derive(Default)]
pub(super) struct Decimals {
    /// The first eight bytes of each field, the next ones, and its length.
    words: Vec<u64>,
    further: Vec<u64>,
    lengths: Vec<u64>,
    numbers: Vec<f64>,
}

impl Decimals {
    /// Reads decimals without exponent, of at most [`EXACT_DIGITS`] digits in [`LONGEST`] bytes; NaN for everything else, of which
    /// [`no_decimal`] says what it is.
    pub(super) fn read(&mut self, fields: &[Field<'_>]) -> &mut [f64] {
        let Self { words, further, lengths, numbers } = self;
        words.clear();
        words.extend(fields.iter().map(|field| field.word()));
        lengths.clear();
        lengths.extend(fields.iter().map(|field| field.length() as u64));
        numbers.resize(fields.len(), f64::NAN);
        if fields.iter().all(|field| field.length() <= WORD) {
            shorts(words, lengths, numbers);
        } else {
            further.clear();
            further.extend(fields.iter().map(|field| field.skip(WORD.min(field.length())).word()));
            longs(words, further, lengths, numbers);
        }
        numbers
    }
}

/// Reads decimals as [`short`] does: vectors read several together.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn shorts(words: &[u64], lengths: &[u64], values: &mut [f64]) {
    let words = words.iter().zip(lengths);
    values.iter_mut().zip(words).for_each(|(value, (word, length))| *value = short(*word, *length));
}

/// Reads decimals as [`long`] does.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn longs(words: &[u64], further: &[u64], lengths: &[u64], values: &mut [f64]) {
    let words = words.iter().zip(further).zip(lengths);
    values.iter_mut().zip(words).for_each(|(value, ((word, next), length))| *value = long(*word, *next, *length));
}

/// Reads a decimal without exponent of at most eight bytes, given as the [`Field::word`] and the length of a field; NaN if it
/// is none. No step depends on what the bytes are.
#[inline(always)]
fn short(word: u64, length: u64) -> f64 {
    let (negative, sign) = sign(word);
    let word = word >> sign;
    let point = first_point(word);
    let before = point.wrapping_sub(1);
    let bits = length.wrapping_mul(8).wrapping_sub(sign + if point == 0 { 0 } else { 8 });
    // Without the point, the last digit highest and noughts before the first.
    let up = 64_u64.wrapping_sub(bits) & 63;
    let digits = (word & before | word >> 8 & !before) << up | every(b'0') & ((1 << up) - 1);
    let mantissa = eight_digits(digits);
    // A one in the place of the last digit before the point is the power of ten.
    let power = eight_digits(point << (up.wrapping_sub(8) & 63));
    let sound = are_digits(digits) & (bits.wrapping_sub(1) < 64) & (length <= WORD as u64);
    ratio(mantissa, if point == 0 { 1 } else { power }, negative, sound)
}

/// The same for at most sixteen bytes, the first and the last eight of them: as a word of 128 bits.
#[inline(always)]
fn long(first: u64, last: u64, length: u64) -> f64 {
    let (negative, sign) = sign(first);
    let (low, high) = if sign == 0 { (first, last) } else { (first >> 8 | last << 56, last >> 8) };
    let (low_point, high_point) = (first_point(low), first_point(high));
    let high_point = if low_point == 0 { high_point } else { 0 };
    let before_low = low_point.wrapping_sub(1);
    let before_high = if low_point == 0 { high_point.wrapping_sub(1) } else { 0 };
    let high_digits = high & before_high | high >> 8 & !before_high;
    let low_digits = low & before_low | (low >> 8 | high << 56) & !before_low;
    let no_point = (low_point | high_point) == 0;
    let bits = length.wrapping_mul(8).wrapping_sub(sign + if no_point { 0 } else { 8 });
    let up = 128_u64.wrapping_sub(bits) & 127;
    let (low, high) = shifted(low_digits, high_digits, up);
    let (low_noughts, high_noughts) = below(up);
    let (low, high) = (low | every(b'0') & low_noughts, high | every(b'0') & high_noughts);
    let mantissa = eight_digits(low) * TEN_TO_8 + eight_digits(high);
    let (low_one, high_one) = shifted(low_point, high_point, up.wrapping_sub(8) & 127);
    let power = eight_digits(low_one) * TEN_TO_8 + eight_digits(high_one);
    let sound = are_digits(low) & are_digits(high) & (bits.wrapping_sub(1) < 8 * EXACT_DIGITS as u64);
    ratio(mantissa, if no_point { 1 } else { power }, negative, sound & (length <= LONGEST as u64))
}

const TEN_TO_8: u64 = 100_000_000;

/// Whether a word begins with a minus, and the bits of its sign.
#[inline(always)]
fn sign(word: u64) -> (bool, u64) {
    let negative = word & 0xff == u64::from(b'-');
    (negative, if negative | (word & 0xff == u64::from(b'+')) { 8 } else { 0 })
}

/// The lowest bit of the byte with the first point; 0 if there is none.
#[inline(always)]
fn first_point(word: u64) -> u64 {
    let points = zero_bytes(word ^ every(b'.'));
    (points & points.wrapping_neg()) >> 7
}

/// Two words as one, shifted up by less than 128 bits.
#[inline(always)]
fn shifted(low: u64, high: u64, up: u64) -> (u64, u64) {
    let bits = up & 63;
    // What leaves the low word is shifted in two steps, since a shift by 64 is none.
    let (shifted, carried) = (low << bits, low >> 1 >> (63 - bits));
    if up < 64 { (shifted, high << bits | carried) } else { (0, shifted) }
}

/// The bits below one of two words as one.
#[inline(always)]
fn below(bit: u64) -> (u64, u64) {
    let some = (1 << (bit & 63)) - 1;
    if bit < 64 { (some, 0) } else { (u64::MAX, some) }
}

/// A decimal from its digits and its power of ten; NaN if it is not sound.
#[inline(always)]
fn ratio(mantissa: u64, power: u64, negative: bool, sound: bool) -> f64 {
    let value = exact(mantissa) / exact(power);
    let sign = if negative & (mantissa != 0) { 1 << 63 } else { 0 };
    if sound { f64::from_bits(value.to_bits() | sign) } else { f64::NAN }
}

/// Whether eight bytes are digits: three in the upper half of the byte, and also if six is added.
#[inline(always)]
fn are_digits(word: u64) -> bool {
    let high = every(0xf0);
    (word & high | (word.wrapping_add(every(6)) & high) >> 4) == every(0x33)
}

/// The number that eight digits are, the first one lowest; only the lower halves of the bytes count.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits & every(0x0f)).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// A number below 2^52 as f64: other than a conversion, this is the same for vectors of all kinds, and does not wait for what
/// its register held before.
#[inline(always)]
pub(super) fn exact(number: u64) -> f64 {
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

/// Everything [`decimal`] leaves: long decimals, exponents, missing values, infinities and text.
fn other(field: &[u8]) -> Cell {
    match unsigned(field).first() {
        // What begins like a number is none of the words.
        Some(b'0'..=b'9' | b'.') => match fast_float2::parse::<f64, _>(field) {
            Ok(value) if value.is_finite() => Cell::Number(value + 0.0), // -0.0 + 0.0 is 0.0
            Ok(_) => Cell::Infinite,
            Err(_) => Cell::Text,
        },
        _ if missing_spelling(field) => Cell::Missing,
        _ if infinity_spelling(field) => Cell::Infinite,
        _ => Cell::Text,
    }
}

fn missing_spelling(field: &[u8]) -> bool {
    field.len() <= LONGEST_MISSING && std::str::from_utf8(field).is_ok_and(is_missing)
}

fn infinity_spelling(field: &[u8]) -> bool {
    let name = unsigned(field);
    name.eq_ignore_ascii_case(b"inf") || name.eq_ignore_ascii_case(b"infinity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::mutation::Random;

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

    /// The same in plain steps: a decimal is what the general parser reads, made of nothing else than a sign, digits, a point
    /// and an exponent.
    fn in_plain_steps(field: &[u8]) -> Cell {
        let text = str::from_utf8(field).unwrap_or("?").trim_matches([' ', '\t']);
        if is_missing(text) {
            return Cell::Missing;
        }
        let name = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        if ["inf", "infinity"].contains(&&*name) && text.len() <= name.len() + 1 {
            return Cell::Infinite;
        }
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        match text.parse::<f64>().ok().filter(|_| plain) {
            Some(value) if value.is_finite() => Cell::Number(value + 0.0),
            Some(_) => Cell::Infinite,
            None => Cell::Text,
        }
    }

    #[test]
    fn words_at_once_give_what_plain_steps_give() {
        let mut random = Random(1);
        let mut numbers = 0;
        let kinds = [&b"0123456789"[..], b"0123456789.", b"0123456789.+-", b"059.-+ee", b"059.-:/ ,eN\xb0a\0naif"];
        for bytes in kinds {
            for _ in 0..100_000 {
                let mut text: Vec<u8> = (0..30).map(|_| bytes[random.below(bytes.len())]).collect();
                let (from, length) =
                    (random.below(3), if random.below(2) == 0 { random.below(10) } else { random.below(24) });
                if random.below(4) == 0 {
                    text[from] = b"-+ "[random.below(3)];
                }
                let (fast, plain) = (Field::new(&text, from, from + length), &text[from..from + length]);
                let (fast, plain) = (cell(fast, &[]), in_plain_steps(plain));
                let bits = |cell: Cell| if let Cell::Number(value) = cell { value.to_bits() } else { 1 };
                assert!(fast == plain && bits(fast) == bits(plain), "{text:?} from {from}: {fast:?}, {plain:?}");
                numbers += usize::from(matches!(fast, Cell::Number(_)));
            }
        }
        assert!(numbers > 200_000, "{numbers} were numbers");
    }

    #[test]
    fn many_at_once_are_read_as_one_by_one() {
        let short = "1,-2.5,12345678,,x,+.5,-0,9.,.,-,1e3,00000001,-1.23456,99999999";
        let long = "123456789,-123456.789,1.234567890123,12345678.,-.12345678,123456789012345,999999999999999.,0.00000000000001,1234567890123456,\
            123456789012345678,-1.2345.678,123456789x";
        let mut decimals = Decimals::default();
        for text in [short.to_owned(), format!("{long},{short}")] {
            let fields: Vec<Field<'_>> = text.as_bytes().split(|byte| *byte == b',').map(Field::from).collect();
            for (field, value) in fields.iter().zip(decimals.read(&fields)) {
                assert_eq!(decimal(*field).to_bits(), value.to_bits(), "{field:?}");
                let general = str::from_utf8(field.bytes()).unwrap().parse::<f64>().map(|value| value + 0.0);
                assert!(value.is_nan() || general == Ok(*value), "{field:?}");
                assert!(!value.is_nan() || general.is_err() || field.bytes().contains(&b'e') || field.length() > 15);
            }
        }
    }
}
