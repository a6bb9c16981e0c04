//! Numbers as people write them: `1,234`, `1.2 M`, `0.0012`, `24.1 %`.

use crate::segments::grouped;

/// A count, in groups of three digits.
#[must_use]
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// So many of something, in groups of three digits: `1 row`, `1,234 rows`.
#[must_use]
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A number in about three digits.
#[must_use]
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "–".into();
    }
    let text = match size {
        0.0 => "0".into(),
        s if s.is_infinite() => "∞".into(),
        s if !(0.999_5e-4..999.5e12).contains(&s) => scientific(s),
        s if s >= 999.5e9 => three(s / 1e12) + "\u{a0}tn",
        s if s >= 999.5e6 => three(s / 1e9) + "\u{a0}bn",
        s if s >= 999.5e3 => three(s / 1e6) + "\u{a0}M",
        s if s >= 999.5 => grouped(&format!("{s:.0}")),
        s => three(s),
    };
    signed(value, text)
}

/// Three digits that say something, two of a number below a hundredth, without zeros at the end.
fn three(size: f64) -> String {
    let digits = if size < 0.01 { 1 } else { 2 };
    let places = usize::try_from((digits - exponent(size)).clamp(0, 8)).unwrap_or(0);
    trimmed(&format!("{size:.places$}"))
}

fn scientific(size: f64) -> String {
    let text = format!("{size:.1e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{power}", trimmed(digits))
}

fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
}

fn signed(value: f64, text: String) -> String {
    if value < 0.0 && text.contains(|c: char| c.is_ascii_digit() && c != '0' || c == '∞') {
        format!("−{text}")
    } else {
        text
    }
}

/// A share of one in per cent, to a tenth.
#[must_use]
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p.is_nan() => "–".into(),
        p if p > 0.0 && p < 0.05 => "< 0.1\u{a0}%".into(),
        p => signed(p, format!("{}\u{a0}%", trimmed(&format!("{:.1}", p.abs())))),
    }
}

/// A share of one in whole per cent.
#[must_use]
pub(crate) fn whole_percent(share: f64) -> String {
    match share * 100.0 {
        p if p.is_nan() => "–".into(),
        p if p > 0.0 && p < 0.5 => "< 1\u{a0}%".into(),
        p => signed(p, format!("{:.0}\u{a0}%", p.abs())),
    }
}

/// A number with a fixed count of places.
#[must_use]
pub(crate) fn fixed(value: f64, places: usize) -> String {
    if value.is_nan() { "–".into() } else { signed(value, format!("{:.places$}", value.abs())) }
}

/// The power of ten of a number's first digit. Read off its digits, because a logarithm may round across a power.
pub(super) fn exponent(value: f64) -> i32 {
    let text = format!("{value:e}");
    text.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1_234.0, "1,234"),
            (999.6, "1,000"),
            (999_499.0, "999,499"),
            (999_500.0, "1 M"),
            (1_200_000.0, "1.2 M"),
            (-45_678_901.0, "−45.7 M"),
            (2.5e9, "2.5 bn"),
            (3.2e12, "3.2 tn"),
            (1e15, "1e15"),
            (12.345, "12.3"),
            (99.96, "100"),
            (0.001_234, "0.0012"),
            (0.012_34, "0.0123"),
            (0.000_1, "0.0001"),
            (0.000_012, "1.2e-5"),
            (f64::INFINITY, "∞"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(short(value).replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn counts_have_groups_of_three() {
        assert_eq!(
            [0, 12, 123, 1_234, 123_456, 1_234_567].map(count),
            ["0", "12", "123", "1,234", "123,456", "1,234,567"]
        );
    }

    #[test]
    fn one_of_something_is_no_plural() {
        let rows = |n| counted(n, "row", "rows");
        assert_eq!([0, 1, 2, 1_234].map(rows), ["0 rows", "1 row", "2 rows", "1,234 rows"]);
    }

    #[test]
    fn a_number_that_rounds_to_zero_has_no_sign() {
        assert_eq!([fixed(-0.001, 2), fixed(-0.01, 2), fixed(2.0, 0)], ["0.00", "−0.01", "2"]);
        assert_eq!(short(f64::NEG_INFINITY), "−∞");
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        let plain = |text: String| text.replace('\u{a0}', " ");
        assert_eq!([0.0, 0.0001, 0.241, 1.0].map(|s| plain(percent(s))), ["0 %", "< 0.1 %", "24.1 %", "100 %"]);
        assert_eq!([0.0, 0.001, 0.174].map(|s| plain(whole_percent(s))), ["0 %", "< 1 %", "17 %"]);
    }

    #[test]
    fn a_power_of_ten_is_found_exactly() {
        assert_eq!([1000.0, 999.999, 1e-3, 1e300].map(exponent), [3, 2, -3, 300]);
    }
}
