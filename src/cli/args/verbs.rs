//! The flags of each verb.

use super::{
    ApplyArgs, CheckpointArgs, ClustersArgs, Counts, DeviceArgs, FolderArgs, InputArgs, Metrics, MetricsArgs, RunArgs,
    Shared, TableArgs, counts, memory, metrics, selection,
};
use clap::{Args, ValueEnum};
use segma::generate::Options;
use segma::table::Selection;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) kmeans: ClustersArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// The format of the segments file [default: Parquet if the table is, else CSV]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// Say what the run would read, hold and take, found out from the beginning of the table, and stop
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
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
    /// What to measure of each: full, fast (all that needs no further fits), none (only the fits), or a list of inertia,
    /// silhouette, simplified, ch, db, gap, stability
    #[arg(long, default_value = "full", value_parser = metrics, value_name = "WHICH")]
    pub(crate) metrics: Metrics,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Say what the run would read, hold and take, found out from the beginning of the table, and stop
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    /// Columns to carry to the output
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) keep: Option<Selection>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The file to write, .csv or .parquet [default: CSV on standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the file [default: by its ending]
    #[arg(long, value_enum, requires = "output")]
    pub(crate) format: Option<FormatArg>,
    /// With --on-error skip, where the rows that were left out are listed [default: beside the output, as labels.rejects.csv;
    /// needed where that is standard output]
    #[arg(long, requires = "on_error", value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Overwrite the output
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    /// Columns that segments are judged by, as revenue,churned: they come first, with each segment's part of the total
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) kpi: Option<Selection>,
    /// The columns to profile beside those that the model clusters [default: every column that can tell segments apart]
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) columns: Option<Selection>,
    /// The column that holds row weights
    #[arg(long, value_name = "COLUMN")]
    pub(crate) weight_column: Option<String>,
    /// Show the ids of the customers closest to each centroid
    #[arg(long)]
    pub(crate) show_ids: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The CSV file to write as well
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// With --on-error skip, where the rows that were left out are listed [default: nowhere, a note counts them]
    #[arg(long, requires = "on_error", value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Overwrite the output
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The model.json of a fit
    pub(crate) model: PathBuf,
    /// The table: .csv (also packed with gzip or zstd), .parquet or .npy; - is standard input. Several files are one table,
    /// as is a pattern in quotes such as 'data/*.csv'. Columns are matched by name
    #[arg(value_name = "TABLE", required = true)]
    pub(crate) tables: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) csv: TableArgs,
    /// The column that says which group each row truly belongs to, to compare the segments with
    #[arg(long, value_name = "COLUMN")]
    pub(crate) truth: Option<String>,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Write what --json prints to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// With --on-error skip, where the rows that were left out are listed [default: nowhere, a note counts them]
    #[arg(long, requires = "on_error", value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
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

impl FormatArg {
    /// The one that a file's ending names.
    pub(crate) fn by_ending(file: &Path) -> Option<Self> {
        match file.extension()?.to_string_lossy().to_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" | "pq" | "parq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// Its name, which is the ending of its files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
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

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write segma.1 and a page for each verb to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the pages
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}
