//! The shop's own style sheet and script, embedded.

use axum::{
    extract::Path,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

/// `GET /assets/{name}`.
pub async fn serve(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "shop.css" => ("text/css; charset=utf-8", include_str!("assets/shop.css")),
        "shop.js" => ("text/javascript; charset=utf-8", include_str!("assets/shop.js")),
        "lamp.svg" => ("image/svg+xml", include_str!("assets/lamp.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], body).into_response()
}
