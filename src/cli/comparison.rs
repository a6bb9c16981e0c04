//! Numbers of clusters side by side: as a table for programs, as JSON, and for people.

use super::choose::Compared;
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::kmeans::Fit;
use segma::matrix::Matrix;
use segma::note::Note;
use segma::quality::{Estimate, Gap, KNEE_POINTS, Stability, Vote};
use segma::segments::report;
use serde_json::{Value, json};
use std::io::{self, Write};

const HEADER: &str = "k,clusters,inertia,explained,knee,simplified_silhouette,silhouette,silhouette_low,silhouette_high,\
    silhouette_rows,calinski_harabasz,davies_bouldin,gap,gap_se,jaccard_mean,jaccard_smallest,adjusted_rand,smallest,\
    iterations,converged,seconds";

/// Fits of the points of a matrix, and measures of them.
pub(super) struct Comparison<'a> {
    pub(super) compared: &'a Compared,
    pub(super) matrix: &'a Matrix,
}

/// One of them.
struct Row<'a> {
    k: usize,
    fit: &'a Fit,
    inertia: f64,
    knee: bool,
    /// Whether there are numbers enough to look for a knee.
    knee_sought: bool,
    simplified: Option<f64>,
    silhouette: Option<Estimate>,
    calinski_harabasz: Option<f64>,
    davies_bouldin: Option<f64>,
    gap: Option<Gap>,
    stability: Option<&'a Stability>,
    seconds: f64,
}

impl Row<'_> {
    fn smallest(&self) -> u64 {
        self.fit.counts.iter().min().copied().unwrap_or(0)
    }

    /// The mean over the clusters that were measured of their Jaccard similarity, and the smallest.
    fn jaccard(&self) -> Option<(f64, f64)> {
        let of = self.stability?;
        Some((of.measured().sum::<f64>() / of.measured().count() as f64, of.smallest()?))
    }

    /// Whether the knee is here, if one was looked for.
    fn is_knee(&self) -> Option<bool> {
        self.knee_sought.then_some(self.knee)
    }

    /// The ends of the silhouette's interval, if it is an estimate.
    fn interval(&self) -> Option<[f64; 2]> {
        self.silhouette?.sampled.map(|s| s.ci95)
    }

    /// The rows that its silhouette was taken of.
    fn silhouette_rows(&self) -> Option<u64> {
        self.silhouette.map(|s| s.sampled.map_or(self.fit.labels.len() as u64, |s| s.rows))
    }
}

