//! The table to cluster, and how its columns are prepared.

use super::memory;
use clap::{Args, ValueEnum};
use segma::features::{Encode, Missing, OutlierAction, Outliers, PerColumn, Reshape, Scale, feature_weights};
use segma::table::Selection;
use std::path::PathBuf;

/// How a file becomes a table.
#[derive(Debug, Clone, Args)]
pub(crate) struct TableArgs {
    /// Separator of a CSV file, one character or `tab` [default: the one of , ; tab and | that its first lines agree on]
    #[arg(long, value_parser = delimiter, value_name = "CHARACTER")]
    pub(crate) delimiter: Option<u8>,
    /// The character before the decimals of a number, in text: a point or a comma
    #[arg(long, default_value = ".", value_parser = [".", ","], value_name = "CHARACTER")]
    pub(crate) decimal: String,
    /// Another spelling of a missing value (may be given again)
    #[arg(long = "null", value_name = "TEXT")]
    pub(crate) nulls: Vec<String>,
    /// The most memory to take, as 2GiB: what does not fit lies in a temporary file (in TMPDIR), and the result is the same
    /// [default: the control group's limit, if there is one]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: Option<u64>,
    /// What to do with a row that cannot be used: a broken record, or text or an infinity in a column of numbers
    #[arg(long, default_value = "stop", value_enum, value_name = "WHAT")]
    pub(crate) on_error: OnErrorArg,
    /// With --on-error skip, the most rows to leave out; more are an error [default: 10000]
    #[arg(long, requires = "on_error", value_name = "N")]
    pub(crate) max_rejects: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnErrorArg {
    /// End with an error at the first one
    Stop,
    /// Leave the row out and list it in rejects.csv
    Skip,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("must be one character that is no letter, digit, quote or line end, or 'tab'".into()),
    }
}

pub(crate) fn selection(text: &str) -> Result<Selection, String> {
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

/// A model and the table it is applied to.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArgs {
    /// The model.json of a fit
    pub(crate) model: PathBuf,
    /// The table: .csv (also packed with gzip or zstd), .parquet or .npy; - is standard input. Several files are one table,
    /// as is a pattern in quotes such as 'data/*.csv'. Columns are matched by name
    #[arg(value_name = "TABLE", required = true)]
    pub(crate) tables: Vec<PathBuf>,
    /// The column that identifies a customer [default: the model's, if the table has it]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) csv: TableArgs,
}

/// The table to cluster and how its columns are prepared.
#[derive(Debug, Clone, Args)]
pub(crate) struct InputArgs {
    /// The table: .csv (also packed with gzip or zstd), .parquet or .npy; - is standard input. Several files are one table,
    /// as is a pattern in quotes such as 'data/*.csv'; their columns are matched by name
    #[arg(value_name = "TABLE", required = true)]
    pub(crate) tables: Vec<PathBuf>,
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
    /// Columns that segments are judged by, as revenue,churned: profiled first, never clustered
    #[arg(long, value_parser = selection, value_name = "COLUMN,..")]
    pub(crate) kpi: Option<Selection>,
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
