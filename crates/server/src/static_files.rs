//! Files that never change while the server runs: the pages' assets and the browser SDK.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{api::problem, page::assets};

const SDK_MODULE: &str = include_str!("../assets/sdk/client.mjs");
const SDK_CLASSIC: &str = include_str!("../assets/sdk/client.js");

/// `/assets/:name`: hashed names, so they may be kept for ever.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::asset(&name) else { return problem::Problem::new(&problem::NOT_FOUND).into_response() };
    if headers.get(header::IF_NONE_MATCH).is_some_and(|etag| etag.as_bytes() == asset.etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = asset.bytes.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(assets::FOREVER));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

/// The browser SDK as an ES module.
pub async fn sdk_module() -> Response {
    script(SDK_MODULE)
}

/// The browser SDK as a classic script.
pub async fn sdk_classic() -> Response {
    script(SDK_CLASSIC)
}

/// Sites load it from their own pages: any origin may, and an hour is long enough to be quick and short enough to fix.
fn script(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = (headers, text).into_response();
    response.headers_mut().insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}
