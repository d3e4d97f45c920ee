use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_smtp_sink::{Envelope, Limits, serve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::{Courier, Outgoing, ReceiptStatus, SendError, SendErrorKind};
use super::{NOW_MS, courier, email};

fn mailer(server: SocketAddr) -> Courier {
    courier(&format!(
        "[mail]\nsmtp = \"smtp://{server}\"\nfrom = \"Café <no-reply@shop.example>\"\n\
         reply_to = \"help@shop.example\"\ntimeout_seconds = 1"
    ))
}

async fn sink() -> (SocketAddr, mpsc::UnboundedReceiver<Envelope>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        serve(listener, Limits::default(), move |envelope| sender.send(envelope).unwrap()).await.unwrap();
    });
    (address, receiver, tasks)
}

/// What a scripted server does on a command; everything else is answered with `250`.
#[derive(Clone, Copy)]
enum On {
    Say(&'static str),
    Hush,
    HangUp,
}

/// A mail server that follows `script`, called with the connection's number from 0 and the command's verb.
async fn scripted(script: fn(usize, &str) -> Option<On>) -> (SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut sessions = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let number = counter.fetch_add(1, Ordering::SeqCst);
            sessions.spawn(follow(stream, number, script));
        }
    });
    (address, connections, tasks)
}

async fn follow(stream: TcpStream, number: usize, script: fn(usize, &str) -> Option<On>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 scripted\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.split(' ').next().unwrap();
        let usual = if verb == "DATA" { "354 go on" } else { "250 fine" };
        let answer = match script(number, verb) {
            None => usual,
            Some(On::Say(answer)) => answer,
            Some(On::Hush) => std::future::pending().await,
            Some(On::HangUp) => return,
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        if verb == "DATA" && answer.starts_with("354") {
            while lines.next_line().await.unwrap().unwrap() != "." {}
            let verdict = match script(number, ".") {
                Some(On::HangUp) => return,
                Some(On::Hush) => std::future::pending().await,
                Some(On::Say(answer)) => answer,
                None => "250 kept",
            };
            writer.write_all(format!("{verdict}\r\n").as_bytes()).await.unwrap();
        }
    }
}

async fn failure(script: fn(usize, &str) -> Option<On>) -> SendError {
    let (address, _, _server) = scripted(script).await;
    mailer(address).send(&email("bob@shop.example"), NOW_MS).await.unwrap_err()
}

#[tokio::test]
async fn a_mail_arrives_with_both_parts_and_its_headers() {
    let (address, mut mails, _sink) = sink().await;
    let receipt = mailer(address).send(&email("bob@shop.example"), NOW_MS).await.unwrap();
    assert_eq!(receipt.status, ReceiptStatus::Sent);
    let mail = mails.recv().await.unwrap();
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("no-reply@shop.example", ["bob@shop.example".to_owned()].as_slice())
    );
    let data = String::from_utf8(mail.data).unwrap();
    for expected in [
        "Message-ID: <chl_01-1@shop.example>\r\n",
        "Date: Mon, 23 Nov 2026 04:30:00 +0000\r\n",
        "To: bob@shop.example\r\n",
        "Reply-To: help@shop.example\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
        "\r\n.\r\n",
        "<b>123456</b>",
    ] {
        assert!(data.contains(expected), "{expected:?} in {data}");
    }
    assert!(data.find("text/plain").unwrap() < data.find("text/html").unwrap(), "the richest part comes last");
}

#[tokio::test]
async fn nothing_in_a_message_becomes_a_header() {
    let (address, mut mails, _sink) = sink().await;
    let courier = mailer(address);
    let subject = "Hello\r\nBcc: eve@evil.example\r\n\r\nbody";
    let message = Outgoing::Email { id: "m1", to: "bob@shop.example", subject, text: "t", html: "h" };
    courier.send(&message, NOW_MS).await.unwrap();
    let mail = mails.recv().await.unwrap();
    assert_eq!(mail.to, ["bob@shop.example"]);
    assert!(!String::from_utf8(mail.data).unwrap().contains("\r\nBcc"));
    for to in [
        "bob@shop.example\r\nBcc: eve@evil.example",
        "bob@shop.example>\r\nRCPT TO:<eve@evil.example",
        "bob@shop.example, eve@evil.example",
        "bob",
        "",
    ] {
        let message = Outgoing::Email { id: "m1", to, subject: "s", text: "t", html: "h" };
        let error = courier.send(&message, NOW_MS).await.unwrap_err();
        assert_eq!((error.retryable, error.kind), (false, SendErrorKind::Message), "{to:?}");
    }
}

