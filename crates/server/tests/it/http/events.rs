//! `GET /v3/devices/events`.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    app::{MINUTE, TestApp},
    people::{Browser, Told},
    seed::SHOP,
    wire::{Answer, PATIENCE, Request},
};

/// Shorter than any stream lives by itself.
const STOPS: Duration = Duration::from_secs(20);

/// An open stream, as a browser reads it.
struct Stream {
    connection: TcpStream,
    heard: String,
}

fn listen(browser: &Browser<'_>, token: &str) -> Request {
    let path = format!("/v3/devices/events?client_id={}&device_token={token}", browser.client_id);
    browser.dress(Request::new("GET", &path).header("origin", SHOP).header("accept", "text/event-stream"))
}

impl Stream {
    async fn open(app: &TestApp, request: Request) -> Self {
        let mut connection = TcpStream::connect(app.address).await.unwrap();
        connection.write_all(&request.bytes()).await.unwrap();
        let mut stream = Self { connection, heard: String::new() };
        stream.hears("retry: 1000").await;
        stream
    }

    /// Waits until it has heard that.
    async fn hears(&mut self, wanted: &str) {
        let reading = async {
            while !self.heard.contains(wanted) {
                assert!(self.more().await > 0, "it ended without {wanted}: {}", self.heard);
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("waited for {wanted} in vain"));
    }

    async fn more(&mut self) -> usize {
        let mut bytes = [0; 4096];
        let read = self.connection.read(&mut bytes).await.unwrap_or_default();
        self.heard.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        read
    }

    /// The id of the logout that it heard of.
    fn last_id(&self) -> i64 {
        self.heard.rsplit_once("id: ").unwrap().1.lines().next().unwrap().parse().unwrap()
    }
}

async fn detach(app: &TestApp, browser: &Browser<'_>, told: &Told) {
    let body = json!({"client_id": browser.client_id, "device_token": told.device_token});
    let request = Request::new("POST", "/v3/devices/detach").header("origin", SHOP);
    app.anon(request.header("content-type", "text/plain").body(body.to_string())).await.expect(204);
}

/// Whether the user is in two places, as an evaluation in `browser` sees it.
async fn concurrent(app: &TestApp, browser: &Browser<'_>, user: &str) -> bool {
    let told = browser.evaluate("post", json!({"user": user})).await;
    app.site().evaluation(&told.evaluation).await["checks"]["concurrent_sessions"].as_bool().unwrap()
}

/// Waits until an evaluation sees it so: who comes and goes is written down a moment later.
async fn becomes(app: &TestApp, browser: &Browser<'_>, user: &str, wanted: bool) {
    let seen = async {
        while concurrent(app, browser, user).await != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("concurrent_sessions never became {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_logged_out_is_told_at_once_and_once() {
    let app = TestApp::start().await;
    let (mine, other) = (app.browser(), app.browser());
    let told = mine.evaluate("post", json!({"user": "ada"})).await;
    let others = other.evaluate("post", json!({"user": "ada"})).await;
    let mut stream = Stream::open(&app, listen(&mine, &told.device_token)).await;
    let mut bystander = Stream::open(&app, listen(&other, &others.device_token)).await;
    for header in
        ["HTTP/1.1 200", "content-type: text/event-stream", "cache-control: no-store", "access-control-allow-origin: *"]
    {
        assert!(stream.heard.to_lowercase().contains(&header.to_lowercase()), "{header}: {}", stream.heard);
    }
    detach(&app, &mine, &told).await;
    stream.hears("event: logout").await;
    let id = stream.last_id();

    // Whoever comes back is told what was missed, and no more.
    let mut late = Stream::open(&app, listen(&mine, &told.device_token)).await;
    late.hears("event: logout").await;
    assert_eq!(late.last_id(), id);
    let mut informed =
        Stream::open(&app, listen(&mine, &told.device_token).header("last-event-id", id.to_string())).await;
    let path = format!(
        "/v3/devices/events?client_id={}&device_token={}&last_event_id={id}",
        mine.client_id, told.device_token
    );
    let mut also = Stream::open(&app, mine.dress(Request::new("GET", &path).header("origin", SHOP))).await;

    // Logged in again, it's not thrown out for what was before.
    mine.evaluate("post", json!({"user": "ada"})).await;
    let mut again = Stream::open(&app, listen(&mine, &told.device_token)).await;
    becomes(&app, &other, "ada", true).await;
    detach(&app, &mine, &told).await;
    for stream in [&mut informed, &mut also, &mut again] {
        stream.hears("event: logout").await;
        assert_eq!(stream.heard.matches("event: logout").count(), 1, "{}", stream.heard);
        assert!(stream.last_id() > id);
    }
    detach(&app, &other, &others).await;
    bystander.hears("event: logout").await;
    assert_eq!(bystander.heard.matches("event: logout").count(), 1, "only its own: {}", bystander.heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_opens_one_stream_after_the_other_keeps_the_newest() {
    let app = TestApp::start().await;
    let (mine, other) = (app.browser(), app.browser());
    let told = mine.evaluate("post", json!({"user": "ada"})).await;
    let mut oldest = Stream::open(&app, listen(&mine, &told.device_token)).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(Stream::open(&app, listen(&mine, &told.device_token)).await);
    }
    // Its tab is told to stay away for a while, so that the tabs don't push each other out in turn.
    oldest.hears("retry: 40000").await;
    while oldest.more().await > 0 {}
    assert!(oldest.heard.ends_with("\r\n0\r\n\r\n"), "it was ended, not cut: {}", oldest.heard);
    assert_eq!(app.ctx.streams.count(), 4);
    becomes(&app, &other, "ada", true).await;
    detach(&app, &mine, &told).await;
    for stream in &mut others {
        stream.hears("event: logout").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_places_at_once_are_seen_while_both_are_there_and_no_longer() {
    let app = TestApp::start().await;
    let (mine, other) = (app.browser(), app.browser());
    let told = mine.evaluate("post", json!({"user": "ada"})).await;
    assert!(!concurrent(&app, &other, "ada").await, "it was there, and isn't");
    let tab = Stream::open(&app, listen(&mine, &told.device_token)).await;
    let second_tab = Stream::open(&app, listen(&mine, &told.device_token)).await;
    becomes(&app, &other, "ada", true).await;
    assert!(!concurrent(&app, &mine, "ada").await, "its own tabs are one place");
    assert!(!concurrent(&app, &other, "grace").await, "somebody else's account");
    drop((tab, second_tab));
    app.pass(MINUTE).await;
    becomes(&app, &other, "ada", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_to_another_address_is_in_one_place_and_who_is_logged_out_in_none() {
    let app = TestApp::start().await;
    let (mut mine, other) = (app.browser(), app.browser());
    let told = mine.evaluate("post", json!({"user": "ada"})).await;
    let _there = Stream::open(&app, listen(&mine, &told.device_token)).await;
    becomes(&app, &other, "ada", true).await;
    mine.ip = "198.51.100.200".to_owned();
    let _here = Stream::open(&app, listen(&mine, &told.device_token)).await;
    assert!(!concurrent(&app, &mine, "ada").await);
    detach(&app, &mine, &told).await;
    assert!(!concurrent(&app, &other, "ada").await, "at once, though the streams are still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_for_a_browser_of_this_project_from_an_allowed_page() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.evaluate("post", json!({"user": "ada"})).await;
    let path = |client: &str, token: &str| format!("/v3/devices/events?client_id={client}&device_token={token}");
    let ask = |path: String, origin: &str| app.anon(Request::new("GET", &path).header("origin", origin));
    let refused = |answer: Answer, status: u16, code: &str| {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "the page may read why");
        answer.refused(status, code)
    };
    let (client, token) = (browser.client_id.clone(), told.device_token.clone());
    let pointer = refused(ask(path(&client, "nonsense"), SHOP).await, 400, "invalid_field")["pointer"].clone();
    assert_eq!(pointer, "/device_token");
    refused(ask(path("pk_dev_nobody", &token), SHOP).await, 401, "unknown_client");
    refused(ask(path(&client, &token), "https://evil.example").await, 403, "origin_not_allowed");
    let foreign = app.other.development.client_id.clone();
    refused(ask(path(&foreign, &token), SHOP).await, 400, "invalid_field");
    let without = format!("/v3/devices/events?client_id={client}");
    ask(without, SHOP).await.refused(400, "invalid_form");
    assert_eq!(app.ctx.streams.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_closed_is_counted_no_longer_and_a_stopping_server_ends_all() {
    let mut app = TestApp::start().await;
    let client_id = app.browser().client_id;
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let path = format!("/v3/devices/events?client_id={client_id}&device_token={}", told.device_token);
    let request = Request::new("GET", &path).header("origin", SHOP);
    let gone = Stream::open(&app, request.clone()).await;
    let mut stays = Stream::open(&app, request).await;
    drop(gone);
    let closed = async {
        while app.ctx.streams.count() > 1 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("a closed stream is let go");
    app.stop().await;
    let ends = async { while stays.more().await > 0 {} };
    timeout(STOPS, ends).await.expect("it ends before its life is over");
    assert!(stays.heard.ends_with("\r\n0\r\n\r\n"), "it was ended, not cut: {}", stays.heard);
}
