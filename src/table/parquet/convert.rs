//! Decoded values into columns: what each type of Parquet becomes.

use crate::table::date;
use crate::table::filling::Filling;
use crate::table::texts::Texts;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use std::fmt::{Display, Write as _};

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Unscaled values below this, and powers of ten up to the largest one, are exact: one division rounds once.
const EXACT: u128 = 1 << 53;
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// As what a column of this type is decoded: texts as views of the page they are in, so that a long text that comes a
/// million times is there once. `None` if there is no place for such values in a table.
pub(super) fn decoded(kind: &DataType, int96: bool) -> Option<DataType> {
    use DataType as T;
    match kind {
        T::Dictionary(_, values) => decoded(values, int96),
        // In nanoseconds, dates after 2262 would turn into others.
        T::Timestamp(..) if int96 => Some(T::Timestamp(TimeUnit::Microsecond, None)),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Some(T::Utf8View),
        T::Null | T::Boolean | T::Date32 | T::Date64 | T::Timestamp(..) => Some(kind.clone()),
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => Some(kind.clone()),
        _ if kind.is_integer() || kind.is_floating() => Some(kind.clone()),
        _ => None,
    }
}

/// What a type without a place in a table is called.
pub(super) fn called(kind: &DataType) -> String {
    use DataType as T;
    match kind {
        T::Dictionary(_, values) => called(values),
        T::List(_) | T::LargeList(_) | T::ListView(_) | T::LargeListView(_) | T::FixedSizeList(..) => "lists".into(),
        T::Struct(_) => "structs".into(),
        T::Map(..) => "maps".into(),
        T::Time32(_) | T::Time64(_) => "times of day".into(),
        T::Duration(_) => "durations".into(),
        T::Interval(_) => "intervals".into(),
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "bytes that are not text".into(),
        other => format!("values of type {other}"),
    }
}

/// Numbers converted together: so few that they stay in the first-level cache until they are where they belong.
const TOGETHER: usize = 1_024;

/// Where the values of a column go.
pub(super) struct Sink<'a> {
    pub(super) typed: Option<&'a mut Filling>,
    /// Values are read as they are spelt: text was asked for, or some spellings are missing values.
    pub(super) spelt: bool,
    pub(super) kept: Option<&'a mut Texts>,
}

