//! A thread's share of the points that k-means++ looks at: what the trial candidates would change there.
//!
//! Nearly every point is nearer to a chosen point than to a candidate and keeps its distance. Plain distances are taken
//! of what is left by three cheaper questions:
//!
//! 1. A tile whose points lie within `R` of some centre `m`, and within `M` of chosen ones, has nothing to gain from a
//!    candidate `p` with `|p - m| >= R + M` (the triangle inequality).
//! 2. A point `x` at a squared distance `n` from the nearest chosen one gains `n - |x - p|^2`, if that is above zero:
//!    twice what `x.p - |p|^2 / 2` is above the point's *floor* `(|x|^2 - n) / 2`. Taken in f32 and rounded in favour of
//!    the candidate, these gains are added up.
//! 3. A candidate whose gain is surely below another one's is out, and only the others' distances are ever taken, in
//!    tiles where a point is above its floor.
//!
//! A point that is left out has a plain distance of `n` or more, so nobody can see that it was.

use crate::matrix::{Matrix, TILE, point_squares, round_up};
use multiversion::multiversion;
use std::borrow::Cow;

/// Points of a part: a tile of tiles.
pub(super) const PART: usize = TILE * TILE;

/// A candidate.
pub(super) struct Trial {
    point: Vec<f32>,
    /// `|p|^2 / 2` and `|p|`, rounded up.
    half2: f32,
    norm: f32,
}

impl Trial {
    pub(super) fn new(matrix: &Matrix, row: usize) -> Self {
        let point: Vec<f32> = matrix.tile(row / TILE).iter().skip(row % TILE).step_by(TILE).copied().collect();
        let norm2: f64 = point.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        Self { point, half2: round_up(norm2 / 2.0), norm: round_up(norm2.sqrt()) }
    }
}

/// How much potential a candidate would take away: at most `most`, and at most `error` less.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gain {
    pub(super) most: f64,
    pub(super) error: f64,
}

impl Gain {
    pub(super) fn add(self, other: Self) -> Self {
        Self { most: self.most + other.most, error: self.error + other.error }
    }
}

/// What was found of a candidate.
struct Estimate {
    /// Half the gain, and half of what that is too large by, of the points in each lane.
    gains: Lanes,
    errors: Lanes,
    /// Tiles with a point above its floor.
    tiles: Vec<usize>,
}

/// Up to 64 tiles of the sample.
pub(super) struct Part<'m> {
    dims: usize,
    /// Where in the sample each point is.
    places: Vec<usize>,
    /// `[tiles x dims x 64]`.
    tiles: Cow<'m, [f32]>,
    /// `[tiles x 64]`; 0 in padded lanes.
    weights: Vec<f32>,
    /// Squared distances to the nearest chosen point `[tiles x 64]`; 0 in padded lanes.
    nearest2: Vec<f32>,
    /// What `x.p - |p|^2 / 2` must exceed to gain anything, rounded down `[tiles x 64]`.
    floor: Vec<f32>,
    /// `|x|^2`, rounded down `[tiles x 64]`.
    norm2: Vec<f32>,
    /// The largest `|x|` of each tile, rounded up.
    norms: Vec<f32>,
    /// A centre of each tile `[dims x 64]`, how far its points are from that, and `(R + M)^2`, rounded up.
    centres: Vec<f32>,
    radius: Vec<f32>,
    reach2: [f32; TILE],
    /// The largest `n` of each tile.
    farthest2: Vec<f32>,
    estimates: Vec<Estimate>,
    /// Lanes that come closer to the candidate looked at last, and their squared distances then.
    closer: Vec<(usize, f32)>,
}

