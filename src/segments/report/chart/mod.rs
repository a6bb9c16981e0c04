//! Charts as inline SVG: our own, because the kinds are few and simple, a chart must be the same bytes each time, and a
//! library's script would weigh more than the whole report.
//!
//! A chart knows nothing of segments' meaning: it takes numbers and texts and returns an `<svg>` with a title and a
//! description. Colour is never the only way to read one.

mod bars;
mod heat;
mod histogram;
mod knife;
mod line;
pub(crate) mod number;
mod palette;
mod plot;
mod ranges;
mod scale;
mod scatter;
mod stacked;
mod svg;
mod text;

pub(crate) use bars::{Bar, Bars, key};
pub(crate) use heat::{Heat, HeatCell};
pub(crate) use histogram::Histogram;
pub(crate) use knife::Knife;
pub(crate) use line::{Line, Spread};
pub(crate) use ranges::Ranges;
pub(crate) use scatter::Scatter;
pub(crate) use stacked::Stacked;
