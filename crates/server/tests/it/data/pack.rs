//! The pack: it is what its manifest says, and it answers for addresses that everybody can look up elsewhere.

use countersign_engine::text::Phone;
use countersign_server::{
    api::signals::ClientSignals,
    enrich::{
        background::{self, Subject},
        data::{DataSets, Source, pack},
        phone, place,
    },
};
use sha2::{Digest, Sha256};

use super::{ip, open};

fn pack() -> DataSets {
    open(std::path::Path::new("."), "").unwrap()
}

#[test]
fn every_file_is_the_one_that_the_manifest_describes() {
    let manifest = pack::Manifest::of_pack().unwrap();
    let mut described = 0;
    for source in Source::ALL {
        let Some(bytes) = pack::bytes(source) else { continue };
        described += 1;
        let entry = manifest.entry(source).unwrap_or_else(|| panic!("{source:?} is not in the manifest"));
        let sum = Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(sum, entry.sha256, "{}: run `cargo run -p xtask -- data`", entry.file);
        assert!(entry.file.starts_with(entry.name.as_str()) && !entry.from.is_empty(), "{}", entry.name);
        assert!(!entry.licence.is_empty() && entry.date.parse::<jiff::civil::Date>().is_ok(), "{}", entry.name);
        let table = pack::table(source).unwrap();
        table.check().unwrap_or_else(|fault| panic!("{}: {fault}", entry.file));
        // Neighbours in a list of networks become one.
        assert!(table.entries() <= entry.entries && table.entries() * 2 > entry.entries, "{}", entry.file);
    }
    assert_eq!(manifest.source.len(), described, "the manifest describes what is not there");
}

#[test]
fn well_known_addresses_are_where_they_are() {
    let data = pack();
    for (address, country, asn) in [
        ("8.8.8.8", Some("US"), Some(15_169)),
        ("2001:4860:4860::8888", Some("US"), Some(15_169)),
        ("::ffff:8.8.8.8", Some("US"), Some(15_169)),
        ("88.198.0.1", Some("DE"), Some(24_940)),
        ("193.252.19.3", Some("FR"), Some(3_215)),
        ("133.11.0.1", Some("JP"), Some(2_501)),
    ] {
        let mut missing = Vec::new();
        let place = place::of(&data.current(), ip(address), &mut missing).unwrap();
        assert_eq!((place.country_code.as_deref(), place.asn), (country, asn), "{address}");
        assert_eq!(missing, ["proxy"], "{address}");
        assert_eq!(place.network.proxy, None);
    }
    let germany = place::of(&data.current(), ip("88.198.0.1"), &mut Vec::new()).unwrap();
    assert_eq!(germany.country.as_deref(), Some("Germany"));
}

#[test]
fn kinds_of_networks_are_told_apart() {
    let data = pack();
    for (address, [hosting, vpn, tor], crawler) in [
        ("88.198.0.1", [true, false, false], false),
        ("52.95.110.1", [true, false, false], false),
        ("193.252.19.3", [false, false, false], false),
        ("185.220.101.1", [false, false, true], false),
        ("66.249.66.1", [false, false, false], true),
    ] {
        let network = place::of(&data.current(), ip(address), &mut Vec::new()).unwrap().network;
        let found = [network.hosting, network.vpn, network.tor];
        assert_eq!(found, [hosting, vpn, tor].map(Some), "{address}");
        let published = place::in_crawler_network(&data.current(), ip(address), &mut Vec::new());
        assert_eq!(published, Some(crawler), "{address}");
    }
}

#[test]
fn of_an_address_that_is_not_public_nothing_is_known_or_missing() {
    for address in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "203.0.113.9", "2001:db8::1"] {
        let mut missing = Vec::new();
        assert_eq!(place::of(&pack().current(), ip(address), &mut missing), None, "{address}");
        assert!(missing.is_empty(), "{address}: {missing:?}");
    }
}

#[test]
fn mail_domains_zones_and_agents_are_known() {
    let data = pack();
    let data = data.current();
    let reading = |domain, agent, zone: &str| {
        let signals = ClientSignals { time_zone: Some(zone.to_owned()), ..ClientSignals::default() };
        let says = countersign_engine::signal::Agent::default();
        let subject =
            Subject { ip: None, agent: Some(agent), says: &says, signals: &signals, domain: Some(domain), phone: None };
        background::of(&data, subject, &mut Vec::new())
    };
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let person = reading("example.com", firefox, "Europe/Paris");
    assert_eq!(person.email_is_disposable, Some(false));
    assert_eq!((person.names_itself_program, person.shows_headless), (Some(false), Some(false)));
    assert!(person.time_zone_countries.unwrap().contains(&"FR".to_owned()));
    let program = reading("x.mailinator.com", "python-requests/2.32", "Asia/Calcutta");
    assert_eq!((program.email_is_disposable, program.names_itself_program), (Some(true), Some(true)));
    assert_eq!(program.time_zone_countries.as_deref(), Some(&["IN".to_owned()][..]));
    assert_eq!(reading("a.example", firefox, "UTC").time_zone_countries, None);
    assert_eq!(reading("a.example", &firefox.replace("Firefox", "HeadlessChrome"), "").shows_headless, Some(true));
    for (domain, wanted) in [("gmail.com", true), ("proton.me", true), ("example.com", false), ("x.gmail.com", false)] {
        assert_eq!(background::is_webmail(&data, domain, &mut Vec::new()), Some(wanted), "{domain}");
    }
    assert!(phone::read(&Phone::parse("+33612345678").unwrap()).is_possible);
}

#[test]
fn a_source_that_is_off_is_missing_and_leaves_its_checks_unknown() {
    let data = open(std::path::Path::new("."), "vpn = \"off\"\ndisposable_domains = \"off\"").unwrap();
    let mut missing = Vec::new();
    let place = place::of(&data.current(), ip("8.8.8.8"), &mut missing).unwrap();
    assert_eq!(place.network.vpn, None);
    let signals = ClientSignals::default();
    let says = countersign_engine::signal::Agent::default();
    let domain = Some("mailinator.com");
    let subject = Subject { ip: None, agent: None, says: &says, signals: &signals, domain, phone: None };
    assert_eq!(background::of(&data.current(), subject, &mut missing).email_is_disposable, None);
    assert_eq!(missing, ["vpn", "proxy", "disposable_domains"]);
}
