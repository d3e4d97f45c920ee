//! Files of the operator's own: lists and `MaxMind` DB files in every shape, replaced while they are in use.

use std::fs;

use countersign_engine::signal::{Network, Place};
use countersign_server::enrich::{data::Source, place};
use serde_json::{Value, json};

use super::{ip, open};

/// A small `MaxMind` DB file: networks of IPv4, `a.b.c.d/n`, and their records.
pub fn mmdb(kind: &str, records: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = vec![[Node::Nothing; 2]];
    let mut data = Vec::new();
    for (network, record) in records {
        let network: ipnet::Ipv4Net = network.parse().unwrap();
        let bits = u32::from(network.network());
        let (mut at, offset) = (0, data.len());
        encode(&mut data, record);
        for depth in 0..network.prefix_len() {
            let side = (bits >> (31 - depth) & 1) as usize;
            if depth + 1 == network.prefix_len() {
                tree[at][side] = Node::Record(offset);
            } else if let Node::Branch(next) = tree[at][side] {
                at = next;
            } else {
                tree.push([Node::Nothing; 2]);
                tree[at][side] = Node::Branch(tree.len() - 1);
                at = tree.len() - 1;
            }
        }
    }
    let mut bytes = Vec::new();
    for node in tree.iter().flatten() {
        let pointer = match node {
            Node::Nothing => tree.len(),
            Node::Branch(next) => *next,
            Node::Record(offset) => tree.len() + 16 + offset,
        };
        bytes.extend_from_slice(&u32::try_from(pointer).unwrap().to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let about = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_780_000_000,
        "database_type": kind, "description": {"en": "for a test"}, "ip_version": 4, "languages": ["en"],
        "node_count": tree.len(), "record_size": 32,
    });
    encode(&mut bytes, &about);
    bytes
}

#[derive(Clone, Copy)]
enum Node {
    Nothing,
    Branch(usize),
    Record(usize),
}

