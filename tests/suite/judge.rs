//! Compares engines with the judge, by equality; and the judge with its own tampered answers.

use crate::data::{Kind, Random, table};
use segma::engine::exact::Exact;
use segma::engine::{Centroids, Change, Engine, SetPass};
use segma::matrix::Matrix;

/// Everything one pass answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) labels: Vec<u32>,
    pub(crate) sums: Vec<i128>,
    pub(crate) weights: Vec<i64>,
    pub(crate) counts: Vec<i64>,
    pub(crate) changed: u64,
    pub(crate) ties: u64,
}

impl Answer {
    fn new(labels: Vec<u32>, change: Change) -> Self {
        let Change { sums, weights, counts, changed, ties, .. } = change;
        Self { labels, sums, weights, counts, changed, ties }
    }
}

/// The answers to a row of passes over several centroid sets in one batch.
pub(crate) fn answers(engine: &dyn Engine, matrix: &Matrix, passes: &[Vec<Centroids>]) -> Vec<Vec<Answer>> {
    let mut session = engine.load(matrix).unwrap();
    session.open(passes[0].len()).unwrap();
    let mut all = Vec::new();
    for sets in passes {
        let batch: Vec<SetPass<'_>> =
            sets.iter().enumerate().map(|(set, centroids)| SetPass { set, centroids }).collect();
        let changes = session.pass(&batch).unwrap();
        all.push(changes.into_iter().enumerate().map(|(s, c)| Answer::new(session.labels(s).unwrap(), c)).collect());
    }
    all
}

/// What is wrong with an answer, if anything: the judge's verdict.
pub(crate) fn verdict(judge: &Answer, answer: &Answer) -> Result<(), String> {
    if judge == answer {
        return Ok(());
    }
    let row = judge.labels.iter().zip(&answer.labels).position(|(a, b)| a != b);
    Err(match row {
        Some(row) => format!("row {row}: label {} should be {}", answer.labels[row], judge.labels[row]),
        None => "sums, weights, counts or changes differ".into(),
    })
}

/// Random centroids of a matrix: half of them points (ties and duplicates happen), half near points.
pub(crate) fn centroids(matrix: &Matrix, k: usize, random: &mut Random) -> Centroids {
    let mut values = Vec::new();
    for c in 0..k {
        let row = random.below(matrix.count());
        let near = if c % 2 == 0 { 0 } else { 1 << 20 };
        values.extend(matrix.point(row).map(|q| q + (random.word() % (near + 1)).cast_signed()));
    }
    Centroids::new(matrix.dims(), values)
}

#[test]
fn the_judge_sees_one_wrong_label_one_wrong_sum_and_two_swapped_rows() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 200, 3, 1).view(), None).unwrap().0;
    let sets = vec![vec![centroids(&matrix, 4, &mut Random(2))]];
    let right = answers(&Exact, &matrix, &sets)[0][0].clone();
    assert_eq!(verdict(&right, &right), Ok(()));

    let mut wrong = right.clone();
    wrong.labels[77] = (wrong.labels[77] + 1) % 4;
    assert!(verdict(&right, &wrong).unwrap_err().starts_with("row 77: "));

    let mut wrong = right.clone();
    wrong.sums[5] += 1;
    assert!(verdict(&right, &wrong).is_err());

    let mut wrong = right.clone();
    let other = (1..200).find(|&i| right.labels[i] != right.labels[0]).unwrap();
    wrong.labels.swap(0, other);
    assert!(verdict(&right, &wrong).is_err());
}

#[test]
fn the_judge_agrees_with_arithmetic_done_by_hand() {
    // Points 0, 1, 2, 3, 4 about centroids 0 and 4: the middle one ties and goes to the lower index.
    let x = ndarray::arr2(&[[0.0], [1.0], [2.0], [3.0], [4.0]]);
    let matrix = Matrix::learn(&x.view(), None).unwrap().0;
    let grid = |v: f64| matrix.frame().grid(0, v);
    let sets = vec![vec![Centroids::new(1, vec![grid(0.0), grid(4.0)])]];
    let answer = &answers(&Exact, &matrix, &sets)[0][0];
    assert_eq!(answer.labels, [0, 0, 0, 1, 1]);
    assert_eq!(answer.counts, [3, 2]);
    assert_eq!(answer.sums, [i128::from(grid(0.0) + grid(1.0) + grid(2.0)), i128::from(grid(3.0) + grid(4.0))]);
    assert_eq!((answer.changed, answer.ties), (5, 1));
}
