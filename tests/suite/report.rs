//! `report.html`: what holds for its bytes, and what a real browser makes of it.

use super::program::Place;
use super::report_sample::{HOSTILE, hostile, meagre, unclear, usual};
use quick_xml::Reader;
use quick_xml::events::Event;
use segma::segments::report::Report;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The budget, for 12 segments by 40 features.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Every sample, by name.
fn samples() -> [(&'static str, Report); 5] {
    [
        ("usual", usual()),
        ("unclear", unclear()),
        ("hostile", hostile()),
        ("meagre", meagre()),
        ("empty", Report::default()),
    ]
}

/// An element's name and attributes.
pub(crate) type Element = (String, Vec<(String, String)>);

/// Walks a document strictly, as XML, and returns all its text and the names and attributes of all elements.
pub(crate) fn parsed(html: &str) -> (String, Vec<Element>) {
    let mut reader = Reader::from_str(html);
    reader.config_mut().check_end_names = true;
    let (mut text, mut elements) = (String::new(), Vec::new());
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("at byte {}: {e}", reader.error_position())) {
            Event::Start(e) | Event::Empty(e) => {
                let name = e.name().as_ref().to_owned();
                let attributes = e.attributes().map(|a| {
                    let a = a.unwrap();
                    let key = a.key.as_ref().to_owned();
                    (key, quick_xml::escape::unescape(&a.value).unwrap().into_owned())
                });
                elements.push((name, attributes.collect()));
            }
            Event::Text(t) => text.push_str(&t),
            Event::GeneralRef(r) => {
                let name = format!("&{};", &*r);
                text.push_str(&quick_xml::escape::unescape(&name).unwrap());
            }
            Event::Eof => return (text, elements),
            _ => {}
        }
    }
}

#[test]
fn every_report_is_well_formed_and_within_its_budget() {
    for (name, report) in samples() {
        let html = report.html().unwrap();
        let (text, elements) = parsed(&html);
        assert!(elements.iter().any(|(e, _)| e == "section") || name == "empty", "{name}");
        assert!(text.contains("Made by segma"), "{name}");
        assert!(html.len() < MOST_BYTES, "{name} takes {} bytes", html.len());
    }
}

#[test]
fn the_same_report_is_the_same_bytes() {
    assert_eq!(hostile().html().unwrap(), hostile().html().unwrap());
}

#[test]
fn names_stay_text() {
    let html = hostile().html().unwrap();
    let (text, elements) = parsed(&html);
    let count = |name: &str| elements.iter().filter(|(e, _)| e == name).count();
    assert_eq!((count("script"), count("img")), (1, 0));
    for attribute in elements.iter().flat_map(|(_, attributes)| attributes) {
        assert!(!attribute.0.starts_with("on"), "{attribute:?}");
    }
    assert!(text.contains(HOSTILE[0]) && text.contains(HOSTILE[1]) && text.contains(HOSTILE[3]));
    assert!(text.contains("a\\u{202e}b\\u{1b}[2J\\u{0}"));
    assert!(!html.contains(['\u{202e}', '\u{1b}', '\u{0}']));
}

#[test]
fn a_report_asks_for_nothing_and_runs_nothing() {
    for (name, report) in samples() {
        let html = report.html().unwrap();
        let (_, elements) = parsed(&html);
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        assert!(elements.iter().any(|(_, a)| a.iter().any(|(_, value)| value == policy)), "{name}");
        for (element, attributes) in &elements {
            for (key, value) in attributes {
                let inside = key != "src" && (!key.ends_with("href") || value.starts_with('#'));
                assert!(
                    inside && (!value.contains("url(") || value == "url(#hatch)"),
                    "{name}: {element} {key}={value}"
                );
            }
        }
        let style = &html[html.find("<style>").unwrap()..html.find("</style>").unwrap()];
        assert!(!style.contains("url(") && !style.contains("@import"), "{name}");
    }
}

#[test]
fn every_chart_says_what_it_is() {
    for (name, report) in samples() {
        let html = report.html().unwrap();
        let charts = charts(&html);
        assert!(charts.len() > 25 || name != "usual" && name != "hostile", "{name}: {}", charts.len());
        for chart in charts {
            let start: String = chart.chars().take(200).collect();
            let told = chart.contains("role=\"img\"") && !chart.contains("<title></title>") && chart.contains("<desc>");
            assert!(told && !chart.contains("<desc></desc>"), "{name}: {start}");
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{name}: {start}");
        }
    }
}

