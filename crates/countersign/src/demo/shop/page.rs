//! What all pages share: the frame around them, the headers that fence them in, and the two pages without a flow.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS},
    },
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use super::{
    Shop,
    account::Customer,
    check::Refusal,
    request::Visitor,
    session::{Notice, Session},
    trail::Trail,
};

/// The frame around every page.
pub struct Frame {
    /// The page's title.
    pub title: &'static str,
    /// Countersign's address without a trailing slash.
    pub base_url: String,
    /// The public client id.
    pub client_id: String,
    /// The demo's inbox.
    pub inbox_url: String,
    /// Who is logged in.
    pub customer: Option<Customer>,
    /// What the shop's server learned last.
    pub trail: Trail,
    /// Whether the strip that shows it starts open.
    pub trail_open: bool,
}

impl Frame {
    /// The frame of the page `title`, for `session`.
    pub fn new(shop: &Shop, title: &'static str, session: &Session) -> Self {
        Self {
            title,
            base_url: shop.config.base_url.as_str().trim_end_matches('/').to_owned(),
            client_id: shop.config.client_id.clone(),
            inbox_url: shop.config.inbox_url.to_string(),
            customer: session.customer.clone(),
            trail: session.trail.clone(),
            trail_open: false,
        }
    }

    /// The same frame with the strip open.
    pub fn showing_trail(self) -> Self {
        Self { trail_open: true, ..self }
    }
}

#[derive(Template)]
#[template(path = "shop/templates/home.html")]
struct Home {
    frame: Frame,
}

/// One message and nothing else.
#[derive(Template)]
#[template(path = "shop/templates/message.html")]
struct Message {
    frame: Frame,
    notice: Notice,
}

/// `template`, with `status`.
pub fn show(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        // Rendering to memory fails only where a template itself does.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page that says `notice`.
pub fn message(status: StatusCode, frame: Frame, notice: Notice) -> Response {
    show(status, &Message { frame, notice })
}

/// The HTTP status of `refusal`.
pub fn status_of(refusal: Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN)
}

/// `GET /`: what this demo shows.
pub async fn home(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    show(StatusCode::OK, &Home { frame: Frame::new(&shop, "Lamplight", &visitor.session) })
}

/// Every other address.
pub async fn not_found(State(shop): State<Arc<Shop>>, visitor: Visitor) -> Response {
    let notice = Notice {
        is_good: false,
        title: "There’s no such page".to_owned(),
        text: "The link may be old, or mistyped.".to_owned(),
        replay: None,
    };
    message(StatusCode::NOT_FOUND, Frame::new(&shop, "Not found", &visitor.session), notice)
}

/// Fences every answer in: the shop runs its own script and Countersign's SDK, and nothing else.
pub async fn headers(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let countersign = shop.config.base_url.origin().ascii_serialization();
    // A form's answer may send the browser on to the challenge page, and `form-action` covers such redirects too.
    let policy = format!(
        "default-src 'none'; script-src 'self' {countersign}; connect-src 'self' {countersign}; style-src 'self'; \
         img-src 'self'; form-action 'self' {countersign}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // `no-referrer` would turn the `Origin` of the shop's own forms into `null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
