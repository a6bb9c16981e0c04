//! Settings that were not typed: from the environment, from a project's `segma.toml`, from the user's own file.
//!
//! They become words of the command line before it is read for good. So ranges, choices and what is required are clap's
//! matter alone, and the command that really ran can be shown and typed again. What was typed wins, over all of them; and
//! over a setting that conflicts with it.
//!
//! - `file`: what a file holds

mod file;

use super::args::Cli;
use super::failure::Failure;
use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Id};
use file::File;
use segma::error::{Place, escaped};
use serde_json::{Map, Value, json};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Variables that mean something else than a flag: those of the engines, and those of the tests.
const OTHERS: [&str; 9] = [
    "SEGMA_CACHE",
    "SEGMA_CHROMIUM",
    "SEGMA_GPU_CHUNK",
    "SEGMA_REPORT_SAMPLES",
    "SEGMA_REQUIRE_CHROMIUM",
    "SEGMA_REQUIRE_GPU",
    "SEGMA_REQUIRE_SIMD",
    "SEGMA_SIMD",
    "SEGMA_TEST_SEED",
];

/// Verbs that read no settings.
const WITHOUT: [&str; 3] = ["completions", "man", "help"];

/// A flag that was set without being typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    /// The flag's long name.
    pub(super) flag: String,
    pub(super) values: Vec<String>,
    /// Whether it is `true` or `false`, and typed without a value.
    pub(super) is_switch: bool,
    /// The file (and line) or the variable.
    pub(super) from: Place,
}

/// The command line as it was read, for all that tell of it.
#[derive(Debug)]
struct Line {
    words: Vec<OsString>,
    settings: Vec<Setting>,
}

static LINE: OnceLock<Line> = OnceLock::new();

/// The words of the command with its settings among them, the program's name first.
pub(super) fn words() -> Vec<OsString> {
    LINE.get().map_or_else(|| std::env::args_os().collect(), |line| line.words.clone())
}

/// What took effect beside what was typed, for `run.json`.
pub(super) fn in_effect() -> Value {
    let settings = LINE.get().map_or(&[][..], |line| &line.settings);
    let entry = |s: &Setting| {
        let value = if let [value] = &s.values[..] { json!(value) } else { json!(s.values) };
        (s.flag.clone(), json!({ "value": value, "from": s.from.file }))
    };
    Value::Object(settings.iter().map(entry).collect::<Map<_, _>>())
}

/// The settings in words, one each.
pub(super) fn told() -> Vec<String> {
    let settings = LINE.get().map_or(&[][..], |line| &line.settings);
    let told = |s: &Setting| format!("{} = {}, from {}", s.flag, escaped(&s.values.join(", ")), s.from);
    settings.iter().map(told).collect()
}

/// What stops a command before it begins.
#[derive(Debug)]
pub(super) enum Stop {
    /// Help or the version was asked for, or something is wrong with what was typed.
    Words(clap::Error),
    /// Something is wrong with a setting.
    Setting(Failure),
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Words(error)
    }
}

/// Reads the command line, with the settings of the environment and of files.
pub(super) fn command_line() -> Result<Cli, Stop> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let Ok(typed) = lenient().try_get_matches_from(&words) else {
        // Asked again, so that it is told as if there were no settings.
        return read(&words);
    };
    let mut settings = settings(&typed).map_err(Stop::Setting)?;
    while let Some(idle) = settings.iter().position(|setting| is_idle(setting, &words, &settings)) {
        settings.remove(idle);
    }
    let words = with(words, &settings);
    let cli = read(&words)?;
    let _ = LINE.set(Line { words, settings }); // the first one stays, and there is no other
    Ok(cli)
}

/// Whether a document, and whether lines of JSON are asked for, as far as the words themselves and the environment say.
pub(super) fn asked() -> (bool, bool) {
    let words: Vec<OsString> = std::env::args_os().take_while(|word| word != "--").collect();
    const FLAGS: [(&str, &str); 2] = [("--log-format", "--log-format=json"), ("--progress", "--progress=json")];
    let pair = |two: &[OsString]| two[1] == "json" && FLAGS.iter().any(|(flag, _)| two[0] == *flag);
    let joined = |word: &OsString| FLAGS.iter().any(|(_, flag)| word == flag);
    let lines = words.windows(2).any(pair) || words.iter().any(joined);
    let set = |flag: &str| std::env::var(variable(flag)).unwrap_or_default();
    (
        words.iter().any(|word| word == "--json") || switched(&set("json")) == "true",
        lines || ["log-format", "progress"].iter().any(|flag| set(flag) == "json"),
    )
}

