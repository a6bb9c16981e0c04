//! Reports as a verb would make them, of made-up customers: a usual one, and one that is as large and hostile as can be.

use segma::segments::report::{
    Column, Convergence, Distribution, Dot, Estimate, Figure, Headline, Iteration, Loading, Margins, Profile,
    ProfileCell, ProfileFeature, Projection, Provenance, Report, Segment, Silhouettes, Stability, Standing, Sweep,
    SweepFit, Unit, Vote,
};

const NAMES: [&str; 5] = [
    "Small baskets, occasional",
    "Loyal, steady",
    "High spend, recent",
    "Lapsed, once frequent",
    "New, discount hunters",
];
const SHARES: [f64; 5] = [0.36, 0.26, 0.17, 0.14, 0.07];
const FEATURES: [(&str, f64, Unit); 12] = [
    ("spend", 887.0, Unit::Number),
    ("orders", 9.2, Unit::Number),
    ("recency_days", 94.0, Unit::Number),
    ("basket", 61.4, Unit::Number),
    ("discount_share", 0.21, Unit::Share),
    ("web_visits", 31.0, Unit::Number),
    ("returns", 0.8, Unit::Number),
    ("tenure_months", 27.0, Unit::Number),
    ("plan = yearly", 0.31, Unit::Share),
    ("newsletter", 0.48, Unit::Share),
    ("support_tickets", 1.3, Unit::Number),
    ("region = north", 0.24, Unit::Share),
];

/// A column and a category that want to be more than text.
pub(crate) const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "a\u{202e}b\u{1b}[2J\u{0}",
    "</script><!--{{ 7*7 }}",
];

/// Numbers from -1 to 1 that look random.
fn noise(at: usize) -> f64 {
    let x = (at as f64 * 12.9898 + 78.233).sin() * 43_758.545_3;
    2.0 * (x - x.floor()) - 1.0
}

/// How far a segment lies from average in a feature, in standard deviations.
fn effect(segment: usize, feature: usize) -> f64 {
    const STRONG: [[f64; 5]; 6] = [
        [-0.5, 0.3, 2.1, -0.4, -0.6],
        [-0.6, 0.9, 1.4, -0.2, -0.9],
        [0.1, -0.6, -0.8, 2.2, -0.9],
        [-0.4, 0.1, 1.2, 0.0, -0.5],
        [0.0, -0.4, -0.6, 0.2, 1.9],
        [-0.4, 0.2, 0.9, -0.8, 1.1],
    ];
    match STRONG.get(feature) {
        Some(row) if segment < 5 => row[segment],
        _ => 0.7 * noise(segment * 97 + feature * 13 + 5),
    }
}

fn mean(everyone: f64, unit: Unit, effect: f64) -> f64 {
    match unit {
        Unit::Share => (everyone + 0.2 * effect).clamp(0.01, 0.98),
        Unit::Number => everyone * if effect > 0.0 { 1.0 + 1.2 * effect } else { 1.0 / (1.0 - 0.9 * effect) },
    }
}

struct Shape {
    names: Vec<String>,
    shares: Vec<f64>,
    features: Vec<(String, f64, Unit)>,
    rows: u64,
}

impl Shape {
    fn k(&self) -> usize {
        self.names.len()
    }

    fn count(&self, segment: usize) -> u64 {
        (self.shares[segment] * self.rows as f64) as u64
    }

    fn standing(&self, segment: usize) -> Vec<Standing> {
        let mut all: Vec<Standing> = self
            .features
            .iter()
            .enumerate()
            .map(|(f, (name, everyone, unit))| {
                let effect = effect(segment, f);
                let value = mean(*everyone, *unit, effect);
                Standing { feature: name.clone(), unit: *unit, value, everyone: *everyone, effect }
            })
            .collect();
        all.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        all.truncate(6);
        all
    }

    fn segments(&self) -> Vec<Segment> {
        let kpi = |s: usize| (self.shares[s] * (1.0 + 0.6 * effect(s, 0)).max(0.2), self.shares[s]);
        let total: f64 = (0..self.k()).map(|s| kpi(s).0).sum();
        let segment = |s: usize| Segment {
            name: self.names[s].clone(),
            count: self.count(s),
            share: self.shares[s],
            kpis: vec![("revenue".into(), kpi(s).0 / total)],
            standing: self.standing(s),
            silhouette: Some(0.3 + 0.05 * noise(s)),
            border_share: Some(0.12 + 0.08 * noise(s + 9)),
            typical: if s == 0 { vec!["C004113".into(), "C029940".into(), "C000718".into()] } else { Vec::new() },
        };
        (0..self.k()).map(segment).collect()
    }

