//! Where large pieces of data lie: in memory, and beyond some room in a temporary file that is mapped into memory.
//!
//! Tables and points are written once, piece by piece, and then only read, so a piece is written to the file as it is and read
//! through the mapping: the system keeps in memory what fits and reads the rest again when it is wanted. The file has no name
//! from the start, so nothing is left behind however the process ends. Which piece lies where cannot be seen in any result.
//!
//! Pieces go out by ordinary writes and not through the mapping, because a full disk is then an error and not a signal. For
//! the same reason the mapping is only ever read.

use crate::error::{Error, Result};
use bytemuck::Pod;
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that the file grows by, and that are mapped at once: few mappings, however large the file.
const PART: u64 = 1 << 28;

/// Pieces begin at multiples of this: a page, so that points start at a cache line and mappings where they may.
const PAGE: u64 = 4096;

/// Some bytes that do not change any more.
#[derive(Debug, Clone)]
pub struct Bytes(Lying);

#[derive(Debug, Clone)]
enum Lying {
    InMemory(Box<[u8]>),
    InFile(Arc<Mmap>, Range<usize>),
}

impl Bytes {
    /// Whether they lie in memory of their own.
    pub(crate) fn in_memory(&self) -> bool {
        matches!(self.0, Lying::InMemory(_))
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Lying::InMemory(bytes.into()))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Lying::InMemory(bytes) => bytes,
            Lying::InFile(map, range) => &map[range.clone()],
        }
    }
}

/// Values of one kind that do not change any more, in memory or in the file.
#[derive(Debug, Clone)]
pub struct Values<T>(Where<T>);

#[derive(Debug, Clone)]
enum Where<T> {
    InMemory(Vec<T>),
    InFile(Bytes),
}

impl<T: Pod> Values<T> {
    /// Those of a piece that begins at a page.
    pub(crate) fn in_file(piece: Bytes) -> Self {
        Self(Where::InFile(piece))
    }
}

impl<T: Pod> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Where::InMemory(values) => values,
            Where::InFile(bytes) => bytemuck::cast_slice(bytes), // it begins at a page
        }
    }
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Where::InMemory(values))
    }
}

impl<T: Pod> AsRef<[T]> for Values<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Pod + PartialEq, V: AsRef<[T]>> PartialEq<V> for Values<T> {
    fn eq(&self, other: &V) -> bool {
        **self == *other.as_ref()
    }
}

impl<T: Pod + Eq> Eq for Values<T> {}

/// A place for pieces of data. The default one keeps all of them in memory.
#[derive(Debug, Clone, Default)]
pub struct Store(Option<Arc<Mutex<Room>>>);

#[derive(Debug)]
struct Room {
    /// Bytes that may still be taken in memory.
    left: u64,
    taken: u64,
    /// Whether a file that cannot be written is an error; else memory is taken, too.
    strict: bool,
    folder: PathBuf,
    file: Option<Arc<File>>,
    /// The part of the file that is filled now, where it begins and ends in the file, and what of it is free.
    part: Option<Arc<Mmap>>,
    begin: u64,
    free: u64,
    end: u64,
    /// Bytes that went to the file.
    filed: u64,
}

impl Store {
    /// A store that takes `room` bytes in memory and the rest in a file of the system's folder for temporary files.
    /// Where that cannot be written, memory is taken all the same unless the store is `strict`.
    #[must_use]
    pub fn new(room: u64, strict: bool) -> Self {
        Self::in_folder(std::env::temp_dir(), room, strict)
    }

    /// As [`Store::new`], with the folder of the file.
    #[must_use]
    pub fn in_folder(folder: PathBuf, room: u64, strict: bool) -> Self {
        let room =
            Room { left: room, taken: 0, strict, folder, file: None, part: None, begin: 0, free: 0, end: 0, filed: 0 };
        Self(Some(Arc::new(Mutex::new(room))))
    }

    /// Bytes that lie in the file.
    #[must_use]
    pub fn in_file(&self) -> u64 {
        self.room().map_or(0, |room| room.filed)
    }

    /// Bytes that were taken in memory.
    #[must_use]
    pub fn in_memory(&self) -> u64 {
        self.room().map_or(0, |room| room.taken)
    }

