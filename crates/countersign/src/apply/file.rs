//! What files say: YAML or TOML, several of which make one whole.

use std::collections::BTreeMap;

use countersign_engine::{
    challenge::ChallengeConfig,
    config::Settings,
    evaluation::Verdict,
    event::Webhook,
    list::{List, ListKind, canonical},
    policy::{
        Condition, Policy, Then,
        syntax::{self, Parsed},
    },
    risk::{self, Risk},
    time::Timestamp,
};
use countersign_store::op::Entry;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    decode,
    key::KeySpec,
    problem::{Found, Place},
    source::Source,
    tree::{self, Node, Value, Word},
};

/// A document, and where it stands.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The document.
    pub document: T,
    /// Which file.
    pub file: usize,
    /// How it is written there.
    pub node: Node,
}

impl<T> Placed<T> {
    /// Where it begins.
    pub const fn place(&self) -> Place {
        Place::File(self.file, self.node.at)
    }

    /// Where a part of it stands, by the names that lead there; where the last of them stands that is written at all.
    pub fn part<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Place {
        Place::File(self.file, self.node.deepest(path).at)
    }
}

/// Whether something can be called that: 1 to 100 bytes on one line.
pub fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= 100 && !name.chars().any(char::is_control)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListSpec {
    name: String,
    kind: ListKind,
    #[serde(default)]
    description: Option<String>,
    // Read one by one, so that each wrong one is told.
    #[serde(default, rename = "entries")]
    _entries: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntrySpec {
    value: String,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

/// One of the risks that ship, and that it is not wanted: nothing else need be said of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchedOff {
    id: String,
    enabled: bool,
}

/// What `then` may be written with: only there to point at the part that is wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThenParts {
    #[serde(default, rename = "verdict")]
    _verdict: Option<Verdict>,
    #[serde(default, rename = "challenge_config")]
    _challenge_config: Option<String>,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    #[serde(default, rename = "effect")]
    _effect: Option<String>,
    #[serde(default, rename = "list")]
    _list: Option<String>,
    #[serde(default, rename = "tag")]
    _tag: Option<String>,
}

/// A list with its entries.
#[derive(Clone, Debug)]
pub struct WantedList {
    /// The list.
    pub list: List,
    /// Its entries, in canonical spelling.
    pub entries: Vec<Entry>,
}

/// A policy, with the parts of a condition that is written as text.
#[derive(Clone, Debug)]
pub struct WantedPolicy {
    /// The policy.
    pub policy: Policy,
    /// Its condition and where the words of it stand; `None` for one that is written as a tree, or not at all.
    pub when: Option<Parsed>,
}

/// What the files say, taken together.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The project.
    pub project: String,
    /// Its settings, if a file names any: those not named have their defaults here.
    pub settings: Option<Placed<Settings>>,
    /// Keys.
    pub keys: Vec<Placed<KeySpec>>,
    /// Challenge configs.
    pub challenge_configs: Vec<Placed<ChallengeConfig>>,
    /// Lists.
    pub lists: Vec<Placed<WantedList>>,
    /// Risks.
    pub risks: Vec<Placed<Risk>>,
    /// Policies.
    pub policies: Vec<Placed<WantedPolicy>>,
    /// Endpoints that hear of events.
    pub webhooks: Vec<Placed<Webhook>>,
}

/// Reads files; what is wrong with them is said to `found`. `project` is that of files that name none.
pub fn read(sources: &[Source], project: Option<&str>, found: &mut Found<'_>) -> Wanted {
    let mut wanted = Wanted { project: project.unwrap_or_default().to_owned(), ..Wanted::default() };
    for (file, source) in sources.iter().enumerate() {
        match tree::read(source) {
            Ok(node) => Reader { file, source, wanted: &mut wanted, found }.root(node),
            Err(faults) => faults.into_iter().for_each(|(at, what)| found.say(Place::File(file, at), what)),
        }
    }
    unique(&wanted, found);
    wanted
}

/// What a file may hold.
const SECTIONS: &str =
    "`project`, `settings`, `keys`, `challenge_configs`, `lists`, `risks`, `policies` and `webhooks`";

/// Reads one file.
struct Reader<'a, 'f> {
    file: usize,
    source: &'a Source,
    wanted: &'a mut Wanted,
    found: &'a mut Found<'f>,
}

impl Reader<'_, '_> {
    fn say(&mut self, at: usize, what: impl Into<String>) {
        self.found.say(Place::File(self.file, at), what);
    }

    fn root(mut self, root: Node) {
        let entries = match root.value {
            Value::Table(entries) => entries,
            Value::Null => Vec::new(),
            _ => return self.say(root.at, format!("a file is a table of {SECTIONS}")),
        };
        if self.wanted.project.is_empty() && !entries.iter().any(|(word, _)| word.text == "project") {
            self.say(root.at, "`project` is missing: say which project this is of, here or with --project");
        }
        for (word, node) in entries {
            self.section(&word, node);
        }
    }

