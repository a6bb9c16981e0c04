//! What people read: who is in which segment, and who they are.

mod assignments;
mod profile;
mod rejects;
pub mod report;

pub use assignments::{Assignments, Beside, Closest};
pub use profile::{ColumnProfile, Entry, Figures, Kind, MOST_LEVELS, Numeric, OTHER, Profile, Roles, suggested_names};
pub use rejects::write_rejects;

/// The digits of a whole number in groups of three: 48211930 as 48,211,930.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A text cell made safe to open in a spreadsheet: one that would start a formula gets a leading apostrophe (OWASP, *CSV
/// injection*). Numbers are left alone.
#[must_use]
pub fn defused(cell: &str) -> std::borrow::Cow<'_, str> {
    let starts =
        cell.trim_start_matches([' ', '"']).starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if starts && cell.parse::<f64>().is_err() { format!("'{cell}").into() } else { cell.into() }
}

/// A text field of a CSV file, defused, and quoted where it must be: RFC 4180, and where a spreadsheet of another locale
/// would cut it at its own separator and run what follows.
fn push_text(text: &mut String, field: &str) {
    let field = defused(field);
    if field.contains([',', '"', '\n', '\r', ';', '\t']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(&field);
    }
}

#[cfg(test)]
mod tests {
    use super::defused;

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        for formula in ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", " =1", "\"=1", "＝1"] {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for fine in ["-5", "+3", "-1e-5", "C0001", "a=b", ""] {
            assert_eq!(defused(fine), fine);
        }
    }
}
