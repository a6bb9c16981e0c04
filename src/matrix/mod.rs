//! Points on the grid, in tiles of 64.
//!
//! A tile holds 64 points dimension by dimension (`tile[j][lane]`), so that the CPU's SIMD lanes and a GPU's
//! invocations both read it straight. The tile is the unit of everything: chunks, threads, pruning, dispatch. Lanes of
//! the last tile beyond the last point are zero and carry no weight.

mod aligned;
mod frame;
mod pack;
mod pick;
pub(crate) mod power;
mod reorder;
mod rows;
mod sample;
mod squares;
mod turn;
mod weights;

pub use frame::{CoarseGrid, Frame, SATURATION};
pub use reorder::Reordered;
pub use rows::Rows;
pub(crate) use sample::{effective_rows, sample_rows};
pub(crate) use squares::of_points as point_squares;
pub use weights::Weights;

use crate::error::{Error, Place, Result};
use crate::store::{Space, Store};
use aligned::{Aligned, Tiles};
use ethnum::I256;
use pack::Packer;
use rayon::prelude::*;
use std::sync::OnceLock;

/// Points in a tile.
pub const TILE: usize = 64;

/// Tiles that a thread fills at a time.
const CHUNK: usize = 64;

/// Most dims: a squared distance between saturated points, at most `dims * (2^57)^2`, must fit 128 bits.
pub const MOST_DIMS: usize = 8_192;

/// Points on a grid.
#[derive(Debug)]
pub struct Matrix {
    count: usize,
    frame: Frame,
    values: Tiles,
    norms: Vec<f32>,
    weights: Option<Weights>,
    squares: OnceLock<I256>,
    store: Store,
}

impl Matrix {
    /// Learns a frame from `rows` and packs them onto its grid; also says which columns lie on a coarse grid.
    ///
    /// # Errors
    /// [`Error::Data`] for no rows, no columns, too many columns, a value that is not finite (row and column are
    /// named), or weights of another length; [`Error::Memory`] if there is no room.
    pub fn learn(rows: &impl Rows, weights: Option<Weights>) -> Result<(Self, Vec<CoarseGrid>)> {
        Self::learn_in(rows, weights, &Store::default())
    }

    /// As [`Matrix::learn`], with the points in a store.
    ///
    /// # Errors
    /// As [`Matrix::learn`].
    pub fn learn_in(rows: &impl Rows, weights: Option<Weights>, store: &Store) -> Result<(Self, Vec<CoarseGrid>)> {
        check_shape(rows, weights.as_ref())?;
        let (frame, coarse) = Frame::learn(rows, weights.as_ref())?;
        Ok((Self::pack(rows, frame, weights, store)?, coarse))
    }

    /// Packs `rows` onto the grid of a known frame (to predict); values far outside it saturate at [`SATURATION`].
    ///
    /// # Errors
    /// As [`Matrix::learn`]; also [`Error::Data`] if the columns are not the frame's.
    pub fn on_frame(rows: &impl Rows, frame: &Frame) -> Result<Self> {
        Self::on_frame_in(rows, frame, &Store::default())
    }

    /// As [`Matrix::on_frame`], with the points in a store.
    ///
    /// # Errors
    /// As [`Matrix::on_frame`].
    pub fn on_frame_in(rows: &impl Rows, frame: &Frame, store: &Store) -> Result<Self> {
        Self::on_known_frame(rows, frame, None, store)
    }

    /// As [`Matrix::on_frame`], with weights for which the frame has room.
    pub(crate) fn on_frame_weighted(rows: &impl Rows, frame: &Frame, weights: Option<Weights>) -> Result<Self> {
        Self::on_known_frame(rows, frame, weights, &Store::default())
    }

    fn on_known_frame(rows: &impl Rows, frame: &Frame, weights: Option<Weights>, store: &Store) -> Result<Self> {
        check_shape(rows, weights.as_ref())?;
        if rows.dims() != frame.dims() {
            let message = format!("expected {} columns, found {}", frame.dims(), rows.dims());
            return Err(Error::data(Place::default(), message, "use the columns that the model was fitted on"));
        }
        frame::extremes(rows, None)?; // every value must be finite here too
        Self::pack(rows, frame.clone(), weights, store)
    }

