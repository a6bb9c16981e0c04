//! `segma selftest`: the probe on everything this machine has, so that anyone can check the claim.

use super::args::DevicesArgs;
use super::print;
use comfy_table::{Table as Grid, presets};
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::gpu::{Adapter, Gpu};
use segma::engine::probe::probe;
use segma::error::{Error, Result, printable};
use serde_json::{Value, json};
use std::time::Instant;

/// How one engine did.
struct Outcome {
    device: String,
    failure: Option<String>,
    seconds: f64,
}

/// Runs the verb.
pub(super) fn selftest(args: &DevicesArgs) -> Result<()> {
    let levels = Level::ALL.into_iter().filter(|l| l.available());
    let mut outcomes: Vec<Outcome> =
        levels.map(|l| test(format!("cpu ({l})"), || Ok(Box::new(Cpu::with_level(l)?)))).collect();
    for (i, adapter) in Adapter::all().iter().enumerate() {
        outcomes.push(test(format!("gpu:{i} ({})", adapter.name()), || Ok(Box::new(Gpu::open(adapter)?))));
    }
    print(&if args.json { document(&outcomes) } else { text(&outcomes) })?;
    match outcomes.iter().find_map(|o| o.failure.as_ref()) {
        Some(failure) => Err(Error::Device(failure.clone())),
        None => Ok(()),
    }
}

fn test(device: String, open: impl FnOnce() -> Result<Box<dyn Engine>>) -> Outcome {
    let clock = Instant::now();
    let failure = open().and_then(|engine| probe(&*engine)).err().map(|e| e.to_string());
    Outcome { device, failure, seconds: clock.elapsed().as_secs_f64() }
}

fn text(outcomes: &[Outcome]) -> String {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["device", "equals the judge", "seconds"]);
    for o in outcomes {
        let verdict = o.failure.as_deref().unwrap_or("yes");
        grid.add_row([printable(&o.device), printable(verdict), format!("{:.2}", o.seconds)]);
    }
    format!("{}\n", grid.trim_fmt())
}

fn document(outcomes: &[Outcome]) -> String {
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|o| json!({ "device": o.device, "ok": o.failure.is_none(), "failure": o.failure, "seconds": o.seconds }))
        .collect();
    format!("{:#}\n", json!({ "schema": "segma.selftest/1", "devices": rows }))
}
