//! `--checkpoint`: how far the fit is, saved now and then and when the run is to stop, and gone on from.
//!
//! The folder holds the newest checkpoint and the one before, each written beside its place and renamed: whatever happens,
//! one of them is whole. It is locked for as long as the run lives, so that two runs cannot take it from each other.

use super::args::{CheckpointArgs, FolderArgs};
use super::output::{place, sync_folder, there, write_whole};
use super::progress::Teller;
use super::signals;
use segma::checkpoint::{Checkpoint, Job};
use segma::engine::Engine;
use segma::error::{Error, Result, escaped};
use segma::kmeans::{self, Fit, Observer, Progress, Snapshot, ValidParams};
use segma::matrix::Matrix;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NEWEST: &str = "checkpoint.json";
const BEFORE: &str = "checkpoint-before.json";
const PARTIAL: &str = "checkpoint.json.partial";

/// Keeps the work of a run from being lost, if it was asked to.
pub(super) struct Keeper(Option<Kept>);

struct Kept {
    folder: PathBuf,
    /// Locked, where the file system can.
    _ours: Option<File>,
    every: Duration,
    output: String,
    /// What to go on from.
    found: Option<Checkpoint>,
    /// Whether a checkpoint is there.
    saved: bool,
    last: Instant,
}

impl Keeper {
    /// Sees what is there, before any work.
    ///
    /// # Errors
    /// [`Error::Output`] if a checkpoint is there that is not to be resumed, or if the folder cannot be written;
    /// [`Error::Data`] if the checkpoint to resume is damaged.
    pub(super) fn new(args: &CheckpointArgs, output: &FolderArgs, teller: &Teller) -> Result<Self> {
        let Some(folder) = &args.checkpoint else { return Ok(Self(None)) };
        signals::arm(args.time_limit);
        let fail = |e: io::Error| Error::output(folder, format!("cannot hold a checkpoint: {e}"));
        fs::create_dir_all(folder).map_err(fail)?;
        let ours = lock(folder)?;
        let waiting = [NEWEST, BEFORE].map(|name| folder.join(name)).into_iter().find(|path| there(path));
        let found = match waiting {
            Some(_) if args.resume => Some(read(folder, teller)?),
            Some(path) if !output.force => {
                let message = "a checkpoint is here; go on from it with --resume, or start over with --force";
                return Err(Error::output(&path, message));
            }
            _ => {
                let partial = folder.join(PARTIAL);
                write_whole(&partial, |out| out.write_all(b"\n")).map_err(fail)?; // can it be written?
                let _ = fs::remove_file(partial);
                None
            }
        };
        if let Some(found) = &found {
            signals::saved(&folder.join(NEWEST));
            let line = format!("going on from {}, after pass {}", name(folder), found.snapshot.passes());
            teller.tell(&line);
        } else if args.resume {
            teller.tell(&format!("note: no checkpoint in {}; starting from the beginning", name(folder)));
        }
        let saved = found.is_some();
        let (folder, output) = (folder.clone(), place(&output.output).to_string_lossy().into_owned());
        let (every, last) = (args.checkpoint_every, Instant::now());
        Ok(Self(Some(Kept { folder, _ours: ours, every, output, found, saved, last })))
    }

    /// Whether outputs that are there may be overwritten: the run that is gone on with was killed while it put its own in
    /// place, or was allowed to overwrite others.
    pub(super) fn may_overwrite(&self) -> bool {
        let found = self.0.as_ref().and_then(|kept| Some((kept, kept.found.as_ref()?)));
        found.is_some_and(|(kept, found)| kept.output == found.output)
    }

