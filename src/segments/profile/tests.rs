//! Profiles against plain ways to the same figures.

use super::*;
use crate::features::columns::{ABSURD, awkward, drawn};
use crate::features::quantile::linear;
use crate::features::sums::spread;
use crate::features::{Gaps, How, Number, Plan, Scale};
use crate::table::{Levels, MISSING, Numbers, UNSEEN};

fn label(segment: usize) -> u32 {
    u32::try_from(segment).unwrap()
}

fn weights(values: &[u64]) -> Weights {
    Weights::new(&values.iter().map(|w| *w as f64).collect::<Vec<_>>()).unwrap()
}

/// What sorting all values gives.
fn plain(values: &[f64], weights: Option<&[u64]>, unit: u64) -> Option<[f64; 7]> {
    let repeated: Vec<f64> = match weights {
        None => values.to_vec(),
        Some(w) => values.iter().zip(w).flat_map(|(v, w)| (0..w / unit).map(|_| *v)).collect(),
    };
    let spread = spread(&repeated, None)?;
    let [p10, median, p90] = linear(&repeated, None, &[1, 5, 9], 10)?.try_into().ok()?;
    Some([spread.mean, spread.sd, spread.low, p10, median, p90, spread.high])
}

fn figures_of(n: &Numeric) -> Option<[f64; 7]> {
    (n.weight > 0.0).then_some([n.mean, n.sd, n.low, n.p10, n.median, n.p90, n.high])
}

/// Whether everyone's figures and those of each of `k` segments are what sorting gives.
fn assert_plain(values: &[f64], k: usize, weighted: Option<(&[u64], u64)>) {
    let labels: Vec<u32> = (0..values.len()).map(|i| label(i * 7 % 11 % k)).collect();
    let fixed = weighted.map(|(w, _)| weights(w));
    let grouping = Grouping::new(&labels, k, fixed.as_ref());
    let numbers: Numbers = values.iter().copied().collect();
    let (present, all, segments) = numbers::numeric(&numbers, &grouping, Depth::Quantiles);
    let unit = weighted.map_or(1, |(_, unit)| unit);
    assert_eq!(figures_of(&all), plain(values, weighted.map(|(w, _)| w), unit), "everyone of {:?}", &values[..1]);
    for (s, segment) in segments.iter().enumerate() {
        let rows: Vec<usize> = (0..values.len()).filter(|&i| labels[i] as usize == s).collect();
        let some: Vec<f64> = rows.iter().map(|&i| values[i]).collect();
        let some_weights = weighted.map(|(w, _)| rows.iter().map(|&i| w[i]).collect::<Vec<u64>>());
        assert_eq!(
            figures_of(segment),
            plain(&some, some_weights.as_deref(), unit),
            "segment {s} of {:?}",
            &values[..1]
        );
        assert_eq!(present.missing[s], some.iter().filter(|v| v.is_nan()).count() as u64);
        assert_eq!(present.present[s] + present.missing[s], some.len() as u64);
    }
}

#[test]
fn figures_are_those_of_the_sorted_values() {
    for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
        for k in [1, 2, 5] {
            assert_plain(column, k, None);
        }
    }
    // Whole numbers, of which each has a bin to itself; hundredths, and a long tail that lies in few bins.
    let n = 70_000;
    let whole: Vec<f64> = drawn(n).map(|u| (u * u * 90.0).floor() - 20.0).collect();
    let tail: Vec<f64> = drawn(n).map(|u| (100.0 / (1.0 - u)).floor() / 100.0).collect();
    let far: Vec<f64> = drawn(n).enumerate().map(|(i, u)| if i == 7 { 1e12 } else { u }).collect();
    for column in [whole, tail, far] {
        assert_plain(&column, 3, None);
    }
}

