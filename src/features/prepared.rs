//! A table's columns as a pipeline prepares them: read on the fly, never copied.

use super::filled::Filled;
use super::plan::{Feature, From, Gaps, How, Limits, Number, OneHot, Part, Plan};
use super::together::{Raw, Together};
use super::{levels, missing_value, select};
use crate::error::{Error, Place, Result, printable};
use crate::matrix::Rows;
use crate::table::{Column, Levels, MISSING, Numbers, Table, Values};

/// Prepared columns of a table.
#[derive(Debug)]
pub struct Prepared<'t> {
    table: &'t Table,
    sources: Vec<Source<'t>>,
    plans: &'t [Plan],
    features: Vec<Feature>,
    /// What stands for missing values that follow from other columns, for each plan.
    filled: Vec<Option<Filled>>,
}

/// What a plan reads.
#[derive(Debug)]
enum Source<'t> {
    Numbers(&'t Numbers),
    /// Levels, and for each the index of that level in the plan.
    Levels(&'t [u16], Vec<Option<usize>>),
    /// Nothing but missing values.
    Missing,
}

impl<'t> Prepared<'t> {
    pub(super) fn new(
        table: &'t Table,
        plans: &'t [Plan],
        features: Vec<Feature>,
        together: &[Together],
    ) -> Result<Self> {
        let sources = plans.iter().map(|plan| bind(table, plan)).collect::<Result<_>>()?;
        let filled = plans.iter().map(|_| None).collect();
        let mut prepared = Self { table, sources, plans, features, filled };
        for together in together {
            let find = |name: &str| plans.iter().position(|p| p.name == name);
            let raws: Vec<Raw<'_>> = together.columns().iter().filter_map(|n| prepared.number(find(n)?)).collect();
            for (name, filled) in together.filled().zip(together.fill(&raws, &table.store)?) {
                if let Some(plan) = find(name) {
                    prepared.filled[plan] = Some(filled);
                }
            }
        }
        Ok(prepared)
    }

    /// The numbers of a plan, held within its limits.
    fn number(&self, plan: usize) -> Option<Raw<'t>> {
        let How::Number(number) = &self.plans[plan].how else { return None };
        raw(self.table.column(&self.plans[plan].name)?, &number.from, number.limits)
    }

    /// The columns of which the value in row `i` is marked as an outlier.
    pub fn outliers(&self, i: usize) -> impl Iterator<Item = &'t str> + '_ {
        self.plans.iter().zip(&self.sources).filter_map(move |(plan, source)| match (&plan.how, source) {
            (How::Number(Number { limits: Some(limits), .. }), Source::Numbers(n)) if !limits.clip => {
                limits.beyond(n.get(i)).then_some(plan.name.as_str())
            }
            _ => None,
        })
    }

    /// Whether outliers are marked.
    #[must_use]
    pub fn marks_outliers(&self) -> bool {
        let marks = |p: &Plan| matches!(&p.how, How::Number(Number { limits: Some(limits), .. }) if !limits.clip);
        self.plans.iter().any(marks)
    }

    /// The features, in order.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Missing numbers for which another one stands, over all columns.
    #[must_use]
    pub fn imputed(&self) -> u64 {
        let filled = |p: &&Plan| p.gaps == Gaps::Fill && matches!(p.how, How::Number(_));
        self.plans.iter().filter(filled).filter_map(|p| self.table.column(&p.name)).map(|c| c.missing).sum()
    }

    /// The columns that hold texts for which the pipeline has no feature and no number, with the rows that do.
    #[must_use]
    pub fn unknown(&self) -> Vec<(&str, u64)> {
        let rows = |(plan, source): (&'t Plan, &Source<'_>)| {
            let Source::Levels(codes, places) = source else { return None };
            let (has_other, has_missing) = match &plan.how {
                How::Levels(l) => (l.other, l.missing),
                How::Number(_) => (false, true),
            };
            let unknown = |code: &&u16| place(places, **code).is_none() && !(**code == MISSING && has_missing);
            let rows = if has_other { 0 } else { codes.iter().filter(unknown).count() as u64 };
            (rows > 0).then_some((plan.name.as_str(), rows))
        };
        self.plans.iter().zip(&self.sources).filter_map(rows).collect()
    }

    /// Copies feature `j` of the rows from `first` on into `out`, in the unit of its column, before anything is done with it;
    /// NaN stands for a missing value.
    pub fn raw(&self, first: usize, j: usize, out: &mut [f64]) {
        let Feature { plan, part, .. } = self.features[j];
        match (&self.sources[plan], &self.plans[plan].how, part) {
            (Source::Numbers(numbers), How::Number(_), Part::Missing) => {
                numbers.read(first, out);
                out.iter_mut().for_each(|v| *v = flag(v.is_nan()));
            }
            (Source::Numbers(numbers), How::Number(number), _) => read(numbers, &number.from, first, out),
            (Source::Levels(codes, places), how, part) => {
                for (o, code) in out.iter_mut().zip(&codes[first..]) {
                    *o = code_value(how, part, *code, place(places, *code));
                }
            }
            (Source::Missing, How::Number(_), Part::Number) => out.fill(f64::NAN),
            (Source::Missing, _, part) => out.fill(flag(part == Part::Missing)),
            (Source::Numbers(_), How::Levels(_), _) => {} // such a column is not bound
        }
    }
}

