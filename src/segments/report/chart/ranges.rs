//! Small multiples: for each segment a bar from a low to a high value, with the middle marked.

use super::bars::{fill, mark};
use super::scale::Scale;
use super::svg::{Anchor, Svg};
use super::text::fitted;

/// Ranges of one feature.
#[derive(Debug)]
pub(crate) struct Ranges<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// Name, segment (`None` for everyone), and low, middle, high; `None` where there are no values.
    pub(crate) rows: Vec<(String, Option<usize>, Option<[f64; 3]>)>,
}

pub(super) const WIDTH: f64 = 360.0;
pub(super) const LABELS: f64 = 144.0;
pub(super) const ROW: f64 = 20.0;

impl Ranges<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let values = self.rows.iter().filter_map(|r| r.2).flatten();
        let scale = Scale::round(values, 3).on(LABELS + 8.0, WIDTH - 22.0);
        let mut svg = Svg::new(WIDTH);
        let bottom = 4.0 + ROW * self.rows.len() as f64;
        for (value, name) in &scale.ticks {
            let x = scale.place(*value);
            svg.line((x, 0.0), (x, bottom), "class=\"grid\"");
            svg.text((x, bottom + 13.0), Anchor::Middle, "tick", name);
        }
        for ((name, segment, range), i) in self.rows.iter().zip(0u32..) {
            let y = 2.0 + ROW * f64::from(i) + ROW / 2.0;
            label(&mut svg, y, name, *segment);
            let Some([low, middle, high]) = *range else {
                svg.text((LABELS + 8.0, y + 4.0), Anchor::Start, "small", "no values");
                continue;
            };
            let (low, middle, high) = (scale.place(low), scale.place(middle), scale.place(high));
            fill(&mut svg, (low, y - 3.5), ((high - low).max(2.0), 7.0), *segment);
            svg.circle((middle, y), 5.0, "class=\"middle\"");
        }
        svg.finish(bottom + 18.0, (0.85, 1.2), self.title, self.about)
    }
}

/// The name of a row, with the key of its segment.
pub(super) fn label(svg: &mut Svg, y: f64, name: &str, segment: Option<usize>) {
    mark(svg, (5.0, y), segment, 4.5);
    svg.cut_text((14.0, y + 4.0), Anchor::Start, "row", (&fitted(name, 11.0, LABELS - 14.0), name));
}
