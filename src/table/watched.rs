//! A reader that says how much of a file was read. It lies under everything that unpacks or decodes, so what it counts are
//! the bytes on the disk, whose number is known beforehand.

use crate::watch::{Far, Unit, Watch};
use std::io::{self, Read};

/// Bytes between two calls: often enough for a bar, too seldom to cost anything.
const STEP: u64 = 1 << 20;

/// A reader that is watched.
#[derive(Debug)]
pub(super) struct Watched<R> {
    inner: R,
    watch: Option<Watch>,
    done: u64,
    told: u64,
    of: u64,
}

impl<R: Read> Watched<R> {
    /// A reader of `of` bytes (0 if that is not known), watched if there is someone to watch.
    pub(super) fn new(inner: R, of: u64, watch: Option<&Watch>) -> Self {
        Self { inner, watch: watch.cloned(), done: 0, told: 0, of }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.done += read as u64;
        let ended = (read == 0 && !buffer.is_empty()) || self.done == self.of;
        if let Some(watch) = &self.watch
            && (ended || self.done - self.told >= STEP)
        {
            self.told = self.done;
            watch.tell(Far { done: self.done, of: self.of, unit: Unit::Bytes });
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_reader_tells_how_far_it_is_and_where_it_ended() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (here, bytes) = (told.clone(), vec![7_u8; 5 << 19]);
        let watch = Watch::new(move |far| here.lock().unwrap().push((far.done, far.of)));
        let mut reader = Watched::new(&bytes[..], 5 << 19, Some(&watch));
        let mut half = vec![0; 1 << 19];
        (0..5).for_each(|_| reader.read_exact(&mut half).unwrap());
        assert_eq!(*told.lock().unwrap(), [(1 << 20, 5 << 19), (2 << 20, 5 << 19), (5 << 19, 5 << 19)]);
    }
}
