//! Files of configuration: YAML or TOML, several of which make one whole.

use std::collections::BTreeMap;

use countersign_engine::{
    challenge::ChallengeConfig,
    config::Settings,
    environment::Environment,
    list::{ListKind, canonical},
    policy::Policy,
    text::Origin,
    time::Timestamp,
};
use countersign_store::op::Entry;
use serde::Deserialize;
use serde_json::Value;

use super::Problem;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
}

impl Format {
    /// By the file's ending.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// How it is written.
    pub format: Format,
}

/// A key pair, as written: its halves are drawn, not written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// What people call it.
    pub name: String,
    /// Which traffic it is for.
    pub environment: Environment,
    /// Origins that the client id works from.
    #[serde(default)]
    pub origins: Vec<Origin>,
}

impl KeySpec {
    /// What is wrong with it; the same wherever a key is made.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.trim().is_empty() || self.name.len() > 100 || self.name.chars().any(char::is_control) {
            problems.push("a key's name is 1 to 100 bytes of text".to_owned());
        }
        if self.environment == Environment::Production {
            if self.origins.is_empty() {
                problems.push(format!("key `{}`: name the origins that a production client id works from", self.name));
            }
            for origin in self.origins.iter().filter(|origin| origin.is_loopback()) {
                problems.push(format!("key `{}`: {origin} is this machine: real users have another", self.name));
            }
        }
        problems
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListSpec {
    name: String,
    kind: ListKind,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    entries: Vec<EntrySpec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum EntrySpec {
    Value(String),
    Whole(WholeEntry),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeEntry {
    value: String,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    project: String,
    #[serde(default)]
    settings: Option<Value>,
    #[serde(default)]
    keys: Vec<KeySpec>,
    #[serde(default)]
    challenge_configs: Vec<ChallengeConfig>,
    #[serde(default)]
    lists: Vec<ListSpec>,
    #[serde(default)]
    policies: Vec<Policy>,
}

/// A document, and where it stands.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The document.
    pub document: T,
    /// The file and line.
    pub place: String,
}

/// A list with its entries.
#[derive(Clone, Debug)]
pub struct WantedList {
    /// The list.
    pub list: countersign_engine::list::List,
    /// Its entries, in canonical spelling.
    pub entries: Vec<Entry>,
}

/// Settings: those that a file names, and what they are if nothing was set before.
#[derive(Clone, Debug)]
pub struct WantedSettings {
    /// What is named.
    pub named: Value,
    /// That, and the defaults.
    pub whole: Settings,
}

/// What the files say, taken together.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The project.
    pub project: String,
    /// Its settings, if a file names any.
    pub settings: Option<Placed<WantedSettings>>,
    /// Keys.
    pub keys: Vec<Placed<KeySpec>>,
    /// Challenge configs.
    pub challenge_configs: Vec<Placed<ChallengeConfig>>,
    /// Lists.
    pub lists: Vec<Placed<WantedList>>,
    /// Policies.
    pub policies: Vec<Placed<Policy>>,
}

