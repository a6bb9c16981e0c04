//! A hostile twin: scores in f32 with shuffled order, unfused, flushing to zero and rounding in a directed way. With the
//! bound, the guard and the referee it must give the judge's labels all the same, or the bound is wrong.

use crate::data::{KINDS, Random, table};
use crate::judge::{answers, centroids};
use segma::engine::Centroids;
use segma::engine::bound::{DIRECTED, NEAREST, Scoring};
use segma::engine::exact::{Exact, nearest};
use segma::matrix::{Matrix, TILE};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rounding {
    Nearest,
    Up,
    Down,
    TowardsZero,
}

impl Rounding {
    /// An exact f64 rounded to f32 in this way, subnormals flushed to zero.
    fn round(self, exact: f64) -> f32 {
        let near = exact as f32;
        let rounded = match self {
            Rounding::Up if f64::from(near) < exact => near.next_up(),
            Rounding::Down if f64::from(near) > exact => near.next_down(),
            Rounding::TowardsZero if f64::from(near).abs() > exact.abs() => {
                if near > 0.0 {
                    near.next_down()
                } else {
                    near.next_up()
                }
            }
            _ => near,
        };
        if rounded.is_subnormal() { 0.0 } else { rounded }
    }

    fn unit(self) -> f64 {
        if self == Rounding::Nearest { NEAREST } else { DIRECTED }
    }
}

/// Labels the way a hostile device would, and how many rows went to the referee. f64 holds a product of two f32 exactly;
/// a sum of two is rounded to f64 first, to nearest, which moves it by far less than the f32 rounding after it.
fn hostile_labels(
    matrix: &Matrix,
    centroids: &Centroids,
    rounding: Rounding,
    random: &mut Random,
) -> (Vec<u32>, usize) {
    let scoring = Scoring::new(centroids, matrix.frame().bits(), rounding.unit());
    let (k, dims) = (scoring.distinct(), matrix.dims());
    let (mut start, mut guard) = (vec![0.0; k], vec![0.0; k]);
    let (mut labels, mut refereed) = (Vec::new(), 0);
    for i in 0..matrix.count() {
        scoring.start(matrix.norm(i / TILE), &mut start, &mut guard);
        let mut order: Vec<usize> = (0..dims).collect();
        (1..dims).rev().for_each(|j| order.swap(j, random.below(j + 1)));
        let tile = matrix.tile(i / TILE);
        let upper: Vec<f32> = (0..k)
            .map(|c| {
                order.iter().fold(start[c], |sum, &j| {
                    let product = f64::from(tile[j * TILE + i % TILE]) * f64::from(scoring.centroids[c * dims + j]);
                    rounding.round(f64::from(sum) + f64::from(rounding.round(product)))
                })
            })
            .collect();
        let best = (0..k).fold(0, |b, c| if upper[c] > upper[b] { c } else { b });
        let second = (0..k).filter(|&c| c != best).map(|c| upper[c]).fold(f32::NEG_INFINITY, f32::max);
        let stands = rounding.round(f64::from(upper[best]) - f64::from(guard[best])) > second;
        let label = if stands {
            scoring.index[best]
        } else {
            refereed += 1;
            let lower = (0..k).map(|c| upper[c] - guard[c]).fold(f32::NEG_INFINITY, f32::max);
            let point: Vec<i64> = matrix.point(i).collect();
            let candidates = (0..k).filter(|&c| upper[c] >= lower).map(|c| scoring.index[c] as usize);
            u32::try_from(nearest(&point, centroids, candidates).index).unwrap()
        };
        labels.push(label);
    }
    (labels, refereed)
}

#[test]
fn a_hostile_device_gives_the_judges_labels() {
    let mut random = Random(2026);
    let (mut rows, mut refereed) = (0, 0);
    for kind in KINDS {
        for (n, d, k) in [(300, 1, 3), (300, 3, 8), (200, 16, 20), (150, 129, 5), (65, 33, 65)] {
            let matrix = Matrix::learn(&table(kind, n, d, random.word()).view(), None).unwrap().0;
            let set = centroids(&matrix, k, &mut random);
            let judge = answers(&Exact, &matrix, &[vec![set.clone()]])[0][0].labels.clone();
            for rounding in [Rounding::Nearest, Rounding::Up, Rounding::Down, Rounding::TowardsZero] {
                let (labels, sent) = hostile_labels(&matrix, &set, rounding, &mut random);
                assert_eq!(judge, labels, "{kind:?} n={n} d={d} k={k} {rounding:?}");
                (rows, refereed) = (rows + n, refereed + sent);
            }
        }
    }
    assert!(refereed > 0 && refereed < rows, "the referee took {refereed} of {rows} rows");
}

#[test]
fn without_its_guard_the_hostile_device_is_caught() {
    // The same scores with no referee must be wrong somewhere, or the test above proves nothing.
    let mut random = Random(7);
    let matrix = Matrix::learn(&table(crate::data::Kind::Counts, 500, 12, 5).view(), None).unwrap().0;
    let set = centroids(&matrix, 30, &mut random);
    let judge = answers(&Exact, &matrix, &[vec![set.clone()]])[0][0].labels.clone();
    let scoring = Scoring::new(&set, matrix.frame().bits(), NEAREST);
    let wrong = (0..matrix.count()).filter(|&i| {
        let point: Vec<f32> = matrix.tile(i / TILE).iter().skip(i % TILE).step_by(TILE).copied().collect();
        let score = |c: usize| {
            let dot: f32 = point.iter().zip(&scoring.centroids[c * 12..]).map(|(x, c)| x * c).sum();
            dot - scoring.half2[c]
        };
        let best = (0..scoring.distinct()).fold(0, |b, c| if score(c) > score(b) { c } else { b });
        scoring.index[best] != judge[i]
    });
    assert!(wrong.count() > 0);
}
