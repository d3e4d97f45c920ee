//! The demo's configuration, put into its store.
use std::{collections::BTreeMap, path::Path};

use countersign_engine::{config::Key, environment::Environment, id::ProjectId};
use countersign_server::{
    Server,
    context::Rng,
    secret::{draw_key_body, sha256},
};
use countersign_store::op::{ChangeProject, DocumentChange, DocumentKind};
use serde::{Deserialize, Serialize};

/// The demo's key pair.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keys {
    /// Public.
    pub client_id: String,
    /// Secret.
    pub api_secret: String,
}

/// Seeds.
pub async fn seed(server: &Server, shop_url: &str, data: &Path, rng: &Rng) -> Result<Keys, String> {
    let ctx = server.ctx();
    let text = include_str!("seed.yaml").replace("SHOP", shop_url);
    let file: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(&text).map_err(|e| e.to_string())?;
    let now = ctx.clock.now();
    let keys = Keys {
        client_id: format!("pk_dev_{}", draw_key_body("pk_dev_", rng)),
        api_secret: format!("sk_dev_{}", draw_key_body("sk_dev_", rng)),
    };
    let hash: String = sha256(keys.api_secret.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    let key = Key {
        name: "demo".into(),
        environment: Environment::Development,
        client_id: keys.client_id.clone(),
        secret_hash: hash,
        origins: vec![],
    };
    let mut changes = vec![DocumentChange {
        kind: DocumentKind::Key,
        id: rng.bytes(),
        name: "demo".into(),
        body: serde_json::to_string(&key).ok(),
    }];
    for (section, kind) in [
        ("challenge_configs", DocumentKind::ChallengeConfig),
        ("policies", DocumentKind::Policy),
        ("lists", DocumentKind::List),
    ] {
        for doc in file.get(section).and_then(|v| v.as_array()).into_iter().flatten() {
            changes.push(DocumentChange {
                kind,
                id: rng.bytes(),
                name: doc["name"].as_str().unwrap_or_default().into(),
                body: Some(doc.to_string()),
            });
        }
    }
    changes.push(DocumentChange {
        kind: DocumentKind::Settings,
        id: [0; 16],
        name: "settings".into(),
        body: file.get("settings").map(ToString::to_string),
    });
    let _ = data;
    ctx.store
        .run(ChangeProject {
            project: ProjectId::new(now.millis(), rng.bytes()),
            slug: "demo".into(),
            base: 0,
            changes,
            author: "demo".into(),
            now,
        })
        .await
        .map_err(|e| e.to_string())?
        .map_err(|_| "stale".to_string())?;
    ctx.projects.refresh(&ctx.store).await.map_err(|e| e.to_string())?;
    Ok(keys)
}
