//! Upright bars over even steps from 0 to 1.

use super::number::whole_percent;
use super::plot::Plot;
use super::scale::Scale;
use super::svg::Anchor;

/// How many lie in each of some even steps from 0 to 1.
#[derive(Debug)]
pub(crate) struct Histogram<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    pub(crate) names: (&'a str, &'a str),
    /// The share in each step.
    pub(crate) shares: Vec<f64>,
    /// Steps that begin below this are told apart, by a line and a name too.
    pub(crate) border: (f64, &'a str),
}

const SIZE: (f64, f64) = (400.0, 240.0);

impl Histogram<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let most = self.shares.iter().copied().fold(0.0, f64::max);
        let mut y = Scale::round([0.0, most * 100.0], 4);
        y.ticks.iter_mut().for_each(|(value, name)| *name = whole_percent(*value / 100.0));
        let mut plot = Plot::new(SIZE, Scale::round([0.0, 1.0], 5), y, self.names);
        let step = 1.0 / self.shares.len().max(1) as f64;
        for (share, i) in self.shares.iter().zip(0u32..) {
            let from = f64::from(i) * step;
            let (left, top) = plot.place((from, share * 100.0));
            let right = plot.x.place(from + step);
            let near = from + 1e-9 < self.border.0;
            let class = if near { "class=\"near\"" } else { "class=\"far\"" };
            plot.svg.rect((left + 0.5, top), (right - left - 1.0, plot.bottom - top), class);
            if near {
                plot.svg.rect((left + 0.5, top), (right - left - 1.0, plot.bottom - top), "fill=\"url(#hatch)\"");
            }
        }
        let x = plot.x.place(self.border.0);
        plot.svg.line((x, plot.top), (x, plot.bottom), "class=\"mark\"");
        plot.svg.text((x + 6.0, plot.top - 4.0), Anchor::Start, "strong", self.border.1);
        plot.finish((0.75, 1.3), self.title, self.about)
    }
}
