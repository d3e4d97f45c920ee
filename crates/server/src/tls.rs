//! TLS that ends here: the certificate and its key, taken in again when their files were replaced, and connections that
//! shake hands without holding up others and end when nobody uses them. HTTP/2 is offered, so that a browser's event
//! stream and its requests share one connection (spec section 9).
//!
//! It knows nothing of what is said over a connection.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use arc_swap::ArcSwap;
use axum::serve::Listener;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::secret::sha256;

/// How long a client may take to shake hands.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many may shake hands at once; who comes then waits to be accepted.
const SHAKING: usize = 4_096;

/// After so long without a byte in either direction a connection ends: there is no proxy to do that. Event streams say
/// something every 15 seconds, and a browser that finds its connection gone opens another.
const IDLE: Duration = Duration::from_secs(75);

/// Where the certificate is; no files, no TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, with those that vouch for it behind it: PEM.
    pub certificate: PathBuf,
    /// Its private key: PEM.
    pub key: PathBuf,
    /// Seconds between looks at the files.
    pub check_seconds: u64,
}

impl TlsConfig {
    /// Whether TLS ends here.
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// What is wrong with it: setting, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let has_key = !self.key.as_os_str().is_empty();
        match (self.is_on(), has_key) {
            (true, false) => Some(("tls.key", "is missing: name the file of the certificate's private key")),
            (false, true) => Some(("tls.certificate", "is missing: name the file of the certificate")),
            _ if self.check_seconds == 0 => Some(("tls.check_seconds", "must be a number from 1 on")),
            _ => None,
        }
    }
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("{}: {error}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file doesn't hold what it should.
    #[error("{}: {what}", file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// What is wrong, and what should be there.
        what: String,
    },
}

/// A certificate in use.
#[derive(Debug)]
pub struct Certificate {
    /// Of the certificate, and of its key.
    files: (PathBuf, PathBuf),
    current: ArcSwap<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// What the files held: whether they were replaced is told by it.
    digest: [[u8; 32]; 2],
}

impl Certificate {
    /// Reads the certificate that the settings name, if they name one; its files are relative to `folder`.
    pub fn open(config: &TlsConfig, folder: &Path) -> Result<Option<Self>, CertificateError> {
        if !config.is_on() {
            return Ok(None);
        }
        let (certificate, key) = (folder.join(&config.certificate), folder.join(&config.key));
        let current = ArcSwap::from_pointee(load(&certificate, &key, None)?.ok_or_else(|| empty(&certificate))?);
        Ok(Some(Self { files: (certificate, key), current }))
    }

    /// Takes in files that were replaced: whether they were. While they can't be used, those before them are.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let loaded = load(&self.files.0, &self.files.1, Some(self.current.load().digest))?;
        let is_new = loaded.is_some();
        if let Some(loaded) = loaded {
            self.current.store(Arc::new(loaded));
        }
        Ok(is_new)
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }
}

/// None if the files hold what is `known`.
fn load(certificate: &Path, key: &Path, known: Option<[[u8; 32]; 2]>) -> Result<Option<Loaded>, CertificateError> {
    let read =
        |file: &Path| std::fs::read(file).map_err(|error| CertificateError::Read { file: file.to_owned(), error });
    let (chain, private) = (read(certificate)?, read(key)?);
    let digest = [sha256(&chain), sha256(&private)];
    if known == Some(digest) {
        return Ok(None);
    }
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(|_| empty(certificate))?;
    if chain.is_empty() {
        return Err(empty(certificate));
    }
    let wrong = |what: String| CertificateError::Wrong { file: key.to_owned(), what };
    let private = PrivateKeyDer::from_pem_slice(&private)
        .map_err(|_| wrong("no private key in it: it must be PEM, and not locked by a password".to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| {
            wrong(format!("not the key of the certificate beside it, or not one that can be used: {error}"))
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Loaded { config: Arc::new(config), digest }))
}

fn empty(certificate: &Path) -> CertificateError {
    let what = "no certificate in it: it must be PEM, the server's own first".to_owned();
    CertificateError::Wrong { file: certificate.to_owned(), what }
}

/// Looks at the files every so often, until told to stop.
pub async fn keep(certificate: Arc<Certificate>, pause: Duration, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.changed() => return,
        }
        let there = Arc::clone(&certificate);
        match tokio::task::spawn_blocking(move || there.refresh()).await {
            Ok(Ok(true)) => tracing::info!("the certificate was replaced"),
            Ok(Err(error)) => tracing::error!(%error, "the certificate can't be used; the one before it stays in use"),
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}

/// Accepts connections and ends TLS on them.
#[derive(Debug)]
pub struct TlsListener {
    sockets: TcpListener,
    certificate: Arc<Certificate>,
    shaking: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// On these sockets, with this certificate.
    pub fn new(sockets: TcpListener, certificate: Arc<Certificate>) -> Self {
        Self { sockets, certificate, shaking: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = Watched<TlsStream<TcpStream>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(shaken) = self.shaking.join_next() => {
                    // Whoever doesn't speak TLS, or not in time, is gone.
                    if let Ok(Some((stream, peer))) = shaken {
                        return (Watched::new(stream, IDLE), peer);
                    }
                }
                (socket, peer) = Listener::accept(&mut self.sockets), if self.shaking.len() < SHAKING => {
                    let acceptor = self.certificate.acceptor();
                    self.shaking.spawn(async move {
                        let stream = timeout(PATIENCE, acceptor.accept(socket)).await.ok()?.ok()?;
                        Some((stream, peer))
                    });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.sockets.local_addr()
    }
}

/// A connection that ends when nothing comes or goes over it for a while.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    idle: Duration,
    ends: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    fn new(stream: S, idle: Duration) -> Self {
        Self { stream, idle, ends: Box::pin(sleep(idle)) }
    }

    fn is_used(&mut self) {
        self.ends.as_mut().reset(Instant::now() + self.idle);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            this.is_used();
            return Poll::Ready(read);
        }
        // Whoever serves a connection always waits for what comes over it.
        ready!(this.ends.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes));
        this.is_used();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, slices));
        this.is_used();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_uses_ends_and_one_that_is_used_in_either_direction_does_not() {
        let (near, mut far) = duplex(64);
        let (mut watched, begun) = (Watched::new(near, IDLE), Instant::now());
        let mut byte = [0; 1];
        for n in 0..6 {
            if n < 3 {
                watched.write_all(b"x").await.unwrap();
            } else {
                far.write_all(b"x").await.unwrap();
                watched.read_exact(&mut byte).await.unwrap();
            }
            let nothing = timeout(Duration::from_secs(74), watched.read(&mut byte)).await;
            assert!(nothing.is_err(), "it is in use");
        }
        assert_eq!(begun.elapsed().as_secs(), 6 * 74);
        let ended = watched.read(&mut byte).await.unwrap_err();
        assert_eq!((ended.kind(), begun.elapsed().as_secs()), (io::ErrorKind::TimedOut, 6 * 74 + 1));
    }
}
