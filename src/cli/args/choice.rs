//! How the number of clusters is chosen, and what is measured for that.

use super::{Counts, RunArgs, counts};
use clap::Args;

/// How K-Means runs, with a number of clusters or a choice of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClustersArgs {
    /// Clusters to find: a number (with given centroids theirs is the default); several, as 2..9 or 3,5,8, of which the
    /// best is kept; or auto, which is 2..12
    #[arg(short = 'k', long, value_parser = clusters, value_name = "K|FROM..TO|auto")]
    pub(crate) clusters: Option<Clusters>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// A number of clusters, or a choice.
#[derive(Debug, Clone)]
pub(crate) enum Clusters {
    /// So many.
    Exactly(u32),
    /// The best of these.
    Among(Counts),
    /// The best of what is usual and the data allow.
    Auto,
}

fn clusters(text: &str) -> Result<Clusters, String> {
    if text.trim() == "auto" {
        return Ok(Clusters::Auto);
    }
    if let Ok(k) = text.trim().parse::<u32>() {
        let valid = (1..u32::MAX).contains(&k);
        return if valid { Ok(Clusters::Exactly(k)) } else { Err(format!("{k} is not in 1..{}", u32::MAX)) };
    }
    match counts(text) {
        Ok(several) => match several.0[..] {
            [k] => Ok(Clusters::Exactly(k)),
            _ => Ok(Clusters::Among(several)),
        },
        Err(_) => Err("must be a number of clusters, several as 2..9 or 3,5,8, or auto".into()),
    }
}

/// What is measured of each number of clusters, beside its inertia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Metrics {
    pub(crate) simplified: bool,
    pub(crate) silhouette: bool,
    pub(crate) ch: bool,
    pub(crate) db: bool,
    pub(crate) gap: bool,
    pub(crate) stability: bool,
}

impl Metrics {
    pub(crate) const FULL: Self =
        Self { simplified: true, silhouette: true, ch: true, db: true, gap: true, stability: true };

    /// Whether anything is measured.
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }

    /// Whether the rows are measured again, not only fitted.
    pub(crate) fn of_rows(self) -> bool {
        self.simplified || self.silhouette || self.ch || self.db
    }
}

pub(crate) fn metrics(text: &str) -> Result<Metrics, String> {
    let mut metrics = Metrics::default();
    match text.trim() {
        "full" => return Ok(Metrics::FULL),
        "fast" => return Ok(Metrics { gap: false, stability: false, ..Metrics::FULL }),
        "none" => return Ok(metrics),
        _ => {}
    }
    for name in text.split(',') {
        match name.trim() {
            "inertia" => {}
            "silhouette" => metrics.silhouette = true,
            "simplified" => metrics.simplified = true,
            "ch" => metrics.ch = true,
            "db" => metrics.db = true,
            "gap" => metrics.gap = true,
            "stability" => metrics.stability = true,
            _ => {
                return Err(
                    "must be full, fast, none, or some of inertia,silhouette,simplified,ch,db,gap,stability".into()
                );
            }
        }
    }
    Ok(metrics)
}