fn read(words: &[OsString]) -> Result<Cli, Stop> {
    Ok(Cli::from_arg_matches(&Cli::command().try_get_matches_from(words)?)?)
}

/// The command line of which nothing is required: whatever is missing may be a setting.
fn lenient() -> Command {
    lenient_but("")
}

/// The same, but for what one flag requires.
fn lenient_but(strict: &str) -> Command {
    fn anything(command: Command, strict: &str) -> Command {
        let free = |arg: Arg| if arg.get_long() == Some(strict) { arg } else { free(arg) };
        command.mut_args(free).mut_subcommands(|below| anything(below, strict))
    }
    Cli::command().mut_subcommands(|below| anything(below, strict))
}

/// Whether a setting has nothing to work on, as it goes with a flag that is neither typed nor set: a file may hold the time
/// between checkpoints for the runs that have any.
fn is_idle(setting: &Setting, words: &[OsString], settings: &[Setting]) -> bool {
    let read = lenient_but(&setting.flag).try_get_matches_from(with(words.to_vec(), settings));
    read.is_err_and(|error| error.kind() == ErrorKind::MissingRequiredArgument)
}

/// A flag that asks for nothing else.
fn free(arg: Arg) -> Arg {
    arg.required(false).required_unless_present(Resettable::<Id>::Reset).requires(Resettable::<Id>::Reset)
}

/// The settings of what was typed.
fn settings(typed: &ArgMatches) -> Result<Vec<Setting>, Failure> {
    let mut command = Cli::command();
    command.build();
    let Some((verb, mut matches)) = typed.subcommand().filter(|(verb, _)| !WITHOUT.contains(verb)) else {
        return Ok(Vec::new());
    };
    let files = file::all(typed.get_one::<PathBuf>("config"), &command)?;
    let Some(mut flags) = command.find_subcommand(verb) else { return Ok(Vec::new()) };
    while let Some((below, more)) = matches.subcommand()
        && let Some(found) = flags.find_subcommand(below)
    {
        (flags, matches) = (found, more);
    }
    let mut kept: Vec<(u8, &Arg, Setting)> = Vec::new();
    for arg in flags.get_arguments().filter(|arg| is_settable(arg)) {
        let is_typed = matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        if !is_typed && let Some((rank, setting)) = find(arg, verb, &files)? {
            kept.push((rank, arg, setting));
        }
    }
    kept.sort_by_key(|(rank, ..)| *rank);
    let typed = flags.get_arguments().filter(|arg| is_settable(arg));
    let is_typed = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let mut winners: Vec<(u8, &Arg)> = typed.filter(is_typed).map(|arg| (0, arg)).collect();
    let mut settings = Vec::new();
    for (rank, arg, setting) in kept {
        // Of two that conflict the nearer source wins; of one source, clap says that they do.
        if setting.is_off() {
            settings.push(setting);
        } else if !winners.iter().any(|(other, won)| *other < rank && conflict(flags, arg, won)) {
            winners.push((rank, arg));
            settings.push(setting);
        }
    }
    Ok(settings)
}

/// Whether a flag may be set without being typed.
fn is_settable(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| !["help", "version", "config"].contains(&long))
}

fn conflict(command: &Command, one: &Arg, other: &Arg) -> bool {
    let names = |a: &Arg, b: &Arg| command.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
    names(one, other) || names(other, one)
}

/// Where a flag is set, the nearest source first; with the rank of that source.
fn find(arg: &Arg, verb: &str, files: &[File]) -> Result<Option<(u8, Setting)>, Failure> {
    let Some(flag) = arg.get_long() else { return Ok(None) };
    if let Some(setting) = from_environment(arg, flag)? {
        return Ok(Some((1, setting)));
    }
    for (rank, file) in (2..).zip(files) {
        if let Some(setting) = file.setting(arg, flag, verb)? {
            return Ok(Some((rank, setting)));
        }
    }
    Ok(None)
}

/// The variable of a flag.
fn variable(flag: &str) -> String {
    format!("SEGMA_{}", flag.to_uppercase().replace('-', "_"))
}

