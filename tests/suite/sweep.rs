//! A sweep gives for each number of clusters what a fit alone gives, to the same bytes.

use crate::contract::levels;
use crate::data::{KINDS, Kind, table};
use crate::program::{Place, checked};
use segma::engine::cpu::{Cpu, Pruning};
use segma::engine::exact::Exact;
use segma::kmeans::{Init, Params, Quiet, ValidParams, fit, sweep};
use segma::matrix::Matrix;

fn params(ks: &[usize], init: &Init, starts: usize) -> Vec<ValidParams> {
    ks.iter().map(|&k| Params::new(k).init(init.clone()).n_init(starts).check().unwrap()).collect()
}

#[test]
fn every_fit_of_a_sweep_is_the_fit_alone() {
    for kind in KINDS {
        let matrix = Matrix::learn(&table(kind, 3000, 5, 3).view(), None).unwrap().0;
        for (init, starts) in [(Init::KMeansPlusPlus, 1), (Init::Random, 4)] {
            let params = params(&[1, 2, 5, 9, 30], &init, starts);
            for cpu in levels().into_iter().flat_map(|c| [c, c.pruning(Pruning::Always)]) {
                let together = sweep(&cpu, &matrix, &params, &mut Quiet).unwrap();
                assert_eq!(together.len(), params.len());
                for (params, got) in params.iter().zip(together) {
                    let alone = fit(&Cpu::new().unwrap(), &matrix, params, &mut Quiet).unwrap();
                    let what = format!("{kind:?} k={} {init:?}", params.k());
                    assert_eq!(alone.labels, got.labels, "{what}");
                    assert_eq!((&alone.centroids, &alone.counts), (&got.centroids, &got.counts), "{what}");
                    assert_eq!((&alone.means, &alone.history), (&got.means, &got.history), "{what}");
                    assert_eq!(
                        (alone.inertia, alone.iterations, alone.start, alone.converged, &alone.notes),
                        (got.inertia, got.iterations, got.start, got.converged, &got.notes),
                        "{what}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_sweep_by_the_judge_is_the_same() {
    let matrix = Matrix::learn(&table(Kind::Counts, 600, 4, 3).view(), None).unwrap().0;
    let params = params(&[3, 4, 8], &Init::Random, 3);
    let judge = sweep(&Exact, &matrix, &params, &mut Quiet).unwrap();
    let got = sweep(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
    for (judge, got) in judge.iter().zip(&got) {
        assert_eq!((&judge.labels, judge.inertia, judge.start), (&got.labels, got.inertia, got.start));
    }
}

#[test]
fn the_program_writes_the_models_that_fits_write() {
    let place = Place::with_customers();
    let run = place.run("sweep customers.csv --id customer_id -k 2..5,8 --n-init 2 --metrics none -o out");
    assert!(run.ended(0).stdout.starts_with("Fitted 5 numbers of segments"));
    assert_eq!(place.names("out"), ["models", "report.html", "run.json", "sweep.csv", "sweep.json"]);
    let run = place.json("out/run.json");
    assert!(run["memory"].is_object() && run["input"]["rejected"] == 0, "{run}");
    let lines: Vec<String> = place.text("out/sweep.csv").lines().map(str::to_owned).collect();
    assert!(
        lines[0].starts_with("k,clusters,inertia,explained,knee,")
            && lines[0].ends_with(",smallest,iterations,converged,seconds")
    );
    let ks: Vec<&str> = lines[1..].iter().map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(ks, ["2", "3", "4", "5", "8"]);
    for k in [2, 5, 8] {
        place.run(&format!("fit customers.csv --id customer_id -k {k} --n-init 2 -o alone{k}")).ended(0);
        let model = format!("out/models/k={k:02}.json");
        assert_eq!(place.text(&model), place.text(&format!("alone{k}/model.json")), "k={k}");
        place.run(&format!("predict {model} customers.csv -o labels{k}.csv")).ended(0);
        assert_eq!(place.bytes(&format!("labels{k}.csv")), place.bytes(&format!("alone{k}/segments.csv")), "k={k}");
    }
    std::fs::create_dir(place.path("taken")).unwrap();
    place.put("taken/models", "a file");
    place.run("sweep customers.csv -k 2..3 -o taken --force").ended(8).says(&["models", "not a folder"]);
    assert_eq!(place.names("taken"), ["models"]);
    place.run("sweep customers.csv -k 2..3 -o out").ended(8).says(&["--force"]);
    place.run("sweep customers.csv --id customer_id -k 2..3 --metrics none -o out --force --json").ended(0);
    assert_eq!(place.names("out/models").len(), 5, "models of another sweep stay");
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let place = Place::with_customers();
    for k in ["5..2", "0..3", "2..", "x", "", "2..100000", "-1"] {
        place.run(&format!("sweep customers.csv --clusters={k} -o out")).ended(2).says(&["--clusters"]);
    }
    place.run("sweep customers.csv -k 2..3 --init centroids.csv -o out").ended(2).says(&["--init centroids.csv"]);
    place.run("sweep customers.csv -k 2..9000 -o out").ended(2);
    place.run("sweep customers.csv -k 4,5200 -o out").ended(3).says(&["n_clusters=5200"]);
    assert!(!place.names(".").iter().any(|n| n == "out"));
}

#[test]
fn a_sweep_offers_no_file_of_first_centroids() {
    let place = Place::with_customers();
    for (verb, offered) in [("fit", true), ("sweep", false)] {
        let help = place.run(&format!("{verb} --help")).ended(0).stdout.clone();
        let init = help.lines().skip_while(|l| !l.contains("--init <")).take(2).collect::<String>();
        assert!(init.contains("k-means++"), "{help}");
        assert_eq!(init.contains("FILE"), offered, "{help}");
        assert_eq!(init.contains("file"), offered, "{help}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn starts_that_do_not_fit_in_memory_are_refused_before_any_work() {
    let place = Place::with_customers();
    for verb in ["sweep customers.csv -k 2..30 --metrics none", "fit customers.csv -k 30"] {
        let words = format!("{verb} --id customer_id --n-init 65535 --device cpu -o out -v");
        let mut command = std::process::Command::new("sh");
        let limited = "ulimit -v 1000000; exec \"$0\" \"$@\"";
        command.args(["-c", limited, env!("CARGO_BIN_EXE_segma")]).args(words.split(' ')).current_dir(place.path("."));
        let run = checked(command, &words).ended(7).says(&["starts need", "ask for fewer starts"]);
        assert!(!run.stderr.contains("seeding: "), "{}", run.stderr);
        assert!(!place.names(".").iter().any(|n| n == "out"));
    }
}
