//! From what is wanted and what is there to what changes.

use std::collections::BTreeMap;

use countersign_engine::{
    config::Key,
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
        check(wanted, there)?;
        let mut plan = Self::default();
        if let Some(settings) = &wanted.settings {
            let known = there.iter().find(|row| row.kind == DocumentKind::Settings);
            plan.document(DocumentKind::Settings, "settings", &settings.document, known, |_| SETTINGS_ID);
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
            Some(before) if *before == wanted => return id,
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
        let named = |row: &DocumentRow| match row.kind {
            DocumentKind::Settings | DocumentKind::Key => true,
            DocumentKind::ChallengeConfig => wanted.challenge_configs.iter().any(|p| p.document.name == row.name),
            DocumentKind::List => wanted.lists.iter().any(|p| p.document.list.name == row.name),
            DocumentKind::Policy => wanted.policies.iter().any(|p| p.document.name == row.name),
        };
        for row in there.iter().filter(|row| !named(row)) {
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

/// Everything that the documents themselves can't say.
fn check(wanted: &Wanted, there: &[DocumentRow]) -> Result<(), Vec<Problem>> {
    let names = names(wanted, there);
    let mut problems = Vec::new();
    for placed in &wanted.policies {
        for problem in policy::check(&placed.document, &names) {
            let what = format!("policy `{}`: {problem}", placed.document.name);
            problems.push(Problem { place: placed.place.clone(), what });
        }
    }
    for placed in &wanted.challenge_configs {
        let production = wanted.policies.iter().any(|policy| uses(&policy.document, &placed.document.name));
        for problem in placed.document.problems(production) {
            let what = format!("challenge config `{}`: {problem}", placed.document.name);
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

/// What there will be to refer to: what the files name, and what is there already.
fn names(wanted: &Wanted, there: &[DocumentRow]) -> Names {
    let known = there.iter().filter(|row| row.kind == DocumentKind::List);
    let known = known.filter_map(|row| serde_json::from_str::<List>(&row.body).ok());
    let lists = known.chain(wanted.lists.iter().map(|placed| placed.document.list.clone()));
    let configs = there.iter().filter(|row| row.kind == DocumentKind::ChallengeConfig).map(|row| row.name.clone());
    Names {
        lists: lists.map(|list| (list.name, list.kind)).collect::<BTreeMap<_, _>>(),
        challenge_configs: configs.chain(wanted.challenge_configs.iter().map(|p| p.document.name.clone())).collect(),
    }
}
