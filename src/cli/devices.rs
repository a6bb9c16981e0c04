//! `segma devices`: what segma can run on.

use super::args::DevicesArgs;
use super::print;
use segma::engine::cpu::Level;
use segma::error::Result;
use serde_json::{Value, json};
use std::fmt::Write;

/// Runs the verb.
pub(super) fn devices(args: &DevicesArgs) -> Result<()> {
    let chosen = Level::chosen()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if args.json {
        let levels: Vec<Value> = Level::ALL
            .into_iter()
            .map(|l| json!({ "simd": l.name(), "available": l.available(), "chosen": l == chosen }))
            .collect();
        let document = json!({ "schema": "segma.devices/1", "cpu": { "threads": threads, "levels": levels } });
        return print(&format!("{document:#}\n"));
    }
    let mut text = format!("cpu: {threads} threads, SIMD level {chosen} (SEGMA_SIMD forces another)\n");
    for level in Level::ALL {
        let state = match (level == chosen, level.available()) {
            (true, _) => "in use",
            (false, true) => "available",
            (false, false) => "not on this CPU",
        };
        let _ = writeln!(text, "  {:<9} {state}", level.name());
    }
    print(&text)
}
