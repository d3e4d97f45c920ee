//! HTTPS against a real server: what holds is reached, what doesn't gets not a byte of the request.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::certificates::{Authority, BAD, Certificate};
use super::{Limits, Outbound, OutboundError};

async fn post(authority: &Authority, shown: Certificate) -> (Result<u16, OutboundError>, Option<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let acceptor = authority.server(shown);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.ok()?;
        let mut request = vec![0; 4_096];
        let read = stream.read(&mut request).await.ok()?;
        request.truncate(read);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
        Some(request).filter(|request| !request.is_empty())
    });
    let limits = Limits { total: Duration::from_secs(5), allow_private: true, ..Limits::default() };
    let outbound = Outbound::trusting(limits, vec![authority.root.clone()]).unwrap();
    let answer = outbound.send(outbound.post(url.parse().unwrap()).body("the code")).await;
    (answer.map(|answer| answer.status.as_u16()), server.join_next().await.unwrap().unwrap())
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_trusted_authority_is_reached() {
    let (answer, seen) = post(&Authority::new(), Certificate::Good).await;
    assert_eq!(answer, Ok(200));
    assert!(seen.unwrap().starts_with(b"POST / HTTP/1.1"));
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_ends_it_before_anything_is_said() {
    for shown in BAD {
        let (answer, seen) = post(&Authority::new(), shown).await;
        assert_eq!((answer, seen), (Err(OutboundError::Connect), None), "{shown:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut heard = Vec::new();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        // Whoever is refused may break the connection off.
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    let limits = Limits { total: Duration::from_secs(5), allow_private: true, ..Limits::default() };
    let outbound = Outbound::new(limits).unwrap();
    let answer = outbound.send(outbound.post(url.parse().unwrap()).body("the code")).await;
    assert_eq!(answer.map(|_| ()), Err(OutboundError::Connect));
    let heard = server.join_next().await.unwrap().unwrap();
    assert!(!heard.windows(8).any(|window| window == b"the code"));
}
