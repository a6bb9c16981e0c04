//! gzip and zstd, told by their first bytes and unpacked while they are read.
//!
//! A thread of its own unpacks ahead, so that the one that finds records has nothing else to do. What it may hold is
//! bounded, whatever the file claims: some blocks here, and the window of the format. All members of a file are
//! read, one after another, and every check sum is compared. A file that ends early or goes on with something else is
//! an error, never a shorter table.

use crate::error::{Error, Place};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes that tell a format.
pub(super) const MARK: usize = 8;

/// Bytes unpacked at a time, and how many such blocks may wait: a few segments of the CSV reader.
const BLOCK: usize = 256 << 10;
const WAITING: usize = 16;

/// Packed bytes read at a time.
const BUFFER: usize = 128 << 10;

/// The largest window of a zstd file, as a power of two: 128 MiB, what `zstd -d` takes without being asked.
const WINDOW_LOG: u32 = 27;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The one that starts with these bytes. A zstd file may also start with a frame to be skipped.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What a reader gives, unpacked.
    pub(super) fn unpack(self, reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let packed = BufReader::with_capacity(BUFFER, reader);
        let unpacked: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Box::new(decoder)
            }
        };
        Ok(Box::new(Ahead::new(self, unpacked)?))
    }

    /// What stopped the decoder, in words; an error of ours or of the system is passed on.
    fn explain(self, error: io::Error) -> io::Error {
        let passed_on = error.raw_os_error().is_some() || error.get_ref().is_some_and(|e| e.is::<Error>());
        if passed_on {
            return error;
        }
        let (name, words) = (self.name(), error.to_string());
        let (message, hint) = if words.contains("too much memory") {
            let message = format!("the {name} data need a window of more than 128 MiB");
            (message, "unpack it first, or pack it again without --long and --ultra".to_owned())
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            (format!("the {name} data end early"), "the file is cut off: copy it or write it again".to_owned())
        } else {
            let hint = format!("the file is damaged, or something follows the packed data: `{name} -t` tests it");
            (format!("the {name} data cannot be unpacked: {words}"), hint)
        };
        io::Error::other(Error::data(Place::default(), message, hint))
    }
}

/// A reader that another thread reads ahead of.
struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of the block that were handed out.
    at: usize,
    ended: bool,
}

impl Ahead {
    fn new(packing: Packing, reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(WAITING);
        thread::Builder::new().name("unpack".into()).spawn(move || send_all(packing, reader, &sender))?;
        Ok(Self { blocks, block: Vec::new(), at: 0, ended: false })
    }
}

/// Sends all that a reader gives, and an empty block at its end; stops when nobody listens any more.
fn send_all(packing: Packing, mut reader: Box<dyn Read + Send>, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let failed = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block).err();
        let last = block.is_empty();
        let failed = failed.map(|e| packing.explain(e));
        // What came before a failure is handed out first.
        let lost = (failed.is_none() || !last) && to.send(Ok(block)).is_err();
        if let (Some(error), false) = (failed, lost) {
            let _ = to.send(Err(error)); // nobody listens
            return;
        }
        if last || lost {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            let next = self.blocks.recv().map_err(|_| io::Error::other("the thread that unpacks it ended"))?;
            (self.block, self.at) = (next?, 0);
            self.ended = self.block.is_empty();
        }
        let read = (&self.block[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
