//! A line over whole numbers, with a band or bars for how sure its points are.

use super::plot::Plot;
use super::scale::{Scale, range};
use super::svg::Anchor;
use super::text::width;

/// How sure a line's points are.
#[derive(Debug)]
pub(crate) enum Spread {
    /// It is not said.
    None,
    /// A band between two lines, a pair for each point.
    Band(Vec<(f64, f64)>),
    /// A bar at each point that has one.
    Bars(Vec<Option<(f64, f64)>>),
}

/// A line through points.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// The names of both axes.
    pub(crate) names: (&'a str, &'a str),
    /// The points, from left to right.
    pub(crate) points: Vec<(u64, f64)>,
    pub(crate) spread: Spread,
    /// The point to point at, and why.
    pub(crate) marked: Option<(u64, &'a str)>,
    /// A height to compare with, drawn across, and what it is.
    pub(crate) level: Option<(f64, &'a str)>,
    /// Whether the axis starts at zero.
    pub(crate) from_zero: bool,
}

const SIZE: (f64, f64) = (400.0, 240.0);

impl Line<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let numbers: Vec<u64> = self.points.iter().map(|p| p.0).collect();
        let y = Scale::round(self.heights(), 4);
        let mut plot = Plot::new(SIZE, Scale::whole(&numbers, 12), y, self.names);
        self.spread(&mut plot);
        self.level(&mut plot);
        let finite = self.points.iter().filter(|p| p.1.is_finite());
        let line: Vec<_> = finite.map(|(x, y)| plot.place((*x as f64, *y))).collect();
        plot.svg.through(&line, "class=\"line\"");
        if line.len() <= 40 {
            line.iter().for_each(|p| plot.svg.circle(*p, 3.0, "class=\"dot\""));
        }
        self.mark(&mut plot);
        plot.finish((0.75, 1.3), self.title, self.about)
    }

    fn heights(&self) -> Vec<f64> {
        let mut heights: Vec<f64> = self.points.iter().map(|p| p.1).collect();
        match &self.spread {
            Spread::None => {}
            Spread::Band(band) => heights.extend(band.iter().flat_map(|(low, high)| [*low, *high])),
            Spread::Bars(bars) => heights.extend(bars.iter().flatten().flat_map(|(low, high)| [*low, *high])),
        }
        heights.extend(self.level.map(|(height, _)| height));
        let (_, high) = range(heights.iter().copied());
        if self.from_zero {
            heights.extend([0.0, high]);
        }
        heights
    }

    fn spread(&self, plot: &mut Plot) {
        match &self.spread {
            Spread::None => {}
            Spread::Band(band) => {
                let along = || self.points.iter().zip(band);
                let upper = along().map(|((x, _), (_, high))| plot.place((*x as f64, *high)));
                let lower = along().rev().map(|((x, _), (low, _))| plot.place((*x as f64, *low)));
                let around: Vec<_> = upper.chain(lower).collect();
                plot.svg.area(&around, "class=\"band\"");
            }
            Spread::Bars(bars) => {
                let bars = self.points.iter().zip(bars).filter_map(|(p, bar)| bar.map(|bar| (p.0 as f64, bar)));
                for (x, (low, high)) in bars {
                    let (x, low, high) = (plot.x.place(x), plot.y.place(low), plot.y.place(high));
                    plot.svg.line((x, low), (x, high), "class=\"whisker\"");
                    plot.svg.line((x - 4.0, low), (x + 4.0, low), "class=\"whisker\"");
                    plot.svg.line((x - 4.0, high), (x + 4.0, high), "class=\"whisker\"");
                }
            }
        }
    }

    fn level(&self, plot: &mut Plot) {
        let Some((height, name)) = self.level else { return };
        let y = plot.y.place(height);
        plot.svg.line((plot.left, y), (plot.right, y), "class=\"mark\"");
        plot.svg.text((plot.right, y - 5.0), Anchor::End, "small halo", name);
    }

    fn mark(&self, plot: &mut Plot) {
        let Some((number, why)) = self.marked else { return };
        let Some((x, y)) = self.points.iter().find(|p| p.0 == number) else { return };
        let (x, y) = plot.place((*x as f64, *y));
        plot.svg.line((x, plot.top), (x, plot.bottom), "class=\"mark\"");
        plot.svg.circle((x, y), 6.0, "class=\"ring\"");
        let room = plot.right - x > width(why, 12.0) + 8.0;
        let (at, anchor) = if room { (x + 6.0, Anchor::Start) } else { (x - 6.0, Anchor::End) };
        plot.svg.text((at, plot.top - 4.0), anchor, "strong", why);
    }
}
