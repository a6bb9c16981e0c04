//! Outputs are whole or absent: written beside their place under another name, then renamed. A problem with the place
//! is found before the work starts.

use super::say;
use segma::error::{Error, Result, escaped};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What an interrupted run must not leave behind.
static STAGED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder of files in the making.
#[derive(Debug)]
pub(super) struct Folder {
    target: PathBuf,
    staged: PathBuf,
}

impl Folder {
    /// Prepares to write `names` into the folder `target`.
    ///
    /// # Errors
    /// [`Error::Output`] if one of the files exists and `force` is not given, or if the place cannot be written.
    pub(super) fn create(target: &Path, names: &[impl AsRef<Path>], force: bool) -> Result<Self> {
        if there(target) && !target.is_dir() {
            return Err(Error::output(target, "exists and is not a folder"));
        }
        if !force && let Some(name) = names.iter().map(AsRef::as_ref).find(|n| there(&target.join(n))) {
            return Err(Error::output(&target.join(name), "exists already; use --force to overwrite it"));
        }
        if let Some(name) = names.iter().map(AsRef::as_ref).find(|n| target.join(n).is_dir()) {
            return Err(Error::output(&target.join(name), "is a folder"));
        }
        let parents = names.iter().filter_map(|n| n.as_ref().parent()).map(|parent| target.join(parent));
        if let Some(parent) = parents.into_iter().find(|p| there(p) && !p.is_dir()) {
            return Err(Error::output(&parent, "exists and is not a folder"));
        }
        // Inside the target if it is there, so that a folder that cannot be written is found now.
        let place = if target.is_dir() { target.to_owned() } else { parent(target) };
        let staged = place.join(format!(".segma-{}.partial", std::process::id()));
        fs::create_dir(&staged).map_err(|e| Error::output(target, format!("cannot be written: {e}")))?;
        remember(&staged);
        Ok(Self { target: target.to_owned(), staged })
    }

    /// Writes one file of the folder.
    pub(super) fn write(&self, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let path = self.staged.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| write_whole(&path, |out| fill(out))).map_err(|e| Error::output(&self.target.join(name), e))
    }

    /// Puts everything in place.
    pub(super) fn commit(self) -> Result<()> {
        let fail = |e: io::Error| Error::output(&self.target, e);
        if !self.target.is_dir() {
            return fs::rename(&self.staged, &self.target).map_err(fail);
        }
        move_into(&self.staged, &self.target).map_err(fail)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.staged); // gone already after a rename
    }
}

/// Moves what a folder holds into another one, file by file.
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            move_into(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

/// One file in the making.
#[derive(Debug)]
pub(super) struct OneFile {
    target: PathBuf,
    staged: PathBuf,
}

impl OneFile {
    /// Prepares to write the file `target`.
    ///
    /// # Errors
    /// [`Error::Output`] if it exists and `force` is not given, or if the place cannot be written.
    pub(super) fn create(target: &Path, force: bool) -> Result<Self> {
        if target.is_dir() {
            return Err(Error::output(target, "is a folder"));
        }
        if target.starts_with("/dev") || target.metadata().is_ok_and(|m| !m.is_file()) {
            return Err(Error::output(
                target,
                "is not a regular file, which a rename would replace; use the shell's >",
            ));
        }
        if there(target) && !force {
            return Err(Error::output(target, "exists already; use --force to overwrite it"));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let staged = parent(target).join(format!(".{name}.{}.partial", std::process::id()));
        File::create_new(&staged).map_err(|e| Error::output(target, format!("cannot be written: {e}")))?;
        remember(&staged);
        Ok(Self { target: target.to_owned(), staged })
    }

    /// Writes it and puts it in place.
    pub(super) fn write(self, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
        let done = write_whole(&self.staged, fill).and_then(|()| fs::rename(&self.staged, &self.target));
        done.map_err(|e| Error::output(&self.target, e))
    }
}

impl Drop for OneFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged); // gone already after a rename
    }
}

fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    fill(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Refuses to write over what is read, the files of a table or another one, `--force` or not.
///
/// # Errors
/// [`Error::Usage`] naming the output that is one of the inputs.
pub(super) fn spare_inputs(tables: &[PathBuf], other: Option<&Path>, outputs: &[PathBuf]) -> Result<()> {
    let inputs = tables.iter().map(PathBuf::as_path).chain(other);
    let inputs: Vec<PathBuf> = inputs.filter_map(|i| i.canonicalize().ok()).collect();
    match outputs.iter().find(|o| o.canonicalize().is_ok_and(|o| inputs.contains(&o))) {
        Some(output) => {
            let message = format!("the output {} is an input too; write elsewhere", escaped(&output.to_string_lossy()));
            Err(Error::Usage(message))
        }
        None => Ok(()),
    }
}

/// Whether something is at this place, a link to nothing included.
fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn remember(path: &Path) {
    STAGED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(path.to_owned());
}

/// On an interrupt, removes what is half written and ends with the signal's exit code, wherever the work stands.
#[cfg(unix)]
pub(super) fn clean_up_on_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let staged = STAGED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for path in staged.iter() {
                let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            }
            say("interrupted");
            // A terminal that went away ends the work as a termination does.
            // At once: exit handlers of a GPU driver would pull the ground from under the threads that are still in it.
            signal_hook::low_level::exit(128 + if signal == SIGHUP { SIGTERM } else { signal });
        }
    });
}

/// Elsewhere the system's own handling has to do.
#[cfg(not(unix))]
pub(super) fn clean_up_on_signals() {}
