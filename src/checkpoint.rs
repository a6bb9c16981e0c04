//! The checkpoint file: what a fit that was stopped goes on from, days later or on another machine.
//!
//! JSON with a version and a SHA-256 of its content: a snapshot of the fit, and what tells whether it belongs to the table and
//! the options at hand, which are not in it. A file is untrusted: it is checked as a whole before anything uses it, and one
//! that was damaged or made for something else is an error that says so, never another result.

use crate::error::{Error, Place, Result, escaped, printable};
use crate::kmeans::{Init, Snapshot, ValidParams};
use crate::matrix::{Matrix, Weights};
use crate::model::{MOST_BYTES, check_schema, read_bounded};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The version this program writes and reads.
pub const SCHEMA: &str = "segma.checkpoint/1";

/// Tiles that are hashed at a time. The hashes of all blocks are hashed again, so it is part of the format.
const TILES_AT_ONCE: usize = 256;

/// What a snapshot belongs to: the points and everything that decides the result of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    fits: Vec<Options>,
    points: Points,
}

/// The options of one fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    clusters: usize,
    init: String,
    n_init: usize,
    max_iter: u32,
    tol: f64,
    seed: u64,
}

/// What tells points from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    rows: usize,
    columns: usize,
    offset: Vec<f64>,
    exponent: i32,
    bits: u32,
    squares: String,
    values_sha256: String,
    weights_sha256: Option<String>,
}

/// A snapshot of a fit, and what it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    segma: String,
    /// The folder that the result goes to.
    pub output: String,
    job: Job,
    /// Where the fit stood.
    pub snapshot: Snapshot,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    schema: String,
    sha256: String,
    content: C,
}

impl Job {
    /// The job of making these fits of these points. Reads all of them once.
    #[must_use]
    pub fn new(matrix: &Matrix, params: &[ValidParams]) -> Self {
        let frame = matrix.frame();
        let points = Points {
            rows: matrix.count(),
            columns: matrix.dims(),
            offset: frame.offset().to_vec(),
            exponent: frame.exponent(),
            bits: frame.bits(),
            squares: matrix.squares().to_string(),
            values_sha256: values_sha256(matrix),
            weights_sha256: matrix.weights().map(weights_sha256),
        };
        Self { fits: params.iter().map(Options::new).collect(), points }
    }

    /// Whether a checkpoint of `then` may be gone on with.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the first option that differs, [`Error::Data`] naming what differs in the table.
    fn same(&self, then: &Self) -> Result<()> {
        let clusters = |job: &Self| job.fits.iter().map(|f| f.clusters.to_string()).collect::<Vec<_>>().join(",");
        if clusters(self) != clusters(then) {
            return Err(other_option("--clusters", &clusters(self), &clusters(then)));
        }
        self.fits.iter().zip(&then.fits).try_for_each(|(now, then)| now.same(then))?;
        self.points.same(&then.points)
    }
}

impl Options {
    fn new(params: &ValidParams) -> Self {
        let init = match params.init() {
            Init::KMeansPlusPlus => "k-means++".into(),
            Init::Random => "random".into(),
            Init::Given(centroids) => {
                let bytes: Vec<u8> = centroids.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
                format!("given, SHA-256 {:x}", Sha256::digest(bytes))
            }
        };
        Self {
            clusters: params.k(),
            init,
            n_init: params.starts(),
            max_iter: params.max_iter(),
            tol: params.tol(),
            seed: params.seed(),
        }
    }

    fn same(&self, then: &Self) -> Result<()> {
        let pairs = [
            ("--init", self.init.clone(), then.init.clone()),
            ("--n-init", self.n_init.to_string(), then.n_init.to_string()),
            ("--max-iter", self.max_iter.to_string(), then.max_iter.to_string()),
            ("--tol", self.tol.to_string(), then.tol.to_string()),
            ("--seed", self.seed.to_string(), then.seed.to_string()),
        ];
        match pairs.iter().find(|(_, now, then)| now != then) {
            Some((flag, now, then)) => Err(other_option(flag, now, then)),
            None => Ok(()),
        }
    }
}

impl Points {
    fn same(&self, then: &Self) -> Result<()> {
        let message = if self.rows != then.rows {
            format!("{} rows, but the checkpoint is of {}", self.rows, then.rows)
        } else if self.columns != then.columns {
            format!("{} prepared columns, but the checkpoint is of {}", self.columns, then.columns)
        } else if self.weights_sha256 != then.weights_sha256 {
            "the row weights are not those of the checkpoint".into()
        } else if self != then {
            "the prepared values are not those of the checkpoint".into()
        } else {
            return Ok(());
        };
        let hint = "give the table and the columns that the checkpoint was made with, or start over with --force";
        Err(Error::data(Place::default(), message, hint))
    }
}

