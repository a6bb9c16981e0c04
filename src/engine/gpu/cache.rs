//! The file in which what was tuned is kept: which choice was fastest, by adapter, driver, shaders and class of shape.
//!
//! Nothing but time depends on it. So a file that cannot be read is told in a note and otherwise as good as none, and an
//! entry of another adapter, driver or version of the shaders is left alone. It is replaced whole, under a lock, so that
//! several who tune at the same time lose nothing.

use super::shader::digest;
use super::tuned::{Choices, Class};
use super::tuning::Tuning;
use crate::error::{Error, Result};
use crate::note::Note;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "segma.tuning/1";

/// What an adapter's times depend on beside the shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The adapter's name.
    pub adapter: String,
    /// The interface to its driver.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version, as it says itself.
    pub driver_info: String,
    /// Whether kernels make use of 64-bit integers and atomics.
    pub int64: bool,
    /// The SHA-256 of the shader files.
    pub shaders_sha256: String,
}

impl Identity {
    /// Of an adapter, with the shaders there are.
    #[must_use]
    pub fn new(info: &wgpu::AdapterInfo, int64: bool) -> Self {
        Self {
            adapter: info.name.clone(),
            backend: info.backend.to_string(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            int64,
            shaders_sha256: digest(),
        }
    }
}

/// The fastest choice of a class of shapes on an adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it was timed.
    pub identity: Identity,
    /// What was timed.
    pub class: Class,
    /// What was fastest.
    pub tuning: Tuning,
    /// Its time.
    pub pass_seconds: f64,
}

/// A file of entries, there or not yet.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In this folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// In the folder that `SEGMA_CACHE` names, or in `segma` in the user's folder for caches. None if there is no such
    /// folder, or `SEGMA_CACHE` is empty.
    #[must_use]
    pub fn standard() -> Option<Self> {
        folder(&|name| std::env::var_os(name)).map(|folder| Self { folder })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("tuning.json")
    }

    /// The choices for an adapter, and what is wrong with the file, if anything.
    #[must_use]
    pub fn choices(&self, identity: &Identity) -> (Choices, Vec<Note>) {
        let (entries, trouble) = self.read();
        let own = entries.into_iter().filter(|e| e.identity == *identity).map(|e| (e.class, e.tuning));
        let text = |what| format!("{}: {what}; kernels are chosen without it", self.path().display());
        (
            Choices::tuned(own.collect()),
            trouble.map(|what| Note::new("tuning_ignored", text(what))).into_iter().collect(),
        )
    }

    /// Keeps an entry in place of one of the same adapter and class.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn keep(&self, entry: &Entry) -> Result<()> {
        self.replace(entry).map_err(|e| Error::output(&self.path(), e))
    }

    /// Finds out whether something can be kept, before the work starts.
    ///
    /// # Errors
    /// [`Error::Output`] if the folder cannot be written.
    pub fn prepare(&self) -> Result<()> {
        self.locked().map(|_| ()).map_err(|e| Error::output(&self.path(), e))
    }

    /// The right to write, until it is dropped.
    fn locked(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join("tuning.lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn replace(&self, entry: &Entry) -> io::Result<()> {
        let _lock = self.locked()?;
        let (mut entries, _) = self.read();
        entries.retain(|e| (&e.identity, e.class) != (&entry.identity, entry.class));
        entries.push(entry.clone());
        let part = self.folder.join("tuning.json.partial");
        let mut file = File::create(&part)?;
        writeln!(file, "{:#}", json!({ "schema": SCHEMA, "entries": entries }))?;
        file.sync_all()?;
        fs::rename(part, self.path())
    }

    /// The entries that make sense, and what is wrong with the others or the whole file.
    fn read(&self) -> (Vec<Entry>, Option<String>) {
        match fs::read_to_string(self.path()) {
            Ok(text) => parse(&text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(e) => (Vec::new(), Some(e.to_string())),
        }
    }
}

fn parse(text: &str) -> (Vec<Entry>, Option<String>) {
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(e) => return (Vec::new(), Some(format!("is no JSON ({e})"))),
    };
    let Some(all) = document["entries"].as_array().filter(|_| document["schema"] == SCHEMA) else {
        return (Vec::new(), Some(format!("is not a file of schema {SCHEMA}")));
    };
    let entries: Vec<Entry> = all.iter().filter_map(|e| serde_json::from_value(e.clone()).ok()).collect();
    let unknown = all.len() - entries.len();
    (entries, (unknown > 0).then(|| format!("{unknown} of {} entries are not known to this version", all.len())))
}

