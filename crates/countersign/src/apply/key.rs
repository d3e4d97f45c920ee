//! Key pairs: how they are written, what is wrong with one, and how its halves are drawn.
//!
//! A secret exists once, in a [`CreatedKey`]; what is kept is its hash.

use std::fmt;

use countersign_engine::{config::Key, environment::Environment, text::Origin};
use countersign_server::{
    context::Rng,
    secret::{draw_key_body, sha256},
};
use serde::Deserialize;

use super::{file::is_name, printable};

/// A key pair, as written: its halves are drawn, not written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// What people call it.
    pub name: String,
    /// Which traffic it is for.
    pub environment: Environment,
    /// Origins that the client id works from.
    #[serde(default)]
    pub origins: Vec<Origin>,
}

impl KeySpec {
    /// What is wrong with it, and with which part; the same wherever a key is made.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if !is_name(&self.name) {
            problems.push(("name", "a key's name is 1 to 100 bytes of text on one line".to_owned()));
        }
        if self.environment == Environment::Production {
            if self.origins.is_empty() {
                let what = format!("key `{}`: name the origins that a production client id works from", self.name);
                problems.push(("origins", what));
            }
            for origin in self.origins.iter().filter(|origin| origin.is_loopback()) {
                let what = format!("key `{}`: {origin} is this machine: real users have another", self.name);
                problems.push(("origins", what));
            }
        }
        problems
    }
}

/// A key that was made: the only time that its secret is known.
#[derive(Clone)]
pub struct CreatedKey {
    /// Its name.
    pub name: String,
    /// The public half.
    pub client_id: String,
    /// The secret half.
    pub secret: String,
}

impl fmt::Display for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "key \"{}\"", printable(&self.name))?;
        writeln!(f, "  client id   {}\n  API secret  {}", self.client_id, self.secret)?;
        write!(f, "  Keep the secret now: it can't be shown again.")
    }
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedKey").field("name", &self.name).finish_non_exhaustive()
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
