//! Model files that somebody cut or changed: a model or exit 4, whatever the bytes.

use crate::program::Place;
use segma::model::Model;

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