/// The folder of the cache, by the environment.
fn folder(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(folder) = variable("SEGMA_CACHE") {
        return (!folder.is_empty()).then(|| folder.into());
    }
    let given = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = given("XDG_CACHE_HOME").or_else(|| given("LOCALAPPDATA"));
    caches.or_else(|| given("HOME").map(|home| home.join(".cache"))).map(|caches| caches.join("segma"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gpu::tuning::{Hold, Shape};

    const TUNING: Tuning = Tuning { hold: Hold::Points(8), stage: true, wide: 2, tiles: 8, bin_bytes: 32 << 10 };
    const SHAPE: Shape = Shape { dims: 16, bits: 40, weighted: false, chunk_tiles: 1000 };

    fn identity() -> Identity {
        let text = String::from;
        Identity {
            adapter: text("A"),
            backend: text("vulkan"),
            driver: text("d"),
            driver_info: text("1.0"),
            int64: true,
            shaders_sha256: digest(),
        }
    }

    fn entry(k: usize) -> Entry {
        Entry { identity: identity(), class: Class::new(&SHAPE, k), tuning: TUNING, pass_seconds: 0.5 }
    }

    fn place() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("deep/segma"));
        (folder, cache)
    }

    #[test]
    fn what_is_kept_is_found_under_every_part_of_its_key_and_no_other() {
        let (_folder, cache) = place();
        assert!(cache.choices(&identity()).0.of(&SHAPE, 8).is_none() && cache.choices(&identity()).1.is_empty());
        cache.keep(&entry(8)).unwrap();
        let (choices, notes) = cache.choices(&identity());
        assert!(notes.is_empty());
        for (shape, k, found) in [
            (SHAPE, 8, true),
            (SHAPE, 5, true),
            (SHAPE, 9, false),
            (Shape { chunk_tiles: 1024, bits: 30, ..SHAPE }, 8, true),
            (Shape { chunk_tiles: 1025, ..SHAPE }, 8, false),
            (Shape { dims: 17, ..SHAPE }, 8, false),
            (Shape { weighted: true, ..SHAPE }, 8, false),
        ] {
            assert_eq!(choices.of(&shape, k), found.then_some(TUNING), "{shape:?} {k}");
        }
        let edits: [fn(&mut Identity); 6] = [
            |i| i.adapter.push('x'),
            |i| i.backend.push('x'),
            |i| i.driver.push('x'),
            |i| i.driver_info.push('x'),
            |i| i.int64 = false,
            |i| i.shaders_sha256 = "0".into(),
        ];
        for edit in edits {
            let mut other = identity();
            edit(&mut other);
            let (choices, notes) = cache.choices(&other);
            assert_eq!((choices.of(&SHAPE, 8), notes), (None, vec![]), "{other:?}");
        }
    }

    #[test]
    fn a_later_entry_takes_the_place_of_an_earlier_one() {
        let (_folder, cache) = place();
        cache.keep(&entry(8)).unwrap();
        cache.keep(&entry(100)).unwrap();
        let later = Entry { tuning: Tuning { wide: 4, ..TUNING }, ..entry(8) };
        cache.keep(&later).unwrap();
        assert_eq!(cache.read(), (vec![entry(100), later], None));
    }

    #[test]
    fn a_file_that_is_broken_costs_a_note_and_is_replaced() {
        let (_folder, cache) = place();
        cache.keep(&entry(8)).unwrap();
        let whole = fs::read_to_string(cache.path()).unwrap();
        let unknown = whole.replace("\"points\": 8", "\"feathers\": 2");
        for (broken, why) in [
            ("", "no JSON"),
            (&whole[..whole.len() / 2], "no JSON"),
            ("{\"schema\": \"segma.model/1\"}", "not a file of schema segma.tuning/1"),
            ("[1, 2]", "not a file of schema"),
            (&unknown, "1 of 1 entries are not known"),
        ] {
            fs::write(cache.path(), broken).unwrap();
            let (choices, notes) = cache.choices(&identity());
            assert_eq!(choices.of(&SHAPE, 8), None, "{broken}");
            assert!(notes[0].text.contains(why) && notes[0].text.contains("tuning.json"), "{notes:?}");
            cache.keep(&entry(8)).unwrap();
            assert_eq!(fs::read_to_string(cache.path()).unwrap(), whole);
        }
    }

    #[test]
    fn those_who_write_at_the_same_time_lose_nothing() {
        let (_folder, cache) = place();
        std::thread::scope(|scope| {
            for k in 0..8 {
                scope.spawn({
                    let cache = &cache;
                    move || cache.keep(&entry(1 << k)).unwrap()
                });
            }
        });
        let (entries, trouble) = cache.read();
        assert_eq!((entries.len(), trouble), (8, None));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_output_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let cache = Cache::at(&folder.path().join("file/segma"));
        for error in [cache.prepare().unwrap_err(), cache.keep(&entry(8)).unwrap_err()] {
            assert_eq!(error.exit_code(), 8, "{error}");
        }
    }

    #[test]
    fn the_folder_is_where_the_environment_says() {
        let root = std::env::temp_dir();
        let path = |name: &str| root.join(name).into_os_string();
        let of = |set: &[(&str, OsString)]| {
            folder(&|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone()))
        };
        let (home, xdg) = (("HOME", path("home")), ("XDG_CACHE_HOME", path("xdg")));
        assert_eq!(of(&[]), None);
        assert_eq!(of(std::slice::from_ref(&home)), Some(root.join("home").join(".cache").join("segma")));
        assert_eq!(of(&[home.clone(), xdg]), Some(root.join("xdg").join("segma")));
        assert_eq!(of(&[home.clone(), ("SEGMA_CACHE", path("here"))]), Some(root.join("here")));
        assert_eq!(of(&[home, ("SEGMA_CACHE", OsString::new())]), None, "empty: none");
    }
}
