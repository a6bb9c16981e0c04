//! Points on a plane, a shape and a colour for each segment.

use super::bars::mark;
use super::palette::{colour, shape};
use super::plot::Plot;
use super::scale::Scale;
use super::svg::{Anchor, Svg};
use super::text::{fitted, width};

/// A scatter plot.
#[derive(Debug)]
pub(crate) struct Scatter<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    pub(crate) names: (&'a str, &'a str),
    /// Where each point lies, and its segment.
    pub(crate) points: Vec<(f64, f64, usize)>,
    /// The middle of each segment, and what is written there.
    pub(crate) middles: Vec<(f64, f64, String)>,
    /// The segments' names.
    pub(crate) keys: Vec<String>,
}

const SIZE: (f64, f64) = (470.0, 390.0);

impl Scatter<'_> {
    /// The chart. A segment is drawn over those before it, so the smallest, which come last, are seen.
    pub(crate) fn svg(&self) -> String {
        let middles = || self.middles.iter().map(|m| (m.0, m.1));
        let all = || self.points.iter().map(|p| (p.0, p.1)).chain(middles());
        let (x, y) = (Scale::round(all().map(|p| p.0), 6), Scale::round(all().map(|p| p.1), 5));
        let mut plot = Plot::new(SIZE, x, y, self.names);
        for segment in 0..self.middles.len() {
            let own = self.points.iter().filter(|p| p.2 == segment);
            let places: Vec<_> = own.map(|p| plot.place((p.0, p.1))).collect();
            if !places.is_empty() {
                let paint = format!("fill=\"{}\" fill-opacity=\".6\"", colour(segment));
                plot.svg.shapes(&shape(segment), 2.3, &places, &paint);
            }
        }
        for (x, y, name) in &self.middles {
            let (x, y) = plot.place((*x, *y));
            plot.svg.circle((x, y), 11.0, "class=\"badge\"");
            plot.svg.text((x, y + 4.5), Anchor::Middle, "badge-text", name);
        }
        let height = legend(&mut plot.svg, &self.keys, SIZE.1 + 16.0);
        plot.svg.finish(height, (0.7, 1.4), self.title, self.about)
    }
}

/// Names the segments from `y` on, in as many lines as they take; returns where it ends.
fn legend(svg: &mut Svg, keys: &[String], y: f64) -> f64 {
    let (mut x, mut y) = (0.0, y);
    for (segment, name) in keys.iter().enumerate() {
        let shown = fitted(name, 12.0, SIZE.0 - 20.0);
        let takes = width(&shown, 12.0) + 36.0;
        if x > 0.0 && x + takes - 16.0 > SIZE.0 {
            (x, y) = (0.0, y + 19.0);
        }
        mark(svg, (x + 6.0, y - 4.0), Some(segment), 5.0);
        svg.cut_text((x + 16.0, y), Anchor::Start, "t", (&shown, name));
        x += takes;
    }
    y + 8.0
}
