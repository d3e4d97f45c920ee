//! Compiled configuration: every project in its newest revision, and which key belongs to which.
//!
//! What is read here is a snapshot that is replaced as a whole. It is looked at twice a second whether the store has a
//! newer revision, so that a change made anywhere counts everywhere within a second; a project whose documents can't be
//! compiled keeps its last good revision, and the log says why.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use countersign_engine::{
    challenge::ChallengeConfig,
    config::{Key, Project, Settings},
    environment::Environment,
    event::Webhook,
    id::{KeyId, ListId, PolicyId, ProjectId, WebhookId},
    list::List,
    policy::{Policy, PolicySet},
    risk::{self, Risk, RiskSet},
};
use countersign_store::{
    Store, StoreError,
    op::{DocumentKind, DocumentRow, ProjectRow, ReadDocuments, ReadProjects},
};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use crate::secret::sha256;

/// One key of one project.
#[derive(Clone, Debug)]
pub struct KeyOf {
    /// The project.
    pub project: Arc<Project>,
    /// The key.
    pub key: Key,
}

impl KeyOf {
    /// Which traffic the key is for.
    pub const fn environment(&self) -> Environment {
        self.key.environment
    }
}

#[derive(Debug, Default)]
struct Snapshot {
    projects: BTreeMap<ProjectId, Arc<Project>>,
    by_client_id: BTreeMap<String, KeyOf>,
    by_secret_hash: BTreeMap<[u8; 32], KeyOf>,
}

/// Why a project can't be compiled.
#[derive(Debug, thiserror::Error)]
#[error("{kind} `{name}`: {what}")]
pub struct CompileError {
    /// What kind of document.
    pub kind: &'static str,
    /// Which.
    pub name: String,
    /// What is wrong.
    pub what: String,
}

/// Every project, compiled.
#[derive(Clone, Debug, Default)]
pub struct Projects(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is made anew: of two who do so, the slower one must not bring back what it read earlier.
    refreshing: tokio::sync::Mutex<()>,
}

impl Projects {
    /// Reads and compiles every project that is newer in the store; answers whether anything changed.
    pub async fn refresh(&self, store: &Store) -> Result<bool, StoreError> {
        let _alone = self.0.refreshing.lock().await;
        let rows = store.read(ReadProjects).await?;
        let current = self.0.snapshot.load_full();
        let is_current = |row: &ProjectRow| current.projects.get(&row.id).is_some_and(|p| p.revision == row.revision);
        if rows.len() == current.projects.len() && rows.iter().all(is_current) {
            return Ok(false);
        }
        let mut projects = BTreeMap::new();
        for row in rows {
            let known = current.projects.get(&row.id).cloned();
            if let Some(project) = known.as_ref().filter(|_| is_current(&row)) {
                projects.insert(row.id, Arc::clone(project));
                continue;
            }
            let Some((row, documents)) = store.read(ReadDocuments { project: row.id, revision: i64::MAX }).await?
            else {
                continue;
            };
            match compile(&row, &documents) {
                Ok(project) => {
                    projects.insert(row.id, Arc::new(project));
                }
                Err(error) => {
                    tracing::error!(project = row.slug, revision = row.revision, %error, "a project can't be compiled; its last good revision stays");
                    projects.extend(known.map(|known| (row.id, known)));
                }
            }
        }
        self.0.snapshot.store(Arc::new(Snapshot::of(projects)));
        Ok(true)
    }

    /// The key with that client id.
    pub fn by_client_id(&self, client_id: &str) -> Option<KeyOf> {
        self.0.snapshot.load().by_client_id.get(client_id).cloned()
    }

    /// The key with that secret.
    pub fn by_secret(&self, secret: &str) -> Option<KeyOf> {
        let hash = sha256(secret.as_bytes());
        // The look-up goes by the hash of 190 random bits: how long it takes tells nothing of the secret.
        let snapshot = self.0.snapshot.load();
        let (known, key) = snapshot.by_secret_hash.get_key_value(&hash)?;
        bool::from(known.ct_eq(&hash)).then(|| key.clone())
    }

