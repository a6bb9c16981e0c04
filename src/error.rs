//! What can go wrong, where, and the exit code it means.
//!
//! Every message names the thing, the place (file, line, column), the value, and the next step. The library returns
//! these and never prints; the program turns them into an exit code.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// A result of segma.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in the input a problem was found; every part may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: Option<String>,
    /// The line (1-based) at which the record starts.
    pub line: Option<u64>,
    /// The data row (1-based, the header not counted), where the format has no lines.
    pub row: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
}

impl Place {
    /// A place that knows its file only.
    pub fn file(name: impl Into<String>) -> Self {
        Self { file: Some(name.into()), ..Self::default() }
    }

    /// The same place at a line (1-based).
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same place at a data row (1-based).
    #[must_use]
    pub fn at_row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// The same place in a column.
    #[must_use]
    pub fn in_column(mut self, name: impl Into<String>) -> Self {
        self.column = Some(name.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(self.file.as_deref().unwrap_or("data")))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        } else if let Some(row) = self.row {
            write!(f, ": row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ": column '{}'", printable(column))?;
        }
        Ok(())
    }
}

/// The one error type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request makes no sense, whatever the data.
    #[error("{0}")]
    Usage(String),
    /// The data cannot be used.
    #[error("{place}: {message}{}", hint_line(.hint))]
    Data {
        /// Where.
        place: Box<Place>,
        /// What is wrong, with the value.
        message: String,
        /// The next step; may be empty.
        hint: String,
    },
    /// The model file cannot be used.
    #[error("{}: {}", escaped(&.path.display().to_string()), escaped(.message))]
    Model {
        /// The model file.
        path: PathBuf,
        /// What is wrong, with the path inside the file.
        message: String,
    },
    /// The fit reached its iteration limit and convergence was required.
    #[error("not converged after {iterations} iterations; raise --max-iter or --tol, or drop --require-convergence")]
    NotConverged {
        /// Passes made.
        iterations: u32,
    },
    /// The device asked for is missing, lost or full.
    #[error("{0}")]
    Device(String),
    /// A device gives wrong answers: which kernel, in which stage.
    #[error("{0}")]
    Wrong(String),
    /// The job would not fit in memory.
    #[error("{0}")]
    Memory(String),
    /// An output could not be written.
    #[error("{}: {message}", escaped(&.path.display().to_string()))]
    Output {
        /// The output.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// What was asked for rests on a condition that the data do not meet.
    #[error("{0}")]
    Gate(String),
    /// A promise of segma's is broken, by a bug of ours or of a driver.
    #[error("{0}")]
    Broken(String),
    /// Stopped, to be gone on with: how.
    #[error("{0}")]
    Stopped(String),
    /// The observer asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An error in the data at a place, with a hint (which may be empty).
    pub fn data(place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Data { place: Box::new(place), message: message.into(), hint: hint.into() }
    }

    /// An error in a model file.
    pub fn model(path: &Path, message: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), message: message.into() }
    }

    /// An output that could not be written.
    pub fn output(path: &Path, message: impl fmt::Display) -> Self {
        Self::Output { path: path.to_owned(), message: message.to_string() }
    }

    /// The same error, its place in `file` if it did not know the file.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        if let Self::Data { place, .. } = &mut self {
            place.file.get_or_insert_with(|| file.to_owned());
        }
        self
    }

    /// What kind of error it is, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Data { .. } => "data",
            Self::Model { .. } => "model",
            Self::NotConverged { .. } => "not_converged",
            Self::Device(_) | Self::Wrong(_) => "device",
            Self::Memory(_) => "memory",
            Self::Output { .. } => "output",
            Self::Gate(_) => "gate",
            Self::Broken(_) => "broken",
            Self::Interrupted => "interrupted",
            Self::Stopped(_) => "stopped",
        }
    }

    /// What is wrong, without the place and the next step.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Data { message, .. } | Self::Model { message, .. } | Self::Output { message, .. } => message.clone(),
            other => hinted(&other.to_string()).0.to_owned(),
        }
    }

    /// The next step; empty if none is known.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Data { hint, .. } => hint.clone(),
            other => hinted(&other.to_string()).1.to_owned(),
        }
    }

    /// Where, as far as that is known.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Data { place, .. } => (**place).clone(),
            Self::Model { path, .. } | Self::Output { path, .. } => Place::file(path.to_string_lossy()),
            _ => Place::default(),
        }
    }

    /// The exit code this error means.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Broken(_) => 1,
            Self::Usage(_) => 2,
            Self::Data { .. } => 3,
            Self::Model { .. } => 4,
            Self::NotConverged { .. } => 5,
            Self::Device(_) | Self::Wrong(_) => 6,
            Self::Memory(_) => 7,
            Self::Output { .. } => 8,
            Self::Gate(_) => 10,
            Self::Stopped(_) => 75,
            Self::Interrupted => 130,
        }
    }
}

