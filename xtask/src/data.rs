//! Makes the default data pack: the files of `data/` and their manifest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use countersign_server::enrich::data::ranges::{self, Ranges};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Fault, marks, networks,
    packages::{ADDRESSES, CRAWLERS, DISPOSABLE, NETWORKS, Package, WEBMAIL, ZONES},
};

/// Free mail providers that the package is too old to know, or too American.
const WEBMAIL_BY_HAND: &str = include_str!("webmail.txt");
/// Marks that are added to the package's.
const PROGRAMS_BY_HAND: [&str; 9] = [
    "^python-",
    "^Go-http-client",
    "^okhttp/",
    "^node-fetch",
    // Those of the package that can't be written out.
    "AdsBot-Google",
    "BlogTraffic/",
    "ContextualBot",
    "currentreader.app",
    "www.spider.com/",
];

/// One file to be.
struct File {
    name: &'static str,
    path: &'static str,
    from: &'static [Package],
    licence: &'static str,
    note: &'static str,
    bytes: Vec<u8>,
    entries: usize,
}

/// Makes every file anew.
pub fn run() -> Result<(), Fault> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let work = tempfile::tempdir()?;
    let mut files = addresses(&ADDRESSES.fetch(work.path())?)?;
    files.extend(kinds(&NETWORKS.fetch(work.path())?)?);
    files.push(crawlers(&CRAWLERS.fetch(work.path())?)?);
    files.extend(domains(&DISPOSABLE.fetch(work.path())?, &WEBMAIL.fetch(work.path())?)?);
    files.extend(zones(&ZONES.fetch(work.path())?)?);
    let mut manifest = String::from(
        "# Where the files of this folder are from. Made by `cargo run -p xtask -- data`; not edited by hand.\n",
    );
    for file in &files {
        write_entry(&mut manifest, file)?;
        std::fs::write(target.join(file.path), &file.bytes)?;
        println!("{:24} {:>9} bytes {:>7} entries", file.path, file.bytes.len(), file.entries);
    }
    std::fs::write(target.join("manifest.toml"), manifest)?;
    std::fs::write(target.join("LICENCES.txt"), licences(work.path())?)?;
    Ok(())
}

/// The licences that ask to be handed on with the data.
fn licences(work: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    for (package, file) in [
        (NETWORKS, "iporigin-1.1.2.dist-info/licenses/LICENSE"),
        (CRAWLERS, "package/LICENSE"),
        (WEBMAIL, "package/LICENSE"),
        (ZONES, "package/LICENSE"),
    ] {
        let licence = std::fs::read_to_string(work.join(package.name).join(file))?;
        write!(text, "== {}\n\n{}\n\n", package.title(), licence.trim())?;
    }
    Ok(text)
}

fn write_entry(manifest: &mut String, file: &File) -> Result<(), Fault> {
    let from: Vec<String> = file.from.iter().map(|package| format!("\"{}\"", package.title())).collect();
    let date = file.from.iter().map(|package| package.date).min().unwrap_or_default();
    let sum = Sha256::digest(&file.bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let File { name, path, licence, note, entries, .. } = file;
    writeln!(
        manifest,
        "\n[[source]]\nname = \"{name}\"\nfile = \"{path}\"\nfrom = [{}]\ndate = \"{date}\"\nlicence = \"{licence}\"\n\
         entries = {entries}\nsha256 = \"{sum}\"\nnote = \"{note}\"",
        from.join(", ")
    )?;
    Ok(())
}

fn addresses(package: &Path) -> Result<Vec<File>, Fault> {
    let folder = package.join("detector/data");
    let countries = networks::countries(networks::unblock(&folder.join("user-country.mmdb.bz"))?)?;
    let systems = networks::systems(networks::unblock(&folder.join("origin-asn.mmdb.bz"))?)?;
    let file = |name, path, note, table: Ranges| File {
        name,
        path,
        from: &[ADDRESSES],
        licence: "PDDL-1.0",
        note,
        bytes: table.as_bytes().to_vec(),
        entries: table.entries(),
    };
    Ok(vec![
        file(
            "country",
            "country.ranges",
            "the project ip-location-db's user-country: where a range's users are",
            countries,
        ),
        file("asn", "asn.ranges", "the project ip-location-db's origin-asn: who announces a range", systems),
    ])
}

fn kinds(package: &Path) -> Result<Vec<File>, Fault> {
    let mut kinds: BTreeMap<String, Vec<ipnet::IpNet>> = networks::by_kind(&package.join("iporigin/data/ranges.bin"))?;
    let edge = kinds.remove("cdn").unwrap_or_default();
    kinds.entry("hosting".to_owned()).or_default().extend(edge);
    // As a table where it is long: text is parsed at every start.
    let hosting = ranges::parse_networks(&networks::text(kinds.remove("hosting").unwrap_or_default()))
        .map_err(|fault| fault.to_string())?;
    let file = |name, path, note, bytes, entries| File {
        name,
        path,
        from: &[NETWORKS],
        licence: "CC0-1.0 AND MIT",
        note,
        bytes,
        entries,
    };
    let mut text = |kind: &str, name, path, note| {
        let text = networks::text(kinds.remove(kind).unwrap_or_default());
        let entries = text.lines().count();
        file(name, path, note, text.into_bytes(), entries)
    };
    Ok(vec![
        text("vpn", "vpn", "vpn.txt", "Mullvad and ProtonVPN; without Apple's Private Relay"),
        text("tor", "tor", "tor.txt", "exits; they change daily, so refresh this one first"),
        text("bot", "crawler_networks", "crawler_networks.txt", "ranges that crawlers' operators publish"),
        file(
            "hosting",
            "hosting.ranges",
            "the providers' own feeds and CC0 lists; without the labels that had no licence",
            hosting.as_bytes().to_vec(),
            hosting.entries(),
        ),
    ])
}

fn lines<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.fold(String::new(), |text, line| text + line + "\n")
}