#[test]
fn a_weight_of_three_is_three_rows_in_quantiles_too() {
    for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
        let turns: Vec<u64> = [3, 0, 1, 2].into_iter().cycle().take(column.len()).collect();
        let factors: Vec<u64> = turns.iter().map(|w| 4 * w).collect();
        assert_plain(column, 2, Some((&turns, 1)));
        assert_plain(column, 2, Some((&factors, 4)));
    }
}

#[test]
fn many_segments_need_no_more_bins_than_few() {
    let (n, k) = (300_000, 100_000);
    let values: Vec<f64> = drawn(n).collect();
    let labels: Vec<u32> = (0..n).map(|i| label(i % k)).collect();
    let grouping = Grouping::new(&labels, k, None);
    let (_, all, segments) = numbers::numeric(&values.iter().copied().collect(), &grouping, Depth::Quantiles);
    assert_eq!(figures_of(&all), plain(&values, None, 1));
    for s in (0..k).step_by(9_973) {
        let three = [values[s], values[s + k], values[s + 2 * k]];
        assert_eq!(figures_of(&segments[s]), plain(&three, None, 1));
    }
}

fn column(name: &str, values: Values) -> Column {
    Column { name: name.into(), missing: 0, first_missing: None, values }
}

fn numbers_of(values: &[f64]) -> Values {
    Values::Numbers(values.iter().copied().collect())
}

fn texts(codes: &[u16], names: usize) -> Values {
    let names = (0..names).map(|i| format!("level {i:03}")).collect();
    Values::Levels(Levels { names, codes: codes.to_vec().into(), asked: false })
}

fn table(columns: Vec<Column>, rows: usize) -> Table {
    let (source, parts, kept) = ("t".into(), Vec::new(), Vec::new());
    let (further, unread) = (Vec::new(), Vec::new());
    let rejects = Vec::new();
    Table {
        source,
        rows,
        parts,
        columns,
        kept,
        selected: None,
        further,
        unread,
        left_out: Vec::new(),
        store: crate::store::Store::default(),
        rejects,
        separator: None,
        extent: None,
    }
}

fn pipeline(names: &[&str]) -> Pipeline {
    let how = How::Number(Number::plain(Some(0.0), 0.0, 1.0));
    let plan = |name: &&str| Plan { name: (*name).into(), weight: 1.0, gaps: Gaps::Fill, how: how.clone() };
    Pipeline::new(Scale::None, names.iter().map(plan).collect())
}

/// The profile of segments of ten rows each.
fn tens(columns: Vec<Column>, rows: usize, clustered: &[&str], kpis: &[&str], w: Option<&Weights>) -> Profile {
    let labels: Vec<u32> = (0..rows).map(|i| label(i / 10)).collect();
    let kpis: Vec<String> = kpis.iter().map(|name| (*name).into()).collect();
    let roles = Roles { pipeline: &pipeline(clustered), kpis: &kpis, without: &["weight".into()] };
    Profile::new(&table(columns, rows), &labels, rows.div_ceil(10), w, &roles)
}

