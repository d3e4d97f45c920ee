//! The tables: what was measured and remembered, and what each check answers.

use countersign_engine::{
    fact::OwnedFact::{self, Unknown},
    history::{History, User},
    signal::{
        Agent, Background, DeviceType,
        MailDomain::{self, TakesMail, TakesNone},
        Network, Place, Signals,
    },
    text::Contact,
    time::{DAY, HOUR, MINUTE},
};

use super::{
    Case, ago, bool, browser, case, complete, devices, done, fingerprint, known_user, link, named, nothing, number,
    text, user, verified,
};

fn identity() -> Vec<Case> {
    let aged = |ms| History { user: Some(user(ago(ms))), ..History::default() };
    let mut cases = vec![
        case(
            "nobody is named",
            Signals { user: None, email: None, ..complete() },
            History::default(),
            [
                ("is_new_user", Unknown),
                ("user_age_days", Unknown),
                ("is_new_ip", Unknown),
                ("is_new_fingerprint", Unknown),
                ("is_new_device", Unknown),
                ("fingerprint_user_count", number(0)),
            ],
        ),
        case(
            "an e-mail that can't be one names nobody",
            Signals { email: Some(Contact::email("ada")), ..nothing() },
            History::default(),
            [("is_new_user", Unknown), ("device_count", Unknown), ("is_suspended", Unknown)],
        ),
        case(
            "a usable e-mail names somebody",
            Signals { email: Some(Contact::email("ada@example.com")), ..nothing() },
            History::default(),
            [("is_new_user", bool(true))],
        ),
        case(
            "a usable phone names somebody",
            Signals { phone: Some(Contact::phone("+33612345678")), ..nothing() },
            History::default(),
            [("is_new_user", bool(true))],
        ),
        case(
            "the first time",
            complete(),
            History::default(),
            [
                ("is_new_user", bool(true)),
                ("user_age_days", number(0)),
                ("is_new_ip", bool(true)),
                ("is_new_fingerprint", bool(true)),
                ("is_new_device", bool(true)),
            ],
        ),
        case(
            "nothing is measured",
            named(),
            known_user(),
            [
                ("is_new_user", bool(false)),
                ("is_new_ip", Unknown),
                ("is_new_fingerprint", Unknown),
                ("fingerprint_user_count", Unknown),
                ("is_new_device", Unknown),
            ],
        ),
    ];
    for (passed, days) in [(0, 0), (DAY - 1, 0), (DAY, 1), (400 * DAY, 400), (-HOUR, 0)] {
        cases.push(case("a user's age", named(), aged(passed), [("user_age_days", number(days))]));
    }
    cases
}

fn familiarity() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, link, is_new) in [
        ("never", None, true),
        ("just now", Some(link(0, true)), false),
        ("exactly 30 days ago", Some(link(30 * DAY, true)), false),
        ("a moment more", Some(link(30 * DAY + 1, true)), true),
        ("an attacker's try in vain", Some(link(0, false)), true),
    ] {
        let history = History { user_ip: link, ..known_user() };
        cases.push(case(what, complete(), history, [("is_new_ip", bool(is_new))]));
    }
    for (what, link, is_new) in [
        ("never", None, true),
        ("years ago", Some(link(1_000 * DAY, true)), false),
        ("an attacker's try in vain", Some(link(0, false)), true),
    ] {
        let history = History { user_fingerprint: link, ..known_user() };
        cases.push(case(what, complete(), history, [("is_new_fingerprint", bool(is_new))]));
    }
    for (what, seen, linked, count) in [
        ("the first on it", None, None, 1),
        ("the third on it", Some(2), None, 3),
        ("one of the two", Some(2), Some(link(DAY, true)), 2),
        ("one of the two, though never let in", Some(2), Some(link(DAY, false)), 2),
        ("as many as can be counted", Some(u32::MAX), None, u32::MAX),
    ] {
        let history = History { fingerprint: seen.map(fingerprint), user_fingerprint: linked, ..known_user() };
        cases.push(case(what, complete(), history, [("fingerprint_user_count", number(count))]));
    }
    let nobody = Signals { user: None, email: None, ..complete() };
    let history = History { fingerprint: Some(fingerprint(2)), ..History::default() };
    cases.push(case("nobody joins", nobody, history, [("fingerprint_user_count", number(2))]));
    cases
}

