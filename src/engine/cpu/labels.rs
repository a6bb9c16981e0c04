//! The labels of a set in as few bytes as its clusters need: a batch of many sets reads more labels than points, and keeps more.
//!
//! A tile's labels are widened for the kernel, and written back where one changed.

use super::lanes::Lanes;
use crate::engine::NO_LABEL;
use crate::engine::width::Width;
use crate::error::{Error, Result};
use crate::matrix::TILE;
use rayon::prelude::*;

/// Labels worth a thread of their own.
const SHARE: usize = 1 << 16;

/// Bytes of a cache line.
const LINE: usize = 64;

/// The labels of points, padded to whole tiles.
#[derive(Debug)]
pub(super) enum Labels {
    Byte(Vec<u8>),
    Half(Vec<u16>),
    Word(Vec<u32>),
}

/// Those of some tiles.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Byte(&'a mut [u8]),
    Half(&'a mut [u16]),
    Word(&'a mut [u32]),
}

/// Does the same whatever the width.
macro_rules! of_any_width {
    ($labels:expr, $kind:ident, $some:ident => $what:expr) => {
        match $labels {
            $kind::Byte($some) => $what,
            $kind::Half($some) => $what,
            $kind::Word($some) => $what,
        }
    };
}

/// A label in some bytes; all bits set are no label.
trait Label: Copy + Send + Sync {
    const NONE: Self;

    fn wide(self) -> u32;

    fn narrow(label: u32) -> Self;
}

macro_rules! label {
    ($of:ty) => {
        impl Label for $of {
            const NONE: Self = Self::MAX;

            #[inline(always)]
            fn wide(self) -> u32 {
                if self == Self::NONE { NO_LABEL } else { u32::from(self) }
            }

            #[inline(always)]
            fn narrow(label: u32) -> Self {
                Self::try_from(label).unwrap_or(Self::NONE)
            }
        }
    };
}

label!(u8);
label!(u16);
label!(u32);

/// So many that are no labels.
fn none<L: Label>(count: usize) -> Result<Vec<L>> {
    let mut labels = Vec::new();
    let full = |_| Error::Memory(format!("no room for the labels of {count} points; ask for fewer starts"));
    labels.try_reserve_exact(count).map_err(full)?;
    (0..count).into_par_iter().with_min_len(SHARE).map(|_| L::NONE).collect_into_vec(&mut labels);
    Ok(labels)
}

impl Labels {
    /// None yet, of so many points.
    pub(super) fn none(count: usize) -> Result<Self> {
        none(count).map(Self::Byte)
    }

    /// Makes room for the labels of so many clusters.
    pub(super) fn widen(&mut self, k: usize) -> Result<()> {
        *self = match (&*self, Width::of(k)) {
            (Self::Byte(labels), Width::Half) => Self::Half(widened(labels)?),
            (Self::Byte(labels), Width::Word) => Self::Word(widened(labels)?),
            (Self::Half(labels), Width::Word) => Self::Word(widened(labels)?),
            _ => return Ok(()),
        };
        Ok(())
    }

    /// Gives a point another label.
    pub(super) fn set(&mut self, at: usize, label: u32) {
        of_any_width!(self, Self, labels => labels[at] = Label::narrow(label));
    }

    /// Gives the first `count` points with label `l` the label `map[l]`.
    pub(super) fn renumber(&mut self, count: usize, map: &[u32]) {
        of_any_width!(self, Self, labels => labels[..count]
            .par_iter_mut()
            .with_min_len(SHARE)
            .for_each(|l| *l = Label::narrow(map[l.wide() as usize])));
    }

    /// The labels of so many points, which may lie at other places.
    pub(super) fn wide(&self, count: usize, places: Option<&[u32]>) -> Vec<u32> {
        of_any_width!(self, Self, labels => match places {
            Some(places) => places.par_iter().with_min_len(SHARE).map(|&at| labels[at as usize].wide()).collect(),
            None => labels[..count].par_iter().with_min_len(SHARE).map(|l| l.wide()).collect(),
        })
    }

    /// Takes the labels of points to the places where these lie now.
    pub(super) fn place(&mut self, places: &[u32]) -> Result<()> {
        of_any_width!(self, Self, labels => *labels = placed(labels, places)?);
        Ok(())
    }

    /// Takes the labels of points back from the places where these lay.
    pub(super) fn displace(&mut self, places: &[u32]) -> Result<()> {
        of_any_width!(self, Self, labels => *labels = displaced(labels, places)?);
        Ok(())
    }

    /// So many at a time.
    pub(super) fn parts(&mut self, size: usize) -> Vec<Part<'_>> {
        match self {
            Self::Byte(labels) => labels.chunks_mut(size).map(Part::Byte).collect(),
            Self::Half(labels) => labels.chunks_mut(size).map(Part::Half).collect(),
            Self::Word(labels) => labels.chunks_mut(size).map(Part::Word).collect(),
        }
    }
}

