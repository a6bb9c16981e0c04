//! The examples of README.md are what happens: every command runs, and what it shows is what it prints.
//!
//! They run in a shell, so on Unix only.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A command and what the page shows under it.
#[derive(Debug, Default, PartialEq)]
struct Example {
    command: String,
    shown: Option<String>,
}

/// The commands in the fenced blocks of a page. In a `console` block they follow a `$` and show their output, in an `sh`
/// block every line is one.
fn examples(page: &str) -> Vec<Example> {
    let (mut block, mut found) = ("", Vec::<Example>::new());
    for line in page.lines() {
        match (block, line.strip_prefix("```")) {
            ("", Some(kind)) => block = if kind.is_empty() { "plain" } else { kind },
            (_, Some(_)) => block = "",
            ("sh", None) => found.push(Example { command: line.into(), shown: None }),
            ("console", None) => match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Example { command: command.into(), shown: Some(String::new()) }),
                (None, Some(last)) => last.shown.get_or_insert_default().push_str(&format!("{line}\n")),
                (None, None) => panic!("output before any command: {line}"),
            },
            _ => {}
        }
    }
    found
}

/// The command as the tests run it; `None` for what builds or tests segma itself.
fn runnable(command: &str) -> Option<String> {
    let command = command.replace("cargo run --release -- ", "segma ");
    (!command.starts_with("cargo ")).then_some(command)
}

/// A shell in `folder` that finds the program under test as `segma`.
fn run(command: &str, folder: &Path) -> Output {
    let bin = folder.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_segma"), bin.join("segma")).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .env("XDG_CONFIG_HOME", folder)
        .output()
        .unwrap()
}

/// Text without what differs from run to run: the time taken and the engine, and spaces at line ends.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" features in ") {
        Some((before, _)) => format!("{before} features"),
        None => line.trim_end().to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

/// An array `[n x 2]` of f32 as NumPy saves it.
fn npy(n: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 2), }}");
    let header = format!("{header:<117}\n");
    let values = (0..2 * n).flat_map(|i| ((i * 31 % 97) as f32).to_le_bytes());
    b"\x93NUMPY\x01\x00\x76\x00".iter().copied().chain(header.into_bytes()).chain(values).collect()
}

#[test]
fn every_example_does_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    fs::copy(root.join("examples/customers.csv"), folder.path().join("examples/customers.csv")).unwrap();
    fs::write(folder.path().join("x.npy"), npy(500)).unwrap();

    let examples = examples(&fs::read_to_string(root.join("README.md")).unwrap());
    for Example { command, shown } in &examples {
        let Some(runnable) = runnable(command) else { continue };
        let output = run(&runnable, folder.path());
        let (told, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        let fails = shown.as_deref().unwrap_or_default().starts_with("error: ");
        assert_ne!(output.status.success(), fails, "{command}\n{told}{printed}");
        if let Some(shown) = shown {
            assert_eq!(steady(shown), steady(&format!("{told}{printed}")), "{command}");
        }
    }
    for verb in ["fit", "predict", "bench", "devices"] {
        let shows = |e: &Example| e.command.contains(&format!("segma {verb}"));
        assert!(examples.iter().any(shows), "no example of {verb}");
    }
}

#[test]
fn the_library_example_is_the_one_that_the_crate_documents() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap().replace("//! ", "").replace("//!", "");
    let code = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(lib.contains(code), "README.md and src/lib.rs differ:\n{code}");
}

#[test]
fn a_wrong_example_is_seen() {
    let page = "Text\n```console\n$ segma fit x\nFitted 5 customers x 7 features in 0.01 s (cpu (avx2))\n \n$ ls\n```\n```sh\na b\n```\n";
    let found = examples(page);
    let commands: Vec<&str> = found.iter().map(|e| e.command.as_str()).collect();
    assert_eq!(commands, ["segma fit x", "ls", "a b"]);
    let shown = found[0].shown.as_deref().unwrap();
    assert_eq!(steady(shown), steady("Fitted 5 customers x 7 features in 9 s (cpu (neon))\n\n"));
    assert_ne!(steady(shown), steady("Fitted 6 customers x 7 features in 9 s (cpu (neon))\n\n"));
    assert_eq!((found[1].shown.as_deref(), found[2].shown.as_deref()), (Some(""), None));
    assert_eq!(runnable("cargo run --release -- fit x").as_deref(), Some("segma fit x"));
    assert_eq!(runnable("cargo test"), None);
}
