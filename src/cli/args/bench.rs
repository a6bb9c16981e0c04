//! The flags of `bench`: of a fit, and of what else it times.

use super::{KMeansArgs, Shared, memory};
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use std::path::PathBuf;

/// What to time: a fit, unless a measure is named.
#[derive(Debug)]
pub(crate) enum BenchArgs {
    Fit(Box<BenchFitArgs>),
    Silhouette(BenchSilhouetteArgs),
}

/// The name of [`BenchArgs::Silhouette`].
const SILHOUETTE: &str = "silhouette";

impl Args for BenchArgs {
    fn augment_args(command: Command) -> Command {
        let about = "Time the silhouette of labels, of all rows unless told otherwise";
        let silhouette = BenchSilhouetteArgs::augment_args(Command::new(SILHOUETTE).about(about));
        let command = BenchFitArgs::augment_args(command).subcommand(silhouette);
        command.args_conflicts_with_subcommands(true).subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for BenchArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        match matches.subcommand_matches(SILHOUETTE) {
            Some(matches) => BenchSilhouetteArgs::from_arg_matches(matches).map(Self::Silhouette),
            None => BenchFitArgs::from_arg_matches(matches).map(|args| Self::Fit(Box::new(args))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchFitArgs {
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
pub(crate) struct BenchSilhouetteArgs {
    /// The points: a .npy file of f32 or f64, rows by columns
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: PathBuf,
    /// The label of each row: a .npy file of u32, i32 or i64
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: PathBuf,
    /// The most rows to measure in full; of more, a sample of that many is measured [default: all rows]
    #[arg(long, value_name = "ROWS")]
    pub(crate) silhouette_exact_rows: Option<usize>,
    /// Seed of the sample
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Where to run: auto, cpu, gpu, gpu:N, part of an adapter's name, or several joined by + that share the rows
    #[arg(long, default_value = "auto")]
    pub(crate) device: String,
    /// The most memory to take on a GPU, as 8GiB [default: all there is]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) gpu_memory: Option<u64>,
    #[command(flatten)]
    pub(crate) shared: Shared,
}