#[tokio::test]
async fn a_temporary_refusal_is_tried_again_and_a_final_one_is_not() {
    let busy = failure(|_, verb| (verb == "RCPT").then_some(On::Say("451 4.7.1 greylisted"))).await;
    assert_eq!((busy.retryable, busy.kind), (true, SendErrorKind::Busy));
    assert_eq!(busy.what, "the mail server answered 451 4.7.1");

    let unknown = failure(|_, verb| (verb == "RCPT").then_some(On::Say("550 5.1.1 <bob@shop.example> unknown"))).await;
    assert_eq!((unknown.retryable, unknown.kind), (false, SendErrorKind::Recipient));
    assert_eq!(unknown.what, "the mail server answered 550 5.1.1", "the server's words name the person");

    let spam = failure(|_, verb| (verb == ".").then_some(On::Say("554 bob@shop.example dislikes it"))).await;
    assert_eq!((spam.retryable, spam.kind), (false, SendErrorKind::Refused));
    assert_eq!(spam.what, "the mail server answered 554");
}

#[tokio::test]
async fn a_server_that_falls_silent_costs_no_more_than_the_time_limit() {
    let error = failure(|_, verb| (verb == ".").then_some(On::Hush)).await;
    assert_eq!((error.retryable, error.kind), (true, SendErrorKind::Timeout));
}

#[tokio::test]
async fn a_send_that_was_given_up_leaves_no_connection_behind() {
    let (address, connections, _server) =
        scripted(|number, verb| (number == 0 && verb == ".").then_some(On::Hush)).await;
    let courier = mailer(address);
    courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap_err();
    courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (address, connections, _server) = scripted(|_, _| None).await;
    let courier = mailer(address);
    for _ in 0..3 {
        courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// The first connection serves one mail and is then gone, without a word or with the protocol's goodbye.
#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_without_an_error() {
    static MAILS: AtomicUsize = AtomicUsize::new(0);
    fn hang_up(number: usize, verb: &str) -> Option<On> {
        let second = verb == "MAIL" && MAILS.fetch_add(1, Ordering::SeqCst) == 1;
        (second && number == 0).then_some(On::HangUp)
    }
    static MORE_MAILS: AtomicUsize = AtomicUsize::new(0);
    fn say_goodbye(number: usize, verb: &str) -> Option<On> {
        let second = verb == "MAIL" && MORE_MAILS.fetch_add(1, Ordering::SeqCst) == 1;
        (second && number == 0).then_some(On::Say("421 4.4.2 idle for too long"))
    }
    for script in [hang_up, say_goodbye] {
        let (address, connections, _server) = scripted(script).await;
        let courier = mailer(address);
        courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap();
        courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn no_server_at_all_is_worth_another_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = mailer(address).send(&email("bob@shop.example"), NOW_MS).await.unwrap_err();
    assert_eq!((error.retryable, error.kind), (true, SendErrorKind::Connection));
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail() {
    let (address, mut mails, _sink) = sink().await;
    let courier =
        courier(&format!("[mail]\nsmtp = \"smtp+starttls://{address}\"\nfrom = \"a@b.example\"\ntimeout_seconds = 1"));
    let error = courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap_err();
    assert_eq!((error.retryable, error.kind), (false, SendErrorKind::Refused));
    assert!(mails.try_recv().is_err());
}

#[tokio::test]
async fn refused_credentials_are_told_apart() {
    let (address, _, _server) = scripted(|_, verb| match verb {
        "EHLO" => Some(On::Say("250-scripted\r\n250 AUTH PLAIN")),
        "AUTH" => Some(On::Say("535 5.7.8 no")),
        _ => None,
    })
    .await;
    let courier = courier(&format!(
        "[mail]\nsmtp = \"smtp://{address}\"\nfrom = \"a@b.example\"\nusername = \"u\"\npassword = \"p\""
    ));
    let error = courier.send(&email("bob@shop.example"), NOW_MS).await.unwrap_err();
    assert_eq!((error.retryable, error.kind), (false, SendErrorKind::Credentials));
}
