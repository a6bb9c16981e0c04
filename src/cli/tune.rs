//! `segma tune`: times every kernel that a GPU could run for a shape, and keeps the fastest for later runs.

use super::args::TuneArgs;
use super::progress::Teller;
use super::{print, print_document};
use comfy_table::{Table as Grid, presets};
use segma::engine::gpu::cache::{Cache, Entry};
use segma::engine::gpu::tune::{Timed, fastest, made_up, tune};
use segma::engine::gpu::{Adapter, Gpu, OpenOptions};
use segma::error::{Error, Result, escaped, printable};
use segma::matrix::{Matrix, Weights};
use segma::table::npy_matrix;
use serde_json::{Value, json};

/// Runs the verb.
pub(super) fn run(args: &TuneArgs) -> Result<()> {
    let adapter = adapter(&args.device)?;
    let cache = cache(args)?;
    cache.prepare()?;
    let options = OpenOptions { patient: true, ..OpenOptions::default() };
    let mut gpu = Gpu::open(std::slice::from_ref(&adapter), options)?;
    if let Some(bytes) = args.gpu_memory {
        gpu = gpu.memory(bytes);
    }
    let mut teller = Teller::new(&args.shared);
    let matrix = matrix(args, &mut teller)?;
    let k = args.clusters as usize;
    let mut tell = |timed: &Timed| teller.step(&format!("tuning: {}: {}", timed.tuning, milliseconds(timed)));
    let (class, all) = tune(&gpu, &matrix, k, usize::from(args.passes), &mut tell)?;
    let Some((tuning, pass_seconds)) = fastest(&all) else {
        return Err(Error::Device(format!("{}: no kernel can be used", adapter.name())));
    };
    cache.keep(&Entry { identity: gpu.identity().clone(), class, tuning, pass_seconds })?;
    let document = json!({
        "schema": "segma.tune/1",
        "adapter": adapter.name(),
        "n": matrix.count(),
        "d": matrix.dims(),
        "k": k,
        "class": class,
        "planned": all[0].tuning.to_string(),
        "fastest": tuning.to_string(),
        "cache": cache.path().display().to_string(),
        "variants": all.iter().map(row).collect::<Vec<_>>(),
    });
    if args.shared.json { print_document(document) } else { print(&text(&document, &all)) }
}

/// The one GPU that is named.
fn adapter(choice: &str) -> Result<Adapter> {
    let mut all = Adapter::choose(choice)?;
    match (all.pop(), all.is_empty()) {
        (Some(adapter), true) => Ok(adapter),
        _ => Err(Error::Usage(format!("--device '{}': GPUs are tuned one at a time", escaped(choice)))),
    }
}

fn cache(args: &TuneArgs) -> Result<Cache> {
    let named = args.cache.as_deref().map(Cache::at);
    named.or_else(Cache::standard).ok_or_else(|| {
        Error::Usage(
            "there is no folder for the cache: name one with --cache, and by SEGMA_CACHE for later runs".into(),
        )
    })
}

/// The points: those of a file, or made up.
fn matrix(args: &TuneArgs, teller: &mut Teller) -> Result<Matrix> {
    let points = match (&args.matrix, args.rows, args.dims) {
        (Some(path), _, _) => npy_matrix(path)?,
        (None, Some(rows), Some(dims)) => made_up(rows as usize, usize::from(dims)),
        _ => return Err(Error::Usage("give --matrix, or --rows and --dims".into())),
    };
    teller.step(&format!("packing {} x {} points", points.nrows(), points.ncols()));
    let weights: Option<Vec<f64>> = args.weighted.then(|| (0..points.nrows()).map(|i| 1.0 + (i % 4) as f64).collect());
    let weights = weights.map(|weights| Weights::new(&weights)).transpose()?;
    Ok(Matrix::learn(&points.view(), weights)?.0)
}

fn milliseconds(timed: &Timed) -> String {
    match &timed.pass_seconds {
        Ok(seconds) => format!("{:.3} ms a pass", 1e3 * seconds),
        Err(why) => why.clone(),
    }
}

fn row(timed: &Timed) -> Value {
    let (seconds, failure) = match &timed.pass_seconds {
        Ok(seconds) => (Some(seconds), None),
        Err(why) => (None, Some(why)),
    };
    json!({ "variant": timed.tuning.to_string(), "pass_seconds": seconds, "failure": failure })
}

fn text(document: &Value, all: &[Timed]) -> String {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["variant", "ms a pass", "times the plan's"]);
    let planned = all[0].pass_seconds.as_ref().copied().unwrap_or(f64::NAN);
    let mut order: Vec<&Timed> = all.iter().collect();
    let seconds = |timed: &Timed| timed.pass_seconds.as_ref().copied().unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    for timed in order {
        let (pass, ratio) = match &timed.pass_seconds {
            Ok(seconds) => (format!("{:.3}", 1e3 * seconds), format!("{:.2}", seconds / planned)),
            Err(why) => (printable(why), "-".into()),
        };
        grid.add_row([timed.tuning.to_string(), pass, ratio]);
    }
    let word = |key: &str| printable(document[key].as_str().unwrap_or_default());
    format!(
        "{}: {} points x {} dims, k {}\n{}\nplanned {}, fastest {}, kept in {}\n",
        word("adapter"),
        document["n"],
        document["d"],
        document["k"],
        grid.trim_fmt(),
        word("planned"),
        word("fastest"),
        escaped(document["cache"].as_str().unwrap_or_default()),
    )
}
