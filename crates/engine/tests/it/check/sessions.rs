//! Who is in two places at once, and who only seems to be.

use countersign_engine::{
    fact::OwnedFact::Unknown,
    history::{History, Session},
    id::FingerprintId,
    signal::{
        Agent,
        DeviceType::{self, Computer, Mobile},
        Place, Signals,
    },
};

use super::{Case, NOW, bool, browser, case, complete, devices, known_user, nothing};

/// On browser 2, another computer at another address of another provider.
fn elsewhere() -> Session {
    Session {
        browser: browser(2),
        network: "198.51.100.7".to_owned(),
        asn: Some(64_500),
        device_type: Some(Computer),
        fingerprint: Some(FingerprintId::new(NOW, [2; 10])),
    }
}

fn at(ip: &str, asn: Option<u32>) -> Signals {
    Signals { ip: Some(ip.parse().unwrap()), place: Some(Place { asn, ..Place::default() }), ..complete() }
}

fn during(sessions: Vec<Session>) -> History {
    History { sessions, ..known_user() }
}

fn of_type(device_type: Option<DeviceType>) -> Session {
    Session { device_type, ..elsewhere() }
}

pub(super) fn cases() -> Vec<Case> {
    let same_print = Some(FingerprintId::new(NOW, [1; 10]));
    let same_line = || Session { network: "192.0.2.1".to_owned(), ..elsewhere() };
    let v6 = |network: &str, asn| Session { network: network.to_owned(), asn, ..elsewhere() };
    let home = || at("192.0.2.1", Some(3_215));
    let home_v6 = || at("2001:db8:1:2::9", Some(3_215));
    let rows = [
        ("nobody is there", home(), vec![], bool(false)),
        ("another computer elsewhere", home(), vec![elsewhere()], bool(true)),
        ("one of several is elsewhere", home(), vec![same_line(), elsewhere()], bool(true)),
        ("of providers nothing is known", at("192.0.2.1", None), vec![v6("198.51.100.7", None)], bool(true)),
        ("another kind of device", home(), vec![of_type(Some(Mobile))], bool(false)),
        ("a device of unknown kind", home(), vec![of_type(None)], bool(false)),
        ("another device on the same line", home(), vec![same_line()], bool(false)),
        (
            "this browser, whose address changed",
            home(),
            vec![Session { browser: browser(1), ..elsewhere() }],
            bool(false),
        ),
        (
            "this machine's private window, whose address changed within its provider",
            home(),
            vec![Session { fingerprint: same_print, asn: Some(3_215), ..elsewhere() }],
            bool(false),
        ),
        (
            "a machine of the same make, elsewhere",
            home(),
            vec![Session { fingerprint: same_print, ..elsewhere() }],
            bool(true),
        ),
        ("two machines at one provider", home(), vec![Session { asn: Some(3_215), ..elsewhere() }], bool(true)),
        ("a line with addresses of both kinds", home(), vec![v6("2001:db8:1:2::/64", Some(3_215))], bool(false)),
        ("both kinds of addresses, two providers", home(), vec![v6("2001:db8:1:2::/64", Some(64_500))], bool(true)),
        (
            "both kinds of addresses, nothing known",
            at("192.0.2.1", None),
            vec![v6("2001:db8:1:2::/64", None)],
            bool(false),
        ),
        ("one line by its first half", home_v6(), vec![v6("2001:db8:1:2::/64", Some(3_215))], bool(false)),
        ("two lines of one provider", home_v6(), vec![v6("2001:db8:1:3::/64", Some(3_215))], bool(true)),
        ("no address", Signals { ip: None, ..home() }, vec![elsewhere()], Unknown),
        ("who?", Signals { ip: home().ip, agent: home().agent, ..nothing() }, vec![elsewhere()], Unknown),
        ("on what?", Signals { agent: Agent::default(), ..home() }, vec![elsewhere()], Unknown),
    ];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(what, signals, there, answer)| case(what, signals, during(there), [("concurrent_sessions", answer)]))
        .collect();
    // Recognised by what it is like: the browser has another id now, and what it was known by is still there.
    let known = devices(&[(1, Some(Computer), true)]);
    let history = History { sessions: vec![Session { browser: browser(1), ..elsewhere() }], ..known };
    cases.push(case("a recognised device", home(), history, [("concurrent_sessions", bool(false))]));
    cases
}
