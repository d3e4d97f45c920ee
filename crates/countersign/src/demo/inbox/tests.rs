//! The inbox as the demo uses it: fed by the server's own courier, read over HTTP.

use std::net::SocketAddr;

use countersign_server::courier::{Courier, Outgoing};
use countersign_server::webhook_signature::SigningKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Inbox;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// 2026-11-23T04:30:00.250Z.
fn now_ms() -> i64 {
    1_795_408_200_250
}

struct Demo {
    inbox: Inbox,
    http: SocketAddr,
    smtp: SocketAddr,
}

async fn demo() -> Demo {
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (http_address, smtp_address) = (http.local_addr().unwrap(), smtp.local_addr().unwrap());
    let inbox = Inbox::start(http, smtp, SigningKey::parse(SECRET).unwrap(), now_ms).unwrap();
    Demo { inbox, http: http_address, smtp: smtp_address }
}

impl Demo {
    fn courier(&self, secret: &str) -> Courier {
        let settings = format!(
            "[mail]\nsmtp = \"smtp://{}\"\nfrom = \"Shop <no-reply@shop.example>\"\n\
             [sms]\nprovider = \"hook\"\nurl = \"http://{}/sms\"\nsecret = \"{secret}\"\nallow_private_addresses = true",
            self.smtp, self.http
        );
        Courier::from_config(&toml::from_str(&settings).unwrap()).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: inbox\r\nConnection: close\r\n\r\n")).await
    }

    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn messages(&self) -> serde_json::Value {
        let answer = self.get("/messages.json").await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

fn email(id: &'static str) -> Outgoing<'static> {
    Outgoing::Email {
        id,
        to: "bob@shop.example",
        subject: "Código – コード <b>",
        text: "Your code is 123456. Réponse à 2026.\n.\nNot you? https://shop.example/no?a=1&b=2.",
        html: "<!doctype html><html><head><title>x</title></head><body style=\"color:red\">Code <b>123456</b>\
               <script>alert(1)</script></body></html>",
    }
}

#[tokio::test]
async fn what_the_courier_sends_is_listed_decoded_and_newest_first() {
    let demo = demo().await;
    let courier = demo.courier(SECRET);
    courier.send(&email("m1"), now_ms()).await.unwrap();
    courier
        .send(&Outgoing::Sms { id: "s1", to: "+33612345678", text: "654321 – voilà", report_to: "" }, now_ms())
        .await
        .unwrap();
    let expected = serde_json::json!([
        {"to": "+33612345678", "channel": "sms", "subject": "", "text": "654321 – voilà",
         "sent_at": "2026-11-23T04:30:00.250Z"},
        {"to": "bob@shop.example", "channel": "email", "subject": "Código – コード <b>",
         "text": "Your code is 123456. Réponse à 2026.\n.\nNot you? https://shop.example/no?a=1&b=2.",
         "sent_at": "2026-11-23T04:30:00.250Z"},
    ]);
    let mut listed = demo.messages().await;
    listed[1]["text"] = listed[1]["text"].as_str().unwrap().replace("\r\n", "\n").trim_end().into();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_second_copy_of_a_message_is_not_a_second_message() {
    let demo = demo().await;
    let courier = demo.courier(SECRET);
    for id in ["m1", "m1", "m2"] {
        courier.send(&email(id), now_ms()).await.unwrap();
        courier.send(&Outgoing::Sms { id, to: "+33612345678", text: "x", report_to: "" }, now_ms()).await.unwrap();
    }
    assert_eq!(demo.messages().await.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_page_shows_the_code_and_runs_nothing_of_a_mail() {
    let demo = demo().await;
    demo.courier(SECRET).send(&email("m1"), now_ms()).await.unwrap();
    let page = demo.get("/").await;
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{page}");
    assert!(page.contains("<output>123456</output>"), "{page}");
    assert!(!page.contains("alert(1)") && !page.contains("コード <b>"), "{page}");
    assert!(page.contains("href=\"https://shop.example/no?a=1&#38;b=2\""), "{page}");
    assert!(page.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""), "{page}");

    let mail = demo.get("/messages/1.html").await;
    assert!(mail.contains("; sandbox allow-popups allow-popups-to-escape-sandbox\r\n"), "{mail}");
    assert!(mail.contains("<head><base target=\"_blank\"><title>"), "{mail}");
    assert!(demo.get("/messages/2.html").await.starts_with("HTTP/1.1 404"));
    assert!(demo.get("/messages/x.html").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn the_page_stands_without_any_message_and_brings_its_own_parts() {
    let demo = demo().await;
    assert!(demo.get("/").await.contains("Nothing yet"));
    assert!(demo.get("/inbox.css").await.contains("content-type: text/css"));
    assert!(demo.get("/inbox.js").await.contains("content-type: text/javascript"));
    assert!(demo.get("/arrived").await.ends_with("\r\n\r\n0"));
}

#[tokio::test]
async fn a_text_message_with_a_wrong_signature_is_refused() {
    let demo = demo().await;
    let other = "whsec_AAAAMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let message = Outgoing::Sms { id: "s1", to: "+33612345678", text: "x", report_to: "" };
    assert!(demo.courier(other).send(&message, now_ms()).await.is_err());
    let unsigned = "POST /sms HTTP/1.1\r\nHost: inbox\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert!(demo.ask(unsigned).await.starts_with("HTTP/1.1 401"));
    assert!(demo.courier(SECRET).send(&message, now_ms() - 600_000).await.is_err(), "a replay from ten minutes ago");
    assert_eq!(demo.messages().await, serde_json::json!([]));
}

#[tokio::test]
async fn only_the_newest_five_hundred_are_kept() {
    let demo = demo().await;
    let courier = demo.courier(SECRET);
    for number in 0..502 {
        let (id, text) = (format!("s{number}"), format!("message {number}"));
        courier
            .send(&Outgoing::Sms { id: &id, to: "+33612345678", text: &text, report_to: "" }, now_ms())
            .await
            .unwrap();
    }
    let listed = demo.messages().await;
    assert_eq!(listed.as_array().unwrap().len(), 500);
    assert_eq!((&listed[0]["text"], &listed[499]["text"]), (&"message 501".into(), &"message 2".into()));
}

#[tokio::test]
async fn after_a_shutdown_nobody_listens() {
    let demo = demo().await;
    let (http, smtp) = (demo.http, demo.smtp);
    demo.inbox.shutdown().await;
    assert!(TcpStream::connect(http).await.is_err());
    assert!(TcpStream::connect(smtp).await.is_err());
}

#[tokio::test]
async fn the_inbox_is_never_open_to_the_world() {
    for (http, smtp) in [("0.0.0.0:0", "127.0.0.1:0"), ("127.0.0.1:0", "0.0.0.0:0")] {
        let (http, smtp) = (TcpListener::bind(http).await.unwrap(), TcpListener::bind(smtp).await.unwrap());
        assert!(Inbox::start(http, smtp, SigningKey::parse(SECRET).unwrap(), now_ms).is_err());
    }
}
