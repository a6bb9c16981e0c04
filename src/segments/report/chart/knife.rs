//! The knife plot of silhouettes (Rousseeuw 1987): a blade for each segment, its values sorted, and the mean of all.

use super::palette::{colour, hatched};
use super::scale::Scale;
use super::svg::{Anchor, Svg};
use super::text::fitted;

/// A blade for each segment.
#[derive(Debug)]
pub(crate) struct Knife<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// The name and the values of each segment, in any order.
    pub(crate) blades: Vec<(String, Vec<f32>)>,
    /// The mean of all, and its name.
    pub(crate) mean: (f64, &'a str),
}

const WIDTH: f64 = 400.0;
/// Of all blades together, of the thinnest, between two, and above the first.
const HEIGHT: f64 = 260.0;
const LEAST: f64 = 5.0;
const GAP: f64 = 20.0;
const TOP: f64 = 20.0;

impl Knife<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let all: usize = self.blades.iter().map(|b| b.1.len()).sum();
        let lowest = self.blades.iter().flat_map(|b| &b.1).copied().fold(0.0f32, f32::min);
        let scale = Scale::round([f64::from(lowest), 1.0], 6).on(14.0, WIDTH - 12.0);
        let mut svg = Svg::new(WIDTH);
        let (mut y, mut names) = (TOP, Vec::new());
        for (segment, (name, values)) in self.blades.iter().enumerate() {
            names.push((y + 13.0, name));
            let height = (HEIGHT * values.len() as f64 / all.max(1) as f64).max(LEAST);
            blade(&mut svg, &scale, values, (y + GAP, height), segment);
            y += GAP + height + 4.0;
        }
        for (value, name) in &scale.ticks {
            svg.line((scale.place(*value), TOP + 16.0), (scale.place(*value), y), "class=\"through\"");
            svg.text((scale.place(*value), y + 15.0), Anchor::Middle, "tick", name);
        }
        svg.line((14.0, y), (WIDTH - 12.0, y), "class=\"axis\"");
        let x = scale.place(self.mean.0);
        svg.line((x, TOP - 4.0), (x, y), "class=\"mark\"");
        svg.text((x, 11.0), if x < WIDTH / 2.0 { Anchor::Start } else { Anchor::End }, "strong", self.mean.1);
        for (y, name) in names {
            svg.cut_text((0.0, y), Anchor::Start, "name halo", (&fitted(name, 13.0, WIDTH), name));
        }
        svg.text((WIDTH / 2.0, y + 32.0), Anchor::Middle, "tick", "silhouette of each customer");
        svg.finish(y + 38.0, (0.75, 1.3), self.title, self.about)
    }
}

/// The sorted values as one area, a step for each unit of its height.
fn blade(svg: &mut Svg, scale: &Scale, values: &[f32], (y, height): (f64, f64), segment: usize) {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    if sorted.is_empty() {
        return;
    }
    let (zero, mut around) = (scale.place(0.0), Vec::new());
    around.push((zero, y));
    let mut down = 0.0;
    while down <= height {
        around.push((scale.place(f64::from(sorted[part_of(down / height, sorted.len())])), y + down));
        down += 1.0;
    }
    around.push((zero, y + height));
    svg.area(&around, &format!("fill=\"{}\"", colour(segment)));
    if hatched(segment) {
        svg.area(&around, "fill=\"url(#hatch)\"");
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length, from 0 on")]
fn part_of(part: f64, length: usize) -> usize {
    ((part * length as f64) as usize).min(length - 1)
}
