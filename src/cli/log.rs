//! Lines on stderr: words for people, or with `--log-format json` an object each, for programs.

use segma::error::{is_hidden, spelt_out};
use serde_json::json;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The run failed.
    Error,
    /// Worth knowing of the result.
    Note,
    /// How it goes.
    Info,
}

/// Of the whole program: a panic in any thread is told in the same way.
static JSON: AtomicBool = AtomicBool::new(false);

/// From here on every line is an object, that of a panic too.
pub(super) fn use_json() {
    JSON.store(true, Ordering::Relaxed);
    std::panic::set_hook(Box::new(|panic| log(Level::Error, "panic", panic)));
}

/// Whether lines are objects.
pub(super) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// A line on stderr. A stderr that cannot be written is no reason to fail.
pub(super) fn log(level: Level, code: &str, message: impl Display) {
    let text = line(is_json(), level, code, &message.to_string());
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn line(json: bool, level: Level, code: &str, message: &str) -> String {
    let word = match level {
        Level::Error => "error",
        Level::Note => "note",
        Level::Info => "info",
    };
    match (json, level) {
        (true, _) => visible(&json!({ "level": word, "code": code, "message": message }).to_string()),
        (false, Level::Info) => message.to_owned(),
        (false, _) => format!("{word}: {message}"),
    }
}

/// A JSON text in which characters that cannot be seen are spelt out: the same strings, and safe to show. Outside of
/// strings JSON has no such characters but line ends.
pub(super) fn visible(json: &str) -> String {
    spelt_out(json, |c| is_hidden(c) && c != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_line_is_words_or_an_object() {
        assert_eq!(line(false, Level::Note, "no_id", "no id"), "note: no id");
        assert_eq!(line(false, Level::Info, "step", "reading"), "reading");
        let object: Value = serde_json::from_str(&line(true, Level::Error, "data", "a\nb")).unwrap();
        assert_eq!(object, json!({ "level": "error", "code": "data", "message": "a\nb" }));
    }

    #[test]
    fn hidden_characters_are_spelt_out_and_read_back() {
        let text = "a\u{1b}\u{9b}\u{7f}\u{202e}é";
        let safe = visible(&format!("{:#}", json!({ "x": text })));
        assert!(!safe.chars().any(|c| is_hidden(c) && c != '\n'), "{safe:?}");
        assert_eq!(serde_json::from_str::<Value>(&safe).unwrap()["x"], text);
    }
}
