//! The command line. Shared flags mean the same in every verb.

use clap::{Args, Parser, Subcommand, ValueEnum};
use segma::features::{Encode, Missing, OutlierAction, Outliers, PerColumn, Reshape, Scale, feature_weights};
use segma::generate::Options;
use segma::table::Selection;
use std::path::PathBuf;

/// Clusters customers: the same data, options and seed give the same bytes on every CPU, thread count and chunk size.
#[derive(Debug, Parser)]
#[command(name = "segma", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Example: segma fit customers.csv --id customer_id --clusters 5 -o run/")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Cluster a table and write the model, the segments and their profile to a folder
    Fit(FitArgs),
    /// Cluster a table into several numbers of segments at once, to compare them
    #[command(mut_arg("init", |init| init.help("First centroids: k-means++ or random").value_name("HOW")))]
    Sweep(SweepArgs),
    /// Give each row of a table the segment of a fitted model
    Predict(PredictArgs),
    /// Show what a table holds and what fit would do with it, or how a model prepares one
    Inspect(InspectArgs),
    /// Make up a customer table of any size, with known groups to check a segmentation against
    Generate(GenerateArgs),
    /// Time K-Means on a matrix, without tables or preparation
    Bench(BenchArgs),
    /// Time the kernels of a GPU for a shape and keep the fastest for later runs
    Tune(TuneArgs),
    /// List what segma can run on
    Devices(DevicesArgs),
    /// Check every SIMD level and GPU of this machine against a known answer
    Selftest(DevicesArgs),
}

/// Flags that every verb shares.
#[derive(Debug, Clone, Args)]
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
}

fn memory(text: &str) -> Result<u64, String> {
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
    /// Starts to try, the lowest inertia wins [default: 10 for random, else 1]
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

/// How a file becomes a table.
#[derive(Debug, Clone, Args)]
pub(crate) struct TableArgs {
    /// Separator of a CSV file, one character or `tab`
    #[arg(long, default_value = ",", value_parser = delimiter)]
    pub(crate) delimiter: u8,
    /// Another spelling of a missing value (may be given again)
    #[arg(long = "null", value_name = "TEXT")]
    pub(crate) nulls: Vec<String>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("must be one character that is no letter, digit, quote or line end, or 'tab'".into()),
    }
}

fn selection(text: &str) -> Result<Selection, String> {
    Selection::parse(text).map_err(|e| e.to_string())
}

fn missing(text: &str) -> Result<PerColumn<Missing>, String> {
    PerColumn::parse(text, Missing::default())
}

fn encode(text: &str) -> Result<PerColumn<Encode>, String> {
    PerColumn::parse(text, Encode::default())
}

fn transform(text: &str) -> Result<PerColumn<Reshape>, String> {
    PerColumn::parse(text, Reshape::default())
}

fn date(text: &str) -> Result<f64, String> {
    segma::table::date(text).ok_or_else(|| "must be a date as 2024-12-31".into())
}

/// The table to cluster and how its columns are prepared.
#[derive(Debug, Clone, Args)]
pub(crate) struct InputArgs {
    /// The table: .csv, .parquet or .npy
    pub(crate) table: PathBuf,
    /// The column that identifies a customer; it is carried to the output and never clustered
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// The columns to cluster: names, ranges as `recency-spend`, `/regex/`, `!name` to leave one out, separated by commas
    /// [default: every column that can be of use]
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) columns: Option<Selection>,
    /// Columns that hold categories, whatever they look like
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) categorical: Option<Selection>,
    /// Columns to carry to the output
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) keep: Option<Selection>,
    /// The column that holds row weights
    #[arg(long, value_name = "COLUMN")]
    pub(crate) weight_column: Option<String>,
    /// How much columns count beside the others, as recency=2,visits=0.5
    #[arg(long, value_parser = feature_weights, value_name = "COLUMN=W,..")]
    pub(crate) feature_weights: Option<PerColumn<f64>>,
    /// What to do with missing values: median (the lower one), mean, const=V, knn, iterative, drop (the row), error; for one column as income=mean
    #[arg(long, default_value = "median", value_parser = missing, value_name = "HOW,..")]
    pub(crate) missing: PerColumn<Missing>,
    /// How to find outliers of number columns
    #[arg(long, default_value = "none", value_enum)]
    pub(crate) outliers: OutliersArg,
    /// What to do with outliers
    #[arg(long, default_value = "clip", value_enum)]
    pub(crate) outlier_action: ActionArg,
    /// How to pull in long tails: none, log1p, yeo-johnson, quantile, auto; for one column as spend=log1p
    #[arg(long, default_value = "none", value_parser = transform, value_name = "HOW,..")]
    pub(crate) transform: PerColumn<Reshape>,
    /// Add a feature for each column with missing values that says where
    #[arg(long)]
    pub(crate) missing_indicators: bool,
    /// How to make numbers of text: onehot, ordinal, frequency, none (left out); for one column as plan=ordinal
    #[arg(long, default_value = "onehot", value_parser = encode, value_name = "HOW,..")]
    pub(crate) encode: PerColumn<Encode>,
    /// The most levels of a text column that get a feature of their own; rarer ones share one
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_levels: u16,
    /// Turn dates into days before this one, as 2024-12-31
    #[arg(long, value_parser = date, value_name = "DATE")]
    pub(crate) date_reference: Option<f64>,
    /// How to bring columns to one size
    #[arg(long, default_value = "zscore", value_enum)]
    pub(crate) scale: ScaleArg,
    #[command(flatten)]
    pub(crate) csv: TableArgs,
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

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) kmeans: KMeansArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The numbers of clusters to try: 2..12, or 3,5,8
    #[arg(short = 'k', long, value_parser = counts, value_name = "FROM..TO")]
    pub(crate) clusters: Counts,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// What to measure of each: none, only the fits (more is to come)
    #[arg(long, default_value = "none", value_parser = ["none"])]
    pub(crate) metrics: String,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Numbers of clusters, ascending and each once.