fn device_counts() -> Vec<Case> {
    use DeviceType::{Computer, Mobile, Tablet};
    let counts = |all, computers, tablets, phones| {
        [
            ("device_count", number(all)),
            ("computer_device_count", number(computers)),
            ("tablet_device_count", number(tablets)),
            ("mobile_device_count", number(phones)),
        ]
    };
    let new = |is_new| ("is_new_device", bool(is_new));
    let all = [(1, Some(Computer), true), (2, Some(Tablet), true), (3, Some(Mobile), true), (4, None, true)];
    let phone = Signals {
        browser: Some(browser(9)),
        agent: Agent { device_type: Some(Mobile), ..Agent::default() },
        ..complete()
    };
    let of_no_type = Signals { agent: Agent::default(), browser: Some(browser(9)), ..complete() };
    let nobody = Signals { user: None, email: None, ..complete() };
    vec![
        case("the first device counts", complete(), known_user(), counts(1, 1, 0, 0)),
        case("even of a new user", complete(), History::default(), counts(1, 1, 0, 0)),
        case("an attached one counts once", complete(), devices(&all), counts(4, 1, 1, 1)),
        case("it is not new", complete(), devices(&all), [new(false)]),
        case("a fifth arrives", phone, devices(&all), counts(5, 1, 1, 2)),
        case("of no known type", of_no_type, devices(&all), counts(5, 1, 1, 1)),
        case(
            "known but detached: arrives again",
            complete(),
            devices(&[(1, Some(Computer), false)]),
            counts(1, 1, 0, 0),
        ),
        case("and is new again", complete(), devices(&[(1, Some(Computer), false)]), [new(true)]),
        case("another's is detached", complete(), devices(&[(2, Some(Tablet), false)]), counts(1, 1, 0, 0)),
        case("by the site's server: none arrives", named(), devices(&all), counts(4, 1, 1, 1)),
        case("by the site's server, of a new user", named(), History::default(), counts(0, 0, 0, 0)),
        case("whose?", nobody, devices(&all), counts(0, 0, 0, 0).map(|(name, _)| (name, Unknown))),
    ]
}

fn contact() -> Vec<Case> {
    let claims = |text: &str| Signals { email: Some(Contact::email(text)), email_is_webmail: None, ..named() };
    let webmail = |known| Signals { email_is_webmail: known, ..claims("ada@example.com") };
    let asked = |text: &str, mail_domain| Signals {
        background: Background { mail_domain, ..Background::default() },
        ..claims(text)
    };
    let mut cases = vec![
        case(
            "none given",
            named(),
            known_user(),
            [("email_is_invalid", Unknown), ("email_is_webmail", Unknown), ("is_email_verified", Unknown)],
        ),
        case("a usable one", claims("ada@example.com"), known_user(), [("email_is_invalid", bool(false))]),
        case(
            "its domain takes mail",
            asked("ada@example.com", TakesMail),
            known_user(),
            [("email_is_invalid", bool(false))],
        ),
        case("it takes none", asked("ada@example.com", TakesNone), known_user(), [("email_is_invalid", bool(true))]),
        case("no answer", asked("ada@example.com", MailDomain::Unknown), known_user(), [("email_is_invalid", Unknown)]),
        case(
            "not one, and no answer",
            asked("ada@", MailDomain::Unknown),
            known_user(),
            [("email_is_invalid", bool(true))],
        ),
        case(
            "not one",
            claims("ada@"),
            known_user(),
            [("email_is_invalid", bool(true)), ("email_is_webmail", Unknown)],
        ),
        case(
            "not one, whatever the list says",
            Signals { email_is_webmail: Some(false), ..claims("ada@") },
            known_user(),
            [("email_is_webmail", Unknown)],
        ),
        case("no list to ask", webmail(None), known_user(), [("email_is_webmail", Unknown)]),
        case("on the list", webmail(Some(true)), known_user(), [("email_is_webmail", bool(true))]),
        case("not on the list", webmail(Some(false)), known_user(), [("email_is_webmail", bool(false))]),
    ];
    let (ada, eve) = (Some("ada@example.com"), Some("eve@example.com"));
    for (what, signals, history, answer) in vec![
        ("a new user's claim", claims("ada@example.com"), History::default(), bool(false)),
        ("claimed, never verified", claims("ada@example.com"), verified(ada, None), bool(false)),
        ("the verified one", claims("ada@example.com"), verified(ada, ada), bool(true)),
        ("in other letters", claims("ADA@Example.com"), verified(None, ada), bool(true)),
        ("another than the verified one", claims("eve@example.com"), verified(ada, ada), bool(false)),
        ("on file, but another was verified", claims("eve@example.com"), verified(eve, ada), bool(false)),
        ("none that can be", claims("ada@"), verified(ada, ada), bool(false)),
        ("unclaimed: the one on file", named(), verified(ada, ada), bool(true)),
        ("unclaimed: not verified", named(), verified(ada, None), bool(false)),
        ("unclaimed: changed since", named(), verified(eve, ada), bool(false)),
        ("unclaimed: none on file", named(), verified(None, ada), Unknown),
        ("unclaimed, unknown user", named(), History::default(), Unknown),
    ] {
        cases.push(case(what, signals, history, [("is_email_verified", answer)]));
    }
    cases
}

