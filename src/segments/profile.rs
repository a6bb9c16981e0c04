//! Who is in a segment: each feature's mean in its own unit, beside everyone's.

use super::push_text;
use crate::features::Prepared;
use crate::matrix::Weights;
use rayon::prelude::*;
use std::io::{self, Write};

/// Rows looked at in one go.
const CHUNK: usize = 8_192;

/// One feature in one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The segment.
    pub segment: usize,
    /// The feature: a column, or a level of one.
    pub feature: String,
    /// Rows of the segment with a value.
    pub present: u64,
    /// Rows of the segment without one.
    pub missing: u64,
    /// The mean of the values that are there; NaN if there are none.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
    /// The mean over all segments.
    pub mean_all: f64,
    /// The mean as a share of everyone's (100 is average); `None` where a ratio says nothing (values below zero).
    pub index: Option<f64>,
    /// The distance from everyone's mean in everyone's standard deviations.
    pub effect: f64,
}

/// The profile of all segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Segment by segment, feature by feature.
    pub rows: Vec<Row>,
}

impl Profile {
    /// Profiles `k` segments by the features of a table, each in the unit of its column; a row counts by its weight.
    #[must_use]
    pub fn new(prepared: &Prepared<'_>, labels: &[u32], k: usize, weights: Option<&Weights>) -> Self {
        let features = (0..prepared.features().len()).into_par_iter();
        let by_feature: Vec<Vec<Row>> = features.map(|j| feature_rows(prepared, j, labels, k, weights)).collect();
        let rows = (0..k).flat_map(|s| by_feature.iter().filter_map(move |rows| rows.get(s).cloned())).collect();
        Self { rows }
    }

    /// The rows of a segment, those that stand out most first.
    #[must_use]
    pub fn standing_out(&self, segment: usize) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|r| r.segment == segment && r.effect.is_finite()).collect();
        rows.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        rows
    }

    /// Writes the profile as CSV.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "segment,feature,present,missing,mean,sd,mean_all,index,effect")?;
        for r in &self.rows {
            let mut feature = String::new();
            push_text(&mut feature, &r.feature);
            let numbers = [r.mean, r.sd, r.mean_all, r.index.unwrap_or(f64::NAN), r.effect].map(number).join(",");
            writeln!(out, "{},{feature},{},{},{numbers}", r.segment, r.present, r.missing)?;
        }
        Ok(())
    }
}

fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// Count, weight, mean and squared deviations of values taken one by one (Welford 1962; with weights: West 1979).
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    count: u64,
    missing: u64,
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64, weight: f64) {
        if value.is_nan() {
            self.missing += 1;
            return;
        }
        self.count += 1;
        if weight > 0.0 {
            self.weight += weight;
            let step = value - self.mean;
            self.mean += step * (weight / self.weight);
            self.squares += weight * step * (value - self.mean);
        }
    }

    fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.mean } else { f64::NAN }
    }

    fn sd(&self) -> f64 {
        (self.squares / self.weight).sqrt()
    }
}

fn feature_rows(
    prepared: &Prepared<'_>,
    feature: usize,
    labels: &[u32],
    k: usize,
    weights: Option<&Weights>,
) -> Vec<Row> {
    let (mut all, mut segments, mut low) = (Running::default(), vec![Running::default(); k], f64::INFINITY);
    let mut values = vec![0.0; CHUNK];
    for (chunk, labels) in labels.chunks(CHUNK).enumerate() {
        let values = &mut values[..labels.len()];
        prepared.raw(chunk * CHUNK, feature, values);
        for (at, (&value, &label)) in values.iter().zip(labels).enumerate() {
            let weight = weights.map_or(1.0, |w| w.real(w.values()[chunk * CHUNK + at]));
            all.add(value, weight);
            segments[label as usize].add(value, weight);
            low = if weight > 0.0 { low.min(value) } else { low };
        }
    }
    let has_index = low >= 0.0 && all.mean() > 0.0;
    let row = |(segment, s): (usize, &Running)| Row {
        segment,
        feature: prepared.features()[feature].name.clone(),
        present: s.count,
        missing: s.missing,
        mean: s.mean(),
        sd: s.sd(),
        mean_all: all.mean(),
        index: (has_index && s.weight > 0.0).then(|| 100.0 * s.mean() / all.mean()),
        effect: if all.sd() > 0.0 { (s.mean() - all.mean()) / all.sd() } else { 0.0 },
    };
    segments.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Options, Pipeline};
    use crate::table::{Column, Lines, Table, Values};

    fn profile(values: Vec<f64>, weights: Option<&Weights>) -> Profile {
        let missing = values.iter().filter(|v| v.is_nan()).count() as u64;
        let first_missing = values.iter().position(|v| v.is_nan());
        let values = Values::Numbers(values.into_iter().collect());
        let column = Column { name: "spend".into(), missing, first_missing, values };
        let (source, lines) = ("t".into(), Lines::default());
        let (kept, unread, columns) = (Vec::new(), Vec::new(), vec![column]);
        let mut table = Table { source, rows: 4, columns, kept, selected: None, unread, lines, places: None };
        let pipeline = Pipeline::learn(&mut table, &Options::default()).unwrap().pipeline;
        Profile::new(&pipeline.prepare(&table).unwrap(), &[0, 0, 1, 1], 2, weights)
    }

    #[test]
    fn the_index_is_against_the_average_of_100() {
        let p = profile(vec![10.0, 20.0, 60.0, f64::NAN], None);
        assert_eq!((p.rows[0].mean, p.rows[0].index), (15.0, Some(50.0)));
        assert_eq!((p.rows[1].mean, p.rows[1].index, p.rows[1].missing), (60.0, Some(200.0), 1));
        assert!(p.rows[1].effect > 0.0 && p.standing_out(1)[0].feature == "spend");
    }

    #[test]
    fn a_row_counts_by_its_weight() {
        let weights = Weights::new(&[3.0, 1.0, 1.0, 0.0]).unwrap();
        let p = profile(vec![10.0, 20.0, 60.0, 999.0], Some(&weights));
        let repeated = [10.0, 10.0, 10.0, 20.0, 60.0];
        assert_eq!((p.rows[0].mean, p.rows[0].mean_all), (12.5, repeated.iter().sum::<f64>() / 5.0));
        assert_eq!((p.rows[1].mean, p.rows[1].present), (60.0, 2));
    }

    #[test]
    fn values_below_zero_have_no_index() {
        let p = profile(vec![-1.0, 1.0, 2.0, 3.0], None);
        assert_eq!(p.rows[0].index, None);
    }
}
