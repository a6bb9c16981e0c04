//! A heat map with its numbers: features down, segments across, colour for how far from average.

use super::bars::mark;
use super::palette::diverging;
use super::svg::{Anchor, Svg};
use super::text::{fitted, width, wrapped};

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct HeatCell {
    /// The value in words.
    pub(crate) value: String,
    /// What stands below it; may be empty.
    pub(crate) below: String,
    /// How far from average, in standard deviations.
    pub(crate) effect: f64,
}

/// A heat map.
#[derive(Debug)]
pub(crate) struct Heat<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// The segments' names, in order.
    pub(crate) columns: Vec<String>,
    /// Feature, everyone's value, and a cell for each segment.
    pub(crate) rows: Vec<(String, String, Vec<HeatCell>)>,
}

const LABELS: f64 = 170.0;
/// The size of a feature's name.
const NAME: f64 = 13.0;
const EVERYONE: f64 = 74.0;
const CELL: f64 = 34.0;
const TOP: f64 = 68.0;
/// The width of all segments' columns together, and of one at least and at most.
const ALL: f64 = 860.0;
const LEAST: f64 = 70.0;
const MOST: f64 = 172.0;
/// From how many standard deviations on a cell has an arrow, which is there on grey paper too.
const ARROW: f64 = 0.5;

impl Heat<'_> {
    /// The chart.
    pub(crate) fn svg(&self) -> String {
        let wide = (ALL / self.columns.len().max(1) as f64).floor().clamp(LEAST, MOST);
        let right = LABELS + EVERYONE + wide * self.columns.len() as f64;
        let mut svg = Svg::new(right.max(460.0));
        self.head(&mut svg, wide);
        for ((name, everyone, cells), i) in self.rows.iter().zip(0u32..) {
            let y = TOP + CELL * f64::from(i);
            label(&mut svg, name, y);
            svg.text((LABELS + EVERYONE - 14.0, y + 21.0), Anchor::End, "everyone", everyone);
            for (cell, column) in cells.iter().zip(0u32..) {
                draw(&mut svg, cell, (LABELS + EVERYONE + wide * f64::from(column), y), wide);
            }
        }
        let bottom = TOP + CELL * self.rows.len() as f64;
        legend(&mut svg, bottom + 22.0);
        let natural = svg.width();
        let most = if natural < 700.0 { 1.2 } else { 1.06 };
        svg.finish(bottom + 50.0, (0.88, most), self.title, self.about)
    }

    fn head(&self, svg: &mut Svg, wide: f64) {
        svg.text((LABELS + EVERYONE - 14.0, TOP - 10.0), Anchor::End, "small", "everyone");
        for (name, column) in self.columns.iter().zip(0u32..) {
            let x = LABELS + EVERYONE + wide * (f64::from(column) + 0.5);
            let lines = wrapped(name, 12.5, wide - 8.0, 3);
            let first = TOP - 10.0 - 13.0 * (lines.len() - 1) as f64;
            mark(svg, (x, first - 17.0), usize::try_from(column).ok(), 5.0);
            for (line, i) in lines.iter().zip(0u32..) {
                svg.cut_text((x, first + 13.0 * f64::from(i)), Anchor::Middle, "head", (line, line));
            }
        }
    }
}

/// A feature's name in one line or two: a level stands below its column, and another name breaks where the line is full.
fn label(svg: &mut Svg, name: &str, y: f64) {
    let room = LABELS - 8.0;
    if width(name, NAME) <= room {
        return svg.text((0.0, y + 21.0), Anchor::Start, "name", name);
    }
    let at = name.find(" = ").map_or_else(|| full(name, room), |at| at + 1);
    let (first, second) = name.split_at(at);
    for (line, down) in [(first.trim(), 14.5), (second.trim(), 28.5)] {
        svg.cut_text((0.0, y + down), Anchor::Start, "name", (&fitted(line, NAME, room), line));
    }
}

/// Where a text is as wide as `room`.
fn full(text: &str, room: f64) -> usize {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.take_while(|&end| width(&text[..end], NAME) <= room).last().unwrap_or(0)
}

fn draw(svg: &mut Svg, cell: &HeatCell, (x, y): (f64, f64), wide: f64) {
    let fill = diverging(cell.effect);
    svg.rect((x + 1.0, y + 1.0), (wide - 2.0, CELL - 2.0), &format!("rx=\"3\" class=\"cell\" fill=\"{fill}\""));
    let down = if cell.below.is_empty() { 21.0 } else { 15.5 };
    svg.text((x + wide / 2.0, y + down), Anchor::Middle, "number", &cell.value);
    if !cell.below.is_empty() {
        svg.text((x + wide / 2.0, y + 27.5), Anchor::Middle, "below", &cell.below);
    }
    if cell.effect.abs() >= ARROW {
        let (tip, base) = if cell.effect > 0.0 { (y + 21.5, y + 27.5) } else { (y + 27.5, y + 21.5) };
        svg.area(&[(x + 8.0, tip), (x + 11.5, base), (x + 4.5, base)], "class=\"arrow\"");
    }
}

fn legend(svg: &mut Svg, y: f64) {
    svg.text((0.0, y + 10.0), Anchor::Start, "small", "far below average");
    let mut x = 108.0;
    for effect in [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0] {
        svg.rect((x, y), (24.0, 13.0), &format!("class=\"cell\" fill=\"{}\"", diverging(effect)));
        x += 25.0;
    }
    svg.text((x + 6.0, y + 10.0), Anchor::Start, "small", "far above average");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str) -> Vec<String> {
        let mut svg = Svg::new(500.0);
        label(&mut svg, name, 0.0);
        let drawn = svg.finish(CELL, (1.0, 1.0), "t", "a");
        drawn
            .split("class=\"name\"")
            .skip(1)
            .map(|t| t[t.find('>').unwrap() + 1..].split('<').next().unwrap().into())
            .collect()
    }

    #[test]
    fn a_level_stands_below_its_column() {
        assert_eq!(lines("plan = yearly"), ["plan = yearly"]);
        assert_eq!(lines("device_protection = No internet"), ["device_protection", "= No internet"]);
        assert_eq!(lines("number_of_orders_in_the_last_year").concat(), "number_of_orders_in_the_last_year");
    }
}