fn charts(html: &str) -> Vec<&str> {
    let drawn = html.split("<svg ").skip(1).filter(|svg| !svg.starts_with("class=\"defs\""));
    drawn.map(|svg| &svg[..svg.find("</svg>").unwrap()]).collect()
}

#[test]
fn a_program_reads_the_data_back() {
    let html = hostile().html().unwrap();
    let (_, after) = html.split_once("<script type=\"application/json\" id=\"segma-report\">").unwrap();
    let (json, _) = after.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(data["schema"], "segma.report/1");
    assert_eq!(data["headline"]["title"], HOSTILE.join(" "));
    assert_eq!(data["profile"]["features"].as_array().unwrap().len(), 40);
    assert_eq!(data["sweep"]["recommended"], 5);
}

#[test]
fn no_clear_k_is_said_and_never_a_knee() {
    let html = unclear().html().unwrap();
    let (text, _) = parsed(&html);
    assert!(text.contains("No clear k") && text.contains("The elbow: no knee") && !text.contains("knee at"));
}

#[test]
fn what_is_too_much_to_draw_is_said() {
    let mut report = hostile();
    let segment = report.segments[0].clone();
    report.segments.extend(std::iter::repeat_n(segment, 8));
    if let Some(profile) = &mut report.profile {
        let feature = profile.features[1].clone();
        profile.features.extend(std::iter::repeat_n(feature, 5));
    }
    let (text, _) = parsed(&report.html().unwrap());
    assert!(text.contains("The 12 largest of 20 segments are shown here"));
    assert!(text.contains("The first 40 of 45 features are shown; the other 5 are in profile.csv."));
}

/// Chromium: `SEGMA_CHROMIUM`, or what is on the path. None is a skip, and a failure under `SEGMA_REQUIRE_CHROMIUM=1`.
pub(crate) fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("SEGMA_CHROMIUM").map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = named.or_else(|| {
        let all = std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
        all.into_iter().find(|path| path.is_file())
    });
    if found.is_none() {
        let required = std::env::var("SEGMA_REQUIRE_CHROMIUM").as_deref() == Ok("1");
        assert!(!required, "SEGMA_REQUIRE_CHROMIUM=1, but there is no Chromium on the path");
        // Not by println, which a test that passes keeps to itself.
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium on this machine, the report was not opened");
    }
    found
}

/// The page after it was opened, and what the browser logged.
pub(crate) fn opened(chromium: &Path, place: &Place, page: &str) -> (String, String) {
    let url = format!("file://{}", place.path(page).display());
    let run = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", place.path("profile").display()))
        .args(["--virtual-time-budget=4000", "--window-size=1400,900", "--dump-dom", &url])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (dom, log) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{log}");
    (dom.into_owned(), log.into_owned())
}

/// A page that holds a report in frames of some widths and writes down how wide its content is in each. The report keeps its
/// content policy; the frame's page measures from outside.
pub(crate) fn measuring(html: &str, widths: &[u32]) -> String {
    let inside = html.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |w: &u32| format!("<iframe style=\"width:{w}px;height:700px;border:0\" srcdoc=\"{inside}\"></iframe>");
    let frames: String = widths.iter().map(frame).collect();
    let script = "onload = () => { for (const f of document.querySelectorAll('iframe')) { const d = f.contentDocument; \
                  const wide = f.contentWindow.innerWidth; \
                  const out = [...d.querySelectorAll('section *, header *, nav')].filter(e => !e.closest('.scroll > *') && \
                  !e.closest('nav > *') && e.getBoundingClientRect().right > wide + 1).map(e => e.tagName + '.' + e.className); \
                  const p = document.createElement('p'); p.className = 'measured'; \
                  p.textContent = [d.querySelector('h1').textContent.length > 0, wide, d.documentElement.scrollWidth, \
                  d.querySelectorAll('section').length, out.slice(0, 5).join(' ')].join('|'); document.body.append(p); } };";
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"></head><body>{frames}<script>{script}</script></body></html>"
    )
}