    /// Makes several fits, as [`kmeans::sweep`] does, from the checkpoint on if there is one.
    ///
    /// # Errors
    /// [`Error::Stopped`] if a stop was asked for; [`Error::Usage`] or [`Error::Data`] if the checkpoint is one of other
    /// options or another table; else as [`kmeans::sweep`].
    pub(super) fn sweep(
        &mut self,
        engine: &dyn Engine,
        matrix: &Matrix,
        params: &[ValidParams],
        teller: &mut Teller,
    ) -> Result<Vec<Fit>> {
        let Some(kept) = &mut self.0 else { return kmeans::sweep(engine, matrix, params, teller) };
        let job = Job::new(matrix, params);
        let found = kept.found.take();
        let path = kept.folder.join(NEWEST);
        if let Some(found) = &found {
            found.check(&job).map_err(|e| e.in_file(&path.to_string_lossy()))?;
        }
        kept.last = Instant::now();
        let mut watch = Watch { kept, job, teller };
        let fits = if let Some(found) = &found {
            watch.teller.iterating_from(found.snapshot.passes());
            kmeans::resume(engine, matrix, params, &found.snapshot, &mut watch)
        } else {
            remove(&watch.kept.folder); // of the run that is started over: only now, as all that may fail before has not
            kmeans::sweep(engine, matrix, params, &mut watch)
        };
        let stop = signals::passes_end();
        match fits {
            Err(Error::Interrupted) => Err(watch.kept.stopped()),
            Ok(_) if stop => Err(watch.kept.stopped()),
            fits => fits,
        }
    }

    /// The run is complete.
    pub(super) fn finish(self) {
        if let Some(kept) = self.0 {
            remove(&kept.folder);
            let _ = fs::remove_dir(&kept.folder); // if nothing else is in it
        }
    }
}

impl Kept {
    fn save(&mut self, job: &Job, snapshot: Snapshot) -> Result<()> {
        let (path, before) = (self.folder.join(NEWEST), self.folder.join(BEFORE));
        let text = Checkpoint::new(job.clone(), self.output.clone(), snapshot).to_json()?;
        let partial = self.folder.join(PARTIAL);
        let written = write_whole(&partial, |out| out.write_all(text.as_bytes())).and_then(|()| {
            if there(&path) {
                fs::rename(&path, before)?;
            }
            fs::rename(&partial, &path)?;
            sync_folder(&self.folder)
        });
        if let Err(e) = written {
            let _ = fs::remove_file(&partial); // it takes what little room there is
            return Err(Error::output(&path, e));
        }
        self.saved = true;
        signals::saved(&path);
        Ok(())
    }

    fn stopped(&self) -> Error {
        if self.saved {
            return Error::Stopped(signals::farewell());
        }
        Error::output(&self.folder.join(NEWEST), "could not be saved, and the run was to stop")
    }
}

/// Tells how a fit goes, and saves it.
struct Watch<'k> {
    kept: &'k mut Kept,
    job: Job,
    teller: &'k mut Teller,
}

impl Observer for Watch<'_> {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        match progress {
            Progress::Seeding { chosen, of, .. } if chosen < of => {}
            _ => signals::passes_begin(),
        }
        self.teller.progress(progress)
    }

    fn wants_snapshot(&mut self, last: bool) -> bool {
        last || signals::stop_asked() || self.kept.last.elapsed() >= self.kept.every
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> ControlFlow<()> {
        if let Err(e) = self.kept.save(&self.job, snapshot) {
            self.teller.tell(&format!("note: no checkpoint: {e}"));
        }
        self.kept.last = Instant::now();
        if signals::stop_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The newest checkpoint, or the one before if that is all that is whole.
fn read(folder: &Path, teller: &Teller) -> Result<Checkpoint> {
    let (newest, before) = (folder.join(NEWEST), folder.join(BEFORE));
    if !there(&newest) {
        return Checkpoint::read(&before); // killed between two renames
    }
    let damaged = match Checkpoint::read(&newest) {
        Ok(checkpoint) => return Ok(checkpoint),
        Err(error) => error,
    };
    let Ok(checkpoint) = Checkpoint::read(&before) else { return Err(damaged) };
    teller.tell(&format!("note: {damaged}"));
    teller.tell("note: going on from the one before it");
    // In the place of the damaged one, which the next save would put over it.
    let put = fs::rename(&before, &newest).and_then(|()| sync_folder(folder));
    put.map_err(|e| Error::output(&newest, e))?;
    Ok(checkpoint)
}

fn remove(folder: &Path) {
    for name in [PARTIAL, BEFORE, NEWEST] {
        let _ = fs::remove_file(folder.join(name));
    }
}

fn lock(folder: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::output(folder, "another run saves its checkpoints here")),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn name(folder: &Path) -> String {
    escaped(&folder.to_string_lossy())
}
