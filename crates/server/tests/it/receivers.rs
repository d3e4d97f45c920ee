//! What stands behind the server: a mail server that keeps what it is handed, and an SMS gateway that checks signatures.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use countersign_server::{
    context::Clock,
    webhook_signature::{SignedHeaders, SigningKey},
};
use countersign_smtp_sink::{Envelope, Limits};
use mail_parser::MessageParser;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

use crate::wire::PATIENCE;

/// The secret that the SMS gateway and the server share.
pub const HOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Message {
    /// The address or number that it went to.
    pub to: String,
    /// Empty for a text message.
    pub subject: String,
    pub text: String,
    /// Empty for a text message.
    pub html: String,
}

impl Message {
    /// The code in it: the first line of the plain part that is digits alone; in a text message, what stands behind `#`.
    pub fn code(&self) -> String {
        let digits = |line: &&str| line.len() >= 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        let in_mail = self.text.lines().map(str::trim).find(digits);
        let in_sms = || self.text.rsplit_once('#').map(|(_, code)| code.trim());
        in_mail.or_else(in_sms).unwrap_or_else(|| panic!("no code: {}", self.text)).to_owned()
    }

    /// Path and query of the "this wasn't me" link.
    pub fn report_path(&self) -> String {
        let link = self.text.split_whitespace().find(|word| word.contains("/report?token=")).unwrap();
        link[link.find("/challenge/").unwrap()..].to_owned()
    }
}

/// What has arrived somewhere, in the order of its arrival, and what is still to.
#[derive(Clone, Debug)]
pub struct Arrivals<T> {
    all: Arc<Mutex<Vec<T>>>,
    arrived: Arc<Notify>,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Self { all: Arc::default(), arrived: Arc::default() }
    }
}

impl<T: Clone> Arrivals<T> {
    pub fn add(&self, one: T) {
        self.all.lock().unwrap().push(one);
        self.arrived.notify_waiters();
    }

    /// Those that are wanted, of what is there so far.
    pub fn of(&self, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
        self.all.lock().unwrap().iter().filter(|one| is_wanted(one)).cloned().collect()
    }

    /// The `nth` of those that are wanted, counted from 1, as soon as it is there; none if it never comes.
    pub async fn nth(&self, nth: usize, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        let wait = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                if let Some(one) = self.of(&is_wanted).get(nth - 1) {
                    return one.clone();
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.ok()
    }
}

/// Messages that arrived.
pub type Inbox = Arrivals<Message>;

impl Inbox {
    /// Everything that went to `to` so far.
    pub fn all_to(&self, to: &str) -> Vec<Message> {
        self.of(|message| message.to == to)
    }

    /// The `nth` message to `to`, counted from 1, as soon as it is there.
    pub async fn nth_to(&self, to: &str, nth: usize) -> Message {
        let found = self.nth(nth, |message| message.to == to).await;
        found.unwrap_or_else(|| panic!("message {nth} to {to} never came"))
    }
}

/// Starts a mail server on `listener`.
pub fn receive_mail(listener: TcpListener, inbox: Inbox, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        countersign_smtp_sink::serve(listener, Limits::default(), move |envelope| inbox.add(read(&envelope)))
            .await
            .unwrap();
    });
}

fn read(envelope: &Envelope) -> Message {
    let mail = MessageParser::default().parse(&envelope.data).unwrap();
    Message {
        to: envelope.to.join(","),
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: mail.body_text(0).unwrap_or_default().into_owned(),
        html: mail.body_html(0).unwrap_or_default().into_owned(),
    }
}

/// Starts an SMS gateway. It refuses what isn't signed with [`HOOK_SECRET`], as an operator's would.
pub async fn receive_sms(inbox: Inbox, clock: Clock, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/sms", post(take)).with_state((inbox, clock));
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn take(State((inbox, clock)): State<(Inbox, Clock)>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = SignedHeaders {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
    };
    let key = SigningKey::parse(HOOK_SECRET).unwrap();
    if key.verify(signed, &body, clock.now().millis() / 1_000).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let field = |name: &str| body[name].as_str().unwrap().to_owned();
    inbox.add(Message { to: field("to"), subject: String::new(), text: field("text"), html: String::new() });
    StatusCode::NO_CONTENT
}
