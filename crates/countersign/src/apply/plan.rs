//! From what is wanted and what is there to what changes.

use std::collections::BTreeMap;

use countersign_engine::{
    challenge::ChallengeConfig,
    config::{Key, Settings},
    environment::Environment,
    id::ListId,
    list::List,
    policy::{self, Names, Policy, Then},
};
use countersign_server::{
    context::Rng,
    secret::{draw_key_body, sha256},
};
use countersign_store::op::{DocumentChange, DocumentKind, DocumentRow, Entry};
use serde::Serialize;
use serde_json::Value;

use super::{
    CreatedKey, Options, Problem,
    file::{KeySpec, Wanted},
};

/// What changes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Documents.
    pub changes: Vec<DocumentChange>,
    /// A line for each.
    pub lines: Vec<String>,
    /// Documents that are as they should be already.
    pub unchanged: usize,
    /// Keys to be made.
    pub created_keys: Vec<CreatedKey>,
    /// Entries that lists should hold.
    pub entries: Vec<(ListId, String, Vec<Entry>)>,
}

/// The id of a project's settings: there is one document of them.
const SETTINGS_ID: [u8; 16] = [0; 16];

impl Plan {
    /// Works it out; every problem at once.
    pub fn make(wanted: &Wanted, there: &[DocumentRow], options: Options, rng: &Rng) -> Result<Self, Vec<Problem>> {
        check(wanted, &Outcome::of(wanted, there, options), there)?;
        let mut plan = Self::default();
        if let Some(settings) = &wanted.settings {
            let known = there.iter().find(|row| row.kind == DocumentKind::Settings);
            // Over what is there: a file that names one setting says nothing about the others.
            let before = known.and_then(|row| serde_json::from_str::<Value>(&row.body).ok());
            let merged = merged(before, &settings.document.named);
            let merged: Settings = serde_json::from_value(merged).unwrap_or_else(|_| settings.document.whole.clone());
            plan.document(DocumentKind::Settings, "settings", &merged, known, |_| SETTINGS_ID);
        }
        for key in &wanted.keys {
            plan.key(&key.document, there, rng);
        }
        let new_id = |_: &str| rng.bytes();
        for config in &wanted.challenge_configs {
            let name = &config.document.name;
            plan.document(
                DocumentKind::ChallengeConfig,
                name,
                &config.document,
                find(there, DocumentKind::ChallengeConfig, name),
                new_id,
            );
        }
        for list in &wanted.lists {
            let name = &list.document.list.name;
            let known = find(there, DocumentKind::List, name);
            let id = plan.document(DocumentKind::List, name, &list.document.list, known, new_id);
            plan.entries.push((ListId::from_bytes(id), name.clone(), list.document.entries.clone()));
        }
        // Ties of priority go by creation, and ids sort by it: the first in the file is made first.
        for (place, policy) in wanted.policies.iter().enumerate() {
            let name = &policy.document.name;
            let known = find(there, DocumentKind::Policy, name);
            plan.document(DocumentKind::Policy, name, &policy.document, known, |_| later_id(place, there, rng));
        }
        if options.prune {
            plan.prune(wanted, there);
        }
        Ok(plan)
    }

    /// One document: unchanged, changed or new. Answers its id.
    fn document<T: Serialize>(
        &mut self,
        kind: DocumentKind,
        name: &str,
        document: &T,
        known: Option<&DocumentRow>,
        new_id: impl FnOnce(&str) -> [u8; 16],
    ) -> [u8; 16] {
        let wanted = serde_json::to_value(document).unwrap_or_default();
        let before: Option<Value> = known.and_then(|row| serde_json::from_str(&row.body).ok());
        let id = known.map_or_else(|| new_id(name), |row| row.id);
        let label = label(kind, name);
        match &before {
            Some(before) if *before == wanted => {
                self.unchanged += 1;
                return id;
            }
            Some(before) => self.lines.push(format!("~ {label}: {}", differences(before, &wanted))),
            None => self.lines.push(format!("+ {label}")),
        }
        self.changes.push(DocumentChange { kind, id, name: name.to_owned(), body: Some(wanted.to_string()) });
        id
    }

