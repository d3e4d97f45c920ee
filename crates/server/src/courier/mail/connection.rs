//! Connections to the mail server: opened as configured, kept for the next mail, replaced when found dead.
//!
//! lettre's own pool is not used: a send that is given up half-way would put its connection back, and the next mail would
//! read the answers meant for the one before. Here a connection is kept only by a send that ended well.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::config::{ConfigError, MailConfig};
use rustls::pki_types::CertificateDer;

/// Kept connections; more at once are opened as needed.
const KEPT: usize = 4;
/// Mail servers hang up after some minutes of silence, many sooner: beyond this a connection is not trusted.
const FRESH: Duration = Duration::from_secs(30);

pub(super) struct Connections {
    host: String,
    port: u16,
    tls: Tls,
    hello: ClientId,
    credentials: Option<Credentials>,
    connect_limit: Duration,
    kept: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

enum Tls {
    Implicit(TlsParameters),
    Upgrade(TlsParameters),
    Off,
}

impl Connections {
    pub(super) fn new(
        config: &MailConfig,
        connect_limit: Duration,
        roots: &[CertificateDer<'static>],
    ) -> Result<Self, ConfigError> {
        let invalid = |problem: &str| ConfigError::new("mail.smtp", problem);
        let url = &config.smtp;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("must hold no user name or password; put them in mail.username and mail.password"));
        }
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Implicit(tls_parameters(&host, roots)?), 465),
            "smtp+starttls" => (Tls::Upgrade(tls_parameters(&host, roots)?), 587),
            "smtp" if is_loopback(&host) => (Tls::Off, 25),
            "smtp" => {
                return Err(invalid("smtp:// is unencrypted and for loopback only; use smtps:// or smtp+starttls://"));
            }
            _ => return Err(invalid("must begin with smtps://, smtp+starttls:// or smtp://")),
        };
        let port = url.port().unwrap_or(port);
        let credentials = credentials(config)?;
        Ok(Self {
            host,
            port,
            tls,
            hello: ClientId::default(),
            credentials,
            connect_limit,
            kept: Mutex::new(Vec::new()),
        })
    }

    /// Sends over a kept connection or a new one. A kept one may have died in the meantime, which shows only in use: then
    /// a new one gets its chance. The server may have taken the mail just before; its `Message-ID` stays the same.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), Error> {
        if let Some(mut kept) = self.take_kept().await {
            match kept.send(envelope, mail).await {
                Ok(_) => {
                    self.keep(kept).await;
                    return Ok(());
                }
                Err(error) if !hung_up(&error) => return Err(error),
                Err(_) => {}
            }
        }
        let mut opened = self.open().await?;
        opened.send(envelope, mail).await?;
        self.keep(opened).await;
        Ok(())
    }

    async fn take_kept(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.kept.lock().await;
        kept.retain(|(_, since)| since.elapsed() < FRESH);
        kept.pop().map(|(connection, _)| connection)
    }

    async fn keep(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.kept.lock().await;
        if kept.len() < KEPT {
            kept.push((connection, Instant::now()));
        }
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let implicit = if let Tls::Implicit(parameters) = &self.tls { Some(parameters.clone()) } else { None };
        let server = (self.host.as_str(), self.port);
        let limit = Some(self.connect_limit);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, limit, &self.hello, implicit, None).await?;
        if let Tls::Upgrade(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// 421 is how a server says goodbye to an idle client (RFC 5321, section 3.8); else the connection just ended.
fn hung_up(error: &Error) -> bool {
    match error.status() {
        Some(code) => u16::from(code) == 421,
        None => !error.is_client() && !error.is_timeout(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn credentials(config: &MailConfig) -> Result<Option<Credentials>, ConfigError> {
    match (&config.username, &config.password) {
        (None, None) => Ok(None),
        (Some(name), Some(password)) => Ok(Some(Credentials::new(name.clone(), password.expose_secret().to_owned()))),
        (Some(_), None) => Err(ConfigError::new("mail.password", "is missing; mail.username needs it")),
        (None, Some(_)) => Err(ConfigError::new("mail.username", "is missing; mail.password needs it")),
    }
}

/// Mozilla's roots, which lettre brings, and these.
fn tls_parameters(host: &str, roots: &[CertificateDer<'static>]) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    for root in roots.iter().filter_map(|root| Certificate::from_der(root.to_vec()).ok()) {
        builder = builder.add_root_certificate(root);
    }
    builder.build().map_err(|_| ConfigError::new("mail.smtp", "names a host that no certificate can be for"))
}
