//! Patterns such as `data/*.csv`, for shells that do not expand them, and for more files than a command line takes.

use super::{STANDARD_INPUT, unreadable};
use crate::error::{Error, Place, Result, escaped};
use glob::MatchOptions;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// As a shell matches: `*` stays within a folder, and hidden files are not meant.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files that paths and patterns name, those of a pattern in the order of their names. A file whose name holds the
/// characters of a pattern is that file; `-` is standard input.
///
/// # Errors
/// [`Error::Data`] for a pattern that no file matches, and [`Error::Usage`] for a file named twice, whose rows would count
/// double.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        match pattern(path) {
            Some(text) => files.extend(matches(text)?),
            None => files.push(path.clone()),
        }
    }
    refuse_twice(&files)?;
    Ok(files)
}

/// The pattern that a path is, if it is one.
fn pattern(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|text| text.contains(['*', '?', '[']))?;
    path.symlink_metadata().is_err().then_some(text)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    let refuse =
        |message: String| Error::data(Place::file(pattern), message, "check the path and the working directory");
    let found = glob::glob_with(pattern, MATCHING).map_err(|e| refuse(format!("no such file, nor a pattern: {e}")))?;
    let found: std::result::Result<Vec<PathBuf>, _> = found.collect();
    let mut found = found.map_err(|e| unreadable(&e.path().display().to_string(), e.error()))?;
    if found.is_empty() {
        return Err(refuse("no file matches this pattern".into()));
    }
    found.sort();
    Ok(found)
}

fn refuse_twice(files: &[PathBuf]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for file in files {
        let standard = file == Path::new(STANDARD_INPUT);
        let regular = !standard && file.is_file();
        let same = if regular { file.canonicalize().unwrap_or_else(|_| file.clone()) } else { file.clone() };
        if !seen.insert((standard, same)) {
            let name = if standard { "standard input".into() } else { escaped(&file.to_string_lossy()) };
            return Err(Error::Usage(format!("{name} is given twice: its rows would count double")));
        }
    }
    Ok(())
}
