//! The demo as a process, and what callers ask of it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

/// A demo in a process of its own.
pub struct Demo {
    /// The process.
    pub child: Child,
    /// Where it listens.
    pub base: String,
    /// Its browsers' key.
    pub client_id: String,
    /// Its site's secret.
    pub secret: String,
}

impl Demo {
    /// Starts one on a folder, and on a PostgreSQL database if one is named.
    pub fn start(data: &std::path::Path, database: Option<&str>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["demo", "--json", "--until-stdin-closes", "--port", "0", "--data"])
            .arg(data)
            .args(database.into_iter().flat_map(|url| ["--database", url]))
            // Kept open by the child's handle: a test that is killed takes its demos with it.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| ready[key].as_str().unwrap().to_owned();
        Self { child, base: text("base_url"), client_id: text("client_id"), secret: text("api_secret") }
    }

    /// Lets one address ask as often as it likes, before there is a server: the load comes from this machine alone.
    pub fn without_limit(data: &std::path::Path, database: Option<&str>) {
        let file = data.join("limits.yaml");
        std::fs::write(&file, "project: demo\nsettings: { evaluations_per_minute: 0 }\n").unwrap();
        let mut apply = Command::new(env!("CARGO_BIN_EXE_countersign"));
        apply.arg("apply").arg(&file).env("COUNTERSIGN_DATA_DIR", data).stdout(Stdio::null());
        apply.envs(database.map(|url| ("COUNTERSIGN_DATABASE", url)));
        assert!(apply.status().unwrap().success());
    }

    /// Sends it a signal, by its process id.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// SIGKILL: nothing gets the chance to be put in order. Also when a test fails.
impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A caller without proxies.
pub fn client() -> Client {
    // The demo listens on the loopback without TLS; the provider is only asked for because there is none by default.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Evaluates; nothing when the server is gone.
pub async fn evaluate(http: &Client, demo: &Demo, action: &str, user: &str) -> Option<Value> {
    let body =
        json!({"client_id": demo.client_id, "action": action, "user": user, "email": format!("{user}@example.com")});
    let sent = http.post(format!("{}/v3/evaluations", demo.base)).header(header::ORIGIN, "http://127.0.0.1:1");
    let answer = sent.body(body.to_string()).send().await.ok()?;
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.json().await.ok()
}

/// Consumes; nothing when the server is gone.
pub async fn consume(http: &Client, demo: &Demo, id: &str) -> Option<(StatusCode, Value)> {
    let sent = http.post(format!("{}/v3/evaluations/{id}/consume", demo.base)).bearer_auth(&demo.secret);
    let answer = sent.send().await.ok()?;
    Some((answer.status(), answer.json().await.ok()?))
}

/// Reads what must be there.
pub async fn get(http: &Client, demo: &Demo, path: &str) -> Value {
    let answer = http.get(format!("{}{path}", demo.base)).bearer_auth(&demo.secret).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path} is gone");
    answer.json().await.unwrap()
}

#[test]
fn a_demo_ends_with_whoever_started_it_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), None);
    assert!(demo.child.try_wait().unwrap().is_none(), "it lives while its input is open");
    drop(demo.child.stdin.take());
    let (ended, told) = std::sync::mpsc::channel();
    let id = demo.child.id().to_string();
    let status = std::thread::scope(|scope| {
        scope.spawn(|| ended.send(demo.child.wait().unwrap()));
        told.recv_timeout(std::time::Duration::from_secs(20)).inspect_err(|_| {
            // So that nobody waits for it any longer.
            Command::new("kill").args(["-KILL", &id]).status().unwrap();
        })
    });
    assert!(status.expect("it ends when its input does").success());
}