fn other_option(flag: &str, now: &str, then: &str) -> Error {
    let hint = "resume with the options it was made with, or start over with --force";
    Error::Usage(format!("{flag} is {now}, but the checkpoint was made with {then}; {hint}"))
}

fn values_sha256(matrix: &Matrix) -> String {
    let blocks = (0..matrix.tiles()).into_par_iter().step_by(TILES_AT_ONCE);
    let hash = |first: usize| {
        let tiles = matrix.tiles_in(first..matrix.tiles().min(first + TILES_AT_ONCE));
        Sha256::digest(bytemuck::cast_slice::<f32, u8>(tiles))
    };
    hash_of_hashes(blocks.map(hash).collect())
}

fn weights_sha256(weights: &Weights) -> String {
    let blocks = weights.values().par_chunks(1 << 16);
    let mut hashes: Vec<_> = blocks.map(|block| Sha256::digest(bytemuck::cast_slice::<u64, u8>(block))).collect();
    hashes.push(Sha256::digest(weights.real(1).to_bits().to_le_bytes()));
    hash_of_hashes(hashes)
}

fn hash_of_hashes(hashes: Vec<impl AsRef<[u8]>>) -> String {
    let mut all = Sha256::new();
    hashes.iter().for_each(|hash| all.update(hash));
    format!("{:x}", all.finalize())
}

impl Checkpoint {
    /// A checkpoint of a job whose result goes to `output`.
    #[must_use]
    pub fn new(job: Job, output: String, snapshot: Snapshot) -> Self {
        Self { segma: env!("CARGO_PKG_VERSION").into(), output, job, snapshot }
    }

    /// Whether this is a checkpoint of `job`, made by this version.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the first option that differs; [`Error::Data`] if it is of another table, or by a version that
    /// may go another way.
    pub fn check(&self, job: &Job) -> Result<()> {
        if self.segma != env!("CARGO_PKG_VERSION") {
            let message = format!("made by segma {}, this is {}", printable(&self.segma), env!("CARGO_PKG_VERSION"));
            return Err(Error::data(Place::default(), message, "resume with that version, or start over with --force"));
        }
        job.same(&self.job)
    }

    /// The checkpoint as JSON text.
    ///
    /// # Errors
    /// [`Error::Usage`] if it would be too long to be read again: thousands of centroids in thousands of columns.
    pub fn to_json(&self) -> Result<String> {
        let file = File { schema: SCHEMA.into(), sha256: self.sha256(), content: self };
        let text = serde_json::to_string(&file).map_err(|e| Error::Usage(e.to_string()))?;
        if text.len() as u64 >= MOST_BYTES {
            return Err(Error::Usage(format!("it would be longer than {} MiB", MOST_BYTES >> 20)));
        }
        Ok(text + "\n")
    }

