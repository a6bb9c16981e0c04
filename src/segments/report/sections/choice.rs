//! How many segments there are.

use super::{chart, section};
use crate::quality::STABLE;
use crate::segments::report::Report;
use crate::segments::report::chart::number::{count, counted, fixed, short, whole_percent};
use crate::segments::report::chart::{Line, Spread};
use crate::segments::report::page::{Block, Chart, Section, Table};
use crate::segments::report::view::{Estimate, Sweep, SweepFit};

/// What is drawn along the axis of every chart here.
const ACROSS: &str = "number of segments";

pub(super) fn choice(report: &Report) -> Option<Section> {
    let sweep = report.sweep.as_ref().filter(|s| !s.fits.is_empty())?;
    let answer = match sweep.recommended {
        Some(k) => counted(k, "segment", "segments"),
        None => "No clear k".into(),
    };
    let verdict = Block::Verdict { answer, text: sweep.verdict.clone(), clear: sweep.recommended.is_some() };
    let mut blocks = vec![verdict];
    if !sweep.votes.is_empty() {
        blocks.push(Block::Table(votes(sweep)));
    }
    let charts = [Some(elbow(sweep)), silhouette(sweep), gap(sweep), stability(sweep), smallest(sweep)];
    blocks.push(Block::Charts { charts: charts.into_iter().flatten().collect(), columns: 2 });
    blocks.push(Block::Table(figures(sweep)));
    let lead = "Each rule below gives its own answer; where they disagree too much, no number is recommended.";
    Some(section("choice", "How many segments?", lead, blocks))
}

fn votes(sweep: &Sweep) -> Table {
    let row = |v: &crate::segments::report::Vote| {
        vec![v.rule.clone(), v.k.map_or("no answer".into(), |k| k.to_string()), v.reason.clone()]
    };
    Table {
        title: "What each rule says".into(),
        head: vec![("Rule".into(), false), ("Segments".into(), true), ("Why".into(), false)],
        rows: sweep.votes.iter().map(row).collect(),
        ..Table::default()
    }
}

/// The points of those fits that have the figure.
fn points(sweep: &Sweep, of: impl Fn(&SweepFit) -> Option<f64>) -> Vec<(u64, f64)> {
    sweep.fits.iter().filter_map(|f| of(f).map(|v| (f.k, v))).collect()
}

fn elbow(sweep: &Sweep) -> Chart {
    let why = sweep.knee.map(|k| format!("knee at {k}"));
    let title = if why.is_some() { "The elbow" } else { "The elbow: no knee" };
    let line = Line {
        title,
        about: "Inertia, what is left unexplained, against the number of segments",
        names: (ACROSS, "inertia (what is left unexplained)"),
        points: points(sweep, |f| Some(f.inertia)),
        spread: Spread::None,
        marked: sweep.knee.zip(why.as_deref()),
        level: None,
        from_zero: true,
    };
    let how = "How to read this: every further segment explains more; where the line bends, more segments begin to be worth less.";
    let none = " Here it bends nowhere clearly.";
    chart(title, line.svg(), how.to_owned() + if sweep.knee.is_none() { none } else { "" })
}

fn best(points: &[(u64, f64)]) -> Option<u64> {
    points.iter().filter(|p| p.1.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|p| p.0)
}

fn silhouette(sweep: &Sweep) -> Option<Chart> {
    let points = points(sweep, |f| f.silhouette.map(|s| s.value).or(f.simplified_silhouette));
    let bars = sweep.fits.iter().filter(|f| f.silhouette.is_some() || f.simplified_silhouette.is_some());
    let bars = bars.map(|f| f.silhouette.and_then(|s| s.ci95).map(|c| (c[0], c[1]))).collect();
    let marked = best(&points).map(|k| (k, "highest"));
    let line = Line {
        title: "Silhouette",
        about: "The mean silhouette against the number of segments, with its 95 % interval",
        names: (ACROSS, "silhouette (higher is clearer)"),
        marked,
        spread: Spread::Bars(bars),
        level: None,
        from_zero: false,
        points,
    };
    let how = "How to read this: how much closer customers are to their own segment than to the next, from −1 to 1. An upright bar is \
               the 95 % interval of a figure taken from a sample; where bars overlap, the difference may be chance.";
    (!line.points.is_empty()).then(|| chart("Silhouette", line.svg(), how))
}