    fn section(&mut self, word: &Word, node: Node) {
        match word.text.as_str() {
            "project" => self.project(&node),
            "settings" => self.settings(node),
            "keys" => self.each(word, node, Self::key),
            "challenge_configs" => self.each(word, node, |reader, node| {
                let document = reader.document::<ChallengeConfig>(&node);
                let file = reader.file;
                reader.wanted.challenge_configs.extend(document.map(|document| Placed { document, file, node }));
            }),
            "lists" => self.each(word, node, |reader, node| reader.list(&node)),
            "risks" => self.each(word, node, Self::risk),
            "policies" => self.each(word, node, Self::policy),
            "webhooks" => self.each(word, node, Self::webhook),
            other => self.say(word.at, format!("`{other}` is not known here: a file holds {SECTIONS}")),
        }
    }

    /// Every document of a section.
    fn each(&mut self, word: &Word, node: Node, mut take: impl FnMut(&mut Self, Node)) {
        match node.value {
            Value::List(items) => items.into_iter().for_each(|item| take(self, item)),
            Value::Null => {}
            _ => self.say(node.at, format!("`{}` is a list", word.text)),
        }
    }

    fn document<T: DeserializeOwned>(&mut self, node: &Node) -> Option<T> {
        decode::read(node).map_err(|faults| self.faults(faults)).ok()
    }

    fn faults(&mut self, faults: Vec<decode::Fault>) {
        for fault in faults {
            self.say(fault.at(), fault.what);
        }
    }

    fn project(&mut self, node: &Node) {
        let Some(slug) = self.document::<String>(node) else { return };
        let slug_ok = (1..=63).contains(&slug.len())
            && slug.starts_with(|c: char| c.is_ascii_lowercase())
            && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !slug_ok {
            self.say(node.at, "write 1 to 63 lower-case letters, digits and dashes that start with a letter");
        } else if self.wanted.project.is_empty() {
            self.wanted.project = slug;
        } else if self.wanted.project != slug {
            let what = format!("this is of `{slug}`, but `{}` is applied: one project at a time", self.wanted.project);
            self.say(node.at, what);
        }
    }

    fn settings(&mut self, node: Node) {
        if let Some(before) = &self.wanted.settings {
            let what = format!("they stand at {} already: say them in one place", self.found.name(&before.place()));
            return self.say(node.at, what);
        }
        let Some(document) = self.document::<Settings>(&node) else { return };
        for (field, help) in document.problems() {
            self.say(node.deepest([field]).at, format!("{field}: {help}"));
        }
        self.wanted.settings = Some(Placed { document, file: self.file, node });
    }

    fn key(&mut self, node: Node) {
        let Some(document) = self.document::<KeySpec>(&node) else { return };
        for (field, what) in document.problems() {
            self.say(node.deepest([field]).at, what);
        }
        self.wanted.keys.push(Placed { document, file: self.file, node });
    }

    fn list(&mut self, node: &Node) {
        let spec = self.document::<ListSpec>(node);
        let kind = node.get("kind").and_then(|kind| decode::read::<ListKind>(kind).ok());
        // Told even when something else about the list is wrong.
        let entries = kind.map(|kind| self.entries(kind, node.get("entries")));
        let (Some(ListSpec { name, kind, description, .. }), Some(entries)) = (spec, entries) else { return };
        if !is_name(&name) {
            self.say(node.deepest(["name"]).at, "a list's name is 1 to 100 bytes of text on one line");
        }
        let document = WantedList { list: List { name, kind, description }, entries };
        // The entries are read: a second copy of a large list helps nobody.
        self.wanted.lists.push(Placed { document, file: self.file, node: without(node, "entries") });
    }

    fn entries(&mut self, kind: ListKind, node: Option<&Node>) -> Vec<Entry> {
        let items = match node.map(|node| (&node.value, node.at)) {
            Some((Value::List(items), _)) => items.as_slice(),
            None | Some((Value::Null, _)) => &[],
            Some((_, at)) => {
                self.say(at, "`entries` is a list");
                &[]
            }
        };
        let mut entries: BTreeMap<String, (Entry, usize)> = BTreeMap::new();
        for item in items {
            let Some(entry) = self.entry(kind, item) else { continue };
            match entries.get(&entry.value) {
                Some((before, at)) if *before != entry => {
                    let first = self.found.name(&Place::File(self.file, *at));
                    let what = format!("`{}` stands there twice, at {first} with another note or end", entry.value);
                    self.say(item.at, what);
                }
                _ => drop(entries.insert(entry.value.clone(), (entry, item.at))),
            }
        }
        entries.into_values().map(|(entry, _)| entry).collect()
    }

    fn entry(&mut self, kind: ListKind, node: &Node) -> Option<Entry> {
        let spec = match node.value {
            Value::Table(_) => self.document::<EntrySpec>(node)?,
            _ => EntrySpec { value: self.document(node)?, note: None, expires_at: None },
        };
        let value = canonical(kind, &spec.value);
        let expires_at = spec.expires_at.as_deref().map(str::parse::<jiff::Timestamp>).transpose();
        if let Err(what) = value {
            self.say(node.deepest(["value"]).at, format!("`{}`: {what}", spec.value));
        }
        if expires_at.is_err() {
            self.say(node.deepest(["expires_at"]).at, "write a time such as 2027-01-01T00:00:00Z");
        }
        let expires_at = expires_at.ok()?.map(|at| Timestamp::from_millis(at.as_millisecond()));
        Some(Entry { value: value.ok()?, note: spec.note, expires_at })
    }

