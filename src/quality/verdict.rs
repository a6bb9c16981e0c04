//! How many segments? Four rules are asked, each by its own measure, and then one answer is given, or none.
//!
//! Each rule alone is easily wrong. The elbow has a knee on every smooth curve, groups or not. The silhouette of an evenly
//! filled square is best, and decent (0.4), at its four quarters, and those come back from every bootstrap sample: neither
//! it nor stability can tell such quarters from groups. It likes two far-apart halves where each holds groups. The gap rule
//! stops at the first good number where groups lie in groups, runs on with columns of 0 and 1, and says 1 under heavy tails
//! (see `gap.rs`). So a number of segments has to pass two tests before any vote counts for it:
//!
//! 1. it *stands out*: it explains clearly more than the same number of clusters does of points without groups that fill the
//!    same box. Evenly spread data and one cloud with a middle and tails never do. The test is on the inertia relative to
//!    one cluster's, so it does not matter how much of the box the data fill. What it cannot see is a band that bends: it
//!    leaves most of its box empty, and its pieces pass for groups;
//! 2. it is *stable*: every one of its clusters comes back from bootstrap samples with a mean Jaccard similarity of at
//!    least 0.75. Every one, not their mean: with one group too many only the group that is cut in two fails, and a
//!    mean over the others hides it. Heavy tails fail here: they stand out, but which few customers make up the tail's
//!    segments changes from sample to sample.
//!
//! Among those that pass, a number needs two votes. A silhouette of 0.5 and more, "a reasonable structure" by its authors
//! (Kaufman & Rousseeuw 1990), counts as two: two groups far apart have no knee, for there is nothing before them, and the
//! gap rule may run past them. The vote of stability is the largest number that is stable: up to the true number clusters
//! are groups or unions of groups, and may be stable; beyond it they rarely are. Where silhouettes are estimates, all within
//! the interval of the best have its vote, and it is for the other rules to decide between them. If two numbers have as
//! many votes, the one with the best silhouette is taken: it measures separation itself, where the others measure its
//! effects and stability's number is rather a limit. If that is neither of them, or none has two votes, the rules disagree,
//! and the answer is "no clear k", with what each said: which of them to follow is a question of what the segments are for.

use super::{Estimate, Gaps, KNEE_POINTS, Stability, knee};
use serde::Serialize;

/// A cluster is stable from this mean Jaccard similarity on (Hennig 2007).
pub const STABLE: f64 = 0.75;

/// Votes that a number of segments needs.
const ENOUGH: usize = 2;

/// From this silhouette on its vote counts as two.
const REASONABLE: f64 = 0.5;

/// One number of clusters, and what was measured of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Clusters.
    pub k: usize,
    /// The sum of squared distances to the centroids.
    pub inertia: f64,
    /// The silhouette.
    pub silhouette: Option<Estimate>,
    /// How alike the clusters come back.
    pub stability: Option<Stability>,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vote {
    /// The rule: `elbow`, `silhouette`, `gap` or `stability`.
    pub rule: &'static str,
    /// Its number of clusters; `None` if it has none, 1 for "no structure".
    pub k: Option<usize>,
    /// Its answer in words.
    pub words: String,
    /// As how many votes it counts.
    pub counts: usize,
    /// Other numbers that are as good by this rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<usize>,
}

impl Vote {
    fn new(rule: &'static str, k: Option<usize>, words: impl Into<String>) -> Self {
        Self { rule, k, words: words.into(), counts: 1, ties: Vec::new() }
    }