impl Sink<'_> {
    /// Adds the values of an array; `false` if there is no place for its type.
    pub(super) fn add(&mut self, array: &ArrayRef) -> bool {
        use DataType as T;
        match array.data_type() {
            T::Null => (0..array.len()).for_each(|_| self.miss()),
            T::Boolean => {
                self.all(array.as_boolean().iter(), Filling::yes_no, |yes, text| push(text, yes));
            }
            T::Int8 => self.integers::<Int8Type>(array, f64::from),
            T::Int16 => self.integers::<Int16Type>(array, f64::from),
            T::Int32 => self.integers::<Int32Type>(array, f64::from),
            T::Int64 => self.integers::<Int64Type>(array, |v| v as f64),
            T::UInt8 => self.integers::<UInt8Type>(array, f64::from),
            T::UInt16 => self.integers::<UInt16Type>(array, f64::from),
            T::UInt32 => self.integers::<UInt32Type>(array, f64::from),
            T::UInt64 => self.integers::<UInt64Type>(array, |v| v as f64),
            T::Float16 => {
                let values = array.as_primitive::<Float16Type>().iter().map(|v| v.map(|v| v.to_f32()));
                self.all(values, |f, v| float(f, f64::from(v)), single);
            }
            T::Float32 => {
                let values = array.as_primitive::<Float32Type>();
                if !self.plain(values, f64::from) {
                    self.all(values.iter(), |f, v| float(f, f64::from(v)), single);
                }
            }
            T::Float64 => {
                let values = array.as_primitive::<Float64Type>();
                if !self.plain(values, |v| v) {
                    self.all(values.iter(), float, double);
                }
            }
            T::Utf8View => array.as_string_view().iter().for_each(|text| self.text(text)),
            T::Decimal32(_, scale) => self.decimals::<Decimal32Type>(array, *scale, |v| Some(v.into())),
            T::Decimal64(_, scale) => self.decimals::<Decimal64Type>(array, *scale, |v| Some(v.into())),
            T::Decimal128(_, scale) => self.decimals::<Decimal128Type>(array, *scale, Some),
            T::Decimal256(_, scale) => self.decimals::<Decimal256Type>(array, *scale, |v| v.to_i128()),
            T::Date32 => self.instants::<Date32Type>(array, |v| (v.into(), 0)),
            T::Date64 => self.instants::<Date64Type>(array, |v| split(v, 1_000)),
            T::Timestamp(TimeUnit::Second, _) => self.instants::<TimestampSecondType>(array, |v| split(v, 1)),
            T::Timestamp(TimeUnit::Millisecond, _) => {
                self.instants::<TimestampMillisecondType>(array, |v| split(v, 1_000));
            }
            T::Timestamp(TimeUnit::Microsecond, _) => {
                self.instants::<TimestampMicrosecondType>(array, |v| split(v, 1_000_000));
            }
            T::Timestamp(TimeUnit::Nanosecond, _) => {
                self.instants::<TimestampNanosecondType>(array, |v| split(v, SECOND));
            }
            _ => return false,
        }
        true
    }

    fn integers<T: ArrowPrimitiveType<Native: Display>>(
        &mut self,
        array: &ArrayRef,
        number: impl Fn(T::Native) -> f64,
    ) {
        let values = array.as_primitive::<T>();
        if !self.plain(values, &number) {
            self.all(values.iter(), |f, v| f.number(number(v)), |v, text| push(text, v));
        }
    }

    /// Adds all values at once, where they are numbers and nothing else is wanted of them; whether that is so.
    fn plain<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>, number: impl Fn(T::Native) -> f64) -> bool {
        let (false, None, Some(filling)) = (self.spelt, &self.kept, &mut self.typed) else { return false };
        let mut values = [0.0; TOGETHER];
        let infinite = |v: &T::Native| number(*v).is_infinite();
        if array.values().iter().fold(false, |any, v| any | infinite(v)) {
            return false;
        }
        for first in (0..array.len()).step_by(TOGETHER) {
            let some = array.slice(first, TOGETHER.min(array.len() - first));
            let values = &mut values[..some.len()];
            values.iter_mut().zip(some.values()).for_each(|(value, v)| *value = number(*v));
            if let Some(nulls) = some.nulls() {
                let gaps = values.iter_mut().zip(nulls).filter(|(_, valid)| !valid);
                gaps.for_each(|(value, _)| *value = f64::NAN);
            }
            filling.numbers(values);
        }
        true
    }

    fn instants<T: ArrowPrimitiveType>(&mut self, array: &ArrayRef, split: impl Fn(T::Native) -> (i64, i64)) {
        let values = array.as_primitive::<T>().iter().map(|v| v.map(&split));
        self.all(values, |f, (day, rest)| f.date(date::days(day, rest)), |(day, rest), text| instant(day, rest, text));
    }

    fn decimals<T: DecimalType<Native: Display>>(
        &mut self,
        array: &ArrayRef,
        scale: i8,
        whole: impl Fn(T::Native) -> Option<i128>,
    ) {
        let number = |f: &mut Filling, v: T::Native| match (whole(v), usize::try_from(scale)) {
            (Some(u), Ok(s)) if u.unsigned_abs() < EXACT && s < POWERS.len() => f.number(u as f64 / POWERS[s]),
            _ => {
                let mut text = String::new();
                decimal(v, scale, &mut text);
                f.typed(text.as_bytes());
            }
        };
        self.all(array.as_primitive::<T>().iter(), number, |v, text| decimal(v, scale, text));
    }

    /// Adds values that are no texts: each as `add` puts it into a column, or as it is spelt.
    fn all<V: Copy>(
        &mut self,
        values: impl Iterator<Item = Option<V>>,
        add: impl Fn(&mut Filling, V),
        spell: impl Fn(V, &mut String),
    ) {
        let mut text = String::new();
        for value in values {
            let Some(value) = value else {
                self.miss();
                continue;
            };
            if self.spelt || self.kept.is_some() {
                text.clear();
                spell(value, &mut text);
            }
            match &mut self.typed {
                Some(filling) if self.spelt => filling.typed(text.as_bytes()),
                Some(filling) => add(filling, value),
                None => {}
            }
            if let Some(kept) = &mut self.kept {
                kept.push(&text);
            }
        }
    }

    /// Adds a text, which is read by the rules for cells.
    fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.miss() };
        self.typed.iter_mut().for_each(|filling| filling.field(text.as_bytes()));
        self.kept.iter_mut().for_each(|kept| kept.push(text));
    }

    fn miss(&mut self) {
        self.typed.iter_mut().for_each(|filling| filling.miss());
        self.kept.iter_mut().for_each(|kept| kept.push(""));
    }
}

