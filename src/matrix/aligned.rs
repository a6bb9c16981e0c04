//! Room for tiles: zeroed, aligned, and first touched by whoever writes it.
//!
//! Anonymous pages straight from the system. An allocator asked for zeroed memory *and* a large alignment touches every
//! page on the calling thread, which costs more than packing the tiles on all of them; and pages can be asked to be huge,
//! which saves most of the faults. Tiles that do not fit in memory lie in the file of a store.

use crate::store::Bytes;
use memmap2::MmapMut;

/// The values of tiles.
#[derive(Debug)]
pub(super) enum Tiles {
    InMemory(Aligned),
    /// Each as it lies in memory, one after another.
    InFile(Bytes),
}

impl Tiles {
    pub(super) fn values(&self) -> &[f32] {
        match self {
            Self::InMemory(aligned) => aligned.values(),
            Self::InFile(bytes) => bytemuck::cast_slice(bytes), // it begins at a page
        }
    }

    /// The same to write; nothing of what lies in a file.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        match self {
            Self::InMemory(aligned) => aligned.values_mut(),
            Self::InFile(_) => &mut [],
        }
    }
}

/// Floats that start at a page.
#[derive(Debug)]
pub(super) struct Aligned {
    pages: MmapMut,
    length: usize,
}

impl Aligned {
    /// Zeros; `None` if the system has no room.
    pub(super) fn zeros(length: usize) -> Option<Self> {
        let bytes = length.checked_mul(size_of::<f32>())?.max(1);
        let pages = MmapMut::map_anon(bytes.next_multiple_of(64)).ok()?;
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage); // a wish: small pages work as well
        Some(Self { pages, length })
    }

    pub(super) fn values(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.pages)[..self.length]
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.pages)[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_zero_and_start_at_a_cache_line() {
        let mut a = Aligned::zeros(100).unwrap();
        assert!(a.values().iter().all(|v| *v == 0.0) && a.values().as_ptr().align_offset(64) == 0);
        a.values_mut()[99] = 1.0;
        assert_eq!((a.values().len(), a.values()[99]), (100, 1.0));
    }

    #[test]
    fn what_the_system_cannot_give_is_no_panic() {
        assert!(Aligned::zeros(usize::MAX / 8).is_none());
    }
}
