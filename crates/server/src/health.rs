//! Whether the server lives, whether it can take requests, and its metrics.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use countersign_store::op::ReadProjects;
use serde_json::json;

use crate::{context::Ctx, telemetry};

/// The routes.
pub fn routes() -> Router<Ctx> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready)).route("/metrics", get(metrics))
}

/// It answers, so it lives.
async fn live() -> Response {
    axum::Json(json!({"status": "ok"})).into_response()
}

/// The store answers, and nobody told the server to stop.
async fn ready(State(ctx): State<Ctx>) -> Response {
    let draining = ctx.draining.load(Ordering::SeqCst);
    let store = ctx.store.read(ReadProjects).await.is_ok();
    let status = if store && !draining { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |fine: bool| if fine { "ok" } else { "unavailable" };
    (status, axum::Json(json!({"status": word(store && !draining), "store": word(store), "draining": draining})))
        .into_response()
}

async fn metrics(State(ctx): State<Ctx>) -> Response {
    let Some(handle) = telemetry::metrics() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    #[expect(clippy::cast_precision_loss, reason = "a queue's length")]
    metrics::gauge!("countersign_store_queue").set(ctx.store.queue_depth() as f64);
    metrics::gauge!("countersign_event_streams").set(f64::from(ctx.streams.count()));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
}
