//! What a configuration file holds: flags by their long names, for every verb that has them or in a table named as a verb.

use super::super::failure::Failure;
use super::{Setting, WITHOUT, is_settable};
use clap::{Arg, ArgAction, Command};
use segma::error::{Place, escaped, printable, suggestion};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The file of a project.
const PROJECT: &str = "segma.toml";

/// The most bytes of a file.
const MOST: u64 = 1 << 20;

/// A file that was read, its keys known.
#[derive(Debug)]
pub(super) struct File {
    name: String,
    text: String,
    entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug)]
struct Entry {
    /// The verb it is for; `None` is every one that has the flag.
    verb: Option<String>,
    flag: String,
    held: Held,
    place: Place,
}

/// A value as it would be typed.
#[derive(Debug)]
enum Held {
    One(String),
    Several(Vec<String>),
}

/// The files that there are, the nearest first: the one that is named, else that of the project; then that of the user.
pub(super) fn all(named: Option<&PathBuf>, command: &Command) -> Result<Vec<File>, Failure> {
    let project = named.cloned().or_else(|| Path::new(PROJECT).exists().then(|| PROJECT.into()));
    let user = user().filter(|path| path.exists());
    project.into_iter().chain(user).map(|path| File::read(&path, command)).collect()
}

/// The user's own file: in the folder that XDG says, or that the system has for such files.
fn user() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configs = given("XDG_CONFIG_HOME").or_else(|| given("APPDATA"));
    let configs = configs.or_else(|| given("HOME").map(|home| home.join(".config")));
    configs.map(|configs| configs.join("segma").join("config.toml"))
}

impl File {
    fn read(path: &Path, command: &Command) -> Result<Self, Failure> {
        let name = path.to_string_lossy().into_owned();
        let fail = |what: String| Failure::setting(Place::file(&name), format!("cannot read the settings: {what}"), "");
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|e| fail(e.to_string()))?;
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| fail(e.to_string()))?;
        if bytes.len() as u64 > MOST {
            return Err(fail(format!("more than {MOST} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| fail("the file is not UTF-8".into()))?;
        Self::parse(name, text, command)
    }

    /// Reads a text and looks at all its keys, whatever the verb.
    fn parse(name: String, text: String, command: &Command) -> Result<Self, Failure> {
        let mut file = Self { name, text, entries: Vec::new() };
        let text = file.text.clone();
        let table = DeTable::parse(&text).map_err(|e| {
            let place = file.place(e.span().map_or(0, |span| span.start));
            Failure::setting(place, escaped(&format!("this is no TOML: {}", e.message())), "")
        })?;
        let verbs: Vec<&Command> = command.get_subcommands().filter(|v| !WITHOUT.contains(&v.get_name())).collect();
        let every: Vec<&str> = verbs.iter().flat_map(|verb| flags(verb)).collect();
        for (key, value) in table.get_ref() {
            let Some(entries) = value.get_ref().as_table() else {
                file.add(None, key, value, &every)?;
                continue;
            };
            let Some(verb) = verbs.iter().find(|verb| verb.get_name() == key.get_ref()) else {
                let names: Vec<&str> = verbs.iter().map(|verb| verb.get_name()).collect();
                return Err(unknown(file.place(key.span().start), key.get_ref(), "a verb", &names));
            };
            let known = flags(verb);
            entries.iter().try_for_each(|(key, value)| file.add(Some(verb.get_name()), key, value, &known))?;
        }
        Ok(file)
    }

    fn add(
        &mut self,
        verb: Option<&str>,
        key: &Key<'_>,
        value: &Spanned<DeValue<'_>>,
        known: &[&str],
    ) -> Result<(), Failure> {
        let (flag, place) = (key.get_ref().as_ref(), self.place(key.span().start));
        if !known.contains(&flag) {
            let what = verb.map_or_else(|| "a flag of any verb".to_owned(), |verb| format!("a flag of {verb}"));
            return Err(unknown(place, flag, &what, known));
        }
        let held = held(value.get_ref()).map_err(|what| {
            Failure::setting(place.clone(), format!("'{flag}' {what}"), "write the value as it would be typed")
        })?;
        self.entries.push(Entry { verb: verb.map(str::to_owned), flag: flag.to_owned(), held, place });
        Ok(())
    }

    /// The setting of a flag: in the verb's table, else for all verbs.
    pub(super) fn setting(&self, arg: &Arg, flag: &str, verb: &str) -> Result<Option<Setting>, Failure> {
        let of = |verb: Option<&str>| self.entries.iter().find(|e| e.flag == flag && e.verb.as_deref() == verb);
        let Some(Entry { held, place, .. }) = of(Some(verb)).or_else(|| of(None)) else { return Ok(None) };
        let values = match held {
            Held::One(value) => vec![value.clone()],
            Held::Several(values) if matches!(arg.get_action(), ArgAction::Append) => values.clone(),
            Held::Several(_) => {
                let message = format!("'{flag}' takes one value, not a list");
                return Err(Failure::setting(place.clone(), message, "write the value as it would be typed"));
            }
        };
        Setting::new(arg, flag, values, place.clone()).map(Some)
    }

    /// The line of an offset.
    fn place(&self, offset: usize) -> Place {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        Place::file(&self.name).at_line(1 + before.iter().filter(|byte| **byte == b'\n').count() as u64)
    }
}

type Key<'a> = Spanned<DeString<'a>>;

/// The flags of a verb, and of what is below it, that a file may set.
fn flags(verb: &Command) -> Vec<&str> {
    let own = verb.get_arguments().filter(|arg| is_settable(arg)).filter_map(Arg::get_long);
    own.chain(verb.get_subcommands().flat_map(flags)).collect()
}

fn unknown(place: Place, key: &str, what: &str, known: &[&str]) -> Failure {
    let hint = match suggestion(key, known.iter().copied()) {
        _ if ["help", "version", "config"].contains(&key) => "it can only be typed".into(),
        Some(near) => format!("did you mean '{near}'?"),
        None => "keys are the long names of flags, tables those of verbs: see segma --help".to_owned(),
    };
    Failure::setting(place, format!("'{}' is not {what}", printable(key)), hint)
}

fn held(value: &DeValue<'_>) -> Result<Held, &'static str> {
    match value {
        DeValue::Array(array) => {
            let each = array.iter().map(|value| match held(value.get_ref())? {
                Held::One(value) => Ok(value),
                Held::Several(_) => Err("takes no list of lists"),
            });
            Ok(Held::Several(each.collect::<Result<_, _>>()?))
        }
        DeValue::String(text) => Ok(Held::One(text.to_string())),
        DeValue::Integer(number) if number.radix() == 10 => Ok(Held::One(number.as_str().to_owned())),
        DeValue::Integer(_) => Err("takes decimal numbers"),
        DeValue::Float(number) => Ok(Held::One(number.as_str().to_owned())),
        DeValue::Boolean(switch) => Ok(Held::One(switch.to_string())),
        DeValue::Datetime(date) => Ok(Held::One(date.to_string())),
        DeValue::Table(_) => Err("takes a value, not a table"),
    }
}
