#![no_main]
//! Any bytes given as csv are a table or an error.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| segma_fuzz::table(bytes, "csv"));
