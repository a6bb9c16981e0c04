//! What a user can ask of the preparation.

use crate::error::{Error, Result, printable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a table becomes features.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The column that identifies a row; never a feature.
    pub id: Option<String>,
    /// The columns to use, in this order; `None` uses every one that can be of use.
    pub columns: Option<Vec<String>>,
    /// The column that holds row weights; never a feature.
    pub weight_column: Option<String>,
    /// Columns that are looked at per segment and never features: what segments are judged by must not make them.
    pub kpis: Vec<String>,
    /// How much columns count beside the others.
    pub feature_weights: Option<PerColumn<f64>>,
    /// What stands for a missing value.
    pub missing: PerColumn<Missing>,
    /// Whether a column with missing values gets a second feature, 1 where the value is missing.
    pub missing_indicators: bool,
    /// How outliers of number columns are found.
    pub outliers: Outliers,
    /// What is done with outliers.
    pub outlier_action: OutlierAction,
    /// How long tails are pulled in.
    pub transform: PerColumn<Reshape>,
    /// How texts become numbers.
    pub encode: PerColumn<Encode>,
    /// The most levels of a text column that get a feature of their own ([`MAX_LEVELS`] unless given); rarer ones share one.
    pub max_levels: Option<usize>,
    /// The day from which dates are counted back, in days since 1970-01-01; without one they are left out.
    pub date_reference: Option<f64>,
    /// How columns are brought to one size.
    pub scale: Scale,
}

/// Levels with a feature of their own unless told otherwise.
pub const MAX_LEVELS: usize = 20;

/// What stands for a missing value in a number column; a missing text is a level of its own unless it is an error or drops
/// the row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Missing {
    /// The column's (lower, weighted) median.
    #[default]
    Median,
    /// The column's (weighted) mean.
    Mean,
    /// This value.
    Const(f64),
    /// The mean of the five rows that are most like this one.
    Knn,
    /// What a regression on the other columns says.
    Iterative,
    /// Nothing: the row takes no part.
    Drop,
    /// Nothing: a missing value is an error.
    Error,
}

impl std::str::FromStr for Missing {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "median" => Ok(Self::Median),
            "mean" => Ok(Self::Mean),
            "drop" => Ok(Self::Drop),
            "error" => Ok(Self::Error),
            "knn" => Ok(Self::Knn),
            "iterative" => Ok(Self::Iterative),
            _ => {
                let value = text.strip_prefix("const=").and_then(|v| v.parse::<f64>().ok()).filter(|v| v.is_finite());
                value
                    .map(Self::Const)
                    .ok_or_else(|| "must be median, mean, const=V, knn, iterative, drop or error".into())
            }
        }
    }
}

/// How outliers are found: values beyond so many spreads from the middle of their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outliers {
    /// They are not.
    #[default]
    None,
    /// 1.5 interquartile ranges beyond the quartiles.
    Iqr,
    /// 3 standard deviations from the mean.
    Zscore,
    /// 3.5 (scaled) median absolute deviations from the median.
    Mad,
}

/// What is done with outliers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutlierAction {
    /// They are held at the limit.
    #[default]
    Clip,
    /// Their rows take no part in the fit.
    Drop,
    /// They are marked in the output.
    Flag,
}

/// How the long tail of a column is pulled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reshape {
    /// Not at all.
    #[default]
    None,
    /// `ln(1 + v)`.
    Log1p,
    /// The power that makes it most like a normal distribution (Yeo and Johnson).
    YeoJohnson,
    /// By rank, to a normal distribution.
    Quantile,
    /// The gentlest of none, `log1p` and Yeo-Johnson that leaves a skewness within -1 and 1.
    Auto,
}

impl std::str::FromStr for Reshape {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "log1p" => Ok(Self::Log1p),
            "yeo-johnson" => Ok(Self::YeoJohnson),
            "quantile" => Ok(Self::Quantile),
            "auto" => Ok(Self::Auto),
            _ => Err("must be none, log1p, yeo-johnson, quantile or auto".into()),
        }
    }
}

/// How texts become numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encode {
    /// A feature for each level: 1 where the column holds it, else 0.
    #[default]
    Onehot,
    /// The place of the level among all levels, in alphabetical order, from 0.
    Ordinal,
    /// The share of rows that hold the level.
    Frequency,
    /// Not at all: the column is left out.
    None,
}

impl std::str::FromStr for Encode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "onehot" => Ok(Self::Onehot),
            "ordinal" => Ok(Self::Ordinal),
            "frequency" => Ok(Self::Frequency),
            "none" => Ok(Self::None),
            _ => Err("must be onehot, ordinal, frequency or none".into()),
        }
    }
}

