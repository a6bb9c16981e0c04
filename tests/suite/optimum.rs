//! Against what cannot be beaten: exact optima of small problems, and the true means of a very large one.

use crate::data::Random;
use crate::fitted::{column, fitted, inertia, matrix};
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::kmeans::{Init, Params, Quiet, fit};
use segma::matrix::Matrix;

/// The least inertia of sorted numbers in k groups, by dynamic programming (Wang & Song 2011).
fn optimum_1d(sorted: &[f64], k: usize) -> f64 {
    let n = sorted.len();
    let cost = |from: usize, to: usize| -> f64 {
        let part = &sorted[from..to];
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        part.iter().map(|v| (v - mean).powi(2)).sum()
    };
    let costs: Vec<Vec<f64>> = (0..n).map(|from| (from..n).map(|to| cost(from, to + 1)).collect()).collect();
    let mut best: Vec<f64> = (0..n).map(|to| costs[0][to]).collect();
    for groups in 2..=k {
        let last = best.clone();
        for to in groups - 1..n {
            let cut = |from: usize| last[from - 1] + costs[from][to - from];
            best[to] = (groups - 1..=to).map(cut).fold(f64::INFINITY, f64::min);
        }
    }
    best[n - 1]
}

#[test]
fn one_column_is_never_below_the_optimum_and_close_above_it() {
    let mut random = Random(60);
    for (n, k) in [(30, 2), (100, 5), (200, 12), (150, 20)] {
        let mut values: Vec<f64> = (0..n).map(|_| random.uniform().powi(3) * 100.0).collect();
        values.sort_by(f64::total_cmp);
        let (m, optimum) = (matrix(&column(&values)), optimum_1d(&values, k));
        let found = inertia(&fitted(&m, Params::new(k).n_init(30).tol(0.0)), &m);
        println!("n={n} k={k}: {:.4} times the optimum", found / optimum);
        assert!(found >= optimum * (1.0 - 1e-6) && found <= optimum * 1.05, "n={n} k={k}: {found} {optimum}");
    }
}

/// The least inertia of all ways to put the rows into k groups.
fn optimum_of_all_partitions(x: &Array2<f64>, k: usize) -> f64 {
    let n = x.nrows();
    let inertia = |labels: &[usize]| -> f64 {
        let group = |c: usize| {
            let rows: Vec<usize> = (0..n).filter(|&i| labels[i] == c).collect();
            let own = x.select(ndarray::Axis(0), &rows);
            own.mean_axis(ndarray::Axis(0)).map_or(0.0, |mean| (own - mean).mapv(|v| v * v).sum())
        };
        (0..k).map(group).sum()
    };
    let code = |code: usize| (0..n).map(|i| code / k.pow(i as u32) % k).collect::<Vec<_>>();
    (0..k.pow(n as u32)).map(|c| inertia(&code(c))).fold(f64::INFINITY, f64::min)
}

#[test]
fn many_starts_reach_the_optimum_of_small_problems() {
    let mut random = Random(61);
    for (n, k, d) in [(8, 2, 1), (8, 2, 2), (7, 3, 2), (8, 3, 3)] {
        let x = Array2::from_shape_fn((n, d), |_| random.uniform() * 10.0);
        let (m, optimum) = (matrix(&x), optimum_of_all_partitions(&x, k));
        for init in [Init::KMeansPlusPlus, Init::Random] {
            let found = inertia(&fitted(&m, Params::new(k).init(init).n_init(50).tol(0.0)), &m);
            assert!((found / optimum - 1.0).abs() < 1e-6, "n={n} k={k} d={d}: {found} {optimum}");
        }
    }
}

/// Half uniform in `[0, 1)`, half in `[10, 11)`, in no order; and the f64 mean and the number of each half.
fn halves(n: usize) -> (Array2<f32>, [f64; 2], [u64; 2]) {
    let mut random = Random(40_000_000);
    let (mut values, mut sums, mut counts) = (Vec::with_capacity(n), [0.0f64; 2], [0u64; 2]);
    for _ in 0..n {
        let word = random.word();
        let half = (word & 1) as usize;
        let value = (word >> 40) as f32 / (1 << 24) as f32 + 10.0 * half as f32;
        values.push(value);
        sums[half] += f64::from(value);
        counts[half] += 1;
    }
    let means = [sums[0] / counts[0] as f64, sums[1] / counts[1] as f64];
    (Array2::from_shape_vec((n, 1), values).unwrap(), means, counts)
}

#[test]
fn forty_million_rows_have_their_true_means() {
    // f32 sums stop growing at 2^24 rows: peers return centres far outside the data here.
    let (x, means, counts) = halves(40_000_000);
    let matrix = Matrix::learn(&x.view(), None).unwrap().0;
    drop(x);
    let cpu = Cpu::new().unwrap();
    let given = Init::Given(ndarray::array![[0.5], [10.5]]);
    for init in [given, Init::KMeansPlusPlus] {
        let found = fit(&cpu, &matrix, &Params::new(2).init(init).check().unwrap(), &mut Quiet).unwrap();
        let values = found.values(matrix.frame());
        let mut centres = [values[[0, 0]], values[[1, 0]]];
        let mut sizes = [found.counts[0], found.counts[1]];
        if centres[0] > centres[1] {
            (centres, sizes) = ([centres[1], centres[0]], [sizes[1], sizes[0]]);
        }
        println!("centres {centres:?}, true means {means:?}");
        assert_eq!(sizes, counts);
        assert!(centres.iter().zip(means).all(|(a, b)| (a - b).abs() < 1e-6), "{centres:?} {means:?}");
    }
}
