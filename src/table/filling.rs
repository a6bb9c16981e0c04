//! A column being filled, one value at a time; and columns of later rows joined to it.
//!
//! What a column holds is found over the whole file: it is a column of numbers, of dates or of texts for as long as every
//! value is one. When a second kind comes, its values are let go at once, and the counting goes on, so that the message
//! about it can say how many rows are to blame; or the reader reads the column again, as text or as numbers. An infinity is
//! held back in the same way: it is an error in a number column, but only text in a column of names, and which of the two
//! a column is shows at the end.

use super::field::Field;
use super::levels::{Finding, Levels};
use super::number::{self, Cell, Decimals};
use super::numbers::Numbers;
use super::unfit::{self, Unfit, kept};
use super::{Column, ReadOptions, TextFound, Values, date};
use crate::error::{Error, Place, Result};
use crate::store::Store;

/// Numbers added to a column together.
const TOGETHER: usize = 256;

/// How cells are read.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    /// What else spells a missing value.
    nulls: Vec<Vec<u8>>,
    /// Numbers are spelt with a decimal comma.
    comma: bool,
    /// Values kept that do not fit a number column: the first, or as many as may be rejected and one.
    kept: usize,
}

impl Cells {
    pub(super) fn new(options: &ReadOptions) -> Self {
        let nulls = options.nulls.iter().map(|null| number::trim(null.as_bytes()).to_vec()).collect();
        Self { nulls, comma: options.decimal_comma, kept: options.rejects.unwrap_or(0).saturating_add(1) }
    }

    /// Whether what is a decimal with a point is a number.
    fn spell_decimals(&self) -> bool {
        self.nulls.is_empty() && !self.comma
    }

    /// What a field holds, if numbers are spelt with a comma or with a point.
    #[inline]
    fn read(&self, field: Field<'_>, comma: bool) -> Cell {
        if comma { number::cell_with_comma(field.bytes(), &self.nulls) } else { number::cell(field, &self.nulls) }
    }
}

/// As what a column is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum As {
    /// What it turns out to be.
    Found,
    /// Text whatever it holds, with these levels if they are known.
    Text(Vec<String>),
    /// Numbers; anything else does not fit.
    Numbers,
}

/// Room for values that are read together, used again for every column.
#[derive(Default)]
pub(super) struct Room<'t> {
    fields: Vec<Field<'t>>,
    decimals: Decimals,
}

/// A column being filled.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) name: String,
    kind: As,
    cells: Cells,
    /// The row of the table that it begins with.
    from: usize,
    rows: usize,
    missing: u64,
    first_missing: Option<usize>,
    unfit: Option<Unfit>,
    /// The first row that holds something else than a number, and that.
    first: Option<(usize, String)>,
    state: State,
}

/// What the values were so far.
#[derive(Debug)]
enum State {
    /// None was there.
    Empty,
    Numbers(Numbers),
    YesNo(Numbers),
    Dates(Numbers),
    Texts(Finding),
    Mixed(TextFound),
}

impl Filling {
    /// An empty column.
    pub(super) fn new(name: String, kind: As, cells: Cells) -> Self {
        let state = match &kind {
            As::Text(known) => State::Texts(Finding::new(known)),
            As::Found | As::Numbers => State::Empty,
        };
        Self { name, kind, cells, from: 0, rows: 0, missing: 0, first_missing: None, unfit: None, first: None, state }
    }

    /// The same column without rows, for those of the table from this one on.
    pub(super) fn at_row(&self, row: usize) -> Self {
        Self { from: row, ..Self::new(self.name.clone(), self.kind.clone(), self.cells.clone()) }
    }

    /// Adds a value as it is spelt.
    pub(super) fn field(&mut self, field: &[u8]) {
        self.read(field, self.cells.comma);
    }

