//! The project that every test runs against, written as an operator writes one: documents, in one revision.

use countersign_engine::{
    config::Key,
    environment::Environment,
    id::{ProjectId, WebhookId},
    text::Origin,
};
use countersign_server::{
    context::Rng,
    secret::{draw_key_body, sha256},
};
use countersign_store::{
    Store,
    op::{ChangeProject, DocumentChange, DocumentKind},
};
use serde_json::{Value, json};

/// The origin that browsers come from.
pub const SHOP: &str = "https://shop.example";

/// A key pair, as its owner keeps it.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pub client_id: String,
    pub secret: String,
    document: [u8; 16],
    name: &'static str,
}

/// A project in the store, and how to change it.
#[derive(Clone, Debug)]
pub struct Seeded {
    pub id: ProjectId,
    pub development: KeyPair,
    pub production: KeyPair,
    slug: &'static str,
    revision: i64,
}

impl Seeded {
    /// Puts a project with both kinds of keys and `documents` into the store.
    pub async fn new(store: &Store, rng: &Rng, slug: &'static str, settings: &Value) -> Self {
        let development = draw("development", "dev", rng);
        let production = draw("production", "live", rng);
        let mut seeded = Self { id: ProjectId::new(0, rng.bytes()), development, production, slug, revision: 0 };
        let mut changes = vec![
            key_document(&seeded.development, Environment::Development),
            key_document(&seeded.production, Environment::Production),
            DocumentChange {
                kind: DocumentKind::Settings,
                id: [0; 16],
                name: "settings".into(),
                body: Some(settings.to_string()),
            },
        ];
        for (kind, documents) in [
            (DocumentKind::ChallengeConfig, configs()),
            (DocumentKind::List, lists()),
            (DocumentKind::Policy, policies()),
        ] {
            // In the order in which they stand here: policies of one priority are asked by creation.
            changes.extend(documents.into_iter().zip(1_u64..).map(|(document, place)| DocumentChange {
                kind,
                id: (u128::from(place) << 64 | u128::from(u64::from_be_bytes(rng.bytes()))).to_be_bytes(),
                name: document["name"].as_str().unwrap().to_owned(),
                body: Some(document.to_string()),
            }));
        }
        seeded.change(store, changes).await;
        seeded
    }

    /// Deletes the development key.
    pub async fn delete_development_key(&mut self, store: &Store) {
        let KeyPair { document, name, .. } = self.development.clone();
        let gone = DocumentChange { kind: DocumentKind::Key, id: document, name: name.into(), body: None };
        self.change(store, vec![gone]).await;
    }

    /// Adds a policy that is asked before all others.
    pub async fn add_a_policy(&mut self, store: &Store) {
        let body = json!({
            "name": "Much spam", "environment": "development", "actions": ["post"], "when": "metadata.links > 100",
            "then": {"verdict": "deny"}, "priority": 200,
        });
        self.add_policy(store, 9, &body).await;
    }

    /// Adds an endpoint that hears of events, or changes it: `n` tells which. Answers its id.
    pub async fn set_webhook(&mut self, store: &Store, n: u8, webhook: &Value) -> WebhookId {
        let (id, name) = ([n; 16], webhook["name"].as_str().unwrap().to_owned());
        let document = DocumentChange { kind: DocumentKind::Webhook, id, name, body: Some(webhook.to_string()) };
        self.change(store, vec![document]).await;
        WebhookId::from_bytes(id)
    }

    /// Adds a policy: `n` tells which.
    pub async fn add_policy(&mut self, store: &Store, n: u8, policy: &Value) {
        let name = policy["name"].as_str().unwrap().to_owned();
        let body = Some(policy.to_string());
        self.change(store, vec![DocumentChange { kind: DocumentKind::Policy, id: [n; 16], name, body }]).await;
    }

    async fn change(&mut self, store: &Store, changes: Vec<DocumentChange>) {
        let change = ChangeProject {
            project: self.id,
            slug: self.slug.to_owned(),
            base: self.revision,
            changes,
            lists: Vec::new(),
            author: "operator".to_owned(),
            now: countersign_engine::time::Timestamp::from_millis(0),
        };
        self.revision = store.run(change).await.unwrap().unwrap();
    }
}

fn draw(name: &'static str, word: &str, rng: &Rng) -> KeyPair {
    let key = |kind: &str| {
        let prefix = format!("{kind}_{word}_");
        format!("{prefix}{}", draw_key_body(&prefix, rng))
    };
    KeyPair { client_id: key("pk"), secret: key("sk"), document: rng.bytes(), name }
}