fn from_environment(arg: &Arg, flag: &str) -> Result<Option<Setting>, Failure> {
    let name = variable(flag);
    let value = std::env::var_os(&name).filter(|value| !value.is_empty() && !OTHERS.contains(&name.as_str()));
    let Some(value) = value else { return Ok(None) };
    let from = Place::file(&name);
    let Some(text) = value.to_str() else {
        return Err(Failure::setting(from, "it is not UTF-8", "type the flag, which may be anything"));
    };
    let values = vec![if is_switch(arg) { switched(text).to_owned() } else { text.to_owned() }];
    Setting::new(arg, flag, values, from).map(Some)
}

impl Setting {
    /// Whether it is a switch that is off: as if it were not there.
    fn is_off(&self) -> bool {
        self.is_switch && self.values.iter().all(|value| value == "false")
    }

    /// A setting of a flag, if clap takes the values.
    fn new(arg: &Arg, flag: &str, values: Vec<String>, from: Place) -> Result<Self, Failure> {
        check(arg, flag, &values).map_err(|message| Failure::setting(from.clone(), message, ""))?;
        Ok(Self { flag: flag.to_owned(), values, is_switch: is_switch(arg), from })
    }
}

/// Whether a flag takes no value.
fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// The usual words for on and off.
fn switched(text: &str) -> &str {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => "true",
        "0" | "false" | "no" | "off" => "false",
        _ => text,
    }
}

/// Whether clap takes the values of a flag; if not, what it says.
fn check(arg: &Arg, flag: &str, values: &[String]) -> Result<(), String> {
    if is_switch(arg) {
        let sound = values.iter().all(|value| value == "true" || value == "false");
        return if sound { Ok(()) } else { Err(format!("--{flag} is either true or false")) };
    }
    let command = Command::new("segma").no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    let words = values.iter().map(|value| format!("--{flag}={value}"));
    match command.arg(free(arg.clone()).conflicts_with(Resettable::<Id>::Reset)).try_get_matches_from(words) {
        Err(e) if e.kind() != ErrorKind::DisplayHelp => Err(Failure::from(&e).message().to_owned()),
        _ => Ok(()),
    }
}

/// The words with the settings among them: behind what was typed, but before what stands behind `--`.
fn with(words: Vec<OsString>, settings: &[Setting]) -> Vec<OsString> {
    let more = settings.iter().flat_map(|s| {
        let word = |value: &String| match value.as_str() {
            "true" if s.is_switch => Some(format!("--{}", s.flag)),
            "false" if s.is_switch => None,
            value => Some(format!("--{}={value}", s.flag)),
        };
        s.values.iter().filter_map(word).map(OsString::from).collect::<Vec<_>>()
    });
    let end = words.iter().position(|word| word == OsStr::new("--")).unwrap_or(words.len());
    let (before, behind) = words.split_at(end);
    before.iter().cloned().chain(more).chain(behind.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flag_but_the_cache_has_the_variable_of_something_else() {
        fn flags(command: &Command) -> Vec<String> {
            let own = command.get_arguments().filter_map(Arg::get_long).map(str::to_owned);
            own.chain(command.get_subcommands().flat_map(flags)).collect()
        }
        let all = flags(&Cli::command());
        assert!(all.iter().any(|flag| flag == "clusters"));
        let taken: Vec<&String> = all.iter().filter(|flag| OTHERS.contains(&variable(flag).as_str())).collect();
        assert_eq!(taken, ["cache"], "which means the same, but may be empty");
    }

    #[test]
    fn settings_stand_behind_what_is_typed_and_before_two_dashes() {
        let setting = |flag: &str, values: &[&str], is_switch| Setting {
            flag: flag.into(),
            values: values.iter().map(ToString::to_string).collect(),
            is_switch,
            from: Place::default(),
        };
        let settings = [
            setting("null", &["-", ""], false),
            setting("force", &["true"], true),
            setting("json", &["false"], true),
            setting("id", &["true"], false),
        ];
        let words = ["segma", "fit", "-q", "--", "-x.csv"].map(OsString::from).to_vec();
        let expected = ["segma", "fit", "-q", "--null=-", "--null=", "--force", "--id=true", "--", "-x.csv"];
        assert_eq!(with(words, &settings), expected);
    }
}
