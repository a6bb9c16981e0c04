//! Goes on on another engine when the first one fails, to the same bytes.
//!
//! Labels are a function of the centroids of a set's last pass and of what was relabelled since. Both are kept here, so
//! the other engine can rebuild the labels and take over in the middle of a fit.

use super::{Centroids, Change, Engine, Far, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::note::Note;

/// `first`, and `second` from the moment the first fails.
pub struct Fallback {
    first: Box<dyn Engine>,
    second: Box<dyn Engine>,
}

impl Fallback {
    /// An engine that runs on `first` as long as it works.
    #[must_use]
    pub fn new(first: Box<dyn Engine>, second: Box<dyn Engine>) -> Self {
        Self { first, second }
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
            Err(e) if is_device(&e) => (None, vec![never_began(&e)]),
            Err(e) => return Err(e),
        };
        Ok(Box::new(FallbackSession { first, second, sets: Vec::new(), notes }))
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
    sets: Vec<History>,
    notes: Vec<Note>,
}

impl<'m> FallbackSession<'m> {
    /// Runs `work` on the first session; if its device fails, rebuilds the labels on the second and runs it there.
    fn run<T>(&mut self, work: impl Fn(&mut (dyn Session + 'm)) -> Result<T>) -> Result<T> {
        if let Some(first) = &mut self.first {
            match work(&mut **first) {
                Err(e) if is_device(&e) => {
                    self.notes.push(fell_back(&e));
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
        Ok(changes)
    }

    fn expect(&mut self, passes: u32) {
        self.first.iter_mut().for_each(|s| s.expect(passes));
        self.second.expect(passes);
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

fn is_device(error: &Error) -> bool {
    matches!(error, Error::Device(_) | Error::Memory(_))
}

fn never_began(error: &Error) -> Note {
    Note::new("gpu_unavailable", format!("{error}; running on the CPU, with the same result"))
}

fn fell_back(error: &Error) -> Note {
    Note::new("device_lost", format!("{error}; went on on the CPU, with the same result"))
}
