//! Outputs are whole or absent: written beside their place under another name, then renamed. A problem with the place
//! is found before the work starts.
//!
//! A process that is killed leaves what it was writing under that other name. It holds a lock on it for as long as it lives,
//! so the next one knows what nobody writes any more, and removes it.

use super::signals;
use segma::error::{Error, Result, escaped};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the name ends of what is in the making.
const PARTIAL: &str = ".partial";

/// The same for the moment before it is locked.
const NEW: &str = ".new";

/// That moment is over after so long, whoever made it.
const MOMENT: Duration = Duration::from_secs(3600);

/// What an interrupted run must not leave behind.
static STAGED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The file that is put in place last: a folder that holds it is whole.
const LAST: &str = "run.json";

/// A folder of files in the making.
#[derive(Debug)]
pub(super) struct Folder {
    target: PathBuf,
    staged: Staged,
}

/// Something under another name than it will have; gone when dropped.
#[derive(Debug)]
struct Staged {
    path: PathBuf,
    /// Locked, where the file system can.
    _alive: Option<File>,
}

impl Staged {
    /// Makes `PREFIX<process>.partial`, and removes what processes that are gone have left of that name.
    fn make(place: &Path, prefix: &str, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<Self> {
        remove_orphans(place, prefix);
        let process = std::process::id();
        // Another machine that shares the place may have a process of the same number.
        let names = (0..).map(|n| if n == 0 { format!("{process}") } else { format!("{process}-{n}") });
        // Under its name it is locked from the first moment on: else it would be taken for an orphan.
        let mut pairs = names.map(|name| [PARTIAL, NEW].map(|ending| place.join(format!("{prefix}{name}{ending}"))));
        let [path, unlocked] = pairs.find(|pair| !pair.iter().any(|path| there(path))).unwrap_or_default();
        make(&unlocked)?;
        remember(&unlocked);
        let alive = File::open(&unlocked).ok().filter(|file| file.try_lock().is_ok());
        remember(&path);
        fs::rename(&unlocked, &path)?;
        Ok(Self { path, _alive: alive })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        remove(&self.path); // gone already after a rename
    }
}

/// Removes what processes that are gone have left; what is locked, or cannot be, stays.
fn remove_orphans(place: &Path, prefix: &str) {
    let is_ours = |name: &str, ending: &str| {
        let process = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(ending));
        process.is_some_and(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_digit() || c == '-'))
    };
    for entry in fs::read_dir(place).into_iter().flatten().filter_map(io::Result::ok) {
        let (name, kind) = (entry.file_name(), entry.file_type());
        let Some(name) = name.to_str() else { continue };
        let known = || kind.is_ok_and(|kind| kind.is_dir() || kind.is_file()); // to open a pipe could take for ever
        let is_free = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        let is_orphan = is_ours(name, PARTIAL) || (is_ours(name, NEW) && is_old(&entry));
        if is_orphan && known() && is_free() {
            remove(&entry.path());
        }
    }
}

/// Whether it was made long ago. A clock that was set back makes it young.
fn is_old(entry: &fs::DirEntry) -> bool {
    let made = entry.metadata().and_then(|metadata| metadata.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MOMENT))
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
        let staged = Staged::make(&place, ".segma-", |path| fs::create_dir(path));
        let staged = staged.map_err(|e| Error::output(target, format!("cannot be written: {e}")))?;
        Ok(Self { target: target.to_owned(), staged })
    }

    /// Writes one file of the folder.
    pub(super) fn write(&self, name: &str, fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> Result<()> {
        let path = self.staged.path.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| write_whole(&path, |out| fill(out))).map_err(|e| Error::output(&self.target.join(name), e))
    }

    /// Puts everything in place.
    pub(super) fn commit(self) -> Result<()> {
        let _no_signal = staged(); // one that comes now is dealt with afterwards
        put_in_place(&self.staged.path, &self.target).map_err(|e| Error::output(&self.target, e))?;
        signals::done();
        Ok(())
    }
}

