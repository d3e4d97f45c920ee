//! Log-in and log-out. The password is checked first; then the evaluation of `login` decides. While a challenge is
//! outstanding there is no session: the browser holds nothing but the challenge's address.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shop,
    account::{Credentials, Customer, Password},
    check::{self, Expected, Refusal, Review, Verdict},
    page::{self, Frame},
    request::Visitor,
    session::{Notice, Pending, Purpose, Session},
    sign_up::{FormError, tidy_email},
    trail::Trail,
};

#[derive(Template)]
#[template(path = "shop/templates/login.html")]
struct LogInPage {
    frame: Frame,
    email: String,
    error: Option<FormError>,
}

/// The form as submitted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogInForm {
    email: String,
    password: Password,
    evaluation_id: Option<String>,
}

/// `GET /login`.
pub async fn form(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    render(&shop, &visitor.session, StatusCode::OK, String::new(), None)
}

/// `POST /login/password`: answers `{"user": "cus_…"}` to the right password, so that the browser can say whom it
/// evaluates. It opens nothing: the log-in itself checks the password again.
pub async fn password(State(shop): State<Arc<Shop>>, Form(form): Form<LogInForm>) -> Response {
    match credentials(&shop, &form) {
        Ok(customer) => json_answer(StatusCode::OK, &json!({ "user": customer.id })),
        Err((status, error)) => json_answer(status, &json!({ "title": error.title, "text": error.text })),
    }
}

/// `POST /login`.
pub async fn submit(State(shop): State<Arc<Shop>>, visitor: Visitor, Form(form): Form<LogInForm>) -> Response {
    let customer = match credentials(&shop, &form) {
        Ok(customer) => customer,
        Err((status, error)) => return render(&shop, &visitor.session, status, form.email, Some(error)),
    };
    let expected = Expected::log_in(&customer);
    let mut trail = Trail::default();
    match check::review(&shop.api, form.evaluation_id.as_deref(), &expected, &mut trail).await {
        Review::Refuse(refusal) => refuse(&shop, &visitor, form.email, refusal, trail),
        Review::Challenge(url) => hold(&shop, &visitor, customer, form.evaluation_id, &url, trail),
        Review::Allow => {
            let id = form.evaluation_id.unwrap_or_default();
            match check::honour(&shop.api, &id, &expected, &mut trail).await {
                Verdict::Honoured(_) => enter(&shop, &visitor, customer, id, trail),
                Verdict::Waiting(url) => hold(&shop, &visitor, customer, Some(id), &url, trail),
                Verdict::Refused(refusal) => refuse(&shop, &visitor, form.email, refusal, trail),
            }
        }
    }
}

/// `POST /logout`.
pub async fn out(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    (visitor.leave(&shop), Redirect::to("/")).into_response()
}

/// What the result page says once a log-in is done.
pub fn welcome_back(evaluation_id: String) -> Notice {
    Notice {
        is_good: true,
        title: "Done: you’re logged in".to_owned(),
        text: "Good to see you again. The article is waiting.".to_owned(),
        replay: Some(evaluation_id),
    }
}

/// JSON, for the shop's own script.
pub fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn credentials(shop: &Shop, form: &LogInForm) -> Result<Customer, (StatusCode, FormError)> {
    let say = |title: &str, text: &str| FormError { title: title.to_owned(), text: text.to_owned() };
    match shop.accounts.check(&tidy_email(&form.email), &form.password) {
        Credentials::Right(customer) => Ok(customer),
        Credentials::Unconfirmed => {
            let error = say("This sign-up was never confirmed", "Please sign up again; it only takes a moment.");
            Err((StatusCode::FORBIDDEN, error))
        }
        Credentials::Wrong => {
            let error = say("That didn’t match", "Check the address and the password, and try again.");
            Err((StatusCode::UNAUTHORIZED, error))
        }
    }
}

fn enter(shop: &Shop, visitor: &Visitor, customer: Customer, evaluation_id: String, trail: Trail) -> Response {
    let notice = welcome_back(evaluation_id.clone());
    let pending = Pending { evaluation_id, purpose: Purpose::LogIn, customer };
    (visitor.become_session(shop, Session::of(pending, notice, trail)), Redirect::to("/result")).into_response()
}

/// Binds the log-in to this browser, and sends the browser to the challenge.
fn hold(
    shop: &Shop,
    visitor: &Visitor,
    customer: Customer,
    evaluation_id: Option<String>,
    url: &str,
    trail: Trail,
) -> Response {
    let evaluation_id = evaluation_id.unwrap_or_default();
    let cookie = visitor.remember(shop, |session| {
        session.pending = Some(Pending { evaluation_id, purpose: Purpose::LogIn, customer });
        session.trail = trail;
    });
    (cookie, Redirect::to(url)).into_response()
}

fn refuse(shop: &Shop, visitor: &Visitor, email: String, refusal: Refusal, trail: Trail) -> Response {
    let session = visitor.session.with_trail(trail.clone());
    let cookie = visitor.remember(shop, |session| session.trail = trail);
    (cookie, render(shop, &session, page::status_of(refusal), email, Some(refusal.into()))).into_response()
}

fn render(shop: &Shop, session: &Session, status: StatusCode, email: String, error: Option<FormError>) -> Response {
    page::show(status, &LogInPage { frame: Frame::new(shop, "Log in", session), email, error })
}