    /// The project with that id.
    pub fn get(&self, id: ProjectId) -> Option<Arc<Project>> {
        self.0.snapshot.load().projects.get(&id).cloned()
    }

    /// A project as it was in a revision, which may have been replaced since; `None` when it can't be had.
    pub async fn at(
        &self,
        store: &Store,
        project: &Arc<Project>,
        revision: i64,
    ) -> Result<Option<Arc<Project>>, StoreError> {
        if project.revision == revision {
            return Ok(Some(Arc::clone(project)));
        }
        let Some((row, documents)) = store.read(ReadDocuments { project: project.id, revision }).await? else {
            return Ok(None);
        };
        let compiled = compile(&ProjectRow { revision, ..row }, &documents);
        if let Err(error) = &compiled {
            tracing::warn!(project = project.slug, revision, %error, "an old revision can't be compiled any more");
        }
        Ok(compiled.ok().map(Arc::new))
    }

    /// Every project.
    pub fn all(&self) -> Vec<Arc<Project>> {
        self.0.snapshot.load().projects.values().cloned().collect()
    }

    /// Every project's id.
    pub fn ids(&self) -> Vec<ProjectId> {
        self.0.snapshot.load().projects.keys().copied().collect()
    }
}

impl Snapshot {
    fn of(projects: BTreeMap<ProjectId, Arc<Project>>) -> Self {
        let mut snapshot = Self { projects, ..Self::default() };
        for project in snapshot.projects.values() {
            for (_, key) in &project.keys {
                let of = KeyOf { project: Arc::clone(project), key: key.clone() };
                if let Some(hash) = from_hex(&key.secret_hash) {
                    snapshot.by_secret_hash.insert(hash, of.clone());
                }
                snapshot.by_client_id.insert(key.client_id.clone(), of);
            }
        }
        snapshot
    }
}

/// Compiles one revision of a project.
pub fn compile(row: &ProjectRow, documents: &[DocumentRow]) -> Result<Project, CompileError> {
    let settings = of_kind::<Settings>(documents, DocumentKind::Settings)?;
    let keys = of_kind::<Key>(documents, DocumentKind::Key)?;
    let configs = of_kind::<ChallengeConfig>(documents, DocumentKind::ChallengeConfig)?;
    let lists = of_kind::<List>(documents, DocumentKind::List)?;
    let policies: Vec<(PolicyId, Policy)> = of_kind::<Policy>(documents, DocumentKind::Policy)?
        .into_iter()
        .map(|(id, policy)| (PolicyId::from_bytes(id), policy))
        .collect();
    let risks = of_kind::<Risk>(documents, DocumentKind::Risk)?.into_iter().map(|(_, risk)| risk).collect();
    let webhooks = of_kind::<Webhook>(documents, DocumentKind::Webhook)?;
    let set = |environment| PolicySet::compile(&policies, environment);
    Ok(Project {
        id: row.id,
        slug: row.slug.clone(),
        revision: row.revision,
        settings: settings.into_iter().next().map(|(_, settings)| settings).unwrap_or_default(),
        keys: keys.into_iter().map(|(id, key)| (KeyId::from_bytes(id), key)).collect(),
        challenge_configs: configs.into_iter().map(|(_, config)| (config.name.clone(), config)).collect(),
        lists: lists.into_iter().map(|(id, list)| (list.name, (ListId::from_bytes(id), list.kind))).collect(),
        development: set(Environment::Development),
        production: set(Environment::Production),
        webhooks: webhooks.into_iter().map(|(id, webhook)| (WebhookId::from_bytes(id), webhook)).collect(),
        risks: RiskSet::compile(&risk::merged(risks)),
        policies: policies.into_iter().collect(),
    })
}

fn of_kind<T: DeserializeOwned>(
    documents: &[DocumentRow],
    kind: DocumentKind,
) -> Result<Vec<([u8; 16], T)>, CompileError> {
    let wanted = documents.iter().filter(|document| document.kind == kind);
    wanted
        .map(|document| {
            let read = serde_json::from_str(&document.body);
            read.map(|value| (document.id, value)).map_err(|error| CompileError {
                kind: kind.as_str(),
                name: document.name.clone(),
                what: error.to_string(),
            })
        })
        .collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
