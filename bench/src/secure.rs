//! Connections as browsers make them to a server that ends TLS itself: HTTP/2, one for all that a browser asks.

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::http::Request;
use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use crate::error::BenchError;

/// What the server is called by its certificate.
const NAME: &str = "localhost";

/// Files of a certificate, within a folder.
pub const CERTIFICATE: &str = "tls.pem";
/// See [`CERTIFICATE`].
pub const KEY: &str = "tls.key";

/// A server with a certificate that was made for it, and who believes it.
#[derive(Clone)]
pub struct Secure {
    connector: TlsConnector,
    /// Its URL.
    pub url: Arc<str>,
}

/// A connection. Dropped, it is closed.
pub struct Line {
    requests: SendRequest<Bytes>,
    _under_way: JoinSet<()>,
}

impl Secure {
    /// Makes a certificate for whoever is to listen at `address`, in `folder`.
    pub fn certify(folder: &Path, address: SocketAddr) -> Result<Self, BenchError> {
        let failed = |_| BenchError::BadAnswer("no certificate could be made");
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).map_err(failed)?;
        std::fs::write(folder.join(KEY), made.signing_key.serialize_pem())?;
        std::fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
        let connector = TlsConnector::from(Arc::new(believing(made.cert.der().clone())?));
        Ok(Self { connector, url: format!("https://{NAME}:{}", address.port()).into() })
    }

    /// Shakes hands.
    pub async fn open(&self, socket: TcpStream) -> Result<Line, BenchError> {
        let name = ServerName::try_from(NAME).map_err(|_| BenchError::BadAnswer("no name"))?;
        let stream = self.connector.connect(name, socket).await?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        let mut under_way = JoinSet::new();
        under_way.spawn(async move {
            // How it ends is seen by whoever asks something over it.
            let _ = connection.await;
        });
        Ok(Line { requests, _under_way: under_way })
    }
}

impl Line {
    /// Asks, and hands out the status and what is told.
    pub async fn ask(&mut self, request: Request<()>, body: Bytes) -> Result<(u16, RecvStream), BenchError> {
        let mut ready = self.requests.clone().ready().await?;
        let (answer, mut sending) = ready.send_request(request, false)?;
        sending.send_data(body, true)?;
        let answer = answer.await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }
}

fn believing(root: CertificateDer<'static>) -> Result<ClientConfig, BenchError> {
    let failed = |_| BenchError::BadAnswer("a certificate that can't be believed");
    let mut roots = RootCertStore::empty();
    roots.add(root).map_err(failed)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
