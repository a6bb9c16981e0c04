//! The report's data for programs, inside the page.

use super::Report;
use crate::error::{Error, Result, is_hidden, spelt_out};
use serde::Serialize;

/// The version of the data; a program should look at it.
const SCHEMA: &str = "segma.report/1";

#[derive(Serialize)]
struct Copy<'a> {
    schema: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as JSON that can stand in a `<script>` element and in XML. The points of the scatter and the silhouettes of single
/// customers are left out: they are many, and in other files.
pub(super) fn json(report: &Report) -> Result<String> {
    let text = serde_json::to_string(&Copy { schema: SCHEMA, report });
    text.map(|t| contained(&t)).map_err(|e| Error::Broken(format!("the report cannot be written as JSON: {e}")))
}

/// JSON without markup and without hidden characters. All of these can only stand in its strings.
fn contained(json: &str) -> String {
    spelt_out(json, |c| is_hidden(c) || matches!(c, '<' | '>' | '&' | '\u{fffe}' | '\u{ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_script_and_all_reads_back() {
        let mut report = Report::default();
        report.headline.title = "</script><!-- & \u{202e}\u{1b} \u{1f600}".into();
        let text = json(&report).unwrap();
        assert!(!text.contains(['<', '>', '&', '\u{202e}', '\u{1b}']), "{text}");
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["headline"]["title"], report.headline.title);
        assert_eq!(back["schema"], SCHEMA);
    }
}
