//! The data sets behind the checks: which there are, where each comes from, and the set of them that is in use.
//!
//! A source is the pack's (compiled in), a file of the operator's, or off. Files are looked at again while the server
//! runs; one that can't be read leaves what was read before in use. What a look-up is for is none of this module's
//! business: see `place.rs` and its neighbours.

pub mod agents;
pub mod config;
pub mod lines;
pub mod mmdb;
pub mod pack;
pub mod ranges;
pub mod report;
mod table;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use arc_swap::{ArcSwap, Guard};

pub use config::{DataConfig, Setting};
pub use table::Table;

/// One data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Address to country.
    Country,
    /// Address to autonomous system.
    Asn,
    /// Address to city, region, coordinates, and country.
    City,
    /// Networks of hosting providers.
    Hosting,
    /// Exits of VPN services.
    Vpn,
    /// Open and residential proxies.
    Proxy,
    /// Tor exits.
    Tor,
    /// Networks that crawlers come from, as their operators publish them.
    CrawlerNetworks,
    /// How crawlers and other programs name themselves.
    CrawlerAgents,
    /// Domains of throw-away addresses.
    DisposableDomains,
    /// Domains of free mail providers.
    WebmailDomains,
    /// Domains that take mail for any name.
    AcceptAllDomains,
    /// Time zone to countries.
    TimeZones,
    /// Country code to name.
    CountryNames,
}

impl Source {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 14] = [
        Self::Country,
        Self::Asn,
        Self::City,
        Self::Hosting,
        Self::Vpn,
        Self::Proxy,
        Self::Tor,
        Self::CrawlerNetworks,
        Self::CrawlerAgents,
        Self::DisposableDomains,
        Self::WebmailDomains,
        Self::AcceptAllDomains,
        Self::TimeZones,
        Self::CountryNames,
    ];

    /// The name in settings, in the pack's manifest, and under `degraded`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
            Self::City => "city",
            Self::Hosting => "hosting",
            Self::Vpn => "vpn",
            Self::Proxy => "proxy",
            Self::Tor => "tor",
            Self::CrawlerNetworks => "crawler_networks",
            Self::CrawlerAgents => "crawler_agents",
            Self::DisposableDomains => "disposable_domains",
            Self::WebmailDomains => "webmail_domains",
            Self::AcceptAllDomains => "accept_all_domains",
            Self::TimeZones => "time_zones",
            Self::CountryNames => "country_names",
        }
    }

    /// Whether it loses its worth by the month: providers, zones and countries change by the year.
    pub const fn ages(self) -> bool {
        !matches!(self, Self::WebmailDomains | Self::TimeZones | Self::CountryNames)
    }
}

/// What is wrong with a file, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    place: Option<(&'static str, usize)>,
    what: String,
}

impl Fault {
    pub(crate) fn at_line(line: usize, what: impl Into<String>) -> Self {
        Self { place: Some(("line", line)), what: what.into() }
    }

    pub(crate) fn at_byte(byte: usize, what: impl Into<String>) -> Self {
        Self { place: Some(("byte", byte)), what: what.into() }
    }

