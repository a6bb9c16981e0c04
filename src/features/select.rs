//! Which columns become features: every one that can be of use, or those named.
//!
//! Without names, a column is left out if it can only mislead: ids (texts that are all different, numbers that count the
//! rows), dates without a day to count from, constants, columns without values. A note names each of them, and the flag
//! that would keep it.

use super::{Options, beside, selection};
use crate::error::{Error, Place, Result, printable, suggestion};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{Column, Disguise, Levels, MOST_LEVELS, Numbers, Table, TextFound, Values, disguise};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Fewer rows are too few to say that a column counts them.
const LEAST_ROWS: u64 = 20;

/// Why a column is left out, unless it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Every value is missing.
    Empty,
    /// Every value is the same.
    Constant,
    /// Values that are all different, as those of an id.
    Id,
    /// Whole numbers that count the rows.
    Counter,
    /// Texts of which most are different.
    FreeText,
    /// Texts of more spellings than are kept.
    TooMany,
    /// Dates, and no day was given to count from.
    Date,
    /// A text column, and texts are left out.
    Text,
    /// Values of a type that cannot be clustered, such as lists.
    Unsupported,
}

impl LeftOut {
    /// A stable code for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty_left_out",
            Self::Constant => "constant_left_out",
            Self::Id | Self::Counter => "id_left_out",
            Self::FreeText => "free_text_left_out",
            Self::TooMany => "many_levels_left_out",
            Self::Date => "date_left_out",
            Self::Text => "text_left_out",
            Self::Unsupported => "unsupported_left_out",
        }
    }

    /// The reason, and what would keep the column.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "every value missing",
            Self::Constant => "every value the same (--columns keeps it)",
            Self::Id => {
                "every row has its own value, like an id (--id carries it to the output, --columns clusters it)"
            }
            Self::Counter => {
                "whole numbers without a gap, one a row, like an id (--id carries it to the output, --columns clusters it)"
            }
            Self::FreeText => "nearly every text is different (--columns clusters its most frequent ones)",
            Self::TooMany => "more than 65,534 different texts",
            Self::Date => "dates (--date-reference DATE counts the days before it)",
            Self::Text => "text (--encode onehot, ordinal or frequency makes numbers of it)",
            Self::Unsupported => "nested, binary or of a type that is neither number, date, yes/no nor text",
        }
    }
}

/// The columns of a table, chosen.
pub(super) struct Chosen<'t> {
    /// Those that become features, in order.
    pub(super) columns: Vec<&'t Column>,
    /// Those that stay in the table for what they say of the segments: KPIs, dates and texts.
    pub(super) beside: Vec<&'t Column>,
}

/// Chooses columns; notes say what was left out.
pub(super) fn select<'t>(table: &'t Table, options: &Options, notes: &mut Vec<Note>) -> Result<Chosen<'t>> {
    if let (Some(id), true) = (&options.id, options.id == options.weight_column) {
        return Err(Error::Usage(format!("column '{}' cannot be an id and a weight", printable(id))));
    }
    let kpis = beside::kpis(table, &options.kpis)?;
    let mut chosen = match &options.columns {
        Some(names) => Chosen { columns: named(table, options, names)?, beside: Vec::new() },
        None => useful(table, options, notes)?,
    };
    chosen.beside.extend(kpis);
    Ok(chosen)
}

fn reserved(options: &Options) -> impl Iterator<Item = &String> {
    [&options.id, &options.weight_column].into_iter().flatten().chain(&options.kpis)
}