    fn pack(rows: &impl Rows, frame: Frame, weights: Option<Weights>, store: &Store) -> Result<Self> {
        let (count, dims) = (rows.count(), rows.dims());
        let mut norms = vec![0.0; count.div_ceil(TILE)];
        let length = norms.len() * dims * TILE;
        let packer = Packer::new(&frame);
        let in_file = |space: &Space| {
            norms.par_chunks_mut(CHUNK).enumerate().try_for_each_init(
                || vec![0.0; dims * TILE * CHUNK],
                |tiles, (chunk, norms)| {
                    let tiles = &mut tiles[..dims * TILE * norms.len()];
                    packer.fill_tiles(rows, chunk * CHUNK, tiles, norms);
                    space.write(chunk * CHUNK * dims * TILE * size_of::<f32>(), bytemuck::cast_slice(tiles))
                },
            )
        };
        let in_memory = store.take(length as u64 * size_of::<f32>() as u64);
        let filed = if in_memory { None } else { store.fill(length * size_of::<f32>(), in_file)? };
        let values = match filed {
            Some(bytes) => Tiles::InFile(bytes),
            None => {
                let mut values = Aligned::zeros(length).ok_or_else(|| no_room(count, dims))?;
                let chunks = values.values_mut().par_chunks_mut(dims * TILE * CHUNK).zip(norms.par_chunks_mut(CHUNK));
                let chunks = chunks.enumerate();
                chunks.for_each(|(chunk, (tiles, norms))| packer.fill_tiles(rows, chunk * CHUNK, tiles, norms));
                Tiles::InMemory(values)
            }
        };
        Ok(Self { count, frame, values, norms, weights, squares: OnceLock::new(), store: store.clone() })
    }

    /// Where the points lie, and what else is made of them.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Bytes of memory that may be taken beside the points to make passes over them faster.
    pub(crate) fn spare(&self) -> u64 {
        self.store.left()
    }

    /// Points.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.frame.dims()
    }

    /// Tiles; the last one may be ragged.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.norms.len()
    }

    /// Where the grid lies.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Row weights, if they are not all one.
    #[must_use]
    pub fn weights(&self) -> Option<&Weights> {
        self.weights.as_ref()
    }

    /// The weight of point `i` in fixed point (1 without weights).
    #[must_use]
    pub fn weight(&self, i: usize) -> u64 {
        self.weights.as_ref().map_or(1, |w| w.values()[i])
    }

    /// The sum of all weights in fixed point (the number of points without weights).
    #[must_use]
    pub fn total_weight(&self) -> u64 {
        self.weights.as_ref().map_or(self.count as u64, Weights::total)
    }

    /// Tile `t` as `[dims x 64]`.
    #[must_use]
    pub fn tile(&self, t: usize) -> &[f32] {
        self.tiles_in(t..t + 1)
    }

    /// The tiles of a range, one after another `[tiles x dims x 64]`.
    #[must_use]
    pub fn tiles_in(&self, range: std::ops::Range<usize>) -> &[f32] {
        let length = self.dims() * TILE;
        &self.values.values()[range.start * length..range.end * length]
    }

    /// The norms of a range of tiles (see [`Matrix::norm`]).
    #[must_use]
    pub fn norms_in(&self, range: std::ops::Range<usize>) -> &[f32] {
        &self.norms[range]
    }

    /// The lanes of tile `t` that hold points, as bits.
    #[must_use]
    pub fn lanes(&self, t: usize) -> u64 {
        let points = TILE.min(self.count - t * TILE);
        u64::MAX >> (TILE - points)
    }

    /// Values held at [`SATURATION`]: they lie far outside the frame.
    #[must_use]
    pub fn saturated(&self) -> u64 {
        self.values
            .values()
            .par_chunks(1 << 20)
            .map(|v| v.iter().filter(|x| f64::from(x.abs()) >= SATURATION).count() as u64)
            .sum()
    }

    /// The largest point norm in tile `t`, rounded up.
    #[must_use]
    pub fn norm(&self, t: usize) -> f32 {
        self.norms[t]
    }

    /// Point `i` on the grid, coordinate by coordinate.
    pub fn point(&self, i: usize) -> impl Iterator<Item = i64> + '_ {
        let scale = self.frame.scale();
        self.tile(i / TILE).iter().skip(i % TILE).step_by(TILE).map(move |&x| grid(x, scale))
    }

    /// The weighted sum of all squared coordinates on the grid; taken once, then kept.
    #[must_use]
    pub fn squares(&self) -> I256 {
        *self.squares.get_or_init(|| squares::of(self))
    }
}

