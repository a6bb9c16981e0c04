//! Horizontal bars, each under its name.

use super::palette::{NEUTRAL, colour, hatched, shape};
use super::svg::{Anchor, Svg};
use super::text::{fitted, width};

/// A bar.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Its name.
    pub(crate) name: String,
    /// Its value in words, at the end of the line.
    pub(crate) words: String,
    /// Its length, from 0 to [`Bars::most`].
    pub(crate) value: f64,
    /// The segment it stands for; `None` for the rest.
    pub(crate) segment: Option<usize>,
}

/// Horizontal bars.
#[derive(Debug)]
pub(crate) struct Bars<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    pub(crate) bars: Vec<Bar>,
    /// The value of a full bar.
    pub(crate) most: f64,
    /// Values marked by a line across each bar, with their names.
    pub(crate) marks: Vec<(f64, &'a str)>,
}

const WIDTH: f64 = 400.0;
const ROW: f64 = 38.0;

impl Bars<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let mut svg = Svg::new(WIDTH);
        let top = if self.marks.is_empty() { 2.0 } else { 20.0 };
        let bottom = top + ROW * self.bars.len() as f64;
        for (bar, i) in self.bars.iter().zip(0u32..) {
            self.bar(&mut svg, bar, top + ROW * f64::from(i));
        }
        for (value, name) in &self.marks {
            let x = self.length(*value);
            for (_, i) in self.bars.iter().zip(0u32..) {
                let y = top + ROW * f64::from(i) + 18.0;
                svg.line((x, y), (x, y + 13.0), "class=\"axis strong\"");
            }
            svg.text((x, top - 7.0), Anchor::Middle, "small", name);
        }
        svg.finish(bottom, (0.75, 1.25), self.title, self.about)
    }

    fn length(&self, value: f64) -> f64 {
        if self.most > 0.0 { (value / self.most).clamp(0.0, 1.0) * WIDTH } else { 0.0 }
    }

    fn bar(&self, svg: &mut Svg, bar: &Bar, y: f64) {
        mark(svg, (6.0, y + 9.0), bar.segment, 5.5);
        let room = WIDTH - 42.0 - width(&bar.words, 13.0);
        svg.cut_text((18.0, y + 14.0), Anchor::Start, "name", (&fitted(&bar.name, 13.0, room), &bar.name));
        svg.text((WIDTH, y + 14.0), Anchor::End, "value", &bar.words);
        svg.rect((0.0, y + 20.0), (WIDTH, 9.0), "rx=\"2\" class=\"track\"");
        fill(svg, (0.0, y + 20.0), (self.length(bar.value).max(1.5), 9.0), bar.segment);
    }
}

/// A rectangle in a segment's colour, and hatched where it has to be.
pub(super) fn fill(svg: &mut Svg, place: (f64, f64), size: (f64, f64), segment: Option<usize>) {
    svg.rect(place, size, &format!("rx=\"2\" fill=\"{}\"", segment.map_or(NEUTRAL, colour)));
    if segment.is_some_and(hatched) {
        svg.rect(place, size, "rx=\"2\" fill=\"url(#hatch)\"");
    }
}

/// A segment's shape in its colour.
pub(super) fn mark(svg: &mut Svg, place: (f64, f64), segment: Option<usize>, radius: f64) {
    match segment {
        Some(s) => svg.shapes(&shape(s), radius, &[place], &format!("fill=\"{}\"", colour(s))),
        None => svg.circle(place, radius * 0.8, &format!("fill=\"{NEUTRAL}\"")),
    }
}

/// A segment's shape and colour as a tiny drawing, to stand beside its name.
pub(crate) fn key(segment: usize) -> String {
    let mut svg = Svg::new(14.0);
    mark(&mut svg, (7.0, 7.0), Some(segment), 6.0);
    svg.finish(14.0, (1.0, 1.0), &format!("Segment {segment}"), "The segment's colour and shape in all charts")
}
