//! The knee of the elbow: Kneedle (Satopaa, Albrecht, Irwin & Raghavan 2011, *Finding a "Kneedle" in a haystack*).
//!
//! Inertia falls with every further cluster; the knee is where it stops falling fast. Both axes are brought to 0..1, and
//! the curve, turned upside down, is compared with the diagonal: a maximum of that difference is a knee if the difference
//! then falls by more than the mean step of the axis (sensitivity 1) before it reaches another one. The points are few and
//! exact, so there is no smoothing. As in the paper's offline form, the first knee counts.
//!
//! A maximum at an end is no knee: there is nothing on the other side of it. A curve that bends less than that has none,
//! and so has one of fewer than four points, where every bend looks like a knee. A smooth curve has one nevertheless: a
//! knee alone says nothing about whether there are groups.

/// How much the difference must fall after a maximum, in mean steps of the axis.
const SENSITIVITY: f64 = 1.0;

/// Points that a curve must have for a knee to be looked for.
pub const KNEE_POINTS: usize = 4;

/// The place of the knee of a falling convex curve, if it has one; `x` ascends.
///
/// # Panics
/// If there are not as many `x` as `y`.
#[must_use]
pub fn knee(x: &[f64], y: &[f64]) -> Option<usize> {
    assert_eq!(x.len(), y.len(), "a value for each place");
    let (&[first, .., last], &[high, .., low]) = (x, y) else { return None };
    let usable = x.len() >= KNEE_POINTS && last > first && high > low && y.iter().all(|v| v.is_finite());
    if !usable {
        return None;
    }
    let place = |x: f64| (x - first) / (last - first);
    // A curve that rises somewhere (a fit caught in a poor optimum) still lies between its ends' heights, or beyond them.
    let above: Vec<f64> = x.iter().zip(y).map(|(x, y)| (high - y) / (high - low) - place(*x)).collect();
    let fall = SENSITIVITY / (x.len() - 1) as f64;
    let (mut best, mut least) = (None, 0.0);
    for i in 1..above.len() {
        if best.is_some() && above[i] < least {
            return best;
        }
        let (before, after) = (above[i - 1], above.get(i + 1).copied());
        if after.is_some_and(|after| above[i] >= before && above[i] >= after) {
            (best, least) = (Some(i), above[i] - fall);
        }
        if above[i] <= before && after.is_none_or(|after| above[i] <= after) {
            least = 0.0;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knees_are_those_of_the_reference_implementation() {
        let cases: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/kneed.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let axis =
                |name: &str| case[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
            let expected = case["knee"].as_u64().map(|k| usize::try_from(k).unwrap());
            assert_eq!(knee(&axis("x"), &axis("y")), expected, "{}", case["name"]);
        }
    }

    #[test]
    fn a_knee_is_never_made_up() {
        let ks = [2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(knee(&ks[..3], &[9.0, 2.0, 1.0]), None, "too few points");
        assert_eq!(knee(&ks, &[9.0; 5]), None, "flat");
        assert_eq!(knee(&ks, &[9.0, 8.9, 8.5, 6.0, 1.0]), None, "it bends the other way: the most is at the end");
        assert_eq!(knee(&ks, &[9.0, 7.0, 5.0, 3.0, 1.0]), None, "straight");
        assert_eq!(knee(&ks, &[9.0, 4.0, f64::NAN, 2.0, 1.0]), None, "not finite");
        assert_eq!(knee(&ks, &[9.0, 2.0, 1.8, 1.5, 1.0]), Some(1));
        assert_eq!(knee(&[], &[]), None);
    }
}
