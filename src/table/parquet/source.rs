//! The file, read at any place by several threads at the same time.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Bytes read ahead at a time: page headers take some dozen bytes, and larger reads go past this buffer.
const AHEAD: usize = 4_096;

/// A file, or bytes in the place of one.
#[derive(Debug, Clone)]
pub(super) struct Source {
    bytes: Arc<Held>,
    length: u64,
}

#[derive(Debug)]
enum Held {
    File(File),
    #[cfg(test)]
    Memory(Bytes),
}

impl Source {
    pub(super) fn file(file: File, length: u64) -> Self {
        Self { bytes: Arc::new(Held::File(file)), length }
    }

    #[cfg(test)]
    pub(super) fn memory(bytes: &[u8]) -> Self {
        Self { bytes: Arc::new(Held::Memory(Bytes::copy_from_slice(bytes))), length: bytes.len() as u64 }
    }

    /// Bytes in all.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// A reader from `start` on.
    pub(super) fn from(&self, start: u64) -> BufReader<Reader> {
        BufReader::with_capacity(AHEAD, Reader { source: self.clone(), at: start })
    }

    /// Exactly `length` bytes; a length that the file does not have takes no memory.
    pub(super) fn bytes(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        if start.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        Reader { source: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// A reader from some place in the file on; each has its own place.
#[derive(Debug)]
pub(super) struct Reader {
    source: Source,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &*self.source.bytes {
            Held::File(file) => read_at(file, buffer, self.at)?,
            #[cfg(test)]
            Held::Memory(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[at..]).read(buffer)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Source {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.bytes(start, length as u64).map(Bytes::from).map_err(|e| ParquetError::External(Box::new(e)))
    }
}