fn float(filling: &mut Filling, value: f64) {
    match value {
        v if v.is_nan() => filling.miss(),
        v if v.is_infinite() => filling.infinity(if v > 0.0 { b"inf" } else { b"-inf" }),
        v => filling.number(v),
    }
}

fn push(text: &mut String, value: impl Display) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{value}");
}

fn double(value: f64, text: &mut String) {
    text.push_str(whole(ryu::Buffer::new().format(value)));
}

fn single(value: f32, text: &mut String) {
    text.push_str(whole(ryu::Buffer::new().format(value)));
}

/// A whole number without the point that says it was a float.
fn whole(text: &str) -> &str {
    text.strip_suffix(".0").unwrap_or(text)
}

/// The day and the nanoseconds since its start, of a count of parts of a second since 1970.
fn split(value: i64, per_second: i64) -> (i64, i64) {
    let day = DAY_SECONDS * per_second;
    (value.div_euclid(day), value.rem_euclid(day) * (SECOND / per_second))
}

/// A date, and the time with as many digits as it needs, if there is one.
fn instant(day: i64, nanoseconds: i64, text: &mut String) {
    text.push_str(&date::spelt(day as f64));
    if nanoseconds == 0 {
        return;
    }
    let (seconds, fraction) = (nanoseconds / SECOND, nanoseconds % SECOND);
    push(text, format_args!(" {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if fraction != 0 {
        push(text, format_args!(".{fraction:09}"));
        text.truncate(text.trim_end_matches('0').len());
    }
}

/// A decimal number as it is written: all digits of its scale.
fn decimal(unscaled: impl Display, scale: i8, text: &mut String) {
    let start = text.len();
    push(text, unscaled);
    let first = start + usize::from(text[start..].starts_with('-'));
    match usize::try_from(scale) {
        Ok(0) => {}
        Ok(scale) => {
            let lacking = (scale + 1).saturating_sub(text.len() - first);
            text.insert_str(first, &"0".repeat(lacking));
            text.insert(text.len() - scale, '.');
        }
        Err(_) => text.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_all_their_digits() {
        for (unscaled, scale, expected) in
            [(1230, 2, "12.30"), (-5, 3, "-0.005"), (0, 1, "0.0"), (7, 0, "7"), (12, -2, "1200")]
        {
            let mut text = String::new();
            decimal(unscaled, scale, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn an_instant_reads_back_as_itself() {
        for value in [0, -1, 1, 1_700_000_000_123_456_789, -62_135_596_800_000_000, i64::MAX, i64::MIN] {
            let (day, rest) = split(value, SECOND);
            let mut text = String::new();
            instant(day, rest, &mut text);
            assert_eq!(date::date(&text), Some(date::days(day, rest)), "{text}");
        }
    }
}
