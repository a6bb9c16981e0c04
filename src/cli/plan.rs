//! `--plan`: what a run would read, hold and take, found out from the beginning of the table, and nothing written.
//!
//! Rows are counted where the format says them, else estimated from the length of the file. Times are those of a trial: the
//! beginning is read and prepared, and some passes are made over its points, repeated to as many as a million; then they are
//! scaled to all rows. What a fit does is not known before it is done, so passes are told one by one.

use super::args::{ClustersArgs, DeviceArgs, FitArgs, InputArgs, Shared, SweepArgs};
use super::choose;
use super::device::{Choice, Device};
use super::init;
use super::memory::{Memory, work};
use super::progress::Teller;
use super::summary::grouped;
use super::{print, print_document};
use segma::budget::Work;
use segma::engine::gpu::plan::chunk_tiles;
use segma::engine::{Centroids, SetPass};
use segma::error::{Error, Result};
use segma::features::Pipeline;
use segma::kmeans::ValidParams;
use segma::matrix::{Matrix, Rows, TILE};
use segma::table::{self, Extent};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Points of the trial at most: enough to leave every cache.
const TRIAL_POINTS: usize = 1 << 20;

/// Passes of the trial; the first one labels every point, the later ones are those that a fit makes many of.
const TRIAL_PASSES: usize = 4;

/// What is planned.
pub(super) struct Run<'a> {
    input: &'a InputArgs,
    device: &'a DeviceArgs,
    shared: &'a Shared,
    kmeans: Fits<'a>,
    max_iter: u32,
}

/// What is fitted.
enum Fits<'a> {
    Fit(&'a ClustersArgs),
    Sweep(&'a SweepArgs),
}

impl Fits<'_> {
    fn params(&self, pipeline: &Pipeline) -> Result<Vec<ValidParams>> {
        match self {
            Self::Fit(args) => choose::params(args, pipeline),
            Self::Sweep(args) => init::sweep_params(&args.clusters.0, &args.run, args.metrics.any()),
        }
    }
}

impl<'a> Run<'a> {
    /// A fit.
    pub(super) fn fit(args: &'a FitArgs) -> Self {
        let (kmeans, max_iter) = (Fits::Fit(&args.kmeans), args.kmeans.run.max_iter);
        Self { input: &args.input, device: &args.device, shared: &args.shared, kmeans, max_iter }
    }

    /// A sweep.
    pub(super) fn sweep(args: &'a SweepArgs) -> Self {
        let (kmeans, max_iter) = (Fits::Sweep(args), args.run.max_iter);
        Self { input: &args.input, device: &args.device, shared: &args.shared, kmeans, max_iter }
    }

    /// Finds out, tells, and is done.
    pub(super) fn tell(&self) -> Result<()> {
        let files = table::expand(&self.input.tables)?;
        if let Some(stream) = files.iter().find(|file| !file.is_file()) {
            let name = stream.to_string_lossy();
            return Err(Error::Usage(format!("--plan looks at the beginning of a file; {name} is none")));
        }
        let plan = self.plan(&files)?;
        if self.shared.json { print_document(plan.json()) } else { print(&plan.text()) }
    }

    fn plan(&self, files: &[PathBuf]) -> Result<Plan> {
        let (teller, memory) = (Teller::new(self.shared), Memory::new(self.input.csv.memory));
        let clock = Instant::now();
        let mut table = self.input.read_some(files, &memory, &teller, true)?;
        let read = clock.elapsed().as_secs_f64();
        let begun = table.rows;
        let extent = table.extent.unwrap_or(Extent { rows: begun as u64, exact: false });
        let clock = Instant::now();
        let options = self.input.options(&table);
        let learnt = Pipeline::learn(&mut table, &options)?;
        let prepared = learnt.pipeline.prepare(&table)?;
        let matrix = Matrix::learn(&prepared, None)?.0;
        let prepare = clock.elapsed().as_secs_f64();
        let dims = prepared.dims();
        let params = self.kmeans.params(&learnt.pipeline)?;
        let work = Work { rows: extent.rows, ..work(&prepared, learnt.weights.is_some(), &params) };
        let values = usize::try_from(extent.rows).unwrap_or(usize::MAX).saturating_mul(dims);
        let device = Choice::new(self.device)?.device(self.device, values)?;
        let pass = trial(&device, &matrix, &params)?;
        let share = extent.rows as f64 / begun.max(1) as f64;
        Ok(Plan {
            files: files.len(),
            file_bytes: files.iter().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum(),
            extent,
            columns: table.columns.len(),
            work,
            table_bytes: table.bytes() as u128 * u128::from(extent.rows) / begun.max(1) as u128,
            chunk: self.chunk(&device, &work)?,
            device: device.ran_on(),
            memory,
            prepare_seconds: (read + prepare) * share,
            pass_seconds: pass * extent.rows as f64,
            max_iter: self.max_iter,
        })
    }

    /// Chunks of a GPU and the bytes of one, if a GPU it is.
    fn chunk(&self, device: &Device, work: &Work) -> Result<Option<(u64, u64)>> {
        let Some(gpu) = &device.gpu else { return Ok(None) };
        let (tiles, dims) = (work.rows.div_ceil(TILE as u64), usize::try_from(work.dims).unwrap_or(usize::MAX));
        let all = usize::try_from(tiles).unwrap_or(usize::MAX);
        let chunk = chunk_tiles(all, dims, &gpu.limits(), self.device.gpu_memory, None)? as u64;
        Ok(Some((tiles.div_ceil(chunk), chunk * TILE as u64 * work.dims * size_of::<f32>() as u64)))
    }
}

