//! Models and checkpoints that somebody cut or changed: what they were or an error, whatever the bytes.

use crate::checkpoint::{params, stopped};
use crate::data::{Kind, table};
use crate::fitted::matrix;
use crate::program::Place;
use segma::checkpoint::{Checkpoint, Job};
use segma::engine::exact::Exact;
use segma::kmeans::{Init, Quiet, resume};
use segma::model::Model;
use serde_json::Value;

#[path = "../../../src/table/mutation.rs"]
mod mutation;

const TABLE: &str = "id,a,b,c\nx,1,2,u\ny,2,,v\nz,9,5,u\nw,8,4,v\n";

/// A place with two models of a small table, and their texts.
fn models() -> (Place, Vec<String>) {
    let place = Place::new();
    place.put("t.csv", TABLE);
    place.run("fit t.csv --id id -k 2 -o plain --device cpu").ended(0);
    let more = "--missing knn --encode ordinal --scale robust --outliers iqr --transform auto";
    place.run(&format!("fit t.csv --id id -k 2 -o more --device cpu {more}")).ended(0);
    let texts = ["plain", "more"].map(|run| place.text(&format!("{run}/model.json"))).to_vec();
    (place, texts)
}

fn read(place: &Place, bytes: &[u8]) -> segma::error::Result<Model> {
    place.put("m.json", bytes);
    Model::read(&place.path("m.json"))
}

#[test]
fn mutated_models_are_models_or_exit_4() {
    let (place, texts) = models();
    let seeds: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let (mut sound, mut refused) = (0, 0);
    mutation::each(&seeds, 4_000, |bytes| match read(&place, bytes) {
        Ok(model) => {
            let text = model.to_json().unwrap();
            assert_eq!(read(&place, text.as_bytes()).unwrap().to_json().unwrap(), text);
            sound += 1;
        }
        Err(error) => {
            assert_eq!(error.exit_code(), 4, "{error}");
            refused += 1;
        }
    });
    assert!(sound > 20 && refused > 2_000, "{sound} models, {refused} refusals");
}

#[test]
fn a_model_cut_anywhere_is_refused() {
    let (place, texts) = models();
    for text in texts {
        for end in 0..text.trim_end().len() {
            let error = read(&place, &text.as_bytes()[..end]).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{end}: {error}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_their_path() {
    let (place, texts) = models();
    let model: serde_json::Value = serde_json::from_str(&texts[0]).unwrap();
    for bad in ["NaN", "Infinity", "-Infinity", "null", "\"1\"", "1e999", "[]", "{}", "true", "-1e400", "0x1"] {
        for list in ["centroids_grid", "centroids"] {
            let mut changed = model.clone();
            changed[list][0][0] = "HERE".into();
            let text = changed.to_string().replace("\"HERE\"", bad);
            let error = read(&place, text.as_bytes()).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{list}: {bad}: {error}");
        }
    }
    for list in ["centroids_grid", "centroids", "names"] {
        for change in [serde_json::json!([]), serde_json::json!([[]]), serde_json::json!(7)] {
            let mut changed = model.clone();
            changed[list] = change;
            assert_eq!(read(&place, changed.to_string().as_bytes()).unwrap_err().exit_code(), 4, "{list}");
        }
    }
}

#[test]
fn mutated_checkpoints_are_refused_and_those_with_a_right_hash_do_no_harm() {
    let matrix = matrix(&table(Kind::Blobs, 40, 2, 3));
    let params = params(&[2, 3], |p| p.init(Init::Random).n_init(2).tol(0.0));
    let snapshot = stopped(&Exact, &matrix, &params, None, 1).unwrap();
    let job = Job::new(&matrix, &params);
    let checkpoint = Checkpoint::new(job.clone(), "run".into(), snapshot);
    let text = checkpoint.to_json().unwrap();
    mutation::each(&[text.as_bytes()], 2_000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(read) = Checkpoint::from_json(text) {
            assert_eq!(read, checkpoint, "{text}");
        }
    });
    // Only the content, its hash made anew: as somebody would who means harm.
    let content = serde_json::from_str::<Value>(&text).unwrap()["content"].to_string();
    let (mut sound, mut refused) = (0, 0);
    mutation::each(&[content.as_bytes()], 4_000, |bytes| {
        let Ok(harmed) = serde_json::from_slice::<Checkpoint>(bytes) else { return };
        assert_eq!(Checkpoint::from_json(&harmed.to_json().unwrap()).as_ref(), Ok(&harmed));
        let gone_on = harmed.check(&job).and_then(|()| resume(&Exact, &matrix, &params, &harmed.snapshot, &mut Quiet));
        match gone_on {
            Ok(_) => sound += 1,
            Err(error) => {
                assert!([2, 3].contains(&error.exit_code()), "{error}");
                refused += 1;
            }
        }
    });
    assert!(sound > 5 && refused > 100, "{sound} gone on with, {refused} refused");
}