    fn key(&mut self, spec: &KeySpec, there: &[DocumentRow], rng: &Rng) {
        let same = |row: &&DocumentRow| {
            let key: Option<Key> = serde_json::from_str(&row.body).ok();
            row.kind == DocumentKind::Key
                && key.is_some_and(|key| key.name == spec.name && key.environment == spec.environment)
        };
        let known = there.iter().find(same);
        if let Some(key) = known.and_then(|row| serde_json::from_str::<Key>(&row.body).ok()) {
            let key = Key { origins: spec.origins.clone(), ..key };
            self.document(DocumentKind::Key, &spec.name, &key, known, |_| [0; 16]);
            return;
        }
        let (key, created) = draw_key(spec, rng);
        self.document(DocumentKind::Key, &spec.name, &key, None, |_| rng.bytes());
        self.created_keys.push(created);
    }

    fn prune(&mut self, wanted: &Wanted, there: &[DocumentRow]) {
        for row in there.iter().filter(|row| !is_named(wanted, row)) {
            self.lines.push(format!("- {}", label(row.kind, &row.name)));
            self.changes.push(DocumentChange { kind: row.kind, id: row.id, name: row.name.clone(), body: None });
        }
    }
}

/// A key pair, with the secret that is shown once.
pub fn draw_key(spec: &KeySpec, rng: &Rng) -> (Key, CreatedKey) {
    let word = match spec.environment {
        Environment::Development => "dev",
        Environment::Production => "live",
    };
    let (public, private) = (format!("pk_{word}_"), format!("sk_{word}_"));
    let client_id = format!("{public}{}", draw_key_body(&public, rng));
    let secret = format!("{private}{}", draw_key_body(&private, rng));
    let secret_hash = sha256(secret.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write;
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let key = Key {
        name: spec.name.clone(),
        environment: spec.environment,
        client_id: client_id.clone(),
        secret_hash,
        origins: spec.origins.clone(),
    };
    (key, CreatedKey { name: spec.name.clone(), client_id, secret })
}

/// A random id that sorts behind every policy's that is there, and behind those made for the places before.
fn later_id(place: usize, there: &[DocumentRow], rng: &Rng) -> [u8; 16] {
    let policies = there.iter().filter(|row| row.kind == DocumentKind::Policy);
    // Time is the upper 48 bits: what stands there only has to grow.
    let newest = policies.map(|row| u128::from_be_bytes(row.id) >> 80).max().unwrap_or_default();
    let time = newest.saturating_add(1).saturating_add(u128::try_from(place).unwrap_or_default()) & 0xffff_ffff_ffff;
    let random = rng.bytes::<10>().iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    ((time << 80) | random).to_be_bytes()
}

fn find<'a>(there: &'a [DocumentRow], kind: DocumentKind, name: &str) -> Option<&'a DocumentRow> {
    there.iter().find(|row| row.kind == kind && row.name == name)
}

fn label(kind: DocumentKind, name: &str) -> String {
    match kind {
        DocumentKind::Settings => "settings".to_owned(),
        DocumentKind::ChallengeConfig => format!("challenge config \"{name}\""),
        kind => format!("{} \"{name}\"", kind.as_str()),
    }
}

/// `code_minutes 10 → 5, name …`: the fields that differ, at the top.
fn differences(before: &Value, after: &Value) -> String {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut fields: Vec<&String> =
        before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
    fields.sort();
    fields.dedup();
    let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), |value| shorten(&value.to_string()));
    let shown = fields.into_iter().map(|key| format!("{key} {} → {}", show(before.get(key)), show(after.get(key))));
    shown.collect::<Vec<_>>().join(", ")
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(59).collect::<String>())
    }
}

