//! What a table is read from: a file, standard input, a pipe.
//!
//! A table may be read twice (a column that turns out to hold texts is read again as text), and some formats are read at
//! any place. So what comes only once is written to an unnamed temporary file while it is read; such a file is gone
//! with the process, however that ends. Regular files are read where they are, and looked at again at the end: one
//! that somebody wrote to meanwhile holds a mixture of two tables.
//!
//! - `packed`: gzip and zstd, unpacked on the way
//! - `paths`: patterns such as `data/*.csv`
//! - `stream`: what can be read only once

mod packed;
mod paths;
mod stream;
#[cfg(test)]
mod tests;

pub use paths::expand;

use super::watched::Watched;
use crate::error::{Error, Place, Result, escaped};
use crate::watch::Watch;
use packed::Packing;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use stream::Stream;

/// The path that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// How standard input is called in messages.
const CALLED: &str = "standard input";

/// Something that a table is read from.
#[derive(Debug)]
pub(super) struct Input {
    /// How messages call it.
    pub(super) name: String,
    body: Body,
}

/// A kind of file that holds tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, maybe packed.
    Csv,
    Parquet,
    Npy,
}

#[derive(Debug)]
enum Body {
    /// A regular file, and what was known of it when it was first looked at.
    File { path: PathBuf, seen: Seen },
    /// A regular file in the place of standard input.
    Redirected { file: File, seen: Seen },
    /// What comes only once.
    Stream(Stream),
}

/// What tells whether a file was written to.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    identity: (u64, u64),
}

impl Seen {
    fn new(about: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            length: about.len(),
            modified: about.modified().ok(),
            #[cfg(unix)]
            identity: (about.dev(), about.ino()),
        }
    }
}

/// Bytes to read CSV from, already unpacked.
pub(super) struct Text {
    pub(super) reader: Box<dyn Read + Send>,
    /// What they were unpacked from, in a word.
    pub(super) packed: Option<&'static str>,
}

impl Input {
    /// Looks at a path; `-` is standard input.
    pub(super) fn new(path: &Path) -> Result<Self> {
        if path == Path::new(STANDARD_INPUT) || path == Path::new("/dev/stdin") {
            return Self::standard();
        }
        let name = path.display().to_string();
        let about = look(path, &name)?;
        let body = if about.is_file() {
            Body::File { path: path.to_owned(), seen: Seen::new(&about) }
        } else {
            let file = File::open(path).map_err(|e| unreadable(&name, &e))?;
            Body::Stream(Stream::new(Box::new(file), &name)?)
        };
        Ok(Self { name, body })
    }

    fn standard() -> Result<Self> {
        let body = match redirected() {
            Some(file) => {
                let about = file.metadata().map_err(|e| unreadable(CALLED, &e))?;
                Body::Redirected { file, seen: Seen::new(&about) }
            }
            None => Body::Stream(Stream::new(Box::new(io::stdin()), CALLED)?),
        };
        Ok(Self { name: CALLED.to_owned(), body })
    }

    /// What it holds: told by the ending of a file's name, and by the first bytes of what has none.
    pub(super) fn format(&self) -> Result<Format> {
        let Body::File { path, .. } = &self.body else { return Ok(by_mark(&self.head()?)) };
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        Ok(match ending.as_str() {
            "npy" => Format::Npy,
            "parquet" | "pq" | "parq" => Format::Parquet,
            _ => Format::Csv,
        })
    }

    /// A reader from the beginning on; what it reads is unpacked if it is packed. The watch is told of bytes on the disk.
    pub(super) fn text(&self, watch: Option<&Watch>) -> Result<Text> {
        let packing = Packing::of(&self.head()?);
        let reader: Box<dyn Read + Send> = match &self.body {
            Body::Stream(stream) => Box::new(Watched::new(stream.reader(&self.name)?, self.length(), watch)),
            _ => Box::new(Watched::new(self.file()?.0, self.length(), watch)),
        };
        let reader = match packing {
            Some(packing) => packing.unpack(reader).map_err(|e| unreadable(&self.name, &e))?,
            None => reader,
        };
        Ok(Text { reader, packed: packing.map(Packing::name) })
    }

