//! The default pack: the files of `data/`, compiled in, and the manifest that says where they are from.
//!
//! `cargo run -p xtask -- data` makes them anew. The pages of a compiled-in file are the binary's own: they are read
//! when a look-up touches them, and given back under pressure.

use serde::Deserialize;

use super::{Fault, Source, Table, agents::Agents, lines::Lines, ranges, ranges::Ranges};

/// The manifest, as it stands in `data/manifest.toml`.
pub const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/manifest.toml"));

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/", $name)).as_slice()
    };
}

/// What the manifest says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Every file.
    pub source: Vec<Entry>,
}

/// What the manifest says of one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The source's name.
    pub name: String,
    /// The file in `data/`.
    pub file: String,
    /// The packages that it was made from, with versions.
    pub from: Vec<String>,
    /// The day of the oldest of them.
    pub date: String,
    /// SPDX expression of the data's licence.
    pub licence: String,
    /// How many entries it has.
    pub entries: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// What to know about it.
    pub note: String,
}

impl Manifest {
    /// The pack's own.
    pub fn of_pack() -> Result<Self, Fault> {
        toml::from_str(MANIFEST).map_err(|error| Fault::whole(error.message().to_owned()))
    }

    /// What it says of `source`.
    pub fn entry(&self, source: Source) -> Option<&Entry> {
        self.source.iter().find(|entry| entry.name == source.name())
    }
}

/// The bytes of a file of the pack; `None` where the pack has none.
pub fn bytes(source: Source) -> Option<&'static [u8]> {
    Some(match source {
        Source::Country => file!("country.ranges"),
        Source::Asn => file!("asn.ranges"),
        Source::Hosting => file!("hosting.ranges"),
        Source::Vpn => file!("vpn.txt"),
        Source::Tor => file!("tor.txt"),
        Source::CrawlerNetworks => file!("crawler_networks.txt"),
        Source::CrawlerAgents => file!("crawler_agents.txt"),
        Source::DisposableDomains => file!("disposable_domains.txt"),
        Source::WebmailDomains => file!("webmail_domains.txt"),
        Source::TimeZones => file!("time_zones.tsv"),
        Source::CountryNames => file!("country_names.tsv"),
        Source::City | Source::Proxy | Source::AcceptAllDomains => return None,
    })
}

/// The pack's table of `source`.
pub fn table(source: Source) -> Result<Table, Fault> {
    let bytes = bytes(source).ok_or_else(|| Fault::whole("the pack has no such source"))?;
    let text = || std::str::from_utf8(bytes).map_err(|error| Fault::at_byte(error.valid_up_to(), "is no text"));
    match source {
        Source::Country | Source::Asn | Source::City | Source::Hosting => Ranges::read(bytes.into()).map(Table::Ranges),
        Source::Vpn | Source::Proxy | Source::Tor | Source::CrawlerNetworks => {
            ranges::parse_networks(text()?).map(Table::Ranges)
        }
        Source::CrawlerAgents => Agents::parse(text()?).map(Table::Agents),
        Source::DisposableDomains
        | Source::WebmailDomains
        | Source::AcceptAllDomains
        | Source::TimeZones
        | Source::CountryNames => Ok(Table::Lines(Lines::sorted(text()?))),
    }
}