    fn profile(&self) -> Profile {
        let cell = |f: usize, everyone: f64, unit: Unit, s: usize| {
            let mean = mean(everyone, unit, effect(s, f));
            ProfileCell { mean, index: Some(100.0 * mean / everyone), effect: effect(s, f) }
        };
        let feature = |(f, (name, everyone, unit)): (usize, &(String, f64, Unit))| ProfileFeature {
            name: name.clone(),
            unit: *unit,
            everyone: *everyone,
            cells: (0..self.k()).map(|s| cell(f, *everyone, *unit, s)).collect(),
        };
        Profile { features: self.features.iter().enumerate().map(feature).collect() }
    }

    fn distributions(&self, levels: &[&str]) -> Vec<Distribution> {
        let numbers = self.features.iter().enumerate().filter(|(_, f)| f.2 == Unit::Number);
        let range = |middle: f64, s: usize| [middle * 0.35, middle, middle * (1.9 + 0.4 * noise(s))];
        let number = |(f, (name, everyone, unit)): (usize, &(String, f64, Unit))| Distribution::Range {
            feature: name.clone(),
            everyone: range(*everyone * 0.8, 3),
            segments: (0..self.k()).map(|s| Some(range(mean(*everyone, *unit, effect(s, f)) * 0.9, s))).collect(),
        };
        let shares = |s: usize| {
            let raw: Vec<f64> = (0..levels.len()).map(|l| 1.3 + noise(s * 31 + l * 7)).collect();
            let sum: f64 = raw.iter().sum();
            raw.iter().map(|r| r / sum).collect::<Vec<f64>>()
        };
        let category = Distribution::Levels {
            feature: "plan".into(),
            levels: levels.iter().map(|l| (*l).to_owned()).collect(),
            everyone: shares(77),
            segments: (0..self.k()).map(shares).collect(),
        };
        numbers.map(number).chain([category]).collect()
    }

    fn projection(&self, points: usize) -> Projection {
        let centre = |s: usize| {
            let turn = s as f64 * std::f64::consts::TAU / self.k() as f64;
            [2.4 * turn.cos() + 0.4 * noise(s), 1.7 * turn.sin()]
        };
        let mut dots = Vec::new();
        for s in 0..self.k() {
            let [x, y] = centre(s);
            let own = (self.shares[s] * points as f64) as usize;
            let around = |i: usize| (0..4).map(|j| noise(s * 100_003 + i * 17 + j * 5)).sum::<f64>() * 0.9;
            dots.extend((0..own).map(|i| Dot { x: x + around(i), y: y + around(i + 50_000), segment: s }));
        }
        let loading = |(f, (name, _, _)): (usize, &(String, f64, Unit))| Loading {
            feature: name.clone(),
            parts: [0.5 * noise(f + 40), 0.5 * noise(f + 80)],
        };
        Projection {
            points: dots,
            centroids: (0..self.k()).map(centre).collect(),
            explained: [0.31, 0.17],
            loadings: self.features.iter().enumerate().map(loading).collect(),
            rows: 20_000,
        }
    }

    fn silhouettes(&self) -> Silhouettes {
        let value = |s: usize, i: usize| (0.36 + 0.3 * noise(s * 7_919 + i) - 0.14 * noise(i * 3).abs()) as f32;
        let values = (0..self.k()).map(|s| (0..(self.shares[s] * 4_000.0) as usize).map(|i| value(s, i)).collect());
        let mean = Estimate { value: 0.287, ci95: Some([0.281, 0.293]) };
        Silhouettes { mean, values: values.collect(), rows: 4_000 }
    }
}