fn named<'t>(table: &'t Table, options: &Options, names: &[String]) -> Result<Vec<&'t Column>> {
    let mut columns: Vec<&Column> = Vec::new();
    for name in names {
        if reserved(options).any(|n| n == name) {
            let message = format!("column '{}' cannot be an id, weight or KPI and a feature", printable(name));
            return Err(Error::Usage(message));
        }
        let column = find(table, name)?;
        if columns.iter().any(|c| c.name == column.name) {
            return Err(Error::Usage(format!("column '{}' is named twice", printable(name))));
        }
        let refuse =
            |message: String, hint: &str| Err(Error::data(Place::file(&table.source).in_column(name), message, hint));
        match &column.values {
            Values::Mixed(text) => return Err(mixed(table, column, text)),
            Values::Unsupported(kind) => {
                return refuse(format!("{kind} cannot be clustered"), "leave the column out of --columns");
            }
            _ if column.missing == table.rows as u64 => {
                return refuse("every value is missing".into(), "leave the column out of --columns");
            }
            Values::TooMany => {
                let message = format!("more than {MOST_LEVELS} different texts cannot be clustered");
                return refuse(message, "leave the column out of --columns, or carry it along with --keep");
            }
            Values::Levels(levels) => refuse_disguised(table, column, levels)?,
            _ => {}
        }
        columns.push(column);
    }
    if columns.is_empty() { Err(Error::Usage("no column was named".into())) } else { Ok(columns) }
}

fn useful<'t>(table: &'t Table, options: &Options, notes: &mut Vec<Note>) -> Result<Chosen<'t>> {
    let (mut columns, mut out) = (Vec::new(), BTreeMap::<LeftOut, Vec<&Column>>::new());
    let free = |c: &&Column| !reserved(options).any(|n| *n == c.name);
    let looked: Vec<&Column> = table.columns.iter().filter(free).collect();
    let why: Vec<Result<Option<LeftOut>>> = looked.par_iter().map(|c| left_out(table, c, options)).collect();
    for (column, why) in looked.into_iter().zip(why) {
        match why? {
            Some(why) => out.entry(why).or_default().push(column),
            None => columns.push(column),
        }
    }
    // A table of constants alone can still be clustered, into one segment.
    if columns.is_empty()
        && let Some(constant) = out.remove(&LeftOut::Constant)
    {
        columns = constant;
    }
    if columns.is_empty() {
        return Err(nothing_usable(table, options, &out));
    }
    for (why, columns) in &out {
        notes.push(Note::new(why.code(), format!("left out {}: {}", list(&names(columns)), why.reason())));
    }
    if !options.kpis.is_empty() {
        let kpis: Vec<&str> = options.kpis.iter().map(String::as_str).collect();
        notes.push(Note::new("kpi_left_out", format!("left out {}: a KPI is profiled, not clustered", list(&kpis))));
    }
    let beside = [LeftOut::Date, LeftOut::Text].into_iter().filter_map(|why| out.remove(&why)).flatten().collect();
    Ok(Chosen { columns, beside })
}

/// Why a column is not clustered unless it is named, if it is not.
pub(super) fn left_out(table: &Table, column: &Column, options: &Options) -> Result<Option<LeftOut>> {
    let present = table.rows as u64 - column.missing;
    // Where a single value is there or not, the gaps tell rows apart.
    let tells_by_gaps = column.missing > 0 && options.missing_indicators;
    let encoded = options.encode.of(&column.name) != super::Encode::None;
    Ok(match &column.values {
        Values::Unsupported(_) => Some(LeftOut::Unsupported),
        _ if present == 0 => Some(LeftOut::Empty),
        Values::Mixed(text) => return Err(mixed(table, column, text)),
        Values::TooMany => Some(LeftOut::TooMany),
        Values::Numbers(n) | Values::YesNo(n) | Values::Dates(n) if is_constant(n) && !tells_by_gaps => {
            Some(LeftOut::Constant)
        }
        Values::Numbers(n) if column.missing == 0 && present >= LEAST_ROWS && counts_rows(n) => Some(LeftOut::Counter),
        Values::Numbers(n) if column.missing == 0 && present >= LEAST_ROWS && is_named_id(column, n) => {
            Some(LeftOut::Id)
        }
        Values::Dates(_) if options.date_reference.is_none() => Some(LeftOut::Date),
        Values::Levels(_) if !encoded => Some(LeftOut::Text),
        Values::Levels(levels) => {
            refuse_disguised(table, column, levels)?;
            levels_left_out(levels, present, column.missing, options)
        }
        Values::Numbers(_) | Values::YesNo(_) | Values::Dates(_) => None,
    })
}

