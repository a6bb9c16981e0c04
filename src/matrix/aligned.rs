//! Room for tiles: zeroed, aligned to cache lines, and first touched by whoever writes it.

/// Floats that start at a cache line.
///
/// A plain vector with an offset: asking the allocator for zeroed memory *and* a large alignment makes it touch every
/// page on the calling thread, which costs more than packing the tiles on all of them.
#[derive(Debug)]
pub(super) struct Aligned {
    buffer: Vec<f32>,
    start: usize,
    length: usize,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl Aligned {
    /// Zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let buffer = vec![0.0; length + LINE / size_of::<f32>()];
        let start = buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { buffer, start, length }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.length]
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.length]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.length);
        copy.values_mut().copy_from_slice(self.values());
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_start_at_a_cache_line_also_in_a_clone() {
        let mut a = Aligned::zeros(100);
        a.values_mut()[99] = 1.0;
        for a in [a.clone(), a] {
            assert_eq!((a.values().as_ptr() as usize % LINE, a.values().len(), a.values()[99]), (0, 100, 1.0));
        }
    }
}
