//! The model file: the feature pipeline and the centroids together, so that predict needs nothing else.
//!
//! JSON with a version. Grid centroids are integers and every other number reads back exactly. A file is untrusted: what
//! is read is checked as a whole before anything uses it, and a broken model is an error, never a label.

use crate::engine::Centroids;
use crate::error::{Error, Place, Result, printable};
use crate::features::Pipeline;
use crate::kmeans::{Fit, Init, Params, ValidParams};
use crate::matrix::{Frame, MOST_DIMS, Matrix};
use crate::note::Note;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// The version this program writes and reads.
pub const SCHEMA: &str = "segma.model/3";

/// No model or checkpoint is larger; a longer file is something else.
pub(crate) const MOST_BYTES: u64 = 256 << 20;

/// No name of a segment is longer, in characters.
const MOST_NAME: usize = 256;

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The column that identifies a row, if one was named.
    pub id: Option<String>,
    /// What the segments are called `[k]`: `Segment 0` and so on, until someone knows better. Any text will do.
    pub names: Vec<String>,
    /// How a table becomes features.
    pub pipeline: Pipeline,
    /// Where the grid lies.
    pub frame: Frame,
    /// Centroids on the grid `[k x dims]`, in canonical order.
    pub centroids: Centroids,
    /// Training rows in each segment `[k]`.
    pub counts: Vec<u64>,
    /// The weight of each segment `[k]`, if rows had weights.
    pub weights: Option<Vec<f64>>,
    /// How it was fitted.
    pub training: Training,
    /// What else should be known.
    pub notes: Vec<Note>,
}

/// How a model was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Rows.
    pub rows: u64,
    /// Clusters asked for.
    pub clusters: u64,
    /// `k-means++`, `random` or `given`.
    pub init: String,
    /// Starts tried.
    pub n_init: u64,
    /// The most iterations.
    pub max_iter: u32,
    /// The tolerance.
    pub tol: f64,
    /// The seed of everything random.
    pub seed: u64,
    /// Iterations made.
    pub iterations: u32,
    /// Whether it converged before the limit.
    pub converged: bool,
    /// The weighted sum of squared distances, in prepared units.
    pub inertia: f64,
    /// The same as the exact integer on the grid, in decimal.
    pub inertia_grid: String,
    /// The share of the total squared distance that the clusters explain.
    pub explained: f64,
}

