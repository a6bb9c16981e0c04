//! What can be asked of a fit, and the check that makes it valid.

use crate::error::{Error, Result};
use ndarray::Array2;

/// Where the first centroids come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Init {
    /// Greedy k-means++ (Arthur & Vassilvitskii 2007) with `2 + floor(ln k)` trials a centroid.
    #[default]
    KMeansPlusPlus,
    /// k points drawn at random.
    Random,
    /// Given centroids `[k x dims]`, in the units of the matrix.
    Given(Array2<f64>),
}

/// Parameters of a fit, not yet checked. The defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    k: usize,
    init: Init,
    n_init: Option<usize>,
    max_iter: u32,
    tol: f64,
    seed: u64,
    require_k: bool,
}

impl Params {
    /// Parameters for `k` clusters: k-means++, at most 300 iterations, tolerance 1e-4, seed 42.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, init: Init::default(), n_init: None, max_iter: 300, tol: 1e-4, seed: 42, require_k: false }
    }

    /// Where the first centroids come from.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Starts to try; the lowest inertia wins. By default 10 for random starts, else 1.
    #[must_use]
    pub fn n_init(mut self, starts: usize) -> Self {
        self.n_init = Some(starts);
        self
    }

    /// The most iterations.
    #[must_use]
    pub fn max_iter(mut self, iterations: u32) -> Self {
        self.max_iter = iterations;
        self
    }

    /// Stop when the squared centroid shifts sum to at most this share of the mean column variance.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// The seed of everything random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Fail rather than give fewer clusters than asked for.
    #[must_use]
    pub fn require_k(mut self, require: bool) -> Self {
        self.require_k = require;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the parameter and its range.
    pub fn check(self) -> Result<ValidParams> {
        let usage = |message: String| Err(Error::Usage(message));
        if self.k == 0 || u32::try_from(self.k).is_err() {
            return usage(format!("clusters must be from 1 to {}, not {}", u32::MAX - 1, self.k));
        }
        if self.max_iter == 0 {
            return usage("max-iter must be at least 1".into());
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return usage(format!("tol must be a number of at least 0, not {}", self.tol));
        }
        if self.n_init == Some(0) {
            return usage("n-init must be at least 1".into());
        }
        if let Init::Given(c) = &self.init {
            if c.nrows() != self.k {
                return usage(format!("{} initial centroids for {} clusters", c.nrows(), self.k));
            }
            if c.iter().any(|v| !v.is_finite()) {
                return usage("initial centroids must be finite numbers".into());
            }
        }
        Ok(ValidParams(self))
    }
}

/// Parameters that make sense.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidParams(Params);

impl ValidParams {
    /// Clusters asked for.
    #[must_use]
    pub fn k(&self) -> usize {
        self.0.k
    }

    /// Where the first centroids come from.
    #[must_use]
    pub fn init(&self) -> &Init {
        &self.0.init
    }

    /// Starts to try.
    #[must_use]
    pub fn starts(&self) -> usize {
        match self.0.init {
            Init::Given(_) => 1,
            Init::KMeansPlusPlus => self.0.n_init.unwrap_or(1),
            Init::Random => self.0.n_init.unwrap_or(10),
        }
    }

    /// The most iterations.
    #[must_use]
    pub fn max_iter(&self) -> u32 {
        self.0.max_iter
    }

    /// The tolerance.
    #[must_use]
    pub fn tol(&self) -> f64 {
        self.0.tol
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Whether fewer clusters than asked for are an error.
    #[must_use]
    pub fn require_k(&self) -> bool {
        self.0.require_k
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (params, word) in [
            (Params::new(0), "clusters"),
            (Params::new(usize::MAX), "clusters"),
            (Params::new(2).max_iter(0), "max-iter"),
            (Params::new(2).tol(-1.0), "tol"),
            (Params::new(2).tol(f64::NAN), "tol"),
            (Params::new(2).n_init(0), "n-init"),
            (Params::new(2).init(Init::Given(Array2::zeros((3, 1)))), "initial centroids"),
            (Params::new(1).init(Init::Given(Array2::from_elem((1, 1), f64::NAN))), "initial centroids"),
        ] {
            let message = params.check().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        assert!(Params::new(2).tol(0.0).check().is_ok());
    }
}
