//! Rows that were left out because they cannot be used: how many may be, the list of them, and the note about them.

use super::args::{OnErrorArg, TableArgs};
use super::output::{Folder, OneFile, place};
use segma::error::{Error, Result};
use segma::note::Note;
use segma::segments::{grouped, write_rejects};
use segma::table::Table;
use std::path::{Path, PathBuf};

/// The list in a run folder.
pub(super) const REJECTS: &str = "rejects.csv";

/// Most rows that are left out, unless another number is given. More are rarely dirt: they are a wrong separator or column.
const MOST: usize = 10_000;

/// Lines named in the note.
const NAMED: usize = 5;

impl TableArgs {
    /// How many rows may be left out; `None` if none is to be.
    pub(super) fn most_rejects(&self) -> Option<usize> {
        (self.on_error == OnErrorArg::Skip).then(|| self.max_rejects.unwrap_or(MOST))
    }

    /// The list's name in a run folder, if there is to be one.
    pub(super) fn rejects_in_folder(&self) -> Option<&'static str> {
        self.most_rejects().map(|_| REJECTS)
    }
}

/// Where the list goes beside labels: where it was asked for, or beside their file as `NAME.rejects.csv`. Labels on standard
/// output have no file to put it beside, and a row must not be left out without being listed.
pub(super) fn beside(args: &TableArgs, asked: Option<&PathBuf>, output: Option<&Path>) -> Result<Option<PathBuf>> {
    if args.most_rejects().is_none() {
        return Ok(None);
    }
    let list = asked.cloned().or_else(|| output.map(|output| output.with_extension(REJECTS)));
    let unlisted = "--on-error skip leaves rows out, and standard output has no place for the list of them; name a file for it \
                    with --rejects, or one for the segments with --output";
    list.map(Some).ok_or_else(|| Error::Usage(unlisted.into()))
}

/// Where the list of a verb goes that says nothing of single rows: where it was asked for.
pub(super) fn asked(args: &TableArgs, asked: Option<&PathBuf>) -> Option<PathBuf> {
    args.most_rejects().and(asked.cloned())
}

/// The files that a verb writes, which must be two if both are there.
pub(super) fn files(output: Option<&PathBuf>, list: Option<&PathBuf>) -> Result<Vec<PathBuf>> {
    if output.is_some() && output.map(|file| place(file)) == list.map(|file| place(file)) {
        return Err(Error::Usage("--rejects and --output name one file; give them two".into()));
    }
    Ok(output.into_iter().chain(list).cloned().collect())
}

/// Begins the list as a file, if there is to be one.
pub(super) fn create(list: Option<&PathBuf>, force: bool) -> Result<Option<OneFile>> {
    list.map(|path| OneFile::create(path, force)).transpose()
}

/// Writes the list into a run folder, if there is to be one.
pub(super) fn write_into(folder: &Folder, args: &TableArgs, table: &Table) -> Result<()> {
    args.rejects_in_folder().map_or(Ok(()), |name| folder.write(name, |out| write_rejects(&table.rejects, out)))
}

/// Writes the list as a file.
pub(super) fn write(file: Option<OneFile>, table: &Table) -> Result<()> {
    file.map_or(Ok(()), |file| file.write(|out| write_rejects(&table.rejects, out)))
}

/// What should be known of the reading of a table.
pub(super) fn notes(table: &Table) -> impl Iterator<Item = Note> {
    let spelt = |separator: char| if separator == '\t' { "tabs".into() } else { format!("'{separator}'") };
    let separator = table.separator.map(|s| Note::new("separator", format!("columns are separated by {}", spelt(s))));
    separator.into_iter().chain(rejected(table))
}

/// How many rows were left out. It stays in the model, so it names lines and no values.
fn rejected(table: &Table) -> Option<Note> {
    let rejects = &table.rejects;
    let at = |(line, row): (Option<u64>, usize)| line.unwrap_or(row as u64 + 1).to_string();
    let named: Vec<String> = rejects.iter().take(NAMED).map(|r| at((r.place.line, r.row))).collect();
    let what = if rejects.first()?.place.line.is_some() { "line" } else { "row" };
    let plural = if rejects.len() == 1 { "" } else { "s" };
    let were = if rejects.len() == 1 { "was" } else { "were" };
    let more = if rejects.len() > NAMED { ", .." } else { "" };
    let text = format!(
        "{} row{plural} cannot be used and {were} left out: {what}{plural} {}{more}",
        grouped(&rejects.len().to_string()),
        named.join(", ")
    );
    Some(Note::new("rejected", text))
}