fn widened<From: Label, To: Label>(from: &[From]) -> Result<Vec<To>> {
    let mut to: Vec<To> = none(from.len())?;
    to.par_iter_mut().zip(from).with_min_len(SHARE).for_each(|(to, from)| *to = To::narrow(from.wide()));
    Ok(to)
}

fn placed<L: Label>(from: &[L], places: &[u32]) -> Result<Vec<L>> {
    let mut to = none(from.len())?;
    places.iter().zip(from).for_each(|(&at, label)| to[at as usize] = *label);
    Ok(to)
}

fn displaced<L: Label>(from: &[L], places: &[u32]) -> Result<Vec<L>> {
    let mut to = none(from.len())?;
    to.iter_mut().zip(places).for_each(|(label, &at)| *label = from[at as usize]);
    Ok(to)
}

impl Part<'_> {
    /// Tiles.
    pub(super) fn tiles(&self) -> usize {
        of_any_width!(self, Self, labels => labels.len() / TILE)
    }

    /// The labels of tile `t`.
    #[inline(always)]
    pub(super) fn read(&self, t: usize, out: &mut [u32; TILE]) {
        of_any_width!(self, Self, labels => {
            let labels = &labels[t * TILE..(t + 1) * TILE];
            out.iter_mut().zip(labels).for_each(|(out, label)| *out = label.wide());
        });
    }

    /// Gives tile `t` other labels.
    #[inline(always)]
    pub(super) fn write(&mut self, t: usize, new: &[u32; TILE]) {
        of_any_width!(self, Self, labels => {
            let labels = &mut labels[t * TILE..(t + 1) * TILE];
            labels.iter_mut().zip(new).for_each(|(label, new)| *label = Label::narrow(*new));
        });
    }

    /// Has the labels from tile `t` on brought near.
    #[inline(always)]
    pub(super) fn prefetch<V: Lanes>(&self, t: usize) {
        of_any_width!(self, Self, labels => {
            let lines = labels[t * TILE..].chunks(LINE / size_of_val(&labels[0]));
            lines.take(size_of_val(&labels[0])).for_each(|line| V::prefetch(line.as_ptr().cast()));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: usize = 5 * TILE;

    /// Labels below `k`, some of them none, and the set that holds them.
    fn labelled(k: u32) -> (Vec<u32>, Labels) {
        let label = |i: u32| if i % 13 == 4 { NO_LABEL } else { i.wrapping_mul(2_654_435_761) % k };
        let wanted: Vec<u32> = (0..u32::try_from(POINTS).unwrap()).map(label).collect();
        let mut labels = Labels::none(POINTS).unwrap();
        labels.widen(k as usize).unwrap();
        wanted.iter().enumerate().for_each(|(at, &label)| labels.set(at, label));
        (wanted, labels)
    }

    #[test]
    fn labels_come_back_as_they_went_whatever_their_width() {
        for (k, bytes) in [(1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4)] {
            let (wanted, mut labels) = labelled(k);
            assert_eq!(of_any_width!(&labels, Labels, l => size_of_val(&l[0])), bytes, "{k} clusters");
            assert_eq!(labels.wide(POINTS - 7, None), wanted[..POINTS - 7]);
            for (p, mut part) in labels.parts(2 * TILE).into_iter().enumerate() {
                for t in 0..part.tiles() {
                    let (mut tile, first) = ([0; TILE], (2 * p + t) * TILE);
                    part.read(t, &mut tile);
                    assert_eq!(tile[..], wanted[first..first + TILE]);
                    tile.reverse();
                    part.write(t, &tile);
                }
            }
            let reversed: Vec<u32> = wanted.chunks(TILE).flat_map(|tile| tile.iter().rev().copied()).collect();
            assert_eq!(labels.wide(POINTS, None), reversed);
            for wider in [256, 70_000] {
                labels.widen(wider).unwrap();
                assert_eq!(labels.wide(POINTS, None), reversed);
            }
        }
    }

    #[test]
    fn labels_follow_their_points() {
        for k in [7, 300, 70_000] {
            let (wanted, mut labels) = labelled(k);
            let count = POINTS - 5;
            let places =
                |step: usize| (0..count).map(|row| u32::try_from(row * step % count).unwrap()).collect::<Vec<_>>();
            let (first, second) = (places(2), places(4)); // 315 points
            for places in [first, second] {
                labels.place(&places).unwrap();
                assert_eq!(labels.wide(count, Some(&places)), wanted[..count]);
                labels.displace(&places).unwrap();
                assert_eq!(labels.wide(count, None), wanted[..count]);
            }
        }
    }

    #[test]
    fn labels_are_renumbered() {
        let mut labels = Labels::none(TILE).unwrap();
        [0, 1, 2].into_iter().enumerate().for_each(|(at, label)| labels.set(at, label));
        labels.renumber(2, &[2, 0, 1]);
        assert_eq!(labels.wide(4, None), [2, 0, 2, NO_LABEL]);
    }
}