/// The grid integer of a framed value; `scale` is [`Frame::scale`].
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 56 bits by the frame")]
pub fn grid(x: f32, scale: f32) -> i64 {
    (x * scale) as i64
}

fn check_shape(rows: &impl Rows, weights: Option<&Weights>) -> Result<()> {
    let fail = |message: String, hint: &str| Err(Error::data(Place::default(), message, hint));
    if rows.count() == 0 {
        return fail("no data rows".into(), "");
    }
    if rows.dims() == 0 {
        return fail("no columns to cluster".into(), "");
    }
    if rows.dims() > MOST_DIMS {
        return fail(format!("{} columns are more than {MOST_DIMS}", rows.dims()), "choose fewer columns");
    }
    match weights {
        Some(w) if w.values().len() != rows.count() => {
            fail(format!("{} weights for {} rows", w.values().len(), rows.count()), "give one weight a row")
        }
        _ => Ok(()),
    }
}

fn no_room(count: usize, dims: usize) -> Error {
    let mib = count.div_ceil(TILE) as f64 * (TILE * dims * size_of::<f32>()) as f64 / (1 << 20) as f64;
    Error::Memory(format!("{count} points x {dims} columns need {mib:.0} MiB, which the system does not give"))
}

/// An f32 no smaller than `value`, with room for the few f64 roundings that made it.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "rounded up on the next step")]
pub fn round_up(value: f64) -> f32 {
    if value == 0.0 { 0.0 } else { ((value * (1.0 + 1e-9)) as f32).next_up() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn matrix(n: usize, d: usize) -> (Array2<f32>, Matrix) {
        let x = Array2::from_shape_fn((n, d), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 7.0 - j as f32);
        let m = Matrix::learn(&x.view(), None).unwrap().0;
        (x, m)
    }

    #[test]
    fn tiles_hold_the_points_dimension_by_dimension() {
        for (n, d) in [(1, 1), (63, 3), (64, 2), (65, 7), (4099, 16)] {
            let (x, m) = matrix(n, d);
            assert_eq!(m.tiles(), n.div_ceil(64));
            for i in 0..n {
                for (j, q) in m.point(i).enumerate() {
                    assert_eq!(q, grid(m.frame().place(j, f64::from(x[[i, j]])), m.frame().scale()));
                }
            }
        }
    }

    #[test]
    fn a_ragged_tile_is_padded_with_zeros_that_do_not_count() {
        let (_, m) = matrix(65, 2);
        assert_eq!((m.lanes(0), m.lanes(1)), (u64::MAX, 1));
        assert!(m.tile(1).chunks(64).all(|lanes| lanes[1..].iter().all(|x| *x == 0.0)));
    }

    #[test]
    fn f32_and_f64_of_the_same_numbers_give_the_same_tiles() {
        let (x, m) = matrix(200, 5);
        let wide = x.mapv(f64::from);
        let n = Matrix::learn(&wide.view(), None).unwrap().0;
        assert!((0..m.tiles()).all(|t| m.tile(t) == n.tile(t)));
    }

    #[test]
    fn the_norm_of_a_tile_bounds_its_points() {
        let (_, m) = matrix(300, 9);
        for i in 0..300 {
            let norm2: f64 = m.point(i).map(|q| (q as f64 / f64::from(m.frame().scale())).powi(2)).sum();
            assert!(f64::from(m.norm(i / 64)) >= norm2.sqrt());
        }
    }

    #[test]
    fn squares_are_the_exact_sum() {
        let (_, m) = matrix(4099, 7);
        let plain: I256 = (0..m.count()).flat_map(|i| m.point(i)).map(|q| I256::from(q) * I256::from(q)).sum();
        assert_eq!(m.squares(), plain);
    }

    #[test]
    fn an_offset_or_a_power_of_two_does_not_move_the_grid() {
        let (x, m) = matrix(500, 3);
        let moved = Matrix::learn(&x.mapv(|v| f64::from(v) + 1_048_576.0).view(), None).unwrap().0;
        let tiny = Matrix::learn(&x.mapv(|v| f64::from(v) / (1u64 << 60) as f64).view(), None).unwrap().0;
        for t in 0..m.tiles() {
            assert_eq!(m.tile(t), tiny.tile(t));
            assert!(m.tile(t).iter().zip(moved.tile(t)).all(|(a, b)| (a - b).abs() <= 2f32.powi(-24)));
        }
    }
}
