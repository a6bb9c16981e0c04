//! Whether the labels and sums of all starts of a batch fit in memory, asked before any work.

use super::params::ValidParams;
use crate::engine::width::Width;
use crate::error::{Error, Result};
use crate::matrix::{Matrix, TILE};

/// Bytes a coordinate of a centroid takes: with the fit and with the session 8 each, and its sum 16.
const COORDINATE_BYTES: u128 = 8 + 8 + 16;

/// Asks the system for what all starts take together, and gives it back: many small requests, each of them granted,
/// would end the process instead.
pub(super) fn check_room(matrix: &Matrix, params: &[ValidParams]) -> Result<()> {
    let points = (matrix.tiles() * TILE) as u128;
    // More clusters than points are another error, of the fit.
    let coordinates = |p: &ValidParams| (p.k().min(matrix.count()) * matrix.dims()) as u128;
    let labels = |p: &ValidParams| points * u128::from(Width::of(p.k()).bytes());
    let of_start = |p: &ValidParams| labels(p) + coordinates(p) * COORDINATE_BYTES;
    let bytes: u128 = params.iter().map(|p| p.starts() as u128 * of_start(p)).sum();
    let room = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if room {
        return Ok(());
    }
    let starts: u128 = params.iter().map(|p| p.starts() as u128).sum();
    let mib = bytes.div_ceil(1 << 20);
    Err(Error::Memory(match starts {
        1 => {
            format!("the fit needs {mib} MiB beside the points, which the system does not give; ask for fewer clusters")
        }
        _ => format!("{starts} starts need {mib} MiB, which the system does not give; ask for fewer starts"),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Params;
    use super::*;
    use ndarray::Array2;

    #[test]
    fn starts_that_no_memory_can_hold_are_refused() {
        let matrix = Matrix::learn(&Array2::<f32>::eye(70).view(), None).unwrap().0;
        let params = |starts: usize| vec![Params::new(3).n_init(starts).check().unwrap(); 2];
        assert!(check_room(&matrix, &params(10)).is_ok());
        let refused = check_room(&matrix, &params(1 << 55)).unwrap_err();
        assert!(refused.to_string().contains("ask for fewer starts"), "{refused}");
    }
}
