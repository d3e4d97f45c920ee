//! The demo's configuration: a file like anybody's, applied like anybody's.

use std::path::Path;

use countersign_engine::environment::Environment;
use countersign_server::{Server, context::Rng};
use serde::{Deserialize, Serialize};

use crate::{
    apply::{Format, KeySpec, Options, Source, apply},
    keys,
};

/// The demo's key pair. A real secret is shown once and kept by the site; the demo's shop forgets everything when it
/// stops, so it is kept beside the data.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keys {
    /// The public half.
    pub client_id: String,
    /// The secret half.
    pub api_secret: String,
}

/// Applies the demo's file and answers its keys, making them the first time.
pub async fn seed(server: &Server, shop_url: &str, data: &Path, rng: &Rng) -> Result<Keys, String> {
    let ctx = server.ctx();
    let now = ctx.clock.now();
    let text = include_str!("seed.yaml").replace("SHOP", shop_url);
    let source = Source { name: "seed.yaml".to_owned(), text, format: Format::Yaml };
    apply(&ctx.store, &[source], &Options::default(), now, rng).await.map_err(|refused| refused.to_string())?;
    let file = data.join("demo-keys.json");
    let kept = std::fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
    let keys = match kept {
        Some(keys) => keys,
        None => create(server, &file, rng).await?,
    };
    ctx.projects.refresh(&ctx.store).await.map_err(|error| error.to_string())?;
    Ok(keys)
}

/// Makes the keys, and keeps them for the next start.
async fn create(server: &Server, file: &Path, rng: &Rng) -> Result<Keys, String> {
    let ctx = server.ctx();
    let at = (ctx.clock.now(), rng);
    let spec = KeySpec { name: "demo".to_owned(), environment: Environment::Development, origins: Vec::new() };
    let made = keys::create(&ctx.store, Some("demo"), &spec, at).await.map_err(|failure| failure.to_string())?;
    let keys = Keys { client_id: made.client_id, api_secret: made.secret };
    let text = serde_json::to_string(&keys).map_err(|error| error.to_string())?;
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(keys)
}
