//! The one way out over HTTP: every request to an address that somebody configured goes through [`Outbound`].
//!
//! It bounds what such a request can cost (time, size of the answer) and where it can go: no redirect is followed, and
//! unless told otherwise no address that is not public on the Internet is connected to, so that a webhook or gateway URL
//! can't be used to reach what only this machine can reach. Names are resolved once, every address found is checked, and
//! the connection goes to a checked address, which leaves no gap for a name that changes in between.
//!
//! It must not know what it sends, nor try again: that is for the caller, who knows whether a request may be repeated.

pub(crate) mod guard;

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use guard::{GuardedResolver, NotPublic, is_public};

/// What one request may cost, and where it may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the call to the answer's last byte.
    pub total: Duration,
    /// For name resolution, TCP and TLS together; part of `total`.
    pub connect: Duration,
    /// Greatest size of an answer's body, in bytes.
    pub answer_bytes: usize,
    /// Whether loopback, private and otherwise not public addresses may be reached.
    pub allow_private: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            answer_bytes: 64 * 1024,
            allow_private: false,
        }
    }
}

/// A complete answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; a redirect is an answer like any other.
    pub status: StatusCode,
    /// The body, within [`Limits::answer_bytes`].
    pub body: Bytes,
}

/// Why there is no answer. Says nothing of the URL or the body, which may hold personal data or secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL is not `http` or `https`, or the request can't be put together.
    #[error("the request could not be built; the address must be an http or https URL")]
    Unsendable,
    /// The address, or one that the name resolves to, is not public.
    #[error("the address is private, loopback or otherwise not public, and such addresses are not allowed")]
    NotPublic,
    /// No connection: the name does not resolve, nothing listens, or the certificate does not hold.
    #[error("no connection could be made")]
    Connect,
    /// The time limit passed; the other side may have acted on the request all the same.
    #[error("no complete answer came in time")]
    Timeout,
    /// The connection broke, or what came was not HTTP; the other side may have acted on the request all the same.
    #[error("the connection broke before the answer was complete")]
    Broken,
    /// The answer was bigger than [`Limits::answer_bytes`].
    #[error("the answer was too big")]
    TooBig,
}

/// The TLS library refused the configuration built here.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up: {0}")]
pub struct SetUpError(String);

/// An HTTP client that keeps to its [`Limits`]. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Outbound {
    client: Client,
    limits: Limits,
}

impl Outbound {
    /// A client with the operating system's and Mozilla's root certificates.
    pub fn new(limits: Limits) -> Result<Self, SetUpError> {
        Self::trusting(limits, system_roots())
    }

    /// A client with these root certificates and Mozilla's.
    fn trusting(limits: Limits, roots: Vec<CertificateDer<'static>>) -> Result<Self, SetUpError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls_config(roots)?)
            .dns_resolver(GuardedResolver { allow_private: limits.allow_private })
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .timeout(limits.total)
            .connect_timeout(limits.connect)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetUpError(error.to_string()))?;
        Ok(Self { client, limits })
    }

    /// Begins a `POST`; hand what you made of it to [`Outbound::send`], which is where the limits hold.
    pub fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request begun here and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, OutboundError> {
        let response = self.execute(request).await?;
        let status = response.status();
        let body = read(response, self.limits.answer_bytes).await?;
        Ok(Answer { status, body })
    }

    /// Sends a request begun here to which the status is answer enough: what else comes is not read.
    pub async fn send_for_status(&self, request: RequestBuilder) -> Result<StatusCode, OutboundError> {
        self.execute(request).await.map(|response| response.status())
    }

    async fn execute(&self, request: RequestBuilder) -> Result<Response, OutboundError> {
        let request = request.build().map_err(|_| OutboundError::Unsendable)?;
        self.check(request.url())?;
        self.client.execute(request).await.map_err(|error| classify(&error))
    }

    /// An address written out in the URL never meets the resolver, so it is checked here.
    fn check(&self, url: &Url) -> Result<(), OutboundError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutboundError::Unsendable);
        }
        let public = match url.host() {
            None => return Err(OutboundError::Unsendable),
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
        };
        if public || self.limits.allow_private { Ok(()) } else { Err(OutboundError::NotPublic) }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The certificates that the operating system trusts; none where it keeps none, as in a minimal container.
pub(crate) fn system_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

/// Mozilla's roots are built in, so that a container without certificates works; the system's are added, so that an
/// operator's own authority is honoured. The cryptography is named here and not taken from the process.
fn tls_config(own: Vec<CertificateDer<'static>>) -> Result<ClientConfig, SetUpError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(own);
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetUpError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn read(mut response: Response, most: usize) -> Result<Bytes, OutboundError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > most {
            return Err(OutboundError::TooBig);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn classify(error: &reqwest::Error) -> OutboundError {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<NotPublic>() {
            return OutboundError::NotPublic;
        }
        source = cause.source();
    }
    // A connection that could not be made in time is both; that nothing was sent is the more useful news.
    if error.is_connect() {
        OutboundError::Connect
    } else if error.is_timeout() {
        OutboundError::Timeout
    } else if error.is_builder() {
        OutboundError::Unsendable
    } else {
        OutboundError::Broken
    }
}

#[cfg(test)]
pub(crate) mod certificates;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