fn sweep(recommended: Option<u64>) -> Sweep {
    let fit = |k: u64| {
        let k = k as f64;
        let silhouette = 0.29 - 0.012 * (k - 5.0).abs() - 0.01 * noise(k as usize);
        SweepFit {
            k: k as u64,
            inertia: 410_000.0 * (0.25 + 1.5 / k.powf(if k < 5.0 { 1.1 } else { 1.25 })),
            explained: Some(0.75 - 1.1 / k),
            silhouette: Some(Estimate { value: silhouette, ci95: Some([silhouette - 0.007, silhouette + 0.007]) }),
            simplified_silhouette: Some(silhouette + 0.04),
            calinski_harabasz: Some(14_000.0 - 600.0 * k),
            davies_bouldin: Some(1.2 + 0.03 * (k - 5.0).abs()),
            gap: Some([0.42 + 0.05 * k.min(5.0) - 0.006 * (k - 5.0).max(0.0), 0.006]),
            stability: Some((0.93 - 0.05 * (k - 5.0).abs()).clamp(0.3, 1.0)),
            smallest: Some((9_000.0 / k) as u64),
        }
    };
    let vote = |rule: &str, k: Option<u64>, reason: &str| Vote { rule: rule.into(), k, reason: reason.into() };
    Sweep {
        fits: (2..=12).map(fit).collect(),
        knee: recommended,
        recommended,
        verdict: match recommended {
            Some(_) => "The knee, the silhouette and the gap rule agree on 5, and 5 segments come back in 93 of 100 samples.".into(),
            None => "The elbow has no knee, the silhouette is highest at the end of the range and the gap rule sees one group.".into(),
        },
        votes: vec![
            vote("Knee of the elbow", recommended, "The curve bends most at 5: each segment after it explains less than half as much."),
            vote("Best silhouette", Some(5), "0.290, between 0.283 and 0.297; 4 and 6 lie below."),
            vote("Gap rule", recommended, "The first number that the next one does not beat by a standard error."),
            vote("Stability", Some(4), "The largest number with all segments at 0.75 or more is 4; 5 has one at 0.71."),
        ],
    }
}

fn column(name: &str, kind: &str, missing: f64, used: bool, done: &str) -> Column {
    Column { name: name.into(), kind: kind.into(), missing: Some(missing), used, done: done.into() }
}

fn report(shape: &Shape, levels: &[&str], points: usize) -> Report {
    let silhouettes = shape.silhouettes();
    let jaccard: Vec<f64> = (0..shape.k()).map(|s| (0.9 - 0.06 * s as f64).max(0.4)).collect();
    let decay = |i: i32| Iteration {
        inertia: 118_000.0 + 60_000.0 * 0.7f64.powi(i),
        changed: (9_000.0 * 0.72f64.powi(i)) as u64,
    };
    Report {
        headline: Headline {
            title: "Customers of the spring campaign".into(),
            rows: shape.rows,
            features: shape.features.len() as u64,
            device: "NVIDIA H100 (Vulkan)".into(),
            model: Some("9f2c41d07b3a".into()),
            figures: vec![Figure::explained(0.624), Figure::silhouette(silhouettes.mean), Figure::near_border(0.08)],
        },
        notes: vec![
            "Column 'income' was filled with its median where it was missing (0.8 % of the rows).".into(),
            "Segment 4 is found again in 66 of 100 samples only.".into(),
        ],
        segments: shape.segments(),
        profile: Some(shape.profile()),
        distributions: shape.distributions(levels),
        projection: Some(shape.projection(points)),
        sweep: Some(sweep(Some(5))),
        silhouettes: Some(silhouettes),
        margins: Some(Margins {
            counts: (0..20).map(|i| (3_000.0 * (-((f64::from(i) - 6.0) / 5.0).powi(2)).exp()) as u64 + 60).collect(),
            border: 0.1,
        }),
        stability: Some(Stability { bootstraps: 100, rows: 20_000, jaccard, adjusted_rand: 0.88 }),
        convergence: Some(Convergence { iterations: (0..23).map(decay).collect(), converged: true }),
        columns: vec![
            column("customer_id", "text", 0.0, false, "identifies rows"),
            column("spend", "number", 0.0, true, "number; log1p; less 6.1, divided by 1.32"),
            column("income", "number", 0.008, true, "number; 41500 where missing; less 42100, divided by 11830"),
            column("plan", "category", 0.0, true, "1 or 0 for each of monthly, yearly, trial, and for all others"),
            column("created_at", "date", 0.0, false, "a date; name it under --columns to count days"),
        ],
        provenance: Provenance {
            command: "segma fit customers.parquet --id customer_id --columns '!created_at' --clusters 5 --kpi revenue -o run/".into(),
            facts: vec![
                ("segma".into(), "0.1.0".into()),
                ("Seed".into(), "42".into()),
                ("Model".into(), "9f2c41d07b3aa1c8e6f4420d8be0c1a2f6d9057be1c4a3f0d2e8b7c69514f3aa".into()),
            ],
        },
    }
}

