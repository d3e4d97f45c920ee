//! The protocol, spoken by hand over a real socket.

use std::time::Duration;

use crate::{Envelope, Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const LIMITS: Limits =
    Limits { message_bytes: 1000, recipients: 2, command_bytes: 100, idle: Duration::from_millis(200), connections: 2 };

/// Says everything at once, as pipelining allows; gives back all replies and all mail that arrived.
async fn converse(lines: &str) -> (String, Vec<Envelope>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut sink = JoinSet::new();
    sink.spawn(serve(listener, LIMITS, move |envelope| sender.send(envelope).unwrap()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(lines.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut replies = String::new();
    client.read_to_string(&mut replies).await.unwrap();
    let mails = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
    (replies, mails)
}

fn codes(replies: &str) -> Vec<&str> {
    replies.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn a_message_is_kept_with_its_dots_unstuffed() {
    let (replies, mails) =
        converse("EHLO me\nMAIL FROM:<a@x> SIZE=20\nrcpt to:<b@y>\nRCPT TO:<c@z>\nDATA\nS: 1\n\n..\n..x\n.\nQUIT\n")
            .await;
    assert_eq!(codes(&replies), ["220", "250", "250", "250", "250", "354", "250", "221"]);
    let to = vec!["b@y".to_owned(), "c@z".to_owned()];
    assert_eq!(mails, [Envelope { from: "a@x".to_owned(), to, data: b"S: 1\r\n\r\n.\r\n.x\r\n".to_vec() }]);
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_change_nothing() {
    let (replies, mails) = converse(
        "RCPT TO:<b@y>\nDATA\nMAIL FROM:<a@x>\nDATA\nMAIL FROM:<b@x>\nRCPT TO:b@y\nRCPT TO:<>\nRSET\nRCPT TO:<b@y>\n\
         NOOP\nHELO me\nSPAM\nQUIT\n",
    )
    .await;
    let expected = ["220", "503", "503", "250", "503", "503", "501", "501", "250", "503", "250", "250", "500", "221"];
    assert_eq!(codes(&replies), expected);
    assert_eq!(mails, []);
}

#[tokio::test]
async fn limits_hold_and_the_conversation_goes_on() {
    let begin = "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n";
    let long_line = format!("NOOP {}\n", "x".repeat(1000));
    let big = format!("DATA\n{}\n.\n", "a line\n".repeat(200));
    let wide = format!("DATA\n{}\n.\n", "x".repeat(5000));
    let lines = format!(
        "{long_line}MAIL FROM:<a@x> SIZE=1001\n{begin}RCPT TO:<c@y>\nRCPT TO:<d@y>\n{big}{begin}{wide}{begin}DATA\nok\n.\nQUIT\n"
    );
    let (replies, mails) = converse(&lines).await;
    let expected = [
        "220", "500", "552", "250", "250", "250", "452", "354", "552", "250", "250", "354", "552", "250", "250", "354",
        "250", "221",
    ];
    assert_eq!(codes(&replies), expected);
    assert_eq!(mails.len(), 1);
}

#[tokio::test]
async fn a_silent_client_is_hung_up_on() {
    let (replies, _) = converse("MAIL FROM:<a@x>\nRCPT").await;
    assert_eq!(codes(&replies), ["220", "250"]);
}

#[tokio::test]
async fn it_does_not_listen_to_the_world() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(serve(listener, LIMITS, |_| {}).await.is_err());
}
