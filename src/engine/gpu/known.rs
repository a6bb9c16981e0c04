//! What is found out about a kernel variant once, by whoever needs it first, and then kept.

use super::shader::Variant;
use crate::error::Result;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value for each variant, under a lock of its own: nobody waits for one that is not wanted yet.
#[derive(Debug)]
pub(super) struct Known<T>(Mutex<HashMap<Variant, Slot<T>>>);

type Slot<T> = Arc<Mutex<Option<T>>>;

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Known<T> {
    /// The value of a variant, which `find` finds if it is not known yet. Who asks meanwhile waits; what fails is not kept.
    pub(super) fn get(&self, variant: Variant, find: impl FnOnce() -> Result<T>) -> Result<T> {
        let slot = self.slot(variant);
        let mut slot = lock(&slot);
        Ok(match &*slot {
            Some(value) => value.clone(),
            None => slot.insert(find()?).clone(),
        })
    }

    /// The value of a variant if it is known, without waiting for it.
    pub(super) fn peek(&self, variant: Variant) -> Option<T> {
        self.slot(variant).try_lock().ok().and_then(|value| value.clone())
    }

    fn slot(&self, variant: Variant) -> Slot<T> {
        lock(&self.0).entry(variant).or_default().clone()
    }
}

/// A lock that outlives a panic of who held it.
pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