    fn is_for(&self, k: usize) -> bool {
        self.k == Some(k) || self.ties.contains(&k)
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The number of clusters to use, or `None` for "no clear k".
    pub recommended_k: Option<usize>,
    /// Why, in a sentence.
    pub reason: String,
    /// What each rule says that was measured.
    pub votes: Vec<Vote>,
}

/// Asks the rules about candidates, ascending in `k`, and weighs their answers.
#[must_use]
pub fn verdict(candidates: &[Candidate], gaps: Option<&Gaps>) -> Verdict {
    let votes: Vec<Vote> =
        [Some(elbow(candidates)), silhouette(candidates), gaps.map(|g| gap(g, candidates)), stable(candidates)]
            .into_iter()
            .flatten()
            .collect();
    let (recommended_k, reason) = weighed(candidates, gaps, &votes);
    Verdict { recommended_k, reason, votes }
}

fn elbow(candidates: &[Candidate]) -> Vote {
    let (ks, inertia): (Vec<f64>, Vec<f64>) = candidates.iter().map(|c| (c.k as f64, c.inertia)).unzip();
    match knee(&ks, &inertia).map(|at| candidates[at].k) {
        Some(k) => Vote::new("elbow", Some(k), format!("the inertia bends at {k}")),
        None if ks.len() < KNEE_POINTS => Vote::new("elbow", None, "there are too few numbers to look for a knee"),
        None => Vote::new("elbow", None, "the inertia has no knee"),
    }
}

fn silhouette(candidates: &[Candidate]) -> Option<Vote> {
    let measured = || candidates.iter().filter(|c| c.k > 1).filter_map(|c| c.silhouette.map(|s| (c.k, s)));
    let first_best = |a: (usize, Estimate), b: (usize, Estimate)| if b.1.value > a.1.value { b } else { a };
    let (k, best) = measured().reduce(first_best)?;
    let mut words = format!("the silhouette is best at {k} ({:.2})", best.value);
    let least = best.sampled.map_or(best.value, |s| s.ci95[0]);
    let ties: Vec<usize> = measured().filter(|(other, s)| *other != k && s.value >= least).map(|(k, _)| k).collect();
    if !ties.is_empty() {
        words += &format!(", within its interval also {}", listed(&ties));
    }
    let counts = if best.value >= REASONABLE { 2 } else { 1 };
    Some(Vote { ties, counts, ..Vote::new("silhouette", Some(k), words) })
}

fn gap(gaps: &Gaps, candidates: &[Candidate]) -> Vote {
    let last = candidates.last().map_or(1, |c| c.k);
    let stands_out = candidates.iter().any(|c| c.k > 1 && gaps.stands_out(c.k));
    match (gaps.rule(), &gaps.entries[..]) {
        (Some(1), [_, next, ..]) if stands_out => {
            Vote::new("gap", Some(1), format!("the gap does not grow from 1 to {}", next.k))
        }
        (Some(1), _) => Vote::new("gap", Some(1), "the gap rule says 1: no groups beyond one cloud"),
        (Some(k), _) => Vote::new("gap", Some(k), format!("the gap rule says {k}")),
        (None, _) => Vote::new("gap", None, format!("the gap still grows at {last}")),
    }
}

fn stable(candidates: &[Candidate]) -> Option<Vote> {
    let measured: Vec<(usize, f64)> = candidates.iter().filter(|c| c.k > 1).filter_map(least_stable).collect();
    if measured.is_empty() {
        return None;
    }
    let of = |(k, jaccard): &(usize, f64)| {
        let words = format!("{k} is the largest number with only stable segments (Jaccard {jaccard:.2} and more)");
        Vote::new("stability", Some(*k), words)
    };
    let none =
        || Vote::new("stability", None, format!("no number has only stable segments (Jaccard {STABLE} and more)"));
    Some(measured.iter().rfind(|(_, jaccard)| *jaccard >= STABLE).map_or_else(none, of))
}

/// The similarity of the least stable cluster of those that were measured.
fn least_stable(candidate: &Candidate) -> Option<(usize, f64)> {
    Some((candidate.k, candidate.stability.as_ref()?.smallest()?))
}

fn weighed(candidates: &[Candidate], gaps: Option<&Gaps>, votes: &[Vote]) -> (Option<usize>, String) {
    let several = || candidates.iter().filter(|c| c.k > 1);
    if several().next().is_none() {
        return (None, nothing_to_compare(candidates).into());
    }
    let Some(gaps) = gaps.filter(|_| several().any(|c| c.stability.is_some())) else {
        return (None, "without gap and stability, groups cannot be told from an even spread; measure both".into());
    };
    let outstanding: Vec<&Candidate> = several().filter(|c| gaps.stands_out(c.k)).collect();
    if outstanding.is_empty() {
        return (None, "no number of segments explains more than it does of points without groups".into());
    }
    let passed = |c: &&&Candidate| least_stable(c).is_some_and(|(_, jaccard)| jaccard >= STABLE);
    let passing: Vec<usize> = outstanding.iter().filter(passed).map(|c| c.k).collect();
    if passing.is_empty() {
        return (None, "what stands out is not stable: other customers would give other segments".into());
    }
    match elected(&passing, votes) {
        Some(k) => (Some(k), agreement(k, votes) + &reservations(k, candidates, gaps)),
        None => (None, disagreement(votes)),
    }
}

/// Why there is no number above 1 among the candidates.
fn nothing_to_compare(candidates: &[Candidate]) -> &'static str {
    match candidates {
        [] => "all rows are alike, or fewer of them differ than any number of segments that was tried",
        [one, ..] if one.inertia == 0.0 => "all rows are alike",
        _ => "there is only 1 segment: no larger number was tried, or fewer rows differ than it asks for",
    }
}

