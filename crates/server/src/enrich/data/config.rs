//! The settings of the data sets.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Source;

/// Where each source comes from: `builtin`, `off`, or a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Address to country.
    pub country: String,
    /// Address to autonomous system.
    pub asn: String,
    /// Address to city.
    pub city: String,
    /// Networks of hosting providers.
    pub hosting: String,
    /// Exits of VPN services.
    pub vpn: String,
    /// Proxies.
    pub proxy: String,
    /// Tor exits.
    pub tor: String,
    /// Networks of crawlers.
    pub crawler_networks: String,
    /// How crawlers name themselves.
    pub crawler_agents: String,
    /// Domains of throw-away addresses.
    pub disposable_domains: String,
    /// Domains of free mail providers.
    pub webmail_domains: String,
    /// Domains that take mail for any name.
    pub accept_all_domains: String,
    /// Time zone to countries.
    pub time_zones: String,
    /// Seconds between looks at the files.
    pub check_seconds: u64,
    /// Days after which `countersign doctor` finds a source too old.
    pub max_age_days: u32,
}

/// Where a source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The pack that is compiled in.
    Builtin,
    /// Nowhere: what depends on it is unknown.
    Off,
    /// A file of the operator's.
    File(PathBuf),
}

impl DataConfig {
    /// Where `source` comes from; a file's name counts from `folder`.
    pub fn setting(&self, source: Source, folder: &Path) -> Setting {
        match self.written(source) {
            "builtin" => Setting::Builtin,
            "off" | "" => Setting::Off,
            file => Setting::File(folder.join(file)),
        }
    }

    /// The setting that can't be, if there is one, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        const NOT_IN_PACK: &str = "the pack has no such source: name a file, or write `off`";
        if self.check_seconds == 0 {
            return Some(("data.check_seconds", "must be 1 or more"));
        }
        let missing = |source| self.written(source) == "builtin";
        match () {
            () if missing(Source::City) => Some(("data.city", NOT_IN_PACK)),
            () if missing(Source::Proxy) => Some(("data.proxy", NOT_IN_PACK)),
            () if missing(Source::AcceptAllDomains) => Some(("data.accept_all_domains", NOT_IN_PACK)),
            () => None,
        }
    }

    fn written(&self, source: Source) -> &str {
        match source {
            Source::Country => &self.country,
            Source::Asn => &self.asn,
            Source::City => &self.city,
            Source::Hosting => &self.hosting,
            Source::Vpn => &self.vpn,
            Source::Proxy => &self.proxy,
            Source::Tor => &self.tor,
            Source::CrawlerNetworks => &self.crawler_networks,
            Source::CrawlerAgents => &self.crawler_agents,
            Source::DisposableDomains => &self.disposable_domains,
            Source::WebmailDomains => &self.webmail_domains,
            Source::AcceptAllDomains => &self.accept_all_domains,
            Source::TimeZones => &self.time_zones,
            // Names are names: there is nothing to choose.
            Source::CountryNames => "builtin",
        }
    }
}