impl<'m> Part<'m> {
    /// Takes the points at some places of the sample together.
    pub(super) fn gather(matrix: &'m Matrix, rows: &[usize], places: &[usize], nearest2: &[f32]) -> Self {
        let (dims, count) = (matrix.dims(), places.len().div_ceil(TILE));
        let in_lanes = |value: &dyn Fn(usize) -> f32| {
            let mut lanes: Vec<f32> = places.iter().map(|&i| value(i)).collect();
            lanes.resize(count * TILE, 0.0);
            lanes
        };
        let mut part = Self {
            dims,
            places: places.to_vec(),
            tiles: tiles_of(matrix, rows, places),
            weights: in_lanes(&|i| matrix.weight(rows[i]) as f32),
            nearest2: in_lanes(&|i| nearest2[i]),
            floor: vec![0.0; count * TILE],
            norm2: Vec::with_capacity(count * TILE),
            norms: vec![0.0; count],
            centres: vec![0.0; dims * TILE],
            radius: vec![0.0; count],
            reach2: [0.0; TILE],
            farthest2: vec![0.0; count],
            estimates: Vec::new(),
            closer: Vec::new(),
        };
        (0..count).for_each(|t| part.measure(t));
        part
    }

    /// What does not change of a tile: norms and centre.
    fn measure(&mut self, t: usize) {
        let tile = &self.tiles[t * self.dims * TILE..][..self.dims * TILE];
        let points = TILE.min(self.places.len() - t * TILE);
        let centre: Vec<f32> =
            tile.chunks_exact(TILE).map(|lanes| lanes[..points].iter().sum::<f32>() / points as f32).collect();
        let away2 = distances2_f64(tile, &centre);
        let norms2 = point_squares(tile);
        let root = |squares: &[f64]| round_up(squares.iter().copied().fold(0.0, f64::max).sqrt());
        self.norms[t] = root(&norms2);
        self.radius[t] = root(&away2[..points]);
        self.norm2.extend(norms2.map(|x| -round_up(-x)));
        self.centres.iter_mut().skip(t).step_by(TILE).zip(centre).for_each(|(to, from)| *to = from);
        self.set_floors(t);
    }

    /// What changes with the distances of a tile. A plain distance is at least `1 - gamma(d + 2)` of the true one, and the
    /// margin is over twice that: enough for it and for the few roundings here.
    fn set_floors(&mut self, t: usize) {
        let (lanes, room) = (t * TILE..(t + 1) * TILE, 1.0 + margin(self.dims));
        let points = self.norm2[lanes.clone()].iter().zip(&self.nearest2[lanes.clone()]);
        for (floor, (norm2, nearest2)) in self.floor[lanes.clone()].iter_mut().zip(points) {
            let twice = norm2 - nearest2 * room;
            *floor = 0.5 * (twice - twice.abs() * f32::EPSILON);
        }
        self.farthest2[t] = self.nearest2[lanes].iter().copied().fold(0.0, f32::max);
        let reach = (self.radius[t] + self.farthest2[t].sqrt()) * room;
        self.reach2[t] = reach * reach * room;
    }

    /// Estimates what each candidate would gain.
    pub(super) fn estimate(&mut self, trials: &[Trial]) {
        let mut estimates = std::mem::take(&mut self.estimates);
        estimates.resize_with(trials.len(), Estimate::new);
        estimates.iter_mut().for_each(Estimate::clear);
        estimate_tiles(self, trials, &mut estimates);
        self.estimates = estimates;
    }

    /// What candidate `c` would gain here.
    pub(super) fn gain(&self, c: usize) -> Gain {
        self.estimates[c].gain()
    }

    /// Looks for the points that come closer to candidate `c`.
    pub(super) fn look(&mut self, trial: &Trial, c: usize) {
        let mut closer = std::mem::take(&mut self.closer);
        closer.clear();
        closer_in_tiles(self, trial, &self.estimates[c].tiles, &mut closer);
        self.closer = closer;
    }

    /// The points found: their places in the sample, and their squared distances.
    pub(super) fn closer(&self) -> impl Iterator<Item = (usize, f32)> {
        self.closer.iter().map(|&(lane, d2)| (self.places[lane], d2))
    }

