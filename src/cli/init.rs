//! First centroids as the command line names them: a method, or a file in the columns' own units.

use super::args::KMeansArgs;
use ndarray::Array2;
use segma::error::{Error, Place, Result};
use segma::features::Pipeline;
use segma::kmeans::{Init, Params, ValidParams};
use segma::model::Model;
use segma::table::{self, ReadOptions};
use std::path::Path;

/// The checked parameters of a fit. Centroids from a file are prepared as the table is; `pipeline` is `None` where the
/// points are clustered as they are.
pub(super) fn params(args: &KMeansArgs, pipeline: Option<&Pipeline>) -> Result<ValidParams> {
    let init = match args.init.as_str() {
        "k-means++" | "kmeans++" => Init::KMeansPlusPlus,
        "random" => Init::Random,
        file => Init::Given(from_file(Path::new(file), pipeline)?),
    };
    let k = match (args.clusters, &init) {
        (Some(k), _) => k as usize,
        (None, Init::Given(c)) => c.nrows(),
        (None, _) => return Err(Error::Usage("say how many clusters to find: --clusters 5".into())),
    };
    let mut params = Params::new(k).init(init).max_iter(args.max_iter).tol(args.tol).seed(args.seed);
    if let Some(starts) = args.n_init {
        params = params.n_init(starts.into());
    }
    params.require_k(args.require_k).check()
}

fn from_file(path: &Path, pipeline: Option<&Pipeline>) -> Result<Array2<f64>> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !path.exists() && ending.is_empty() {
        let message = format!("--init {}: not k-means++, random, or a file", path.display());
        return Err(Error::Usage(message));
    }
    let (names, values) = match ending {
        "json" => from_model(path)?,
        _ => from_table(path)?,
    };
    let Some(pipeline) = pipeline else { return Ok(values) };
    let by_position = ending == "npy";
    if by_position && names.len() != pipeline.features.len() {
        let message = format!("{} columns for {} features", names.len(), pipeline.features.len());
        return Err(Error::data(
            Place::file(path.display().to_string()),
            message,
            "give one column a feature, in order",
        ));
    }
    let mut prepared = Array2::zeros((values.nrows(), pipeline.features.len()));
    for (j, feature) in pipeline.features.iter().enumerate() {
        let from = if by_position { Some(j) } else { names.iter().position(|n| *n == feature.name) };
        let from = from.ok_or_else(|| {
            let place = Place::file(path.display().to_string());
            Error::data(place, format!("no column '{}'", feature.name), "give every feature a column of its name")
        })?;
        for (to, v) in prepared.column_mut(j).iter_mut().zip(values.column(from)) {
            *to = (v - feature.offset) / feature.divisor;
        }
    }
    Ok(prepared)
}

fn from_model(path: &Path) -> Result<(Vec<String>, Array2<f64>)> {
    let model = Model::read(path)?;
    Ok((model.pipeline.features.iter().map(|f| f.name.clone()).collect(), model.values()))
}

/// Every number column of a table; a gap is an error.
fn from_table(path: &Path) -> Result<(Vec<String>, Array2<f64>)> {
    let table = table::read(path, &ReadOptions::default())?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in &table.columns {
        let Some(blocks) = column.numbers() else { continue };
        if let Some(row) = column.first_missing {
            return Err(Error::data(table.place(row, &column.name), "a centroid has a gap", "fill it"));
        }
        names.push(column.name.clone());
        values.extend(blocks.iter().flatten().copied());
    }
    let by_column = Array2::from_shape_vec((names.len(), table.rows), values);
    let by_column = by_column.map_err(|e| Error::data(Place::file(&table.source), e.to_string(), ""))?;
    Ok((names, by_column.reversed_axes()))
}