/// Puts what a folder holds in the place of another one, at once if that is not there, else file by file. Files of an earlier
/// run are there until then, so its [`LAST`] goes first.
fn put_in_place(from: &Path, to: &Path) -> io::Result<()> {
    sync_folders(from)?;
    if !to.is_dir() {
        fs::rename(from, to)?;
        return sync_folder(&parent(to));
    }
    if from.join(LAST).is_file() && there(&to.join(LAST)) {
        fs::remove_file(to.join(LAST))?;
        sync_folder(to)?;
    }
    move_into(from, to)?;
    sync_folder(to)?;
    if from.join(LAST).is_file() {
        fs::rename(from.join(LAST), to.join(LAST))?;
        sync_folder(to)?;
    }
    Ok(())
}

/// Moves what a folder holds into another one, file by file, but not [`LAST`].
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            move_into(&entry.path(), &target)?;
            sync_folder(&target)?;
        } else if entry.file_name() != LAST {
            fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Has the names in a folder and in those below it written down.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Has the names in a folder written down, where the system can: a rename is safe from a power cut only then.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// One file in the making.
#[derive(Debug)]
pub(super) struct OneFile {
    target: PathBuf,
    staged: Staged,
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
        let staged = Staged::make(&parent(target), &format!(".{name}."), |path| File::create_new(path).map(drop));
        let staged = staged.map_err(|e| Error::output(target, format!("cannot be written: {e}")))?;
        Ok(Self { target: target.to_owned(), staged })
    }

    /// Writes it and puts it in place.
    pub(super) fn write(self, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
        let put = || {
            fs::rename(&self.staged.path, &self.target)?;
            sync_folder(&parent(&self.target))
        };
        let done = write_whole(&self.staged.path, fill).and_then(|()| put());
        done.map_err(|e| Error::output(&self.target, e))
    }
}

/// Writes a file and has it written down.
pub(super) fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
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
pub(super) fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The place that a path names, however it is spelt; what is at it, a link, is not followed.
pub(super) fn place(path: &Path) -> PathBuf {
    let named = path.file_name().and_then(|name| Some(parent(path).canonicalize().ok()?.join(name)));
    let known = named.or_else(|| path.canonicalize().ok()).or_else(|| std::path::absolute(path).ok());
    known.unwrap_or_else(|| path.to_owned())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What is half written. While it is held nothing new is begun and nothing put in place.
pub(super) fn staged() -> MutexGuard<'static, Vec<PathBuf>> {
    STAGED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(path: &Path) {
    staged().push(path.to_owned());
}

pub(super) fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_however_it_is_spelt() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let spelt = |name: &str| place(&folder.path().join(name));
        assert_eq!(spelt("in/../a.csv"), spelt("./a.csv"));
        assert_eq!(spelt("in/"), spelt("in/../in/."));
        assert_ne!(spelt("in/a.csv"), spelt("a.csv"));
        assert_eq!(place(Path::new("a.csv")), place(Path::new("./a.csv")));
        assert!(spelt("missing/a.csv").is_absolute());
    }

    #[test]
    fn what_was_left_before_it_was_locked_is_passed_by_and_removed_when_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: String| folder.path().join(name);
        let (own, old) = (path(format!(".x.{}.new", std::process::id())), path(".x.99999999.new".into()));
        for left in [&own, &old] {
            fs::create_dir(left).unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * MOMENT;
        File::open(&old).unwrap().set_modified(long_ago).unwrap();
        let staged = Staged::make(folder.path(), ".x.", |path| fs::create_dir(path)).unwrap();
        assert!(own.exists() && !old.exists() && staged.path.exists());
    }

    #[test]
    fn a_folder_that_is_not_whole_has_no_run_json() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        fs::create_dir_all(to.join("model.json")).unwrap(); // a file cannot take the place of a folder
        fs::create_dir_all(from.join("models")).unwrap();
        for name in ["model.json", "models/a.json", LAST] {
            fs::write(from.join(name), "new").unwrap();
        }
        fs::write(to.join(LAST), "old").unwrap();
        assert!(put_in_place(&from, &to).is_err());
        assert!(!to.join(LAST).exists() && from.join(LAST).exists());
        fs::remove_dir(to.join("model.json")).unwrap();
        put_in_place(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join(LAST)).unwrap(), "new");
        assert!(to.join("model.json").is_file() && to.join("models/a.json").is_file());
    }
}