    pub(crate) fn whole(what: impl Into<String>) -> Self {
        Self { place: None, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((unit, place)) => write!(f, "{unit} {place}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A source that can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("data.{}: {file}: {fault}", source_name.name())]
pub struct DataError {
    /// Which.
    pub source_name: Source,
    /// Its file.
    pub file: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What a file looked like when it was last read.
type Stamp = Option<(SystemTime, u64)>;

/// One source as it is in use.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Which.
    pub source: Source,
    /// Where it comes from.
    pub setting: Setting,
    /// What it says; `None` when it is off.
    pub table: Option<Arc<Table>>,
    /// The file's date in milliseconds since the epoch; the pack's stands in its manifest.
    pub dated: Option<i64>,
    /// Why the file that is there now is not in use.
    pub trouble: Option<Fault>,
    stamp: Stamp,
}

impl Slot {
    fn open(source: Source, setting: Setting) -> Result<Self, DataError> {
        let mut slot = Self { source, setting, table: None, dated: None, trouble: None, stamp: None };
        match &slot.setting {
            Setting::Off => {}
            Setting::Builtin => slot.table = Some(Arc::new(pack::table(source).map_err(|fault| slot.error(fault))?)),
            Setting::File(path) => {
                slot.stamp = stamp(path);
                let (table, dated) = read(source, path, slot.stamp).map_err(|fault| slot.error(fault))?;
                (slot.table, slot.dated) = (Some(Arc::new(table)), dated);
            }
        }
        Ok(slot)
    }

    /// The slot after a look at its file, if that has changed.
    fn again(&self) -> Option<Self> {
        let Setting::File(path) = &self.setting else { return None };
        let now = stamp(path);
        if now == self.stamp {
            return None;
        }
        let mut slot = Self { stamp: now, trouble: None, ..self.clone() };
        match read(self.source, path, now) {
            Ok((table, dated)) => (slot.table, slot.dated) = (Some(Arc::new(table)), dated),
            Err(fault) => slot.trouble = Some(fault),
        }
        Some(slot)
    }

    fn error(&self, fault: Fault) -> DataError {
        let file = match &self.setting {
            Setting::File(path) => path.display().to_string(),
            Setting::Builtin | Setting::Off => "builtin".to_owned(),
        };
        DataError { source_name: self.source, file, fault }
    }
}

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn read(source: Source, path: &PathBuf, stamp: Stamp) -> Result<(Table, Option<i64>), Fault> {
    let bytes = std::fs::read(path).map_err(|error| Fault::whole(format!("can't be read: {error}")))?;
    let table = Table::read(source, bytes)?;
    let modified = stamp.and_then(|(time, _)| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let modified = modified.and_then(|since| i64::try_from(since.as_millis()).ok());
    let dated = table.built().map(|seconds| seconds.saturating_mul(1_000)).or(modified);
    Ok((table, dated))
}

/// Every source as it is in use at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot(Vec<Slot>);

impl Snapshot {
    /// What `source` says, if it is there.
    pub fn table(&self, source: Source) -> Option<&Table> {
        self.slots().find(|slot| slot.source == source)?.table.as_deref()
    }

    /// What `source` says; its name is noted where it is missing.
    pub fn ask(&self, source: Source, missing: &mut Vec<String>) -> Option<&Table> {
        let table = self.table(source);
        if table.is_none() && !missing.iter().any(|name| name == source.name()) {
            missing.push(source.name().to_owned());
        }
        table
    }

    /// Every source.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }
}

/// The data sets, replaced as a whole when one of them changed.
#[derive(Debug)]
pub struct DataSets(ArcSwap<Snapshot>);

impl DataSets {
    /// Reads every source that the settings name, or says which can't be read.
    pub fn open(config: &DataConfig, folder: &Path) -> Result<Self, DataError> {
        let slots: Result<Vec<Slot>, DataError> =
            Source::ALL.into_iter().map(|source| Slot::open(source, config.setting(source, folder))).collect();
        Ok(Self(ArcSwap::from_pointee(Snapshot(slots?))))
    }

    /// What is in use now.
    pub fn current(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// Looks at every file again and takes in what has changed; says what could not be. It reads files: not for a
    /// thread that answers requests.
    pub fn refresh(&self) -> (Vec<Source>, Vec<DataError>) {
        let current = self.0.load_full();
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        let mut next = Snapshot::clone(&current);
        for slot in &mut next.0 {
            let Some(changed) = slot.again() else { continue };
            match &changed.trouble {
                Some(fault) => refused.push(changed.error(fault.clone())),
                None => taken.push(changed.source),
            }
            *slot = changed;
        }
        if !(taken.is_empty() && refused.is_empty()) {
            self.0.store(Arc::new(next));
        }
        (taken, refused)
    }
}
