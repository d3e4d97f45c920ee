//! `countersign keys`: makes key pairs. A secret is shown once; only its hash is kept.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_engine::{environment::Environment, text::Origin, time::Timestamp};
use countersign_server::context::Rng;
use countersign_store::{
    Store,
    op::{ChangeProject, DocumentChange, DocumentKind},
};

use crate::apply::{CreatedKey, KeySpec, current, draw_key};

/// Makes a key pair for a project that exists.
pub async fn create(
    store: &Store,
    (project, name): (&str, &str),
    environment: Environment,
    origins: Vec<Origin>,
    (now, rng): (Timestamp, &Rng),
) -> Result<CreatedKey, String> {
    let (row, _) = current(store, project).await.map_err(|error| error.to_string())?;
    let row = row.ok_or_else(|| format!("there is no project `{project}`: make it with `countersign apply`"))?;
    let spec = KeySpec { name: name.to_owned(), environment, origins };
    let (key, created) = draw_key(&spec, rng);
    let body = serde_json::to_string(&key).map_err(|error| error.to_string())?;
    let change = ChangeProject {
        project: row.id,
        slug: row.slug,
        base: row.revision,
        changes: vec![DocumentChange {
            kind: DocumentKind::Key,
            id: rng.bytes(),
            name: name.to_owned(),
            body: Some(body),
        }],
        author: "keys create".to_owned(),
        now,
    };
    match store.run(change).await.map_err(|error| error.to_string())? {
        Ok(_) => Ok(created),
        Err(_) => Err("somebody changed the project at the same time: try again".to_owned()),
    }
}

/// A new server key, as the settings take it.
pub fn server_key(rng: &Rng) -> String {
    STANDARD.encode(rng.bytes::<32>())
}
