//! Known answers for every engine: points with planted ties, tiny and large values, duplicates and a far outlier, against
//! the judge. Anyone can check the contract on their own hardware with it, and an engine its kernels.

use super::cpu::Cpu;
use super::exact::Exact;
use super::{Centroids, Change, Engine, SetPass, update};
use crate::error::{Error, Result};
use crate::matrix::{Frame, Matrix, Weights};
use ndarray::Array2;

/// Runs four passes of two sets over several shapes, with and without weights, and then some that go on from means to means,
/// and compares labels, sums, counts and ties with the judge. The shapes make a GPU sum in workgroup memory and straight in the
/// totals, and keep points in registers or not.
///
/// # Errors
/// [`Error::Wrong`] naming the engine and the stage that answered wrongly, or what the engine itself fails with.
pub fn probe(engine: &dyn Engine) -> Result<()> {
    for (points, dims, k, weighted) in [
        (321, 3, 5, false),
        (200, 16, 8, false),
        (150, 4, 6, true),
        (130, 33, 130, false),
        (100, 70, 4, false),
        (130, 33, 70, true),
    ] {
        let matrix = matrix(points, dims, weighted)?;
        if let Some(stage) = against(&Exact, engine, &matrix, k)?.or(against_on(&Exact, engine, &matrix, k)?) {
            let message = format!("{}: wrong answer in stage '{stage}' ({points} x {dims}, k {k})", engine.name());
            return Err(Error::Wrong(message));
        }
    }
    Ok(())
}

/// Points whose answers are known, on the grid of `bits`, and how many centroids to hold them against.
pub(super) struct KnownPoints {
    matrix: Matrix,
    k: usize,
}

impl KnownPoints {
    /// So many points and centroids.
    pub(super) fn new(points: usize, dims: usize, bits: u32, weighted: bool, k: usize) -> Result<Self> {
        let (table, frame) = (table(points, dims), Frame::new(vec![0.0; dims], 0, bits)?);
        let weights = if weighted { Some(weights(points)?) } else { None };
        Ok(Self { matrix: Matrix::on_frame_weighted(&table.view(), &frame, weights)?, k })
    }

    /// The stage in which an engine differs from the CPU, which is the judge here because it is quick; if any.
    pub(super) fn wrong_stage(&self, engine: &dyn Engine) -> Result<Option<&'static str>> {
        against(&Cpu::new()?, engine, &self.matrix, self.k)
    }

    /// The same in passes that go on from means to means, of few clusters: of many some would be empty, which ends such passes.
    pub(super) fn wrong_stage_on(&self, engine: &dyn Engine) -> Result<Option<&'static str>> {
        against_on(&Cpu::new()?, engine, &self.matrix, self.k.min(3))
    }
}

/// The stage in which an engine differs from a judge, if any.
fn against(judge: &dyn Engine, engine: &dyn Engine, matrix: &Matrix, k: usize) -> Result<Option<&'static str>> {
    let (a, b) = (centroids(matrix, k, 0), centroids(matrix, k, 7));
    // The third pass changes nothing, so that the fourth finds an engine that expects few changes.
    let passes = [&a, &b, &b, &a];
    let (right, answer) = (run(judge, matrix, &passes)?, run(engine, matrix, &passes)?);
    Ok(right.iter().zip(&answer).find_map(|(right, a)| wrong_stage(right, a)))
}

/// The same in passes that go on from means to means.
fn against_on(judge: &dyn Engine, engine: &dyn Engine, matrix: &Matrix, k: usize) -> Result<Option<&'static str>> {
    let first = centroids(matrix, k, 0);
    let (right, answer) = (run_on(judge, matrix, &first)?, run_on(engine, matrix, &first)?);
    Ok(right.iter().zip(&answer).find_map(|(right, a)| wrong_stage(right, a).map(|_| "update")))
}

fn matrix(points: usize, dims: usize, weighted: bool) -> Result<Matrix> {
    let table = table(points, dims);
    if weighted {
        return Ok(Matrix::learn(&table.view(), Some(weights(points)?))?.0);
    }
    Matrix::on_frame(&table.view(), &Frame::new(vec![0.0; dims], 0, 40)?)
}

fn weights(points: usize) -> Result<Weights> {
    Weights::new(&(0..points).map(|i| (i % 7) as f64 / 3.0).collect::<Vec<_>>())
}

/// Small whole numbers over 8 (ties), the grid's least values, values near 1, and repeated rows.
fn table(points: usize, dims: usize) -> Array2<f64> {
    let step = 1.0 / (1u64 << 40) as f64;
    Array2::from_shape_fn((points, dims), |(i, j)| {
        let hash = (i / 2 * 7919 + j * 104_729) % 9973;
        match i % 5 {
            0 | 1 => (hash % 8) as f64 / 8.0,
            2 => (hash % 16) as f64 * step - 8.0 * step,
            3 => 1.0 - (hash % 4) as f64 * step,
            _ => hash as f64 / 9973.0 - 0.5,
        }
    })
}