fn levels_left_out(levels: &Levels, present: u64, missing: u64, options: &Options) -> Option<LeftOut> {
    let different = seen(levels).iter().filter(|s| **s).count() as u64;
    let most = options.max_levels.unwrap_or(super::MAX_LEVELS) as u64;
    match different {
        1 if missing == 0 => Some(LeftOut::Constant),
        d if d == present && d >= LEAST_ROWS && !levels.asked => Some(LeftOut::Id),
        d if d > most && d > present / 2 && !levels.asked => Some(LeftOut::FreeText),
        _ => None,
    }
}

/// Whether each level is in some row; those of rows that were left out are not.
fn seen(levels: &Levels) -> Vec<bool> {
    let mut seen = vec![false; levels.names.len()];
    levels.codes.iter().for_each(|code| seen.get_mut(usize::from(*code)).into_iter().for_each(|s| *s = true));
    seen
}

/// Whether the column is called an id, and holds whole numbers that are all different.
fn is_named_id(column: &Column, numbers: &Numbers) -> bool {
    let name = column.name.to_lowercase();
    let named = name == "id" || ["_id", " id", "-id"].iter().any(|end| name.ends_with(end));
    if !named || numbers.blocks().any(|block| block.iter().any(|v| v.fract() != 0.0)) {
        return false;
    }
    selection::distinct(numbers) == numbers.len() as u64
}

/// Whether every value that is there is the same.
fn is_constant(numbers: &Numbers) -> bool {
    let mut first = None;
    numbers.blocks().all(|block| block.iter().filter(|v| !v.is_nan()).all(|v| *first.get_or_insert(*v) == *v))
}

/// Whether the values are as many whole numbers in a row, in any order, as there are rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers from 0 to the number of rows"
)]
pub(super) fn counts_rows(numbers: &Numbers) -> bool {
    let rows = numbers.len();
    if rows > 0 && numbers.get(0).fract() != 0.0 {
        return false;
    }
    let low = numbers.blocks().flat_map(|b| b.iter().copied().reduce(f64::min)).fold(f64::INFINITY, f64::min);
    let mut seen = vec![false; rows];
    numbers.blocks().all(|block| {
        block.iter().all(|v| {
            let place = v - low;
            let whole = place.fract() == 0.0 && v.fract() == 0.0 && place < rows as f64;
            whole && !std::mem::replace(&mut seen[place as usize], true)
        })
    })
}

fn names<'t>(columns: &[&'t Column]) -> Vec<&'t str> {
    columns.iter().map(|c| c.name.as_str()).collect()
}

/// Columns that were named, but are texts that are left out.
pub(super) fn only_text(table: &Table, options: &Options, columns: &[&Column]) -> Error {
    nothing_usable(table, options, &[(LeftOut::Text, columns.to_vec())].into())
}

fn nothing_usable(table: &Table, options: &Options, out: &BTreeMap<LeftOut, Vec<&Column>>) -> Error {
    let mut why = Vec::new();
    why.extend(options.id.iter().map(|n| format!("{} is the id", list(&[n]))));
    why.extend(options.weight_column.iter().map(|n| format!("{} is the weight", list(&[n]))));
    why.extend(options.kpis.iter().map(|n| format!("{} is a KPI", list(&[n]))));
    why.extend(out.iter().map(|(why, columns)| format!("{}: {}", list(&names(columns)), why.reason())));
    let message = format!("no usable column: {}", why.join("; "));
    Error::data(Place::file(&table.source), message, "at least one column must hold numbers or categories")
}

/// Names in quotes; the first ten of many.
pub(super) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|n| format!("'{}'", printable(n))).collect();
    let more = names.len().saturating_sub(10);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Refuses a column of texts that are all numbers as people spell them.
