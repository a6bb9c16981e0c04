//! Faults, planted for tests.

/// What goes wrong with a device, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is lost after it made passes so many times, one or several at once.
    Lose(u32),
    /// It stops answering after as many.
    Hang(u32),
    /// What comes back from it is wrong.
    Lie,
}

impl Fault {
    /// Counts: whether the fault happens now.
    pub(super) fn due(&mut self) -> bool {
        let (Self::Lose(left) | Self::Hang(left)) = self else { return false };
        let due = *left == 0;
        *left = left.saturating_sub(1);
        due
    }
}
