//! Goes on on another engine when the first one fails, to the same bytes.
//!
//! Labels are a function of the centroids of a set's last pass and of what was relabelled since. Both are kept here, so
//! the other engine can rebuild the labels and take over in the middle of a fit.

use super::silhouette::{Grouped, Means};
use super::{Centroids, Change, Engine, Far, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::note::Note;

/// `first`, and `second` from the moment the first fails.
pub struct Fallback {
    first: Box<dyn Engine>,
    second: Box<dyn Engine>,
    forgives: bool,
}

impl Fallback {
    /// An engine that runs on `first` as long as it works. One that answers wrongly ends the work: who named it should know.
    #[must_use]
    pub fn new(first: Box<dyn Engine>, second: Box<dyn Engine>) -> Self {
        Self { first, second, forgives: false }
    }

    /// Leaves the work to `second` where `first` answers wrongly, too: for a first that nobody named.
    #[must_use]
    pub fn forgiving(self) -> Self {
        Self { forgives: true, ..self }
    }
}

impl Engine for Fallback {
    fn name(&self) -> String {
        self.first.name()
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        let second = self.second.load(matrix)?; // a CPU session costs nothing before it is opened
        let (first, notes) = match self.first.load(matrix) {
            Ok(first) => (Some(first), Vec::new()),
            Err(e) if takes_over(&e, self.forgives) => (None, vec![never_began(&e)]),
            Err(e) => return Err(e),
        };
        let forgives = self.forgives;
        Ok(Box::new(FallbackSession { first, second, forgives, sets: Vec::new(), ahead: 0, notes }))
    }

    fn prepare(&self, matrix: &Matrix, sets: &[usize]) {
        self.first.prepare(matrix, sets);
    }

    fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
        match self.first.silhouette(grouped) {
            Err(e) if is_device(&e) => self.second.silhouette(grouped),
            done => done,
        }
    }
}

/// What rebuilds the labels of a set: the centroids of its last pass, and what happened to its labels since.
#[derive(Default, Clone)]
struct History {
    centroids: Option<Centroids>,
    since: Vec<Edit>,
}

#[derive(Clone)]
enum Edit {
    Relabel(usize, u32),
    Renumber(Vec<u32>),
}

struct FallbackSession<'m> {
    first: Option<Box<dyn Session + 'm>>,
    second: Box<dyn Session + 'm>,
    forgives: bool,
    sets: Vec<History>,
    /// Passes that may still come: the second session is told when it takes over, as those of the first are not its own.
    ahead: u32,
    notes: Vec<Note>,
}

impl<'m> FallbackSession<'m> {
    /// Runs `work` on the first session; if its device fails, rebuilds the labels on the second and runs it there.
    fn run<T>(&mut self, work: impl Fn(&mut (dyn Session + 'm)) -> Result<T>) -> Result<T> {
        if let Some(first) = &mut self.first {
            match work(&mut **first) {
                Err(e) if takes_over(&e, self.forgives) => {
                    let began = self.sets.iter().any(|history| history.centroids.is_some());
                    self.notes.push(if began { fell_back(&e) } else { never_began(&e) });
                    self.first = None;
                    self.rebuild()?;
                }
                done => return done,
            }
        }
        work(&mut *self.second)
    }

    fn rebuild(&mut self) -> Result<()> {
        self.second.open(self.sets.len())?;
        for (set, history) in self.sets.iter().enumerate() {
            let Some(centroids) = &history.centroids else { continue };
            self.second.pass(&[SetPass { set, centroids }])?;
            for edit in &history.since {
                match edit {
                    Edit::Relabel(row, label) => self.second.relabel(set, *row, *label)?,
                    Edit::Renumber(map) => self.second.renumber(set, map)?,
                }
            }
        }
        self.second.expect(self.ahead);
        Ok(())
    }
}

impl Session for FallbackSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        self.sets = vec![History::default(); sets];
        self.run(|s| s.open(sets))
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        let changes = self.run(|s| s.pass(batch))?;
        for s in batch {
            self.sets[s.set] = History { centroids: Some(s.centroids.clone()), since: Vec::new() };
        }
        self.ahead = self.ahead.saturating_sub(1);
        Ok(changes)
    }

