//! What can be read only once, kept in an unnamed temporary file while it is read.
//!
//! Reading and keeping go together, not one after the other: what is wrong with the first bytes is told at once, however
//! much would follow, and a device that never ends does not fill the disk first.

use super::{packed, unreadable};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::sync::{Mutex, PoisonError};

type Reader = Box<dyn Read + Send>;

/// A pipe, a socket or a device.
pub(super) struct Stream {
    /// Its first bytes, at least [`packed::MARK`] if there are as many.
    pub(super) head: Vec<u8>,
    /// All of it, until it is read.
    whole: Mutex<Option<Reader>>,
    /// What was read of it.
    kept: File,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Stream {
    /// A stream of which nothing was read yet; `source` names it in messages.
    pub(super) fn new(mut reader: Reader, source: &str) -> Result<Self> {
        let mut head = Vec::with_capacity(packed::MARK);
        reader.by_ref().take(packed::MARK as u64).read_to_end(&mut head).map_err(|e| unreadable(source, &e))?;
        let whole: Reader = Box::new(Cursor::new(head.clone()).chain(reader));
        let kept = tempfile::tempfile().map_err(|e| unkept(&e))?;
        Ok(Self { head, whole: Mutex::new(Some(whole)), kept })
    }

    /// A reader from the beginning on. The first one reads the stream itself and must come to its end before the next.
    pub(super) fn reader(&self, source: &str) -> Result<Reader> {
        let kept = self.kept.try_clone().map_err(|e| unreadable(source, &e))?;
        let first = self.whole.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(match first {
            Some(stream) => Box::new(Keeping { stream, kept }),
            None => Box::new(from_the_start(kept, source)?.0),
        })
    }

    /// All of it as a file, and its length.
    pub(super) fn file(&self, source: &str) -> Result<(File, u64)> {
        let mut reader = self.reader(source)?;
        io::copy(&mut reader, &mut io::sink()).map_err(|e| match e.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => unreadable(source, &error),
        })?;
        from_the_start(self.kept.try_clone().map_err(|e| unreadable(source, &e))?, source)
    }
}

fn from_the_start(mut file: File, source: &str) -> Result<(File, u64)> {
    let length = file.metadata().and_then(|about| file.rewind().map(|()| about.len()));
    length.map(|length| (file, length)).map_err(|e| unreadable(source, &e))
}

/// A reader that keeps what it reads.
struct Keeping {
    stream: Reader,
    kept: File,
}

impl Read for Keeping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.kept.write_all(&buffer[..read]).map_err(|e| io::Error::other(unkept(&e)))?;
        Ok(read)
    }
}

/// The temporary file cannot be written.
fn unkept(error: &io::Error) -> Error {
    let place = std::env::temp_dir();
    let why = "what comes through a pipe is kept in a temporary file, for it may be read twice";
    Error::output(&place, format!("{error}: {why}; make room there, or set TMPDIR to a folder with room"))
}
