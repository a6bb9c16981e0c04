//! The list of rows that were left out: for whoever mends the file, so it names lines and says why in words.

use super::push_text;
use crate::table::Reject;
use std::io::{self, Write};

/// Writes rejected rows as CSV, with the columns `file`, `line` (of the file; the data row where the format has no lines),
/// `column` (empty if the whole row is to blame), `reason` and `value`.
///
/// # Errors
/// What `out` says.
pub fn write_rejects(rejects: &[Reject], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    out.write_all(b"file,line,column,reason,value\n")?;
    let mut text = String::new();
    for reject in rejects {
        text.clear();
        push_text(&mut text, reject.place.file.as_deref().unwrap_or_default());
        text.push(',');
        let line = reject.place.line.or(reject.place.row).unwrap_or(reject.row as u64 + 1);
        text.push_str(&line.to_string());
        for field in [reject.place.column.as_deref().unwrap_or_default(), &reject.reason, &reject.value] {
            text.push(',');
            push_text(&mut text, field);
        }
        text.push('\n');
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;

    #[test]
    fn every_text_of_a_reject_is_defused_and_quoted() {
        let place = Place::file("=a.csv").at_line(7).in_column("+b");
        let value = "=HYPERLINK(\"x\",1)".to_owned();
        let whole = Place::file("b.npy").at_row(2);
        let rejects = [
            Reject { row: 5, place, reason: "'=H..' is not a number".into(), value },
            Reject { row: 1, place: whole, reason: "the value is infinite".into(), value: "-inf".into() },
        ];
        let mut out = Vec::new();
        write_rejects(&rejects, &mut out).unwrap();
        let expected = "file,line,column,reason,value\n\
            '=a.csv,7,'+b,'=H..' is not a number,\"'=HYPERLINK(\"\"x\"\",1)\"\n\
            b.npy,2,,the value is infinite,-inf\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
