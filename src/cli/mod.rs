//! The program: the only room that prints. Data goes to stdout, progress and notes to stderr.

mod apply;
mod args;
mod bench;
mod checkpoint;
mod choose;
mod comparison;
mod completions;
mod config;
mod device;
mod devices;
mod evaluate;
mod failure;
mod fit;
mod generate;
mod init;
mod inspect;
mod log;
mod measures;
mod memory;
mod output;
mod plan;
mod predict;
mod profile;
mod progress;
mod quality;
mod rejects;
mod run;
mod selftest;
mod signals;
mod silhouette;
mod summary;
mod sweep;
mod terminal;
mod tune;

use args::{BenchArgs, LogFormat, ProgressArg, Verb};
use clap::error::ErrorKind;
use config::Stop;
use failure::Failure;
use log::{Level, log};
use segma::error::Result;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a document is on standard output: there is one at most.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Parses the command line, runs the verb, and says how it went as an exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match config::command_line() {
        Ok(cli) => cli,
        Err(stop) => return stopped(&stop),
    };
    // Of two kinds of lines on one stream no program could read either.
    let events = cli.verb.shared().is_some_and(|shared| shared.progress == ProgressArg::Json);
    if cli.log_format == LogFormat::Json || events {
        log::use_json();
    }
    if cli.verb.shared().is_some_and(|shared| shared.verbose && !shared.quiet) {
        config::told().iter().for_each(|setting| log(Level::Info, "setting", setting));
    }
    signals::listen(cli.verb.json());
    match std::panic::catch_unwind(|| run_verb(&cli.verb)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => Failure::from(&error).tell(cli.verb.json()),
        Err(_) => Failure::bug().tell(cli.verb.json()),
    }
}

/// Ends a command that cannot begin. What it asked of its output is taken from its words as they are.
fn stopped(stop: &Stop) -> ExitCode {
    let (json, lines) = config::asked();
    if lines {
        log::use_json();
    }
    match stop {
        Stop::Setting(failure) => failure.tell(json),
        Stop::Words(error) if !error.use_stderr() => {
            let _ = error.print(); // a reader that went away is no reason to fail
            ExitCode::SUCCESS
        }
        Stop::Words(error)
            if !json && !lines && error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            let _ = error.print();
            ExitCode::from(2)
        }
        Stop::Words(error) => Failure::from(error).tell(json),
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
        Verb::Completions { shell } => completions::completions(*shell),
        Verb::Man(args) => completions::man(args),
    }
}

/// A line for people, on stderr.
fn say(line: impl std::fmt::Display) {
    log(Level::Info, "info", line);
}

/// A document of a verb that did what it was asked to.
fn succeeded(mut document: Value) -> String {
    if document["ok"].is_null() {
        document["ok"] = json!(true);
    }
    log::visible(&format!("{document:#}\n"))
}

/// The document of `--json`.
fn print_document(document: Value) -> Result<()> {
    begin_document();
    print(&succeeded(document))
}

/// Whether a document may be printed now: the first one.
fn begin_document() -> bool {
    !PRINTED.swap(true, Ordering::Relaxed)
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