impl Comparison<'_> {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let c = self.compared;
        let knee = c.verdict.votes.iter().find(|v| v.rule == "elbow").and_then(|v| v.k);
        let full = c.fits.iter().zip(&c.params).filter(|(fit, params)| fit.centroids.k() == params.k()).count();
        c.fits.iter().enumerate().map(move |(i, fit)| {
            let (k, measures) = (c.params[i].k(), &c.measures[i]);
            Row {
                k,
                fit,
                inertia: fit.inertia_in(self.matrix),
                knee: knee == Some(k),
                knee_sought: full >= KNEE_POINTS,
                simplified: measures.simplified_silhouette,
                silhouette: measures.silhouette,
                calinski_harabasz: measures.calinski_harabasz,
                davies_bouldin: measures.davies_bouldin,
                gap: c.gaps.as_ref().and_then(|g| g.of(k)).copied(),
                stability: c.stability[i].as_ref(),
                seconds: fit.pass_seconds,
            }
        })
    }

    /// As CSV; what was not measured is empty.
    pub(super) fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{HEADER}")?;
        for r in self.rows() {
            let (gap, jaccard) = (r.gap, r.jaccard());
            let cells = [
                r.k.to_string(),
                r.fit.centroids.k().to_string(),
                r.inertia.to_string(),
                r.fit.explained().to_string(),
                r.is_knee().map_or_else(String::new, |knee| knee.to_string()),
                cell(r.simplified),
                cell(r.silhouette.map(|s| s.value)),
                cell(r.interval().map(|ci| ci[0])),
                cell(r.interval().map(|ci| ci[1])),
                r.silhouette_rows().map_or_else(String::new, |n| n.to_string()),
                cell(r.calinski_harabasz),
                cell(r.davies_bouldin),
                cell(gap.map(|g| g.gap)),
                cell(gap.map(|g| g.standard_error)),
                cell(jaccard.map(|j| j.0)),
                cell(jaccard.map(|j| j.1)),
                cell(r.stability.map(|s| s.adjusted_rand)),
                r.smallest().to_string(),
                r.fit.iterations.to_string(),
                r.fit.converged.to_string(),
                r.seconds.to_string(),
            ];
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// As JSON.
    pub(super) fn json(&self, notes: &[Note]) -> Value {
        let verdict = &self.compared.verdict;
        let gaps = self.compared.gaps.as_ref();
        json!({
            "schema": "segma.sweep/1",
            "recommended_k": verdict.recommended_k,
            "reason": verdict.reason,
            "votes": verdict.votes,
            "gap": gaps.map(|g| json!({ "references": g.references, "rows": g.rows, "gap_1": g.of(1).map(|g| g.gap) })),
            "fits": self.rows().map(|r| row_json(&r)).collect::<Vec<_>>(),
            "notes": notes,
        })
    }

    /// As the report shows it: without seconds, so that the same sweep is the same bytes.
    pub(super) fn view(&self) -> report::Sweep {
        let verdict = &self.compared.verdict;
        let fit = |r: Row<'_>| report::SweepFit {
            k: r.k as u64,
            inertia: r.inertia,
            explained: Some(r.fit.explained()),
            silhouette: r.silhouette.map(Into::into),
            simplified_silhouette: r.simplified,
            calinski_harabasz: r.calinski_harabasz,
            davies_bouldin: r.davies_bouldin,
            gap: r.gap.map(|g| [g.gap, g.standard_error]),
            stability: r.jaccard().map(|j| j.1),
            smallest: Some(r.smallest()),
        };
        let vote = |v: &Vote| report::Vote { rule: v.rule.into(), k: v.k.map(|k| k as u64), reason: v.words.clone() };
        report::Sweep {
            knee: self.rows().find(|r| r.knee).map(|r| r.k as u64),
            fits: self.rows().map(fit).collect(),
            recommended: verdict.recommended_k.map(|k| k as u64),
            verdict: sentence(&verdict.reason),
            votes: verdict.votes.iter().map(vote).collect(),
        }
    }

    /// For people: the main columns, the recommended row marked, and what the rules say.
    pub(super) fn text(&self) -> String {
        let verdict = &self.compared.verdict;
        let mut text = grid(self.rows(), verdict.recommended_k).trim_fmt();
        if !self.compared.is_measured() {
            return text;
        }
        let answer =
            verdict.recommended_k.map_or_else(|| "No clear k".into(), |k| format!("Recommended: {k} segments"));
        text += &format!("\n\n{answer}: {}.\n", verdict.reason);
        let said: Vec<&str> = verdict.votes.iter().map(|v| v.words.as_str()).collect();
        text + &format!("The rules: {}.", said.join("; "))
    }
}

/// A clause as a sentence of its own.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn row_json(r: &Row<'_>) -> Value {
    let gap = r.gap.map(|g| json!({ "value": g.gap, "se": g.standard_error, "lead": g.lead, "lead_se": g.lead_error }));
    json!({
        "k": r.k,
        "clusters": r.fit.centroids.k(),
        "inertia": r.inertia,
        "explained": r.fit.explained(),
        "knee": r.is_knee(),
        "simplified_silhouette": r.simplified,
        "silhouette": r.silhouette,
        "calinski_harabasz": r.calinski_harabasz,
        "davies_bouldin": r.davies_bouldin,
        "gap": gap,
        "stability": r.stability,
        "counts": r.fit.counts,
        "iterations": r.fit.iterations,
        "converged": r.fit.converged,
        "seconds": r.seconds,
    })
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

fn grid<'a>(rows: impl Iterator<Item = Row<'a>>, recommended: Option<usize>) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header([
        "",
        "k",
        "inertia",
        "explained",
        "silhouette",
        "gap",
        "stable",
        "smallest",
        "iterations",
        "seconds",
    ]);
    let short = |v: Option<f64>| v.map_or_else(|| "-".into(), |v| format!("{v:.3}"));
    for r in rows {
        grid.add_row([
            if recommended == Some(r.k) { "->" } else { "" }.to_owned(),
            r.k.to_string(),
            format!("{:.6e}", r.inertia),
            format!("{:.1} %", 100.0 * r.fit.explained()),
            short(r.silhouette.map(|s| s.value)),
            short(r.gap.map(|g| g.gap)),
            short(r.jaccard().map(|j| j.1)),
            r.smallest().to_string(),
            r.fit.iterations.to_string(),
            format!("{:.2}", r.seconds),
        ]);
    }
    grid.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    grid
}