    /// Takes in that candidate `c` is chosen, for which the points were looked for.
    pub(super) fn take(&mut self, c: usize) {
        self.closer.iter().for_each(|&(lane, d2)| self.nearest2[lane] = d2);
        let tiles = std::mem::take(&mut self.estimates[c].tiles);
        tiles.iter().for_each(|&t| self.set_floors(t));
    }
}

/// Twice `gamma(d + 8)` of f32; the eight are for what happens to a sum before and after it is taken.
fn margin(dims: usize) -> f32 {
    let roundings = (dims + 8) as f64 / (1u64 << 24) as f64;
    round_up(2.0 * roundings / (1.0 - roundings))
}

/// Points in tiles; the matrix's own where the places are those of its tiles.
fn tiles_of<'m>(matrix: &'m Matrix, rows: &[usize], places: &[usize]) -> Cow<'m, [f32]> {
    let first = rows[places[0]];
    let whole = places.len().is_multiple_of(TILE) || first + places.len() == matrix.count();
    if first.is_multiple_of(TILE) && whole && places.iter().enumerate().all(|(lane, &i)| rows[i] == first + lane) {
        return Cow::Borrowed(matrix.tiles_in(first / TILE..(first + places.len()).div_ceil(TILE)));
    }
    let length = matrix.dims() * TILE;
    let mut values = vec![0.0; places.len().div_ceil(TILE) * length];
    for (tile, places) in values.chunks_exact_mut(length).zip(places.chunks(TILE)) {
        let points: Vec<&[f32]> = places.iter().map(|&i| &matrix.tile(rows[i] / TILE)[rows[i] % TILE..]).collect();
        for (j, lanes) in tile.chunks_exact_mut(TILE).enumerate() {
            lanes.iter_mut().zip(&points).for_each(|(x, point)| *x = point[j * TILE]);
        }
    }
    Cow::Owned(values)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn estimate_tiles(part: &Part<'_>, trials: &[Trial], estimates: &mut [Estimate]) {
    let margin = margin(part.dims);
    let to_centres: Vec<[f32; TILE]> = trials.iter().map(|trial| distances2(&part.centres, &trial.point)).collect();
    for (t, tile) in part.tiles.chunks_exact(part.dims * TILE).enumerate() {
        let lanes = t * TILE..(t + 1) * TILE;
        let (floor, weights) = (&part.floor[lanes.clone()], &part.weights[lanes]);
        for ((trial, to_centres), estimate) in trials.iter().zip(&to_centres).zip(&mut *estimates) {
            if to_centres[t] >= part.reach2[t] {
                continue;
            }
            // The sum starts above `-|p|^2 / 2` by as much as it can be off for points of this norm.
            let off = margin * (trial.half2 + part.norms[t] * trial.norm);
            let upper = Lanes::products(tile, &trial.point, off - trial.half2);
            if upper.any_above(floor) {
                // It is too large by less than twice that, and the floor too small by less than what it leaves room for.
                let room = margin * (part.norms[t] * part.norms[t] + part.farthest2[t]);
                estimate.add(t, &upper, floor, weights, 3.0 * (off + room));
            }
        }
    }
}

/// One value for each point of a tile, where vectors can be stored without crossing cache lines.
#[repr(align(64))]
struct Lanes([f32; TILE]);

impl Lanes {
    /// `start + x.p`, in any order: eight dimensions at a time, between which the sums are in memory.
    #[inline(always)]
    fn products(tile: &[f32], point: &[f32], start: f32) -> Self {
        let mut sums = Self([start; TILE]);
        let s = &mut sums.0;
        let (eights, rest) = tile.as_chunks::<TILE>().0.as_chunks::<8>();
        let (points, rest_of_point) = point.as_chunks::<8>();
        for (x, p) in eights.iter().zip(points) {
            for i in 0..TILE {
                let low = (x[0][i] * p[0] + x[1][i] * p[1]) + (x[2][i] * p[2] + x[3][i] * p[3]);
                let high = (x[4][i] * p[4] + x[5][i] * p[5]) + (x[6][i] * p[6] + x[7][i] * p[7]);
                s[i] += low + high;
            }
        }
        for (x, p) in rest.iter().zip(rest_of_point) {
            for i in 0..TILE {
                s[i] += x[i] * p;
            }
        }
        sums
    }

