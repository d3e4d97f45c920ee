//! `GET /v3/devices/events`: what this browser is told as it happens, and the proof that it is there.
//!
//! A stream is short: it ends after some forty seconds, and the browser opens the next at once. Only so is it known whether
//! anybody is still at the other end: a laptop that fell asleep, or a proxy in between, would keep a long one open for as
//! long as it likes. What was missed in between is told at the beginning of the next.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use countersign_engine::{signal::network_of, time::SECOND};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use crate::{
    api::{
        auth,
        client::allow_browsers,
        problem::{self, Problem, ProblemBody},
    },
    context::Ctx,
    enrich::{address, place},
    streams::{Full, Heard, Held, Line},
};

/// A stream's least and most life, in milliseconds: with the time to come back less than the minute for which a browser is
/// taken to be there, and spread, so that those who came together don't come back together.
const LIFE: (i64, i64) = (35 * SECOND, 45 * SECOND);

/// Between comments, so that nothing in between takes the stream for idle.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);

/// What a browser waits whose stream had to make room for a newer one of its own: if all its tabs came back at once, they would
/// go on pushing each other out.
const RETRY_DISPLACED: Duration = Duration::from_secs(40);

/// Seconds until a refused one may try again.
const RETRY_AFTER: u32 = 60;

/// Which browser, and what it was told. `EventSource` can't send headers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The public client id.
    client_id: String,
    /// From the last evaluation's answer.
    device_token: String,
    /// The id of the last event that was handled, where no `Last-Event-ID` is sent.
    #[serde(default)]
    last_event_id: Option<i64>,
}

/// Opens the stream of this browser: `logout` when a user was logged out of it from elsewhere. Holding it open is its
/// presence.
#[utoipa::path(
    get, path = "/v3/devices/events", tag = "client", operation_id = "deviceEvents",
    params(
        ("client_id" = String, Query, description = "The public client id", example = "pk_live_4mT9…"),
        ("device_token" = String, Query, description = "From the last evaluation's answer"),
        ("last_event_id" = Option<i64>, Query, description = "The id of the last event that was handled, where no `Last-Event-ID` is sent"),
        ("last-event-id" = Option<i64>, Header, description = "Sent by a browser that comes back"),
    ),
    responses(
        (status = 200, description = "Events, and a comment every 15 seconds. It ends after some 40 seconds: come back at once", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(()),
)]
pub async fn get(
    State(ctx): State<Ctx>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(listener): Query<Listener>,
    headers: HeaderMap,
) -> Response {
    let mut response = open(&ctx, peer, &listener, &headers).map_or_else(IntoResponse::into_response, |held| {
        let [spread] = ctx.rng.bytes::<1>();
        let (least, most) = LIFE;
        let life = least + (most - least) * i64::from(spread) / 256;
        answer(held, Duration::from_millis(u64::try_from(life).unwrap_or_default()))
    });
    allow_browsers(response.headers_mut());
    response
}

fn open(ctx: &Ctx, peer: SocketAddr, listener: &Listener, headers: &HeaderMap) -> Result<Held, Problem> {
    let key = auth::client(ctx, &listener.client_id, headers)?;
    let project = key.project.id;
    let browser = ctx.key.read_device_token(project, &listener.device_token);
    let browser = browser.ok_or_else(|| Problem::invalid("/device_token", "no device token of this project"))?;
    let ip = address::client(peer.ip(), headers, &ctx.config.trusted_proxies);
    let asn = place::of(&ctx.data.current(), ip, &mut Vec::new()).and_then(|place| place.asn);
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let told = header.max(listener.last_event_id).unwrap_or_default();
    let line = Line { network: network_of(ip), asn };
    Arc::clone(&ctx.streams).open((project, browser), line, told).map_err(|full| match full {
        Full::Address => Problem::new(&problem::TOO_MANY_REQUESTS)
            .detail("From this network address as many event streams are open as may be")
            .retry_after(RETRY_AFTER),
        Full::Node => Problem::new(&problem::UNAVAILABLE)
            .detail("As many event streams are open as may be")
            .retry_after(RETRY_AFTER),
    })
}

fn answer(held: Held, life: Duration) -> Response {
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(events(held, life)).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Some proxies gather what is sent in small pieces unless they are told not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// What is told until the stream's life is over, or the server stops.
fn events(held: Held, life: Duration) -> impl Stream<Item = Result<Event, Infallible>> {
    let greeting = stream::once(async { Ok(Event::default().retry(RETRY).comment("here")) });
    let ends = Instant::now() + life;
    let told = stream::unfold(Some(held), move |held| async move {
        let mut held = held?;
        let heard = tokio::select! {
            heard = held.hears() => heard?,
            () = sleep_until(ends) => return None,
        };
        Some(match heard {
            // An event without data is dropped by browsers.
            Heard::LoggedOut(at) => (Ok(Event::default().event("logout").id(at.to_string()).data("{}")), Some(held)),
            Heard::Displaced => (Ok(Event::default().retry(RETRY_DISPLACED).comment("there is a newer one")), None),
        })
    });
    stream::StreamExt::chain(greeting, told)
}

#[cfg(test)]
mod tests {
    use countersign_engine::id::{BrowserId, ProjectId};
    use futures_util::StreamExt;

    use super::*;
    use crate::{config::EventsConfig, streams::Streams};

    #[tokio::test]
    async fn a_stream_ends_by_itself_and_is_closed_then() {
        let streams = Streams::new(EventsConfig { streams: 1, streams_per_address: 1 });
        let key = (ProjectId::new(1, [1; 10]), BrowserId::new(1, [1; 10]));
        let held = streams.open(key, Line { network: "a".to_owned(), asn: None }, 0).unwrap();
        streams.tell(key, 7);
        let told = events(held, Duration::from_millis(20)).count().await;
        assert_eq!((told, streams.count()), (2, 0), "the greeting and the logout");
    }
}
