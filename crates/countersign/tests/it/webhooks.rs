//! `countersign webhooks`, as an operator runs it beside a server, and the guide to it.

use std::{
    process::{Command, Output},
    time::Duration,
};

use countersign_server::webhook_signature::{SignedHeaders, SigningKey};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    apply::{Operator, SHOP, texts},
    demo::{Demo, client, evaluate},
};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes one request, answers it with `status`, and hands out its head and its body.
async fn take(listener: &TcpListener, status: &str) -> (String, Vec<u8>) {
    let reading = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            let count = connection.read(&mut bytes).await.unwrap();
            read.extend_from_slice(&bytes[..count]);
            let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let length: usize = header(&head, "content-length").parse().unwrap();
            if read.len() == end + 4 + length {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                connection.write_all(answer.as_bytes()).await.unwrap();
                return (head, read[end + 4..].to_vec());
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}

fn header(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    found.next().unwrap().1.to_owned()
}

/// A command beside the server that keeps its data in that folder.
fn beside(folder: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env("COUNTERSIGN_DATA_DIR", folder).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", texts(output).1);
    texts(output).0
}

/// What the site's server is told of an action.
async fn verdict(http: &reqwest::Client, demo: &Demo, action: &str) -> String {
    let body = serde_json::json!({"action": action, "user": "somebody"}).to_string();
    let asked = http.post(format!("{}/v3/evaluations", demo.base)).bearer_auth(&demo.secret).body(body);
    let answer: serde_json::Value =
        serde_json::from_slice(&asked.send().await.unwrap().bytes().await.unwrap()).unwrap();
    answer["verdict"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_verifies_and_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), None);
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let file = folder.path().join("webhooks.yaml");
    let url = format!("http://{}/hook", endpoint.local_addr().unwrap());
    // By the policy it is seen when the server has noticed the file: what happens before that, nobody hears.
    let text = format!(
        "project: demo\nwebhooks: [{{ name: Shop, url: \"{url}\", events: [device.attached] }}]\n\
         policies: [{{ name: Mark, environment: development, actions: [mark], then: deny }}]\n"
    );
    std::fs::write(&file, text).unwrap();
    let run = |arguments: &[&str]| beside(folder.path(), arguments);
    assert!(said(&run(&["apply", file.to_str().unwrap()])).contains("+ webhook \"Shop\""));
    let http = client();
    let noticed = async {
        while verdict(&http, &demo, "mark").await != "deny" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.unwrap();
    evaluate(&http, &demo, "browse", "ada").await.unwrap();

    let (head, body) = take(&endpoint, "500 Oh").await;
    let secret = said(&run(&["webhooks", "secret", "Shop"]));
    let (id, timestamp) = (header(&head, "webhook-id"), header(&head, "webhook-timestamp"));
    let signature = header(&head, "webhook-signature");
    let headers = SignedHeaders { id: &id, timestamp: &timestamp, signature: &signature };
    let now = timestamp.parse().unwrap();
    SigningKey::parse(secret.trim()).unwrap().verify(headers, &body, now).unwrap();
    let (again, same) = take(&endpoint, "204 No Content").await;
    assert_eq!((header(&again, "webhook-id"), &same), (id.clone(), &body), "five seconds later");
    assert!(header(&again, "webhook-timestamp") >= timestamp);

    let wait = async {
        while !said(&run(&["webhooks", "deliveries"])).contains("delivered ") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is delivered");
    let list = said(&run(&["webhooks", "deliveries"]));
    for words in [id.as_str(), "device.attached", "Shop", "204"] {
        assert!(list.contains(words), "{words} in {list}");
    }
    let endpoints = said(&run(&["webhooks", "list", "--project", "demo"]));
    assert!(endpoints.contains(&url) && endpoints.lines().count() == 2, "{endpoints}");
    assert!(said(&run(&["webhooks", "replay", "Shop", &id])).contains("1 to be sent"));
    let (third, _) = take(&endpoint, "200 OK").await;
    assert_eq!(header(&third, "webhook-id"), id);
    drop(demo);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let refused = |arguments: &[&str]| {
        let output = operator.run(&[&["webhooks"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", texts(&output).0);
        texts(&output).1
    };
    assert!(refused(&["secret", "Back"]).contains("it has none"));
    operator.apply("project: shop\nwebhooks: [{ name: Back, url: \"https://shop.example/hook\" }]\n", &[]);
    assert!(refused(&["secret", "Front"]).contains("there are: Back"));
    // No server ever ran here: a key that was made now would be another one than the servers'.
    assert!(refused(&["secret", "Back"]).contains("server.key"));
    assert!(!operator.data().join("server.key").exists());
    assert!(refused(&["replay", "Back", "evt_01jd3q4x8m5z9v7w2k6t1r0nbe"]).contains("30 days"));
    assert!(refused(&["list", "--project", "club"]).contains("there are: shop"));
    for (text, words) in [
        ("{ name: A, url: \"http://shop.example/hook\" }", "https://"),
        ("{ name: A, url: \"https://shop.example/\", events: [challenge.passed] }", "challenge.passed"),
        ("{ name: A, url: \"https://shop.example/\", verdicts: [deny] }", "evaluation.created"),
        ("{ name: A, url: \"https://shop.example/\", secret_version: 0 }", "from 1 on"),
        ("{ name: A, url: \"https://shop.example/\", secret: whsec_x }", "secret"),
    ] {
        let told = operator.refused(&format!("project: shop\nwebhooks:\n  - {text}\n"), &[]);
        assert!(told.contains(words) && told.contains("shop.yaml:3:"), "{words} in {told}");
    }
    assert!(operator.apply(SHOP, &["--prune"]).contains("- webhook \"Back\""));
}

#[test]
fn the_sample_of_the_guide_can_be_applied() {
    let guide = std::fs::read_to_string(crate::tidy::root().join("docs/webhooks.md")).unwrap();
    let sample = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(Operator::new().apply(sample, &[]).contains("+ webhook \"Back office\""));
}
