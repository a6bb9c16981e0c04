//! The command line. Shared flags mean the same in every verb.

mod bench;
mod choice;
mod groups;
mod input;
mod verbs;

pub(crate) use bench::{BenchArgs, BenchFitArgs, BenchSilhouetteArgs};
pub(crate) use choice::{Clusters, ClustersArgs, Metrics, metrics};
pub(crate) use groups::{
    CheckpointArgs, Counts, DeviceArgs, FolderArgs, KMeansArgs, MetricsArg, MetricsArgs, RunArgs, Shared, counts,
    memory,
};
pub(crate) use input::{ApplyArgs, InputArgs, TableArgs, selection};
pub(crate) use verbs::{
    DevicesArgs, EvaluateArgs, FitArgs, FormatArg, GenerateArgs, InspectArgs, PredictArgs, ProfileArgs, SweepArgs,
    TuneArgs,
};

use clap::{Parser, Subcommand};

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
}