    fn expect(&mut self, passes: u32) {
        self.ahead = passes;
        self.first.as_mut().unwrap_or(&mut self.second).expect(passes);
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        self.run(|s| s.farthest(set, most))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.run(|s| s.relabel(set, row, label))?;
        self.sets[set].since.push(Edit::Relabel(row, label));
        Ok(())
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        self.run(|s| s.renumber(set, map))?;
        self.sets[set].since.push(Edit::Renumber(map.to_vec()));
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        self.run(|s| s.labels(set))
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

/// Whether the second engine takes over from a first that fails so.
fn takes_over(error: &Error, forgives: bool) -> bool {
    is_device(error) || forgives && matches!(error, Error::Wrong(_))
}

fn is_device(error: &Error) -> bool {
    matches!(error, Error::Device(_) | Error::Memory(_))
}

fn never_began(error: &Error) -> Note {
    Note::new("gpu_unavailable", format!("{error}; running on the CPU, with the same result"))
}

fn fell_back(error: &Error) -> Note {
    Note::new("device_lost", format!("{error}; went on on the CPU, with the same result"))
}

#[cfg(test)]
mod tests {
    use super::super::exact::Exact;
    use super::*;
    use ndarray::Array2;
    use std::sync::{Arc, Mutex};

    /// The judge, lost after some passes, with a record of what it was told to expect.
    struct Mortal {
        passes: u32,
        told: Arc<Mutex<Vec<u32>>>,
    }

    struct MortalSession<'m> {
        judge: Box<dyn Session + 'm>,
        left: u32,
        told: Arc<Mutex<Vec<u32>>>,
    }

    impl Engine for Mortal {
        fn name(&self) -> String {
            "mortal".into()
        }

        fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
            Ok(Box::new(MortalSession { judge: Exact.load(matrix)?, left: self.passes, told: Arc::clone(&self.told) }))
        }

        fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
            if self.passes == 0 { Err(Error::Device("lost".into())) } else { Exact.silhouette(grouped) }
        }
    }

    impl Session for MortalSession<'_> {
        fn open(&mut self, sets: usize) -> Result<()> {
            self.judge.open(sets)
        }

        fn expect(&mut self, passes: u32) {
            self.told.lock().unwrap().push(passes);
        }

        fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
            self.left = self.left.checked_sub(1).ok_or_else(|| Error::Device("lost".into()))?;
            self.judge.pass(batch)
        }

        fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
            self.judge.farthest(set, most)
        }

        fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
            self.judge.relabel(set, row, label)
        }

        fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
            self.judge.renumber(set, map)
        }

        fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
            self.judge.labels(set)
        }
    }

    /// What the first and the second engine are told when `passes` are expected and the first is lost after some.
    fn told(passes: u32, lost_after: u32) -> [Vec<u32>; 2] {
        let told: [Arc<Mutex<Vec<u32>>>; 2] = Default::default();
        let mortal = |passes, told: &Arc<_>| Box::new(Mortal { passes, told: Arc::clone(told) });
        let both = Fallback::new(mortal(lost_after, &told[0]), mortal(u32::MAX, &told[1]));
        let matrix = Matrix::learn(&Array2::<f32>::eye(70).view(), None).unwrap().0;
        let centroids = Centroids::new(70, matrix.point(3).chain(matrix.point(5)).collect());
        let mut session = both.load(&matrix).unwrap();
        session.open(1).unwrap();
        session.expect(passes);
        (0..passes).for_each(|_| drop(session.pass(&[SetPass { set: 0, centroids: &centroids }]).unwrap()));
        told.map(|told| told.lock().unwrap().clone())
    }

    #[test]
    fn the_second_engine_expects_only_the_passes_left() {
        assert_eq!(told(30, 12), [vec![30], vec![18]]);
        assert_eq!(told(30, 0), [vec![30], vec![30]]);
        assert_eq!(told(30, 30), [vec![30], vec![]]);
    }

    #[test]
    fn the_second_engine_measures_what_the_first_cannot() {
        let matrix = Matrix::learn(&Array2::<f32>::eye(5).view(), None).unwrap().0;
        let grouped = Grouped::new(&matrix, &[0, 0, 1, 1, 1], &[0, 1, 2, 3, 4], &[2, 3]).unwrap();
        let mortal = |passes| Box::new(Mortal { passes, told: Arc::default() });
        let right = Exact.silhouette(&grouped).unwrap();
        assert_eq!(Fallback::new(mortal(0), mortal(1)).silhouette(&grouped).unwrap(), right);
        assert!(Fallback::new(mortal(0), mortal(0)).silhouette(&grouped).is_err());
    }
}
