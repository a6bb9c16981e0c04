//! `profile.csv`: a row for each segment and figure.

use super::{ColumnProfile, Entry, Figures, Kind, Numeric, Profile};
use crate::segments::push_text;
use crate::table::spelt;
use std::io::{self, Write};

impl Profile {
    /// Writes the profile as CSV; `names` `[segments]` are those of the segments.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_csv(&self, names: &[String], out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "segment,segment_name,feature,level,kind,clustered,kpi,present,missing,mean,sd,p10,median,p90,mean_all,index,effect"
        )?;
        for (segment, name) in names.iter().enumerate() {
            for column in &self.columns {
                for entry in column.entries(segment) {
                    out.write_all(line(segment, name, &entry).as_bytes())?;
                }
            }
        }
        Ok(())
    }
}

fn line(segment: usize, name: &str, entry: &Entry<'_>) -> String {
    let column = entry.column;
    let mut line = format!("{segment},");
    for text in [name, &column.name, entry.level.unwrap_or_default()] {
        push_text(&mut line, text);
        line.push(',');
    }
    let yes = |is: bool| if is { "yes" } else { "no" };
    let (present, missing) = (column.present[segment], column.missing[segment]);
    let fields = [
        column.kind.word().to_owned(),
        yes(column.clustered).to_owned(),
        yes(column.kpi).to_owned(),
        present.to_string(),
        missing.to_string(),
        value(column.kind, entry.mean),
    ];
    line.push_str(&fields.join(","));
    let spread = match &column.figures {
        Figures::Numbers { segments, .. } => spread(column, &segments[segment]),
        Figures::Shares { .. } => Default::default(),
    };
    let (index, effect) = (number(entry.index.unwrap_or(f64::NAN)), number(entry.effect));
    for field in spread.into_iter().chain([value(column.kind, entry.mean_all), index, effect]) {
        line.push(',');
        line.push_str(&field);
    }
    line.push('\n');
    line
}

/// The deviation and the quantiles.
fn spread(column: &ColumnProfile, n: &Numeric) -> [String; 4] {
    [number(n.sd), value(column.kind, n.p10), value(column.kind, n.median), value(column.kind, n.p90)]
}

/// A value in its column's unit: of a date its day.
fn value(kind: Kind, value: f64) -> String {
    if kind == Kind::Date && value.is_finite() { spelt(value.floor()) } else { number(value) }
}

fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}
