//! Where the database is: `postgres://` URLs, and how we speak TLS to it. Knows nothing of operations.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject};
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::migration::OpenError;

/// A PostgreSQL database: who is asked for it, and how. Doesn't print its password.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let ports = self.config.get_ports();
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            if let Some(port) = ports.get(place).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What only we understand of a URL's query: the rest is the driver's.
#[derive(Default)]
struct Ours {
    roots: Option<PathBuf>,
    verified: bool,
}

impl Address {
    /// Reads a `postgres://` or `postgresql://` URL: several hosts are tried in turn, and the one that takes writes is
    /// used. Beside the parameters that the driver knows, `sslrootcert` names a file of certificates to trust instead of
    /// the system's, and `sslmode=verify-full` is taken for what we do anyway: a certificate is always verified.
    pub(super) fn parse(url: &str, patience: Duration) -> Result<Self, OpenError> {
        // Whatever is wrong with the URL, it may hold a password: none of it is shown.
        let wrong = |what: String| OpenError::Unreachable { path: "URL".to_owned(), what };
        let (plain, ours) = split_off_ours(url).map_err(wrong)?;
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            wrong(format!("{reason}; it must look like postgres://user:password@host:5432/database"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host; it must look like postgres://user@host:5432/database".to_owned()));
        }
        if ours.verified || ours.roots.is_some() {
            config.ssl_mode(SslMode::Require);
        } else if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_local) {
            // Nobody stands in between, and a server that Debian installs has a certificate that nobody signed.
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(patience / 2);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(patience);
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = tls(ours.roots.as_ref()).map_err(wrong)?;
        Ok(Self { config, tls })
    }
}

fn split_off_ours(url: &str) -> Result<(String, Ours), String> {
    let mut ours = Ours::default();
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), ours)) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) if !path.contains('%') => ours.roots = Some(path.into()),
            Some(("sslrootcert", _)) => return Err("write the path of sslrootcert without escapes".to_owned()),
            Some(("sslmode", "verify-full" | "verify-ca")) => ours.verified = true,
            _ => kept.push(pair),
        }
    }
    let query = kept.join("&");
    Ok((if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") }, ours))
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn tls(roots: Option<&PathBuf>) -> Result<MakeRustlsConnect, String> {
    let mut store = RootCertStore::empty();
    if let Some(path) = roots {
        let unreadable = |error: &dyn fmt::Display| format!("sslrootcert {} can't be read: {error}", path.display());
        let found = rustls::pki_types::CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            store.add(certificate).map_err(|error| unreadable(&error))?;
        }
    } else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, OpenError> {
        Address::parse(url, Duration::from_secs(5))
    }

    #[test]
    fn an_address_shows_everything_but_the_password() {
        let address = parse("postgres://shop:s3cret@db1.example:5432,db2.example:6432/guard").unwrap();
        assert_eq!(address.to_string(), "postgres://db1.example:5432,db2.example:6432/guard");
        assert!(!format!("{address:?}").contains("s3cret"));
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in ["postgres://shop:s3cret@db:port/x", "postgres://shop:s3cret@db/x?wrong=1", "postgres:///x"] {
            let error = parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3cret") && !error.contains('\n'), "{error}");
            assert!(error.contains("must look like") || error.contains("wrong"), "{error}");
        }
    }

    #[test]
    fn certificates_are_asked_for_unless_nobody_stands_in_between() {
        let mode = |url: &str| parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@127.0.0.1/x"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/x"), SslMode::Prefer);
        assert_eq!(mode("postgres://u@db.example/x?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1/x?sslmode=verify-full"), SslMode::Require);
        assert!(parse("postgres://u@db/x?sslrootcert=/nowhere.pem").unwrap_err().to_string().contains("/nowhere.pem"));
    }
}
