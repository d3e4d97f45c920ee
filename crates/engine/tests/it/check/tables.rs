//! The tables: what was measured and remembered, and what each check answers.

use countersign_engine::{
    fact::OwnedFact::Unknown,
    history::{History, User},
    signal::{Agent, DeviceType, Signals},
    text::Contact,
    time::{DAY, HOUR, MINUTE},
};

use super::{
    Case, ago, bool, browser, case, complete, devices, done, fingerprint, known_user, link, named, nothing, number,
    user, verified,
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
    let mut cases = vec![
        case(
            "none given",
            named(),
            known_user(),
            [("email_is_invalid", Unknown), ("email_is_webmail", Unknown), ("is_email_verified", Unknown)],
        ),
        case("a usable one", claims("ada@example.com"), known_user(), [("email_is_invalid", bool(false))]),
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
    for (what, signals, history, answer) in [
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

pub(super) fn cases() -> Vec<Case> {
    [identity(), familiarity(), device_counts(), contact(), state(), behaviour()].into_iter().flatten().collect()
}