fn refuse_disguised(table: &Table, column: &Column, levels: &Levels) -> Result<()> {
    if levels.asked {
        return Ok(());
    }
    let there = seen(levels).into_iter().enumerate().filter(|(_, seen)| *seen).map(|(code, _)| code);
    let all: Option<Vec<(usize, Disguise)>> =
        there.map(|code| disguise(&levels.names[code]).map(|found| (code, found))).collect();
    let all = all.unwrap_or_default();
    let comma = all.iter().find(|(_, found)| found.what.ends_with("decimal comma"));
    let Some((code, found)) = comma.or(all.first()) else { return Ok(()) };
    let text = &levels.names[*code];
    let message = format!("'{}' looks like {}", printable(text), found.what);
    let hint = format!("{}; --categorical makes the column one of texts", found.hint);
    let row = levels.codes.iter().position(|c| usize::from(*c) == *code).unwrap_or(0);
    Err(Error::data(table.place(row, &column.name), message, hint))
}

/// A column of numbers in which something else stands.
pub(super) fn mixed(table: &Table, column: &Column, text: &TextFound) -> Error {
    let rows = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let disguise = disguise(&text.value);
    let like = disguise.as_ref().map(|d| format!(", though it looks like {}", d.what)).unwrap_or_default();
    let message = format!(
        "'{}' is not a number{like} (the column holds {} and {})",
        printable(&text.value),
        rows(text.numbers, "number"),
        rows(text.texts, "text"),
    );
    let hint =
        "correct the value, name it with --null if it means missing, or leave the column out (--columns '!NAME')";
    Error::data(table.place_in_file(text.row, &column.name), message, disguise.map_or(hint, |d| d.hint))
}

/// The column of that name, or an error with a suggestion.
pub(super) fn find<'t>(table: &'t Table, name: &str) -> Result<&'t Column> {
    table.column(name).ok_or_else(|| {
        let names = table.columns.iter().map(|c| c.name.as_str());
        let hint = match suggestion(name, names.clone()) {
            Some(near) => format!("did you mean '{}'?", printable(near)),
            None => format!("the columns are {}", list(&names.collect::<Vec<_>>())),
        };
        Error::data(Place::file(&table.source), format!("no column '{}'", printable(name)), hint)
    })
}

/// The row weights in a column.
///
/// # Errors
/// [`Error::Data`] for a column that is not there, holds something else than numbers, or a weight that is missing or below 0.
pub fn weights(table: &Table, name: &str) -> Result<Weights> {
    let column = find(table, name)?;
    if let Some(row) = column.first_missing {
        return Err(Error::data(table.place(row, name), "the weight is missing", "give every row a weight"));
    }
    match &column.values {
        Values::Numbers(numbers) => Weights::new(&numbers.to_vec()).map_err(|e| at_table(table, name, e)),
        Values::Mixed(text) => Err(mixed(table, column, text)),
        _ => {
            let place = Place::file(&table.source).in_column(name);
            let message = format!("a weight is a number, and the column holds {}", column.kind());
            Err(Error::data(place, message, "name a column of numbers with --weight-column"))
        }
    }
}

/// Puts an error that knows a row only where the table has it.
fn at_table(table: &Table, column: &str, error: Error) -> Error {
    match error {
        Error::Data { place, message, hint } => {
            let place = match place.row.and_then(|r| usize::try_from(r - 1).ok()) {
                Some(row) => table.place(row, column),
                None => Place::file(&table.source).in_column(column),
            };
            Error::data(place, message, hint)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_count_the_rows_are_found_in_any_order() {
        let counts = |values: &[f64]| counts_rows(&values.iter().copied().collect());
        assert!(counts(&[7.0, 5.0, 6.0]));
        assert!(!counts(&[7.0, 5.0, 5.0]));
        assert!(!counts(&[7.0, 5.0, 8.0]));
        assert!(!counts(&[0.5, 1.5, 2.5]));
        assert!(!counts(&[1e300, -1e300]));
    }
}