/// Centroids at and between points; the first and the fourth are identical.
fn centroids(matrix: &Matrix, k: usize, shift: usize) -> Centroids {
    let row = |c: usize| (c * 13 + shift) % matrix.count();
    let between = |c: usize| matrix.point(row(c)).zip(matrix.point(row(c + 1))).map(|(a, b)| (a + b) / 2);
    let point = |c: usize| -> Vec<i64> {
        match c {
            3 => matrix.point(row(0)).collect(),
            c if c % 3 == 1 => between(c).collect(),
            c => matrix.point(row(c)).collect(),
        }
    };
    Centroids::new(matrix.dims(), (0..k).flat_map(point).collect())
}

/// Labels and change of both sets after each pass: one with all centroids, one with some of them, no two alike; then of the
/// latter alone: twice the same, moved a little, and moved far.
fn run(engine: &dyn Engine, matrix: &Matrix, passes: &[&Centroids]) -> Result<Vec<(Vec<u32>, Change)>> {
    let mut session = engine.load(matrix)?;
    session.open(2)?;
    let mut answers = Vec::new();
    let few = |of: &Centroids, by: i64| {
        let unlike = of.rows().enumerate().filter(|(c, _)| *c != 3).map(|(_, row)| row);
        let values = unlike.take(few_of(of.k())).flatten().map(|q| q + by);
        Centroids::new(matrix.dims(), values.collect())
    };
    for &centroids in passes {
        let few = few(centroids, 0);
        let batch = [SetPass { set: 0, centroids }, SetPass { set: 1, centroids: &few }];
        for (set, change) in session.pass(&batch)?.into_iter().enumerate() {
            answers.push((session.labels(set)?, change));
        }
    }
    for (pass, by) in [(1, 0), (1, 0), (1, 1 << 20), (0, 0)] {
        let centroids = few(passes[pass], by);
        let change = session.pass(&[SetPass { set: 1, centroids: &centroids }])?.pop().unwrap_or_default();
        answers.push((session.labels(1)?, change));
    }
    Ok(answers)
}

/// The centroids of the smaller set beside one of `k`: so few that no two lie so close that most points are in doubt.
pub(super) fn few_of(k: usize) -> usize {
    k.div_ceil(2).min(4)
}

/// Changes of passes of which each has the means of the one before, and the labels after the last: an engine that is told
/// how many follow may make them ahead.
fn run_on(engine: &dyn Engine, matrix: &Matrix, first: &Centroids) -> Result<Vec<(Vec<u32>, Change)>> {
    const PASSES: u32 = 8;
    let mut session = engine.load(matrix)?;
    session.open(1)?;
    session.expect(PASSES);
    let (mut centroids, mut totals) = (first.clone(), Change::none(first.k(), first.dims()));
    let mut answers = Vec::new();
    for _ in 0..PASSES {
        for change in session.pass(&[SetPass { set: 0, centroids: &centroids }])? {
            totals.add(&change);
            answers.push((Vec::new(), change));
        }
        centroids = update(&centroids, &totals.sums, &totals.weights);
    }
    answers.push((session.labels(0)?, Change::default()));
    Ok(answers)
}

fn wrong_stage(judge: &(Vec<u32>, Change), answer: &(Vec<u32>, Change)) -> Option<&'static str> {
    let ((labels, right), (given, got)) = (judge, answer);
    if labels != given {
        Some("assign")
    } else if right.ties != got.ties {
        Some("referee")
    } else if (&right.sums, &right.weights, &right.counts, right.changed)
        != (&got.sums, &got.weights, &got.counts, got.changed)
    {
        Some("accumulate")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::{Cpu, Level};
    use crate::engine::{Far, Session};

    #[test]
    fn every_level_of_this_cpu_passes() {
        for level in Level::ALL.into_iter().filter(|l| l.available()) {
            probe(&Cpu::with_level(level).unwrap()).unwrap();
        }
    }

    /// The judge with one planted mistake.
    struct Liar(&'static str);
    struct LiarSession<'m>(&'static str, Box<dyn Session + 'm>);

    impl Engine for Liar {
        fn name(&self) -> String {
            "liar".into()
        }
        fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
            Ok(Box::new(LiarSession(self.0, Exact.load(matrix)?)))
        }
    }

    impl Session for LiarSession<'_> {
        fn open(&mut self, sets: usize) -> Result<()> {
            self.1.open(sets)
        }
        fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
            let mut changes = self.1.pass(batch)?;
            match self.0 {
                "referee" => changes[0].ties += 1,
                "accumulate" => changes[0].sums[0] += 1,
                _ => {}
            }
            Ok(changes)
        }
        fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
            self.1.farthest(set, most)
        }
        fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
            self.1.relabel(set, row, label)
        }
        fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
            self.1.renumber(set, map)
        }
        fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
            let mut labels = self.1.labels(set)?;
            if self.0 == "assign" {
                labels[100] = (labels[100] + 1) % 5;
            }
            Ok(labels)
        }
    }

    #[test]
    fn a_wrong_answer_is_named_by_its_stage() {
        for stage in ["assign", "referee", "accumulate"] {
            let message = probe(&Liar(stage)).unwrap_err().to_string();
            assert!(message.contains(&format!("liar: wrong answer in stage '{stage}'")), "{message}");
        }
    }
}
