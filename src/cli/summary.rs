//! What a fit says: a summary a marketer can read, and the same as numbers.

use super::fit::{Outcome, files};
use super::quality;
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::error::{escaped, printable};
use segma::features::{From, How, Plan};
use segma::model::Model;
use segma::segments::{Entry, Kind, Profile};
use segma::table::spelt;
use serde_json::{Value, json};
use std::fmt::Write;

/// Effects below this many standard deviations do not stand out.
pub(super) const LEAST_EFFECT: f64 = 0.25;

/// The summary as text.
pub(super) fn text(o: &Outcome<'_>) -> String {
    let (t, m) = (&o.model.training, o.model);
    let mut text = String::new();
    let _ = write!(
        text,
        "Fitted {} segments on {} customers x {} features in {:.2} s ({})\n  \
         prepared   {}\n  \
         {}  after {} iterations, seed {}\n  \
         explained  {:.1} % of the variance; inertia {:.6e}\n",
        m.k(),
        grouped(o.table.rows as u64),
        m.pipeline.features().len(),
        o.seconds,
        o.engine,
        prepared(m),
        if t.converged { "converged" } else { "stopped  " },
        t.iterations,
        t.seed,
        100.0 * t.explained,
        t.inertia,
    );
    if let Some(choice) = o.choice {
        let _ = writeln!(text, "  chosen     {}", choice.reason);
    }
    if let Some(measured) = o.measured {
        let _ = writeln!(text, "  silhouette {}", quality::silhouettes(&measured.quality));
        let stability = measured.stability.iter().map(|s| format!("  stability  {}\n", quality::stable(s)));
        text.extend(stability);
    }
    let _ = writeln!(text, "\n{}", segments(m, o.profile).trim_fmt());
    let output = escaped(&o.args.folder.output.to_string_lossy());
    let _ = write!(
        text,
        "\nWrote {output} ({})\n\
         Next: segma predict {} new.csv -o labels.csv\n",
        files(o.args.segments()).join(", "),
        escaped(&o.args.folder.output.join("model.json").to_string_lossy()),
    );
    text
}

/// What was done with the columns: how numbers were scaled, and which texts became categories.
fn prepared(model: &Model) -> String {
    let named = |is: &dyn Fn(&Plan) -> bool| {
        model.pipeline.plans().iter().filter(|p| is(p)).map(|p| printable(&p.name)).collect::<Vec<_>>()
    };
    let yes_no = |p: &Plan| matches!(&p.how, How::Number(n) if n.from == From::YesNo);
    let level = |p: &Plan| matches!(&p.how, How::Levels(_));
    let (numbers, flags, categories) = (named(&|p| !yes_no(p) && !level(p)), named(&yes_no), named(&level));
    let scaled = format!("{} on {}", model.pipeline.scale(), listed(&numbers));
    let said = format!("1 or 0 for {}", listed(&flags));
    let encoded = format!("one-hot on {}", listed(&categories));
    let parts = [(scaled, !numbers.is_empty()), (said, !flags.is_empty()), (encoded, !categories.is_empty())];
    parts.into_iter().filter(|(_, there)| *there).map(|(part, _)| part).collect::<Vec<_>>().join("; ")
}

/// The first eight names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.get(SHOWN..) {
        Some(more @ [_, ..]) => format!("{} and {} more", names[..SHOWN].join(", "), more.len()),
        _ => names.join(", "),
    }
}

/// Segments by size and share, and what stands out in each.
fn segments(model: &Model, profile: &Profile) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    let share_of = if model.weights.is_some() { "share of weight" } else { "share" };
    grid.set_header(["segment", "name", "customers", share_of, "what stands out: average (index, 100 = everyone)"]);
    for (s, &count) in model.counts.iter().enumerate() {
        let share = format!("{:.1} %", 100.0 * share(model, s));
        grid.add_row([s.to_string(), printable(&model.names[s]), grouped(count), share, standing_out(profile, s)]);
    }
    for right in [0, 2, 3] {
        if let Some(column) = grid.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    grid
}

fn standing_out(profile: &Profile, segment: usize) -> String {
    let entries = profile.telling(segment);
    let out: Vec<String> = entries.iter().filter(|e| e.effect.abs() >= LEAST_EFFECT).take(3).map(phrase).collect();
    if out.is_empty() { "close to the average in everything".into() } else { out.join(" · ") }
}

fn phrase(entry: &Entry<'_>) -> String {
    let against = match entry.index {
        Some(index) => format!("{index:.0}"),
        None => format!("{:+.1} sd", entry.effect),
    };
    format!("{} {} ({against})", label(entry), shown(entry.column.kind, entry.mean))
}

/// What a figure is of: a column, or a level of one.
pub(super) fn label(entry: &Entry<'_>) -> String {
    match entry.told_level() {
        Some(level) => format!("{}={}", printable(&entry.column.name), printable(level)),
        None => printable(&entry.column.name),
    }
}

/// A value of a column in few characters: a share in percent, a date as its day.
pub(super) fn shown(kind: Kind, value: f64) -> String {
    match kind {
        _ if value.is_nan() => "-".into(),
        Kind::Number => short(value),
        Kind::Date => spelt(value.floor()),
        Kind::YesNo | Kind::Category => format!("{:.0} %", 100.0 * value),
    }
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        a if a != 0.0 && !(1e-3..1e9).contains(&a) => format!("{value:.2e}"),
        a if a >= 100.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// 48211930 as 48,211,930.
pub(super) fn grouped(number: u64) -> String {
    segma::segments::grouped(&number.to_string())
}

/// A segment's share of all rows, by weight if they have weights.
fn share(model: &Model, segment: usize) -> f64 {
    match &model.weights {
        Some(weights) => weights[segment] / weights.iter().sum::<f64>(),
        None => model.counts[segment] as f64 / model.training.rows as f64,
    }
}

/// The figures of a fit, for programs.
pub(super) fn metrics(o: &Outcome<'_>) -> Value {
    let (model, t) = (o.model, &o.model.training);
    let segment = |(s, &count): (usize, &u64)| {
        let weight = model.weights.as_ref().map(|w| w[s]);
        json!({ "segment": s, "name": model.names[s], "customers": count, "share": share(model, s), "weight": weight })
    };
    let mut segments: Vec<Value> = model.counts.iter().enumerate().map(segment).collect();
    if let Some(measured) = o.measured {
        quality::add_segments(&mut segments, measured, o.labels);
    }
    let history = json!({
        "inertia": o.history.iter().map(|s| s.inertia).collect::<Vec<_>>(),
        "changed": o.history.iter().map(|s| s.changed).collect::<Vec<_>>(),
    });
    let mut metrics = json!({
        "schema": "segma.metrics/1",
        "rows": t.rows,
        "features": model.pipeline.features().len(),
        "clusters_requested": t.clusters,
        "clusters": model.k(),
        "iterations": t.iterations,
        "converged": t.converged,
        "seed": t.seed,
        "inertia": t.inertia,
        "explained": t.explained,
        "quality": o.measured.map(quality::document),
        "segments": segments,
        "history": history,
    });
    if let Some(choice) = o.choice {
        metrics["choice"] = choice.document.clone();
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(48_211_930), "48,211,930");
        assert_eq!(grouped(999), "999");
        assert_eq!([0.0, 0.5, 12.34, 1234.5, 1e12].map(short), ["0.00", "0.50", "12.3", "1234", "1.00e12"]);
    }
}
