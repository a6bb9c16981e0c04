//! Who the segments are.

use super::{chart, left_out, section};
use crate::error::printable;
use crate::segments::report::chart::number::{count, counted, fixed, percent, short, whole_percent};
use crate::segments::report::chart::{Bar, Bars, Heat, HeatCell, Ranges, Scatter, Stacked, key};
use crate::segments::report::page::{Block, Card, Chart, Section, Table};
use crate::segments::report::view::{Distribution, Projection};
use crate::segments::report::{MOST_FEATURES, Report, Segment, Standing, words};

/// Features named on a card, above and below average together in each list.
const STANDING: usize = 4;

/// Typical customers on a card, and features in the table of directions.
const TYPICAL: usize = 5;
const LOADINGS: usize = 8;

pub(super) fn sizes(report: &Report) -> Option<Section> {
    if report.segments.is_empty() {
        return None;
    }
    let names = report.segments.first().map_or(&[][..], |s| &s.kpis);
    let size =
        sized(report, "Customers in each segment", |s| (s.share, format!("{} · {}", count(s.count), percent(s.share))));
    let how = "How to read this: a full bar would be all customers.";
    let mut charts = vec![chart("Customers in each segment", size, how)];
    for (at, (kpi, _)) in names.iter().enumerate() {
        let title = format!("Share of {}", printable(kpi));
        let of = |s: &Segment| s.kpis.get(at).map_or(f64::NAN, |k| k.1);
        let svg = sized(report, &title, |s| {
            (of(s), format!("{} from {} of customers", whole_percent(of(s)), whole_percent(s.share)))
        });
        charts.push(chart(
            title,
            svg,
            "How to read this: a bar longer than the segment’s share of customers means more than its due.",
        ));
    }
    let lead =
        "Segments are numbered from the largest; a number, a colour and a shape stand for the same segment throughout.";
    Some(section("sizes", "How large the segments are", lead, vec![Block::Charts { charts, columns: 2 }]))
}

fn sized(report: &Report, title: &str, of: impl Fn(&Segment) -> (f64, String)) -> String {
    let bar = |(i, s): (usize, &Segment)| {
        let (value, words) = of(s);
        Bar { name: report.name_of(i), words, value, segment: Some(i) }
    };
    let bars = report.segments[..report.drawn()].iter().enumerate().map(bar).collect();
    Bars { title, about: "A bar for each segment", bars, most: 1.0, marks: Vec::new() }.svg()
}

pub(super) fn cards(report: &Report) -> Option<Section> {
    let cards: Vec<Card> = (0..report.drawn()).map(|i| card(report, i)).collect();
    let told = cards.iter().any(|c| !(c.above.is_empty() && c.below.is_empty()));
    let lead = "What sets each segment apart most from all customers together, as averages in the table’s own units.";
    told.then(|| section("segments", "Who they are", lead, vec![Block::Cards { cards }]))
}

fn card(report: &Report, index: usize) -> Card {
    let s = &report.segments[index];
    let some =
        |keep: fn(&&Standing) -> bool| s.standing.iter().filter(keep).take(STANDING).map(words::standing).collect();
    let mut facts = Vec::new();
    if let Some(jaccard) = report.stability.as_ref().and_then(|s| s.jaccard.get(index)) {
        facts.push(format!("Stability: {}", words::stability(*jaccard)));
    }
    if let Some(share) = s.border_share {
        facts.push(format!("{} near a border to another segment", whole_percent(share)));
    }
    Card {
        svg: key(index),
        name: report.name_of(index),
        size: format!("{}, {}", counted(s.count, "customer", "customers"), percent(s.share)),
        above: some(|s| s.effect > 0.0),
        below: some(|s| s.effect < 0.0),
        facts,
        typical: s.typical.iter().take(TYPICAL).map(|t| printable(t)).collect(),
    }
}

pub(super) fn profile(report: &Report) -> Option<Section> {
    let profile = report.profile.as_ref().filter(|p| !p.features.is_empty())?;
    let shown = &profile.features[..profile.features.len().min(MOST_FEATURES)];
    let rows = shown.iter().map(|f| {
        let cells = f.cells.iter().take(report.drawn()).map(|c| HeatCell {
            value: words::value(f.unit, c.mean),
            below: c.index.filter(|i| i.is_finite()).map_or(String::new(), |i| format!("index {}", short(i.round()))),
            effect: c.effect,
        });
        (printable(&f.name), words::value(f.unit, f.everyone), cells.collect())
    });
    let heat = Heat {
        title: "Averages by segment and feature",
        about: "Rows are features, columns are segments; a cell gives the segment’s average and its index against everyone",
        columns: (0..report.drawn()).map(|i| report.name_of(i)).collect(),
        rows: rows.collect(),
    };
    let how = "How to read this: the upper number is the segment’s average in the table’s own unit (for categories, the share of \
               customers); below it everyone is 100. Orange with ▲ is clearly above average, blue with ▼ clearly below, white is average.";
    let how = how.to_owned() + &left_out(profile.features.len(), shown.len(), "features", "profile.csv");
    let charts = vec![chart("", heat.svg(), how)];
    Some(section(
        "profile",
        "Side by side",
        "Every feature in every segment.",
        vec![Block::Charts { charts, columns: 1 }],
    ))
}

