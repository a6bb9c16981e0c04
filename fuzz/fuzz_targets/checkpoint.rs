#![no_main]
//! Any bytes given as a checkpoint are one, which comes back from its own text, or are refused with a reason. The same of any
//! content with a hash that is right: few inputs would get past the hash else.

use segma::checkpoint::Checkpoint;
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = segma_fuzz::file(bytes, "json");
    match Checkpoint::read(&path) {
        Ok(checkpoint) => comes_back(&checkpoint),
        Err(error) => assert_eq!(error.exit_code(), 3, "{error}"),
    }
    let content = serde_json::from_slice(bytes).map(|file: Value| file["content"].clone());
    if let Ok(checkpoint) = content.and_then(serde_json::from_value) {
        comes_back(&checkpoint);
    }
});

fn comes_back(checkpoint: &Checkpoint) {
    let text = checkpoint.to_json().expect("a checkpoint that was read can be written");
    assert_eq!(Checkpoint::from_json(&text).as_ref(), Ok(checkpoint));
}
