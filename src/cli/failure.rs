//! How a run that went wrong says so: in words on stderr, and with `--json` as a document on stdout too.

use super::begin_document;
use super::log::{Level, log, visible};
use clap::error::ErrorKind;
use segma::error::{Error, Place, escaped};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// What went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    code: &'static str,
    message: String,
    hint: String,
    place: Box<Place>,
    /// All of it in words.
    text: String,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            exit: error.exit_code(),
            code: error.code(),
            message: error.message(),
            hint: error.hint(),
            place: Box::new(error.place()),
            text: error.to_string(),
        }
    }
}

impl From<&clap::Error> for Failure {
    fn from(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.lines().map(escaped).collect::<Vec<_>>().join("\n");
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let tips: Vec<&str> = rest.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
        let lines: Vec<&str> = message.lines().map(str::trim).collect();
        // Without a verb clap shows its help in the place of an error.
        let message = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "say what to do: segma --help".into(),
            _ => lines.join(" "),
        };
        let place = Box::default();
        Self { exit: 2, code: "usage", message, hint: tips.join("; "), place, text: text.to_owned() }
    }
}

impl Failure {
    /// A setting that cannot be used.
    pub(super) fn setting(place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let error = Error::data(place, message, hint);
        Self { exit: 2, code: "usage", ..Self::from(&error) }
    }

    /// Ended by a signal.
    pub(super) fn interrupted(signal: i32) -> Self {
        let error = Error::Interrupted;
        let text = "interrupted".to_owned();
        Self { exit: u8::try_from(128 + signal).unwrap_or(u8::MAX), message: text.clone(), text, ..Self::from(&error) }
    }

    pub(super) fn exit(&self) -> u8 {
        self.exit
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// A panic, whose own words are on stderr already.
    pub(super) fn bug() -> Self {
        let text = "this is a bug in segma; please report it with the command and the lines above";
        let (message, text) = (text.to_owned(), text.to_owned());
        Self { exit: 1, code: "bug", message, hint: String::new(), place: Box::default(), text }
    }

    /// Says it, and gives the exit code.
    pub(super) fn tell(&self, json: bool) -> ExitCode {
        let level = if ["stopped", "interrupted"].contains(&self.code) { Level::Info } else { Level::Error }; // as asked
        log(level, self.code, &self.text);
        if json && begin_document() {
            let text = visible(&format!("{:#}\n", self.document()));
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush()); // stderr has said it
        }
        ExitCode::from(self.exit)
    }

    /// The same for programs; what is not known is left out.
    fn document(&self) -> Value {
        let Place { file, line, row, column } = &*self.place;
        let parts = [
            ("schema", json!("segma.error/1")),
            ("ok", json!(false)),
            ("exit", json!(self.exit)),
            ("code", json!(self.code)),
            ("message", json!(self.message)),
            ("hint", json!(Some(&self.hint).filter(|hint| !hint.is_empty()))),
            ("file", json!(file)),
            ("line", json!(line)),
            ("row", json!(row)),
            ("column", json!(column)),
        ];
        let known = parts.into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(known.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_what_is_known_and_nothing_else() {
        let error = Error::data(Place::file("a.csv").at_line(7).in_column("x"), "not a number", "");
        let document = json!({
            "schema": "segma.error/1", "ok": false, "exit": 3, "code": "data", "message": "not a number",
            "file": "a.csv", "line": 7, "column": "x",
        });
        assert_eq!(Failure::from(&error).document(), document);
    }

    #[test]
    fn a_bug_is_exit_1() {
        let document = Failure::bug().document();
        assert_eq!((&document["exit"], &document["ok"], &document["code"]), (&json!(1), &json!(false), &json!("bug")));
    }
}
