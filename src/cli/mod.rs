//! The program: the only room that prints. Data goes to stdout, progress and notes to stderr.

mod apply;
mod args;
mod bench;
mod checkpoint;
mod choose;
mod comparison;
mod device;
mod devices;
mod evaluate;
mod fit;
mod generate;
mod init;
mod inspect;
mod measures;
mod memory;
mod output;
mod predict;
mod profile;
mod progress;
mod quality;
mod run;
mod selftest;
mod signals;
mod silhouette;
mod summary;
mod sweep;
mod tune;

use args::{BenchArgs, Cli, Verb};
use clap::Parser;
use segma::error::{Error, Result};
use std::io::{self, Write};
use std::process::ExitCode;

/// Parses the command line, runs the verb, and says how it went as an exit code.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    signals::listen();
    match std::panic::catch_unwind(|| run_verb(&cli.verb)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let word = if matches!(error, Error::Stopped(_)) { "" } else { "error: " };
            say(format_args!("{word}{error}"));
            ExitCode::from(error.exit_code())
        }
        Err(_) => {
            say("error: this is a bug in segma; please report it with the command and the lines above");
            ExitCode::from(1)
        }
    }
}

fn run_verb(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Fit(args) => run::with_threads(&args.shared, || fit::fit(args)),
        Verb::Sweep(args) => run::with_threads(&args.shared, || sweep::sweep(args)),
        Verb::Predict(args) => run::with_threads(&args.shared, || predict::predict(args)),
        Verb::Profile(args) => run::with_threads(&args.shared, || profile::profile(args)),
        Verb::Evaluate(args) => run::with_threads(&args.shared, || evaluate::evaluate(args)),
        Verb::Inspect(args) => run::with_threads(&args.shared, || inspect::inspect(args)),
        Verb::Generate(args) => run::with_threads(&args.shared, || generate::generate(args)),
        Verb::Bench(BenchArgs::Fit(args)) => run::with_threads(&args.shared, || bench::bench(args)),
        Verb::Bench(BenchArgs::Silhouette(args)) => run::with_threads(&args.shared, || silhouette::bench(args)),
        Verb::Tune(args) => run::with_threads(&args.shared, || tune::run(args)),
        Verb::Devices(args) => devices::devices(args),
        Verb::Selftest(args) => selftest::selftest(args),
    }
}

/// A line for people, on stderr. A stderr that cannot be written is no reason to fail.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Text on stdout. A reader that went away (a closed pipe) ends the program quietly, with success.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(segma::error::Error::output("standard output".as_ref(), e)),
        Ok(()) => Ok(()),
    }
}