/// Copies the numbers of a column from row `first` on, dates as days before their reference.
fn read(numbers: &Numbers, from: &From, first: usize, out: &mut [f64]) {
    numbers.read(first, out);
    if let From::DaysBefore(reference) = from {
        out.iter_mut().for_each(|v| *v = reference - *v);
    }
}

/// The numbers of a column as they come from it, held within limits; `None` if it holds texts.
pub(super) fn raw<'a>(column: &'a Column, from: &'a From, limits: Option<Limits>) -> Option<Raw<'a>> {
    let (Values::Numbers(numbers) | Values::YesNo(numbers) | Values::Dates(numbers)) = &column.values else {
        return None;
    };
    let read = move |first: usize, out: &mut [f64]| {
        read(numbers, from, first, out);
        if limits.is_some() {
            out.iter_mut().for_each(|v| *v = Limits::hold(limits, *v));
        }
    };
    Some(Raw { name: &column.name, rows: numbers.len(), read: Box::new(read) })
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

fn place(places: &[Option<usize>], code: u16) -> Option<usize> {
    places.get(usize::from(code)).copied().flatten()
}

/// What a part of a plan says of a row with this code, whose level has this index in the plan.
fn code_value(how: &How, part: Part, code: u16, at: Option<usize>) -> f64 {
    match (how, part) {
        (How::Number(Number { from: From::Level(levels), .. }), Part::Number) => at.map_or(f64::NAN, |at| levels[at].1),
        (_, Part::Number) => f64::NAN,
        (_, Part::Level(own)) => flag(at == Some(own)),
        (How::Levels(OneHot { missing: false, .. }), Part::Other) => flag(at.is_none()),
        (_, Part::Other) => flag(at.is_none() && code != MISSING),
        (_, Part::Missing) => flag(code == MISSING),
    }
}

fn bind<'t>(table: &'t Table, plan: &Plan) -> Result<Source<'t>> {
    let column = select::find(table, &plan.name)?;
    if let (Gaps::Error | Gaps::Drop, Some(row)) = (plan.gaps, column.first_missing) {
        return Err(missing_value(table, row, &column.name));
    }
    if column.missing == table.rows as u64 {
        return Ok(Source::Missing);
    }
    let names = |found: &'t Levels, known: Vec<String>| {
        Source::Levels(&found.codes, levels::places(found, known.iter().map(String::as_str)))
    };
    match (&column.values, &plan.how) {
        (Values::Levels(found), _) if let Some(known) = plan.levels() => Ok(names(found, known)),
        (Values::Numbers(n), How::Number(Number { from: From::Number, .. }))
        | (Values::YesNo(n), How::Number(Number { from: From::YesNo, .. }))
        | (Values::Dates(n), How::Number(Number { from: From::DaysBefore(_), .. })) => Ok(Source::Numbers(n)),
        _ => Err(other_kind(table, column, plan)),
    }
}

/// A column that holds something else than the one that the plan was learnt from.
fn other_kind(table: &Table, column: &Column, plan: &Plan) -> Error {
    let learnt = match &plan.how {
        How::Levels(_) | How::Number(Number { from: From::Level(_), .. }) => "text",
        How::Number(Number { from: From::Number, .. }) => "numbers",
        How::Number(Number { from: From::YesNo, .. }) => "yes and no",
        How::Number(Number { from: From::DaysBefore(_), .. }) => "dates",
    };
    let hint = format!("the model was fitted on {learnt} here");
    let shown = |place: Place, value: &str| {
        let value = printable(value);
        let message = match learnt {
            "numbers" => format!("'{value}' is not a number"),
            "dates" => format!("'{value}' is not a date"),
            _ => format!("'{value}' is neither yes nor no"),
        };
        Error::data(place, message, hint.clone())
    };
    match &column.values {
        Values::Levels(found) => {
            let row = found.codes.iter().position(|c| usize::from(*c) < found.names.len());
            let value = row.map_or("", |row| found.names[usize::from(found.codes[row])].as_str());
            shown(table.place(row.unwrap_or(0), &column.name), value)
        }
        Values::Mixed(text) => shown(table.place_in_file(text.row, &column.name), &text.value),
        _ => {
            let message = format!("the column holds another kind of values: {}", column.kind());
            Error::data(Place::file(&table.source).in_column(&column.name), message, hint)
        }
    }
}

impl Rows for Prepared<'_> {
    fn count(&self) -> usize {
        self.table.rows
    }

    fn dims(&self) -> usize {
        self.features.len()
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        let mut value = [0.0];
        self.column(i, j, &mut value);
        value[0]
    }

    fn place(&self, i: usize, j: usize) -> Place {
        self.table.place(i, &self.plans[self.features[j].plan].name)
    }

    fn column(&self, first: usize, j: usize, out: &mut [f64]) {
        let Feature { plan, part, .. } = self.features[j];
        self.raw(first, j, out);
        if part == Part::Number {
            self.filled[plan].iter().for_each(|filled| filled.put(first, out));
        }
        self.plans[plan].prepare_all(part, out);
    }
}
