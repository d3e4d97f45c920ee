//! Request ids, metrics and log lines: what the operator sees of a request. Never personal data.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;

use crate::context::Ctx;

/// The header that carries the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request under way.
pub fn request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Installs the metrics recorder; the handle renders `/metrics`. A second call in one process shares the first's.
pub fn metrics() -> Option<PrometheusHandle> {
    static HANDLE: std::sync::OnceLock<Option<PrometheusHandle>> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
            let handle = PrometheusBuilder::new().set_buckets(&buckets).ok()?.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .clone()
}

fn describe() {
    metrics::describe_counter!("countersign_requests_total", "Requests, by route, method and status");
    metrics::describe_histogram!("countersign_request_seconds", metrics::Unit::Seconds, "Time to answer, by route");
    metrics::describe_counter!("countersign_evaluations_total", "Evaluations, by action kind and verdict");
    metrics::describe_counter!("countersign_policies_over_budget_total", "Times that a policy went over its budget");
    metrics::describe_counter!("countersign_consumes_total", "Consumes, by outcome");
    metrics::describe_counter!("countersign_challenge_codes_total", "Codes sent, by channel");
    metrics::describe_counter!("countersign_challenge_attempts_total", "Codes tried, by outcome");
    metrics::describe_counter!("countersign_messages_total", "Messages handed over, by channel and outcome");
    metrics::describe_counter!("countersign_webhook_deliveries_total", "Tries to tell endpoints of events, by outcome");
    metrics::describe_gauge!("countersign_event_streams", "Event streams that browsers hold open on this node");
    metrics::describe_gauge!("countersign_store_queue", "Operations waiting for the store's writer");
}

/// Gives the request its id, times it, and logs it once.
pub async fn observe(ctx: axum::extract::State<Ctx>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("req_{}", hex(&ctx.rng.bytes::<10>()));
    // The route's pattern, never the path: paths hold ids, and one label a path would be without end.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |p| p.as_str().to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", id, route, %method);
    let mut response = CURRENT.scope(id.clone(), next.run(request)).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    metrics::counter!("countersign_requests_total", "route" => route.clone(), "method" => method.to_string(), "status" => status.to_string()).increment(1);
    metrics::histogram!("countersign_request_seconds", "route" => route).record(seconds);
    span.in_scope(|| tracing::debug!(status, ms = seconds * 1_000.0, "answered"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
