//! The tuner: times every choice for a shape on one GPU. What is fastest is kept by `cache.rs`.
//!
//! A pass is timed by the device's own clock, or as a fit sees it where there is none, in the steady state in which few
//! points change: two sets of centroids that lie close together take turns. Each answer is held to the first one's, so that a
//! driver which breaks a kernel cannot win.

use super::Gpu;
use super::session::GpuSession;
use super::tuned::Class;
use super::tuning::{Tuning, candidates};
use crate::engine::{Centroids, Change, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use ndarray::Array2;
use std::time::Instant;

/// How a choice did.
#[derive(Debug, Clone)]
pub struct Timed {
    /// The choice.
    pub tuning: Tuning,
    /// The median time of a pass, or why it cannot be used.
    pub pass_seconds: std::result::Result<f64, String>,
}

/// Times every choice for sets of `k` centroids over the points of a matrix, the plan's own first, each with so many
/// passes, and hands each to `tell` as it is done. Gives the class of shapes it holds for.
///
/// # Errors
/// [`Error::Usage`] if there are fewer points than centroids; [`Error::Device`] if the device fails the plan's own choice.
pub fn tune(
    gpu: &Gpu,
    matrix: &Matrix,
    k: usize,
    passes: usize,
    tell: &mut dyn FnMut(&Timed),
) -> Result<(Class, Vec<Timed>)> {
    if k == 0 || k > matrix.count() {
        let message = format!("{k} clusters of {} points: give at least one, and as many points", matrix.count());
        return Err(Error::Usage(message));
    }
    let shape = gpu.shape(matrix)?;
    // The points stay where they are from choice to choice: in memory that was given back and taken again a pass was seen to
    // take three times as long.
    gpu.time_stages();
    let mut session = gpu.session(matrix)?;
    let sets = [centroids(matrix, k, 0), centroids(matrix, k, 1)];
    let mut all = Vec::new();
    let mut right = None;
    for tuning in candidates(&shape, k, &gpu.limits()) {
        session.force(tuning);
        let done = time(gpu, &mut session, &sets, passes);
        let pass_seconds = match done {
            Err(e) if right.is_none() => return Err(e),
            Err(e) => Err(e.to_string()),
            Ok((_, answer)) if right.get_or_insert_with(|| answer.clone()) != &answer => Err("a wrong answer".into()),
            Ok((seconds, _)) => Ok(seconds),
        };
        let timed = Timed { tuning, pass_seconds };
        tell(&timed);
        all.push(timed);
    }
    Ok((Class::new(&shape, k), all))
}

/// The fastest of them.
#[must_use]
pub fn fastest(all: &[Timed]) -> Option<(Tuning, f64)> {
    let usable = all.iter().filter_map(|t| Some((t.tuning, *t.pass_seconds.as_ref().ok()?)));
    usable.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// What a pass answers, but for how often the referee was asked, which is a matter of rounding.
type Answer = (Vec<i128>, Vec<i64>, u64);

/// The median time of a pass, and the change of the first two.
fn time(gpu: &Gpu, session: &mut GpuSession<'_>, sets: &[Centroids; 2], passes: usize) -> Result<(f64, [Answer; 2])> {
    session.open(1)?;
    let mut pass = |i: usize| -> Result<Change> {
        let mut changes = session.pass(&[SetPass { set: 0, centroids: &sets[i % 2] }])?;
        changes.pop().ok_or_else(|| Error::Device("no answer to a pass".into()))
    };
    let answer = |change: Change| (change.sums, change.counts, change.changed);
    // These two also compile the kernels: those for many changes, then those for few.
    let answers = [answer(pass(0)?), answer(pass(1)?)];
    pass(0)?;
    let mut seconds = Vec::new();
    for i in 1..=passes.max(1) {
        let (clock, before) = (Instant::now(), on_device(gpu));
        pass(i)?;
        let after = on_device(gpu);
        seconds.push(if after > before { after - before } else { clock.elapsed().as_secs_f64() });
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds[seconds.len() / 2], answers))
}

/// Seconds that kernels took so far by the device's clock.
fn on_device(gpu: &Gpu) -> f64 {
    gpu.times().values().sum()
}

/// Points of the matrix, evenly apart, as centroids; each `64 * near`th part of the way to the next one, so that few points
/// change when `near` does.
fn centroids(matrix: &Matrix, k: usize, near: i64) -> Centroids {
    let row = |c: usize| matrix.point((c % k) * (matrix.count() / k));
    let between = |c: usize| row(c).zip(row(c + 1)).map(|(a, b)| a + near * (b - a) / 64).collect::<Vec<i64>>();
    Centroids::new(matrix.dims(), (0..k).flat_map(between).collect())
}

/// Points for a shape of which there is no table at hand `[rows x dims]`: two dozen overlapping groups.
#[must_use]
pub fn made_up(rows: usize, dims: usize) -> Array2<f32> {
    const GROUPS: u64 = 24;
    let hash = |x: u64| {
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let unit = |x: u64| (hash(x.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40) as f32 / (1 << 24) as f32;
    Array2::from_shape_fn((rows, dims), |(i, j)| {
        let (i, j) = (i as u64, j as u64);
        let group = hash(i) % GROUPS;
        4.0 * unit(group << 32 | j) + unit(i << 20 | j) + unit(1 << 62 | i << 20 | j)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gpu::tuning::Hold;

    #[test]
    fn the_fastest_usable_choice_wins() {
        let tuning = |wide| Tuning { hold: Hold::Nothing, stage: true, wide, tiles: 4, bin_bytes: 1 << 14 };
        let timed = |wide, pass_seconds| Timed { tuning: tuning(wide), pass_seconds };
        let all = [timed(1, Ok(3.0)), timed(2, Err("broken".into())), timed(4, Ok(2.0))];
        assert_eq!(fastest(&all), Some((tuning(4), 2.0)));
        assert_eq!(fastest(&all[1..2]), None);
    }

    #[test]
    fn made_up_points_are_spread_and_the_same_each_time() {
        let points = made_up(500, 3);
        assert_eq!(points, made_up(500, 3));
        let mut values: Vec<f32> = points.column(1).to_vec();
        values.sort_by(f32::total_cmp);
        values.dedup();
        assert!(values.len() > 490 && values[0] >= 0.0 && values[values.len() - 1] < 6.0);
    }
}