fn csv(profile: &Profile) -> String {
    let mut out = Vec::new();
    profile.write_csv(&profile.names(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn an_index_is_against_the_average_of_100_and_an_effect_in_deviations() {
    let values: Vec<f64> = (0..20).map(|i| if i < 10 { 1.0 } else { 3.0 }).collect();
    let p = tens(vec![column("spend", numbers_of(&values))], 20, &["spend"], &[], None);
    let [low, high] = [0, 1].map(|s| p.columns[0].entries(s)[0]);
    assert_eq!((low.mean, low.mean_all, low.index, low.effect), (1.0, 2.0, Some(50.0), -1.0));
    assert_eq!((high.index, high.effect, p.columns[0].separation), (Some(150.0), 1.0, 1.0));
    assert_eq!((p.counts.as_slice(), p.shares.as_slice()), ([10, 10].as_slice(), [0.5, 0.5].as_slice()));
    // Values below zero have no index, and a constant no effect.
    let below: Vec<f64> = values.iter().map(|v| v - 2.0).collect();
    let p = tens(vec![column("a", numbers_of(&below)), column("b", numbers_of(&[7.0; 20]))], 20, &["a"], &[], None);
    assert_eq!((p.columns[0].entries(1)[0].index, p.columns[0].entries(1)[0].effect), (None, 1.0));
    assert_eq!((p.columns[1].entries(1)[0].index, p.columns[1].entries(1)[0].effect), (Some(100.0), 0.0));
    assert!(p.columns[0].clustered && !p.columns[1].clustered && p.columns[1].separation == 0.0);
}

#[test]
fn shares_are_measured_by_cohens_h_and_tell_segments_apart_as_their_numbers_would() {
    let said: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i < 5))).collect();
    let yes = column("churn", Values::YesNo(said.iter().copied().collect()));
    let text = column("text", texts(&said.iter().map(|v| u16::from(*v == 1.0)).collect::<Vec<_>>(), 2));
    let p = tens(vec![yes, text, column("number", numbers_of(&said))], 20, &[], &[], None);
    let by_name = |name: &str| p.columns.iter().find(|c| c.name == name).unwrap();
    let entry = by_name("churn").entries(0)[0];
    assert_eq!((entry.level, entry.mean, entry.mean_all, entry.index), (Some("yes"), 0.5, 0.25, Some(200.0)));
    assert!((entry.effect - std::f64::consts::FRAC_PI_6).abs() < 1e-15, "{}", entry.effect);
    for name in ["churn", "text", "number"] {
        assert!((by_name(name).separation - 1.0 / 3.0).abs() < 1e-12, "{name}: {}", by_name(name).separation);
    }
    let levels: Vec<_> = by_name("text").entries(0).iter().map(|e| (e.level.unwrap().to_owned(), e.mean)).collect();
    assert_eq!(levels, [("level 000".to_owned(), 0.5), ("level 001".to_owned(), 0.5)]);
}

#[test]
fn of_many_levels_the_twenty_most_frequent_are_told_apart() {
    // Level i stands in 1 + i % 3 rows; a missing one and one that was never seen.
    let mut codes: Vec<u16> = (0..300).flat_map(|i| vec![i; 1 + usize::from(i) % 3]).collect();
    codes.extend([MISSING, UNSEEN]);
    codes.resize(610, 0);
    let p = tens(vec![column("town", texts(&codes, 400))], 610, &[], &[], None);
    let Figures::Shares { levels, all, segments, .. } = &p.columns[0].figures else { panic!("no shares") };
    assert_eq!((levels.len(), levels[0].as_str(), levels[1].as_str()), (MOST_LEVELS + 1, "level 000", "level 002"));
    assert_eq!(levels[MOST_LEVELS], OTHER);
    for shares in segments.iter().chain([all]) {
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    }
    assert_eq!(p.columns[0].missing.iter().sum::<u64>(), 1);
    let one = tens(vec![column("one", texts(&[0; 20], 1))], 20, &[], &[], None);
    assert_eq!((one.columns[0].entries(0)[0].mean, one.columns[0].entries(0)[0].effect), (1.0, 0.0));
    assert_eq!(one.columns[0].separation, 0.0);
}

#[test]
fn a_segment_without_values_has_no_figures_and_no_zeros() {
    let values: Vec<f64> = (0..20).map(|i| if i < 10 { f64::NAN } else { 5.0 }).collect();
    let codes: Vec<u16> = (0..20).map(|i| if i < 10 { MISSING } else { 0 }).collect();
    let p = tens(vec![column("n", numbers_of(&values)), column("t", texts(&codes, 1))], 20, &["n"], &[], None);
    for c in &p.columns {
        let entry = c.entries(0)[0];
        assert!(entry.mean.is_nan() && entry.effect.is_nan() && entry.index.is_none(), "{entry:?}");
        assert_eq!((c.present[0], c.missing[0], c.present[1], c.missing[1]), (0, 10, 10, 0));
    }
    let text = csv(&p);
    assert!(text.contains(",n,,number,yes,no,0,10,,,,,,5,,\n"), "{text}");
    assert!(text.contains(",t,level 000,category,no,no,0,10,,,,,,1,,\n"), "{text}");
    assert_eq!(p.names(), ["Average customers", "Average customers (2)"]);
}

