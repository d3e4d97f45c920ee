//! What an operator wants to know of each source: where it is from, how old it is, and whether anything is wrong.

use std::path::Path;

use countersign_engine::time::{DAY, Timestamp};
use jiff::{civil::Date, tz::TimeZone};

use super::{DataConfig, Fault, Setting, Slot, Source, pack::Manifest};

/// One source, reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// `off`, or where it is from and which version it is.
    pub version: String,
    /// Whole days since it was made, where that is known.
    pub age_days: Option<i64>,
    /// How many entries it has (of a `MaxMind` DB: nodes).
    pub entries: Option<usize>,
    /// Its licence; a file of the operator's is theirs to know.
    pub licence: String,
    /// What is wrong with it, and what to do.
    pub trouble: Option<String>,
}

/// Reads every source as a start would, and goes on where a start would stop.
pub fn of(config: &DataConfig, folder: &Path, now: Timestamp) -> Result<Vec<Report>, Fault> {
    let manifest = Manifest::of_pack()?;
    let report = |source| one(&manifest, source, config.setting(source, folder), (config.max_age_days, now));
    Ok(Source::ALL.into_iter().map(report).collect())
}

fn one(manifest: &Manifest, source: Source, setting: Setting, (most, now): (u32, Timestamp)) -> Report {
    let mut report = Report {
        name: source.name(),
        version: "off".to_owned(),
        age_days: None,
        entries: None,
        licence: String::new(),
        trouble: None,
    };
    let mut dated = None;
    match &setting {
        Setting::Off => return report,
        Setting::Builtin => {
            if let Some(entry) = manifest.entry(source) {
                report.version = format!("{} of {}", entry.from.join(", "), entry.date);
                report.licence.clone_from(&entry.licence);
                dated = day(&entry.date);
            }
        }
        Setting::File(path) => {
            report.version = path.display().to_string();
            "your own".clone_into(&mut report.licence);
        }
    }
    match Slot::open(source, setting) {
        Ok(slot) => {
            dated = dated.or(slot.dated);
            report.entries = slot.table.as_ref().map(|table| table.entries());
            report.trouble = slot.table.and_then(|table| table.check().err()).map(|fault| fault.to_string());
        }
        Err(error) => report.trouble = Some(error.fault.to_string()),
    }
    report.age_days = dated.map(|dated| now.since(Timestamp::from_millis(dated)).max(0) / DAY);
    let is_old = source.ages() && report.age_days.is_some_and(|days| days > i64::from(most));
    if report.trouble.is_none() && is_old {
        report.trouble = Some(format!("is older than {most} days: replace it, or raise data.max_age_days"));
    }
    report
}

/// Milliseconds since the epoch at which a day of the manifest begins.
fn day(date: &str) -> Option<i64> {
    let date: Date = date.parse().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}