    fn webhook(&mut self, node: Node) {
        let Some(document) = self.document::<Webhook>(&node) else { return };
        for (field, help) in document.problems() {
            self.say(node.deepest([field]).at, format!("{field}: {help}"));
        }
        self.wanted.webhooks.push(Placed { document, file: self.file, node });
    }

    fn risk(&mut self, node: Node) {
        if let Ok(SwitchedOff { id, enabled: false }) = decode::read::<SwitchedOff>(&node)
            && let Some(shipped) = risk::shipped().into_iter().find(|risk| risk.id.as_str() == id)
        {
            let document = Risk { enabled: false, ..shipped };
            return self.wanted.risks.push(Placed { document, file: self.file, node });
        }
        let indicators = match node.get("indicators").map(|node| &node.value) {
            Some(Value::List(indicators)) => indicators.as_slice(),
            _ => &[],
        };
        // Each told at its very word, which reading the document as a whole could not do.
        let conditions = indicators.iter().filter_map(|indicator| indicator.get("when"));
        if conditions.filter(|when| self.when(when).is_none()).count() > 0 {
            return;
        }
        let Some(document) = self.document::<Risk>(&node) else { return };
        self.wanted.risks.push(Placed { document, file: self.file, node });
    }

    fn policy(&mut self, node: Node) {
        let when = node.get("when").map(|when| self.when(when));
        let mut rest = without(&node, "when");
        if let Some(then) = node.get("then")
            && decode::read::<Then>(then).is_err()
            && let Err(faults) = decode::read::<ThenParts>(then)
            && matches!(then.value, Value::Table(_))
        {
            // The part that is wrong is told, and not the whole once more.
            self.faults(faults);
            rest.replace("then", Value::Text("allow".to_owned()));
        }
        let policy = self.document::<Policy>(&rest);
        let (Some(policy), Some((condition, parsed))) = (policy, when.unwrap_or(Some((Condition::always(), None))))
        else {
            return;
        };
        let document = WantedPolicy { policy: Policy { when: condition, ..policy }, when: parsed };
        self.wanted.policies.push(Placed { document, file: self.file, node });
    }

    /// A condition, and where its words stand if it is text.
    fn when(&mut self, node: &Node) -> Option<(Condition, Option<Parsed>)> {
        if let Value::Text(text) = &node.value {
            return match syntax::parse(text) {
                Ok(parsed) => Some((parsed.condition.clone(), Some(parsed))),
                Err(error) => {
                    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
                    self.say(self.source.inside(node.at, text, error.at), format!("{}{help}", error.what));
                    None
                }
            };
        }
        let json = self.document::<serde_json::Value>(node)?;
        match Condition::from_json(&json) {
            Ok(condition) => Some((condition, None)),
            Err(error) => {
                self.say(node.deepest(error.path.split('/')).at, error.what);
                None
            }
        }
    }
}

fn without(node: &Node, name: &str) -> Node {
    match &node.value {
        Value::Table(entries) => {
            let rest = entries.iter().filter(|(word, _)| word.text != name).cloned().collect();
            Node { at: node.at, value: Value::Table(rest) }
        }
        _ => node.clone(),
    }
}

/// Two documents of one kind and name are one too many.
fn unique(wanted: &Wanted, found: &mut Found<'_>) {
    let key = |key: &KeySpec| format!("{} ({})", key.name, key.environment.as_str());
    let keys = wanted.keys.iter().map(|placed| ("key", key(&placed.document), placed.part(["name"])));
    let configs = wanted.challenge_configs.iter();
    let configs = configs.map(|placed| ("challenge config", placed.document.name.clone(), placed.part(["name"])));
    let lists = wanted.lists.iter().map(|placed| ("list", placed.document.list.name.clone(), placed.part(["name"])));
    let policies = wanted.policies.iter();
    let policies = policies.map(|placed| ("policy", placed.document.policy.name.clone(), placed.part(["name"])));
    let mut seen: BTreeMap<(&str, String), Place> = BTreeMap::new();
    let risks = wanted.risks.iter().map(|placed| ("risk", placed.document.id.to_string(), placed.part(["id"])));
    let webhooks = wanted.webhooks.iter();
    let webhooks = webhooks.map(|placed| ("webhook", placed.document.name.clone(), placed.part(["name"])));
    for (kind, name, place) in keys.chain(configs).chain(lists).chain(risks).chain(policies).chain(webhooks) {
        let first = seen.entry((kind, name.clone())).or_insert_with(|| place.clone());
        if *first != place {
            let what = format!("{kind} `{name}` stands at {} already: give one another name", found.name(first));
            found.say(place, what);
        }
    }
}