    /// Bytes on the disk; 0 of what comes only once.
    pub(super) fn length(&self) -> u64 {
        match &self.body {
            Body::File { seen, .. } | Body::Redirected { seen, .. } => seen.length,
            Body::Stream(_) => 0,
        }
    }

    /// A file that can be read at any place, and its length.
    pub(super) fn file(&self) -> Result<(File, u64)> {
        let fail = |e: io::Error| unreadable(&self.name, &e);
        match &self.body {
            Body::File { path, seen } => {
                let file = File::open(path).map_err(fail)?;
                self.compare(seen, &file.metadata().map_err(fail)?)?;
                Ok((file, seen.length))
            }
            Body::Redirected { file, seen } => {
                let mut file = file.try_clone().map_err(fail)?;
                file.rewind().map_err(fail)?;
                Ok((file, seen.length))
            }
            Body::Stream(stream) => stream.file(&self.name),
        }
    }

    /// Refuses a file that was written to, or replaced, since it was first looked at.
    pub(super) fn unchanged(&self) -> Result<()> {
        match &self.body {
            Body::File { path, seen } => self.compare(seen, &look(path, &self.name)?),
            Body::Redirected { file, seen } => {
                self.compare(seen, &file.metadata().map_err(|e| unreadable(&self.name, &e))?)
            }
            Body::Stream(_) => Ok(()),
        }
    }

    fn compare(&self, seen: &Seen, now: &Metadata) -> Result<()> {
        if *seen == Seen::new(now) {
            return Ok(());
        }
        let hint =
            "what was read may be half of the old table and half of the new: wait until it is written, and run again";
        Err(Error::data(Place::file(&self.name), "changed while it was read", hint))
    }

    /// The first bytes, fewer than [`packed::MARK`] only where there are no more.
    fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::with_capacity(packed::MARK);
        match &self.body {
            Body::Stream(stream) => return Ok(stream.head.clone()),
            _ => self.file()?.0.take(packed::MARK as u64).read_to_end(&mut head),
        }
        .map_err(|e| unreadable(&self.name, &e))?;
        Ok(head)
    }
}

fn by_mark(head: &[u8]) -> Format {
    match head {
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Format::Npy,
        _ => Format::Csv,
    }
}

/// Standard input, if it is a regular file from its beginning on.
#[cfg(unix)]
fn redirected() -> Option<File> {
    use std::os::fd::AsFd;
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    (file.metadata().ok()?.is_file() && file.stream_position().ok()? == 0).then_some(file)
}

/// Elsewhere standard input is always read as it comes.
#[cfg(not(unix))]
fn redirected() -> Option<File> {
    None
}

/// Opens a regular file and says how long it is.
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    let source = path.display().to_string();
    let about = look(path, &source)?;
    if !about.is_file() {
        let hint = "save what it gives to a file, and give that";
        return Err(Error::data(Place::file(source), "this is not a regular file", hint));
    }
    let file = File::open(path).map_err(|e| unreadable(&source, &e))?;
    Ok((file, about.len()))
}

/// What is at a path, if it is no directory.
fn look(path: &Path, source: &str) -> Result<Metadata> {
    let about = fs::metadata(path).map_err(|e| unreadable(source, &e))?;
    if about.is_dir() {
        let every = escaped(&path.join("*.csv").to_string_lossy());
        let hint = format!("give a file inside it, or all of them with a pattern: '{every}'");
        return Err(Error::data(Place::file(source), "this is a directory", hint));
    }
    Ok(about)
}

/// A file that the operating system does not let us read, in its own words.
pub(super) fn unreadable(source: &str, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check the path and the working directory",
        io::ErrorKind::PermissionDenied => "check that you may read the file and enter its directories",
        _ => "",
    };
    Error::data(Place::file(source), format!("cannot read: {error}"), hint)
}

/// Why reading stopped at a place: an error of ours on its way through a reader, or one of the system.
pub(super) fn stopped(error: io::Error, place: Place) -> Error {
    match error.downcast::<Error>() {
        Ok(Error::Data { message, hint, .. }) => Error::data(place, message, hint),
        Ok(ours) => ours,
        Err(error) => {
            let hint = "check the disk or the connection, and read it again";
            Error::data(place, format!("cannot read on: {error}"), hint)
        }
    }
}