/// Both halves of each byte, as the server's own documents write a hash.
fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn key_document(pair: &KeyPair, environment: Environment) -> DocumentChange {
    let key = Key {
        name: pair.name.to_owned(),
        environment,
        client_id: pair.client_id.clone(),
        secret_hash: hex(&sha256(pair.secret.as_bytes())),
        origins: vec![Origin::parse(SHOP).unwrap()],
    };
    let body = serde_json::to_string(&key).ok();
    DocumentChange { kind: DocumentKind::Key, id: pair.document, name: pair.name.to_owned(), body }
}

/// Success URLs have a query of their own, which must survive.
fn configs() -> Vec<Value> {
    let with = |name: &str, more: Value| {
        let mut config = json!({"name": name, "success_url": "https://shop.example/verified?from=a%20b&n=1"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    vec![
        with(
            "email",
            json!({"channels": ["email"], "secondary_link": {"label": "Help", "url": "https://shop.example/help"}}),
        ),
        with("either", json!({"channels": ["sms", "email"]})),
        with("both", json!({"channels": ["email", "sms"], "require": "all"})),
        with("with phone", json!({"channels": ["email", "sms"], "require_phone": true})),
        with("skippable", json!({"allow_skip": true, "skip_limit": 2})),
        with("long code", json!({"code_length": 10})),
        with(
            "two devices",
            json!({"device_limit": {"overall": 2}, "device_limit_for_groups": {"family": {"overall": 3}}, "primary_link": {"url": "https://shop.example/signup"}}),
        ),
    ]
}

fn lists() -> Vec<Value> {
    vec![json!({"name": "watched", "kind": "user"}), json!({"name": "closed", "kind": "country"})]
}

/// Each action stands for one thing that a policy can do.
fn policies() -> Vec<Value> {
    let policy = |name: &str, action: &str, when: &str, then: Value| {
        let mut policy = json!({
            "name": name, "environment": "development", "actions": [action], "then": then, "priority": 100,
        });
        if !when.is_empty() {
            policy["when"] = when.into();
        }
        policy
    };
    let challenge =
        |config: &str, kind: &str| json!({"verdict": "challenge", "challenge_config": config, "type": kind});
    let mut policies = vec![
        policy(
            "Unfamiliar log-in",
            "login",
            "is_new_fingerprint and is_new_ip",
            challenge("email", "account_takeover"),
        ),
        policy("Unverified sign-up", "signup", "not is_email_verified", challenge("email", "fake_account")),
        policy("Third device", "access", "device_count > 2", challenge("email", "account_sharing")),
        policy(
            "Shared",
            "watch",
            "concurrent_sessions or device_count > 2",
            challenge("two devices", "account_sharing"),
        ),
        policy("Second screen", "play", "device_count > 1", json!({"verdict": "deny"})),
        policy("Checkout", "checkout", "", challenge("either", "account_takeover")),
        policy("Transfer", "transfer", "", challenge("both", "account_takeover")),
        policy("Top-up", "topup", "", challenge("with phone", "account_takeover")),
        policy("Profile", "profile", "", challenge("skippable", "account_takeover")),
        policy("Vault", "vault", "", challenge("long code", "account_takeover")),
        policy("Spam", "post", "metadata.links > 10", json!({"verdict": "deny"})),
        policy("Abuse", "abuse", "", json!({"verdict": "suspend"})),
        policy("Tagged", "post", "", json!({"effect": "tag", "tag": "posted"})),
        policy("Watch", "chargeback", "", json!({"effect": "add_to_list", "list": "watched"})),
        policy("Watched", "buy", "user_external_id in_list \"watched\"", json!({"verdict": "deny"})),
        policy("Robots", "read", "risk.bot.severity >= \"medium\"", json!({"verdict": "deny"})),
        policy("Crowd", "crowd", "distinct_count.user.ip.1h > 2", json!({"verdict": "deny"})),
        policy("Close a country", "close", "", json!({"effect": "add_to_list", "list": "closed"})),
        policy("Closed country", "visit", "ip_country in_list \"closed\"", json!({"verdict": "deny"})),
    ];
    let mut production = policy("Closed", "launch", "", json!({"verdict": "deny"}));
    production["environment"] = "production".into();
    policies.push(production);
    policies
}