/// Whether the files name that document; settings and keys always stay.
fn is_named(wanted: &Wanted, row: &DocumentRow) -> bool {
    match row.kind {
        DocumentKind::Settings | DocumentKind::Key => true,
        DocumentKind::ChallengeConfig => wanted.challenge_configs.iter().any(|p| p.document.name == row.name),
        DocumentKind::List => wanted.lists.iter().any(|p| p.document.list.name == row.name),
        DocumentKind::Policy => wanted.policies.iter().any(|p| p.document.name == row.name),
    }
}

/// The named settings over those that are there.
fn merged(before: Option<Value>, named: &Value) -> Value {
    let mut all = before.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if let (Some(all), Some(named)) = (all.as_object_mut(), named.as_object()) {
        all.extend(named.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    all
}

/// A document that is there, and where to say that it stands.
fn read<T: serde::de::DeserializeOwned>(row: &DocumentRow) -> Option<(T, String)> {
    Some((serde_json::from_str(&row.body).ok()?, format!("{}, as it is in the database", label(row.kind, &row.name))))
}

/// What the project will be: what the files say, and what is there and stays. Each with where it stands.
struct Outcome {
    policies: Vec<(Policy, String)>,
    configs: Vec<(ChallengeConfig, String)>,
    lists: Vec<List>,
}

impl Outcome {
    fn of(wanted: &Wanted, there: &[DocumentRow], options: Options) -> Self {
        let stay = |kind| {
            let replaced = move |row: &&DocumentRow| row.kind == kind && !is_named(wanted, row);
            there.iter().filter(replaced).filter(move |_| !options.prune)
        };
        let policies = wanted.policies.iter().map(|p| (p.document.clone(), p.place.clone()));
        let configs = wanted.challenge_configs.iter().map(|p| (p.document.clone(), p.place.clone()));
        let lists = wanted.lists.iter().map(|p| p.document.list.clone());
        Self {
            policies: policies.chain(stay(DocumentKind::Policy).filter_map(read)).collect(),
            configs: configs.chain(stay(DocumentKind::ChallengeConfig).filter_map(read)).collect(),
            lists: lists.chain(stay(DocumentKind::List).filter_map(|row| Some(read(row)?.0))).collect(),
        }
    }

    fn names(&self) -> Names {
        Names {
            lists: self.lists.iter().map(|list| (list.name.clone(), list.kind)).collect::<BTreeMap<_, _>>(),
            challenge_configs: self.configs.iter().map(|(config, _)| config.name.clone()).collect(),
        }
    }
}

/// Everything that the documents themselves can't say: of the project as it will be, not only of what the files name.
fn check(wanted: &Wanted, outcome: &Outcome, there: &[DocumentRow]) -> Result<(), Vec<Problem>> {
    let names = outcome.names();
    let mut problems = Vec::new();
    for (policy, place) in &outcome.policies {
        for problem in policy::check(policy, &names) {
            problems.push(Problem { place: place.clone(), what: format!("policy `{}`: {problem}", policy.name) });
        }
    }
    for (config, place) in &outcome.configs {
        let production = outcome.policies.iter().any(|(policy, _)| uses(policy, &config.name));
        for problem in config.problems(production) {
            problems
                .push(Problem { place: place.clone(), what: format!("challenge config `{}`: {problem}", config.name) });
        }
    }
    for placed in &wanted.lists {
        let List { name, kind, .. } = &placed.document.list;
        let known = find(there, DocumentKind::List, name).and_then(|row| serde_json::from_str::<List>(&row.body).ok());
        if known.is_some_and(|known| known.kind != *kind) {
            let what = format!("list `{name}`: its entries are of another kind: give the new list another name");
            problems.push(Problem { place: placed.place.clone(), what });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Whether real users may meet that challenge config.
fn uses(policy: &Policy, config: &str) -> bool {
    let named = matches!(&policy.then, Then::Challenge { config: name, .. } if name == config);
    named && policy.environment == Environment::Production
}
