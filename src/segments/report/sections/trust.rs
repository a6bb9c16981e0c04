//! How far the segments can be trusted.

use super::{chart, section};
use crate::quality::STABLE;
use crate::segments::report::chart::number::{count, counted, fixed, whole_percent};
use crate::segments::report::chart::{Bar, Bars, Histogram, Knife, Line, Spread};
use crate::segments::report::page::{Block, Chart, Section, Table};
use crate::segments::report::view::{Convergence, Margins, Segment, Silhouettes, Stability};
use crate::segments::report::{Report, words};

pub(super) fn trust(report: &Report) -> Option<Section> {
    let knife = report.silhouettes.as_ref().filter(|s| !s.values.is_empty()).map(|s| knife(report, s));
    let margins = report.margins.as_ref().filter(|m| m.counts.iter().any(|c| *c > 0)).map(margins);
    let stability = report.stability.as_ref().filter(|s| !s.jaccard.is_empty()).map(|s| stability(report, s));
    let charts: Vec<Chart> = [knife, margins, stability].into_iter().flatten().collect();
    if charts.is_empty() {
        return None;
    }
    let blocks =
        std::iter::once(Block::Charts { columns: 2, charts }).chain(figures(report).map(Block::Table)).collect();
    let lead = match report.stability {
        Some(_) => {
            "Not every customer belongs to a segment as clearly as the next, and not every segment would be found again."
        }
        None => {
            "Not every customer belongs to a segment as clearly as the next. Whether each segment would be found again among \
             other customers was not measured; --metrics full does that."
        }
    };
    Some(section("trust", "Can the segments be trusted?", lead, blocks))
}

fn customers(n: u64) -> String {
    counted(n, "customer", "customers")
}

fn knife(report: &Report, s: &Silhouettes) -> Chart {
    let blade = |(i, values): (usize, &Vec<f32>)| (report.name_of(i), values.clone());
    let name = format!("mean {}", fixed(s.mean.value, 2));
    let svg = Knife {
        title: "Silhouettes by segment",
        about: "For each segment the silhouettes of its customers, sorted, and the mean of all",
        blades: s.values.iter().take(report.drawn()).enumerate().map(blade).collect(),
        mean: (s.mean.value, &name),
    }
    .svg();
    let from = match s.mean.ci95 {
        Some([low, high]) => format!(
            " Taken from a sample of {}: the mean of all lies between {} and {} (95 % interval).",
            customers(s.rows),
            fixed(low, 3),
            fixed(high, 3)
        ),
        None => format!(" Taken from {}, which is all of them.", customers(s.rows)),
    };
    let how = "How to read this: one blade a segment, thick blades are large ones. The further right a blade reaches, the clearer its \
               customers belong; what lies left of zero is closer to another segment.";
    Chart { tall: true, ..chart("How clearly do they belong?", svg, how.to_owned() + &from) }
}

fn margins(m: &Margins) -> Chart {
    let all = m.counts.iter().sum::<u64>() as f64;
    let step = 1.0 / m.counts.len() as f64;
    let near = m.counts.iter().zip(0u32..).filter(|(_, i)| f64::from(*i) * step + 1e-9 < m.border);
    let share = near.map(|(c, _)| *c).sum::<u64>() as f64 / all;
    let words = format!("{} near a border", whole_percent(share));
    let svg = Histogram {
        title: "How near customers are to a border",
        about: "Customers by their margin, from 0 on a border to 1 far from any",
        names: ("margin: 0 is on the border to another segment, 1 far from any", "share of customers"),
        shares: m.counts.iter().map(|c| *c as f64 / all).collect(),
        border: (m.border, &words),
    }
    .svg();
    let how = format!(
        "How to read this: {} of customers sit near a border: the centre of another segment is less than {} further from them than \
         that of their own.",
        whole_percent(share),
        whole_percent(m.border)
    );
    chart("How many sit near a border?", svg, how)
}

