//! What every verb needs: threads, an engine, phase timings, the machine's facts.

use super::args::{FormatArg, InputArgs, Shared, TableArgs};
use super::config;
use super::memory::Memory;
use super::progress::Teller;
use segma::error::{Error, Result};
use segma::features::{Options, Prepared};
use segma::kmeans::coarse_notes;
use segma::matrix::{Matrix, Weights};
use segma::note::Note;
use segma::segments::{Assignments, Beside};
use segma::store::Store;
use segma::table::{self, ReadOptions, Table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

/// The threads that are used unless told otherwise: one for each physical core of the machine, but no more than the CPUs that
/// this process may run on. The kernels keep a core's arithmetic or its memory busy alone, so a second thread on it only
/// takes cache from the first.
pub(super) fn default_threads() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    num_cpus::get_physical().clamp(1, allowed)
}

/// Runs `work` on a pool of as many threads as were asked for.
pub(super) fn with_threads(shared: &Shared, work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let threads = shared.threads.map_or_else(default_threads, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|e| Error::Memory(format!("no threads to be had: {e}")))?.install(work)
}

impl InputArgs {
    /// Reads the table. Named columns are all that is read: what the others hold is nobody's concern.
    pub(super) fn read(&self, files: &[PathBuf], memory: &Memory, teller: &Teller) -> Result<Table> {
        self.read_some(files, memory, teller, false)
    }

    /// Reads the table, or only its beginning.
    pub(super) fn read_some(
        &self,
        files: &[PathBuf],
        memory: &Memory,
        teller: &Teller,
        beginning: bool,
    ) -> Result<Table> {
        let also = self.weight_column.iter().cloned().collect();
        let (wanted, carry, categorical) = (self.columns.clone(), self.keep.clone(), self.categorical.clone());
        let options = self.csv.options(self.id.as_deref(), memory);
        let (further, watch) = (self.kpi.clone(), Some(teller.watch()));
        let options = ReadOptions { wanted, also, further, carry, categorical, watch, beginning, ..options };
        let table = table::read_all(files, &options)?;
        carried(&table, None)?; // known before the work
        Ok(table)
    }

    /// How its columns are prepared.
    pub(super) fn options(&self, table: &Table) -> Options {
        Options {
            id: self.id.clone(),
            columns: table.selected.clone(),
            weight_column: self.weight_column.clone(),
            kpis: table.further.clone(),
            feature_weights: self.feature_weights.clone(),
            missing: self.missing.clone(),
            missing_indicators: self.missing_indicators,
            outliers: self.outliers.into(),
            outlier_action: self.outlier_action.into(),
            transform: self.transform.clone(),
            encode: self.encode.clone(),
            max_levels: Some(self.max_levels.into()),
            date_reference: self.date_reference,
            scale: self.scale.into(),
        }
    }
}

/// The files of a table as `run.json` lists them.
pub(super) fn listed(table: &Table) -> Vec<Value> {
    table.parts.iter().map(|part| json!({ "path": part.source, "rows": part.rows })).collect()
}

/// The columns of a table that are carried to the output beside the id.
///
/// # Errors
/// [`Error::Usage`] if one is called as a column that the output has already.
pub(super) fn carried(table: &Table, id: Option<&str>) -> Result<Vec<String>> {
    if let Some(kept) = table.kept.iter().find(|kept| OURS.contains(&kept.name.as_str())) {
        let message = format!("column '{}' would be twice in the output, which has its own", kept.name);
        return Err(Error::Usage(message + "; give it another name, or leave it out"));
    }
    Ok(table.kept.iter().map(|k| &k.name).filter(|name| Some(name.as_str()) != id).cloned().collect())
}

/// Writes each row's segment in a format.
pub(super) fn write_segments(
    assignments: &Assignments<'_>,
    beside: Beside<'_>,
    format: FormatArg,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    match format {
        FormatArg::Csv => assignments.write_csv(beside, out),
        FormatArg::Parquet => assignments.write_parquet(beside, out),
    }
}

/// The columns of segments that are made here: no other may be carried along under such a name.
const OURS: [&str; 6] = ["segment", "segment_name", "distance", "distance_second", "margin", "outlier"];

/// Packs a prepared table into a store, and notes what should be known of that.
pub(super) fn pack(
    prepared: &Prepared<'_>,
    weights: Option<Weights>,
    store: &Store,
    notes: &mut Vec<Note>,
) -> Result<Matrix> {
    let (matrix, coarse) = Matrix::learn_in(prepared, weights, store)?;
    notes.extend(coarse_notes(&coarse, |j| prepared.features()[j].name.clone()));
    if matrix.weights().is_some() {
        notes.extend(saturated_note(matrix.saturated())); // rows without weight may lie anywhere
    }
    Ok(matrix)
}

