//! Numbers of clusters side by side: as a table for programs, as JSON, and for people.

use super::choose::Compared;
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::model::Model;
use segma::note::Note;
use segma::quality::{Estimate, Gap, Stability};
use serde_json::{Value, json};
use std::io::{self, Write};

const HEADER: &str = "k,clusters,inertia,explained,knee,simplified_silhouette,silhouette,silhouette_low,silhouette_high,\
    silhouette_rows,calinski_harabasz,davies_bouldin,gap,gap_se,jaccard_mean,jaccard_smallest,adjusted_rand,smallest,\
    iterations,converged,seconds";

/// Fits, their models and measures.
pub(super) struct Comparison<'a> {
    pub(super) compared: &'a Compared,
    pub(super) models: &'a [Model],
}

/// One of them.
struct Row<'a> {
    k: usize,
    model: &'a Model,
    knee: bool,
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
        self.model.counts.iter().min().copied().unwrap_or(0)
    }

    /// The mean over the clusters of their Jaccard similarity, and the smallest.
    fn jaccard(&self) -> Option<(f64, f64)> {
        let of = &self.stability?.jaccard;
        Some((of.iter().sum::<f64>() / of.len() as f64, of.iter().copied().fold(1.0, f64::min)))
    }

    /// The ends of the silhouette's interval, if it is an estimate.
    fn interval(&self) -> Option<[f64; 2]> {
        self.silhouette?.sampled.map(|s| s.ci95)
    }

    /// The rows that its silhouette was taken of.
    fn silhouette_rows(&self) -> Option<u64> {
        self.silhouette.map(|s| s.sampled.map_or(self.model.training.rows, |s| s.rows))
    }
}

impl Comparison<'_> {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let c = self.compared;
        let knee = c.verdict.votes.iter().find(|v| v.rule == "elbow").and_then(|v| v.k);
        self.models.iter().enumerate().map(move |(i, model)| {
            let (k, measures) = (c.params[i].k(), &c.measures[i]);
            Row {
                k,
                model,
                knee: knee == Some(k),
                simplified: measures.simplified_silhouette,
                silhouette: measures.silhouette,
                calinski_harabasz: measures.calinski_harabasz,
                davies_bouldin: measures.davies_bouldin,
                gap: c.gaps.as_ref().and_then(|g| g.of(k)).copied(),
                stability: c.stability[i].as_ref(),
                seconds: c.fits[i].pass_seconds,
            }
        })
    }

    /// As CSV; what was not measured is empty.
    pub(super) fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{HEADER}")?;
        for r in self.rows() {
            let (t, gap, jaccard) = (&r.model.training, r.gap, r.jaccard());
            let cells = [
                r.k.to_string(),
                r.model.k().to_string(),
                t.inertia.to_string(),
                t.explained.to_string(),
                r.knee.to_string(),
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
                t.iterations.to_string(),
                t.converged.to_string(),
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

fn row_json(r: &Row<'_>) -> Value {
    let t = &r.model.training;
    let silhouette = r.silhouette.map(|s| match s.sampled {
        None => json!({ "value": s.value, "exact": true }),
        Some(sampled) => json!({ "value": s.value, "sample_rows": sampled.rows, "ci95": sampled.ci95 }),
    });
    let stability = r.stability.map(|s| {
        json!({ "bootstraps": s.bootstraps, "rows": s.rows, "jaccard": s.jaccard, "adjusted_rand": s.adjusted_rand })
    });
    let gap = r.gap.map(|g| json!({ "value": g.gap, "se": g.standard_error, "lead": g.lead, "lead_se": g.lead_error }));
    json!({
        "k": r.k,
        "clusters": r.model.k(),
        "inertia": t.inertia,
        "explained": t.explained,
        "knee": r.knee,
        "simplified_silhouette": r.simplified,
        "silhouette": silhouette,
        "calinski_harabasz": r.calinski_harabasz,
        "davies_bouldin": r.davies_bouldin,
        "gap": gap,
        "stability": stability,
        "counts": r.model.counts,
        "iterations": t.iterations,
        "converged": t.converged,
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
        let t = &r.model.training;
        grid.add_row([
            if recommended == Some(r.k) { "->" } else { "" }.to_owned(),
            r.k.to_string(),
            format!("{:.6e}", t.inertia),
            format!("{:.1} %", 100.0 * t.explained),
            short(r.silhouette.map(|s| s.value)),
            short(r.gap.map(|g| g.gap)),
            short(r.jaccard().map(|j| j.1)),
            r.smallest().to_string(),
            t.iterations.to_string(),
            format!("{:.2}", r.seconds),
        ]);
    }
    grid.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    grid
}