/// How columns are brought to one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Mean 0 and (population) standard deviation 1.
    #[default]
    Zscore,
    /// From 0 to 1.
    Minmax,
    /// Median 0 and interquartile range 1.
    Robust,
    /// From -1 to 1, zero staying zero.
    Maxabs,
    /// As they are.
    None,
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zscore => "z-score",
            Self::Minmax => "min-max",
            Self::Robust => "median and quartiles",
            Self::Maxabs => "largest magnitude",
            Self::None => "no scaling",
        })
    }
}

/// A choice for all columns, and others for some.
#[derive(Debug, Clone, PartialEq)]
pub struct PerColumn<T> {
    /// For columns not named.
    pub default: T,
    /// For these.
    pub columns: Vec<(String, T)>,
}

impl<T: Default> Default for PerColumn<T> {
    fn default() -> Self {
        Self { default: T::default(), columns: Vec::new() }
    }
}

impl<T: Copy> PerColumn<T> {
    /// The choice for a column.
    #[must_use]
    pub fn of(&self, column: &str) -> T {
        self.columns.iter().rev().find(|(name, _)| name == column).map_or(self.default, |(_, choice)| *choice)
    }

    /// Reads choices between commas, `median,income=mean`: one without a name is for all other columns.
    ///
    /// # Errors
    /// What `T` says of a choice that is none.
    pub fn parse(text: &str, default: T) -> std::result::Result<Self, String>
    where
        T: std::str::FromStr<Err = String>,
    {
        let mut all = Self { default, columns: Vec::new() };
        for part in text.split(',').map(str::trim) {
            let plain = part.parse::<T>();
            // A column's name may hold the sign, and so may a choice (`const=0`).
            let named =
                part.match_indices('=').find_map(|(at, _)| Some((&part[..at], part[at + 1..].parse::<T>().ok()?)));
            match (plain, named) {
                (Ok(choice), _) => all.default = choice,
                (_, Some((name, choice))) if !name.is_empty() => all.columns.push((name.to_owned(), choice)),
                (Err(wrong), _) => return Err(format!("'{}': {wrong}", printable(part))),
            }
        }
        Ok(all)
    }

    /// Refuses a choice for a column that is not among the names.
    pub(super) fn known(&self, flag: &str, names: &[&str]) -> Result<()> {
        let unknown = self.columns.iter().map(|(name, _)| name.as_str()).find(|name| !names.contains(name));
        let Some(name) = unknown else { return Ok(()) };
        let near = crate::error::suggestion(name, names.iter().copied());
        let near = near.map_or(String::new(), |near| format!("; did you mean '{}'?", printable(near)));
        Err(Error::Usage(format!("{flag}: '{}' is none of the columns that are used{near}", printable(name))))
    }
}

/// Reads the columns' weights between commas: `recency=2,visits=0.5`.
///
/// # Errors
/// What is wrong with a part.
pub fn feature_weights(text: &str) -> std::result::Result<PerColumn<f64>, String> {
    let part = |part: &str| -> std::result::Result<(String, f64), String> {
        let wrong = || format!("'{}': must be COLUMN=WEIGHT, a weight above 0", printable(part));
        let (name, weight) = part.trim().rsplit_once('=').ok_or_else(wrong)?;
        let weight = weight.parse::<f64>().ok().filter(|w| w.is_finite() && *w > 0.0).ok_or_else(wrong)?;
        Ok((name.to_owned(), weight))
    };
    Ok(PerColumn { default: 1.0, columns: text.split(',').map(part).collect::<std::result::Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_may_be_for_one_column() {
        let all = PerColumn::parse("mean, income=drop,a=b=const=-1.5", Missing::Median).unwrap();
        assert_eq!(all.default, Missing::Mean);
        assert_eq!(
            (all.of("income"), all.of("a=b"), all.of("x")),
            (Missing::Drop, Missing::Const(-1.5), Missing::Mean)
        );
        assert_eq!(PerColumn::parse("const=0", Missing::Median).unwrap().default, Missing::Const(0.0));
        for wrong in ["", "medium", "income=medium", "const=x", "const=inf", "=mean"] {
            let message = PerColumn::parse(wrong, Missing::Median).unwrap_err();
            assert!(message.contains("must be median"), "{message}");
        }
    }

    #[test]
    fn weights_are_above_zero() {
        let weights = feature_weights("recency=2, a=b=0.5").unwrap();
        assert_eq!((weights.of("recency"), weights.of("a=b"), weights.of("x")), (2.0, 0.5, 1.0));
        for wrong in ["recency", "recency=0", "recency=-1", "recency=x", "recency=inf"] {
            assert!(feature_weights(wrong).is_err(), "{wrong}");
        }
    }
}
