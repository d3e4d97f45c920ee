//! What one source says, whatever kind of file it came from, and the look-ups that it answers.

use std::net::IpAddr;

use countersign_engine::signal::Place;

use super::{Fault, Source, agents::Agents, lines::Lines, mmdb::Mmdb, ranges, ranges::Ranges};

/// One source, read.
#[derive(Debug)]
pub enum Table {
    /// Ranges of addresses.
    Ranges(Ranges),
    /// An operator's `MaxMind` DB file.
    Mmdb(Mmdb),
    /// Domains, or keys and what is said of them.
    Lines(Lines),
    /// Marks of user agents.
    Agents(Agents),
}

impl Table {
    /// Reads a file of the operator's for `source`: what kind it is shows in the bytes.
    pub fn read(source: Source, bytes: Vec<u8>) -> Result<Self, Fault> {
        match source {
            Source::Country | Source::Asn | Source::City => addresses(bytes)?
                .ok_or_else(|| Fault::whole("is no MaxMind DB file (`.mmdb`), which is what this source is read from")),
            Source::Hosting | Source::Vpn | Source::Proxy | Source::Tor | Source::CrawlerNetworks => {
                let bytes = match addresses_or_text(bytes)? {
                    Ok(table) => return Ok(table),
                    Err(text) => text,
                };
                ranges::parse_networks(&bytes).map(Self::Ranges)
            }
            Source::CrawlerAgents => Agents::parse(&text(bytes)?).map(Self::Agents),
            Source::DisposableDomains | Source::WebmailDomains | Source::AcceptAllDomains => {
                Lines::domains(&text(bytes)?).map(Self::Lines)
            }
            Source::TimeZones | Source::CountryNames => Lines::pairs(&text(bytes)?).map(Self::Lines),
        }
    }

    /// Where `ip` is, as far as this source says.
    pub fn place(&self, ip: IpAddr) -> Option<Place> {
        match self {
            Self::Mmdb(file) => file.place(ip),
            Self::Ranges(ranges) => {
                let code = ranges.get(ip).and_then(|code| u16::try_from(code).ok())?.to_be_bytes();
                let country_code = std::str::from_utf8(&code).ok().map(str::to_owned);
                Some(Place { country_code, ..Place::default() })
            }
            Self::Lines(_) | Self::Agents(_) => None,
        }
    }

    /// The number of the autonomous system of `ip`.
    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        match self {
            Self::Mmdb(file) => file.asn(ip),
            Self::Ranges(ranges) => ranges.get(ip),
            Self::Lines(_) | Self::Agents(_) => None,
        }
    }

    /// Whether `ip` is in this set, which is the one of `source`.
    pub fn contains(&self, source: Source, ip: IpAddr) -> bool {
        match self {
            Self::Mmdb(file) => file.contains(source, ip),
            Self::Ranges(ranges) => ranges.get(ip).is_some(),
            Self::Lines(_) | Self::Agents(_) => false,
        }
    }

    /// What is said of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        if let Self::Lines(lines) = self { lines.get(key) } else { None }
    }

    /// Whether `domain`, or one that it is part of, is in this list.
    pub fn covers(&self, domain: &str) -> bool {
        if let Self::Lines(lines) = self { lines.covers(domain) } else { false }
    }

    /// Whether a user agent bears one of these marks.
    pub fn marks(&self, agent: &str) -> bool {
        if let Self::Agents(agents) = self { agents.matches(agent) } else { false }
    }

    /// How many entries it has (of a `MaxMind` DB: nodes).
    pub fn entries(&self) -> usize {
        match self {
            Self::Ranges(ranges) => ranges.entries(),
            Self::Mmdb(file) => file.entries(),
            Self::Lines(lines) => lines.entries(),
            Self::Agents(agents) => agents.entries(),
        }
    }

    /// Whether it is in the order that look-ups rely on.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Ranges(ranges) => ranges.check(),
            Self::Lines(lines) => lines.check(),
            // Checked as it was read, or in no order.
            Self::Mmdb(_) | Self::Agents(_) => Ok(()),
        }
    }

    /// Seconds since the epoch at which it was built, if it says so.
    pub fn built(&self) -> Option<i64> {
        if let Self::Mmdb(file) = self { Some(file.built()) } else { None }
    }
}

/// A table of addresses in a binary format; `None` for anything else.
fn addresses(bytes: Vec<u8>) -> Result<Option<Table>, Fault> {
    if bytes.starts_with(ranges::MAGIC) {
        let ranges = Ranges::read(bytes.into())?;
        ranges.check()?;
        return Ok(Some(Table::Ranges(ranges)));
    }
    if Mmdb::is_one(&bytes) {
        return Mmdb::read(bytes).map(Table::Mmdb).map(Some);
    }
    Ok(None)
}

/// The same, with text handed back.
fn addresses_or_text(bytes: Vec<u8>) -> Result<Result<Table, String>, Fault> {
    if bytes.starts_with(ranges::MAGIC) || Mmdb::is_one(&bytes) {
        return addresses(bytes)?.map(Ok).ok_or_else(|| Fault::whole("can't be read"));
    }
    text(bytes).map(Err)
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::at_byte(at, "is neither text in UTF-8 nor a file that this source is read from")
    })
}