/// The model as it lies in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    segma: String,
    id: Option<String>,
    names: Vec<String>,
    pipeline: Pipeline,
    frame: FrameFile,
    centroids: Vec<Vec<f64>>,
    centroids_grid: Vec<Vec<i64>>,
    counts: Vec<u64>,
    weights: Option<Vec<f64>>,
    training: Training,
    notes: Vec<Note>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameFile {
    offset: Vec<f64>,
    exponent: i32,
    bits: u32,
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

impl Model {
    /// The model of a fit.
    #[must_use]
    pub fn new(
        id: Option<String>,
        pipeline: Pipeline,
        matrix: &Matrix,
        fit: &Fit,
        params: &ValidParams,
        notes: Vec<Note>,
    ) -> Self {
        let frame = matrix.frame().clone();
        let training = Training {
            rows: matrix.count() as u64,
            clusters: params.k() as u64,
            init: match params.init() {
                Init::KMeansPlusPlus => "k-means++".into(),
                Init::Random => "random".into(),
                Init::Given(_) => "given".into(),
            },
            n_init: params.starts() as u64,
            max_iter: params.max_iter(),
            tol: params.tol(),
            seed: params.seed(),
            iterations: fit.iterations,
            converged: fit.converged,
            inertia: fit.inertia_in(matrix),
            inertia_grid: fit.inertia.to_string(),
            explained: fit.explained(),
        };
        let weights = matrix.weights().map(|w| fit.weights.iter().map(|&f| w.real(f)).collect());
        let (centroids, counts) = (fit.centroids.clone(), fit.counts.clone());
        let names = (0..centroids.k()).map(|s| format!("Segment {s}")).collect();
        Self { id, names, pipeline, frame, centroids, counts, weights, training, notes }
    }

    /// Segments.
    #[must_use]
    pub fn k(&self) -> usize {
        self.centroids.k()
    }

    /// The parameters the model was made with. First centroids that were given are not kept: the model's own stand for them.
    ///
    /// # Errors
    /// [`Error::Usage`] if the file says what cannot be.
    pub fn params(&self) -> Result<ValidParams> {
        let Training { max_iter, tol, seed, n_init, clusters, .. } = self.training;
        let size = |n: u64| usize::try_from(n).map_err(|_| Error::Usage(format!("training: {n} is too large")));
        let params = match self.training.init.as_str() {
            "k-means++" => Params::new(size(clusters)?).init(Init::KMeansPlusPlus).n_init(size(n_init)?),
            "random" => Params::new(size(clusters)?).init(Init::Random).n_init(size(n_init)?),
            "given" => Params::new(self.k()).init(Init::Given(self.start())),
            other => return Err(Error::Usage(format!("training.init: '{other}' is no way to start"))),
        };
        params.max_iter(max_iter).tol(tol).seed(seed).check()
    }

    /// The centroids as a fit may start from them, in prepared units.
    fn start(&self) -> Array2<f64> {
        let shape = (self.k(), self.centroids.dims());
        Array2::from_shape_fn(shape, |(c, j)| self.frame.value(j, self.centroids.row(c)[j]))
    }

    /// Centroids `[k x dims]` in the columns' own units.
    #[must_use]
    pub fn values(&self) -> Array2<f64> {
        let shape = (self.k(), self.centroids.dims());
        Array2::from_shape_fn(shape, |(c, j)| self.pipeline.restore(j, self.frame.value(j, self.centroids.row(c)[j])))
    }

    /// The model as JSON text.
    ///
    /// # Errors
    /// [`Error::Usage`] if a centroid is not finite in the columns' own units, [`Error::Data`] if the inertia is not finite:
    /// columns of more than 1e150 or so that were not scaled.
    pub fn to_json(&self) -> Result<String> {
        let file = File {
            schema: SCHEMA.into(),
            segma: env!("CARGO_PKG_VERSION").into(),
            id: self.id.clone(),
            names: self.names.clone(),
            pipeline: self.pipeline.clone(),
            frame: FrameFile {
                offset: self.frame.offset().to_vec(),
                exponent: self.frame.exponent(),
                bits: self.frame.bits(),
            },
            centroids: self.values().rows().into_iter().map(|r| r.to_vec()).collect(),
            centroids_grid: self.centroids.rows().map(<[i64]>::to_vec).collect(),
            counts: self.counts.clone(),
            weights: self.weights.clone(),
            training: self.training.clone(),
            notes: self.notes.clone(),
        };
        if file.centroids.iter().flatten().any(|v| !v.is_finite()) {
            let message = "a centroid leaves the range of f64 in its column's own unit";
            return Err(Error::data(Place::default(), message, "divide the column by a constant first"));
        }
        if !file.training.inertia.is_finite() {
            let message = "the squared distances are beyond the range of a 64-bit float";
            return Err(Error::data(Place::default(), message, "bring the columns to one size, with --scale zscore"));
        }
        serde_json::to_string_pretty(&file).map(|s| s + "\n").map_err(|e| Error::Usage(e.to_string()))
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Model`] with the reason if it cannot be read, is of another version, or does not hold together.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |message: String| Error::model(path, message);
        let text = read_bounded(path, "a model").map_err(fail)?;
        Self::from_json(&text).map_err(fail)
    }

    fn from_json(text: &str) -> std::result::Result<Self, String> {
        check_schema(text, SCHEMA, "a segma model")?;
        let file: File = serde_json::from_str(text).map_err(|e| format!("not a valid model: {e}"))?;
        file.check()
    }
}

/// Refuses text that is not `what`, or of another version.
pub(crate) fn check_schema(text: &str, schema: &str, what: &str) -> std::result::Result<(), String> {
    let head: Head = serde_json::from_str(text).map_err(|e| format!("not {what}: {e}"))?;
    match head.schema {
        Some(found) if found == schema => Ok(()),
        Some(other) => Err(format!("schema: '{}' is not '{schema}', which this segma reads", printable(&other))),
        None => Err(format!("not {what}: no field `schema` ('{schema}')")),
    }
}

/// The text of a file that should be `what`, if it is no longer than any model.
pub(crate) fn read_bounded(path: &Path, what: &str) -> std::result::Result<String, String> {
    // Asked before opening: a named pipe would block the open for ever.
    if !std::fs::metadata(path).map_err(|e| e.to_string())?.is_file() {
        return Err("not a regular file".into());
    }
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("longer than {} MiB: not {what}", MOST_BYTES >> 20));
    }
    if bytes.first() == Some(&0x80) {
        return Err("this looks like a Python pickle, which is never loaded".into());
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".into())
}

impl File {
    /// Checks that everything fits together.
    fn check(self) -> std::result::Result<Model, String> {
        let (k, dims) = (self.centroids_grid.len(), self.pipeline.features().len());
        if k == 0 || dims > MOST_DIMS {
            return Err(format!("centroids_grid: {k} centroids of {dims} columns"));
        }
        for (what, length) in [
            ("frame.offset", self.frame.offset.len()),
            ("centroids", self.centroids.len()),
            ("counts", self.counts.len()),
            ("names", self.names.len()),
        ] {
            let expected = if what == "frame.offset" { dims } else { k };
            if length != expected {
                return Err(format!("{what}: expected {expected} entries, found {length}"));
            }
        }
        self.check_segments(k)?;
        let FrameFile { offset, exponent, bits } = self.frame;
        let frame = Frame::new(offset, exponent, bits).map_err(|e| format!("frame: {e}"))?;
        check_grid(&self.centroids_grid, dims, bits)?;
        let centroids = Centroids::new(dims, self.centroids_grid.concat());
        let (id, names, pipeline, training, notes) = (self.id, self.names, self.pipeline, self.training, self.notes);
        let (counts, weights) = (self.counts, self.weights);
        let model = Model { id, names, pipeline, frame, centroids, counts, weights, training, notes };
        model.check_values(&self.centroids)?;
        Ok(model)
    }

    fn check_segments(&self, k: usize) -> std::result::Result<(), String> {
        if let Some(weights) = &self.weights
            && (weights.len() != k || weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)))
        {
            return Err(format!("weights: expected {k} numbers of at least 0"));
        }
        if self.counts.iter().try_fold(0u64, |sum, c| sum.checked_add(*c)) != Some(self.training.rows) {
            return Err(format!("counts: they do not add up to the {} training rows", self.training.rows));
        }
        if let Some(s) = self.names.iter().position(|n| n.trim().is_empty() || n.chars().count() > MOST_NAME) {
            return Err(format!("names[{s}]: a name has 1 to {MOST_NAME} characters"));
        }
        if self.training.inertia_grid.parse::<ethnum::U256>().is_err() {
            return Err("training.inertia_grid: not a whole number".into());
        }
        Ok(())
    }
}

/// Centroids are means of points, which lie within 1 of the frame's origin.
fn check_grid(grid: &[Vec<i64>], dims: usize, bits: u32) -> std::result::Result<(), String> {
    for (c, row) in grid.iter().enumerate() {
        if row.len() != dims {
            return Err(format!("centroids_grid[{c}]: expected {dims} numbers, found {}", row.len()));
        }
        if let Some(j) = row.iter().position(|q| q.unsigned_abs() > 1 << bits) {
            return Err(format!("centroids_grid[{c}][{j}]: {} lies outside the grid", row[j]));
        }
    }
    Ok(())
}

impl Model {
    /// The centroids in original units must be those that the grid says: else one of them was edited.
    fn check_values(&self, centroids: &[Vec<f64>]) -> std::result::Result<(), String> {
        for (c, (row, exact)) in centroids.iter().zip(self.values().rows()).enumerate() {
            if row.len() != exact.len() {
                return Err(format!("centroids[{c}]: expected {} numbers, found {}", exact.len(), row.len()));
            }
            if let Some(j) = (0..row.len()).find(|&j| row[j].to_bits() != exact[j].to_bits()) {
                return Err(format!("centroids[{c}][{j}]: {} is not what centroids_grid says ({})", row[j], exact[j]));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::exact::Exact;
    use crate::features::{Gaps, How, Number, Plan, Scale};
    use crate::kmeans::{Params, Quiet, fit};
    use serde_json::{Value, json};

    fn model() -> Model {
        let x = Array2::from_shape_fn((30, 2), |(i, j)| (i / 10 * 7 + i % 3 + j) as f64 / 3.0);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let params = Params::new(3).check().unwrap();
        let fit = fit(&Exact, &matrix, &params, &mut Quiet).unwrap();
        let number = Number::plain(Some(0.1), 2.7, 1.3);
        let how = How::Number(number);
        let plan = |name: &str| Plan { name: name.into(), weight: 1.0, gaps: Gaps::Fill, how: how.clone() };
        let pipeline = Pipeline::new(Scale::Zscore, vec![plan("a"), plan("b")]);
        Model::new(Some("id".into()), pipeline, &matrix, &fit, &params, vec![Note::new("x", "y")])
    }

    #[test]
    fn a_model_reads_back_exactly() {
        let model = model();
        assert_eq!(Model::from_json(&model.to_json().unwrap()), Ok(model));
    }

    #[test]
    fn a_fit_again_starts_as_the_model_did() {
        let mut model = model();
        model.training.seed = 7;
        for (init, starts) in [("k-means++", 5), ("random", 5), ("given", 1)] {
            (model.training.init, model.training.n_init) = (init.into(), 5);
            let params = model.params().unwrap();
            let found = match params.init() {
                Init::KMeansPlusPlus => "k-means++",
                Init::Random => "random",
                Init::Given(own) => {
                    assert_eq!(own, &model.start());
                    "given"
                }
            };
            assert_eq!((found, params.starts(), params.seed(), params.k()), (init, starts, 7, 3));
        }
        model.training.init = "guessed".into();
        assert!(model.params().unwrap_err().to_string().contains("'guessed' is no way to start"));
    }

    fn refused(change: impl Fn(&mut Value), reason: &str) {
        let mut value: Value = serde_json::from_str(&model().to_json().unwrap()).unwrap();
        change(&mut value);
        let message = Model::from_json(&value.to_string()).expect_err(reason);
        assert!(message.contains(reason), "{message} does not say {reason}");
    }

    #[test]
    fn a_model_that_does_not_hold_together_is_refused_with_the_reason() {
        refused(|m| m["schema"] = json!("segma.model/2"), "schema: 'segma.model/2' is not");
        refused(|m| m["schema"] = json!(7), "not a segma model");
        refused(|m| drop(m.as_object_mut().unwrap().remove("schema")), "no field `schema`");
        refused(|m| drop(m.as_object_mut().unwrap().remove("frame")), "missing field `frame`");
        refused(|m| m["surprise"] = json!(1), "unknown field `surprise`");
        refused(|m| m["names"] = json!(["a", "b"]), "names: expected 3 entries, found 2");
        refused(|m| m["names"][2] = json!(7), "expected a string");
        refused(|m| m["names"][2] = json!(" "), "names[2]: a name has 1 to 256 characters");
        refused(|m| m["names"][1] = json!("x".repeat(257)), "names[1]: a name has 1 to 256 characters");
        refused(|m| drop(m.as_object_mut().unwrap().remove("names")), "missing field `names`");
        refused(|m| m["counts"] = json!([30]), "counts: expected 3 entries, found 1");
        refused(|m| m["counts"][0] = json!(11), "counts: they do not add up");
        refused(|m| m["counts"][0] = json!(u64::MAX), "counts: they do not add up");
        refused(|m| m["centroids_grid"] = json!([]), "0 centroids");
        refused(|m| m["centroids_grid"][1] = json!([1]), "centroids_grid[1]: expected 2 numbers");
        refused(
            |m| m["centroids_grid"][1][0] = json!(1i64 << 50),
            "centroids_grid[1][0]: 1125899906842624 lies outside",
        );
        refused(|m| m["centroids_grid"][1][0] = json!(1.5), "expected i64");
        refused(|m| m["centroids_grid"][1][0] = json!(1), "centroids[1][0]");
        refused(|m| m["centroids"][0][1] = json!(null), "expected f64");
        refused(
            |m| m["pipeline"]["columns"][0]["how"]["number"]["divisor"] = json!(0.0),
            "columns[0].divisor: 0 is not above 0",
        );
        refused(|m| m["pipeline"]["columns"][0]["name"] = json!("b"), "'b' appears twice");
        refused(|m| m["pipeline"]["columns"] = json!([]), "there are none");
        refused(|m| m["frame"]["bits"] = json!(64), "frame: ");
        refused(|m| m["frame"]["exponent"] = json!(99_999), "frame: ");
        refused(|m| m["frame"]["offset"] = json!([0.0]), "frame.offset: expected 2 entries");
        refused(|m| m["weights"] = json!([1.0]), "weights: expected 3");
        refused(|m| m["training"]["inertia_grid"] = json!("-1"), "inertia_grid");
    }

    #[test]
    fn text_that_is_no_model_is_refused() {
        let good = model().to_json().unwrap();
        for cut in (0..good.len() - 2).step_by(7) {
            assert!(Model::from_json(&good[..cut]).is_err(), "cut at {cut}");
        }
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            "NaN",
            &"[".repeat(100_000),
            &"{\"a\":".repeat(100_000),
            &good.replacen("2.7", "NaN", 1),
            &good.replacen("2.7", "1e999", 1),
        ] {
            assert!(Model::from_json(bad).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
    }
}
