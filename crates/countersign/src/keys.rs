//! `countersign keys`: makes, lists and deletes key pairs. A secret is shown once; only its hash is kept.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_engine::{config::Key, time::Timestamp};
use countersign_server::context::Rng;
use countersign_store::{
    Store, StoreError,
    op::{ChangeProject, DocumentChange, DocumentKind, DocumentRow, ProjectRow, ReadDocuments, ReadProjects},
};

use crate::{
    apply::{CreatedKey, KeySpec, draw_key},
    cli::Failure,
    project,
};

/// Somebody else may change the project between our reading and our writing; then we read again, so often at most.
const TRIES: u32 = 20;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::accident(error)
    }
}

/// A project, and its keys with their documents' ids.
#[derive(Debug)]
pub struct Keys {
    project: ProjectRow,
    keys: Vec<([u8; 16], Key)>,
}

/// Makes a key pair for a project that exists.
pub async fn create(
    store: &Store,
    project: Option<&str>,
    spec: &KeySpec,
    (now, rng): (Timestamp, &Rng),
) -> Result<CreatedKey, Failure> {
    if let Some((_, problem)) = spec.problems().into_iter().next() {
        return Err(Failure::Wrong(problem));
    }
    for _ in 0..TRIES {
        let Keys { project, keys } = only(store, project).await?;
        if keys.iter().any(|(_, key)| key.name == spec.name && key.environment == spec.environment) {
            let environment = spec.environment.as_str();
            return Err(Failure::Wrong(format!(
                "the project has a key `{}` for {environment} already: name it otherwise",
                spec.name
            )));
        }
        let (key, created) = draw_key(spec, rng);
        let body = Some(serde_json::to_string(&key).map_err(Failure::accident)?);
        let made = DocumentChange { kind: DocumentKind::Key, id: rng.bytes(), name: spec.name.clone(), body };
        if change(store, project, made, "keys create", now).await? {
            return Ok(created);
        }
    }
    Err(busy())
}

/// Deletes the key of that name or client id, and answers it. Running servers notice within a second.
pub async fn delete(store: &Store, project: Option<&str>, wanted: &str, now: Timestamp) -> Result<Key, Failure> {
    for _ in 0..TRIES {
        let Keys { project, keys } = only(store, project).await?;
        let (id, key) = pick(&project, keys, wanted)?;
        let gone = DocumentChange { kind: DocumentKind::Key, id, name: key.name.clone(), body: None };
        if change(store, project, gone, "keys delete", now).await? {
            return Ok(key);
        }
    }
    Err(busy())
}

/// The keys of a project, or of every one: each with its project's name.
pub async fn list(store: &Store, project: Option<&str>) -> Result<Vec<(String, Key)>, Failure> {
    if project.is_some() {
        let found = only(store, project).await?;
        return Ok(found.keys.into_iter().map(|(_, key)| (found.project.slug.clone(), key)).collect());
    }
    let mut all = Vec::new();
    for row in store.read(ReadProjects).await? {
        let found = read(store, row).await?;
        all.extend(found.keys.into_iter().map(|(_, key)| (found.project.slug.clone(), key)));
    }
    Ok(all)
}

/// A new server key, as the settings take it.
pub fn server_key(rng: &Rng) -> String {
    STANDARD.encode(rng.bytes::<32>())
}

/// The keys of the project of that name; without one, of the only project there is.
async fn only(store: &Store, slug: Option<&str>) -> Result<Keys, Failure> {
    read(store, project::named(store, slug).await?).await
}

async fn read(store: &Store, row: ProjectRow) -> Result<Keys, Failure> {
    let documents = store.read(ReadDocuments { project: row.id, revision: i64::MAX }).await?;
    // Projects are never deleted: one that is there stays there.
    let (project, documents) = documents.unwrap_or((row, Vec::new()));
    let keys = documents.into_iter().filter(|document| document.kind == DocumentKind::Key);
    let parse = |row: DocumentRow| serde_json::from_str(&row.body).map(|key| (row.id, key));
    let keys = keys.map(parse).collect::<Result<_, _>>().map_err(Failure::accident)?;
    Ok(Keys { project, keys })
}

/// The one key that `wanted` means.
fn pick(project: &ProjectRow, keys: Vec<([u8; 16], Key)>, wanted: &str) -> Result<([u8; 16], Key), Failure> {
    let mut found: Vec<_> = keys.into_iter().filter(|(_, key)| key.client_id == wanted || key.name == wanted).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Failure::Wrong(format!(
            "project `{}` has no key `{wanted}`: `countersign keys list` shows those that it has",
            project.slug
        ))),
        (Some(last), false) => {
            let ids = found.iter().chain([&last]).map(|(_, key)| key.client_id.as_str());
            let ids = ids.collect::<Vec<_>>().join(", ");
            Err(Failure::Wrong(format!("several keys have the name `{wanted}`: give the client id; there are {ids}")))
        }
    }
}

/// Changes one document; `false` if somebody else was first.
async fn change(
    store: &Store,
    project: ProjectRow,
    document: DocumentChange,
    author: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    let change = ChangeProject {
        project: project.id,
        slug: project.slug,
        base: project.revision,
        changes: vec![document],
        lists: Vec::new(),
        author: author.to_owned(),
        now,
    };
    Ok(store.run(change).await?.is_ok())
}

fn busy() -> Failure {
    Failure::Accident("others kept changing the project: try again".to_owned())
}
