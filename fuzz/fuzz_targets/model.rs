#![no_main]
//! Any bytes given as a model are a model, which comes back from its own text byte for byte, or exit 4.

use segma::model::Model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = segma_fuzz::file(bytes, "json");
    match Model::read(&path) {
        Ok(model) => {
            let text = model.to_json().expect("a model that was read can be written");
            std::fs::write(&path, &text).expect("the fuzzer needs a place for its file");
            let again = Model::read(&path).expect("what was written can be read");
            assert_eq!(again.to_json().expect("a model that was read can be written"), text);
        }
        Err(error) => assert_eq!(error.exit_code(), 4, "{error}"),
    }
});
