//! `MaxMind` DB files of the operator's own, in the shapes that are about: nested (`country.iso_code`), flat
//! (`country_code`) and flatter still (`country: "FR"`, `asn: "AS3215"`).

use std::net::IpAddr;

use countersign_engine::signal::Place;
use maxminddb::Reader;
use serde::Deserialize;

use super::{Fault, Source};

/// What every such file has near its end.
const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// How far from its end at most, by the format's definition.
const MARK_WITHIN: usize = 128 * 1_024;

/// A file, held in memory: one that is cut short while it is read can't take the server down, as a mapped one would.
#[derive(Debug)]
pub struct Mmdb(Reader<Vec<u8>>);

/// What may stand in a record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Named<'a>>,
    country_code: Option<&'a str>,
    #[serde(borrow)]
    city: Option<Named<'a>>,
    #[serde(borrow)]
    region: Option<Named<'a>>,
    state1: Option<&'a str>,
    #[serde(borrow)]
    subdivisions: Option<Vec<Named<'a>>>,
    location: Option<Location>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    asn: Option<Asn<'a>>,
}

/// `3215` or `"AS3215"`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Asn<'a> {
    Number(u32),
    Text(&'a str),
}

/// A name, bare or with what belongs to it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named<'a> {
    Bare(&'a str),
    Full {
        iso_code: Option<&'a str>,
        #[serde(borrow)]
        names: Option<Names<'a>>,
    },
}

#[derive(Debug, Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// What such files say of anonymous networks.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own fields")]
struct Flags {
    is_anonymous: bool,
    is_anonymous_vpn: bool,
    is_hosting_provider: bool,
    is_public_proxy: bool,
    is_residential_proxy: bool,
    is_tor_exit_node: bool,
}

impl Named<'_> {
    fn name(&self) -> Option<String> {
        match self {
            Self::Bare(name) => Some(*name),
            Self::Full { names, .. } => names.as_ref().and_then(|names| names.en),
        }
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Bare(code) => Some(code),
            Self::Full { iso_code, .. } => *iso_code,
        }
    }
}

impl Mmdb {
    /// Whether `bytes` are such a file.
    pub fn is_one(bytes: &[u8]) -> bool {
        let tail = bytes.get(bytes.len().saturating_sub(MARK_WITHIN)..).unwrap_or_default();
        tail.windows(MARK.len()).any(|window| window == MARK)
    }

    /// Reads a file, and one record of each 65,536 addresses of IPv4: a file that is damaged, or of a shape that isn't
    /// known, is found out here and not by a look-up. (The format's own check refuses files that are in common use
    /// for leaving out a description, and takes seconds over a large one.)
    pub fn read(bytes: Vec<u8>) -> Result<Self, Fault> {
        let reader = Reader::from_source(bytes).map_err(|error| Fault::whole(error.to_string()))?;
        for block in 0..=u16::MAX {
            let [a, b] = block.to_be_bytes();
            let address = IpAddr::from([a, b, 1, 1]);
            let found = reader.lookup(address).and_then(|found| found.decode::<Record<'_>>());
            found.map_err(|error| Fault::whole(format!("the record of {address} can't be read: {error}")))?;
        }
        Ok(Self(reader))
    }

    /// Seconds since the epoch at which it was built.
    pub fn built(&self) -> i64 {
        i64::try_from(self.0.metadata().build_epoch).unwrap_or(i64::MAX)
    }

    /// What it calls itself.
    pub fn kind(&self) -> &str {
        &self.0.metadata().database_type
    }

    /// Nodes of its tree: as near to a count of entries as such a file comes without being read through.
    pub fn entries(&self) -> usize {
        usize::try_from(self.0.metadata().node_count).unwrap_or(usize::MAX)
    }

    /// Where `ip` is.
    pub fn place(&self, ip: IpAddr) -> Option<Place> {
        let record = self.0.lookup(ip).ok()?.decode::<Record<'_>>().ok()??;
        let code = record.country_code.or_else(|| record.country.as_ref().and_then(Named::code));
        let region = record.subdivisions.as_ref().and_then(|all| all.first()).or(record.region.as_ref());
        let (latitude, longitude) = match record.location {
            Some(location) => (location.latitude, location.longitude),
            None => (record.latitude, record.longitude),
        };
        let plain = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Place {
            city: record.city.as_ref().and_then(Named::name),
            region: region.and_then(Named::name).or_else(|| plain(record.state1)),
            country_code: plain(code).filter(|code| code.len() == 2).map(|code| code.to_uppercase()),
            latitude,
            longitude,
            ..Place::default()
        })
    }

    /// The number of the autonomous system of `ip`.
    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        let record = self.0.lookup(ip).ok()?.decode::<Record<'_>>().ok()??;
        record.autonomous_system_number.or_else(|| match record.asn? {
            Asn::Number(number) => Some(number),
            Asn::Text(text) => text.trim_start_matches("AS").parse().ok(),
        })
    }

    /// Whether `ip` is of the kind that `source` is about. A record that says nothing of kinds stands for itself: its
    /// being there is the answer.
    pub fn contains(&self, source: Source, ip: IpAddr) -> bool {
        let Ok(found) = self.0.lookup(ip) else { return false };
        if !found.has_data() {
            return false;
        }
        let Ok(Some(flags)) = found.decode::<Flags>() else { return true };
        if !(flags.is_anonymous || flags.is_hosting_provider || flags.is_public_proxy) {
            return !self.kind().contains("Anonymous");
        }
        match source {
            Source::Hosting => flags.is_hosting_provider,
            Source::Vpn => flags.is_anonymous_vpn,
            Source::Proxy => flags.is_public_proxy || flags.is_residential_proxy,
            Source::Tor => flags.is_tor_exit_node,
            _ => true,
        }
    }
}
