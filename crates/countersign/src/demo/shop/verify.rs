//! The way back from a challenge: the success page hands the evaluation's id to the server, the server consumes it, and
//! only then is the sign-up or log-in honoured.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Shop,
    api::Challenge,
    check::{self, Expected, Refusal, Verdict},
    log_in::{json_answer, welcome_back},
    page::{self, Frame},
    request::{self, SetCookie, Visitor},
    session::{Notice, Pending, Purpose, Session},
    sign_up::welcome,
    trail::Trail,
};

/// Where the outcome is shown.
const RESULT: &str = "/result";

#[derive(Template)]
#[template(path = "shop/templates/verified.html")]
struct VerifiedPage {
    frame: Frame,
    evaluation_id: String,
}

/// What Countersign appends to the success URL.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Return {
    /// The evaluation.
    pub evaluation: Option<String>,
}

/// What became of a posted evaluation.
struct Outcome {
    /// `honoured`, `waiting` or `refused`.
    name: &'static str,
    status: StatusCode,
    /// Where the browser goes next.
    next: String,
    cookie: SetCookie,
}

/// `GET /verified?evaluation=…`: changes nothing by itself; the page posts.
pub async fn landing(State(shop): State<Arc<Shop>>, visitor: Visitor, Query(back): Query<Return>) -> Response {
    let frame = Frame::new(&shop, "Finishing up", &visitor.session);
    match back.evaluation {
        Some(evaluation_id) => page::show(StatusCode::OK, &VerifiedPage { frame, evaluation_id }),
        None => page::message(StatusCode::BAD_REQUEST, frame, notice_of(Refusal::Mismatch, None)),
    }
}

/// `POST /verify-challenge`: from the page's script (JSON in, JSON out) or from its button (a form in, a redirect out).
pub async fn submit(State(shop): State<Arc<Shop>>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let evaluation_id = request::evaluation_id(&headers, &body).unwrap_or_default();
    let outcome = settle(&shop, &visitor, evaluation_id).await;
    let answer = if request::is_form(&headers) {
        Redirect::to(&outcome.next).into_response()
    } else {
        json_answer(outcome.status, &json!({ "outcome": outcome.name, "next": outcome.next }))
    };
    (outcome.cookie, answer).into_response()
}

/// `GET /result`: what became of the last attempt.
pub async fn result(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    let frame = Frame::new(&shop, "Result", &visitor.session).showing_trail();
    match visitor.session.notice {
        Some(notice) => page::message(StatusCode::OK, frame, notice),
        None => Redirect::to("/").into_response(),
    }
}

/// Consumes the evaluation and honours what waited for it.
async fn settle(shop: &Shop, visitor: &Visitor, evaluation_id: String) -> Outcome {
    let mut trail = Trail::default();
    // Another browser's evaluation, or one that was never pending here, is refused before the API is asked: a link
    // that reached somebody else must neither log them in nor use the result up.
    let pending = visitor.session.pending.clone().filter(|pending| pending.evaluation_id == evaluation_id);
    let Some(pending) = pending else { return refused(shop, visitor, Refusal::Mismatch, None, &trail) };

    let expected = match pending.purpose {
        Purpose::SignUp => Expected::sign_up(&pending.customer.email, &pending.customer.plan),
        Purpose::LogIn => Expected::log_in(&pending.customer),
    };
    match check::honour(&shop.api, &evaluation_id, &expected, &mut trail).await {
        Verdict::Waiting(url) => {
            let cookie = visitor.remember(shop, |session| session.trail = trail);
            Outcome { name: "waiting", status: StatusCode::OK, next: url, cookie }
        }
        Verdict::Refused(refusal) => refused(shop, visitor, refusal, Some(evaluation_id), &trail),
        Verdict::Honoured(challenge) => honoured(shop, visitor, pending, challenge, trail).await,
    }
}

async fn honoured(
    shop: &Shop,
    visitor: &Visitor,
    pending: Pending,
    challenge: Option<Challenge>,
    mut trail: Trail,
) -> Outcome {
    let id = pending.evaluation_id.clone();
    let notice = match pending.purpose {
        Purpose::LogIn => welcome_back(id),
        Purpose::SignUp => {
            if shop.accounts.activate(&pending.customer.email, &id).is_none() {
                return refused(shop, visitor, Refusal::Mismatch, None, &trail);
            }
            introduce(shop, &pending, challenge, &mut trail).await;
            welcome(Some(id))
        }
    };
    let cookie = visitor.become_session(shop, Session::of(pending, notice, trail));
    Outcome { name: "honoured", status: StatusCode::OK, next: RESULT.to_owned(), cookie }
}

/// Tells Countersign the new customer's id, and whether their address is proven. The account stands without it.
async fn introduce(shop: &Shop, pending: &Pending, challenge: Option<Challenge>, trail: &mut Trail) {
    let is_proven = match challenge {
        Some(challenge) => shop.api.proved_email(&challenge, trail).await,
        None => false,
    };
    shop.api.update_user(&pending.customer, is_proven, trail).await.ok();
}

fn refused(shop: &Shop, visitor: &Visitor, refusal: Refusal, id: Option<String>, trail: &Trail) -> Outcome {
    // Trying again is of use only while the check itself failed, and instructive for a result already used.
    let again = id.filter(|_| matches!(refusal, Refusal::AlreadyUsed | Refusal::Unchecked));
    let cookie = visitor.remember(shop, |session| {
        session.notice = Some(notice_of(refusal, again));
        // What was learned of the evaluation earlier is still worth seeing beside the refusal.
        for call in trail.calls() {
            session.trail.called(call.clone());
        }
    });
    Outcome { name: "refused", status: page::status_of(refusal), next: RESULT.to_owned(), cookie }
}

fn notice_of(refusal: Refusal, replay: Option<String>) -> Notice {
    Notice { is_good: false, title: refusal.title().to_owned(), text: refusal.text().to_owned(), replay }
}
