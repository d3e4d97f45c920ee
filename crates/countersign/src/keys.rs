//! `countersign keys`: makes key pairs. A secret is shown once; only its hash is kept.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_engine::{config::Key, environment::Environment, text::Origin, time::Timestamp};
use countersign_server::context::Rng;
use countersign_store::{
    Store,
    op::{ChangeProject, DocumentChange, DocumentKind},
};

use crate::apply::{CreatedKey, KeySpec, current, draw_key};

/// Somebody else may change the project between our reading and our writing; then we read again, so often at most.
const TRIES: u32 = 20;

/// Makes a key pair for a project that exists.
pub async fn create(
    store: &Store,
    (project, name): (&str, &str),
    environment: Environment,
    origins: Vec<Origin>,
    (now, rng): (Timestamp, &Rng),
) -> Result<CreatedKey, String> {
    let spec = KeySpec { name: name.to_owned(), environment, origins };
    if let Some(problem) = spec.problems().into_iter().next() {
        return Err(problem);
    }
    for _ in 0..TRIES {
        let (row, documents) = current(store, project).await.map_err(|error| error.to_string())?;
        let row = row.ok_or_else(|| format!("there is no project `{project}`: make it with `countersign apply`"))?;
        let keys = documents.iter().filter(|document| document.kind == DocumentKind::Key);
        let same = |key: Key| key.name == name && key.environment == environment;
        if keys.filter_map(|row| serde_json::from_str(&row.body).ok()).any(same) {
            return Err(format!(
                "the project has a key `{name}` for {} already: name it otherwise",
                environment.as_str()
            ));
        }
        let (key, created) = draw_key(&spec, rng);
        let body = Some(serde_json::to_string(&key).map_err(|error| error.to_string())?);
        let made = DocumentChange { kind: DocumentKind::Key, id: rng.bytes(), name: name.to_owned(), body };
        let change = ChangeProject {
            project: row.id,
            slug: row.slug,
            base: row.revision,
            changes: vec![made],
            lists: Vec::new(),
            author: "keys create".to_owned(),
            now,
        };
        if store.run(change).await.map_err(|error| error.to_string())?.is_ok() {
            return Ok(created);
        }
    }
    Err("others kept changing the project: try again".to_owned())
}

/// A new server key, as the settings take it.
pub fn server_key(rng: &Rng) -> String {
    STANDARD.encode(rng.bytes::<32>())
}
