//! How a matrix is cut for a device: pure arithmetic on shapes and limits.

use super::shader::Variant;
use crate::error::{Error, Result};
use crate::matrix::TILE;

/// The limits of a device that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Largest storage binding in bytes.
    pub binding_bytes: u64,
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Workgroup memory in bytes.
    pub workgroup_bytes: u32,
    /// Most workgroups a dimension.
    pub groups: u32,
}

/// No chunk is larger, so that an upload needs little staging and a submission stays short.
const MOST_CHUNK_BYTES: u64 = 1 << 30;

/// The matrix cut into chunks of whole tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Tiles a chunk; the last one may hold fewer.
    pub chunk_tiles: usize,
    /// Chunks.
    pub chunks: usize,
}

/// Cuts `tiles` tiles of `dims` columns into chunks below every limit, and below `chunk_bytes` if that is given. An index
/// inside a chunk fits u32, since a binding is below 2^31 bytes.
///
/// # Errors
/// [`Error::Device`] if not even one tile fits.
pub fn plan(tiles: usize, dims: usize, limits: &DeviceLimits, chunk_bytes: Option<u64>) -> Result<Plan> {
    let tile_bytes = (TILE * size_of::<f32>()) as u64 * dims as u64;
    let most = limits.binding_bytes.min(limits.buffer_bytes).min(1 << 31).min(MOST_CHUNK_BYTES);
    let wanted = chunk_bytes.unwrap_or(most).clamp(tile_bytes, most.max(tile_bytes));
    if tile_bytes > most {
        let message = format!("a tile of {dims} columns needs {tile_bytes} bytes, the device binds {most}");
        return Err(Error::Device(message));
    }
    let chunk_tiles = usize::try_from(wanted / tile_bytes).unwrap_or(usize::MAX).min(tiles.max(1));
    Ok(Plan { chunk_tiles, chunks: tiles.div_ceil(chunk_tiles) })
}

/// The kernel for a shape: sums in workgroup memory where they fit, else straight to the totals.
#[must_use]
pub fn variant(dims: u32, bits: u32, k: u32, limits: &DeviceLimits) -> Variant {
    let bytes = 8 * u64::from(k) * u64::from(dims);
    let fits = bytes <= u64::from(limits.workgroup_bytes.min(16_384));
    Variant { dims, bits, bins: fits.then_some(k), tiles: if fits { 16 } else { 4 } }
}

/// Workgroups as a grid within the limit of a dimension.
#[must_use]
pub fn grid(groups: u32, limit: u32) -> (u32, u32) {
    let y = groups.div_ceil(limit).max(1);
    (groups.div_ceil(y), y)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAVAPIPE: DeviceLimits =
        DeviceLimits { binding_bytes: 1 << 27, buffer_bytes: (1 << 31) - 1, workgroup_bytes: 32_768, groups: 65_535 };

    #[test]
    fn chunks_stay_below_every_limit_at_any_size() {
        for (rows, dims) in [(1usize, 1usize), (50_000_000, 16), (134_217_729, 32), (1 << 33, 8), (1 << 20, 4096)] {
            let tiles = rows.div_ceil(TILE);
            for forced in [None, Some(1 << 20)] {
                let p = plan(tiles, dims, &LAVAPIPE, forced).unwrap();
                let bytes = (p.chunk_tiles * dims * TILE * 4) as u64;
                assert!(
                    bytes <= 1 << 27 && p.chunks * p.chunk_tiles >= tiles && (p.chunks - 1) * p.chunk_tiles < tiles
                );
            }
        }
    }

    #[test]
    fn a_tile_too_wide_for_the_device_is_an_error() {
        assert!(plan(1, 1 << 20, &LAVAPIPE, None).is_err());
    }

    #[test]
    fn workgroups_wrap_into_a_second_dimension() {
        for groups in [1, 65_535, 65_536, 10_000_000] {
            let (x, y) = grid(groups, 65_535);
            assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= u64::from(groups));
        }
    }

    #[test]
    fn small_sums_live_in_workgroup_memory() {
        assert_eq!(variant(16, 40, 8, &LAVAPIPE).bins, Some(8));
        assert_eq!(variant(64, 40, 256, &LAVAPIPE).bins, None);
    }
}
