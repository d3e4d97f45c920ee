//! From what is wanted and what is there to what changes.

use std::collections::BTreeSet;

use countersign_engine::{
    config::{Key, Settings},
    id::ListId,
};
use countersign_server::context::Rng;
use countersign_store::op::{DocumentChange, DocumentKind, DocumentRow, Entry};
use serde::Serialize;
use serde_json::Value;

use super::{
    file::{Placed, Wanted},
    key::{CreatedKey, KeySpec, draw_key},
    tree,
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
    /// Works it out, from files that were checked.
    pub fn make(wanted: &Wanted, there: &[DocumentRow], prune: bool, rng: &Rng) -> Self {
        let mut plan = Self::default();
        if let Some(settings) = &wanted.settings {
            let known = there.iter().find(|row| row.kind == DocumentKind::Settings);
            let settings = over(known, settings);
            plan.document(DocumentKind::Settings, "settings", &settings, known, |_| SETTINGS_ID);
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
        for risk in &wanted.risks {
            let id = risk.document.id.as_str();
            plan.document(DocumentKind::Risk, id, &risk.document, find(there, DocumentKind::Risk, id), new_id);
        }
        for webhook in &wanted.webhooks {
            let name = &webhook.document.name;
            let known = find(there, DocumentKind::Webhook, name);
            plan.document(DocumentKind::Webhook, name, &webhook.document, known, new_id);
        }
        // Ties of priority go by creation, and ids sort by it: the first in the file is made first.
        for (place, policy) in wanted.policies.iter().enumerate() {
            let policy = &policy.document.policy;
            let known = find(there, DocumentKind::Policy, &policy.name);
            plan.document(DocumentKind::Policy, &policy.name, policy, known, |_| later_id(place, there, rng));
        }
        if prune {
            plan.prune(wanted, there);
        }
        plan
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
        let named = Named::of(wanted);
        for row in there.iter().filter(|row| !named.holds(row)) {
            self.lines.push(format!("- {}", label(row.kind, &row.name)));
            self.changes.push(DocumentChange { kind: row.kind, id: row.id, name: row.name.clone(), body: None });
            if row.kind == DocumentKind::List {
                // What stood on it goes with it.
                self.entries.push((ListId::from_bytes(row.id), row.name.clone(), Vec::new()));
            }
        }
    }
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

/// The document of that kind and name.
pub fn find<'a>(there: &'a [DocumentRow], kind: DocumentKind, name: &str) -> Option<&'a DocumentRow> {
    there.iter().find(|row| row.kind == kind && row.name == name)
}

/// What people are told that a document is.
pub fn label(kind: DocumentKind, name: &str) -> String {
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

/// The documents that files name.
#[derive(Debug)]
pub struct Named<'a>(BTreeSet<(DocumentKind, &'a str)>);

impl<'a> Named<'a> {
    /// Those that `wanted` names.
    pub fn of(wanted: &'a Wanted) -> Self {
        let configs = wanted.challenge_configs.iter().map(|p| (DocumentKind::ChallengeConfig, &p.document.name));
        let lists = wanted.lists.iter().map(|p| (DocumentKind::List, &p.document.list.name));
        let policies = wanted.policies.iter().map(|p| (DocumentKind::Policy, &p.document.policy.name));
        let risks = wanted.risks.iter().map(|p| (DocumentKind::Risk, p.document.id.as_str()));
        let webhooks = wanted.webhooks.iter().map(|p| (DocumentKind::Webhook, p.document.name.as_str()));
        Self(
            configs
                .chain(lists)
                .chain(policies)
                .map(|(kind, name)| (kind, name.as_str()))
                .chain(risks)
                .chain(webhooks)
                .collect(),
        )
    }

    /// Whether that one is among them; settings and keys always are: what no file says of them stays.
    pub fn holds(&self, row: &DocumentRow) -> bool {
        matches!(row.kind, DocumentKind::Settings | DocumentKind::Key) || self.0.contains(&(row.kind, &row.name))
    }
}

/// The named settings over those that are there: a file that names one says nothing about the others.
fn over(known: Option<&DocumentRow>, wanted: &Placed<Settings>) -> Settings {
    let whole = serde_json::to_value(&wanted.document).unwrap_or_default();
    let before = known.and_then(|row| serde_json::from_str::<Value>(&row.body).ok());
    let (Some(Value::Object(mut all)), tree::Value::Table(named)) = (before, &wanted.node.value) else {
        return wanted.document.clone();
    };
    all.extend(named.iter().filter_map(|(word, _)| Some((word.text.clone(), whole.get(&word.text)?.clone()))));
    serde_json::from_value(Value::Object(all)).unwrap_or_else(|_| wanted.document.clone())
}
