//! The labels of every set on one device: a buffer for each group of sets and chunk, as wide as the set with most clusters
//! needs; behind the labels of a set the slack of its tiles (see `prune.wgsl`), a word each.
//!
//! One width for all sets, because they share buffers, strides and kernels: a width of its own for each set would need
//! either another kernel for some sets of a run or a shift looked up for every point, and gain only where sets of up to 255
//! clusters share a batch with larger ones. It is found when a pass asks for it: at first labels take a byte, which is
//! widened when a set comes that needs more.

use super::super::device::Held;
use super::super::plan::sets_a_binding;
use super::super::record::Words;
use super::travel::Travel;
use super::{Part, TILE};
use crate::engine::NO_LABEL;
use crate::engine::width::Width;
use crate::error::Result;

/// A buffer for each group of sets and chunk.
#[derive(Default)]
pub(super) struct Labels {
    pub(super) sets_a_group: usize,
    pub(super) groups: Vec<Vec<Held>>,
    /// Whether no point has one yet.
    blank: bool,
}

/// Where a label is: its chunk, the word of its set's buffer there, and the place in that word.
struct Place {
    chunk: usize,
    word: u64,
    place: u32,
}

impl Part<'_> {
    /// Forgets all labels and makes room for `sets` sets.
    pub(in crate::engine::gpu) fn open(&mut self, sets: usize) -> Result<()> {
        self.changed = vec![None; sets];
        self.kernels.forget();
        self.travels.clear();
        self.travels.resize_with(sets, Travel::default);
        self.make_labels(Width::default())
    }

    /// Makes room for labels of this width, of which there are none yet.
    fn make_labels(&mut self, width: Width) -> Result<()> {
        self.labels = Labels::default();
        self.kernels.widen(width);
        self.labels = self.with_room(|part| part.new_labels())?;
        for labels in self.labels.groups.iter().flatten() {
            self.ring.fill(&self.gpu.device, labels, u8::MAX)?;
        }
        Ok(())
    }

    fn new_labels(&self) -> Result<Labels> {
        let (sets, limits) = (self.changed.len(), &self.gpu.device.limits);
        let sets_a_group = sets_a_binding(self.chunk_tiles, self.kernels.width(), limits).min(sets.max(1));
        let bytes = (sets_a_group * self.set_words() * size_of::<u32>()) as u64;
        let group = || self.chunks.iter().map(|_| self.gpu.device.buffer("segma.labels", bytes)).collect();
        let groups = (0..sets.div_ceil(sets_a_group)).map(|_| group()).collect::<Result<_>>()?;
        Ok(Labels { sets_a_group, groups, blank: true })
    }

    /// Lets every set have up to `k` clusters.
    pub(super) fn widen(&mut self, k: usize) -> Result<()> {
        let wanted = Width::of(k);
        if wanted > self.kernels.width() {
            let mut kept = Vec::new();
            if !self.labels.blank {
                kept.resize_with(self.changed.len(), Vec::new);
                kept.iter_mut().enumerate().try_for_each(|(set, labels)| self.labels(set, labels))?;
            }
            self.make_labels(wanted)?;
            for (set, labels) in kept.iter().enumerate() {
                self.write_labels(set, labels)?;
            }
        }
        self.labels.blank = false;
        Ok(())
    }

    /// Words of a set in its buffer: its labels, then its tiles' slack.
    fn set_words(&self) -> usize {
        self.kernels.width().set_words(self.chunk_tiles)
    }

    /// The first word of the slack of a set in its buffers.
    fn first_slack(&self, set: usize) -> u64 {
        self.of_set(set).1 + self.kernels.width().words(self.chunk_tiles * TILE) as u64
    }

    /// Takes all slack from the tiles of a set.
    pub(super) fn forget_slack(&mut self, set: usize) -> Result<()> {
        let first = self.first_slack(set);
        self.travels[set] = Travel::default();
        for (chunk, buffer) in self.chunks.iter().zip(&self.labels.groups[set / self.labels.sets_a_group]) {
            let none = vec![u8::MAX; chunk.tiles * size_of::<u32>()];
            self.ring.write_at(&self.gpu.device, buffer, first * 4, &none)?;
        }
        Ok(())
    }

    /// The buffers of a set, chunk by chunk, and its first word in them.
    fn of_set(&self, set: usize) -> (&[Held], u64) {
        let Labels { sets_a_group, groups, .. } = &self.labels;
        (&groups[set / sets_a_group], (set % sets_a_group * self.set_words()) as u64)
    }

    /// Gives one point another label.
    pub(in crate::engine::gpu) fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.widen(label as usize + 1)?;
        let at = self.place(set, row);
        let word = self.kernels.width().put(self.word(set, &at)?, at.place, label);
        let (device, buffer) = (&self.gpu.device, &self.of_set(set).0[at.chunk]);
        let slack = self.first_slack(set) + (row / TILE - self.chunks[at.chunk].first_tile) as u64;
        device.write(buffer, slack * 4, &u32::MAX.to_ne_bytes())?;
        device.write(buffer, at.word * 4, &word.to_ne_bytes())
    }

    /// The label of one point.
    pub(in crate::engine::gpu) fn label(&mut self, set: usize, row: usize) -> Result<u32> {
        let at = self.place(set, row);
        Ok(self.kernels.width().take(self.word(set, &at)?, at.place))
    }

    fn word(&mut self, set: usize, at: &Place) -> Result<u32> {
        let Labels { sets_a_group, groups, .. } = &self.labels;
        let buffer = &groups[set / sets_a_group][at.chunk];
        let mut word = NO_LABEL;
        self.recorder.read(&[Words { buffer, first: at.word, count: 1 }], |words| word = words[0])?;
        Ok(word)
    }

    fn place(&self, set: usize, row: usize) -> Place {
        let chunk = self.chunks.partition_point(|c| c.first_tile * TILE <= row) - 1;
        let (row, to_a_word) = (row - self.chunks[chunk].first_tile * TILE, self.kernels.width().to_a_word());
        #[expect(clippy::cast_possible_truncation, reason = "at most three")]
        let place = (row % to_a_word) as u32;
        Place { chunk, word: self.of_set(set).1 + (row / to_a_word) as u64, place }
    }

    /// Appends the labels of a set.
    pub(in crate::engine::gpu) fn labels(&mut self, set: usize, all: &mut Vec<u32>) -> Result<()> {
        let (width, first) = (self.kernels.width(), self.of_set(set).1);
        let group = &self.labels.groups[set / self.labels.sets_a_group];
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let mut left = chunk.points;
            let source = Words { buffer, first, count: width.words(left) as u64 };
            self.recorder.read(&[source], |words| {
                let count = left.min(words.len() * width.to_a_word());
                width.unpack(words, count, all);
                left -= count;
            })?;
        }
        Ok(())
    }

    /// Gives the points of a set these labels, of which the first belongs to the first point here; gives the rest back.
    pub(in crate::engine::gpu) fn set_labels<'l>(&mut self, set: usize, labels: &'l [u32]) -> Result<&'l [u32]> {
        let (own, rest) = labels.split_at(self.points());
        self.widen(own.iter().filter(|&&label| label != NO_LABEL).max().map_or(1, |&most| most as usize + 1))?;
        self.write_labels(set, own)?;
        self.forget_slack(set)?;
        Ok(rest)
    }

    fn write_labels(&mut self, set: usize, labels: &[u32]) -> Result<()> {
        let (width, first) = (self.kernels.width(), self.of_set(set).1);
        let group = &self.labels.groups[set / self.labels.sets_a_group];
        let mut rest = labels;
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let (part, after) = rest.split_at(chunk.points);
            let words = width.pack(part);
            self.ring.write_at(&self.gpu.device, buffer, first * 4, bytemuck::cast_slice(&words))?;
            rest = after;
        }
        Ok(())
    }
}

const _: () = assert!(NO_LABEL == u32::MAX, "labels are cleared byte by byte");