/// What else is to be known of a number that is recommended.
fn reservations(k: usize, candidates: &[Candidate], gaps: &Gaps) -> String {
    let mut more = String::new();
    let stability = candidates.iter().find(|c| c.k == k).and_then(|c| c.stability.as_ref());
    let small = stability.map_or(0, |s| s.jaccard.len() - s.measured().count());
    if small > 0 {
        more += &format!("; {small} of its segments too small to measure stability");
    }
    if gaps.ends_growing_at(k) && candidates.iter().all(|c| c.k <= k) {
        more += "; larger numbers were not tried; the gap still grows";
    }
    more
}

/// The number with the most votes, if it has enough; of several that have as many the one with the best silhouette.
fn elected(passing: &[usize], votes: &[Vote]) -> Option<usize> {
    let count = |k: usize| votes.iter().filter(|v| v.is_for(k)).map(|v| v.counts).sum::<usize>();
    let most = passing.iter().map(|&k| count(k)).max().filter(|most| *most >= ENOUGH)?;
    let winners: Vec<usize> = passing.iter().copied().filter(|&k| count(k) == most).collect();
    let best = votes.iter().find(|v| v.rule == "silhouette").and_then(|v| v.k);
    match winners[..] {
        [k] => Some(k),
        _ => best.filter(|k| winners.contains(k)),
    }
}

fn agreement(k: usize, votes: &[Vote]) -> String {
    let (with, against): (Vec<&Vote>, Vec<&Vote>) = votes.iter().partition(|v| v.is_for(k));
    let rules: Vec<&str> = with.iter().map(|v| v.rule).collect();
    let agree = if rules.len() > 1 { "agree on" } else { "clearly says" };
    let mut reason =
        format!("{} {agree} {k}, its segments are stable and stand out from points without groups", listed(&rules));
    if !against.is_empty() {
        reason += &format!("; {}", listed(&against.iter().map(|v| said(v)).collect::<Vec<_>>()));
    }
    reason
}

fn disagreement(votes: &[Vote]) -> String {
    format!("the rules disagree: {}", listed(&votes.iter().map(said).collect::<Vec<_>>()))
}

fn said(vote: &Vote) -> String {
    vote.k.map_or_else(|| format!("{} says none", vote.rule), |k| format!("{} says {k}", vote.rule))
}