pub(super) fn distributions(report: &Report) -> Option<Section> {
    let all = &report.distributions;
    if all.is_empty() {
        return None;
    }
    let charts: Vec<Chart> = all.iter().take(MOST_FEATURES).map(|d| spread(report, d)).collect();
    let lead = "Averages hide who is behind them. How to read these: a bar holds the middle 80 % of a segment’s customers (a tenth lies \
                below it, a tenth above), the dot is the customer in the middle; for categories, the parts of a bar are the shares of \
                its levels.";
    let lead = lead.to_owned() + &left_out(all.len(), charts.len(), "features", "profile.csv");
    Some(section("spread", "How values are spread", lead, vec![Block::Charts { charts, columns: 3 }]))
}

fn spread(report: &Report, distribution: &Distribution) -> Chart {
    let named = |i: usize| (report.name_of(i), Some(i));
    let everyone = ("everyone".to_owned(), None);
    match distribution {
        Distribution::Range { feature, everyone: all, segments } => {
            let own =
                segments.iter().take(report.drawn()).enumerate().map(|(i, range)| (named(i).0, named(i).1, *range));
            let rows = std::iter::once((everyone.0, everyone.1, Some(*all))).chain(own).collect();
            let title = printable(feature);
            let about = "For each segment the middle 80 % of its customers, and the one in the middle";
            let svg = Ranges { title: &title, about, rows }.svg();
            chart(title, svg, "")
        }
        Distribution::Levels { feature, levels, everyone: all, segments } => {
            let own =
                segments.iter().take(report.drawn()).enumerate().map(|(i, s)| (named(i).0, named(i).1, s.clone()));
            let rows = std::iter::once((everyone.0, everyone.1, all.clone())).chain(own).collect();
            let title = printable(feature);
            let levels = levels.iter().map(|l| printable(l)).collect();
            let about = "For each segment the share of each level";
            let svg = Stacked { title: &title, about, levels, rows }.svg();
            chart(title, svg, "")
        }
    }
}

pub(super) fn projection(report: &Report) -> Option<Section> {
    let p = report.projection.as_ref()?;
    let both = whole_percent(p.explained[0] + p.explained[1]);
    let how = format!(
        "How to read this: each point is a customer, near to those like them; the numbered discs are the segments’ centres. The picture \
         keeps {both} of all differences, so segments that overlap here may still lie apart in other directions. The directions were \
         found from {}.",
        counted(p.rows, "customer", "customers")
    );
    let charts = vec![chart("", scatter(report, p), how)];
    let lead = "All features squeezed into the two directions in which customers differ most (principal components).";
    let blocks = vec![Block::Charts { charts, columns: 1 }, Block::Table(loadings(p))];
    Some(section("map", "The customers on a map", lead, blocks))
}

fn scatter(report: &Report, p: &Projection) -> String {
    let axis = |at: usize| format!("direction {}: {} of all differences", at + 1, whole_percent(p.explained[at]));
    let drawn = report.drawn();
    let middles = p.centroids.iter().take(drawn).enumerate().map(|(i, c)| (c[0], c[1], i.to_string()));
    Scatter {
        title: "Customers and centres on the two leading directions",
        about: "A point for each customer of a sample, in the colour and shape of their segment",
        names: (&axis(0), &axis(1)),
        points: p.points.iter().filter(|d| d.segment < drawn).map(|d| (d.x, d.y, d.segment)).collect(),
        middles: middles.collect(),
        keys: (0..drawn).map(|i| report.name_of(i)).collect(),
    }
    .svg()
}

fn loadings(p: &Projection) -> Table {
    let size = |i: usize| p.loadings[i].parts.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let mut order: Vec<usize> = (0..p.loadings.len()).collect();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    let row = |&i: &usize| {
        let l = &p.loadings[i];
        vec![printable(&l.feature), fixed(l.parts[0], 2), fixed(l.parts[1], 2)]
    };
    Table {
        title: "What the directions are made of".into(),
        head: vec![("Feature".into(), false), ("Direction 1".into(), true), ("Direction 2".into(), true)],
        rows: order.iter().take(LOADINGS).map(row).collect(),
        strong: None,
        how: "How to read this: the further from zero, the more a feature moves a customer along that direction."
            .to_owned()
            + &left_out(p.loadings.len(), LOADINGS, "features", "this page’s data"),
    }
}