fn gap(sweep: &Sweep) -> Option<Chart> {
    let points = points(sweep, |f| f.gap.map(|g| g[0]));
    let band = sweep.fits.iter().filter_map(|f| f.gap).map(|[gap, error]| (gap - error, gap + error)).collect();
    let line = Line {
        title: "Gap statistic",
        about: "The gap statistic against the number of segments, give or take its standard error",
        names: (ACROSS, "gap (higher is more than chance)"),
        points,
        spread: Spread::Band(band),
        marked: None,
        level: None,
        from_zero: false,
    };
    let how = "How to read this: how much tighter the segments are than those of customers spread evenly by chance; the band is give or take a \
               standard error; the first number of segments that the next does not clearly beat is the rule’s answer.";
    (!line.points.is_empty()).then(|| chart("Gap statistic", line.svg(), how))
}

fn stability(sweep: &Sweep) -> Option<Chart> {
    let level = format!("stable: {STABLE}");
    let line = Line {
        title: "Least stable segment",
        about: "The mean Jaccard similarity of the least stable segment with what was found again, against the number of segments",
        names: (ACROSS, "least stable segment (1 is always the same)"),
        points: points(sweep, |f| f.stability),
        spread: Spread::None,
        marked: None,
        level: Some((STABLE, &level)),
        from_zero: false,
    };
    let how = format!(
        "How to read this: how alike the segment that changes most comes back when customers are drawn anew. On the line ({STABLE}) \
         and above, every segment can be relied on; below 0.6, one may be chance."
    );
    (!line.points.is_empty()).then(|| chart("Least stable segment", line.svg(), how))
}

fn smallest(sweep: &Sweep) -> Option<Chart> {
    let line = Line {
        title: "The smallest segment",
        about: "Customers in the smallest segment, against the number of segments",
        names: (ACROSS, "customers"),
        points: points(sweep, |f| f.smallest.map(|n| n as f64)),
        spread: Spread::None,
        marked: None,
        level: None,
        from_zero: true,
    };
    let how = "How to read this: a segment too small to act on is no use, however well it is told apart.";
    (!line.points.is_empty()).then(|| chart("The smallest segment", line.svg(), how))
}

/// A column of the table of figures: its title, and what it says of a fit if the fit has it.
type Column = (&'static str, fn(&SweepFit) -> Option<String>);

fn figures(sweep: &Sweep) -> Table {
    let columns: [Column; 10] = [
        ("Segments", |f| Some(f.k.to_string())),
        ("Inertia", |f| Some(short(f.inertia))),
        ("Explained", |f| f.explained.map(whole_percent)),
        ("Silhouette", |f| f.silhouette.map(silhouette_words)),
        ("Simplified", |f| f.simplified_silhouette.map(|s| fixed(s, 3))),
        ("Calinski-Harabasz", |f| f.calinski_harabasz.map(short)),
        ("Davies-Bouldin", |f| f.davies_bouldin.map(|v| fixed(v, 3))),
        ("Gap", |f| f.gap.map(|[gap, error]| format!("{} ± {}", fixed(gap, 3), fixed(error, 3)))),
        ("Least stable", |f| f.stability.map(|s| fixed(s, 2))),
        ("Smallest", |f| f.smallest.map(count)),
    ];
    let there: Vec<Column> = columns.into_iter().filter(|(_, of)| sweep.fits.iter().any(|f| of(f).is_some())).collect();
    let row = |f: &SweepFit| there.iter().map(|(_, of)| of(f).unwrap_or("–".into())).collect();
    Table {
        title: "All figures".into(),
        head: there.iter().map(|(name, _)| ((*name).to_owned(), true)).collect(),
        rows: sweep.fits.iter().map(row).collect(),
        strong: sweep.fits.iter().position(|f| Some(f.k) == sweep.recommended),
        how: String::new(),
    }
}

fn silhouette_words(s: Estimate) -> String {
    match s.ci95 {
        Some([low, high]) => format!("{} ({} to {})", fixed(s.value, 3), fixed(low, 3), fixed(high, 3)),
        None => fixed(s.value, 3),
    }
}
