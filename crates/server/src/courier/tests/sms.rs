use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::{Courier, Receipt, ReceiptStatus, SendError, SendErrorKind};
use super::{NOW_MS, courier, sms};
use crate::webhook_signature::{SignedHeaders, SigningKey};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

type Request = (Uri, HeaderMap, Bytes);

#[derive(Clone)]
struct Provider {
    requests: mpsc::UnboundedSender<Request>,
    answer: (StatusCode, &'static str),
}

/// An HTTP server that gives every request the same answer and shows what it was asked.
async fn provider(status: u16, body: &'static str) -> (String, mpsc::UnboundedReceiver<Request>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = mpsc::unbounded_channel();
    let state = Provider { requests, answer: (StatusCode::from_u16(status).unwrap(), body) };
    let answer = async |State(provider): State<Provider>, uri: Uri, headers: HeaderMap, body: Bytes| {
        provider.requests.send((uri, headers, body)).unwrap();
        provider.answer.into_response()
    };
    let router = Router::new().fallback(answer).with_state(state);
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, received, server)
}

fn twilio(base: &str, settings: &str) -> Courier {
    courier(&format!(
        "[sms]\nprovider = \"twilio\"\naccount_sid = \"AC123\"\nauth_token = \"hush\"\nbase_url = \"{base}\"\n\
         allow_private_addresses = true\ntimeout_seconds = 1\n{settings}"
    ))
}

fn hook(base: &str) -> Courier {
    courier(&format!(
        "[sms]\nprovider = \"hook\"\nurl = \"{base}/out?team=a\"\nsecret = \"{SECRET}\"\n\
         allow_private_addresses = true\ntimeout_seconds = 1"
    ))
}

async fn through_twilio(status: u16, body: &'static str) -> Result<Receipt, SendError> {
    let (base, _requests, _server) = provider(status, body).await;
    twilio(&base, "from = \"+15005550006\"").send(&sms(), NOW_MS).await
}

async fn through_hook(status: u16) -> Result<Receipt, SendError> {
    let (base, _requests, _server) = provider(status, "").await;
    hook(&base).send(&sms(), NOW_MS).await
}

#[tokio::test]
async fn twilio_is_asked_as_its_api_wants() {
    let (base, mut requests, _server) = provider(201, r#"{"sid": "SM9", "status": "queued", "to": "x"}"#).await;
    let settings = "messaging_service_sid = \"MG7\"";
    let receipt = twilio(&base, settings).send(&sms(), NOW_MS).await.unwrap();
    assert_eq!(receipt, Receipt { provider_id: Some("SM9".to_owned()), status: ReceiptStatus::Sent });

    let (uri, headers, body) = requests.recv().await.unwrap();
    assert_eq!(uri.path(), "/2010-04-01/Accounts/AC123/Messages.json");
    assert_eq!(headers["authorization"], format!("Basic {}", STANDARD.encode("AC123:hush")));
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let expected = [
        ("To", "+33612345678"),
        ("Body", "123456 is your code & more"),
        ("MessagingServiceSid", "MG7"),
        ("StatusCallback", "https://cs.example/deliveries/1"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn twilio_outcomes_are_told_apart() {
    let outcome = async |status, body| {
        let error = through_twilio(status, body).await.unwrap_err();
        (error.retryable, error.kind)
    };
    let bad_number = r#"{"code": 21211, "message": "+33612345678 is not a valid phone number", "status": 400}"#;
    assert_eq!(outcome(400, bad_number).await, (false, SendErrorKind::Recipient));
    assert_eq!(outcome(400, r#"{"code": 21617}"#).await, (false, SendErrorKind::Refused));
    assert_eq!(outcome(401, r#"{"code": 20003}"#).await, (false, SendErrorKind::Credentials));
    assert_eq!(outcome(429, r#"{"code": 20429}"#).await, (true, SendErrorKind::Busy));
    assert_eq!(outcome(503, "<html>").await, (true, SendErrorKind::Busy));
    assert_eq!(outcome(201, r#"{"sid": "SM9", "status": "failed"}"#).await, (false, SendErrorKind::Refused));
    let delivered = through_twilio(201, r#"{"sid": "SM9", "status": "delivered"}"#).await.unwrap();
    assert_eq!(delivered.status, ReceiptStatus::Delivered);
    assert_eq!(through_twilio(201, "unreadable").await.unwrap().provider_id, None);
    assert_eq!(through_twilio(400, bad_number).await.unwrap_err().what, "Twilio answered 400 with code 21211");
}

#[tokio::test]
async fn the_hook_gets_a_message_that_it_can_verify() {
    let (base, mut requests, _server) = provider(202, "").await;
    hook(&base).send(&sms(), NOW_MS).await.unwrap();
    let (uri, headers, body) = requests.recv().await.unwrap();
    assert_eq!(uri, "/out?team=a");
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(header("webhook-id"), "chl_01-1");
    assert_eq!(header("content-type"), "application/json");
    let signed = SignedHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    SigningKey::parse(SECRET).unwrap().verify(signed, &body, NOW_MS / 1000).unwrap();
    let expected = serde_json::json!({
        "id": "chl_01-1", "to": "+33612345678", "text": "123456 is your code & more", "type": "sms"
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn hook_outcomes_are_told_apart() {
    let outcome = async |status| through_hook(status).await.unwrap_err().retryable;
    assert!(through_hook(204).await.is_ok());
    for status in [408, 425, 429, 500, 503] {
        assert!(outcome(status).await, "{status}");
    }
    for status in [302, 400, 401, 404, 410, 422] {
        assert!(!outcome(status).await, "{status}");
    }
}

#[tokio::test]
async fn a_hook_on_a_private_address_must_be_allowed() {
    let (base, mut requests, _server) = provider(200, "").await;
    let courier = courier(&format!("[sms]\nprovider = \"hook\"\nurl = \"{base}\"\nsecret = \"{SECRET}\""));
    let error = courier.send(&sms(), NOW_MS).await.unwrap_err();
    assert_eq!((error.retryable, error.kind), (false, SendErrorKind::Refused));
    assert!(error.what.contains("private"), "{error}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_hook_that_nobody_answers_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let silent = hook(&base).send(&sms(), NOW_MS).await.unwrap_err();
    assert_eq!((silent.retryable, silent.kind), (true, SendErrorKind::Timeout));
    drop(listener);
    let absent = hook(&base).send(&sms(), NOW_MS).await.unwrap_err();
    assert_eq!((absent.retryable, absent.kind), (true, SendErrorKind::Connection));
}
