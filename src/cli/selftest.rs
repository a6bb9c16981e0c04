//! `segma selftest`: the probe on everything this machine has, so that anyone can check the claim.

use super::args::DevicesArgs;
use super::{print, print_document};
use comfy_table::{Table as Grid, presets};
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::gpu::plan::Abilities;
use segma::engine::gpu::{Adapter, Gpu, OpenOptions};
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
    let mut outcomes = levels
        .map(|l| test(format!("cpu ({l})"), || Ok(Box::new(Cpu::with_level(l)?))))
        .collect::<Result<Vec<Outcome>>>()?;
    for (i, adapter) in Adapter::all().iter().enumerate() {
        let name = format!("gpu:{i} ({})", adapter.name());
        let plain = Abilities { int64: false };
        if adapter.abilities() != plain {
            outcomes.push(test(format!("{name}, plain shaders"), || open(adapter, Some(plain)))?);
        }
        outcomes.push(test(name, || open(adapter, None))?);
    }
    if args.json { print_document(document(&outcomes)) } else { print(&text(&outcomes)) }?;
    match outcomes.iter().find_map(|o| o.failure.as_ref()) {
        Some(failure) => Err(Error::Device(failure.clone())),
        None => Ok(()),
    }
}

/// An adapter as an engine; its kernels make use of no more than these abilities.
fn open(adapter: &Adapter, abilities: Option<Abilities>) -> Result<Box<dyn Engine>> {
    let options = OpenOptions { abilities, unproven: true, patient: true, ..OpenOptions::default() };
    Ok(Box::new(Gpu::open(std::slice::from_ref(adapter), options)?))
}

/// Probes an engine. What fails is an outcome, but for a request that makes no sense.
fn test(device: String, open: impl FnOnce() -> Result<Box<dyn Engine>>) -> Result<Outcome> {
    let clock = Instant::now();
    let failure = match open().and_then(|engine| probe(&*engine)) {
        Err(e @ Error::Usage(_)) => return Err(e),
        done => done.err().map(|e| e.to_string()),
    };
    Ok(Outcome { device, failure, seconds: clock.elapsed().as_secs_f64() })
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

fn document(outcomes: &[Outcome]) -> Value {
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|o| json!({ "device": o.device, "ok": o.failure.is_none(), "failure": o.failure, "seconds": o.seconds }))
        .collect();
    let ok = outcomes.iter().all(|o| o.failure.is_none());
    json!({ "schema": "segma.selftest/1", "ok": ok, "devices": rows })
}