/// 5 segments by 12 features, with all parts.
pub(crate) fn usual() -> Report {
    let shape = Shape {
        names: NAMES.map(String::from).to_vec(),
        shares: SHARES.to_vec(),
        features: FEATURES.map(|(name, everyone, unit)| (name.to_owned(), everyone, unit)).to_vec(),
        rows: 48_211,
    };
    report(&shape, &["monthly", "yearly", "trial", "student"], 2_600)
}

/// What a sweep without a clear answer leaves.
pub(crate) fn unclear() -> Report {
    let Report { mut headline, columns, provenance, .. } = usual();
    headline.figures = vec![Figure::recommended(None)];
    Report { headline, sweep: Some(sweep(None)), columns, provenance, ..Report::default() }
}

/// The least there can be: one of each, with nothing known about it.
pub(crate) fn meagre() -> Report {
    let unknown = ProfileCell { mean: f64::NAN, index: Some(f64::NAN), effect: f64::NAN };
    let number = |name: &str, segments| Distribution::Range { feature: name.into(), everyone: [1.0; 3], segments };
    let feature = ProfileFeature { name: String::new(), unit: Unit::Number, everyone: f64::NAN, cells: vec![unknown] };
    Report {
        segments: vec![Segment { count: 1, share: 1.0, ..Segment::default() }],
        profile: Some(Profile { features: vec![feature] }),
        distributions: vec![number("same", vec![Some([1.0; 3])]), number("none", vec![None])],
        projection: Some(Projection { centroids: vec![[0.0; 2]], ..Projection::default() }),
        sweep: Some(Sweep { fits: vec![SweepFit { k: 1, inertia: 0.0, ..SweepFit::default() }], ..Sweep::default() }),
        silhouettes: Some(Silhouettes {
            mean: Estimate { value: f64::NAN, ci95: None },
            values: vec![vec![]],
            rows: 0,
        }),
        margins: Some(Margins { counts: vec![1], border: 0.1 }),
        stability: Some(Stability { jaccard: vec![f64::NAN], ..Stability::default() }),
        convergence: Some(Convergence { iterations: vec![Iteration { inertia: 0.0, changed: 0 }], converged: false }),
        columns: vec![Column::default()],
        ..Report::default()
    }
}

/// 12 segments by 40 features, all names hostile or long.
pub(crate) fn hostile() -> Report {
    let long =
        |i: usize| format!("{} averyveryverylongnamewithoutanyspacesinit_{i} {}", HOSTILE[i % 4], HOSTILE[(i + 1) % 4]);
    let features = (0..40).map(|f| {
        let name = if f % 3 == 0 { long(f) } else { format!("feature_{f}") };
        (name, 10f64.powi(f as i32 % 16 - 4) * 3.7, if f % 5 == 4 { Unit::Share } else { Unit::Number })
    });
    let features =
        features.map(|(name, everyone, unit)| (name, if unit == Unit::Share { 0.3 } else { everyone }, unit));
    let shape = Shape {
        names: (0..12).map(|s| if s % 2 == 0 { long(s) } else { NAMES[s % 5].to_owned() }).collect(),
        shares: (0..12).map(|s| f64::from(12 - s) / 78.0).collect(),
        features: features.collect(),
        rows: 48_211_930,
    };
    let mut report = report(&shape, &HOSTILE, 3_000);
    report.headline.title = HOSTILE.join(" ");
    report.headline.device = HOSTILE[1].into();
    report.notes.push(HOSTILE.concat());
    report.columns.extend((0..40).map(|i| column(&long(i), HOSTILE[i % 4], 0.5, i % 2 == 0, HOSTILE[(i + 2) % 4])));
    report.provenance.command = format!("segma fit '{}' --clusters 12", HOSTILE.concat());
    if let Some(sweep) = &mut report.sweep {
        sweep.verdict = HOSTILE.concat();
    }
    report
}