#[derive(Deserialize)]
struct Crawler {
    pattern: String,
}

fn crawlers(package: &Path) -> Result<File, Fault> {
    let text = std::fs::read_to_string(package.join("crawler-user-agents.json"))?;
    let crawlers: Vec<Crawler> = serde_json::from_str(&text)?;
    let mut all: BTreeSet<String> = PROGRAMS_BY_HAND.iter().map(|mark| (*mark).to_owned()).collect();
    for Crawler { pattern } in &crawlers {
        match marks::of(pattern) {
            Some(marks) => all.extend(marks),
            None => println!("left out, no plain mark: {pattern}"),
        }
    }
    let text = lines(all.iter().map(String::as_str));
    Ok(File {
        name: "crawler_agents",
        path: "crawler_agents.txt",
        from: &[CRAWLERS],
        licence: "MIT",
        note: "its expressions written out as plain marks; those that can't be are left out",
        entries: all.len(),
        bytes: text.into_bytes(),
    })
}

fn domains(disposable: &Path, webmail: &Path) -> Result<Vec<File>, Fault> {
    let text = std::fs::read_to_string(disposable.join("disposable_email_domains/__init__.py"))?;
    let list = text.split("blocklist = {").nth(1).and_then(|rest| rest.split('}').next()).ok_or("has no blocklist")?;
    let disposable: BTreeSet<&str> = list.split('\'').skip(1).step_by(2).collect();
    let free = std::fs::read_to_string(webmail.join("data/free.txt"))?;
    let by_hand = WEBMAIL_BY_HAND.lines().filter(|line| !line.starts_with('#'));
    let free: BTreeSet<&str> = free.lines().chain(by_hand).map(str::trim).filter(|line| !line.is_empty()).collect();
    let free: BTreeSet<&str> = free.difference(&disposable).copied().collect();
    let file = |name, path, from, licence, note, all: &BTreeSet<&str>| File {
        name,
        path,
        from,
        licence,
        note,
        entries: all.len(),
        bytes: lines(all.iter().copied()).into_bytes(),
    };
    Ok(vec![
        file(
            "disposable_domains",
            "disposable_domains.txt",
            &[DISPOSABLE],
            "CC0-1.0",
            "throw-away addresses; no relays that forward",
            &disposable,
        ),
        file(
            "webmail_domains",
            "webmail_domains.txt",
            &[WEBMAIL],
            "ISC",
            "with providers added by hand, without the throw-away ones",
            &free,
        ),
    ])
}

#[derive(Deserialize)]
struct Zones {
    timezones: BTreeMap<String, Zone>,
    countries: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Zone {
    countries: Vec<String>,
}

/// What the package says, through the package itself.
const ASK: &str = "const c = require(process.cwd()); const z = c.getAllTimezones({ deprecated: true }); const n = {}; \
     for (const [k, v] of Object.entries(c.getAllCountries({ deprecated: true }))) n[k] = v.name; \
     console.log(JSON.stringify({ timezones: z, countries: n }))";

fn zones(package: &Path) -> Result<Vec<File>, Fault> {
    let output = std::process::Command::new("node").args(["-e", ASK]).current_dir(package).output()?;
    let Zones { timezones, countries } = serde_json::from_slice(&output.stdout)?;
    let zones: Vec<String> = timezones
        .into_iter()
        .filter(|(_, zone)| !zone.countries.is_empty())
        .map(|(name, zone)| format!("{name}\t{}\n", zone.countries.join(" ")))
        .collect();
    let names: Vec<String> = countries.iter().map(|(code, name)| format!("{code}\t{name}\n")).collect();
    let file = |name, path, note, lines: &[String]| File {
        name,
        path,
        from: &[ZONES],
        licence: "MIT",
        note,
        entries: lines.len(),
        bytes: lines.concat().into_bytes(),
    };
    Ok(vec![
        file("time_zones", "time_zones.tsv", "the tz database's zone.tab, with the zones' former names", &zones),
        file("country_names", "country_names.tsv", "English names of ISO 3166-1 codes", &names),
    ])
}
