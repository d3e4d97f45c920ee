//! Codes on their way: a provider that fails, hangs or refuses loses nothing and holds up nobody, and no code is readable
//! where it waits.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    app::{Options, TestApp},
    people::Told,
    receivers::{Inbox, receive_mail},
    wire::{PATIENCE, Request},
};

async fn app_with_mail_at(smtp: SocketAddr) -> TestApp {
    TestApp::with(Options { smtp: Some(smtp), ..Options::default() }).await
}

/// The challenge, once its delivery stands as wanted.
async fn delivery_is(app: &TestApp, told: &Told, wanted: &str) -> Value {
    let wait = async {
        loop {
            let challenge = app.site().challenge(&told.challenge()).await;
            if challenge["delivery_status"] == wanted {
                return challenge;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the delivery never was `{wanted}`"))
}

/// A mail server that answers every recipient with `reply`.
async fn refusing(reply: &'static str, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut said = "220 mail.test ESMTP";
            let mut line = String::new();
            while stream.write_all(format!("{said}\r\n").as_bytes()).await.is_ok() {
                line.clear();
                if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
                    break;
                }
                said = if line.starts_with("RCPT") { reply } else { "250 fine" };
            }
        }
    });
    address
}

/// A mail server that is away: its port is ours, and refuses until we listen.
fn away() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_comes_back_gets_the_code_to_its_reader() {
    let (socket, smtp) = away();
    let app = app_with_mail_at(smtp).await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    // Two tries that fail; each leaves the challenge as it was.
    for (nth, wait) in [(1, 3_000), (2, 11_000)] {
        app.was_put_off(nth).await;
        let challenge = app.site().challenge(&told.challenge()).await;
        assert_eq!((&challenge["status"], &challenge["delivery_status"]), (&json!("code_sent"), &json!("pending")));
        app.jump(wait);
    }
    let (inbox, mut tasks) = (Inbox::default(), JoinSet::new());
    receive_mail(socket.listen(16).unwrap(), inbox.clone(), &mut tasks);
    app.jump(31_000);
    let code = inbox.nth_to("ada@example.com", 1).await.code();
    delivery_is(&app, &told, "sent").await;
    assert!(browser.try_code(&told, &code).await.location().starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_hangs_holds_nobody_up() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = app_with_mail_at(hanging.local_addr().unwrap()).await;
    app.may_leave_messages();
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let before = Instant::now();
    browser.ask_for_code(&told, "email").await;
    // The server has taken the message to a mail server that says nothing.
    let (_held, _) = tokio::time::timeout(PATIENCE, hanging.accept()).await.unwrap().unwrap();
    for n in 0..20 {
        let other = app.browser().log_in(&format!("user{n}")).await;
        assert_eq!(app.site().consume(&other.evaluation).await.status, 200);
    }
    assert_eq!(browser.open(&told.page()).await.heading(), "Enter the code");
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    assert_eq!(app.site().challenge(&told.challenge()).await["delivery_status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_shown_and_frees_the_next_send() {
    let mut tasks = JoinSet::new();
    let app = app_with_mail_at(refusing("550 5.1.1 nobody here", &mut tasks).await).await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let csrf = browser.open(&told.page()).await.csrf();
    browser.send_code(&told, &csrf, "email").await;
    let challenge = delivery_is(&app, &told, "failed").await;
    assert_eq!(challenge["status"], "code_sent");
    let page = browser.open(&told.page()).await;
    assert!(page.html().contains("couldn’t deliver the code"), "{}", page.html());
    let again = browser.send_code(&told, &csrf, "email").await;
    assert!(again.location().ends_with("?notice=new_code"), "nobody waits for a mail that can't come");
    delivery_is(&app, &told, "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_refusal_is_tried_again() {
    let mut tasks = JoinSet::new();
    let app = app_with_mail_at(refusing("451 4.3.0 later", &mut tasks).await).await;
    app.may_leave_messages();
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    for nth in 1..=3 {
        app.was_put_off(nth).await;
        app.jump(31_000);
    }
    app.was_put_off(4).await;
    assert_eq!(app.site().challenge(&told.challenge()).await["delivery_status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_a_newer_one_replaced_is_never_delivered() {
    let (socket, smtp) = away();
    let app = app_with_mail_at(smtp).await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let csrf = browser.open(&told.page()).await.csrf();
    browser.send_code(&told, &csrf, "email").await;
    app.was_put_off(1).await;
    app.jump(60_000);
    browser.send_code(&told, &csrf, "email").await;
    // The older one is not tried again: it goes as soon as it is looked at.
    app.was_put_off(1).await;
    let (inbox, mut tasks) = (Inbox::default(), JoinSet::new());
    receive_mail(socket.listen(16).unwrap(), inbox.clone(), &mut tasks);
    app.jump(60_000);
    let code = inbox.nth_to("ada@example.com", 1).await.code();
    delivery_is(&app, &told, "sent").await;
    assert_eq!(inbox.all_to("ada@example.com").len(), 1);
    assert!(browser.try_code(&told, &code).await.location().starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_has_delivered_what_was_under_way() {
    let mut app = TestApp::start().await;
    {
        let browser = app.browser();
        let told = browser.log_in("ada").await;
        browser.ask_for_code(&told, "email").await;
        app.mail.nth_to("ada@example.com", 1).await;
        delivery_is(&app, &told, "sent").await;
    }
    app.stop().await;
    assert_eq!(app.mail.all_to("ada@example.com").len(), 1);
}

/// Every log line of this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Times are left out: their digits could be anybody's code.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let level = tracing_subscriber::filter::LevelFilter::DEBUG;
    tracing_subscriber::fmt().without_time().with_max_level(level).with_writer(log.clone()).init();
    log
});

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_database_nor_the_log_holds_a_code_or_an_address_to_be_read() {
    let log = LOG.clone();
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = hanging.local_addr().unwrap();
    let app = app_with_mail_at(smtp).await;
    let browser = app.browser();
    let told = browser.evaluate("vault", json!({"user": "ada", "email": "ada.lovelace@example.com"})).await;
    browser.ask_for_code(&told, "email").await;
    tokio::time::timeout(PATIENCE, hanging.accept()).await.unwrap().unwrap();
    let waiting = app.kept();
    app.was_put_off(1).await;
    let (inbox, mut tasks) = (Inbox::default(), JoinSet::new());
    receive_mail(hanging, inbox.clone(), &mut tasks);
    app.jump(31_000);
    let code = inbox.nth_to("ada.lovelace@example.com", 1).await.code();
    assert_eq!(code.len(), 10);
    delivery_is(&app, &told, "sent").await;
    browser.try_code(&told, "0000000000").await;
    browser.try_code(&told, &code).await;

    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&waiting, &told.challenge()[4..]) || holds(&waiting, "ada.lovelace"), "the right data was read");
    assert!(!holds(&waiting, &code), "while it waits");
    assert!(!holds(&app.kept(), &code), "after it was used");
    let lines = log.0.lock().unwrap().clone();
    assert!(holds(&lines, "tried again"), "the log was caught");
    for private in [code.as_str(), "ada.lovelace", &app.project.development.secret, &told.device_token] {
        assert!(!holds(&lines, private), "{private} in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_token_stands_in_the_database() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let page = browser.open(&told.page()).await;
    let cookie = page.answer.header("set-cookie").unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    let bytes = app.kept();
    for secret in [&app.project.development.secret, &app.project.production.secret, &cookie, &page.csrf()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

/// What Twilio signs a report with, the auth token, and the form of the messages that it was given.
async fn twilio(tasks: &mut JoinSet<()>) -> (String, tokio::sync::mpsc::UnboundedReceiver<Vec<(String, String)>>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let take = async move |body: axum::body::Bytes| {
        tell.send(url::form_urlencoded::parse(&body).into_owned().collect()).unwrap();
        (axum::http::StatusCode::CREATED, r#"{"sid": "SM9", "status": "queued"}"#)
    };
    let router = axum::Router::new().fallback(take);
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let settings = format!(
        "provider = \"twilio\"\naccount_sid = \"AC123\"\nauth_token = \"hush\"\nfrom = \"+15005550006\"\n\
         base_url = \"http://{address}\"\n"
    );
    (settings, told)
}

/// Twilio's signature of a form posted to `url`.
fn signature(url: &str, form: &[(&str, &str)]) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"hush").unwrap();
    mac.update(url.as_bytes());
    for (name, value) in form {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_says_what_became_of_a_text_and_nobody_else_does() {
    let mut tasks = JoinSet::new();
    let (settings, mut asked) = twilio(&mut tasks).await;
    let app = TestApp::with(Options { sms: Some(settings), ..Options::default() }).await;
    let browser = app.browser();
    let told = browser.evaluate("checkout", json!({"user": "ada", "phone": "+33612345678"})).await;
    browser.ask_for_code(&told, "sms").await;
    let form = tokio::time::timeout(PATIENCE, asked.recv()).await.unwrap().unwrap();
    let url = form.iter().find(|(name, _)| name == "StatusCallback").unwrap().1.clone();
    assert!(url.starts_with(&format!("http://{}/deliveries/", app.address)), "{url}");
    delivery_is(&app, &told, "sent").await;

    let report = async |url: &str, signed_for: &str, status: &str| {
        let form = [("MessageSid", "SM9"), ("MessageStatus", status)];
        let path = url.split_once(&app.address.to_string()).unwrap().1;
        let request = Request::new("POST", path).header("x-twilio-signature", signature(signed_for, &form)).form(&form);
        app.anon(request).await
    };
    let other = url.replace("/1?", "/2?");
    let forged = format!("{}x", &url[..url.len() - 1]);
    report(&other, &other, "undelivered").await.refused(404, "not_found");
    report(&forged, &url, "undelivered").await.refused(404, "not_found");
    report(&url, "http://elsewhere.example/", "undelivered").await.refused(404, "not_found");
    report(&url, &url, "a word of tomorrow").await.expect(204);
    assert_eq!(app.site().challenge(&told.challenge()).await["delivery_status"], "sent", "nothing has changed");
    report(&url, &url, "undelivered").await.expect(204);
    assert_eq!(app.site().challenge(&told.challenge()).await["delivery_status"], "failed");
    // The next code need not be waited for.
    browser.ask_for_code(&told, "sms").await;
    tokio::time::timeout(PATIENCE, asked.recv()).await.unwrap().unwrap();
    delivery_is(&app, &told, "sent").await;
}
