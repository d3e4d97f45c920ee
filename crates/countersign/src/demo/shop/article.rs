//! The paid article: every view is evaluated as `access`. The SDK goes to the challenge page by itself where a policy asks for
//! one; the server shows the text only against an evaluation that it could claim.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    Shop,
    check::{self, Expected, Refusal, Verdict},
    page::{self, Frame},
    request::{self, Visitor},
    session::Notice,
    trail::Trail,
    verify::Return,
};

#[derive(Template)]
#[template(path = "shop/templates/article.html")]
struct ArticlePage {
    frame: Frame,
}

/// The door before the article: its script evaluates, or hands over the evaluation the browser came back with.
#[derive(Template)]
#[template(path = "shop/templates/door.html")]
struct DoorPage {
    frame: Frame,
    user: String,
    email: String,
    evaluation_id: String,
}

/// `GET /article`.
pub async fn read(State(shop): State<Arc<Shop>>, visitor: Visitor, Query(back): Query<Return>) -> Response {
    let session = &visitor.session;
    let Some(customer) = session.customer.clone() else { return members_only(&shop, &visitor) };
    // A pass is good for one view, so that a reload is evaluated again.
    if back.evaluation.is_none() && session.article_pass {
        visitor.remember(&shop, |session| session.article_pass = false);
        return page::show(StatusCode::OK, &ArticlePage { frame: Frame::new(&shop, "The night’s word", session) });
    }
    let page = DoorPage {
        frame: Frame::new(&shop, "One moment", session),
        user: customer.id,
        email: customer.email,
        evaluation_id: back.evaluation.unwrap_or_default(),
    };
    page::show(StatusCode::OK, &page)
}

/// `POST /article`: claims the evaluation for one view.
pub async fn submit(State(shop): State<Arc<Shop>>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let Some(customer) = visitor.session.customer.clone() else { return members_only(&shop, &visitor) };
    let mut trail = Trail::default();
    let verdict = match request::evaluation_id(&headers, &body).filter(|id| !id.is_empty()) {
        Some(id) => check::honour(&shop.api, &id, &Expected::access(&customer), &mut trail).await,
        None => Verdict::Refused(Refusal::Unchecked),
    };
    let passed = matches!(verdict, Verdict::Honoured(_));
    let seen = trail.clone();
    visitor.remember(&shop, |session| {
        session.article_pass = passed;
        session.trail = trail;
    });
    match verdict {
        Verdict::Honoured(_) => Redirect::to("/article").into_response(),
        Verdict::Waiting(url) => Redirect::to(&url).into_response(),
        Verdict::Refused(refusal) => {
            let notice = Notice {
                is_good: false,
                title: refusal.title().to_owned(),
                text: refusal.text().to_owned(),
                replay: None,
            };
            let frame = Frame { trail: seen, ..Frame::new(&shop, "Not shown", &visitor.session) };
            page::message(page::status_of(refusal), frame.showing_trail(), notice)
        }
    }
}

fn members_only(shop: &Shop, visitor: &Visitor) -> Response {
    let notice = Notice {
        is_good: false,
        title: "This one is for members".to_owned(),
        text: "Log in or sign up to read it. It takes a minute, and this is a demo: nothing is charged.".to_owned(),
        replay: None,
    };
    page::message(StatusCode::UNAUTHORIZED, Frame::new(shop, "Members only", &visitor.session), notice)
}
