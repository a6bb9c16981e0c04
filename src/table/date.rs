//! Dates and times as days since 1970-01-01.
//!
//! ISO 8601 only, with slashes allowed: of `03/04/2024` nobody can say which is the month. Days are counted in the
//! proleptic Gregorian calendar (the algorithm is Howard Hinnant's *days from civil*), without leap seconds; a time without
//! an offset is taken as it stands.

/// Nanoseconds in a day.
const DAY: i64 = 86_400_000_000_000;

/// A day and the nanoseconds since its start, as days since 1970-01-01, rounded once.
pub(super) fn days(day: i64, nanoseconds: i64) -> f64 {
    let (day, rest) = (day + nanoseconds.div_euclid(DAY), nanoseconds.rem_euclid(DAY));
    day as f64 + rest as f64 / DAY as f64
}

/// Reads `2024-03-31`, `2024/03/31`, or one of these with a time: `T` or a space, `hh:mm`, `:ss`, a fraction, and `Z` or an
/// offset as `+02:00`.
pub(super) fn parse(text: &[u8]) -> Option<f64> {
    let (year, rest) = number(text, 4)?;
    let (separator, rest) = rest.split_first()?;
    if !matches!(separator, b'-' | b'/') {
        return None;
    }
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest.strip_prefix(&[*separator])?, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let date = from_civil(year, month, day);
    match rest.split_first() {
        None => Some(days(date, 0)),
        Some((b'T' | b't' | b' ', rest)) => Some(days(date, time(rest)?)),
        Some(_) => None,
    }
}

/// Nanoseconds since midnight (UTC if an offset is given).
fn time(text: &[u8]) -> Option<i64> {
    let (hour, rest) = number(text, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (mut second, mut fraction) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = number(after, 2)?;
        if let Some(after) = rest.strip_prefix(b".") {
            let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            fraction = number(after, digits)?.0 * 10i64.pow(u32::try_from(9 - digits).ok()?);
            rest = &after[digits..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction;
    Some(local - offset(rest)? * 60_000_000_000)
}

/// Minutes east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        _ => number(rest.strip_prefix(b":").unwrap_or(rest), 2)?,
    };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The first `digits` digits as a number, and what follows.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    let value = head.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))?;
    Some((value, rest))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A day count as a date: `2024-03-31`, with the time if there is one.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "days of four-digit years; beyond them a number is shown")]
pub fn spelt(days: f64) -> String {
    let day = days.floor();
    if day.is_nan() || day.abs() > 3_000_000.0 {
        return days.to_string();
    }
    let (z, seconds) = (day as i64 + 719_468, ((days - day) * 86_400.0 + 1e-4).floor() as i64);
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match seconds {
        0 => date,
        s => format!("{date} {:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

/// Reads a date as a user writes it: days since 1970-01-01.
#[must_use]
pub fn date(text: &str) -> Option<f64> {
    parse(text.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("1969-12-31", -1.0),
            ("2000-03-01", 11_017.0),
            ("2024-02-29", 19_782.0),
            ("2024/02/29", 19_782.0),
            ("1900-02-28", -25_509.0),
            ("0001-01-01", -719_162.0),
            ("1970-01-02T12:00", 1.5),
            ("1970-01-02 06:00:00", 1.25),
            ("1970-01-01T00:00:00.5Z", 0.5 / 86_400.0),
            ("1970-01-01T00:30:00+02:00", -0.0625),
            ("1970-01-01T00:30:00-0130", 2.0 / 24.0),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2023-02-29",
            "1900-02-29",
            "2024-1-1",
            "24-01-01",
            "2024-01/01",
            "2024-01-01x",
            "2024-01-01T",
            "2024-01-01T24:00",
            "2024-01-01T10",
            "2024-01-01T10:60",
            "2024-01-01T10:00:00.",
            "2024-01-01T10:00+",
            "2024-01-01T10:00+25:00",
            "01/02/2024",
            "2024-01-01T10:00:00.1234567890",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_spelt_as_it_was_read() {
        for text in
            ["1970-01-01", "1969-12-31", "2024-02-29", "2000-12-31", "0001-01-01", "9999-12-31", "2024-02-29 13:37:59"]
        {
            assert_eq!(spelt(date(text).unwrap()), text);
        }
        assert_eq!(spelt(f64::NAN), "NaN");
    }
}
