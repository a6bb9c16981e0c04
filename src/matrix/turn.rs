//! Turns tiles: rows of 64 points to columns of 64 lanes, and back.
//!
//! Plain code on purpose: for wide vectors the compiler makes gathers and scatters of these loops, which are slower than one
//! load or store after another.

use super::TILE;

/// Columns that are turned at a time: a cache line of f32.
pub(super) const BLOCK: usize = 16;

/// Lays `columns.len() / 64` columns of rows `[points x dims]`, from column `first` on, lane by lane.
#[inline(never)]
pub(super) fn lanes_of(rows: &[f32], dims: usize, first: usize, columns: &mut [f32]) {
    let columns = columns.as_chunks_mut::<TILE>().0;
    for (lane, row) in rows.chunks_exact(dims).enumerate().take(TILE) {
        let row = &row[first..first + columns.len()];
        match (columns.first_chunk_mut::<BLOCK>(), row.first_chunk::<BLOCK>()) {
            (Some(columns), Some(row)) => columns.iter_mut().zip(row).for_each(|(lanes, x)| lanes[lane] = *x),
            _ => columns.iter_mut().zip(row).for_each(|(lanes, x)| lanes[lane] = *x),
        }
    }
}

/// Lays the points of a tile `[dims x 64]` row by row `[64 x dims]`.
#[inline(never)]
pub(super) fn rows_of(tile: &[f32], rows: &mut [f32]) {
    let dims = tile.len() / TILE;
    for (block, columns) in tile.as_chunks::<TILE>().0.chunks(BLOCK).enumerate() {
        for (lane, row) in rows.chunks_exact_mut(dims).enumerate().take(TILE) {
            let row = &mut row[block * BLOCK..];
            match (columns.first_chunk::<BLOCK>(), row.first_chunk_mut::<BLOCK>()) {
                (Some(columns), Some(row)) => row.iter_mut().zip(columns).for_each(|(x, lanes)| *x = lanes[lane]),
                _ => row.iter_mut().zip(columns).for_each(|(x, lanes)| *x = lanes[lane]),
            }
        }
    }
}

/// Lays rows `[64 x dims]` out as a tile `[dims x 64]`.
pub(super) fn tile_of(rows: &[f32], tile: &mut [f32]) {
    let dims = tile.len() / TILE;
    for (block, columns) in tile.chunks_mut(BLOCK * TILE).enumerate() {
        lanes_of(rows, dims, block * BLOCK, columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_turned_twice_is_itself() {
        for dims in [1, 7, 16, 17, 40] {
            let tile: Vec<f32> = (0..dims * TILE).map(|i| i as f32).collect();
            let (mut rows, mut back) = (vec![0.0; tile.len()], vec![0.0; tile.len()]);
            rows_of(&tile, &mut rows);
            assert!((0..TILE).all(|lane| (0..dims).all(|j| rows[lane * dims + j] == tile[j * TILE + lane])));
            tile_of(&rows, &mut back);
            assert_eq!(back, tile);
        }
    }
}
