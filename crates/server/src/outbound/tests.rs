use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Redirect;
use axum::routing::post;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use super::{Limits, Outbound, OutboundError};

fn outbound(allow_private: bool) -> Outbound {
    let limits =
        Limits { total: Duration::from_secs(2), connect: Duration::from_secs(1), answer_bytes: 1000, allow_private };
    Outbound::new(limits).unwrap()
}

/// A server that lives as long as the set it is returned with.
async fn serve(router: Router) -> (Url, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}

async fn post_to(outbound: &Outbound, url: &str) -> Result<u16, OutboundError> {
    let answer = outbound.send(outbound.post(url.parse().unwrap())).await?;
    Ok(answer.status.as_u16())
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let (url, _server) = serve(Router::new().route("/", post(|| async { "reached" }))).await;
    let port = url.port().unwrap();
    let outbound = outbound(false);
    for host in ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]", "localhost"] {
        let answer = post_to(&outbound, &format!("http://{host}:{port}/")).await;
        assert_eq!(answer, Err(OutboundError::NotPublic), "{host}");
    }
}

#[tokio::test]
async fn private_addresses_are_reached_when_allowed() {
    let (url, _server) = serve(Router::new().route("/", post(|| async { "reached" }))).await;
    let outbound = outbound(true);
    assert_eq!(post_to(&outbound, url.as_str()).await, Ok(200));
    assert_eq!(post_to(&outbound, &format!("http://localhost:{}/", url.port().unwrap())).await, Ok(200));
}

#[tokio::test]
async fn other_schemes_are_refused() {
    assert_eq!(post_to(&outbound(true), "ftp://127.0.0.1/").await, Err(OutboundError::Unsendable));
    assert_eq!(post_to(&outbound(true), "file:///etc/hostname").await, Err(OutboundError::Unsendable));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let router = Router::new().route("/", post(|| async { Redirect::temporary("/elsewhere") }));
    let (url, _server) = serve(router.route("/elsewhere", post(|| async { "followed" }))).await;
    assert_eq!(post_to(&outbound(true), url.as_str()).await, Ok(307));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let endless = || stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 100])));
    let router = Router::new().route("/", post(move || async move { Body::from_stream(endless()) }));
    let (url, _server) = serve(router).await;
    assert_eq!(post_to(&outbound(true), url.as_str()).await, Err(OutboundError::TooBig));
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_time_limit() {
    let (url, _server) = serve(Router::new().route("/", post(std::future::pending::<()>))).await;
    assert_eq!(post_to(&outbound(true), url.as_str()).await, Err(OutboundError::Timeout));
}

#[tokio::test]
async fn a_closed_port_is_told_apart_from_a_broken_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(post_to(&outbound(true), &url).await, Err(OutboundError::Connect));
}

/// That the prepared TLS configuration is in use at all: `https` must never fall back to plain text.
#[tokio::test]
async fn https_to_a_server_that_speaks_no_tls_fails_to_connect() {
    let (url, _server) = serve(Router::new()).await;
    let url = format!("https://127.0.0.1:{}/", url.port().unwrap());
    assert_eq!(post_to(&outbound(true), &url).await, Err(OutboundError::Connect));
}