fn state() -> Vec<Case> {
    let suspended = History { user: Some(User { suspended_at: Some(ago(0)), ..user(ago(DAY)) }), ..History::default() };
    vec![
        case("suspended", named(), suspended.clone(), [("is_suspended", bool(true))]),
        case("not suspended", named(), known_user(), [("is_suspended", bool(false))]),
        case("never seen", named(), History::default(), [("is_suspended", bool(false))]),
        case("who?", nothing(), suspended, [("is_suspended", Unknown)]),
    ]
}

fn behaviour() -> Vec<Case> {
    let by_user = |activity| History { user: Some(User { activity, ..user(ago(DAY)) }), ..History::default() };
    let logins = || done(&[("login", 2 * HOUR), ("login", HOUR - 2 * MINUTE), ("signup", MINUTE), ("login", 0)]);
    let from_ip = Signals { ip: complete().ip, ..nothing() };
    let only_ip = |activity| History { ip: activity, ..History::default() };
    vec![
        case("the first", named(), known_user(), [("event_count", number(1))]),
        case("of this action, less than an hour ago", named(), by_user(logins()), [("event_count", number(3))]),
        case("another's from this address", complete(), only_ip(logins()), [("event_count", number(1))]),
        case("nobody named: by address", from_ip.clone(), only_ip(logins()), [("event_count", number(3))]),
        case("nobody named: not by what is not", from_ip, by_user(logins()), [("event_count", number(1))]),
        case("neither user nor address", nothing(), only_ip(logins()), [("event_count", Unknown)]),
    ]
}

fn placed(place: Place) -> Signals {
    Signals { place: Some(place), ..complete() }
}

fn french() -> Place {
    Place { country_code: Some("FR".to_owned()), asn: Some(3215), ..Place::default() }
}

fn new_places() -> Vec<Case> {
    let both = |is_new: OwnedFact| [("is_new_country", is_new.clone()), ("is_new_asn", is_new)];
    let seen = |trusted| History {
        user_country: Some(link(1_000 * DAY, trusted)),
        user_asn: Some(link(1_000 * DAY, trusted)),
        ..known_user()
    };
    vec![
        case("the first time there", placed(french()), known_user(), both(bool(true))),
        case("there before, however long ago", placed(french()), seen(true), both(bool(false))),
        case("an attacker's try in vain", placed(french()), seen(false), both(bool(true))),
        case("nobody knows where", complete(), seen(true), both(Unknown)),
        case("whose?", Signals { user: None, email: None, ..placed(french()) }, seen(true), both(Unknown)),
        case("of no address", Signals { ip: None, ..placed(french()) }, seen(true), both(Unknown)),
    ]
}

fn network() -> Vec<Case> {
    let all = ["ip_is_hosting", "ip_is_vpn", "ip_is_proxy", "ip_is_tor"];
    // A different one each, so that none passes for another.
    let mut cases: Vec<Case> = all
        .into_iter()
        .enumerate()
        .map(|(yes, _)| {
            let is = |place| Some(place == yes);
            let network = Network { hosting: is(0), vpn: is(1), proxy: is(2), tor: is(3) };
            let answers: Vec<_> = all.into_iter().enumerate().map(|(at, name)| (name, bool(at == yes))).collect();
            case("one kind of network", placed(Place { network, ..Place::default() }), known_user(), answers)
        })
        .collect();
    cases.push(case("no data set was there", placed(french()), known_user(), all.map(|name| (name, Unknown))));
    let known = [("ip_country", text("FR")), ("ip_asn", number(3215))];
    cases.push(case("a known place", placed(french()), known_user(), known));
    cases.push(case("no place", complete(), known_user(), [("ip_country", Unknown), ("ip_asn", Unknown)]));
    let zone = |countries: &[&str]| Background {
        time_zone_countries: Some(countries.iter().map(|code| (*code).to_owned()).collect()),
        ..Background::default()
    };
    for (what, background, place, answer) in [
        ("the country's own zone", zone(&["FR", "MC"]), Some(french()), bool(false)),
        ("another country's", zone(&["US"]), Some(french()), bool(true)),
        ("no zone", Background::default(), Some(french()), Unknown),
        ("no place", zone(&["FR"]), None, Unknown),
        ("no country", zone(&["FR"]), Some(Place::default()), Unknown),
    ] {
        let signals = Signals { background, place, ..complete() };
        cases.push(case(what, signals, known_user(), [("timezone_mismatch", answer)]));
    }
    cases
}