    /// Adds values as they are spelt, in some room for them.
    pub(super) fn fields<'t>(&mut self, mut fields: impl Iterator<Item = Field<'t>>, room: &mut Room<'t>) {
        loop {
            room.fields.clear();
            room.fields.extend(fields.by_ref().take(TOGETHER));
            if room.fields.is_empty() {
                return;
            }
            if self.cells.spell_decimals() && matches!(self.state, State::Empty | State::Numbers(_)) {
                self.decimals(room);
            } else {
                room.fields.iter().for_each(|field| self.field(field.bytes()));
            }
        }
    }

    /// Adds values of which most are short decimals.
    fn decimals(&mut self, Room { fields, decimals }: &mut Room<'_>) {
        let numbers = decimals.read(fields);
        let mut added = 0;
        for (i, field) in fields.iter().enumerate() {
            if !numbers[i].is_nan() {
                continue;
            }
            match number::no_decimal(field.bytes()) {
                Cell::Number(value) => numbers[i] = value,
                Cell::Missing => {}
                cell @ (Cell::Text | Cell::Infinite) => {
                    self.numbers(&numbers[added..i]);
                    self.cell(cell, field.bytes());
                    added = i + 1;
                }
            }
        }
        self.numbers(&numbers[added..]);
    }

    /// Adds a value that had a type, as we spell it: a number has a point, whatever texts spell it with.
    pub(super) fn typed(&mut self, field: &[u8]) {
        self.read(field, false);
    }

    fn read(&mut self, field: &[u8], comma: bool) {
        if self.one_more(field) {
            self.rows += 1;
            return;
        }
        if self.is_text() {
            return self.as_text(field);
        }
        self.cell(self.cells.read(field.into(), comma), field);
    }

    /// Adds a value that is so plainly another one of its column that it need not be looked at as anything else; whether it is.
    fn one_more(&mut self, field: &[u8]) -> bool {
        match &mut self.state {
            State::Texts(found) => found.push_again(field),
            State::Dates(dates) if self.cells.nulls.is_empty() => {
                let days = date::parse(number::trim(field));
                days.into_iter().for_each(|days| dates.push(days));
                days.is_some()
            }
            _ => false,
        }
    }

    /// Adds a value that was read.
    fn cell(&mut self, cell: Cell, field: &[u8]) {
        match cell {
            Cell::Number(value) => self.number(value),
            Cell::Missing => self.miss(),
            Cell::Text if self.kind == As::Numbers => self.unfit_text(field),
            Cell::Text => self.spelt(field),
            Cell::Infinite => self.infinity(field),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, As::Text(_))
    }

    /// Adds a finite number.
    #[inline]
    pub(super) fn number(&mut self, value: f64) {
        match &mut self.state {
            State::Numbers(numbers) => numbers.push(value),
            State::Empty => self.state = State::Numbers(self.after_missing(value)),
            _ => self.mix(1, 0, || value.to_string()),
        }
        self.rows += 1;
    }

    /// Adds finite numbers, NaN for a missing one.
    pub(super) fn numbers(&mut self, mut values: &[f64]) {
        while let (false, Some((first, rest))) = (matches!(self.state, State::Numbers(_)), values.split_first()) {
            if first.is_nan() {
                self.miss()
            } else {
                self.number(*first)
            }
            values = rest;
        }
        let State::Numbers(numbers) = &mut self.state else { return };
        numbers.extend(values);
        let gaps = values.iter().map(|v| u64::from(v.is_nan())).sum::<u64>();
        if gaps > 0 {
            self.missing += gaps;
            self.first_missing =
                self.first_missing.or(values.iter().position(|v| v.is_nan()).map(|gap| self.rows + gap));
        }
        self.rows += values.len();
    }

    /// Adds a yes or a no.
    pub(super) fn yes_no(&mut self, yes: bool) {
        if self.kind == As::Numbers {
            return self.unfit_text(yes.to_string().as_bytes());
        }
        let value = f64::from(u8::from(yes));
        match &mut self.state {
            State::YesNo(numbers) => numbers.push(value),
            State::Empty => {
                self.begin(|| yes.to_string());
                self.state = State::YesNo(self.after_missing(value));
            }
            State::Texts(found) if matches!(self.kind, As::Text(_)) => found.push(if yes { b"true" } else { b"false" }),
            _ => self.mix(0, 1, || yes.to_string()),
        }
        self.rows += 1;
    }

    /// Adds a date, in days since 1970-01-01.
    pub(super) fn date(&mut self, days: f64) {
        if self.kind == As::Numbers {
            return self.unfit_text(date::spelt(days).as_bytes());
        }
        match &mut self.state {
            State::Dates(numbers) => numbers.push(days),
            State::Empty => {
                self.begin(|| date::spelt(days));
                self.state = State::Dates(self.after_missing(days));
            }
            State::Texts(found) if matches!(self.kind, As::Text(_)) => found.push(date::spelt(days).as_bytes()),
            _ => self.mix(0, 1, || date::spelt(days)),
        }
        self.rows += 1;
    }

    /// Adds a missing value.
    pub(super) fn miss(&mut self) {
        self.missing += 1;
        self.first_missing.get_or_insert(self.rows);
        match &mut self.state {
            State::Numbers(numbers) | State::YesNo(numbers) | State::Dates(numbers) => numbers.push(f64::NAN),
            State::Texts(found) => found.push_missing(),
            State::Empty | State::Mixed(_) => {}
        }
        self.rows += 1;
    }

    /// Adds a value as text, whatever it looks like.
    fn as_text(&mut self, field: &[u8]) {
        let text = number::trim(field);
        if number::missing(text, &self.cells.nulls) {
            return self.miss();
        }
        if let State::Texts(found) = &mut self.state {
            found.push(text);
        }
        self.rows += 1;
    }

    /// Adds a text that is no number; it may be a date.
    fn spelt(&mut self, field: &[u8]) {
        let text = number::trim(field);
        match (&mut self.state, date::parse(text)) {
            (State::Empty | State::Dates(_), Some(days)) => return self.date(days),
            (State::Texts(found), None) => found.push(text),
            (State::Empty, None) => {
                self.begin(|| kept(field));
                let mut found = Finding::missing(self.rows);
                found.push(text);
                self.state = State::Texts(found);
            }
            _ => self.mix(0, 1, || kept(field)),
        }
        self.rows += 1;
    }

    /// Adds an infinity as it is spelt.
    pub(super) fn infinity(&mut self, field: &[u8]) {
        self.misfit(field, true);
    }

    /// Adds what is no number to a column that is read as numbers.
    fn unfit_text(&mut self, field: &[u8]) {
        self.misfit(field, false);
    }

    #[cold]
    fn misfit(&mut self, field: &[u8], infinite: bool) {
        match &mut self.state {
            State::Numbers(numbers) => numbers.push(f64::NAN),
            State::Empty => self.state = State::Numbers(self.after_missing(f64::NAN)),
            _ => {
                self.mix(0, 1, || kept(field));
                self.rows += 1;
                return;
            }
        }
        let unfit = self.unfit.get_or_insert_default();
        unfit.add(self.rows, field, infinite, self.cells.kept);
        self.rows += 1;
    }

    /// Missing values for all rows so far, and a value.
    fn after_missing(&self, value: f64) -> Numbers {
        let mut numbers = Numbers::at_row(self.from);
        numbers.extend_missing(self.rows);
        numbers.push(value);
        numbers
    }

    /// Remembers the first value that is no number.
    fn begin(&mut self, value: impl FnOnce() -> String) {
        let row = self.rows;
        self.first.get_or_insert_with(|| (row, value()));
    }

    /// Counts a value that is not of the column's kind.
    #[cold]
    fn mix(&mut self, numbers: u64, texts: u64, value: impl FnOnce() -> String) {
        let row = self.rows;
        let found = self.take_mixed(|| (row, value()));
        self.state = State::Mixed(TextFound { numbers: found.numbers + numbers, texts: found.texts + texts, ..found });
    }

    /// What was found so far; `next` is the text that comes now, if all were numbers.
    fn take_mixed(&mut self, next: impl FnOnce() -> (usize, String)) -> TextFound {
        let present = self.rows as u64 - self.missing;
        let unfit = self.unfit.take();
        match std::mem::replace(&mut self.state, State::Empty) {
            State::Mixed(found) => found,
            State::Numbers(_) => {
                let texts = unfit.as_ref().map_or(0, Unfit::count);
                let first =
                    unfit.as_ref().and_then(|u| u.found().first()).map(|first| (first.row, first.value.clone()));
                let (row, value) = first.unwrap_or_else(next);
                TextFound { numbers: present - texts, texts, row, value }
            }
            _ => {
                let (row, value) = self.first.take().unwrap_or_else(next);
                TextFound { numbers: 0, texts: present, row, value }
            }
        }
    }

    /// Adds later rows.
    pub(super) fn append(&mut self, mut later: Self) {
        match (&mut self.state, &mut later.state) {
            (State::Numbers(numbers), State::Numbers(more)) => {
                numbers.append(more);
                self.append_unfit(later.unfit.take());
            }
            (State::YesNo(numbers), State::YesNo(more)) | (State::Dates(numbers), State::Dates(more)) => {
                numbers.append(more);
            }
            (State::Texts(found), State::Texts(more)) => found.append(more),
            (State::Numbers(numbers) | State::YesNo(numbers) | State::Dates(numbers), State::Empty) => {
                numbers.extend_missing(later.rows);
            }
            (State::Texts(found), State::Empty) => found.append(&Finding::missing(later.rows)),
            (State::Empty, State::Empty) | (State::Mixed(_), State::Empty) => {}
            (State::Empty, State::Mixed(more)) => {
                self.state = State::Mixed(TextFound { row: self.rows + more.row, ..more.clone() });
            }
            (State::Empty, more) => {
                self.state = preceded(std::mem::replace(more, State::Empty), (self.from, self.rows));
                self.append_unfit(later.unfit.take());
                self.first = later.first.take().map(|(row, value)| (self.rows + row, value));
            }
            _ => self.append_mixed(&mut later),
        }
        self.missing += later.missing;
        self.first_missing = self.first_missing.or(later.first_missing.map(|row| self.rows + row));
        self.rows += later.rows;
    }

    fn append_unfit(&mut self, later: Option<Unfit>) {
        if let Some(later) = later {
            self.unfit.get_or_insert_default().append(later, self.rows, self.cells.kept);
        }
    }

    /// Adds later rows of another kind, or to a column that is mixed already.
    fn append_mixed(&mut self, later: &mut Self) {
        let more = later.take_mixed(|| (0, String::new()));
        let rows = self.rows;
        let found = self.take_mixed(|| (rows + more.row, more.value.clone()));
        let (numbers, texts) = (found.numbers + more.numbers, found.texts + more.texts);
        self.state = State::Mixed(TextFound { numbers, texts, ..found });
    }

    /// The value to blame, if this is a number column that holds one it cannot: its row, and the error that it makes at
    /// its place.
    pub(super) fn unfit(&self) -> Option<(usize, impl Fn(Place) -> Error + '_)> {
        let first = self.unfit.as_ref()?.found().first()?;
        Some((first.row, |place| Error::data(place, first.reason(), unfit::HINT)))
    }

    /// The rows whose values do not fit this number column, the first ones of very many: each with the reason and the value.
    pub(super) fn all_unfit(&self) -> impl Iterator<Item = (usize, String, &str)> {
        let found = self.unfit.iter().flat_map(Unfit::found);
        found.map(|misfit| (misfit.row, misfit.reason(), misfit.value.as_str()))
    }

    /// Moves what will not change any more into a store.
    pub(super) fn keep(&mut self, store: &Store) -> Result<()> {
        match &mut self.state {
            State::Numbers(numbers) | State::YesNo(numbers) | State::Dates(numbers) => numbers.keep(store),
            State::Texts(found) => found.keep(store),
            State::Empty | State::Mixed(_) => Ok(()),
        }
    }

    /// The finished column.
    pub(super) fn finish(self, store: &Store) -> Result<Column> {
        let values = match self.state {
            State::Empty => Values::Numbers(std::iter::repeat_n(f64::NAN, self.rows).collect()),
            State::Numbers(numbers) => Values::Numbers(numbers.finish()),
            State::YesNo(numbers) => Values::YesNo(numbers.finish()),
            State::Dates(numbers) => Values::Dates(numbers.finish()),
            State::Mixed(found) => Values::Mixed(found),
            State::Texts(found) => texts(found, self.kind != As::Found, store)?,
        };
        Ok(Column { name: self.name, missing: self.missing, first_missing: self.first_missing, values })
    }
}

/// A text column; one of yes and no, unless text was asked for.
fn texts(found: Finding, asked: bool, store: &Store) -> Result<Values> {
    let Some(levels) = found.finish(store)? else { return Ok(Values::TooMany) };
    Ok(match levels.yes_or_no().filter(|_| !asked) {
        Some(yes) => {
            let value = |code: &u16| yes.get(usize::from(*code)).map_or(f64::NAN, |yes| f64::from(u8::from(*yes)));
            Values::YesNo(levels.codes.iter().map(value).collect())
        }
        None => Values::Levels(Levels { asked, ..levels }),
    })
}

/// The same values behind so many missing ones, of which the first is in row `from`.
fn preceded(state: State, (from, rows): (usize, usize)) -> State {
    let numbers = |mut later: Numbers| {
        let mut all = Numbers::at_row(from);
        all.extend_missing(rows);
        all.append(&mut later);
        all
    };
    match state {
        State::Numbers(later) => State::Numbers(numbers(later)),
        State::YesNo(later) => State::YesNo(numbers(later)),
        State::Dates(later) => State::Dates(numbers(later)),
        State::Texts(later) => {
            let mut all = Finding::missing(rows);
            all.append(&later);
            State::Texts(all)
        }
        other => other,
    }
}
