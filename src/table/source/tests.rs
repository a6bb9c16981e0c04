//! Patterns, what is packed, and files that change.

use super::*;
use std::io::Write;

fn place(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|name| std::fs::write(dir.path().join(name), "a\n1\n").unwrap());
    dir
}

#[test]
fn a_pattern_names_files_in_the_order_of_their_names() {
    let dir = place(&["b.csv", "a.csv", ".c.csv", "10.csv", "x.txt"]);
    let names = |pattern: &str| -> Vec<String> {
        let found = expand(&[dir.path().join(pattern)]).unwrap();
        found.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("*.csv"), ["10.csv", "a.csv", "b.csv"]);
    assert_eq!(names("[ab].*"), ["a.csv", "b.csv"]);
    assert_eq!(names("no.csv"), ["no.csv"], "what is no pattern is not looked for");
}

#[test]
fn a_file_whose_name_is_a_pattern_is_that_file() {
    let dir = place(&["a*.csv", "ab.csv"]);
    assert_eq!(expand(&[dir.path().join("a*.csv")]).unwrap(), [dir.path().join("a*.csv")]);
}

#[test]
fn a_pattern_without_a_file_is_refused() {
    let dir = place(&[]);
    for (pattern, says) in [("*.csv", "*.csv: no file matches this pattern"), ("a[.csv", "nor a pattern")] {
        let error = expand(&[dir.path().join(pattern)]).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_file_named_twice_is_refused() {
    let dir = place(&["a.csv"]);
    let (plain, pattern) = (dir.path().join("a.csv"), dir.path().join("*.csv"));
    for paths in [[plain.clone(), plain.clone()], [plain, pattern], ["-".into(), "-".into()]] {
        let error = expand(&paths).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("is given twice: its rows would count double"), "{error}");
    }
}

#[test]
fn a_file_that_was_written_to_is_told() {
    let dir = place(&["a.csv", "b.csv"]);
    let (path, other) = (dir.path().join("a.csv"), dir.path().join("b.csv"));
    let told = |input: &Input| {
        let message = input.unchanged().unwrap_err().to_string();
        assert!(message.contains("a.csv: changed while it was read"), "{message}");
    };
    let input = Input::new(&path).unwrap();
    input.unchanged().unwrap();
    File::options().append(true).open(&path).unwrap().write_all(b"2\n").unwrap();
    told(&input);
    assert!(input.file().is_err(), "it is not read again either");
    let input = Input::new(&path).unwrap();
    std::fs::rename(&other, &path).unwrap();
    told(&input);
}

#[test]
fn a_stream_is_read_as_often_as_needed() {
    let bytes: Vec<u8> = (0..100_000).map(|i| b"abc\n"[i % 4]).collect();
    let stream = Stream::new(Box::new(io::Cursor::new(bytes.clone())), "x").unwrap();
    assert_eq!(stream.head, bytes[..packed::MARK]);
    for _ in 0..3 {
        let mut read = Vec::new();
        stream.reader("x").unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }
    let stream = Stream::new(Box::new(io::Cursor::new(bytes.clone())), "x").unwrap();
    let (mut file, length) = stream.file("x").unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == bytes && length == bytes.len() as u64);
}
