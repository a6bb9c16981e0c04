//! A pass over a grid of dims and clusters, to find cliffs: shapes that cost more than a larger one does.
//!
//!     cargo bench --bench grid [-- LEVEL]
//!
//! Prints multiply-adds per second of a steady pass and nanoseconds per point of a first one, the best of several, as
//! Markdown tables, and then every shape that costs a tenth more than its neighbour of more dims or clusters. Run as a test
//! (`cargo test --benches`) it makes each pass once, for the smallest shapes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot run must fail; its output is the result"
)]

#[path = "common/data.rs"]
mod data;

use data::{blobs, packed};
use segma::engine::cpu::{Cpu, Level, Pruning};
use segma::engine::{Centroids, Engine, Session, SetPass};
use segma::matrix::Matrix;
use std::time::{Duration, Instant};

const DIMS: [usize; 15] = [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 128, 256];
const CLUSTERS: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 32, 64, 128, 256, 1_024, 4_096];

/// Multiply-adds of a pass, and the least and most points that they are brought about with.
const WORK: usize = 1 << 28;
const POINTS: [usize; 2] = [4_096, 262_144];

/// How long a shape is timed at least.
const WHILE: Duration = Duration::from_millis(40);

/// Seconds per point of a first and of a steady pass.
#[derive(Clone, Copy)]
struct Cell {
    first: f64,
    steady: f64,
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let level = wanted.map(|name| Level::ALL.into_iter().find(|l| l.name() == name).unwrap());
    let cpu = level.map_or_else(|| Cpu::new().unwrap(), |l| Cpu::with_level(l).unwrap()).pruning(Pruning::Never);
    if !std::env::args().any(|a| a == "--bench") {
        DIMS[..3].iter().for_each(|&d| {
            CLUSTERS[..5].iter().for_each(|&k| {
                timed(&cpu, d, k, Duration::ZERO);
            })
        });
        return;
    }
    let cells: Vec<Vec<Cell>> =
        DIMS.iter().map(|&d| CLUSTERS.iter().map(|&k| timed(&cpu, d, k, WHILE)).collect()).collect();
    println!("{}, {} threads", cpu.name(), rayon::current_num_threads());
    table("Steady pass, 10^9 multiply-adds a second", &cells, |cell, d, k| (d * k) as f64 / cell.steady / 1e9);
    table("First pass, ns a point", &cells, |cell, _, _| cell.first * 1e9);
    cliffs(&cells);
}

/// The best of as many passes as fit in a while, at least one.
fn timed(cpu: &Cpu, d: usize, k: usize, least: Duration) -> Cell {
    let n = (WORK / (d * k)).clamp(POINTS[0].max(k), POINTS[1]);
    let matrix = packed(&blobs(n, d));
    let rows = (0..k).map(|c| c * (n / k));
    let centroids = Centroids::new(d, rows.flat_map(|row| matrix.point(row)).collect());
    let mut cell = Cell { first: f64::INFINITY, steady: f64::INFINITY };
    let clock = Instant::now();
    loop {
        let (first, steady) = passes(cpu, &matrix, &centroids);
        cell = Cell { first: cell.first.min(first / n as f64), steady: cell.steady.min(steady / n as f64) };
        if clock.elapsed() >= least {
            return cell;
        }
    }
}

/// Seconds of a first pass, and of the best of three steady ones.
fn passes(cpu: &Cpu, matrix: &Matrix, centroids: &Centroids) -> (f64, f64) {
    let mut session = cpu.load(matrix).unwrap();
    session.open(1).unwrap();
    let pass = |session: &mut dyn Session| {
        let clock = Instant::now();
        let changed = session.pass(&[SetPass { set: 0, centroids }]).unwrap()[0].changed;
        (clock.elapsed().as_secs_f64(), changed)
    };
    let (first, changed) = pass(&mut *session);
    assert_eq!(changed, matrix.count() as u64);
    let steady = (0..3).map(|_| pass(&mut *session)).map(|(seconds, changed)| {
        assert_eq!(changed, 0);
        seconds
    });
    (first, steady.fold(f64::INFINITY, f64::min))
}

fn table(title: &str, cells: &[Vec<Cell>], value: impl Fn(Cell, usize, usize) -> f64) {
    println!("\n{title}\n\n| d \\ k | {} |", CLUSTERS.map(|k| k.to_string()).join(" | "));
    println!("|---|{}", "---|".repeat(CLUSTERS.len()));
    for (row, d) in cells.iter().zip(DIMS) {
        let values: Vec<String> = row.iter().zip(CLUSTERS).map(|(&c, k)| format!("{:.1}", value(c, d, k))).collect();
        println!("| {d} | {} |", values.join(" | "));
    }
}

/// Names the shapes whose steady pass costs a tenth more a point than that of a larger neighbour.
fn cliffs(cells: &[Vec<Cell>]) {
    println!();
    let mut found = 0;
    for (i, d) in DIMS.into_iter().enumerate() {
        for (j, k) in CLUSTERS.into_iter().enumerate() {
            let more_dims = cells.get(i + 1).map(|row| (row[j], DIMS[i + 1], k));
            let more_clusters = cells[i].get(j + 1).map(|&cell| (cell, d, CLUSTERS[j + 1]));
            for (larger, d2, k2) in more_dims.into_iter().chain(more_clusters) {
                let ratio = cells[i][j].steady / larger.steady;
                if ratio > 1.1 {
                    found += 1;
                    println!("cliff: d={d} k={k} costs {ratio:.2} times d={d2} k={k2}");
                }
            }
        }
    }
    println!("{found} cliffs");
}