#[test]
fn dates_are_written_as_days() {
    let days: Vec<f64> = (0..20).map(|i| 19_723.0 + f64::from(i)).collect();
    let p = tens(vec![column("joined", Values::Dates(days.iter().copied().collect()))], 20, &[], &[], None);
    let text = csv(&p);
    let first = ",joined,,date,no,no,10,0,2024-01-05,2.87";
    assert!(text.contains(first) && text.contains(",2024-01-01,2024-01-05,2024-01-09,2024-01-10,,-0.86"), "{text}");
}

#[test]
fn kpis_come_first_then_what_tells_segments_apart() {
    let step: Vec<f64> = (0..30).map(|i| f64::from(i / 10)).collect();
    let noise: Vec<f64> = (0..30).map(|i| f64::from(i % 10)).collect();
    let columns = || {
        ["weight", "noise", "kpi", "step"]
            .map(|name| column(name, numbers_of(if name == "step" { &step } else { &noise })))
    };
    let p = tens(columns().to_vec(), 30, &["step", "noise"], &["kpi"], None);
    let names: Vec<&str> = p.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["kpi", "step", "noise"]);
    assert_eq!(p.telling(0)[0].column.name, "step");
    assert!(p.columns[0].kpi && !p.columns[1].kpi);
    // A KPI may be what is left out else.
    assert_eq!(tens(columns().to_vec(), 30, &["step"], &["weight"], None).columns[0].name, "weight");
}

#[test]
fn a_row_counts_by_its_weight_in_shares_and_a_sum() {
    let mut w = vec![1; 20];
    (w[0], w[1]) = (3, 0);
    let values: Vec<f64> = (0..20).map(|i| if i == 1 { 1e9 } else { f64::from(i) }).collect();
    let mut codes = vec![0; 20];
    codes[0] = 1;
    let columns = vec![column("n", numbers_of(&values)), column("t", texts(&codes, 2))];
    let weights = weights(&w);
    let p = tens(columns, 20, &[], &["n"], Some(&weights));
    let Figures::Numbers { segments, .. } = &p.columns[0].figures else { panic!("no numbers") };
    assert_eq!((segments[0].weight, segments[0].total(), segments[0].high), (11.0, 44.0, 9.0));
    assert_eq!(p.columns[1].entries(0)[1].mean, 3.0 / 11.0);
    assert_eq!((p.shares[0], p.counts[0]), (11.0 / 21.0, 10));
}

#[test]
fn threads_cannot_be_seen() {
    let columns = || (0..9).map(|j| column(&j.to_string(), numbers_of(&drawn(70_000 + j).skip(j).collect::<Vec<_>>())));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| csv(&tens(columns().collect(), 70_000, &["1"], &[], None)))
    };
    let one = on(1);
    assert!(one == on(2) && one == on(3));
}

#[test]
fn the_short_way_to_names_gives_the_same_ones() {
    let columns: Vec<Column> = ["spend", "recency_days", "age"]
        .iter()
        .enumerate()
        .map(|(j, name)| column(name, numbers_of(&drawn(60 + j).skip(j).collect::<Vec<_>>())))
        .collect();
    let labels: Vec<u32> = (0..60).map(|i| i / 10).collect();
    let (table, pipeline) = (table(columns, 60), pipeline(&["spend", "age"]));
    let roles = Roles { pipeline: &pipeline, kpis: &[], without: &[] };
    let whole = Profile::new(&table, &labels, 6, None, &roles).names();
    assert_eq!(suggested_names(&table, &labels, 6, None, &pipeline), whole);
    assert!(!whole.concat().contains("inactive"), "only clustered columns name a segment: {whole:?}");
}