/// What a browser said of a page on its console; a blocked request is an error there too.
pub(crate) fn console(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("CONSOLE")).collect()
}

#[test]
fn a_browser_shows_it_without_a_word_of_complaint() {
    let Some(chromium) = chromium() else { return };
    let place = Place::new();
    for (name, report) in [("usual", usual()), ("hostile", hostile())] {
        place.put("report.html", report.html().unwrap());
        let (dom, log) = opened(&chromium, &place, "report.html");
        assert_eq!(console(&log), [""; 0], "{name}");
        for told in ["<h1>", "id=\"profile\"", "id=\"origin\"", "segma-report"] {
            assert!(dom.contains(told), "{name} shows no {told}");
        }
        assert!(!dom.contains("<img"), "{name}: a name became markup");
        if name == "usual" {
            assert!(dom.contains("<h1>Customers of the spring campaign</h1>") && dom.contains("48,211 customers"));
        }
    }
}

#[test]
fn it_fits_a_desk_and_a_telephone() {
    let Some(chromium) = chromium() else { return };
    let place = Place::new();
    for (name, report) in [("usual", usual()), ("unclear", unclear()), ("hostile", hostile())] {
        place.put("measure.html", measuring(&report.html().unwrap(), &[1280, 390]));
        let (dom, log) = opened(&chromium, &place, "measure.html");
        assert_eq!(console(&log), [""; 0], "{name}");
        let measured: Vec<&str> = dom.split("<p class=\"measured\">").skip(1).collect();
        assert_eq!(measured.len(), 2, "{name}: {log}");
        for (frame, width) in measured.iter().zip([1280, 390]) {
            let parts: Vec<&str> = frame.split("</p>").next().unwrap().split('|').collect();
            assert_eq!(parts[..3], ["true", &width.to_string(), &width.to_string()], "{name} at {width}: {parts:?}");
            assert_eq!(parts[4], "", "{name} at {width}: these reach beyond the page");
        }
    }
}

#[test]
fn the_browser_would_have_told() {
    let Some(chromium) = chromium() else { return };
    let place = Place::new();
    let html = usual().html().unwrap();
    let planted = |what: &str| html.replace("</main>", &format!("{what}</main>"));
    place.put("asks.html", planted("<img src=\"http://example.test/x.png\"/>"));
    assert!(!console(&opened(&chromium, &place, "asks.html").1).is_empty(), "a request was not seen");
    place.put("wide.html", measuring(&planted("<p style=\"width:2000px\">x</p>"), &[390]));
    let (dom, _) = opened(&chromium, &place, "wide.html");
    let measured = dom.split("<p class=\"measured\">").nth(1).unwrap();
    assert!(measured.starts_with("true|390|20"), "{}", &measured[..40]);
}

/// Writes the samples into the folder `SEGMA_REPORT_SAMPLES`, for people to look at.
#[test]
#[ignore = "writes files for people to look at"]
fn samples_to_look_at() {
    let folder = PathBuf::from(std::env::var_os("SEGMA_REPORT_SAMPLES").expect("SEGMA_REPORT_SAMPLES names a folder"));
    for (name, report) in samples() {
        std::fs::write(folder.join(format!("{name}.html")), report.html().unwrap()).unwrap();
    }
}

#[test]
fn what_was_not_measured_is_said_and_has_no_column() {
    let told = |report: &Report| parsed(&report.html().unwrap()).0;
    let mut report = usual();
    assert!(told(&report).contains("would be found again.") && !told(&report).contains("--metrics full"));
    report.stability = None;
    report.segments[1].standing.clear();
    let text = told(&report);
    assert!(text.contains("--metrics full does that") && !text.contains("Near a borderStability"));
    assert_eq!(text.matches("Close to the average in everything").count(), 1);
    report.sweep = None;
    report.columns.truncate(1);
    assert!(told(&report).contains("0 columns were clustered on, 1 was left out."));
}

#[test]
fn how_many_segments_comes_first() {
    let (_, elements) = parsed(&usual().html().unwrap());
    let first = elements.iter().find(|(name, _)| name == "section").unwrap();
    assert_eq!(first.1, [("id".to_owned(), "choice".to_owned())]);
}
