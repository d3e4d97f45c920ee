//! `countersign keys`, as an operator runs it beside a server.

use std::{
    process::Output,
    time::{Duration, Instant},
};

use reqwest::{StatusCode, header};
use serde_json::json;

use crate::{
    apply::{Operator, SHOP, texts},
    demo::{Demo, client},
};

fn create(operator: &Operator, name: &str, environment: &str, more: &[&str]) -> Output {
    operator.run(&[&["keys", "create", "--name", name, "--environment", environment], more].concat())
}

/// What a refused command says; its status must be that of wrong input.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}{}", texts(output).0, texts(output).1);
    texts(output).1
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", texts(output).1);
    texts(output).0
}

#[test]
fn keys_are_made_once_for_a_name_and_only_where_they_can_work() {
    let operator = Operator::new();
    assert!(refused(&create(&operator, "app", "development", &[])).contains("no project yet"));
    operator.apply(SHOP, &[]);
    assert!(refused(&create(&operator, "app", "production", &[])).contains("origins"));
    let local = ["--origin", "http://127.0.0.1:3000"];
    assert!(refused(&create(&operator, "app", "production", &local)).contains("this machine"));
    assert!(refused(&create(&operator, "app", "production", &["--origin", "shop"])).contains("origin"));
    assert!(refused(&create(&operator, "", "development", &[])).contains("1 to 100"));
    let shop = ["--origin", "https://shop.example"];
    assert!(said(&create(&operator, "app", "production", &shop)).contains("sk_live_"));
    assert!(refused(&create(&operator, "app", "production", &shop)).contains("already"));
    assert!(said(&create(&operator, "app", "development", &[])).contains("sk_dev_"), "another environment is another");
}

#[test]
fn a_project_must_be_named_where_there_are_several() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    said(&create(&operator, "one", "development", &[]));
    operator.apply("project: club\n", &[]);
    let told = refused(&create(&operator, "two", "development", &[]));
    assert!(told.contains("--project") && told.contains("club") && told.contains("shop"), "{told}");
    assert!(refused(&create(&operator, "two", "development", &["--project", "nowhere"])).contains("`nowhere`"));
    said(&create(&operator, "two", "development", &["--project", "club"]));
    let all = said(&operator.run(&["keys", "list"]));
    assert_eq!(all.lines().count(), 4, "a headline and three keys: {all}");
    let clubs = said(&operator.run(&["keys", "list", "--project", "club"]));
    assert!(clubs.contains("two") && !clubs.contains("one"), "{clubs}");
    assert!(refused(&operator.run(&["keys", "delete", "two"])).contains("--project"));
    said(&operator.run(&["keys", "delete", "two", "--project", "club"]));
}

#[test]
fn listed_keys_show_what_they_are_for_and_no_secret() {
    let operator = Operator::new();
    let made = operator.apply(SHOP, &[]);
    let list = said(&operator.run(&["keys", "list"]));
    let client_id = made.lines().find_map(|line| line.trim().strip_prefix("client id")).unwrap().trim();
    for words in ["shop", "web", "development", client_id, "http://localhost:3000"] {
        assert!(list.contains(words), "{words} in {list}");
    }
    assert!(!list.contains("sk_dev_"), "{list}");
}

#[test]
fn a_key_is_deleted_by_its_name_or_by_its_client_id() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    said(&create(&operator, "web", "production", &["--origin", "https://shop.example"]));
    let told = refused(&operator.run(&["keys", "delete", "web"]));
    let ids: Vec<&str> = told.split([' ', ',', '\n']).filter(|word| word.starts_with("pk_")).collect();
    assert_eq!(ids.len(), 2, "{told}");
    assert!(said(&operator.run(&["keys", "delete", ids[0]])).contains(ids[0]));
    assert!(said(&operator.run(&["keys", "delete", "web"])).contains(ids[1]));
    assert!(refused(&operator.run(&["keys", "delete", "web"])).contains("no key `web`"));
    assert_eq!(said(&operator.run(&["keys", "list"])).lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_stops_working_on_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), None);
    let http = client();
    let evaluate = async || {
        let body = json!({"client_id": demo.client_id, "action": "browse", "user": "ada"}).to_string();
        let sent = http.post(format!("{}/v3/evaluations", demo.base)).header(header::ORIGIN, "http://127.0.0.1:1");
        sent.body(body).send().await.unwrap().status()
    };
    let look = async || {
        let sent = http.get(format!("{}/v3/user/ada/devices", demo.base)).bearer_auth(&demo.secret);
        sent.send().await.unwrap().status()
    };
    assert_eq!((evaluate().await, look().await), (StatusCode::CREATED, StatusCode::OK));
    let deleted = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["keys", "delete", &demo.client_id])
        .env("COUNTERSIGN_DATA_DIR", folder.path())
        .output()
        .unwrap();
    said(&deleted);
    let began = Instant::now();
    while evaluate().await != StatusCode::UNAUTHORIZED || look().await != StatusCode::UNAUTHORIZED {
        // Servers look twice a second; a busy machine is given time.
        assert!(began.elapsed() < Duration::from_secs(5), "the key still works");
    }
    drop(demo);
}

#[test]
fn twenty_keys_made_at_once_are_all_there() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    std::thread::scope(|scope| {
        for n in 0..20 {
            let operator = &operator;
            scope.spawn(move || said(&create(operator, &format!("key{n}"), "development", &[])));
        }
    });
    assert_eq!(said(&operator.run(&["keys", "list"])).lines().count(), 22);
}
