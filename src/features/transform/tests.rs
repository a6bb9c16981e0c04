//! Transforms against scikit-learn, and what they promise on any column.

use super::*;
use crate::features::columns::{ABSURD, assert_near, awkward, numbers, recorded, shuffled, weighted_and_repeated};
use crate::features::extent::Extent;

fn learnt(values: &[f64], weights: Option<&[u64]>) -> Vec<Transform> {
    let all =
        [log1p(values, weights).ok(), yeo_johnson(values, weights), quantile(values, weights), auto(values, weights)];
    all.into_iter().flatten().collect()
}

fn lambda(values: &[f64]) -> f64 {
    match yeo_johnson(values, None) {
        Some(Transform::YeoJohnson(power)) => serde_json::to_value(power).unwrap()["lambda"].as_f64().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn skewness_is_that_of_scipy() {
    for (name, values, record) in recorded() {
        let skewness = spread(&values, None).unwrap().skewness;
        assert_near(skewness, record["skewness"].as_f64().unwrap(), 1.0, 1e-9, name);
    }
}

/// scikit-learn takes the smallest likelihood that it sees, which is flat there: its lambda is known to about 1e-7. On
/// values that lie 1e6 from zero its likelihood is rounding noise, and so is its lambda; here it is 1.
#[test]
fn lambda_is_that_of_scikit_learn() {
    for (name, values, record) in recorded() {
        if name != "far" {
            assert_near(lambda(&values), record["lambda"].as_f64().unwrap(), 1.0, 1e-6, name);
        }
    }
}

#[test]
fn powers_are_those_of_scikit_learn() {
    for (name, values, record) in recorded() {
        let lambda = &record["lambda"];
        let power = serde_json::json!({"yeo-johnson": {"lambda": lambda, "low": f64::MIN, "high": f64::MAX}});
        let power: Transform = serde_json::from_value(power).unwrap();
        for (v, expected) in values.iter().zip(numbers(&record["power"])).filter(|(v, _)| !v.is_nan()) {
            assert_near(power.apply(*v), expected, 0.0, 1e-13, name);
        }
    }
}

/// scikit-learn takes the quantiles of tied values at rounded positions, so that one of them may fall a bit short of its
/// tie: their ranks are up to one step off. It also treats values within 1e-7 of the smallest and the largest as if they
/// were those, whatever the unit of the column; here only they themselves are. A constant column it puts at the lower end,
/// as here.
#[test]
fn ranks_are_those_of_scikit_learn() {
    for (name, values, record) in recorded() {
        let ranks = quantile(&values, None).unwrap();
        for (v, expected) in values.iter().zip(numbers(&record["quantile"])) {
            let found = ranks.apply(*v);
            assert_eq!(found.is_nan(), v.is_nan());
            if values.iter().filter(|w| *w == v).count() > 1 {
                let step = 1.0 / (record["references"].as_f64().unwrap() - 1.0);
                assert_near(normal::probability(found), normal::probability(expected), 1.0, 1.01 * step, name);
            } else if !v.is_nan() {
                assert_near(found, expected, 1.0, 1e-9, name);
            }
        }
    }
}

#[test]
fn a_weight_counts_as_so_many_rows_in_any_order() {
    for column in awkward() {
        let (values, weights, repeated) = weighted_and_repeated(&column);
        let plain = learnt(&shuffled(&repeated), None);
        let scaled: Vec<u64> = weights.iter().map(|w| w << 20).collect();
        assert_eq!(learnt(&values, Some(&weights)), plain);
        assert_eq!(learnt(&values, Some(&scaled)), plain);
    }
}

#[test]
fn transforms_rise_stay_finite_and_keep_gaps() {
    for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
        let mut tried: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
        tried.extend([f64::MIN, -1e9, -1.0, -1e-300, 0.0, 5e-324, 0.5, 1e9, f64::MAX]);
        tried.sort_by(f64::total_cmp);
        for transform in learnt(column, None) {
            let after: Vec<f64> = tried.iter().map(|&v| transform.apply(v)).collect();
            assert!(after.iter().all(|v| v.is_finite()) && after.is_sorted(), "{transform:?}: {tried:?} {after:?}");
            let back: Vec<f64> = after.iter().map(|&v| transform.restore(v)).collect();
            assert!(back.iter().all(|v| v.is_finite()) && back.is_sorted(), "{transform:?}: {tried:?} {back:?}");
            assert!(transform.apply(f64::NAN).is_nan());
        }
    }
}

#[test]
fn neighbouring_values_never_change_places() {
    for (_, values, _) in recorded() {
        for transform in learnt(&values, None) {
            for &v in values.iter().filter(|v| !v.is_nan()) {
                let steps: Vec<f64> = (-20..=20).map(|s| transform.apply(v + f64::from(s) * 1e-13 * v.abs())).collect();
                let slack = 4.0 * f64::EPSILON * transform.apply(v).abs(); // libm rounds a value here and there
                assert!(steps.windows(2).all(|w| w[0] <= w[1] + slack), "{transform:?} at {v}");
            }
        }
    }
}

#[test]
fn a_transformed_value_leads_back() {
    for (name, values, _) in recorded() {
        let Extent { low, high, .. } = values.extent(None);
        for transform in learnt(&values, None) {
            for &v in values.iter().filter(|v| !v.is_nan()) {
                assert_near(transform.restore(transform.apply(v)), v, high - low, 1e-7, name);
            }
        }
    }
}

#[test]
fn a_transform_reads_back_exactly() {
    for column in awkward() {
        for transform in learnt(&column, None) {
            let text = serde_json::to_string(&transform).unwrap();
            assert_eq!(serde_json::from_str::<Transform>(&text).unwrap(), transform, "{text}");
        }
    }
}

#[test]
fn a_logarithm_needs_values_above_minus_one() {
    assert_eq!(log1p(&[-0.999, 0.0, f64::NAN][..], None), Ok(Transform::Log1p));
    assert_eq!(log1p(&[-1.0, -7.0, 3.0, -9.0][..], Some(&[2, 1, 1, 0])), Err(Below { rows: 2, smallest: -7.0 }));
}

#[test]
fn auto_takes_the_gentlest_that_suffices() {
    let names = |values: &[f64]| match auto(values, None) {
        Some(Transform::None) => "none",
        Some(Transform::Log1p) => "log1p",
        Some(Transform::YeoJohnson(_)) => "yeo-johnson",
        other => panic!("{other:?}"),
    };
    let positive: Vec<f64> = awkward()[1].clone();
    let negative: Vec<f64> = positive.iter().map(|v| -v).collect();
    let small: Vec<f64> = positive.iter().map(|v| v * 1e-6).collect();
    assert_eq!((names(&awkward()[0]), names(&positive), names(&negative)), ("none", "log1p", "yeo-johnson"));
    assert_eq!(names(&small), "yeo-johnson", "a logarithm does nothing near 0");
    assert_eq!((names(&[4.0; 3]), auto(&[f64::NAN][..], None)), ("none", None));
}
