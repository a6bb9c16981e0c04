//! Labels on a GPU, as narrow as the number of clusters allows: against the judge, at the borders of every width.

use crate::data::{Kind, Random, table};
use crate::gpu::{ALL, adapters, gpus, open};
use crate::gpu_ahead::{ahead_and_in_vain, outcome};
use crate::judge::{answers, centroids, verdict};
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::plan::DeviceLimits;
use segma::engine::gpu::{Fault, Gpu, OpenOptions};
use segma::engine::width::Width;
use segma::engine::{Centroids, Engine, SetPass};
use segma::kmeans::{Init, Params, Quiet, fit};
use segma::matrix::Matrix;

/// So many centroids, of which the last few lie among the points and all others far out, a few hundred to a place: the labels
/// are the largest there are, and there is not too much to score.
fn high(matrix: &Matrix, k: usize, random: &mut Random) -> Centroids {
    let near = centroids(matrix, k.min(100), random);
    let far = (0..k - near.k()).flat_map(|c| vec![(3 << 40) + i64::try_from(c % 300).unwrap(); matrix.dims()]);
    Centroids::new(matrix.dims(), far.chain(near.values().iter().copied()).collect())
}

fn check(gpu: &dyn Engine, matrix: &Matrix, passes: &[Vec<Centroids>], what: &str) {
    let judge = answers(&Exact, matrix, passes);
    for (pass, (judge, got)) in judge.iter().zip(answers(gpu, matrix, passes)).enumerate() {
        for (set, (judge, got)) in judge.iter().zip(&got).enumerate() {
            assert_eq!(verdict(judge, got), Ok(()), "{what}, pass {pass}, set {set}");
        }
    }
}

#[test]
fn the_largest_labels_of_every_width_equal_the_judge() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 131, 2, 4).view(), None).unwrap().0;
    let gpus = gpus();
    for k in [254, 255, 256, 65_534, 65_535, 65_536] {
        let mut random = Random(k as u64);
        let (a, b) = (high(&matrix, k, &mut random), high(&matrix, k, &mut random));
        // The last pass finds few changes behind it, which is another way to sum.
        let passes: Vec<_> = [&a, &b, &b, &a].into_iter().map(|c| vec![c.clone()]).collect();
        let labels = &answers(&Exact, &matrix, &passes[..1])[0][0].labels;
        assert!(labels.iter().all(|&l| l as usize + 100 >= k) && labels.iter().any(|&l| l as usize + 10 >= k));
        for (name, gpu) in &gpus {
            check(gpu, &matrix, &passes, &format!("{name}, k {k}"));
            assert_eq!(gpu.label_bits(), Some(Width::of(k).bits()), "{name}, k {k}: {:?}", gpu.ran());
        }
    }
}

/// Engines that share points and sets out in every way: chunks, streaming chunks, groups of sets, steps, devices.
fn cuts(binding_bytes: u64, memory: u64) -> Vec<(&'static str, Gpu)> {
    let small = DeviceLimits { binding_bytes, ..DeviceLimits::LEAST };
    let short = DeviceLimits { step_work: 1, ..DeviceLimits::LEAST };
    let mut cuts = Vec::new();
    for adapter in adapters() {
        let with = |limits| open(&adapter, OpenOptions { limits: Some(limits), ..ALL });
        cuts.push(("chunks of a tile", open(&adapter, ALL).chunk_bytes(1)));
        cuts.push(("streaming", open(&adapter, ALL).memory(memory)));
        cuts.push(("small bindings", with(small)));
        cuts.push(("short steps", with(short)));
        cuts.push(("two devices", Gpu::open(&[adapter.clone(), adapter.clone()], ALL).unwrap()));
    }
    cuts
}

#[test]
fn a_batch_of_small_and_large_sets_equals_the_judge_in_every_cut() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 3001, 5, 4).view(), None).unwrap().0;
    let mut random = Random(2);
    let ks = [3, 255, 300, 1, 40, 2, 3, 4, 5, 6, 7, 8];
    let mut sets = || -> Vec<_> { ks.map(|k| high(&matrix, k, &mut random)).to_vec() };
    let passes = [sets(), sets(), sets()];
    // 6 KB of labels a set, 60 KB of points, and more than that of tables and totals.
    for (cut, gpu) in cuts(1 << 16, 260 << 10) {
        check(&gpu, &matrix, &passes, cut);
    }
}

