//! Sign-up: the browser evaluates `signup` and sends the form with the evaluation's id; the server confirms, and either
//! makes the account, refuses, or keeps the sign-up waiting for its challenge.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Shop,
    account::{self, MIN_PASSWORD, Password},
    check::{self, Expected, Refusal, Review, Verdict},
    page::{self, Frame},
    request::Visitor,
    session::{Notice, Pending, Purpose, Session},
    trail::Trail,
};

/// The longest address that mail can carry (RFC 5321).
const MAX_EMAIL: usize = 254;

#[derive(Template)]
#[template(path = "shop/templates/signup.html")]
struct SignUpPage {
    frame: Frame,
    email: String,
    plan: String,
    min_password: usize,
    error: Option<FormError>,
}

/// What a form's page says above the form.
pub struct FormError {
    /// One line.
    pub title: String,
    /// What to do about it.
    pub text: String,
}

impl From<Refusal> for FormError {
    fn from(refusal: Refusal) -> Self {
        Self { title: refusal.title().to_owned(), text: refusal.text().to_owned() }
    }
}

/// The form as submitted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SignUpForm {
    email: String,
    password: Password,
    plan: String,
    evaluation_id: Option<String>,
}

/// `GET /signup`.
pub async fn form(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    let form = SignUpForm { plan: "basic".to_owned(), ..SignUpForm::default() };
    render(&shop, &visitor.session, StatusCode::OK, form, None)
}

/// `POST /signup`.
pub async fn submit(State(shop): State<Arc<Shop>>, visitor: Visitor, Form(form): Form<SignUpForm>) -> Response {
    let form = SignUpForm { email: tidy_email(&form.email), ..form };
    if let Some((status, error)) = complaint(&shop, &form) {
        return render(&shop, &visitor.session, status, form, Some(error));
    }
    let expected = Expected::sign_up(&form.email, &form.plan);
    let mut trail = Trail::default();
    match check::review(&shop.api, form.evaluation_id.as_deref(), &expected, &mut trail).await {
        Review::Allow => allowed(&shop, &visitor, form, &expected, trail).await,
        Review::Challenge(url) => hold(&shop, &visitor, form, &url, trail),
        Review::Refuse(refusal) => refuse(&shop, &visitor, form, refusal, trail),
    }
}

/// Claims the result, then makes the account: an evaluation makes one account, however often it is posted.
async fn allowed(shop: &Shop, visitor: &Visitor, form: SignUpForm, expected: &Expected, mut trail: Trail) -> Response {
    let id = form.evaluation_id.clone().unwrap_or_default();
    match check::honour(&shop.api, &id, expected, &mut trail).await {
        Verdict::Waiting(url) => hold(shop, visitor, form, &url, trail),
        Verdict::Refused(refusal) => refuse(shop, visitor, form, refusal, trail),
        Verdict::Honoured(_) => match shop.accounts.create(&form.email, &form.plan, &form.password, None) {
            Err(error) => unmade(shop, &visitor.session, form, error),
            Ok(customer) => {
                // The account stands whether or not Countersign hears of it now: the next evaluation tells it as well.
                shop.api.update_user(&customer, false, &mut trail).await.ok();
                let notice = welcome(Some(id.clone()));
                let pending = Pending { evaluation_id: id, purpose: Purpose::SignUp, customer };
                (visitor.become_session(shop, Session::of(pending, notice, trail)), Redirect::to("/result"))
                    .into_response()
            }
        },
    }
}

/// Keeps the sign-up, bound to its evaluation and to this browser, and sends the browser to the challenge.
fn hold(shop: &Shop, visitor: &Visitor, form: SignUpForm, url: &str, trail: Trail) -> Response {
    let evaluation_id = form.evaluation_id.clone().unwrap_or_default();
    match shop.accounts.create(&form.email, &form.plan, &form.password, Some(&evaluation_id)) {
        Err(error) => unmade(shop, &visitor.session, form, error),
        Ok(customer) => {
            let pending = Pending { evaluation_id, purpose: Purpose::SignUp, customer };
            let cookie = visitor.remember(shop, |session| {
                session.pending = Some(pending);
                session.trail = trail;
            });
            (cookie, Redirect::to(url)).into_response()
        }
    }
}

fn refuse(shop: &Shop, visitor: &Visitor, form: SignUpForm, refusal: Refusal, trail: Trail) -> Response {
    let session = visitor.session.with_trail(trail.clone());
    let cookie = visitor.remember(shop, |session| session.trail = trail);
    (cookie, render(shop, &session, page::status_of(refusal), form, Some(refusal.into()))).into_response()
}

fn unmade(shop: &Shop, session: &Session, form: SignUpForm, error: account::Refused) -> Response {
    let (status, error) = match error {
        account::Refused::Taken => taken(),
        account::Refused::Full => (StatusCode::SERVICE_UNAVAILABLE, Refusal::Unchecked.into()),
    };
    render(shop, session, status, form, Some(error))
}

/// What the sign-up page says once the account is active.
pub fn welcome(replay: Option<String>) -> Notice {
    Notice {
        is_good: true,
        title: "Done: your account is active".to_owned(),
        text: "Welcome to Lamplight. You’re logged in, and the article is yours to read.".to_owned(),
        replay,
    }
}

/// What is wrong with the form itself, before anything is asked of the API.
fn complaint(shop: &Shop, form: &SignUpForm) -> Option<(StatusCode, FormError)> {
    let say = |title: &str, text: String| {
        Some((StatusCode::UNPROCESSABLE_ENTITY, FormError { title: title.to_owned(), text }))
    };
    if !looks_like_email(&form.email) {
        return say("That isn’t an e-mail address", "It should look like name@example.com.".to_owned());
    }
    if !form.password.is_acceptable() {
        return say("That password is too short or too long", format!("Use {MIN_PASSWORD} to 256 characters."));
    }
    if !matches!(form.plan.as_str(), "basic" | "pro") {
        return say("Choose a plan", "Basic or Pro.".to_owned());
    }
    shop.accounts.is_taken(&form.email).then(taken)
}

fn taken() -> (StatusCode, FormError) {
    let text = "Log in instead, or use another address.".to_owned();
    (StatusCode::CONFLICT, FormError { title: "You already have an account".to_owned(), text })
}

/// An address as the shop stores it.
pub fn tidy_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A first look only: whether mail arrives is for the challenge to prove.
fn looks_like_email(email: &str) -> bool {
    let has_both_sides = email.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    has_both_sides && email.len() <= MAX_EMAIL && !email.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn render(shop: &Shop, session: &Session, status: StatusCode, form: SignUpForm, error: Option<FormError>) -> Response {
    let frame = Frame::new(shop, "Sign up", session);
    let page = SignUpPage { frame, email: form.email, plan: form.plan, min_password: MIN_PASSWORD, error };
    page::show(status, &page)
}
