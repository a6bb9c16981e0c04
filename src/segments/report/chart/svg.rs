//! A drawing in SVG, element by element.
//!
//! All text passes [`safe`], numbers are written with one place at most, and nothing depends on anything but what is drawn,
//! so the same chart is the same bytes.

use super::text::safe;
use std::fmt::Write;

/// Where a text's position lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing under way.
#[derive(Debug)]
pub(crate) struct Svg {
    width: f64,
    body: String,
}

/// A point, in units of the drawing.
pub(crate) type Point = (f64, f64);

impl Svg {
    pub(crate) fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub(crate) fn width(&self) -> f64 {
        self.width
    }

    /// A rectangle; `paint` are attributes, never from data.
    pub(crate) fn rect(&mut self, (x, y): Point, (width, height): Point, paint: &str) {
        let (x, y, width, height) = (at(x), at(y), at(width.max(0.0)), at(height.max(0.0)));
        self.push(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {paint}/>"));
    }

    pub(crate) fn line(&mut self, (x1, y1): Point, (x2, y2): Point, paint: &str) {
        let (x1, y1, x2, y2) = (at(x1), at(y1), at(x2), at(y2));
        self.push(format_args!("<path d=\"M{x1} {y1}L{x2} {y2}\" {paint}/>"));
    }

    /// A line through points.
    pub(crate) fn through(&mut self, points: &[Point], paint: &str) {
        let path = path(points);
        self.push(format_args!("<path d=\"{path}\" {paint}/>"));
    }

    /// An area with points around it.
    pub(crate) fn area(&mut self, points: &[Point], paint: &str) {
        let path = path(points);
        self.push(format_args!("<path d=\"{path}z\" {paint}/>"));
    }

    /// The same shape (see `palette::shape`) at many points.
    pub(crate) fn shapes(&mut self, shape: &[Point; 4], radius: f64, points: &[Point], paint: &str) {
        let [start, steps @ ..] = shape.map(|(x, y)| (x * radius, y * radius));
        let steps: String = steps.iter().map(|(x, y)| format!("l{} {}", at(*x), at(*y))).collect();
        let mut path = String::new();
        for (x, y) in points {
            let _ = write!(path, "M{} {}{steps}z", at(x + start.0), at(y + start.1));
        }
        self.push(format_args!("<path d=\"{path}\" {paint}/>"));
    }

    pub(crate) fn circle(&mut self, (x, y): Point, radius: f64, paint: &str) {
        let (x, y, radius) = (at(x), at(y), at(radius));
        self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {paint}/>"));
    }

    /// A text; `class` says how it looks.
    pub(crate) fn text(&mut self, (x, y): Point, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y, text) = (at(x), at(y), safe(text));
        self.push(format_args!("<text x=\"{x}\" y=\"{y}\"{anchor} class=\"{class}\">{text}</text>"));
    }

    /// A text that was cut, with the whole of it for those who point at it.
    pub(crate) fn cut_text(&mut self, place: Point, anchor: Anchor, class: &str, (shown, whole): (&str, &str)) {
        if shown == whole {
            return self.text(place, anchor, class, shown);
        }
        let whole = safe(whole);
        self.push(format_args!("<g><title>{whole}</title>"));
        self.text(place, anchor, class, shown);
        self.push(format_args!("</g>"));
    }

    /// The drawing as an element. It keeps between `least` and `most` of its own size, as the page has room.
    pub(crate) fn finish(self, height: f64, (least, most): (f64, f64), title: &str, about: &str) -> String {
        let (width, height) = (at(self.width), at(height));
        let (least, most) = (at((least * self.width).round()), at((most * self.width).round()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             style=\"min-width:{least}px;max-width:{most}px\"><title>{}</title><desc>{}</desc>{}</svg>",
            safe(title),
            safe(about),
            self.body
        )
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(element); // a String takes everything
    }
}

fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, at(*x), at(*y));
    }
    path
}

/// A coordinate, to a tenth.
fn at(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        assert_eq!([1.0, 2.25, -0.04, f64::NAN, 1e3].map(at), ["1", "2.2", "0", "0", "1000"]);
    }

    #[test]
    fn a_drawing_says_what_it_is_and_keeps_text_text() {
        let mut svg = Svg::new(100.0);
        svg.text((1.0, 2.0), Anchor::End, "t", "<script>");
        let text = svg.finish(50.0, (0.5, 1.0), "a \"b\"", "<c>");
        assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 100 50\""));
        assert!(text.contains("<title>a &quot;b&quot;</title><desc>&lt;c&gt;</desc>"));
        assert!(text.contains("text-anchor=\"end\" class=\"t\">&lt;script&gt;</text>"));
    }
}