#[derive(Debug, Clone)]
pub(crate) struct Counts(pub(crate) Vec<u32>);

fn counts(text: &str) -> Result<Counts, String> {
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

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// The model.json of a fit
    pub(crate) model: PathBuf,
    /// The table: .csv, .parquet or .npy; columns are matched by name
    pub(crate) table: PathBuf,
    /// The column that identifies a customer [default: the model's, if the table has it]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// Columns to carry to the output
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) keep: Option<Selection>,
    #[command(flatten)]
    pub(crate) csv: TableArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The CSV file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the output
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The file to write: .csv, or .parquet or .pq; - is standard output
    pub(crate) file: PathBuf,
    /// Customers
    #[arg(long, default_value_t = Options::default().rows)]
    pub(crate) rows: u64,
    /// Groups they are drawn from, up to 1000: five known ones, then made-up ones
    #[arg(long, default_value_t = Options::default().groups)]
    pub(crate) groups: usize,
    /// Number columns, up to 1000: the first of seven known ones, then made-up ones
    #[arg(long, default_value_t = Options::default().features)]
    pub(crate) features: usize,
    /// Seed of everything random
    #[arg(long, default_value_t = Options::default().seed)]
    pub(crate) seed: u64,
    /// Add the column true_group: the group each customer was drawn from
    #[arg(long)]
    pub(crate) truth: bool,
    /// The format of the file [default: by its ending; csv on standard output]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// Overwrite the file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Comma-separated values
    Csv,
    /// Apache Parquet
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The points: a .npy file of f32 or f64, rows by columns
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: PathBuf,
    #[command(flatten)]
    pub(crate) kmeans: KMeansArgs,
    /// Where to run: auto, cpu, gpu, gpu:N, or part of an adapter's name; given again, the runs are compared
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: Vec<String>,
    /// The most memory to take on a GPU, as 8GiB; rows that do not fit stream through it [default: all there is]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) gpu_memory: Option<u64>,
    /// Write the text of each shader that ran to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dump_wgsl: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// The points: a .npy file of f32 or f64, rows by columns [default: made up, of --rows and --dims]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "dims"])]
    pub(crate) matrix: Option<PathBuf>,
    /// How many points to make up
    #[arg(long, value_name = "N", required_unless_present = "matrix", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rows: Option<u32>,
    /// Of how many columns
    #[arg(long, value_name = "D", required_unless_present = "matrix", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) dims: Option<u16>,
    /// Clusters of the fits to come
    #[arg(short = 'k', long, value_parser = clap::value_parser!(u32).range(1..i64::from(u32::MAX)))]
    pub(crate) clusters: u32,
    /// For fits with row weights
    #[arg(long)]
    pub(crate) weighted: bool,
    /// What to tune: gpu, gpu:N, or part of an adapter's name
    #[arg(long, default_value = "gpu")]
    pub(crate) device: String,
    /// The most memory to take on a GPU, as in the fits to come
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) gpu_memory: Option<u64>,
    /// Passes to time each kernel with, of which the median counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) passes: u16,
    /// The folder to keep the fastest in; later runs look where SEGMA_CACHE says [default: there, else the user's caches]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OutliersArg {
    /// Not at all
    None,
    /// Beyond 1.5 interquartile ranges from the quartiles
    Iqr,
    /// Beyond 3 standard deviations from the mean
    Zscore,
    /// Beyond 3.5 median absolute deviations from the median
    Mad,
}

impl From<OutliersArg> for Outliers {
    fn from(arg: OutliersArg) -> Self {
        match arg {
            OutliersArg::None => Self::None,
            OutliersArg::Iqr => Self::Iqr,
            OutliersArg::Zscore => Self::Zscore,
            OutliersArg::Mad => Self::Mad,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ActionArg {
    /// Hold them at the limit
    Clip,
    /// Leave their rows out
    Drop,
    /// Mark them in the output
    Flag,
}

impl From<ActionArg> for OutlierAction {
    fn from(arg: ActionArg) -> Self {
        match arg {
            ActionArg::Clip => Self::Clip,
            ActionArg::Drop => Self::Drop,
            ActionArg::Flag => Self::Flag,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ScaleArg {
    /// Mean 0, standard deviation 1
    Zscore,
    /// From 0 to 1
    Minmax,
    /// Median 0, interquartile range 1
    Robust,
    /// Largest magnitude 1
    Maxabs,
    /// As they are
    None,
}

impl From<ScaleArg> for Scale {
    fn from(arg: ScaleArg) -> Self {
        match arg {
            ScaleArg::Zscore => Self::Zscore,
            ScaleArg::Minmax => Self::Minmax,
            ScaleArg::Robust => Self::Robust,
            ScaleArg::Maxabs => Self::Maxabs,
            ScaleArg::None => Self::None,
        }
    }
}
