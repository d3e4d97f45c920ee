//! The server's settings: `config.default.toml` holds every one with its default, a file and the environment go over it.
//!
//! A wrong setting stops the start, with its place and what to write instead. Nothing else in the server reads the
//! environment.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::{
    courier::{CourierConfig, MailConfig, SmsConfig},
    enrich::{data::DataConfig, mail_domain::MailDomainsConfig},
    tls::TlsConfig,
};

/// Every setting with its default: also the reference page.
pub const DEFAULTS: &str = include_str!("config.default.toml");

const PREFIX: &str = "COUNTERSIGN_";

/// Variables of ours that are no settings.
const NOT_SETTINGS: &[&str] = &["COUNTERSIGN_CONFIG"];

/// The settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where browsers reach this server.
    pub public_url: Url,
    /// The folder of the database and the server key.
    pub data_dir: PathBuf,
    /// The database; its URL may hold a password.
    pub database: SecretString,
    /// The server key, in base64; empty for the one in `data_dir`.
    pub server_key: SecretString,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Seconds that requests under way are given at the end.
    pub shutdown_seconds: u64,
    /// Days that evaluations and their challenges are kept; 0: for ever.
    pub retention_days: u32,
    /// Whether TLS ends here.
    pub tls: TlsConfig,
    /// How many event streams there may be.
    pub events: EventsConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Where the data sets behind the checks come from.
    pub data: DataConfig,
    /// Whether and how the domains of e-mail addresses are looked up.
    pub mail_domains: MailDomainsConfig,
    /// How endpoints are told of events.
    pub webhooks: WebhooksConfig,
    /// How mail leaves.
    #[serde(default)]
    pub mail: Option<MailConfig>,
    /// How text messages leave.
    #[serde(default)]
    pub sms: Option<SmsConfig>,
}

/// Which database the settings name.
#[derive(Clone, Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL.
    Postgres(SecretString),
}

/// How many event streams one node holds open.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// In all.
    pub streams: u32,
    /// From one network address.
    pub streams_per_address: u32,
}

/// How endpoints are told of events.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Whether an endpoint may be on a private or loopback address.
    pub allow_private_addresses: bool,
    /// Seconds that an endpoint has to answer.
    pub timeout_seconds: u64,
}

/// What is logged, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A filter in `tracing`'s syntax.
    pub level: String,
    /// Text or JSON.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ConfigError {
    /// The file and line, or the variable.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl ConfigError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl Config {
    /// Reads the settings: the defaults, `file` (its name and text) over them, `environment` over both.
    pub fn load(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings: Table = DEFAULTS
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::new("config.default.toml", error.message()))?;
        if let Some((name, text)) = file {
            // Read once alone, so that an error points into the file as it was written.
            let parsed: Table = text.parse().map_err(|error| located(name, text, &error))?;
            merge(&mut settings, parsed);
            check_file(name, text, &settings)?;
        }
        for (name, value) in environment.into_iter().collect::<BTreeMap<_, _>>() {
            if let Some(path) = name.strip_prefix(PREFIX).filter(|_| !NOT_SETTINGS.contains(&name.as_str())) {
                set(&mut settings, &name, path, &value)?;
            }
        }
        let config: Self = settings
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::new("settings", error.message().to_owned()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let host_is_loopback = match self.public_url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let fine = self.public_url.scheme() == "https" || (self.public_url.scheme() == "http" && host_is_loopback);
        if !fine {
            return Err(ConfigError::new("public_url", "must start with https:// (http:// only on the loopback)"));
        }
        if self.public_url.path() != "/" || self.public_url.query().is_some() || self.public_url.fragment().is_some() {
            return Err(ConfigError::new(
                "public_url",
                "must be an origin, without a path: challenge pages live at its root",
            ));
        }
        if self.tls.is_on() && self.public_url.scheme() != "https" {
            return Err(ConfigError::new("public_url", "must start with https:// where [tls] has a certificate"));
        }
        let problem = self.data.problem().or_else(|| self.mail_domains.problem()).or_else(|| self.tls.problem());
        if let Some((place, what)) = problem {
            return Err(ConfigError::new(place, what));
        }
        if !(1..=60).contains(&self.webhooks.timeout_seconds) {
            return Err(ConfigError::new("webhooks.timeout_seconds", "must be a number from 1 to 60"));
        }
        self.database()?;
        Ok(())
    }

    /// Which database.
    pub fn database(&self) -> Result<Database, ConfigError> {
        let named = self.database.expose_secret();
        match named.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Database::Sqlite(self.data_dir.join(path))),
            None if named.starts_with("postgres://") || named.starts_with("postgresql://") => {
                Ok(Database::Postgres(self.database.clone()))
            }
            _ => Err(ConfigError::new(
                "database",
                "must be `sqlite:` and a file name, such as `sqlite:countersign.db`, or an address, such as \
                 `postgres://user:password@host:5432/countersign`",
            )),
        }
    }

    /// How messages leave.
    pub fn courier(&self) -> CourierConfig {
        CourierConfig { mail: self.mail.clone(), sms: self.sms.clone() }
    }

    /// The address of a page of ours.
    pub fn public(&self, path: &str) -> String {
        format!("{}{}", self.public_url.as_str().trim_end_matches('/'), path)
    }

    /// Whether browsers reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// The configured server key, if any.
    pub fn server_key(&self) -> Option<&str> {
        Some(self.server_key.expose_secret()).filter(|key| !key.is_empty())
    }

    /// Where the key is kept when none is configured.
    pub fn server_key_file(&self) -> PathBuf {
        self.data_dir.join("server.key")
    }
}

/// `over`'s settings go over `under`'s, table by table.
fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Whether the settings so far can be read, so that the error names the file and not the environment.
fn check_file(name: &str, text: &str, settings: &Table) -> Result<(), ConfigError> {
    match settings.clone().try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = error.message().to_owned();
            // The merged table has no places: find the line that names what the message names.
            let named = message.split('`').nth(1).unwrap_or_default().to_owned();
            let at = text.lines().position(|line| !named.is_empty() && line.trim_start().starts_with(&named));
            Err(ConfigError::new(at.map_or_else(|| name.to_owned(), |line| format!("{name}:{}", line + 1)), message))
        }
    }
}

fn located(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConfigError::new(format!("{name}:{line}:{column}"), error.message().to_owned())
}

/// Sets what the variable `name` says: `MAIL__SMTP` is `smtp` in `[mail]`. Values are read as TOML where that makes a
/// number, a truth value or an array of them, and as text otherwise.
fn set(settings: &mut Table, name: &str, path: &str, value: &str) -> Result<(), ConfigError> {
    let mut table = settings;
    let mut parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some(last) = parts.pop() else { return Ok(()) };
    for part in parts {
        let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
        match entry {
            Value::Table(inner) => table = inner,
            _ => return Err(ConfigError::new(name, "names a setting inside something that is no section")),
        }
    }
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
    let text_wanted = matches!(table.get(&last), Some(Value::String(_)));
    let value = match parsed {
        Some(parsed @ (Value::Integer(_) | Value::Boolean(_) | Value::Array(_))) if !text_wanted => parsed,
        _ => Value::String(value.to_owned()),
    };
    table.insert(last, value);
    Ok(())
}
