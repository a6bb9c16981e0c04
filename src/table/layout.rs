//! A table of several files: columns are matched by name, and what they hold is found over all files.
//!
//! The first file says what the options mean: which columns are read, and in which order they come. Every other file must
//! have those that are read, in any order, and may have others only if the options do not take them in. Its rows are added to the columns of the
//! files before as the rows of one file are, so that the table is exactly that of the files written one behind the other.

use super::columns::Columns;
use super::rejects::Reject;
use super::{Column, Extent, Lines, Part, ReadOptions, Resolved, Table, Values};
use crate::error::{Error, Place, Result, escaped, printable, suggestion};
use crate::store::Store;

/// What is asked of a file: the options, and the files before it if there are any.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) options: &'a ReadOptions,
    pub(super) before: Option<&'a Parsed>,
}

/// Files that were read, their columns not finished yet.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) parts: Vec<Part>,
    /// The columns of the first file, and what is read of them.
    pub(super) names: Vec<String>,
    pub(super) meant: Resolved,
    pub(super) columns: Columns,
    /// Columns that are left out, with what they hold.
    pub(super) unsupported: Vec<(usize, String)>,
    /// Records that cannot be rows.
    pub(super) rejects: Vec<Reject>,
    /// What separates the columns of text, if it was found and is no comma.
    pub(super) separator: Option<char>,
    /// All rows of the files, if that is known.
    pub(super) extent: Option<Extent>,
}

impl<'a> Asked<'a> {
    /// Of a file of its own.
    #[cfg(test)]
    pub(super) fn of(options: &'a ReadOptions) -> Self {
        Self { options, before: None }
    }

    /// What is meant in a file with columns of these names; `header` is the place of the names.
    pub(super) fn resolve(&self, names: &[String], header: &Place) -> Result<Resolved> {
        match self.before {
            Some(first) => first.resolve(self.options, names, header),
            None => self.options.resolve(names, header),
        }
    }
}

impl Parsed {
    /// A file of which all is read.
    pub(super) fn file(source: &str, names: Vec<String>, meant: Resolved, columns: Columns, lines: Lines) -> Self {
        let rows = columns.rows();
        let parts = vec![Part { source: source.to_owned(), rows, lines }];
        let extent = Some(Extent { rows: rows as u64, exact: true });
        let (unsupported, rejects, separator) = (Vec::new(), Vec::new(), None);
        Self { parts, names, meant, columns, unsupported, rejects, separator, extent }
    }

    /// What is meant in a further file.
    fn resolve(&self, options: &ReadOptions, names: &[String], header: &Place) -> Result<Resolved> {
        let first = &self.parts[0].source;
        let read = (0..self.names.len()).filter(|i| self.meant.wanted[*i] || self.meant.kept[*i]);
        if let Some(name) = read.map(|i| &self.names[i]).find(|name| !names.contains(name)) {
            let near = suggestion(name, names.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean '{}'?", printable(near)));
            let message = format!("no column '{}', which {} has{near}", printable(name), escaped(first));
            return Err(Error::data(header.clone(), message, "files that are read together need the same columns"));
        }
        let further: Vec<&String> = names.iter().filter(|name| !self.names.contains(name)).collect();
        // Selections are by place too: what they mean is what they mean in the first file, with further columns behind.
        let all: Vec<String> = self.names.iter().chain(further.iter().copied()).cloned().collect();
        let meant = if further.is_empty() { Resolved::default() } else { options.resolve(&all, header)? };
        let taken = (self.names.len()..all.len()).find(|i| meant.wanted[*i] || meant.kept[*i]);
        if let Some(i) = taken {
            let message = format!("column '{}' is not in {}", printable(&all[i]), escaped(first));
            let hint = "files that are read together need the same columns; --columns names those to use";
            return Err(Error::data(header.clone(), message, hint));
        }
        Ok(self.meant.at(&self.names, names))
    }

    /// Adds the rows of a further file.
    pub(super) fn append(&mut self, mut later: Self, store: &Store) -> Result<()> {
        let source = later.parts[0].source.clone();
        let Some(columns) = std::mem::take(&mut later.columns).in_order_of(&self.columns) else {
            let left_out = |of: &Self| of.unsupported.iter().map(|(i, _)| of.names[*i].clone()).collect::<Vec<_>>();
            let (here, there) = (left_out(&later), left_out(self));
            let differs = here.iter().find(|n| !there.contains(n)).or(there.iter().find(|n| !here.contains(n)));
            let place = Place::file(source).in_column(differs.cloned().unwrap_or_default());
            let message = format!("of another type than in {}", escaped(&self.parts[0].source));
            return Err(Error::data(place, message, "write the column in the same way in all files, or leave it out"));
        };
        let rows = self.columns.rows();
        self.rejects.extend(later.rejects.into_iter().map(|reject| Reject { row: rows + reject.row, ..reject }));
        self.separator = self.separator.or(later.separator);
        self.extent = self.extent.zip(later.extent).map(|(before, further)| Extent {
            rows: before.rows.saturating_add(further.rows),
            exact: before.exact && further.exact,
        });
        self.columns.append(vec![columns], store)?;
        self.parts.append(&mut later.parts);
        let new = later.meant.unread.into_iter().filter(|name| !self.meant.unread.contains(name)).collect::<Vec<_>>();
        self.meant.unread.extend(new);
        Ok(())
    }

    /// The table.
    pub(super) fn finish(self, options: &ReadOptions) -> Result<Table> {
        let source = match &self.parts[..] {
            [only] => only.source.clone(),
            [first, _] => format!("{} and another file", first.source),
            [first, further @ ..] => format!("{} and {} further files", first.source, further.len()),
            [] => String::new(),
        };
        let table = Table {
            source,
            rows: self.columns.rows(),
            parts: self.parts,
            columns: Vec::new(),
            kept: Vec::new(),
            selected: self.meant.selected,
            further: self.meant.further,
            unread: self.meant.unread,
            left_out: Vec::new(),
            store: options.store.clone(),
            rejects: self.rejects,
            separator: self.separator,
            extent: self.extent.filter(|_| options.beginning),
        };
        Ok(with_unsupported(self.columns.finish(table, options)?, &self.names, self.unsupported))
    }
}

/// A table with the columns that are left out among the others.
fn with_unsupported(mut table: Table, names: &[String], unsupported: Vec<(usize, String)>) -> Table {
    if unsupported.is_empty() {
        return table;
    }
    let mut read = std::mem::take(&mut table.columns).into_iter().peekable();
    let mut unsupported = unsupported.into_iter().peekable();
    for (i, name) in names.iter().enumerate() {
        if let Some((_, kind)) = unsupported.next_if(|(at, _)| *at == i) {
            let values = Values::Unsupported(kind);
            table.columns.push(Column { name: name.clone(), missing: 0, first_missing: None, values });
        }
        table.columns.extend(read.next_if(|column| column.name == *name));
    }
    table
}
