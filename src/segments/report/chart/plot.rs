//! The ground of charts with two axes.

use super::scale::Scale;
use super::svg::{Anchor, Svg};
use super::text::width;

/// Two axes, their ticks and names drawn.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) svg: Svg,
    pub(super) x: Scale,
    pub(super) y: Scale,
    /// The inner edges.
    pub(super) top: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    height: f64,
}

impl Plot {
    /// Axes over `width x height`, with the names of both.
    pub(super) fn new((w, height): (f64, f64), x: Scale, y: Scale, (x_name, y_name): (&str, &str)) -> Self {
        let widest = y.ticks.iter().map(|(_, name)| width(name, 11.0)).fold(14.0, f64::max);
        let (left, top, right, bottom) = (widest + 10.0, 34.0, w - 14.0, height - 38.0);
        let (x, y) = (x.on(left, right), y.on(bottom, top));
        let mut svg = Svg::new(w);
        for (value, name) in &y.ticks {
            let at = y.place(*value);
            svg.line((left, at), (right, at), "class=\"grid\"");
            svg.text((left - 6.0, at + 4.0), Anchor::End, "tick", name);
        }
        for (value, name) in &x.ticks {
            let at = x.place(*value);
            svg.line((at, bottom), (at, bottom + 4.0), "class=\"axis\"");
            svg.text((at, bottom + 16.0), Anchor::Middle, "tick", name);
        }
        svg.line((left, bottom), (right, bottom), "class=\"axis\"");
        svg.text((0.0, 12.0), Anchor::Start, "tick", y_name);
        svg.text(((left + right) / 2.0, height - 5.0), Anchor::Middle, "tick", x_name);
        Self { svg, x, y, top, left, right, bottom, height }
    }

    pub(super) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    pub(super) fn finish(self, (least, most): (f64, f64), title: &str, about: &str) -> String {
        self.svg.finish(self.height, (least, most), title, about)
    }
}
