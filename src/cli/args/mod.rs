//! The command line. Shared flags mean the same in every verb.

mod bench;
mod choice;
mod groups;
mod input;
mod verbs;

pub(crate) use bench::{BenchArgs, BenchFitArgs, BenchSilhouetteArgs};
pub(crate) use choice::{Clusters, ClustersArgs, Metrics, metrics};
pub(crate) use groups::{
    CheckpointArgs, Counts, DeviceArgs, FolderArgs, KMeansArgs, LogFormat, MetricsArg, MetricsArgs, ProgressArg,
    RunArgs, Shared, counts, memory,
};
pub(crate) use input::{ApplyArgs, InputArgs, OnErrorArg, TableArgs, selection};
pub(crate) use verbs::{
    DevicesArgs, EvaluateArgs, FitArgs, FormatArg, GenerateArgs, InspectArgs, ManArgs, PredictArgs, ProfileArgs,
    SweepArgs, TuneArgs,
};

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Where help lists what every verb shares.
const SETTINGS: &str = "Shared options";

/// Clusters customers: the same data, options and seed give the same bytes on every CPU, thread count and chunk size.
#[derive(Debug, Parser)]
#[command(name = "segma", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Example: segma fit customers.csv --id customer_id --clusters 5 -o run/")]
pub(crate) struct Cli {
    /// Read settings from this TOML file, flags by their long names [default: segma.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = SETTINGS)]
    pub(crate) config: Option<PathBuf>,
    /// How to write lines on standard error
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "HOW", help_heading = SETTINGS)]
    pub(crate) log_format: LogFormat,
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
    /// Say who is in the segments of a model: each column of a table, segment by segment
    Profile(ProfileArgs),
    /// Measure how good the segments of a fitted model are on a table
    Evaluate(EvaluateArgs),
    /// Show what a table holds and what fit would do with it, or how a model prepares one
    Inspect(InspectArgs),
    /// Make up a customer table of any size, with known groups to check a segmentation against
    Generate(GenerateArgs),
    /// Time K-Means on a matrix, without tables or preparation, or a measure of its answer
    Bench(BenchArgs),
    /// Time the kernels of a GPU for a shape and keep the fastest for later runs
    Tune(TuneArgs),
    /// List what segma can run on
    Devices(DevicesArgs),
    /// Check every SIMD level and GPU of this machine against a known answer
    Selftest(DevicesArgs),
    /// Print what a shell needs to complete commands, for bash: segma completions bash > /etc/bash_completion.d/segma
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page, or write one for each verb to a folder
    Man(ManArgs),
}

impl Verb {
    /// Whether a document is asked for.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Devices(args) | Self::Selftest(args) => args.json,
            Self::Completions { .. } | Self::Man(_) => false,
            other => other.shared().is_some_and(|shared| shared.json),
        }
    }

    /// The flags that most verbs share.
    pub(crate) fn shared(&self) -> Option<&Shared> {
        Some(match self {
            Self::Fit(args) => &args.shared,
            Self::Sweep(args) => &args.shared,
            Self::Predict(args) => &args.shared,
            Self::Profile(args) => &args.shared,
            Self::Evaluate(args) => &args.shared,
            Self::Inspect(args) => &args.shared,
            Self::Generate(args) => &args.shared,
            Self::Bench(BenchArgs::Fit(args)) => &args.shared,
            Self::Bench(BenchArgs::Silhouette(args)) => &args.shared,
            Self::Tune(args) => &args.shared,
            Self::Devices(_) | Self::Selftest(_) | Self::Completions { .. } | Self::Man(_) => return None,
        })
    }
}