    /// Bytes that may still be taken in memory.
    pub(crate) fn left(&self) -> u64 {
        self.room().map_or(u64::MAX, |room| room.left)
    }

    /// Whether so many bytes may still be taken in memory.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        bytes <= self.left()
    }

    /// Takes so many bytes of the room in memory, all or none; whether they were there. They are not given back.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let Some(mut room) = self.room() else { return true };
        let fits = bytes <= room.left;
        let taken = if fits { bytes } else { 0 };
        (room.left, room.taken) = (room.left - taken, room.taken + taken);
        fits
    }

    /// Keeps a piece: where it lies already, in memory if it fits, else in the file.
    pub(crate) fn keep(&self, bytes: Bytes) -> Result<Bytes> {
        if !bytes.in_memory() || self.take(bytes.len() as u64) {
            return Ok(bytes);
        }
        Ok(self.join(&[&bytes])?.unwrap_or(bytes))
    }

    /// Keeps values: in memory if they fit, else in the file.
    pub(crate) fn keep_values<T: Pod>(&self, values: Vec<T>) -> Result<Values<T>> {
        let bytes: &[u8] = bytemuck::cast_slice(&values);
        if self.take(bytes.len() as u64) {
            return Ok(values.into());
        }
        Ok(self.join(&[bytes])?.map_or_else(|| values.into(), Values::in_file))
    }

    /// Writes pieces to the file, one after another as one; `None` if that fails and memory may be taken instead.
    pub(crate) fn join(&self, pieces: &[&[u8]]) -> Result<Option<Bytes>> {
        self.fill(pieces.iter().map(|piece| piece.len()).sum(), |space| {
            let mut place = 0;
            pieces.iter().try_for_each(|piece| {
                space.write(place, piece)?;
                place += piece.len();
                Ok(())
            })
        })
    }

    /// Makes a piece of the file, of which `fill` writes every byte; `None` if that fails and memory may be taken instead.
    pub(crate) fn fill(&self, length: usize, fill: impl FnOnce(&Space) -> io::Result<()>) -> Result<Option<Bytes>> {
        let Some(space) = self.room().map(|mut room| room.space(length)) else { return Ok(None) };
        match space.and_then(|space| fill(&space).map(|()| space.finish())) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => match self.room() {
                Some(room) if room.strict => Err(full(&room.folder, &error)),
                Some(mut room) => {
                    room.left = u64::MAX; // the folder is not asked again
                    Ok(None)
                }
                None => Ok(None),
            },
        }
    }

    fn room(&self) -> Option<MutexGuard<'_, Room>> {
        self.0.as_ref().map(|room| room.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn full(folder: &Path, error: &io::Error) -> Error {
    let folder = folder.display();
    Error::Memory(format!(
        "what does not fit in memory cannot be kept in a temporary file in {folder}: {error}; name a folder with room in TMPDIR, or allow more --memory"
    ))
}

impl Room {
    fn space(&mut self, length: usize) -> io::Result<Space> {
        let taken = (length as u64).next_multiple_of(PAGE);
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.file.insert(Arc::new(tempfile::tempfile_in(&self.folder)?)).clone(),
        };
        let part = match &self.part {
            Some(part) if self.free + taken <= self.end => part.clone(),
            _ => {
                // All or nothing: what fails leaves the store as it was.
                let (begin, end) = (self.end, self.end + PART.max(taken));
                file.set_len(end)?;
                let part = Arc::new(map(&file, begin..end)?);
                (self.begin, self.free, self.end) = (begin, begin, end);
                self.part.insert(part).clone()
            }
        };
        let (begin, at) = (self.begin, self.free);
        (self.free, self.filed) = (self.free + taken, self.filed + taken);
        Ok(Space { file, part, begin, at, length })
    }
}

/// Maps a part of the file for reading.
#[expect(unsafe_code, reason = "a mapped file is the only way to read more than memory holds as if it were there")]
fn map(file: &File, part: Range<u64>) -> io::Result<Mmap> {
    let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    // SAFETY: the file has no name and its handle never leaves this store, so no other process can cut or change it; this one
    // never makes it shorter, and writes a piece only before anybody reads it.
    unsafe { MmapOptions::new().offset(part.start).len(length).map(file) }
}

