//! Who calls: a browser, and the site's server. Values, so that a test reads as who did what.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    app::TestApp,
    receivers::Message,
    seed::SHOP,
    wire::{Answer, Request},
};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// No two browsers of a run share an address or a machine.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A browser: keeps its cookies and its device token, as the SDK does.
#[derive(Debug)]
pub struct Browser<'a> {
    app: &'a TestApp,
    /// The network address that it is seen from.
    pub ip: String,
    /// What makes its fingerprint.
    pub machine: String,
    pub client_id: String,
    device_token: Mutex<Option<String>>,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What a browser is told.
#[derive(Clone, Debug)]
pub struct Told {
    pub evaluation: String,
    pub redirect: Option<String>,
    pub device_token: String,
}

impl Told {
    /// Path of the challenge page.
    pub fn page(&self) -> String {
        let url = self.redirect.as_ref().expect("a challenge");
        url[url.find("/challenge/").unwrap()..].to_owned()
    }

    /// The challenge's id.
    pub fn challenge(&self) -> String {
        self.page().trim_start_matches("/challenge/").to_owned()
    }
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        Self {
            app,
            ip: format!("198.51.{}.{}", number / 250, number % 250 + 1),
            machine: format!("machine-{number}"),
            client_id: app.project.development.client_id.clone(),
            device_token: Mutex::default(),
            cookies: Mutex::default(),
        }
    }

    /// The body of an evaluation, as the SDK writes it.
    pub fn body(&self, action: &str, fields: &Value) -> Value {
        let mut body = json!({
            "client_id": self.client_id,
            "action": action,
            "page_url": format!("{SHOP}/page?secret=query"),
            "signals": {
                "platform": "Win32", "gpu": self.machine, "cpu": 8, "memory": 8.0, "languages": ["en-GB"],
                "time_zone": "Europe/London", "screen": {"width": 1920, "height": 1080, "depth": 24},
                "hashes": {"canvas": self.machine},
            },
        });
        if let Some(token) = self.device_token.lock().unwrap().as_ref() {
            body["device_token"] = token.as_str().into();
        }
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    }

    /// The request that carries an evaluation.
    pub fn request(&self, body: &Value) -> Request {
        let request = Request::new("POST", "/v3/evaluations").header("origin", SHOP).header("user-agent", CHROME);
        request.header("x-forwarded-for", &self.ip).header("content-type", "text/plain").body(body.to_string())
    }

    /// Evaluates, and keeps the device token.
    pub async fn evaluate(&self, action: &str, fields: Value) -> Told {
        let answer = self.app.anon(self.request(&self.body(action, &fields))).await.expect(201);
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let device_token = text("device_token").unwrap();
        *self.device_token.lock().unwrap() = Some(device_token.clone());
        Told { evaluation: text("evaluation_id").unwrap(), redirect: text("redirect"), device_token }
    }

    /// Logs a user in who has an e-mail address.
    pub async fn log_in(&self, user: &str) -> Told {
        self.evaluate("login", json!({"user": user, "email": format!("{user}@example.com")})).await
    }

    /// Forgets cookies and storage; machine and address stay.
    pub fn clear(&self) {
        *self.device_token.lock().unwrap() = None;
        self.cookies.lock().unwrap().clear();
    }

    /// Opens a page of ours.
    pub async fn open(&self, path: &str) -> Page {
        self.follow(Request::new("GET", path)).await
    }

    /// Sends a form of a page of ours.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.follow(Request::new("POST", path).form(fields)).await
    }

    /// A request as this browser sends it, with its cookies.
    pub fn dress(&self, request: Request) -> Request {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("user-agent", CHROME).header("x-forwarded-for", &self.ip);
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    /// Sends a request to a page of ours, with the cookies, and keeps what it sets.
    pub async fn follow(&self, request: Request) -> Page {
        let answer = self.app.anon(self.dress(request)).await;
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        Page { answer }
    }

    /// Opens the challenge page and has a code sent over `channel`; the page after that.
    pub async fn ask_for_code(&self, told: &Told, channel: &str) -> Page {
        let page = self.open(&told.page()).await;
        self.send_code(told, &page.csrf(), channel).await
    }

    /// Has a code sent.
    pub async fn send_code(&self, told: &Told, csrf: &str, channel: &str) -> Page {
        self.submit(&format!("{}/send", told.page()), &[("csrf", csrf), ("channel", channel)]).await
    }

    /// Tries a code.
    pub async fn try_code(&self, told: &Told, code: &str) -> Page {
        let csrf = self.open(&told.page()).await.csrf();
        self.submit(&format!("{}/verify", told.page()), &[("csrf", &csrf), ("code", code)]).await
    }

    /// Passes a challenge by e-mail: the whole way, as a person does.
    pub async fn pass(&self, told: &Told, email: &str) -> Page {
        let before = self.app.mail.all_to(email).len();
        self.ask_for_code(told, "email").await;
        let message: Message = self.app.mail.nth_to(email, before + 1).await;
        self.try_code(told, &message.code()).await
    }
}

/// A page of ours, or the redirect to one.
#[derive(Clone, Debug)]
pub struct Page {
    pub answer: Answer,
}

impl Page {
    pub fn html(&self) -> String {
        self.answer.text()
    }

    /// The token of its forms.
    #[track_caller]
    pub fn csrf(&self) -> String {
        let html = self.html();
        let start = html.find("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {html}")) + 19;
        html[start..start + html[start..].find('"').unwrap()].to_owned()
    }

    /// Where it sends the browser.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.answer.status, 303, "{}", self.html());
        self.answer.header("location").unwrap()
    }

    /// Its heading.
    #[track_caller]
    pub fn heading(&self) -> String {
        let html = self.html();
        let start = html.find("<h1>").unwrap_or_else(|| panic!("no heading: {} {html}", self.answer.status)) + 4;
        html[start..start + html[start..].find("</h1>").unwrap()].to_owned()
    }
}

/// The site's server.
#[derive(Debug)]
pub struct Site<'a> {
    pub app: &'a TestApp,
    pub secret: String,
}

impl Site<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        self.app.anon(Request::new("GET", path).bearer(&self.secret)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.app.anon(Request::new("POST", path).bearer(&self.secret).json(body)).await
    }

    /// The evaluation, as it stands.
    pub async fn evaluation(&self, id: &str) -> Value {
        self.get(&format!("/v3/evaluations/{id}")).await.expect(200)
    }

    /// The challenge, as it stands.
    pub async fn challenge(&self, id: &str) -> Value {
        self.get(&format!("/v3/challenges/{id}")).await.expect(200)
    }

    /// Claims an evaluation.
    pub async fn consume(&self, id: &str) -> Answer {
        self.app.anon(Request::new("POST", &format!("/v3/evaluations/{id}/consume")).bearer(&self.secret)).await
    }

    /// Claims it with an idempotency key.
    pub async fn consume_with_key(&self, id: &str, key: &str) -> Answer {
        let request = Request::new("POST", &format!("/v3/evaluations/{id}/consume")).bearer(&self.secret);
        self.app.anon(request.header("idempotency-key", key)).await
    }

    /// Claims it if it is what is expected.
    pub async fn consume_expecting(&self, id: &str, expect: Value) -> Answer {
        self.post(&format!("/v3/evaluations/{id}/consume"), &json!({"expect": expect})).await
    }
}