/// Seconds that a pass of all sets takes for a row.
fn trial(device: &Device, beginning: &Matrix, params: &[ValidParams]) -> Result<f64> {
    let points: Vec<usize> = (0..TRIAL_POINTS).map(|i| i % beginning.count()).collect();
    let matrix = beginning.pick(&points, None)?;
    let row = |i: usize| beginning.point(i % beginning.count()).collect::<Vec<i64>>();
    let centroids = |k: usize| Centroids::new(matrix.dims(), (0..k).flat_map(row).collect());
    let sets = params.iter().flat_map(|p| std::iter::repeat_n(p.k(), p.starts()));
    let sets: Vec<Centroids> = sets.map(centroids).collect();
    let batch: Vec<SetPass<'_>> = sets.iter().enumerate().map(|(set, centroids)| SetPass { set, centroids }).collect();
    let mut session = device.engine.load(&matrix)?;
    session.open(sets.len())?;
    let mut least = f64::INFINITY;
    for _ in 0..TRIAL_PASSES {
        let clock = Instant::now();
        session.pass(&batch)?;
        least = least.min(clock.elapsed().as_secs_f64());
    }
    Ok(least / matrix.count() as f64)
}

/// What was found out.
struct Plan {
    files: usize,
    file_bytes: u64,
    extent: Extent,
    columns: usize,
    work: Work,
    /// Bytes of the columns.
    table_bytes: u128,
    /// Chunks on a GPU, and bytes of one.
    chunk: Option<(u64, u64)>,
    device: String,
    memory: Memory,
    /// Until the first pass.
    prepare_seconds: f64,
    pass_seconds: f64,
    max_iter: u32,
}

impl Plan {
    /// Whether the points lie in memory, or why they lie nowhere.
    fn points(&self) -> Result<bool> {
        let table = whole(self.table_bytes).min(self.memory.room());
        self.memory.holds(&self.work, table)
    }

    fn text(&self) -> String {
        let about = if self.extent.exact { "" } else { "about " };
        let mut text = String::new();
        let mut line = |what: &str, said: String| {
            let _ = writeln!(text, "{what:<9}{said}");
        };
        let plural = if self.files == 1 { "" } else { "s" };
        line("table", format!("{} file{plural}, {}", self.files, size(self.file_bytes.into())));
        let rows = grouped(self.extent.rows);
        line("rows", format!("{about}{rows}, {} columns, {} features", self.columns, self.work.dims));
        let (room, held) = (u128::from(self.memory.room()), self.table_bytes);
        let further =
            if held > room { format!(", of which {} in a temporary file", size(held - room)) } else { String::new() };
        line("columns", format!("about {}{further}", size(held)));
        line("points", format!("{}{}", size(self.work.points_bytes()), self.place()));
        let starts = if self.work.sets == 1 { "one start".into() } else { format!("{} starts", self.work.sets) };
        line("labels", format!("{} for {starts}", size(self.work.labels_bytes())));
        if let Some((chunks, bytes)) = self.chunk {
            line("chunks", format!("{chunks} of {} on the GPU", size(bytes.into())));
        }
        line("limit", self.memory.limit().map_or("none".into(), |limit| size(limit.into())));
        line("device", self.device.clone());
        let (prepare, pass) = (seconds(self.prepare_seconds), seconds(self.pass_seconds));
        line("time", format!("about {prepare} until the first pass, {pass} a pass, at most {} passes", self.max_iter));
        text
    }

    fn place(&self) -> String {
        match self.points() {
            Ok(true) => " in memory".into(),
            Ok(false) => " in a temporary file".into(),
            Err(why) => format!("; it will not fit: {why}"),
        }
    }

    fn json(&self) -> Value {
        let points = self.points();
        json!({
            "schema": "segma.plan/1",
            "files": self.files,
            "file_bytes": self.file_bytes,
            "rows": self.extent.rows,
            "rows_exact": self.extent.exact,
            "columns": self.columns,
            "features": self.work.dims,
            "table_bytes": whole(self.table_bytes),
            "points_bytes": whole(self.work.points_bytes()),
            "labels_bytes": whole(self.work.labels_bytes()),
            "limit_bytes": self.memory.limit(),
            "will_fit": points.is_ok(),
            "points_in_file": points.ok().map(|in_memory| !in_memory),
            "chunks": self.chunk.map(|(chunks, _)| chunks),
            "device": self.device,
            "seconds_until_first_pass": self.prepare_seconds,
            "pass_seconds": self.pass_seconds,
            "max_iter": self.max_iter,
        })
    }
}

/// Bytes for programs.
fn whole(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Bytes for people.
fn size(bytes: u128) -> String {
    let units = [("GiB", 1u128 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// A time for people.
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 120.0 => format!("{:.0} min", s / 60.0),
        s if s >= 1.0 => format!("{s:.0} s"),
        s => format!("{:.0} ms", (s * 1000.0).max(1.0)),
    }
}