/// The format's own encoding; whole numbers take the type that their name asks for.
fn encode(bytes: &mut Vec<u8>, value: &Value) {
    let head = |bytes: &mut Vec<u8>, kind: u8, size: usize| {
        let size = u8::try_from(size).unwrap();
        let (low, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
        bytes.push(if kind < 8 { kind << 5 | low } else { low });
        bytes.extend((kind >= 8).then(|| kind - 7));
        bytes.extend(more);
    };
    match value {
        Value::String(text) => {
            head(bytes, 2, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) if number.is_f64() => {
            head(bytes, 3, 8);
            bytes.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
        }
        Value::Number(number) => {
            head(bytes, 6, 4);
            bytes.extend_from_slice(&u32::try_from(number.as_u64().unwrap()).unwrap().to_be_bytes());
        }
        Value::Object(map) => {
            head(bytes, 7, map.len());
            for (key, value) in map {
                encode(bytes, &json!(key));
                match (key.as_str(), value) {
                    (
                        "binary_format_major_version" | "binary_format_minor_version" | "ip_version" | "record_size",
                        n,
                    ) => {
                        head(bytes, 5, 2);
                        bytes.extend_from_slice(&u16::try_from(n.as_u64().unwrap()).unwrap().to_be_bytes());
                    }
                    ("build_epoch", n) => {
                        head(bytes, 9, 8);
                        bytes.extend_from_slice(&n.as_u64().unwrap().to_be_bytes());
                    }
                    _ => encode(bytes, value),
                }
            }
        }
        Value::Array(values) => {
            head(bytes, 11, values.len());
            for value in values {
                encode(bytes, value);
            }
        }
        Value::Bool(yes) => head(bytes, 14, usize::from(*yes)),
        Value::Null => panic!("the format has no null"),
    }
}

#[test]
fn cities_are_read_in_both_shapes() {
    let nested = json!({
        "city": {"geoname_id": 1, "names": {"de": "Paris", "en": "Paris"}},
        "country": {"iso_code": "FR", "names": {"en": "France"}},
        "location": {"latitude": 48.85, "longitude": 2.35, "time_zone": "Europe/Paris"},
        "subdivisions": [{"iso_code": "IDF", "names": {"en": "Île-de-France"}}],
    });
    let flat = json!({
        "city": "Paris", "country_code": "FR", "latitude": 48.85, "longitude": 2.35, "state1": "Île-de-France",
        "postcode": "75001",
    });
    let wanted = Place {
        city: Some("Paris".to_owned()),
        region: Some("Île-de-France".to_owned()),
        country: Some("France".to_owned()),
        country_code: Some("FR".to_owned()),
        latitude: Some(48.85),
        longitude: Some(2.35),
        ..Place::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for (shape, record) in [("nested", nested), ("flat", flat)] {
        fs::write(folder.path().join("city.mmdb"), mmdb("Some-City", &[("8.8.0.0/16", record)])).unwrap();
        let data = open(folder.path(), "city = \"city.mmdb\"").unwrap();
        let place = place::of(&data.current(), ip("8.8.8.8"), &mut Vec::new()).unwrap();
        assert_eq!(Place { asn: None, network: Network::default(), ..place }, wanted, "{shape}");
        // Where the file knows nothing, the country is known still.
        let elsewhere = place::of(&data.current(), ip("88.198.0.1"), &mut Vec::new()).unwrap();
        assert_eq!((elsewhere.city, elsewhere.country_code.as_deref()), (None, Some("DE")), "{shape}");
    }
}

#[test]
fn countries_and_systems_are_read_in_every_shape() {
    let folder = tempfile::tempdir().unwrap();
    for record in [
        json!({"country": {"iso_code": "JP"}, "autonomous_system_number": 64_500}),
        json!({"country_code": "JP", "autonomous_system_number": 64_500}),
        json!({"country": "JP", "asn": "AS64500"}),
    ] {
        let file = mmdb("Own", &[("8.8.8.0/24", record.clone())]);
        fs::write(folder.path().join("own.mmdb"), file).unwrap();
        let data = open(folder.path(), "country = \"own.mmdb\"\nasn = \"own.mmdb\"").unwrap();
        let place = place::of(&data.current(), ip("8.8.8.8"), &mut Vec::new()).unwrap();
        assert_eq!((place.country_code.as_deref(), place.asn), (Some("JP"), Some(64_500)), "{record}");
        let outside = place::of(&data.current(), ip("8.8.9.1"), &mut Vec::new()).unwrap();
        assert_eq!((outside.country_code, outside.asn), (None, None), "{record}");
    }
}

#[test]
fn a_file_of_anonymous_networks_answers_each_kind_by_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let flags = |flag: &str| json!({"is_anonymous": true, flag: true});
    let file = mmdb(
        "Own-Anonymous-IP",
        &[
            ("8.8.1.0/24", flags("is_anonymous_vpn")),
            ("8.8.2.0/24", flags("is_residential_proxy")),
            ("8.8.3.0/24", flags("is_tor_exit_node")),
            ("8.8.4.0/24", flags("is_hosting_provider")),
        ],
    );
    fs::write(folder.path().join("a.mmdb"), file).unwrap();
    let lines = ["vpn", "proxy", "tor", "hosting"].map(|name| format!("{name} = \"a.mmdb\"")).join("\n");
    let data = open(folder.path(), &lines).unwrap();
    for (kind, address) in ["8.8.1.1", "8.8.2.1", "8.8.3.1", "8.8.4.1", "8.8.5.1"].into_iter().enumerate() {
        let network = place::of(&data.current(), ip(address), &mut Vec::new()).unwrap().network;
        let found = [network.vpn, network.proxy, network.tor, network.hosting];
        assert_eq!(found, [0, 1, 2, 3].map(|wanted| Some(wanted == kind)), "{address}");
    }
}

#[test]
fn a_replaced_file_is_taken_in_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vpn.txt");
    fs::write(&file, "8.8.8.0/24\n").unwrap();
    let data = open(folder.path(), "vpn = \"vpn.txt\"").unwrap();
    let is_vpn = |address| place::of(&data.current(), ip(address), &mut Vec::new()).unwrap().network.vpn;
    assert_eq!((is_vpn("8.8.8.8"), is_vpn("1.1.1.1")), (Some(true), Some(false)));
    assert!(matches!(data.refresh(), (taken, refused) if taken.is_empty() && refused.is_empty()));

    fs::write(&file, "8.8.8.0/24\n1.1.1.1\n").unwrap();
    assert_eq!(data.refresh().0, [Source::Vpn]);
    assert_eq!((is_vpn("8.8.8.8"), is_vpn("1.1.1.1")), (Some(true), Some(true)));

    fs::write(&file, "8.8.8.0/24\n\nnonsense\n").unwrap();
    let (taken, refused) = data.refresh();
    let said: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert!(taken.is_empty() && said.len() == 1, "{said:?}");
    assert!(said[0].starts_with("data.vpn: ") && said[0].contains("vpn.txt: line 3: "), "{said:?}");
    assert_eq!(is_vpn("1.1.1.1"), Some(true), "the one before stays in use");
    assert!(data.current().slots().any(|slot| slot.source == Source::Vpn && slot.trouble.is_some()));
    assert!(data.refresh().1.is_empty(), "it is said once");

    fs::remove_file(&file).unwrap();
    assert_eq!(data.refresh().1.len(), 1);
    assert_eq!(is_vpn("1.1.1.1"), Some(true));

    fs::write(&file, "9.9.9.9\n").unwrap();
    assert_eq!(data.refresh().0, [Source::Vpn]);
    assert_eq!((is_vpn("1.1.1.1"), is_vpn("9.9.9.9")), (Some(false), Some(true)));
    assert!(data.current().slots().all(|slot| slot.trouble.is_none()));
}

#[test]
fn what_can_not_be_read_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = mmdb("Own", &[("8.8.8.0/24", json!({"country_code": "JP"}))]);
    fs::write(folder.path().join("cut.mmdb"), &whole[..whole.len() / 2]).unwrap();
    let mut bent = whole.clone();
    bent[..8].fill(0xff);
    fs::write(folder.path().join("bent.mmdb"), bent).unwrap();
    fs::write(folder.path().join("bad.txt"), "example.com\nnot a domain\n").unwrap();
    fs::write(folder.path().join("binary"), [b'a', 0xff]).unwrap();
    for (line, said) in [
        ("country = \"gone.mmdb\"", "gone.mmdb: can't be read: "),
        ("country = \"cut.mmdb\"", "cut.mmdb: is no MaxMind DB file"),
        ("country = \"bent.mmdb\"", "bent.mmdb: "),
        ("tor = \"binary\"", "binary: byte 1: is neither text"),
        ("webmail_domains = \"bad.txt\"", "bad.txt: line 2: a line is a domain"),
    ] {
        let error = open(folder.path(), line).unwrap_err().to_string();
        assert!(error.starts_with("data.") && error.contains(said), "{error}");
    }
}

