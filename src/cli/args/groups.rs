//! Flags that several verbs share, a group for each matter.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Flags that every verb shares.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = super::SETTINGS)]
pub(crate) struct Shared {
    /// Threads to use, up to 1024 [default: one for each physical core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about each step
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// How to tell on standard error how far the work is
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub(crate) progress: ProgressArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressArg {
    /// A bar on a terminal, else plain; none with --quiet
    Auto,
    /// A bar; plain where there is no terminal
    Bar,
    /// A line every 10 seconds
    Plain,
    /// An object a line, also with --quiet; notes and errors become objects too
    Json,
    /// Nothing
    None,
}

/// How lines on standard error are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Words
    Text,
    /// An object a line, with level, code and message
    Json,
}

/// Where to run.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Where to run: auto (the best GPU for large tables, else the CPU), cpu, gpu, gpu:N, part of an adapter's name, or
    /// several joined by + that share the rows
    #[arg(long, default_value = "auto")]
    pub(crate) device: String,
    /// The most memory to take on a GPU, as 8GiB; rows that do not fit stream through it [default: all there is]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) gpu_memory: Option<u64>,
    /// Stop if the GPU is lost instead of going on on the CPU (exit 6)
    #[arg(long)]
    pub(crate) no_fallback: bool,
    /// Whether a pass waits for a kernel that would only save time: what is timed should not rest on when it is ready.
    #[arg(skip)]
    pub(crate) patient: bool,
}

pub(crate) fn memory(text: &str) -> Result<u64, String> {
    segma::engine::gpu::bytes(text).ok_or_else(|| "must be a size as 512MiB or 8GiB".into())
}

/// How K-Means runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct KMeansArgs {
    /// Clusters to find (1 or more; with given centroids their number is the default)
    #[arg(short = 'k', long, value_parser = clap::value_parser!(u32).range(1..i64::from(u32::MAX)))]
    pub(crate) clusters: Option<u32>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How K-Means runs, whatever the number of clusters.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// First centroids: k-means++, random, or a file that holds them (.csv, .npy, or a model's .json)
    #[arg(long, default_value = "k-means++", value_name = "HOW|FILE")]
    pub(crate) init: String,
    /// Starts to try, the lowest inertia wins [default: 10 for random, 4 where numbers of clusters are compared, else 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n_init: Option<u16>,
    /// The most iterations
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_iter: u32,
    /// Stop when centroids move less than this share of the mean column variance
    #[arg(long, default_value_t = 1e-4, value_parser = tolerance)]
    pub(crate) tol: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Fail if the data has fewer distinct rows than clusters (exit 3)
    #[arg(long)]
    pub(crate) require_k: bool,
    /// Fail if the iteration limit is reached before convergence (exit 5)
    #[arg(long)]
    pub(crate) require_convergence: bool,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(tol) if tol.is_finite() && tol >= 0.0 => Ok(tol),
        _ => Err("must be a number of at least 0".into()),
    }
}

/// What to measure of the segments.
#[derive(Debug, Clone, Args)]
pub(crate) struct MetricsArgs {
    /// How much to measure of the segments
    #[arg(long, default_value = "fast", value_enum)]
    pub(crate) metrics: MetricsArg,
    /// Rows up to which the silhouette is exact, which takes as many distances squared; of more rows it is estimated from so
    /// many [default: 5000, or 100000 with --metrics full]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) silhouette_exact_rows: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricsArg {
    /// Everything that one more look at the rows gives, and a silhouette of few rows
    Fast,
    /// Also the silhouette of many rows, and whether segments come back from bootstrap samples
    Full,
    /// Nothing
    None,
}

impl MetricsArgs {
    /// Rows up to which the silhouette is exact; `None` to measure nothing.
    pub(crate) fn exact_rows(&self) -> Option<usize> {
        let rows = match self.metrics {
            MetricsArg::Fast => 5_000,
            MetricsArg::Full => 100_000,
            MetricsArg::None => return None,
        };
        usize::try_from(self.silhouette_exact_rows.unwrap_or(rows)).ok()
    }
}

/// The run folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct FolderArgs {
    /// The folder to write
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: PathBuf,
    /// Overwrite the files of an earlier run
    #[arg(long)]
    pub(crate) force: bool,
}

/// Numbers of clusters, ascending and each once.
#[derive(Debug, Clone)]
pub(crate) struct Counts(pub(crate) Vec<u32>);

pub(crate) fn counts(text: &str) -> Result<Counts, String> {
    const MOST: u32 = 1000;
    let number = |t: &str| t.trim().parse::<u32>().ok().filter(|k| *k > 0);
    let part = |t: &str| -> Option<Vec<u32>> {
        match t.split_once("..") {
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                (from <= to && to - from < MOST).then(|| (from..=to).collect())
            }
            None => Some(vec![number(t)?]),
        }
    };
    let parts: Option<Vec<Vec<u32>>> = text.split(',').map(part).collect();
    let mut all = parts.ok_or("must be numbers of clusters as 2..12 or 3,5,8, a range of at most 1000")?.concat();
    all.sort_unstable();
    all.dedup();
    Ok(Counts(all))
}

/// How a run survives what ends it.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckpointArgs {
    /// Save now and then in this folder how far the fit is; on SIGTERM, SIGINT or SIGUSR1 save and stop (exit 75)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, to the same result; without one there, begin
    #[arg(long, requires = "checkpoint")]
    pub(crate) resume: bool,
    /// The least time between two checkpoints
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = duration, requires = "checkpoint")]
    pub(crate) checkpoint_every: Duration,
    /// Save and stop after so long, as 3h or 90m (exit 75)
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "checkpoint")]
    pub(crate) time_limit: Option<Duration>,
}

/// A time as `90s`, `2h30m` or `250ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let (mut rest, mut all) = (text.trim(), Duration::ZERO);
    let wrong = || "must be a time as 90s, 45m or 2h30m".to_owned();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let letters = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - digits);
        let unit = match &rest[digits..digits + letters] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" | "min" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return Err(wrong()),
        };
        let part = u32::try_from(number).ok().and_then(|n| unit.checked_mul(n));
        all = part.and_then(|part| all.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[digits + letters..];
    }
    if text.trim().is_empty() { Err(wrong()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_usual_units() {
        for (text, millis) in [("90s", 90_000), ("2h30m", 9_000_000), ("250ms", 250), ("1d", 86_400_000), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "h", "5x", "-3s", "1.5h", "99999999999999999999s", "5000000000d", "3h 5"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