    /// Whether a lane is above the floor.
    #[inline(always)]
    fn any_above(&self, floor: &[f32]) -> bool {
        let mut above = [0; TILE];
        for ((above, s), f) in above.iter_mut().zip(&self.0).zip(floor) {
            *above = u8::from(s > f);
        }
        above.as_chunks::<8>().0.iter().fold(0, |any, bytes| any | u64::from_ne_bytes(*bytes)) != 0
    }

    fn sum(&self) -> f64 {
        self.0.iter().map(|&x| f64::from(x)).sum()
    }
}

impl Estimate {
    fn new() -> Self {
        Self { gains: Lanes([0.0; TILE]), errors: Lanes([0.0; TILE]), tiles: Vec::new() }
    }

    /// Takes in a tile with upper sums `upper`, each too large by at most `off`.
    #[inline(always)]
    fn add(&mut self, t: usize, upper: &Lanes, floor: &[f32], weights: &[f32], off: f32) {
        for (((gain, s), f), w) in self.gains.0.iter_mut().zip(&upper.0).zip(floor).zip(weights) {
            *gain += w * if s > f { s - f } else { 0.0 };
        }
        for (((error, s), f), w) in self.errors.0.iter_mut().zip(&upper.0).zip(floor).zip(weights) {
            *error += w * if s > f { off } else { 0.0 };
        }
        self.tiles.push(t);
    }

    /// The sums of the lanes are off by less than 1e-5 of themselves.
    fn gain(&self) -> Gain {
        let (most, error) = (2.0 * self.gains.sum(), 2.0 * self.errors.sum());
        Gain { most: most * (1.0 + 1e-5), error: error * (1.0 + 1e-5) + most * 2e-5 }
    }

    fn clear(&mut self) {
        (self.gains, self.errors) = (Lanes([0.0; TILE]), Lanes([0.0; TILE]));
        self.tiles.clear();
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn closer_in_tiles(part: &Part<'_>, trial: &Trial, tiles: &[usize], closer: &mut Vec<(usize, f32)>) {
    for &t in tiles {
        let d2 = distances2(&part.tiles[t * part.dims * TILE..][..part.dims * TILE], &trial.point);
        // Every lane is written, and stays if it comes closer: early on a branch would often be guessed wrong.
        let mut end = closer.len();
        closer.resize(end + TILE, (0, 0.0));
        for (lane, (d, n)) in (t * TILE..).zip(d2.iter().zip(&part.nearest2[t * TILE..][..TILE])) {
            closer[end] = (lane, *d);
            end += usize::from(d < n);
        }
        closer.truncate(end);
    }
}

/// Squared distances of a tile's points to `point`.
#[inline(always)]
fn distances2(tile: &[f32], point: &[f32]) -> [f32; TILE] {
    let mut d2 = [0.0; TILE];
    for (lanes, &c) in tile.chunks_exact(TILE).zip(point) {
        for (d, &x) in d2.iter_mut().zip(lanes) {
            *d += (x - c) * (x - c);
        }
    }
    d2
}

/// As [`distances2`], in f64.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn distances2_f64(tile: &[f32], point: &[f32]) -> [f64; TILE] {
    let mut d2 = [0.0; TILE];
    for (lanes, &c) in tile.chunks_exact(TILE).zip(point) {
        for (d, &x) in d2.iter_mut().zip(lanes) {
            let away = f64::from(x) - f64::from(c);
            *d += away * away;
        }
    }
    d2
}