/// A piece of the file in the making.
#[derive(Debug)]
pub(crate) struct Space {
    file: Arc<File>,
    part: Arc<Mmap>,
    /// Where the part begins in the file, and where the piece.
    begin: u64,
    at: u64,
    length: usize,
}

impl Space {
    /// Writes bytes at a place in the piece; several threads may, each at its own.
    pub(crate) fn write(&self, place: usize, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(place + bytes.len() <= self.length, "a piece is written within its bounds");
        write_at(&self.file, bytes, self.at + place as u64)
    }

    /// The piece, now that it is written.
    pub(crate) fn finish(self) -> Bytes {
        let from = usize::try_from(self.at - self.begin).unwrap_or(usize::MAX); // it is mapped, so it fits
        Bytes(Lying::InFile(self.part, from..from + self.length))
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        (bytes, at) = (&bytes[written..], at + written as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(i: usize) -> Vec<u8> {
        (0..i * 37 % 9000).map(|j| u8::try_from((i + j) % 251).unwrap()).collect()
    }

    #[test]
    fn pieces_come_back_wherever_they_lie() {
        for room in [0, 20_000, u64::MAX] {
            let store = Store::new(room, true);
            let kept: Vec<Bytes> = (0..200).map(|i| store.keep(piece(i).into()).unwrap()).collect();
            assert!(kept.iter().enumerate().all(|(i, bytes)| bytes[..] == piece(i)));
            let held: u64 = kept.iter().filter(|bytes| bytes.in_memory()).map(|bytes| bytes.len() as u64).sum();
            assert!(held <= room);
            assert_eq!(store.in_file() == 0, room == u64::MAX);
        }
    }

    #[test]
    fn values_come_back_wherever_they_lie() {
        let values: Vec<u32> = (0..70_001).map(|i| i * 7_919).collect();
        let [here, there] = [u64::MAX, 0].map(|room| Store::new(room, true).keep_values(values.clone()).unwrap());
        assert!(matches!((&here.0, &there.0), (Where::InMemory(_), Where::InFile(_))));
        assert!(here[..] == values && here == there && Values::<u32>::default().is_empty());
    }

    #[test]
    fn a_piece_longer_than_a_part_is_in_one_piece() {
        let store = Store::new(0, true);
        let first = store.keep(piece(5).into()).unwrap();
        let length = usize::try_from(PART).unwrap() + 5;
        let long = store.fill(length, |space| space.write(length - 3, &[1, 2, 3])).unwrap().unwrap();
        let last = store.keep(piece(7).into()).unwrap();
        assert_eq!((long.len(), &long[length - 3..]), (length, &[1, 2, 3][..]));
        assert_eq!((&first[..], &last[..]), (&piece(5)[..], &piece(7)[..]));
        assert!(long.as_ptr().align_offset(64) == 0 && last.as_ptr().align_offset(64) == 0);
    }

    #[test]
    fn without_a_file_a_strict_store_fails_and_another_takes_memory() {
        let nowhere = || PathBuf::from("/nowhere/at/all");
        let error = Store::in_folder(nowhere(), 0, true).keep(piece(9).into()).unwrap_err();
        assert!(error.to_string().contains("TMPDIR") && error.exit_code() == 7, "{error}");
        let store = Store::in_folder(nowhere(), 0, false);
        assert!(store.keep(piece(9).into()).unwrap().in_memory() && store.has_room(u64::MAX));
    }

    #[test]
    fn a_piece_that_cannot_be_mapped_leaves_the_others_as_they_are() {
        for strict in [false, true] {
            let store = Store::new(0, strict);
            let first = store.keep(piece(5).into()).unwrap();
            let failed = store.fill(usize::MAX / 4, |_| Ok(()));
            assert!(if strict { failed.is_err() } else { failed.unwrap().is_none() });
            let (next, last) = (store.keep(piece(7).into()).unwrap(), store.keep(piece(9).into()).unwrap());
            assert!(next.in_memory() != strict && last.in_memory() != strict);
            assert_eq!((&first[..], &next[..], &last[..]), (&piece(5)[..], &piece(7)[..], &piece(9)[..]));
        }
    }

    #[test]
    fn the_default_store_takes_memory() {
        assert!(Store::default().keep(piece(9).into()).unwrap().in_memory());
        assert!(Store::default().take(u64::MAX));
    }
}
