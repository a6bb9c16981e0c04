//! First centroids as the command line names them: a method, or a file in the columns' own units.

use super::args::RunArgs;
use ndarray::Array2;
use segma::error::{Error, Place, Result, escaped, printable};
use segma::features::Pipeline;
use segma::kmeans::{Init, Params, ValidParams};
use segma::model::Model;
use segma::table::{self, ReadOptions, Selection, Values};
use std::path::Path;

/// What the points of a fit are.
pub(super) enum Space<'p> {
    /// The features of a pipeline: centroids from a file are prepared as the table is, columns by name.
    Prepared(&'p Pipeline),
    /// So many columns as they are.
    Plain(usize),
}

/// The checked parameters of a fit.
pub(super) fn params(clusters: Option<u32>, args: &RunArgs, space: Space<'_>) -> Result<ValidParams> {
    let init = match method(args) {
        Some(method) => method,
        None => Init::Given(from_file(Path::new(&args.init), &space)?),
    };
    let k = match (clusters, &init) {
        (Some(k), Init::Given(c)) if c.nrows() != k as usize => {
            let message = format!("{} rows for --clusters {k}", c.nrows());
            let hint = "give one row a cluster, or drop --clusters";
            return Err(Error::data(Place::file(&args.init), message, hint));
        }
        (Some(k), _) => k as usize,
        (None, Init::Given(c)) => c.nrows(),
        (None, _) => return Err(Error::Usage("say how many clusters to find: --clusters 5".into())),
    };
    with_init(k, init, args)
}

/// Starts from k-means++ where numbers of clusters are compared: of single starts with five well separated groups three in
/// ten ended in a poor optimum, which says more about the start than about the number.
const STARTS_TO_COMPARE: u16 = 4;

/// The checked parameters of a sweep, one for each number of clusters, which are to be compared or only made.
pub(super) fn sweep_params(counts: &[u32], args: &RunArgs, compared: bool) -> Result<Vec<ValidParams>> {
    let Some(init) = method(args) else {
        let message = format!("--init {}: a sweep starts from k-means++ or random", escaped(&args.init));
        return Err(Error::Usage(message));
    };
    let starts = (compared && init == Init::KMeansPlusPlus).then_some(STARTS_TO_COMPARE);
    let args = RunArgs { n_init: args.n_init.or(starts), ..args.clone() };
    counts.iter().map(|&k| with_init(k as usize, init.clone(), &args)).collect()
}

fn method(args: &RunArgs) -> Option<Init> {
    match args.init.as_str() {
        "k-means++" | "kmeans++" => Some(Init::KMeansPlusPlus),
        "random" => Some(Init::Random),
        _ => None,
    }
}

fn with_init(k: usize, init: Init, args: &RunArgs) -> Result<ValidParams> {
    let mut params = Params::new(k).init(init).max_iter(args.max_iter).tol(args.tol).seed(args.seed);
    if let Some(starts) = args.n_init {
        params = params.n_init(starts.into());
    }
    params.require_k(args.require_k).check()
}

fn from_file(path: &Path, space: &Space<'_>) -> Result<Array2<f64>> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let ending = ending.as_str();
    if !path.exists() && ending.is_empty() {
        let message = format!("--init {}: not k-means++, random, or a file", escaped(&path.to_string_lossy()));
        return Err(Error::Usage(message));
    }
    let by_name = ending != "npy";
    let (names, values) = match (ending, space) {
        ("json", _) => from_model(path)?,
        (_, Space::Prepared(pipeline)) if by_name => from_table(path, Some(feature_names(pipeline)))?,
        _ => from_table(path, None)?,
    };
    match space {
        Space::Prepared(pipeline) if by_name => prepare(path, pipeline, &names, &values),
        Space::Prepared(pipeline) => {
            same_columns(path, names.len(), pipeline.features().len(), "features")?;
            prepare(path, pipeline, &feature_names(pipeline), &values)
        }
        Space::Plain(dims) => same_columns(path, names.len(), *dims, "columns of points").map(|()| values),
    }
}

fn feature_names(pipeline: &Pipeline) -> Vec<String> {
    pipeline.features().iter().map(|f| f.name.clone()).collect()
}

fn same_columns(path: &Path, found: usize, expected: usize, of: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let place = Place::file(path.display().to_string());
    Err(Error::data(place, format!("{found} columns for {expected} {of}"), "give one column each, in order"))
}

/// The columns that the features name, prepared.
fn prepare(path: &Path, pipeline: &Pipeline, names: &[String], values: &Array2<f64>) -> Result<Array2<f64>> {
    let mut prepared = Array2::zeros((values.nrows(), pipeline.features().len()));
    for (j, feature) in pipeline.features().iter().enumerate() {
        let from = names.iter().position(|n| *n == feature.name).ok_or_else(|| {
            let message = format!("no column '{}'", printable(&feature.name));
            Error::data(Place::file(path.display().to_string()), message, "give every feature a column of its name")
        })?;
        for (to, v) in prepared.column_mut(j).iter_mut().zip(values.column(from)) {
            *to = pipeline.prepare_value(j, *v);
        }
    }
    Ok(prepared)
}

fn from_model(path: &Path) -> Result<(Vec<String>, Array2<f64>)> {
    let model = Model::read(path)?;
    Ok((feature_names(&model.pipeline), model.values()))
}

/// The number columns of a table, every one or those named; a gap is an error, and so is text in one that is named.
fn from_table(path: &Path, only: Option<Vec<String>>) -> Result<(Vec<String>, Array2<f64>)> {
    let named = only.is_some();
    let numbers = only.iter().flatten().cloned().collect();
    let wanted = only.map(Selection::names);
    let table = table::read(path, &ReadOptions { wanted, numbers, ..ReadOptions::default() })?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in &table.columns {
        let numbers = match (&column.values, named) {
            (Values::Numbers(numbers), _) => numbers,
            (Values::Mixed(text), true) => {
                let message = format!("'{}' is not a number", printable(&text.value));
                return Err(Error::data(
                    table.place_in_file(text.row, &column.name),
                    message,
                    "a centroid is made of numbers",
                ));
            }
            (_, true) => {
                let place = Place::file(&table.source).in_column(&column.name);
                let message = format!("the column holds {}, not numbers", column.kind());
                return Err(Error::data(place, message, "a centroid is made of numbers"));
            }
            (_, false) => continue,
        };
        if let Some(row) = column.first_missing {
            return Err(Error::data(table.place(row, &column.name), "a centroid has a gap", "fill it"));
        }
        names.push(column.name.clone());
        values.extend(numbers.to_vec());
    }
    let by_column = Array2::from_shape_vec((names.len(), table.rows), values);
    let by_column = by_column.map_err(|e| Error::data(Place::file(&table.source), e.to_string(), ""))?;
    Ok((names, by_column.reversed_axes()))
}
