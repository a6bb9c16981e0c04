//! Stacked bars: what share each level of a category has in each segment.

use super::number::whole_percent;
use super::palette::level;
use super::ranges::{LABELS, ROW, WIDTH, label};
use super::svg::{Anchor, Svg};
use super::text::{fitted, width};

/// Shares of one category.
#[derive(Debug)]
pub(crate) struct Stacked<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// The levels, in the order in which they are stacked.
    pub(crate) levels: Vec<String>,
    /// Name, segment (`None` for everyone), and the share of each level.
    pub(crate) rows: Vec<(String, Option<usize>, Vec<f64>)>,
}

impl Stacked<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let mut svg = Svg::new(WIDTH);
        for ((name, segment, shares), i) in self.rows.iter().zip(0u32..) {
            let y = 2.0 + ROW * f64::from(i) + ROW / 2.0;
            label(&mut svg, y, name, *segment);
            stack(&mut svg, y, shares);
        }
        let bottom = self.legend(&mut svg, 12.0 + ROW * self.rows.len() as f64);
        svg.finish(bottom, (0.85, 1.2), self.title, self.about)
    }

    /// Names the levels from `y` on, in as many lines as they take; returns where it ends.
    fn legend(&self, svg: &mut Svg, y: f64) -> f64 {
        let (mut x, mut y) = (0.0, y + 8.0);
        for (i, name) in self.levels.iter().enumerate() {
            let name_shown = fitted(name, 11.0, WIDTH / 2.0 - 24.0);
            let takes = width(&name_shown, 11.0) + 26.0;
            if x > 0.0 && x + takes > WIDTH {
                (x, y) = (0.0, y + 17.0);
            }
            svg.rect((x, y - 8.0), (10.0, 10.0), &format!("class=\"level\" fill=\"{}\"", level(i).0));
            svg.cut_text((x + 14.0, y + 1.0), Anchor::Start, "row", (&name_shown, name));
            x += takes;
        }
        y + 8.0
    }
}

fn stack(svg: &mut Svg, y: f64, shares: &[f64]) {
    let (start, full) = (LABELS + 4.0, WIDTH - LABELS - 6.0);
    let mut x = start;
    for (i, share) in shares.iter().enumerate() {
        let wide = share.clamp(0.0, 1.0) * full;
        let (fill, white) = level(i);
        svg.rect((x, y - 7.0), (wide, 14.0), &format!("class=\"level\" fill=\"{fill}\""));
        let words = whole_percent(*share);
        if wide > width(&words, 10.0) + 3.0 {
            let class = if white { "share white" } else { "share" };
            svg.text((x + wide / 2.0, y + 3.5), Anchor::Middle, class, &words);
        }
        x += wide;
    }
}
