//! TLS that ends at the server: what browsers speak over it, who is kept waiting by whom, and certificates that are renewed.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign_server::{
    Server,
    config::Config,
    context::{Clock, Rng},
    telemetry,
    tls::{Certificate, TlsConfig},
};
use reqwest::{Client, Response, Version};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    app::START,
    seed::{SHOP, Seeded},
    wire::PATIENCE,
};

/// A certificate for `localhost` that vouches for itself, written where the server looks.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("tls.pem"), made.cert.pem()).unwrap();
    made.cert.der().clone()
}

/// A client that believes that certificate alone and reaches `localhost` at `address`.
fn client(root: &CertificateDer<'static>, address: SocketAddr) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = Client::builder().tls_backend_preconfigured(config).no_proxy().resolve("localhost", address);
    builder.timeout(PATIENCE).build().unwrap()
}

/// A server with a certificate of its own.
struct Secure {
    address: SocketAddr,
    folder: TempDir,
    root: CertificateDer<'static>,
    project: Seeded,
    tasks: JoinSet<()>,
    stop: oneshot::Sender<()>,
}

impl Secure {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = certify(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = format!(
            "public_url = \"https://localhost:{}\"\ndata_dir = \"{}\"\nshutdown_seconds = 1\n\
             [tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\ncheck_seconds = 1\n",
            address.port(),
            folder.path().display(),
        );
        let config = Config::load(Some(("test.toml", &settings)), []).unwrap();
        telemetry::metrics();
        let rng = Rng::seeded(7);
        let server = Server::open(config, Clock::at(START), rng.clone()).await.unwrap();
        let project = Seeded::new(&server.ctx().store, &rng, "shop", &json!({"name": "The Shop"})).await;
        server.ctx().projects.refresh(&server.ctx().store).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stopped = async move {
                let _ = stopped.await;
            };
            server.serve(listener, stopped).await.unwrap();
        });
        Self { address, folder, root, project, tasks, stop }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    async fn end(mut self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.tasks.join_next()).await.unwrap();
    }

    /// The token of a browser that nobody has seen before.
    async fn token(&self, client: &Client, user: &str) -> String {
        let body =
            json!({"client_id": self.project.development.client_id, "action": "post", "user": user, "signals": {}});
        let request = client.post(self.url("/v3/evaluations")).header("origin", SHOP).body(body.to_string());
        let answer = request.header("content-type", "text/plain").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (201, Version::HTTP_2));
        let answer: Value = answer.json().await.unwrap();
        answer["device_token"].as_str().unwrap().to_owned()
    }

    async fn listen(&self, client: &Client, token: &str) -> Response {
        let path = format!("/v3/devices/events?client_id={}&device_token={token}", self.project.development.client_id);
        let answer = client.get(self.url(&path)).header("origin", SHOP).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        answer
    }
}

async fn hears(stream: &mut Response, wanted: &str) {
    let reading = async {
        let mut heard = String::new();
        while !heard.contains(wanted) {
            let chunk = stream.chunk().await.unwrap().unwrap_or_else(|| panic!("it ended without {wanted}: {heard}"));
            heard.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("waited for {wanted} in vain"));
}

/// What stands between client and server, and counts connections.
async fn relay(to: SocketAddr, tasks: &mut JoinSet<()>) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, made) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let (address, count) = (listener.local_addr().unwrap(), Arc::clone(&made));
    tasks.spawn(async move {
        let mut lines = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            lines.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, made)
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_requests_of_a_browser_share_one_connection() {
    let (mut server, mut tasks) = (Secure::start().await, JoinSet::new());
    let (near, connections) = relay(server.address, &mut tasks).await;
    server.address = near;
    let client = client(&server.root, near);
    let (mut tokens, mut streams) = (Vec::new(), Vec::new());
    // More than the six connections that a browser gives a host over HTTP/1.1.
    for n in 0..12 {
        let token = server.token(&client, &format!("user-{n}")).await;
        let mut stream = server.listen(&client, &token).await;
        hears(&mut stream, "retry:").await;
        tokens.push(token);
        streams.push(stream);
    }
    let body = json!({"client_id": server.project.development.client_id, "device_token": tokens[7]});
    let request = client.post(server.url("/v3/devices/detach")).header("origin", SHOP).body(body.to_string());
    assert_eq!(request.header("content-type", "text/plain").send().await.unwrap().status().as_u16(), 204);
    hears(&mut streams[7], "event: logout").await;
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    drop(streams);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_shake_hands_keeps_nobody_waiting_and_is_told_nothing() {
    let server = Secure::start().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = client(&server.root, server.address).get(server.url("/health/live")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    for connection in silent.iter_mut().chain([&mut plain]) {
        let mut told = Vec::new();
        // Cut, with or without an alert.
        let _ = timeout(PATIENCE, connection.read_to_end(&mut told)).await.expect("it is cut after a while");
        assert!(!told.windows(4).any(|bytes| bytes == b"HTTP"));
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_in_and_a_broken_one_is_not() {
    let server = Secure::start().await;
    let folder = server.folder.path();
    // As renewals are seen half way: the new key, and still the certificate of before.
    let certificate = std::fs::read(folder.join("tls.pem")).unwrap();
    let renewed = certify(folder);
    let whole = std::fs::read(folder.join("tls.pem")).unwrap();
    std::fs::write(folder.join("tls.pem"), &certificate).unwrap();
    let open = || Certificate::open(&config("tls.pem", "tls.key"), folder);
    assert!(open().unwrap_err().to_string().contains("tls.key: not the key of the certificate"));
    let ask = async |root: &CertificateDer<'static>| {
        client(root, server.address).get(server.url("/health/live")).send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask(&server.root).await.unwrap(), 200);
    std::fs::write(folder.join("tls.pem"), &whole).unwrap();
    let taken = async {
        while ask(&renewed).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, taken).await.expect("the renewed certificate was never shown");
    assert!(ask(&server.root).await.is_err(), "the one of before is not shown any more");
    server.end().await;
}

fn config(certificate: &str, key: &str) -> TlsConfig {
    TlsConfig { certificate: certificate.into(), key: key.into(), check_seconds: 1 }
}

#[test]
fn a_wrong_setting_or_file_stops_the_start_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    certify(path);
    std::fs::write(path.join("empty"), "").unwrap();
    let told = |certificate, key| Certificate::open(&config(certificate, key), path).unwrap_err().to_string();
    assert!(told("gone.pem", "tls.key").contains("gone.pem"));
    assert!(told("empty", "tls.key").contains("empty: no certificate in it"));
    assert!(told("tls.pem", "empty").contains("empty: no private key in it"));
    assert!(told("tls.pem", "tls.pem").contains("tls.pem: no private key in it"));
    for (settings, place) in [
        ("public_url = \"https://x.example\"\n[tls]\ncertificate = \"a\"", "tls.key"),
        ("public_url = \"https://x.example\"\n[tls]\nkey = \"a\"", "tls.certificate"),
        ("public_url = \"http://localhost\"\n[tls]\ncertificate = \"a\"\nkey = \"a\"", "public_url"),
        ("[tls]\ncheck_seconds = 0", "tls.check_seconds"),
    ] {
        assert_eq!(Config::load(Some(("test.toml", settings)), []).unwrap_err().place, place);
    }
}
