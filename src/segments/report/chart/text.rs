//! Text in a drawing: how wide it is, about, and what of it fits.

use crate::error::escaped;
use minijinja::HtmlEscape;

/// The width of a text at a font size. A guess that errs wide: the reader's font is not known.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' | '·' => 0.32,
        't' | 'f' | 'r' | ' ' | '\u{a0}' | '(' | ')' | '-' | '/' | '[' | ']' => 0.4,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' | '−' | '+' | '=' | '<' | '>' => 0.7,
        c if u32::from(c) >= 0x1100 => 1.05,
        _ => 0.58,
    }
}

/// What of a text fits into `room`, with `…` where it was cut.
pub(crate) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let (mut used, mut kept) = (0.6 * size, String::new());
    for c in text.chars() {
        used += advance(c) * size;
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.trim_end_matches([' ', ',', '\u{a0}']).to_owned() + "…"
}

/// A text in at most `lines` lines that fit into `room`, broken at spaces where there are some.
pub(crate) fn wrapped(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let last = out.len() - 1;
        let joined = if out[last].is_empty() { word.to_owned() } else { format!("{} {word}", out[last]) };
        if out[last].is_empty() || out.len() == lines || width(&joined, size) <= room {
            out[last] = joined;
        } else {
            out.push(word.to_owned());
        }
    }
    out.into_iter().map(|line| fitted(&line, size, room)).collect()
}

/// Text made safe for markup, hidden characters made visible.
pub(crate) fn safe(text: &str) -> String {
    HtmlEscape(&escaped(text)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(fitted("short", 12.0, 100.0), "short");
        let cut = fitted("High spend, recent, many web visits", 12.0, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 101.0, "{cut}");
    }

    #[test]
    fn a_line_breaks_between_words() {
        assert_eq!(wrapped("High spend, recent", 12.0, 80.0, 3), ["High spend,", "recent"]);
        assert_eq!(wrapped("a b c d e f g h i j", 12.0, 30.0, 2).len(), 2);
        assert_eq!(wrapped("", 12.0, 30.0, 2), [""]);
    }

    #[test]
    fn markup_and_hidden_characters_stay_text() {
        assert_eq!(safe("\"><img onerror='x'>\u{202e}"), "&quot;&gt;&lt;img onerror=&#x27;x&#x27;&gt;\\u{202e}");
    }
}