/// Sets that come one after the other, each with more clusters than the labels so far had room for, and points that are
/// relabelled by hand side by side.
fn one_after_another(engine: &dyn Engine, matrix: &Matrix) -> Vec<String> {
    let mut random = Random(3);
    let mut session = engine.load(matrix).unwrap();
    session.open(4).unwrap();
    let mut seen = Vec::new();
    for (set, k) in [(1, 7), (0, 255), (2, 300), (1, 9), (3, 70_000), (2, 400), (1, 9)] {
        let centroids = high(matrix, k, &mut random);
        let change = session.pass(&[SetPass { set, centroids: &centroids }]).unwrap().remove(0);
        seen.push(format!("{:?} {:?} {} {}", change.sums, change.counts, change.changed, change.ties));
        for row in [63, 64, 65, 66, 67, matrix.count() - 1] {
            session.relabel(set, row, (row % k) as u32).unwrap();
        }
        let labelled = if seen.len() < 5 { &[1][..] } else { &[0, 1, 2, 3] };
        seen.extend(labelled.iter().map(|&set| format!("{:?}", session.labels(set).unwrap())));
        seen.push(format!("{:?}", session.farthest(set, 3).unwrap()));
    }
    session.renumber(2, &(0..400).map(|label| 399 - label).collect::<Vec<u32>>()).unwrap();
    seen.push(format!("{:?}", session.labels(2).unwrap()));
    seen
}

#[test]
fn labels_that_are_widened_stay_what_they_are() {
    let matrix = Matrix::learn(&table(Kind::Counts, 203, 2, 4).view(), None).unwrap().0;
    let right = one_after_another(&Exact, &matrix);
    for (cut, gpu) in cuts(1 << 23, 1 << 23) {
        assert!(right == one_after_another(&gpu, &matrix), "{cut}");
    }
    for adapter in adapters() {
        let mortal = Box::new(open(&adapter, ALL).fault(Fault::Lose(4)));
        assert!(right == one_after_another(&Fallback::new(mortal, Box::new(Exact)), &matrix), "a device that is lost");
    }
}

#[test]
fn fits_whose_labels_take_two_bytes_survive_a_lost_device() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 3000, 4, 12).view(), None).unwrap().0;
    let params = Params::new(300).init(Init::Random).n_init(1).max_iter(12).tol(0.0).check().unwrap();
    let cpu = || Cpu::new().unwrap();
    let whole = fit(&cpu(), &matrix, &params, &mut Quiet).unwrap();
    for adapter in adapters() {
        for fault in [Fault::Lose(1), Fault::Lose(4)] {
            let both = Fallback::new(Box::new(open(&adapter, ALL).fault(fault)), Box::new(cpu()));
            let got = fit(&both, &matrix, &params, &mut Quiet).unwrap();
            assert!(got.device_notes.iter().any(|n| n.code == "device_lost"), "{fault:?}");
            assert!((&whole.labels, &whole.centroids) == (&got.labels, &got.centroids), "{fault:?}");
        }
    }
}

#[test]
fn narrow_labels_summed_in_the_totals_go_ahead_too() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 1500, 70, 4).view(), None).unwrap().0;
    let params = [Params::new(80).init(Init::Random).n_init(1).max_iter(9).tol(0.0).check().unwrap()];
    let right = outcome(&Exact, &matrix, &params);
    for (name, gpu) in gpus() {
        let (ahead, _) = ahead_and_in_vain(&gpu, || assert!(right == outcome(&gpu, &matrix, &params), "{name}"));
        let direct = gpu.ran().iter().any(|kernel| kernel.starts_with("assign-direct"));
        assert!(ahead > 0 && direct && gpu.label_bits() == Some(8), "{name}: {ahead} {:?}", gpu.ran());
    }
}