    /// Reads a checkpoint file.
    ///
    /// # Errors
    /// [`Error::Data`] with the reason if it cannot be read, is damaged, or is of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let read = read_bounded(path, "a checkpoint").and_then(|text| Self::from_json(&text));
        read.map_err(|message| {
            let hint = "start over with --force";
            Error::data(Place::file(path.to_string_lossy()), escaped(&message), hint)
        })
    }

    /// Reads a checkpoint from text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(text: &str) -> std::result::Result<Self, String> {
        check_schema(text, SCHEMA, "a checkpoint")?;
        let file: File<Self> = serde_json::from_str(text).map_err(|e| format!("not a whole checkpoint: {e}"))?;
        if file.sha256 != file.content.sha256() {
            return Err("damaged: its SHA-256 is not that of its content".into());
        }
        Ok(file.content)
    }

    fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::exact::Exact;
    use crate::kmeans::{Observer, Params, Progress, sweep};
    use ndarray::Array2;
    use std::ops::ControlFlow;

    struct First(Option<Snapshot>);

    impl Observer for First {
        fn progress(&mut self, _: Progress) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn wants_snapshot(&mut self, _last: bool) -> bool {
            self.0.is_none()
        }

        fn snapshot(&mut self, snapshot: Snapshot) -> ControlFlow<()> {
            self.0 = Some(snapshot);
            ControlFlow::Break(())
        }
    }

    fn points(rows: usize, change: f64, weights: Option<&[f64]>) -> Matrix {
        let x = Array2::from_shape_fn((rows, 2), |(i, j)| (i * 7 % 13 + j) as f64 + if i == 5 { change } else { 0.0 });
        Matrix::learn(&x.view(), weights.map(|w| Weights::new(w).unwrap())).unwrap().0
    }

    fn params(change: impl Fn(Params) -> Params) -> Vec<ValidParams> {
        [2, 3].map(|k| change(Params::new(k).n_init(2).init(Init::Random)).check().unwrap()).into()
    }

    fn checkpoint() -> Checkpoint {
        let (matrix, params) = (points(40, 0.0, None), params(|p| p));
        let mut first = First(None);
        assert!(sweep(&Exact, &matrix, &params, &mut first).is_err());
        Checkpoint::new(Job::new(&matrix, &params), "run".into(), first.0.unwrap())
    }

    #[test]
    fn a_checkpoint_reads_back_exactly() {
        let checkpoint = checkpoint();
        assert_eq!(Checkpoint::from_json(&checkpoint.to_json().unwrap()), Ok(checkpoint));
    }

    #[test]
    fn a_damaged_checkpoint_is_refused_or_says_the_same() {
        let checkpoint = checkpoint();
        let good = checkpoint.to_json().unwrap().into_bytes();
        let mut refused = 0;
        for at in 0..good.len() {
            let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut bytes = good.clone();
                change(&mut bytes);
                bytes
            };
            let bit = 1u8 << (at % 8);
            for bytes in [
                damaged(&|b| b[at] ^= bit),
                damaged(&|b| b[at] = b"0\"}],-e\0"[at % 8]),
                damaged(&|b| b.truncate(at)),
                damaged(&|b| _ = b.remove(at)),
                damaged(&|b| b.insert(at, b"9[{\",:. "[at % 8])),
            ] {
                let Ok(text) = String::from_utf8(bytes) else { continue };
                match Checkpoint::from_json(&text) {
                    Ok(read) => assert_eq!(read, checkpoint, "byte {at}: {text}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 3 * good.len());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused_with_the_reason() {
        let good = checkpoint().to_json().unwrap();
        for (text, reason) in [
            ("", "not a checkpoint"),
            ("[]", "not a checkpoint"),
            ("{}", "no field `schema`"),
            (&"[".repeat(100_000), "not a checkpoint"),
            (&"{\"schema\":".repeat(100_000), "not a checkpoint"),
            (r#"{"schema":"segma.checkpoint/2"}"#, "'segma.checkpoint/2' is not"),
            (r#"{"schema":"segma.checkpoint/1"}"#, "not a whole checkpoint"),
            (&good.replacen("\"seed\":42", "\"seed\":43", 1), "damaged"),
        ] {
            let message = Checkpoint::from_json(text).expect_err(reason);
            assert!(message.contains(reason), "{message} does not say {reason}");
        }
    }

    #[test]
    fn another_job_is_refused_by_its_first_difference() {
        let (checkpoint, matrix) = (checkpoint(), points(40, 0.0, None));
        let check = |matrix: &Matrix, params: &[ValidParams]| checkpoint.check(&Job::new(matrix, params));
        assert!(check(&matrix, &params(|p| p)).is_ok());
        let weights = [1.5; 40];
        let refused = |matrix: &Matrix, params: &[ValidParams], code: u8, reason: &str| {
            let error = check(matrix, params).expect_err(reason);
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains(reason), "{error} does not say {reason}");
        };
        refused(&matrix, &params(|p| p.seed(7)), 2, "--seed is 7, but the checkpoint was made with 42");
        refused(&matrix, &params(|p| p.tol(0.0)), 2, "--tol is 0,");
        refused(&matrix, &params(|p| p.max_iter(9)), 2, "--max-iter is 9,");
        refused(&matrix, &params(|p| p.n_init(3)), 2, "--n-init is 3,");
        refused(&matrix, &params(|p| p.init(Init::KMeansPlusPlus)), 2, "--init is k-means++,");
        refused(&matrix, &params(|p| p)[..1], 2, "--clusters is 2, but the checkpoint was made with 2,3");
        refused(&points(41, 0.0, None), &params(|p| p), 3, "41 rows, but the checkpoint is of 40");
        refused(&points(40, 0.25, None), &params(|p| p), 3, "the prepared values are not those");
        refused(&points(40, 0.0, Some(&weights)), &params(|p| p), 3, "the row weights are not those");
    }

    #[test]
    fn a_checkpoint_of_another_version_is_refused() {
        let mut checkpoint = checkpoint();
        let job = checkpoint.job.clone();
        checkpoint.segma = "0.0.1".into();
        assert!(checkpoint.check(&job).unwrap_err().to_string().contains("made by segma 0.0.1"));
    }
}
