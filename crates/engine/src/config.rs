//! A project's configuration: its documents, and the compiled whole that decisions are made with.
//!
//! Documents are what is written, reviewed, revised and restored; a [`Project`] is one revision of them, checked and
//! compiled. Where documents are kept and how they are changed is not known here.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    challenge::ChallengeConfig,
    environment::Environment,
    evaluation::Verdict,
    event::{EventKind, Webhook},
    id::{KeyId, ListId, PolicyId, ProjectId, WebhookId},
    list::ListKind,
    policy::{Policy, PolicySet},
    risk::RiskSet,
    text::Origin,
    time::{DAY, Timestamp},
};

/// A key pair: a public client id and a secret of which only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What people call it.
    pub name: String,
    /// Which traffic it is for.
    pub environment: Environment,
    /// The public half: `pk_dev_…` or `pk_live_…`.
    pub client_id: String,
    /// SHA-256 of the secret half, in hexadecimal.
    pub secret_hash: String,
    /// Origins that the client id works from; in development, any of the loopback when empty.
    #[serde(default)]
    pub origins: Vec<Origin>,
}

/// What can be set about a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What people on the challenge page and in messages know the site as.
    pub name: String,
    /// Minutes after the evaluation, or its challenge's end, in which the result can be consumed: 1 to 1440.
    pub consume_window_minutes: u32,
    /// Days without use after which a device no longer counts: 1 to 365.
    pub device_unused_days: u32,
    /// Days for which a device on which a challenge was passed is trusted: 1 to 365.
    pub device_trust_days: u32,
    /// Codes that the whole project may send in an hour: a fuse.
    pub sends_per_hour: u32,
    /// Evaluations that browsers behind one network address may ask for in a minute: up to 100000; 0 for any number.
    pub evaluations_per_minute: u32,
    /// Whether the browser is told the verdict.
    pub reveal_verdict: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::from("This site"),
            consume_window_minutes: 60,
            device_unused_days: 7,
            device_trust_days: 30,
            sends_per_hour: 2_000,
            evaluations_per_minute: 600,
            reveal_verdict: false,
        }
    }
}

impl Settings {
    /// Everything that is wrong with them: setting, and what to write instead.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let name_ok = (1..=100).contains(&self.name.len()) && !self.name.chars().any(char::is_control);
        for (fine, field, help) in [
            (name_ok, "name", "write a name of 1 to 100 bytes on one line"),
            (
                (1..=1_440).contains(&self.consume_window_minutes),
                "consume_window_minutes",
                "write a number from 1 to 1440",
            ),
            ((1..=365).contains(&self.device_unused_days), "device_unused_days", "write a number from 1 to 365"),
            ((1..=365).contains(&self.device_trust_days), "device_trust_days", "write a number from 1 to 365"),
            ((1..=1_000_000).contains(&self.sends_per_hour), "sends_per_hour", "write a number from 1 to 1000000"),
            (
                self.evaluations_per_minute <= 100_000,
                "evaluations_per_minute",
                "write a number from 1 to 100000, or 0 for no limit",
            ),
        ] {
            if !fine {
                problems.push((field, help));
            }
        }
        problems
    }

    /// Milliseconds without use after which a device no longer counts.
    pub fn device_unused(&self) -> i64 {
        i64::from(self.device_unused_days) * DAY
    }

    /// Devices last used before this have lost their places.
    pub fn unused_since(&self, now: Timestamp) -> Timestamp {
        now.plus(-self.device_unused())
    }
}

/// One revision of a project, compiled.
#[derive(Debug)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The name that files and commands use.
    pub slug: String,
    /// Which revision this is.
    pub revision: i64,
    /// What is set.
    pub settings: Settings,
    /// Key pairs.
    pub keys: Vec<(KeyId, Key)>,
    /// Challenge configs, by name.
    pub challenge_configs: BTreeMap<String, ChallengeConfig>,
    /// Lists, by name.
    pub lists: BTreeMap<String, (ListId, ListKind)>,
    /// Who hears of events.
    pub webhooks: Vec<(WebhookId, Webhook)>,
    /// Risks, compiled.
    pub risks: RiskSet,
    /// Policy names, by id.
    pub policies: BTreeMap<PolicyId, Policy>,
    /// Compiled policies of development.
    pub development: PolicySet,
    /// Compiled policies of production.
    pub production: PolicySet,
}

impl Project {
    /// Whether anybody hears of that; `verdict` is the one of an evaluation that was made. What nobody hears need not be
    /// written.
    pub fn is_heard(&self, kind: EventKind, verdict: Option<Verdict>) -> bool {
        self.webhooks.iter().any(|(_, webhook)| webhook.hears(kind, verdict))
    }

    /// The policies of an environment.
    pub const fn policy_set(&self, environment: Environment) -> &PolicySet {
        match environment {
            Environment::Development => &self.development,
            Environment::Production => &self.production,
        }
    }
}