#[test]
fn a_report_names_what_is_old_or_broken() {
    use countersign_engine::time::{DAY, Timestamp};
    use countersign_server::{config::Config, enrich::data::report};
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("city.mmdb"), mmdb("My-City", &[("8.8.8.0/24", json!({"country_code": "JP"}))]))
        .unwrap();
    fs::write(folder.path().join("tor.txt"), "not an address\n").unwrap();
    let settings = "[data]\ncity = \"city.mmdb\"\ntor = \"tor.txt\"\nmax_age_days = 100\n";
    let config = Config::load(Some(("test.toml", settings)), []).unwrap();
    let at = |day: i64| report::of(&config.data, folder.path(), Timestamp::from_millis(day * DAY)).unwrap();
    // The file says that it was built at 1,780,000,000 s; the pack's addresses are of 16 September 2026, day 20,712.
    let built = 1_780_000_000 / 86_400;
    for (day, in_trouble) in [
        (built + 100, vec!["tor"]),
        (built + 102, vec!["city", "tor"]),
        (20_813, vec!["country", "asn", "city", "tor"]),
    ] {
        let reports = at(day);
        let troubled: Vec<&str> = reports.iter().filter(|one| one.trouble.is_some()).map(|one| one.name).collect();
        assert!(in_trouble.iter().all(|name| troubled.contains(name)), "day {day}: {troubled:?}");
        assert!(!troubled.contains(&"webmail_domains") && !troubled.contains(&"proxy"), "day {day}: {troubled:?}");
        assert_eq!(troubled.contains(&"city"), day > built + 100, "day {day}: {troubled:?}");
    }
    let reports = at(20_713);
    let of = |name: &str| reports.iter().find(|one| one.name == name).unwrap();
    assert_eq!((of("country").age_days, of("country").licence.as_str()), (Some(1), "PDDL-1.0"));
    assert!(of("country").entries.unwrap() > 500_000 && of("country").version.contains("2026-09-16"));
    assert!(of("tor").trouble.as_ref().unwrap().starts_with("line 1: "));
    assert_eq!((of("proxy").version.as_str(), of("proxy").entries), ("off", None));
}
