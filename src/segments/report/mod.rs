//! The report: one HTML file that needs no network and no script, for people who decide, on a screen and on paper.
//!
//! A verb fills in a [`Report`], plain data, and [`Report::html`] writes it: `sections/` says in words and charts what the data
//! say, `chart/` draws, `report.html` is the page. All text from data is escaped on its way into the page, in one place for
//! HTML (`page.rs`) and one for SVG (`chart/text.rs`). Times of day and random ids have no place in it, so the same report is
//! the same bytes.

mod chart;
mod found;
mod machine;
mod page;
mod pca;
mod sections;
mod view;
mod words;

pub use found::{Found, Origin};
pub use view::{
    Column, Convergence, Distribution, Dot, Estimate, Figure, Headline, Iteration, Loading, Margins, Profile,
    ProfileCell, ProfileFeature, Projection, Provenance, Segment, Silhouettes, Stability, Standing, Sweep, SweepFit,
    Unit, Vote,
};

use crate::error::Result;
use serde::Serialize;

/// Segments that are drawn; more could not be told apart.
pub const MOST_SEGMENTS: usize = 12;

/// Features that are drawn.
pub const MOST_FEATURES: usize = 40;

/// Points of a scatter plot that are drawn.
pub const MOST_POINTS: usize = 3_000;

/// All that a report shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// What stands at the top.
    pub headline: Headline,
    /// What should be known before anything else is read.
    pub notes: Vec<String>,
    /// The segments, largest first; none if a sweep recommends no number of them.
    pub segments: Vec<Segment>,
    /// Segments by features.
    pub profile: Option<Profile>,
    /// Features by how their values are spread.
    pub distributions: Vec<Distribution>,
    /// The customers on a plane.
    pub projection: Option<Projection>,
    /// Several numbers of segments.
    pub sweep: Option<Sweep>,
    /// The silhouettes of the segments.
    pub silhouettes: Option<Silhouettes>,
    /// How clearly customers belong to their segment.
    pub margins: Option<Margins>,
    /// How alike the segments come back.
    pub stability: Option<Stability>,
    /// How the fit went.
    pub convergence: Option<Convergence>,
    /// The columns of the table.
    pub columns: Vec<Column>,
    /// Where it all comes from.
    pub provenance: Provenance,
}

impl Report {
    /// The report as one HTML file, which is well-formed XML too.
    ///
    /// # Errors
    /// [`crate::error::Error::Broken`] if the page cannot be written, which is a bug of segma's.
    pub fn html(&self) -> Result<String> {
        page::html(self)
    }

    /// What a segment is called in the report: its number and its name.
    fn name_of(&self, segment: usize) -> String {
        match self.segments.get(segment) {
            Some(s) if !s.name.is_empty() => format!("{segment} · {}", crate::error::printable(&s.name)),
            _ => format!("Segment {segment}"),
        }
    }

    /// Segments that are drawn.
    fn drawn(&self) -> usize {
        self.segments.len().min(MOST_SEGMENTS)
    }
}
