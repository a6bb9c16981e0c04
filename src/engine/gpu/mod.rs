//! The GPU engine: the CPU's pass in WGSL, to the same bytes.
//!
//! The points live on the device in chunks of tiles below every limit. A pass scores each tile once for a centroid set,
//! proves or referees its labels there, and sends back only the integer change of sums and counts. Floats may propose, but
//! only integers decide; so the driver's rounding, order and fusing cannot be seen in the result.

mod device;
mod pipelines;
pub mod plan;
mod session;
pub mod shader;

pub use device::Adapter;
pub use session::PARAMS_LAYOUT;

use super::{Engine, Session};
use crate::error::Result;
use crate::matrix::Matrix;
use device::Device;
use session::GpuSession;
use std::sync::Arc;

/// A GPU as an engine.
#[derive(Debug, Clone)]
pub struct Gpu {
    device: Arc<Device>,
    software: bool,
    chunk_bytes: Option<u64>,
    lose_after: Option<u32>,
}

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the driver refuses.
    pub fn open(adapter: &Adapter) -> Result<Self> {
        let chunk_bytes = std::env::var("SEGMA_GPU_CHUNK").ok().and_then(|text| bytes(&text));
        let software = adapter.is_software();
        Ok(Self { device: Arc::new(Device::open(adapter)?), software, chunk_bytes, lose_after: None })
    }

    /// Cuts the points into chunks of at most so many bytes.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: u64) -> Self {
        self.chunk_bytes = Some(bytes);
        self
    }

    /// A fault switch for tests: the device is lost after so many passes of a session.
    #[must_use]
    pub fn lose_after(mut self, passes: u32) -> Self {
        self.lose_after = Some(passes);
        self
    }
}

impl Engine for Gpu {
    fn name(&self) -> String {
        let kind = if self.software { "software gpu" } else { "gpu" };
        format!("{kind} ({})", self.device.name)
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        Ok(Box::new(GpuSession::new(self.device.clone(), matrix, self.chunk_bytes, self.lose_after)?))
    }
}

/// `1MiB`, `512KiB` or a plain number of bytes.
fn bytes(text: &str) -> Option<u64> {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units.iter().find_map(|(name, size)| text.strip_suffix(name).map(|number| (number, *size)));
    let (number, size) = unit.unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!((bytes("1MiB"), bytes("2 KiB"), bytes("7"), bytes("x")), (Some(1 << 20), Some(2048), Some(7), None));
    }
}