/// As `a, b and c`.
fn listed<T: std::fmt::Display>(parts: &[T]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.to_string(),
        [first @ .., last] => {
            format!("{} and {last}", first.iter().map(T::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Gap, Sampled};
    use super::*;

    /// What was measured of 2, 3, ..: inertia, silhouette, the least Jaccard similarity, the gap and its lead in errors.
    fn asked(rows: &[(f64, f64, f64, f64, f64)]) -> Verdict {
        let (candidates, mut entries): (Vec<Candidate>, Vec<Gap>) = rows
            .iter()
            .enumerate()
            .map(|(at, &(inertia, value, jaccard, gap, errors))| {
                let silhouette = Some(Estimate { value, sampled: None });
                let (bootstraps, rows, adjusted_rand) = (20, 100, jaccard);
                let stability = Some(Stability { bootstraps, rows, jaccard: vec![0.99, jaccard], adjusted_rand });
                let gap = Gap { k: at + 2, gap, standard_error: 0.01, lead: errors / 100.0, lead_error: 0.01 };
                (Candidate { k: at + 2, inertia, silhouette, stability }, gap)
            })
            .unzip();
        entries.insert(0, Gap { k: 1, gap: 0.1, standard_error: 0.01, lead: 0.0, lead_error: 0.0 });
        verdict(&candidates, Some(&Gaps { references: 20, rows: 100, entries }))
    }

    fn votes(verdict: &Verdict) -> Vec<Option<usize>> {
        verdict.votes.iter().map(|v| v.k).collect()
    }

    #[test]
    fn rules_that_agree_are_followed() {
        let found = asked(&[
            (90.0, 0.4, 0.9, 0.3, 20.0),
            (50.0, 0.5, 0.9, 0.5, 30.0),
            (15.0, 0.7, 0.95, 0.9, 40.0),
            (13.0, 0.6, 0.6, 0.8, 35.0),
            (12.0, 0.5, 0.5, 0.7, 30.0),
            (11.0, 0.4, 0.5, 0.6, 30.0),
        ]);
        assert_eq!(votes(&found), [Some(4); 4]);
        assert_eq!(found.recommended_k, Some(4), "{found:?}");
        assert!(found.reason.contains("elbow, silhouette, gap and stability agree on 4"), "{}", found.reason);
    }

    #[test]
    fn without_structure_no_votes_count() {
        // As an evenly filled square: a knee, a decent silhouette and stable clusters at 4.
        let found = asked(&[
            (63.0, 0.35, 0.6, 0.09, -1.0),
            (40.0, 0.37, 0.57, 0.08, -2.0),
            (25.0, 0.4, 0.95, 0.08, -3.0),
            (21.0, 0.38, 0.5, 0.09, 1.0),
            (18.0, 0.37, 0.5, 0.1, 2.0),
        ]);
        assert_eq!(votes(&found), [Some(4), Some(4), Some(1), Some(4)]);
        assert_eq!(found.recommended_k, None);
        assert!(found.reason.contains("points without groups"), "{}", found.reason);
    }

    #[test]
    fn segments_that_do_not_come_back_are_not_recommended() {
        let found = asked(&[
            (50.0, 0.6, 0.5, 0.3, 9.0),
            (10.0, 0.7, 0.6, 0.9, 9.0),
            (9.0, 0.5, 0.5, 0.5, 9.0),
            (8.0, 0.4, 0.4, 0.5, 9.0),
        ]);
        assert_eq!((found.recommended_k, votes(&found)[3]), (None, None));
        assert!(found.reason.contains("not stable"), "{}", found.reason);
    }

    #[test]
    fn rules_that_disagree_give_no_clear_k() {
        let found = asked(&[
            (90.0, 0.45, 0.9, 0.3, 20.0),
            (60.0, 0.4, 0.9, 0.5, 20.0),
            (50.0, 0.3, 0.9, 0.4, 20.0),
            (40.0, 0.3, 0.9, 0.6, 20.0),
        ]);
        assert_eq!(votes(&found), [None, Some(2), Some(3), Some(5)]);
        assert_eq!(found.recommended_k, None);
        assert!(
            found.reason.contains("elbow says none, silhouette says 2, gap says 3 and stability says 5"),
            "{}",
            found.reason
        );
    }

    #[test]
    fn a_clear_silhouette_counts_twice_and_decides_between_equals() {
        let two_far_apart = asked(&[
            (40.0, 0.75, 1.0, 0.5, 20.0),
            (30.0, 0.55, 0.8, 0.6, 20.0),
            (15.0, 0.48, 0.8, 0.9, 20.0),
            (13.0, 0.4, 0.8, 0.8, 20.0),
            (12.0, 0.4, 0.7, 0.8, 20.0),
        ]);
        assert_eq!(votes(&two_far_apart), [Some(4), Some(2), Some(4), Some(5)]);
        assert_eq!(two_far_apart.recommended_k, Some(2), "{two_far_apart:?}");
        assert!(two_far_apart.reason.starts_with("silhouette clearly says 2"), "{}", two_far_apart.reason);
        let two_each = asked(&[
            (90.0, 0.3, 0.9, 0.3, 20.0),
            (50.0, 0.45, 0.9, 0.6, 20.0),
            (15.0, 0.4, 0.95, 0.55, 20.0),
            (13.0, 0.3, 0.6, 0.5, 20.0),
            (12.0, 0.3, 0.5, 0.5, 20.0),
        ]);
        assert_eq!(votes(&two_each), [Some(4), Some(3), Some(3), Some(4)]);
        assert_eq!(two_each.recommended_k, Some(3), "{two_each:?}");
    }

    #[test]
    fn within_the_interval_of_the_best_silhouette_others_are_as_good() {
        let candidate = |k: usize, value: f64| Candidate {
            k,
            inertia: 1.0,
            silhouette: Some(Estimate {
                value,
                sampled: Some(Sampled { rows: 10, ci95: [value - 0.02, value + 0.02] }),
            }),
            stability: None,
        };
        let vote = silhouette(&[candidate(2, 0.3), candidate(3, 0.49), candidate(4, 0.5)]).unwrap();
        assert_eq!((vote.k, &vote.ties[..]), (Some(4), &[3][..]));
        assert!(vote.words.ends_with("at 4 (0.50), within its interval also 3"), "{}", vote.words);
    }

    #[test]
    fn the_words_of_a_vote_do_not_say_more_than_is_known() {
        let found = asked(&[
            (90.0, 0.4, 0.9, 0.05, 20.0),
            (50.0, 0.5, 0.5, 0.5, 30.0),
            (15.0, 0.7, 0.9, 0.9, 40.0),
            (13.0, 0.6, 0.6, 0.8, 35.0),
        ]);
        assert_eq!(votes(&found)[2..], [Some(1), Some(4)]);
        assert_eq!(found.votes[2].words, "the gap does not grow from 1 to 2");
        assert_eq!(found.votes[3].words, "4 is the largest number with only stable segments (Jaccard 0.90 and more)");
        assert_eq!(found.recommended_k, Some(4), "{found:?}");
        assert!(!found.reason.contains("not tried"), "{}", found.reason);
        let cloud = asked(&[(90.0, 0.4, 0.9, 0.05, 1.0), (50.0, 0.5, 0.5, 0.05, 1.0)]);
        assert_eq!(cloud.votes[2].words, "the gap rule says 1: no groups beyond one cloud");
        assert_eq!(cloud.votes[0].words, "there are too few numbers to look for a knee");
    }

    #[test]
    fn the_largest_number_tried_is_recommended_with_a_reservation() {
        let found = asked(&[(90.0, 0.4, 0.9, 0.3, 20.0), (50.0, 0.5, 0.9, 0.5, 30.0), (15.0, 0.7, 0.9, 0.9, 40.0)]);
        assert_eq!(found.recommended_k, Some(4));
        let end = "; larger numbers were not tried; the gap still grows";
        assert!(found.reason.ends_with(end), "{}", found.reason);
        let flat = asked(&[(90.0, 0.4, 0.9, 0.3, 20.0), (50.0, 0.5, 0.9, 0.9, 30.0), (15.0, 0.7, 0.9, 0.9, 40.0)]);
        assert_eq!(flat.recommended_k, Some(4));
        assert!(!flat.reason.contains("not tried"), "{}", flat.reason);
    }

    #[test]
    fn a_cluster_that_was_not_measured_does_not_count_as_unstable() {
        let stability =
            |jaccard: Vec<f64>| Some(Stability { bootstraps: 20, rows: 5_000, jaccard, adjusted_rand: 0.9 });
        let silhouette = Some(Estimate { value: 0.7, sampled: None });
        let of = |k, jaccard| Candidate { k, inertia: 1.0, silhouette, stability: stability(jaccard) };
        let entry = |k, gap, lead| Gap { k, gap, standard_error: 0.01, lead, lead_error: 0.01 };
        let gaps = Gaps { references: 20, rows: 5_000, entries: vec![entry(1, 0.1, 0.0), entry(3, 0.9, 0.8)] };
        let found = verdict(&[of(3, vec![0.9, f64::NAN, 0.95])], Some(&gaps));
        assert_eq!(found.recommended_k, Some(3), "{found:?}");
        assert!(found.reason.contains("1 of its segments too small to measure stability"), "{}", found.reason);
        let found = verdict(&[of(3, vec![f64::NAN; 3])], Some(&gaps));
        assert_eq!((found.recommended_k, found.votes.len()), (None, 3), "{found:?}");
    }

    #[test]
    fn rows_that_are_alike_are_said_to_be() {
        let one = |inertia: f64| [Candidate { k: 1, inertia, silhouette: None, stability: None }];
        let gaps = Gaps { references: 20, rows: 9, entries: Vec::new() };
        assert_eq!(verdict(&one(0.0), Some(&gaps)).reason, "all rows are alike");
        assert!(verdict(&one(2.0), Some(&gaps)).reason.starts_with("there is only 1 segment"));
        assert!(verdict(&[], Some(&gaps)).reason.starts_with("all rows are alike, or fewer"));
    }

    #[test]
    fn what_was_not_measured_recommends_nothing() {
        let plain = |k: usize| Candidate { k, inertia: 1.0 / k as f64, silhouette: None, stability: None };
        let found = verdict(&(2..9).map(plain).collect::<Vec<_>>(), None);
        assert_eq!((found.recommended_k, found.votes.len()), (None, 1));
        assert!(found.reason.contains("measure both"), "{}", found.reason);
        assert_eq!(verdict(&[], None).recommended_k, None);
    }
}
