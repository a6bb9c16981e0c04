//! The rooms of the house: which file imports from which room, and what may be done where.
//!
//! Sources are read as text, without comments and without what strings hold, so that only code counts.

use std::fs;
use std::path::Path;

/// Each room and the rooms it may import from, beside what these rest on. `cli` belongs to the program and reaches the
/// library from outside, as `segma::`.
const ROOMS: [(&str, &[&str]); 20] = [
    ("error", &[]),
    ("note", &[]),
    ("watch", &[]),
    ("linear", &[]),
    ("store", &["error"]),
    ("matrix", &["store"]),
    ("table", &["store", "watch"]),
    ("features", &["linear", "table", "matrix", "note"]),
    ("engine", &["matrix", "note"]),
    ("kmeans", &["engine"]),
    ("quality", &["linear", "kmeans"]),
    ("model", &["features", "kmeans"]),
    ("checkpoint", &["model"]),
    ("segments", &["model", "quality", "columnar"]),
    ("columnar", &[]),
    ("budget", &["matrix"]),
    ("generate", &["columnar", "error"]),
    ("lib", &[]),
    ("main", &["cli"]),
    ("cli", &[]),
];

/// Whether a room may import from another one.
fn may_import(room: &str, from: &str) -> bool {
    let below = ROOMS.iter().filter(|(name, _)| *name == room).flat_map(|(_, below)| *below);
    below.into_iter().any(|name| *name == from || may_import(name, from))
}

/// A file longer than this is two files.
const MOST_LINES: usize = 500;

/// What reaches a terminal.
const PRINTING: [&str; 5] = ["print!(", "println!(", "dbg!(", "stdout()", "stderr()"];

/// Everything wrong with a file, its path given from `src/` on.
fn offences(path: &str, text: &str) -> Vec<String> {
    let (code, room) = (code(text), room(path));
    let mut found = Vec::new();
    if ROOMS.iter().all(|(name, _)| *name != room) {
        found.push(format!("no room is called {room}"));
    } else {
        let names = imports(&code).into_iter().chain(climbs(path, &code));
        let strangers = names.filter(|name| *name != room && !may_import(room, name));
        found.extend(strangers.map(|name| format!("{room} may not import from {name}")));
    }
    let prints = PRINTING.iter().filter(|p| room != "cli" && code.contains(**p));
    found.extend(prints.map(|p| format!("only cli prints, not {p}")));
    let may = path.starts_with("engine/cpu/") || ["engine/gpu/pipelines.rs", "store.rs"].contains(&path);
    if !may && words(&code).any(|w| w == "unsafe") {
        found.push("unsafe is for SIMD kernels, shader checks and mapped files".into());
    }
    if !text.starts_with("//!") {
        found.push("does not open with //!".into());
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("{lines} lines are over {MOST_LINES}"));
    }
    found
}

/// The room of a file: its folder under `src/`, or its own name.
fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The rooms named right after `crate::`.
fn imports(code: &str) -> Vec<&str> {
    let starts = code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with(is_word));
    starts.flat_map(|(at, path)| names(&code[at + path.len()..])).collect()
}

/// The rooms reached by climbing out of a file's own room with `super::`.
fn climbs<'c>(path: &str, code: &'c str) -> Vec<&'c str> {
    let depth = path.split('/').filter(|part| *part != "mod.rs").count();
    let chain = "super::".repeat(depth);
    let reached = code.match_indices(&chain).flat_map(|(at, _)| names(&code[at + chain.len()..]));
    // In a module inside the file the same chain ends in the room itself, where other names live.
    reached.filter(|name| ROOMS.iter().any(|(room, _)| room == name)).collect()
}

/// How a path goes on: with one name, or with each name at the top of a group in braces.
fn names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else { return vec![first_name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(first_name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c| !is_word(c) && c != '*').unwrap_or(text.len());
    &text[..end]
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c| !is_word(c))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A source without comments, and without what strings and characters hold.
fn code(source: &str) -> String {
    let (mut code, mut rest) = (String::new(), source);
    while let Some(c) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| raw_string(rest)).or_else(|| string(rest)).or_else(|| character(rest));
        code.push(if skipped.is_some() { ' ' } else { c });
        rest = &rest[skipped.unwrap_or(c.len_utf8())..];
    }
    code
}

/// The length of the comment that `text` starts with.
fn comment(text: &str) -> Option<usize> {
    let end = if text.starts_with("//") {
        text.find('\n')
    } else if text.starts_with("/*") {
        text.find("*/").map(|at| at + 2)
    } else {
        return None;
    };
    Some(end.unwrap_or(text.len()))
}

fn raw_string(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('r')?.trim_start_matches('#');
    let hashes = text.len() - 1 - inside.len();
    let inside = inside.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close)?;
    Some(2 + hashes + end + close.len())
}

fn string(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(end? + 2)
}

/// A character, told from a lifetime by its closing quote.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        return inside[2..].find('\'').map(|at| at + 4);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 2)
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn every_file_keeps_to_its_room() {
    let files = sources();
    assert!(files.len() > 50, "only {} files found", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| offences(path, text).into_iter().map(move |o| format!("src/{path}: {o}")))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_is_there_and_none_rests_on_itself() {
    let files = sources();
    for (name, _) in ROOMS {
        assert!(files.iter().any(|(path, _)| room(path) == name), "no room {name}");
        assert!(!may_import(name, name), "{name} rests on itself");
    }
}

#[test]
fn a_file_that_leaves_its_room_is_caught() {
    for (path, line, offence) in [
        ("engine/mod.rs", "use crate::features::Pipeline;", "engine may not import from features"),
        ("engine/cpu/mod.rs", "use crate::{error::{Error, Result}, kmeans::fit};", "engine may not import from kmeans"),
        ("features/scale.rs", "fn f() -> crate::engine::Far {}", "features may not import from engine"),
        ("matrix/frame.rs", "use super::super::table::Table;", "matrix may not import from table"),
        ("error.rs", "use super::note::Note;", "error may not import from note"),
        ("table/mod.rs", "use crate::*;", "table may not import from *"),
        ("kmeans/fit.rs", "fn f() { println!(\"x\") }", "only cli prints, not println!("),
        ("model.rs", "fn f() { std::io::stdout().lock(); }", "only cli prints, not stdout()"),
        ("matrix/mod.rs", "fn f() { unsafe { g() } }", "unsafe is for SIMD kernels, shader checks and mapped files"),
        ("plot/mod.rs", "", "no room is called plot"),
    ] {
        assert_eq!(offences(path, &format!("//! A file.\n\n{line}\n")), [offence], "{line}");
    }
    assert_eq!(offences("note.rs", "use std::fmt;\n"), ["does not open with //!"]);
    assert_eq!(offences("note.rs", &"//! A line.\n".repeat(501)), ["501 lines are over 500"]);
}

#[test]
fn comments_and_strings_are_no_code() {
    for line in [
        "// use crate::table::Table; unsafe",
        "/* println!(\"unsafe\") */",
        "const A: &str = \"crate::table \\\" unsafe\";",
        "const A: &str = r#\"\"unsafe\"\"#;",
        "const A: [char; 3] = ['\"', '\\'', '\\u{22}']; // unsafe",
        "fn f<'a>(x: &'a str) -> &'a str { x } // it's unsafe",
    ] {
        assert_eq!(offences("error.rs", &format!("//! A file.\n{line}\n")), [""; 0], "{line}");
    }
    let after = "const A: char = '\"'; fn f() { unsafe { g() } }";
    assert_eq!(offences("error.rs", &format!("//! A file.\n{after}\n")).len(), 1);
}
