//! How far a long step is, told to whoever watches.
//!
//! Reading and writing happen on several threads, so this is a function that all of them may call; it cannot stop the
//! work, as the observer of a fit can.

use std::fmt;
use std::sync::Arc;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    /// What is done, from the beginning of the step on.
    pub done: u64,
    /// What there is to do in all; 0 if that is not known.
    pub of: u64,
    /// What is counted.
    pub unit: Unit,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of the file, as they lie on the disk.
    Bytes,
    /// Rows of the table.
    Rows,
}

/// Is told how far a step is, from any thread.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(Far) + Send + Sync>);

impl Watch {
    /// A watch that calls this.
    pub fn new(tell: impl Fn(Far) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells it.
    pub fn tell(&self, far: Far) {
        (self.0)(far);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
