//! Numbers that are spelt as people write them: told by name, so that a column of them is not taken for names.
//!
//! None of them is read as a number on a guess, for `1,234` is one thing in Berlin and another in Boston.

use super::number::{self, Cell};

/// How a text that is no number looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disguise {
    /// What it looks like, as "a number with a percent sign".
    pub what: String,
    /// The next step.
    pub hint: &'static str,
}

const PLAIN: &str = "write plain numbers such as 1234.5";
const COMMA: &str = "use --decimal , if the comma stands before the decimals, or write numbers with a point";

/// How a text looks like a number that it is not.
#[must_use]
pub fn disguise(text: &str) -> Option<Disguise> {
    let text = text.trim_matches([' ', '\t']);
    let (what, hint) = spaced(text).or_else(|| marked(text)).or_else(|| grouped(text))?;
    Some(Disguise { what, hint })
}

fn is_number(text: &str) -> bool {
    matches!(number::cell(text.as_bytes(), &[]), Cell::Number(_))
}

/// A number, or one that is disguised in its digits only.
fn is_like_one(text: &str) -> bool {
    is_number(text) || grouped(text).is_some()
}

/// Spaces that are no spaces, and signs of no width.
fn spaced(text: &str) -> Option<(String, &'static str)> {
    let odd = |c: char| {
        matches!(c, '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let first = text.chars().find(|c| odd(*c))?;
    let what = format!("a number with the character U+{:04X} in it, which cannot be seen", u32::from(first));
    is_like_one(&text.replace(odd, "")).then_some((what, "remove that character"))
}

/// A unit, or parentheses for a sign.
fn marked(text: &str) -> Option<(String, &'static str)> {
    const UNITS: [&str; 9] = ["€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF", "JPY"];
    let number = |rest: Option<&str>| rest.is_some_and(|rest| is_like_one(rest.trim()));
    if number(text.strip_suffix('%')) {
        return Some(("a number with a percent sign".into(), PLAIN));
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let unit = UNITS.iter().find(|unit| {
        number(text.strip_suffix(**unit)) || number(unsigned.strip_prefix(**unit).map(|rest| rest.trim_start()))
    });
    if unit.is_some() {
        return Some(("a number with a currency".into(), PLAIN));
    }
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let wide = |c: char| matches!(c, '\u{ff10}'..='\u{ff19}' | '\u{ff0e}' | '\u{ff0d}');
    match () {
        () if sign.is_empty() && number(inside) => Some(("a negative number in parentheses".into(), PLAIN)),
        () if text.chars().all(wide) && !text.is_empty() => Some(("a number in full-width digits".into(), PLAIN)),
        () => None,
    }
}

/// Commas, and what parts thousands.
fn grouped(text: &str) -> Option<(String, &'static str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let in_groups = |whole: &str, by: char| {
        let mut groups = whole.split(by);
        let first = groups.next().is_some_and(|g| digits(g) && g.len() <= 3 && !g.starts_with('0'));
        let mut rest = groups.peekable();
        first && rest.peek().is_some() && rest.all(|g| digits(g) && g.len() == 3)
    };
    let (whole, decimals) = unsigned.split_once('.').map_or((unsigned, None), |(w, d)| (w, Some(d)));
    for by in [',', ' ', '\'', '\u{2019}', '_'] {
        if in_groups(whole, by) && decimals.is_none_or(digits) {
            let may = if by == ',' && decimals.is_none() && whole.matches(',').count() == 1 { COMMA } else { PLAIN };
            return Some(("a number with thousands separators".into(), may));
        }
    }
    let (whole, decimals) = unsigned.split_once(',')?;
    if digits(whole) && digits(decimals) {
        return Some(("a number with a decimal comma".into(), COMMA));
    }
    let parted = ['.', ' ', '\''].into_iter().any(|by| in_groups(whole, by));
    (parted && digits(decimals)).then(|| ("a number with thousands separators and a decimal comma".into(), PLAIN))
}

#[cfg(test)]
mod tests {
    use super::disguise;

    #[test]
    fn spellings_of_people_are_named() {
        for (text, what) in [
            ("1,5", "decimal comma"),
            ("-12,25", "decimal comma"),
            ("1.234,56", "thousands separators and a decimal comma"),
            ("1,234", "thousands"),
            ("1,234,567.8", "thousands"),
            ("1 234", "thousands"),
            ("1'234", "thousands"),
            ("1_000", "thousands"),
            ("5%", "percent"),
            ("5,5 %", "percent"),
            ("\u{20ac}5", "currency"),
            ("-$5", "currency"),
            ("EUR 5", "currency"),
            ("1,234.50 USD", "currency"),
            ("(5)", "parentheses"),
            ("\u{a0}5", "U+00A0"),
            ("5\u{200b}", "U+200B"),
            ("1\u{202f}234", "U+202F"),
            ("\u{ff11}\u{ff12}", "full-width"),
        ] {
            let found = disguise(text).unwrap_or_else(|| panic!("{text:?}"));
            assert!(found.what.contains(what), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn names_numbers_and_codes_are_no_disguise() {
        for text in [
            "",
            "5",
            "-1.5",
            "red",
            "A1",
            "ABC 123",
            "10-20",
            "1.2.3",
            "(a)",
            "%",
            "$",
            "1,",
            ",5",
            "12:30",
            "1 2",
            "030 123 456",
            "3,4 rooms",
        ] {
            assert_eq!(disguise(text), None, "{text:?}");
        }
    }
}