impl TableArgs {
    /// How to read a table of which `text` columns are kept as text.
    pub(super) fn options(&self, text: Option<&str>, memory: &Memory) -> ReadOptions {
        ReadOptions {
            keep: text.into_iter().map(String::from).collect(),
            delimiter: self.delimiter,
            decimal_comma: self.decimal == ",",
            nulls: self.nulls.clone(),
            store: memory.table(),
            rejects: self.most_rejects(),
            ..ReadOptions::default()
        }
    }
}

/// Flags of how a run survives and not of what it makes; and whether a value follows. A run that was resumed shows the
/// command of one that was left alone.
const OF_THE_JOB: [(&str, bool); 5] = [
    ("--checkpoint", true),
    ("--checkpoint-every", true),
    ("--time-limit", true),
    ("--resume", false),
    ("--force", false),
];

/// The words without those flags, up to `--`.
fn without_the_job(words: Vec<OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            kept.push(word);
            break;
        }
        let text = word.to_string_lossy();
        let (flag, joined) = text.split_once('=').map_or((&*text, false), |(flag, _)| (flag, true));
        match OF_THE_JOB.iter().find(|(of_the_job, _)| *of_the_job == flag) {
            Some((_, true)) if !joined => drop(words.next()),
            Some(_) => {}
            None => kept.push(word),
        }
    }
    kept.extend(words);
    kept
}

/// The command line, settings included, as it can be typed again: words that a shell would take apart are quoted.
pub(super) fn command() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+.,:/@%".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let words =
        without_the_job(config::words()).into_iter().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    std::iter::once("segma".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// What `run.json` says of a run, whatever the verb.
pub(super) struct Ran<'r> {
    pub(super) table: &'r Table,
    pub(super) device: String,
    pub(super) device_notes: &'r [Note],
    pub(super) seed: u64,
    pub(super) phases: &'r Phases,
    /// What lies where.
    pub(super) memory: &'r Value,
    pub(super) notes: &'r [Note],
}

impl Ran<'_> {
    /// The document, to which a verb may add.
    pub(super) fn json(&self) -> Value {
        json!({
            "schema": "segma.run/1",
            "command": std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>(),
            "segma": env!("CARGO_PKG_VERSION"),
            "settings": config::in_effect(),
            "input": {
                "path": self.table.source,
                "rows": self.table.rows,
                "rejected": self.table.rejects.len(),
                "files": listed(self.table),
            },
            "device": self.device,
            "threads": rayon::current_num_threads(),
            "seed": self.seed,
            "phases_seconds": self.phases.seconds(),
            "memory": self.memory,
            "peak_memory_bytes": peak_memory_bytes(),
            "notes": self.notes,
            "device_notes": self.device_notes,
        })
    }
}

/// A note about values held at the end of the frame, if there are any.
pub(super) fn saturated_note(values: u64) -> Option<Note> {
    let text = format!("{values} values lie over 65,536 times as far out as any training value; they were held there");
    (values > 0).then(|| Note::new("saturated", text))
}

/// Wall time of each phase, in seconds.
#[derive(Debug, Default)]
pub(super) struct Phases(BTreeMap<&'static str, f64>);

impl Phases {
    /// Runs `work` as a phase.
    pub(super) fn time<T>(&mut self, phase: &'static str, work: impl FnOnce() -> T) -> T {
        let clock = Instant::now();
        let done = work();
        self.0.insert(phase, clock.elapsed().as_secs_f64());
        done
    }

    /// The seconds of each phase.
    pub(super) fn seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.0
    }

    /// The seconds of all phases.
    pub(super) fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

/// The largest amount of memory this process has held, in bytes, where the system says.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let line = process_status("VmHWM:")?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// What Linux says of this process under a name that ends with a colon.
pub(super) fn process_status(name: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_shows_the_command_of_one_left_alone() {
        let without = |line: &str| {
            let words = without_the_job(line.split(' ').map(OsString::from).collect());
            words.join(OsString::from(" ").as_os_str()).into_string().unwrap()
        };
        let job = "--checkpoint ck --resume --checkpoint-every=1s --time-limit 3h --force";
        assert_eq!(without(&format!("segma fit {job} a.csv -o run")), "segma fit a.csv -o run");
        assert_eq!(without("segma fit --seed 1 -- --force a.csv"), "segma fit --seed 1 -- --force a.csv");
    }
}