/// The names of segments of ten rows, by a column each of the means of the segments.
fn named(columns: &[(&str, &[f64])]) -> Vec<String> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let spread = |mean: &f64| (0..10).map(|i| mean + f64::from(i % 5) / 10.0).collect::<Vec<_>>();
    let columns: Vec<Column> = columns
        .iter()
        .map(|(name, means)| column(name, numbers_of(&means.iter().flat_map(spread).collect::<Vec<_>>())))
        .collect();
    let rows = columns[0].numbers().unwrap().len();
    tens(columns, rows, &names, &[], None).names()
}

#[test]
fn names_say_what_stands_out_in_words() {
    let found = named(&[
        ("total_spend", &[9.0, 1.0, 5.0, 5.0]),
        ("recency_days", &[0.0, 3.0, 9.0, 4.0]),
        ("visits", &[5.0, 5.0, 1.0, 5.5]),
    ]);
    assert_eq!(found, ["High spend, recent", "Low spend", "Few visits, long inactive", "Frequent visits"]);
    // Of two columns about the same thing one is enough, and names that are alike say more, then count.
    let found = named(&[("spend", &[9.0, 9.0, 1.0]), ("revenue", &[9.0, 9.0, 1.0]), ("tenure", &[4.9, 5.1, 5.0])]);
    assert_eq!(found, ["High spend, new", "High spend, long-standing", "Low spend"]);
    assert_eq!(
        named(&[("x", &[1.0, 1.0, 1.0])]),
        ["Average customers", "Average customers (2)", "Average customers (3)"]
    );
}

#[test]
fn a_level_names_a_segment_if_most_of_it_holds_it() {
    let codes: Vec<u16> = (0..40).map(|i| u16::from(i < 8 || (20..26).contains(&i) || (30..33).contains(&i))).collect();
    let flags: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i < 10 || (30..39).contains(&i)))).collect();
    let mut plan = column("plan", texts(&codes, 2));
    if let Values::Levels(levels) = &mut plan.values {
        levels.names = vec!["=basic".into(), "<b>\u{1b}premium".into()];
    }
    let vip = column("is_vip", Values::YesNo(flags.iter().copied().collect()));
    let names = tens(vec![plan.clone(), vip.clone()], 40, &["plan", "is_vip"], &[], None).names();
    assert_eq!(names, ["Vip, <b> premium plan", "No vip, =basic plan", "No vip", "Vip"]);
    assert!(csv(&tens(vec![plan, vip], 40, &["plan"], &[], None)).contains(",'=basic plan,"));
}

#[test]
fn what_sets_a_segment_apart_is_told_once_and_rather_by_what_it_holds() {
    let internet: Vec<u16> = (0..30).map(|i| i / 10).collect();
    let security: Vec<u16> = (0..30).map(|i| if i < 10 { 0 } else { 1 + i % 2 }).collect();
    let columns = vec![column("internet", texts(&internet, 3)), column("security", texts(&security, 3))];
    let p = tens(columns, 30, &["internet"], &[], None);
    let told = |s: usize| p.telling(s).iter().map(|e| (e.column.name.clone(), e.mean)).collect::<Vec<_>>();
    assert_eq!(told(0), [("internet".to_owned(), 1.0)], "no internet and no security are the same rows");
    assert_eq!(told(1)[0], ("internet".to_owned(), 1.0));
    // Lacking a level is told where no other is held nearly as clearly.
    let mixed: Vec<u16> = (0..100).map(|i| if i < 90 { i % 10 } else { 1 + i % 9 }).collect();
    let p = tens(vec![column("mixed", texts(&mixed, 10))], 100, &[], &[], None);
    assert_eq!(p.telling(9)[0].mean, 0.0);
}