/// Reads files; every problem at once.
pub fn read(sources: &[Source]) -> Result<Wanted, Vec<Problem>> {
    let mut wanted = Wanted::default();
    let mut problems = Vec::new();
    for source in sources {
        match parse(source) {
            Ok(file) => take(&mut wanted, source, file, &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    unique(&wanted, &mut problems);
    if problems.is_empty() { Ok(wanted) } else { Err(problems) }
}

fn parse(source: &Source) -> Result<File, Problem> {
    let located =
        |line: usize, column: usize, what: String| Problem { place: format!("{}:{line}:{column}", source.name), what };
    match source.format {
        Format::Yaml => serde_saphyr::from_str(&source.text).map_err(|error| match error.location() {
            Some(at) => {
                let (line, column) = (usize::try_from(at.line()), usize::try_from(at.column()));
                let told = first_line(&error.to_string());
                // The parser begins with the place, which stands before it already.
                let repeated = format!("line {} column {}: ", at.line(), at.column());
                let what = told.split_once(&repeated).map_or(told.as_str(), |(_, what)| what).to_owned();
                located(line.unwrap_or(1), column.unwrap_or(1), what)
            }
            None => Problem { place: source.name.clone(), what: first_line(&error.to_string()) },
        }),
        Format::Toml => toml::from_str(&source.text).map_err(|error| {
            let before = error.span().and_then(|span| source.text.get(..span.start)).unwrap_or_default();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            located(before.matches('\n').count() + 1, column, error.message().to_owned())
        }),
    }
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or(text).trim().to_owned()
}

fn take(wanted: &mut Wanted, source: &Source, file: File, problems: &mut Vec<Problem>) {
    let slug_ok = (1..=63).contains(&file.project.len())
        && file.project.starts_with(|c: char| c.is_ascii_lowercase())
        && file.project.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !slug_ok {
        let what = "project: write 1 to 63 lower-case letters, digits and dashes that start with a letter".to_owned();
        problems.push(Problem { place: place(source, &file.project), what });
    } else if wanted.project.is_empty() {
        wanted.project.clone_from(&file.project);
    } else if wanted.project != file.project {
        let what = format!("project: the files before are of `{}`: apply one project at a time", wanted.project);
        problems.push(Problem { place: place(source, &file.project), what });
    }
    if let Some(settings) = file.settings {
        take_settings(wanted, place(source, "settings"), settings, problems);
    }
    for key in &file.keys {
        let at = place(source, &key.name);
        problems.extend(key.problems().into_iter().map(|what| Problem { place: at.clone(), what }));
    }
    wanted.keys.extend(file.keys.into_iter().map(|document| Placed { place: place(source, &document.name), document }));
    let configs = file.challenge_configs.into_iter();
    wanted.challenge_configs.extend(configs.map(|document| Placed { place: place(source, &document.name), document }));
    wanted
        .policies
        .extend(file.policies.into_iter().map(|document| Placed { place: place(source, &document.name), document }));
    for spec in file.lists {
        let at = place(source, &spec.name);
        match entries(&spec) {
            Ok(entries) => {
                let list =
                    countersign_engine::list::List { name: spec.name, kind: spec.kind, description: spec.description };
                wanted.lists.push(Placed { document: WantedList { list, entries }, place: at });
            }
            Err(wrong) => problems.extend(wrong.into_iter().map(|(value, what)| Problem {
                place: place(source, &value),
                what: format!("list `{}`, entry `{value}`: {what}", spec.name),
            })),
        }
    }
}

fn take_settings(wanted: &mut Wanted, at: String, named: Value, problems: &mut Vec<Problem>) {
    if let Some(before) = &wanted.settings {
        let what = format!("settings: they stand at {} already: say them in one place", before.place);
        return problems.push(Problem { place: at, what });
    }
    match serde_json::from_value::<Settings>(named.clone()) {
        Ok(whole) => {
            let wrong = whole.problems().into_iter();
            problems.extend(
                wrong.map(|(field, help)| Problem { place: at.clone(), what: format!("settings.{field}: {help}") }),
            );
            wanted.settings = Some(Placed { document: WantedSettings { named, whole }, place: at });
        }
        Err(error) => problems.push(Problem { place: at, what: format!("settings: {error}") }),
    }
}

fn entries(spec: &ListSpec) -> Result<Vec<Entry>, Vec<(String, String)>> {
    let mut wrong = Vec::new();
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in &spec.entries {
        let whole = match entry.clone() {
            EntrySpec::Value(value) => WholeEntry { value, note: None, expires_at: None },
            EntrySpec::Whole(whole) => whole,
        };
        let expires_at = whole.expires_at.as_deref().map(str::parse::<jiff::Timestamp>).transpose();
        match (canonical(spec.kind, &whole.value), expires_at) {
            (Err(what), _) => wrong.push((whole.value, what.to_owned())),
            (_, Err(_)) => {
                wrong.push((whole.value, "expires_at: write a time such as 2027-01-01T00:00:00Z".to_owned()));
            }
            (Ok(value), Ok(expires_at)) => {
                let expires_at = expires_at.map(|at| Timestamp::from_millis(at.as_millisecond()));
                let entry = Entry { value: value.clone(), note: whole.note, expires_at };
                if found.insert(value, entry.clone()).is_some_and(|before| before != entry) {
                    wrong.push((whole.value, "it is there twice, with different notes or ends".to_owned()));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(found.into_values().collect()) } else { Err(wrong) }
}

/// Two documents of one kind and name are one too many.
fn unique(wanted: &Wanted, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
    let keys = wanted
        .keys
        .iter()
        .map(|p| ("key", format!("{} ({})", p.document.name, p.document.environment.as_str()), &p.place));
    let configs = wanted.challenge_configs.iter().map(|p| ("challenge config", p.document.name.clone(), &p.place));
    let lists = wanted.lists.iter().map(|p| ("list", p.document.list.name.clone(), &p.place));
    let policies = wanted.policies.iter().map(|p| ("policy", p.document.name.clone(), &p.place));
    for (kind, name, place) in keys.chain(configs).chain(lists).chain(policies) {
        if let Some(first) = seen.insert((kind, name.clone()), place) {
            let what = format!("{kind} `{name}` stands at {first} already: give one of them another name");
            problems.push(Problem { place: place.clone(), what });
        }
    }
}

/// The file and the line that names something first; where no line says `name`, the first that holds the word.
fn place(source: &Source, name: &str) -> String {
    let whole_word = |line: &str| {
        let is_part = |c: char| c.is_alphanumeric() || "_-.@".contains(c);
        line.match_indices(name).any(|(at, _)| {
            let (before, after) = (line.get(..at), line.get(at + name.len()..));
            !before.is_some_and(|text| text.ends_with(is_part)) && !after.is_some_and(|text| text.starts_with(is_part))
        })
    };
    let holds = |line: &&str| !name.is_empty() && whole_word(line);
    let lines = || source.text.lines().enumerate();
    let named = lines().find(|(_, line)| line.contains("name") && holds(line));
    let found = named.or_else(|| lines().find(|(_, line)| holds(line)));
    found.map_or_else(|| source.name.clone(), |(line, _)| format!("{}:{}", source.name, line + 1))
}