fn stability(report: &Report, s: &Stability) -> Chart {
    let bar = |(i, jaccard): (usize, &f64)| Bar {
        name: report.name_of(i),
        words: words::stability(*jaccard),
        value: if jaccard.is_nan() { 0.0 } else { *jaccard },
        segment: Some(i),
    };
    let svg = Bars {
        title: "Stability by segment",
        about: "The mean Jaccard similarity of each segment with what was found again in samples",
        bars: s.jaccard.iter().take(report.drawn()).enumerate().map(bar).collect(),
        most: 1.0,
        marks: vec![(0.6, "0.6"), (STABLE, "0.75"), (0.85, "0.85")],
    }
    .svg();
    let how = format!(
        "How to read this: the customers were drawn anew {} times from {} and clustered again; 1 means the same customers every time. \
         From 0.85 on a segment is highly stable, from 0.75 on stable; from 0.6 on it is a pattern whose edges move; below, it may be \
         chance (Hennig 2008). Over all segments the agreement (adjusted Rand index) is {}.",
        s.bootstraps,
        count(s.rows),
        fixed(s.adjusted_rand, 2)
    );
    chart("Are they found again?", svg, how)
}

/// The figures of each segment, if they have any.
fn figures(report: &Report) -> Option<Table> {
    let jaccard = |i: usize| report.stability.as_ref().and_then(|s| s.jaccard.get(i));
    let measured = report.stability.is_some();
    let row = |(i, s): (usize, &Segment)| {
        let of = |figure: Option<String>| figure.unwrap_or("–".into());
        let silhouette = of(s.silhouette.map(|v| fixed(v, 2)));
        let mut row = vec![report.name_of(i), count(s.count), silhouette, of(s.border_share.map(whole_percent))];
        row.extend(measured.then(|| of(jaccard(i).map(|v| fixed(*v, 2)))));
        row
    };
    let rows: Vec<Vec<String>> = report.segments[..report.drawn()].iter().enumerate().map(row).collect();
    let titles = ["Segment", "Customers", "Silhouette", "Near a border", "Stability"];
    let titles = &titles[..titles.len() - usize::from(!measured)];
    Some(Table {
        title: "Segment by segment".into(),
        head: titles.iter().map(|t| ((*t).to_owned(), *t != "Segment")).collect(),
        rows,
        ..Table::default()
    })
    .filter(|t| !t.rows.is_empty())
}

pub(super) fn convergence(report: &Report) -> Option<Section> {
    let c = report.convergence.as_ref().filter(|c| !c.iterations.is_empty())?;
    let passes = counted(c.iterations.len() as u64, "iteration", "iterations");
    let lead = if c.converged {
        format!("The fit came to rest after {passes}.")
    } else {
        format!("The fit was stopped after {passes}, before it came to rest; more of them may move some customers.")
    };
    let charts = vec![inertia(c), changed(report, c)];
    Some(section("convergence", "How the fit went", lead, vec![Block::Charts { charts, columns: 2 }]))
}

fn inertia(c: &Convergence) -> Chart {
    let svg = Line {
        title: "Inertia by iteration",
        about: "What is left unexplained after each iteration",
        names: ("iteration", "inertia (what is left unexplained)"),
        points: (1..).zip(c.iterations.iter().map(|i| i.inertia)).collect(),
        spread: Spread::None,
        marked: None,
        level: None,
        from_zero: false,
    }
    .svg();
    chart(
        "Inertia by iteration",
        svg,
        "How to read this: the line falls and levels out; where it is level, the segments no longer change.",
    )
}

fn changed(report: &Report, c: &Convergence) -> Chart {
    let rows = report.headline.rows.max(1) as f64;
    let svg = Line {
        title: "Customers who changed segment",
        about: "The share of customers whose segment changed in each iteration, in per cent",
        names: ("iteration", "% of customers who changed segment"),
        points: (1..).zip(c.iterations.iter().map(|i| 100.0 * i.changed as f64 / rows)).collect(),
        spread: Spread::None,
        marked: None,
        level: None,
        from_zero: true,
    }
    .svg();
    chart(
        "Customers who changed segment",
        svg,
        "How to read this: the share of customers who were moved in each iteration; it falls to none as the fit comes to rest.",
    )
}