fn disposable_and_phone() -> Vec<Case> {
    let mail = |text: &str, email_is_disposable| Signals {
        email: Some(Contact::email(text)),
        background: Background { email_is_disposable, ..Background::default() },
        ..named()
    };
    let phone = |text: &str, phone_is_possible, country: Option<&str>| Signals {
        phone: Some(Contact::phone(text)),
        background: Background {
            phone_is_possible,
            phone_country: country.map(str::to_owned),
            ..Background::default()
        },
        ..named()
    };
    let mut cases = Vec::new();
    for (signals, answer) in [
        (mail("ada@example.com", Some(true)), bool(true)),
        (mail("ada@example.com", Some(false)), bool(false)),
        (mail("ada@example.com", None), Unknown),
        (mail("ada@", Some(true)), Unknown),
        (named(), Unknown),
    ] {
        cases.push(case("throw-away or not", signals, known_user(), [("email_is_disposable", answer)]));
    }
    for (what, signals, invalid, country) in [
        ("a possible number", phone("+33612345678", Some(true), Some("FR")), bool(false), text("FR")),
        ("of no country", phone("+88161234567", Some(true), None), bool(false), Unknown),
        ("an impossible one", phone("+33012345678", Some(false), None), bool(true), Unknown),
        ("no number at all", phone("0612345678", None, None), bool(true), Unknown),
        ("no plan to ask", phone("+33612345678", None, None), Unknown, Unknown),
        ("none given", named(), Unknown, Unknown),
    ] {
        cases.push(case(what, signals, known_user(), [("phone_is_invalid", invalid), ("phone_country", country)]));
    }
    cases
}

fn automation() -> Vec<Case> {
    let (yes, no) = (Some(true), Some(false));
    let reads = |names_itself_program, says_driven, shows_headless, in_crawler_network| Signals {
        background: Background {
            names_itself_program,
            says_driven,
            shows_headless,
            in_crawler_network,
            ..Background::default()
        },
        ..nothing()
    };
    let mut cases = Vec::new();
    for (what, signals, automated, headless, known_bot) in [
        ("a person's browser", reads(no, no, no, no), bool(false), bool(false), bool(false)),
        ("a verified crawler", reads(yes, None, no, yes), bool(true), bool(false), bool(true)),
        ("one that only says so", reads(yes, None, no, no), bool(true), bool(false), bool(false)),
        ("one of unknown origin", reads(yes, None, no, None), bool(true), bool(false), Unknown),
        ("a browser from a crawler's range", reads(no, no, no, yes), bool(false), bool(false), bool(false)),
        ("no list of crawlers", reads(None, no, no, yes), Unknown, bool(false), Unknown),
        ("driven", reads(no, yes, no, no), bool(true), bool(false), bool(false)),
        ("without a screen", reads(no, no, yes, no), bool(true), bool(true), bool(false)),
        ("by the site's server: no readings", reads(no, None, no, no), Unknown, bool(false), bool(false)),
        ("nothing known", nothing(), Unknown, Unknown, Unknown),
    ] {
        let answers = [("is_automated", automated), ("is_headless", headless), ("is_known_bot", known_bot)];
        cases.push(case(what, signals, known_user(), answers));
    }
    cases
}

pub(super) fn cases() -> Vec<Case> {
    let first = [identity(), familiarity(), device_counts(), contact(), state(), behaviour()];
    let later = [new_places(), network(), disposable_and_phone(), automation(), super::sessions::cases()];
    first.into_iter().chain(later).flatten().collect()
}