/// What stands before a hint.
const HINT: &str = "\n  hint: ";

fn hint_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("{HINT}{hint}") }
}

/// A message that ends with a hint, taken apart.
fn hinted(text: &str) -> (&str, &str) {
    text.split_once(HINT).unwrap_or((text, ""))
}

/// Whether a character cannot be seen, or changes how others are shown: controls, bidirectional and other invisible ones.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A JSON text in which characters are spelt out for which `out` is true: the same strings. They must be ones that only stand in
/// strings.
#[must_use]
pub fn spelt_out(json: &str, out: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if out(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Text made safe for a terminal: control, bidirectional and other invisible characters become visible escapes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Text from data made safe for a terminal ([`escaped`]) and cut at 64 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    const LIMIT: usize = 64;
    match text.char_indices().nth(LIMIT) {
        Some((cut, _)) => escaped(&text[..cut]) + "…",
        None => escaped(text),
    }
}

/// The candidate closest to `name` (Jaro-Winkler over 0.8, letter case ignored), to suggest for a misspelt name.
#[must_use]
pub fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(&lower, &c.to_lowercase()), c))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, whose panics on this thread are not printed (once [`keep_panics_quiet`] was called).
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let before = QUIET.replace(true);
    let done = work();
    QUIET.set(before);
    done
}

/// Puts a hook before the process's panic hook that keeps what happens under [`quietly`] from it.
pub(crate) fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                hook(panic);
            }
        }));
    });
}

/// Runs `work` in code that is not ours and may panic: then that is said in words, and not printed.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    keep_panics_quiet();
    quietly(|| catch_unwind(AssertUnwindSafe(work))).map_err(|panic| panic_text(&*panic))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_file_line_column() {
        let place = Place::file("a.csv").at_line(30_002).in_column("age");
        assert_eq!(place.to_string(), "a.csv:30002: column 'age'");
    }

    #[test]
    fn a_long_path_is_never_cut() {
        let path = "folder/".repeat(20) + "a.csv";
        assert_eq!(Place::file(&path).to_string(), path);
        assert!(Error::model(Path::new(&path), "\u{1b}no").to_string().starts_with(&format!("{path}: \\u{{1b}}no")));
    }

    #[test]
    fn an_error_can_be_taken_apart() {
        let error = Error::data(Place::file("a.csv").at_line(3).in_column("x"), "no", "do it");
        assert_eq!((error.code(), error.message(), error.hint()), ("data", "no".into(), "do it".into()));
        assert_eq!(error.place(), Place::file("a.csv").at_line(3).in_column("x"));
        let gate = Error::Gate("no clear k\n  hint: say how many".into());
        assert_eq!((gate.message(), gate.hint()), ("no clear k".into(), "say how many".into()));
        let output = Error::output(Path::new("run"), "is full");
        assert_eq!((output.message(), output.place()), ("is full".into(), Place::file("run")));
    }

    #[test]
    fn an_error_learns_its_file_once() {
        let error = Error::data(Place::default().at_row(2), "no", "").in_file("a.npy").in_file("b.npy");
        assert_eq!(error.to_string(), "a.npy: row 2: no");
    }

    #[test]
    fn a_panic_becomes_words() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| -> u8 { panic!("no {}", 1) }), Err("no 1".to_owned()));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(printable(&"x".repeat(70)).chars().count(), 65);
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        assert_eq!(suggestion("recencey", ["spend", "recency"]), Some("recency"));
        assert_eq!(suggestion("zzz", ["spend", "recency"]), None);
    }
}
