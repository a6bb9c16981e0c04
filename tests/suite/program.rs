//! Runs the built program in a folder of its own. Every run is checked: whatever the input, the program never panics.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The example table that the crate ships.
pub(crate) const CUSTOMERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/customers.csv");

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The run itself, if it ended with this exit code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The run itself, if stderr holds all of these.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in: {}", self.stderr);
        }
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in: {}", self.stdout))
    }
}

/// A folder to run in; gone when dropped.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder that holds `customers.csv`.
    pub(crate) fn with_customers() -> Self {
        let place = Self::new();
        std::fs::copy(CUSTOMERS, place.path("customers.csv")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Puts a file in a folder below this one, which is made.
    pub(crate) fn put_in(&self, folder: &str, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(folder)).unwrap();
        self.put(&format!("{folder}/{name}"), bytes);
    }

    #[track_caller]
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The names in a folder below this one, hidden ones too, in order.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(below)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with words as its arguments, separated by spaces.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segma"));
        command.args(words.split_whitespace()).current_dir(self.folder.path()).env_remove("SEGMA_SIMD");
        // A layer of Mesa writes to stderr when it finds no Wayland; it is not ours to test.
        command.env("NODEVICE_SELECT", "1");
        // Nor are the settings of whoever runs the tests.
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        // What was tuned on this machine is not ours to test, nor to change.
        command.env("SEGMA_CACHE", self.folder.path().join("cache"));
        command
    }

    /// Runs the program.
    #[track_caller]
    pub(crate) fn run(&self, words: &str) -> Run {
        checked(self.command(words), words)
    }

    /// Runs the program with an environment variable.
    #[track_caller]
    pub(crate) fn run_under(&self, variable: (&str, &str), words: &str) -> Run {
        let mut command = self.command(words);
        command.env(variable.0, variable.1);
        checked(command, words)
    }

    /// Runs the program with this as its stdout.
    #[track_caller]
    pub(crate) fn run_into(&self, stdout: Stdio, words: &str) -> Run {
        let mut command = self.command(words);
        command.stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take()); // a piped stdout is a closed pipe from here on
        without_panic(child.wait_with_output().unwrap(), words)
    }
}

/// Runs a command of the program.
#[track_caller]
pub(crate) fn checked(mut command: Command, words: &str) -> Run {
    without_panic(command.output().unwrap(), words)
}

#[track_caller]
fn without_panic(output: std::process::Output, words: &str) -> Run {
    let code = output.status.code().unwrap_or_else(|| panic!("segma {words}: ended by a signal"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let run = Run { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    assert_ne!(code, 101, "segma {words}: {}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "segma {words}: {}", run.stderr);
    run
}

/// A `.npy` file of version 1 that holds a row-major array of f32.
pub(crate) fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy_of("<f4", shape, &data)
}

/// A `.npy` file of version 1 of any type.
pub(crate) fn npy_of(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// Whether a file is there, a dangling link included.
pub(crate) fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
