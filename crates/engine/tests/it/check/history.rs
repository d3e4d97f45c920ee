//! Tables of the checks that turn on what a user did and where they were: travel, habit, trust, and what was seen together.

use countersign_engine::{
    fact::OwnedFact::{self, Unknown},
    history::{Device, History, SeenWith, User},
    profile::{Conveyance, Profile, Whereabouts},
    seen::{Mark, Seen, Thing},
    signal::{Agent, Background, DeviceType, Native, Place, Signals},
    text::{Contact, Phone},
    time::{DAY, HOUR, MINUTE, SECOND},
};

use super::{Case, ago, bool, browser, case, complete, device, done, known_user, named, nothing, number, user};

const PARIS: (f64, f64) = (48.8566, 2.3522);
const LONDON: (f64, f64) = (51.5074, -0.1278);
const BERLIN: (f64, f64) = (52.52, 13.405);
const NEW_YORK: (f64, f64) = (40.7128, -74.006);
const SUVA: (f64, f64) = (-18.1416, 178.4419);
const APIA: (f64, f64) = (-13.8333, -171.7667);

fn place((north, east): (f64, f64), country: &str, asn: u32) -> Place {
    Place {
        latitude: Some(north),
        longitude: Some(east),
        country_code: Some(country.to_owned()),
        asn: Some(asn),
        ..Place::default()
    }
}

fn from(ip: &str, place: Option<Place>) -> Signals {
    Signals { ip: Some(ip.parse().unwrap()), place, ..complete() }
}

/// The user was let in so long ago, from there, on that browser.
fn came(passed: i64, ip: &str, place: Option<&Place>, on: u8) -> History {
    let mut profile = Profile::default();
    profile.arrive(Whereabouts::of(ip.parse().unwrap(), place, Some(browser(on)), ago(passed)), Conveyance::default());
    History { user: Some(User { profile, ..user(ago(90 * DAY)) }), ..History::default() }
}

fn travel() -> Vec<Case> {
    let paris = place(PARIS, "FR", 1);
    let mut cases = Vec::new();
    for (what, there, passed, possible) in [
        // 344 km: never far enough.
        ("London a second ago", place(LONDON, "GB", 2), SECOND, true),
        // 878 km.
        ("Berlin a second ago", place(BERLIN, "DE", 2), SECOND, false),
        ("Berlin 52 minutes ago", place(BERLIN, "DE", 2), 52 * MINUTE, false),
        ("Berlin 53 minutes ago", place(BERLIN, "DE", 2), 53 * MINUTE, true),
        // 5,837 km.
        ("New York five hours ago", place(NEW_YORK, "US", 2), 5 * HOUR, false),
        ("New York six hours ago", place(NEW_YORK, "US", 2), 6 * HOUR, true),
        ("New York at the very same moment", place(NEW_YORK, "US", 2), 0, false),
        // Evaluated on two machines whose clocks differ.
        ("New York, a second later", place(NEW_YORK, "US", 2), -SECOND, false),
        ("New York, a day later", place(NEW_YORK, "US", 2), -DAY, true),
        ("the same provider", place(NEW_YORK, "US", 1), SECOND, true),
    ] {
        let history = came(passed, "198.51.100.7", Some(&there), 2);
        let signals = from("192.0.2.1", Some(paris.clone()));
        cases.push(case(what, signals, history, [("impossible_travel", bool(!possible))]));
    }
    // 20,000 km take 20 hours: what matters at 48 hours is whether it is looked at all, so half the world in no time.
    let far = place((-48.8566, -177.6478), "NZ", 2);
    for (what, passed, answer) in [
        ("half round the world in 19 hours", 19 * HOUR, bool(true)),
        ("in 21 hours", 21 * HOUR, bool(false)),
        ("exactly 48 hours ago", 48 * HOUR, bool(false)),
    ] {
        let history = came(passed, "198.51.100.7", Some(&far), 2);
        cases.push(case(what, from("192.0.2.1", Some(paris.clone())), history, [("impossible_travel", answer)]));
    }
    // Without coordinates: told apart by whether it is looked at.
    for (what, passed, answer) in [
        ("coordinates unknown, exactly 48 hours ago", 48 * HOUR, Unknown),
        ("coordinates unknown, a moment more: too long ago to matter", 48 * HOUR + 1, bool(false)),
    ] {
        let history = came(passed, "198.51.100.7", None, 2);
        cases.push(case(what, from("192.0.2.1", Some(paris.clone())), history, [("impossible_travel", answer)]));
    }
    // 1,150 km over the antimeridian.
    let apia = place(APIA, "WS", 2);
    for (passed, answer) in [(HOUR, bool(true)), (2 * HOUR, bool(false))] {
        let signals = from("192.0.2.1", Some(place(SUVA, "FJ", 1)));
        let history = came(passed, "198.51.100.7", Some(&apia), 2);
        cases.push(case("over the antimeridian", signals, history, [("impossible_travel", answer)]));
    }
    cases
}

/// One person on one line, whatever the data sets say of its addresses.
fn one_place() -> Vec<Case> {
    let (paris, berlin) = (place(PARIS, "FR", 1), place(BERLIN, "DE", 2));
    let unplaced = |asn| Place { country_code: Some("DE".to_owned()), asn, ..Place::default() };
    let both = |travelled: OwnedFact, changed: OwnedFact| {
        [("impossible_travel", travelled), ("country_changed_today", changed)]
    };
    let now = |ip: &str, place: &Place| from(ip, Some(place.clone()));
    let moved = both(bool(true), bool(true));
    let stayed = both(bool(false), bool(false));
    vec![
        case("never seen", now("192.0.2.1", &paris), History::default(), stayed.clone()),
        case("seen, never let in", now("192.0.2.1", &paris), known_user(), stayed.clone()),
        case("moved", now("192.0.2.1", &paris), came(SECOND, "198.51.100.7", Some(&berlin), 1), moved.clone()),
        case(
            "the same address, elsewhere since",
            now("192.0.2.1", &paris),
            came(SECOND, "192.0.2.1", Some(&berlin), 2),
            stayed.clone(),
        ),
        case("the same /64", now("2001:db8::1", &paris), came(SECOND, "2001:db8::2", Some(&berlin), 2), stayed.clone()),
        case(
            "another /64",
            now("2001:db8::1", &paris),
            came(SECOND, "2001:db8:0:1::1", Some(&berlin), 1),
            moved.clone(),
        ),
        case(
            "IPv4 to IPv6 on one browser",
            now("2001:db8::1", &paris),
            came(SECOND, "192.0.2.1", Some(&berlin), 1),
            stayed.clone(),
        ),
        case(
            "IPv4 to IPv6, another browser",
            now("2001:db8::1", &paris),
            came(SECOND, "192.0.2.1", Some(&berlin), 2),
            moved,
        ),
        case(
            "sources disagree within one provider",
            now("192.0.2.1", &paris),
            came(SECOND, "198.51.100.7", Some(&unplaced(Some(1))), 2),
            stayed,
        ),
        case("nobody knows where", complete(), came(SECOND, "198.51.100.7", Some(&berlin), 2), both(Unknown, Unknown)),
        case(
            "a country is known, no more",
            now("192.0.2.1", &Place { country_code: Some("FR".to_owned()), ..Place::default() }),
            came(SECOND, "198.51.100.7", Some(&unplaced(Some(2))), 2),
            both(Unknown, bool(true)),
        ),
        case(
            "whose?",
            Signals { user: None, email: None, ..now("192.0.2.1", &paris) },
            History::default(),
            both(Unknown, Unknown),
        ),
        case("of no address", named(), came(SECOND, "198.51.100.7", Some(&berlin), 2), both(Unknown, Unknown)),
        case(
            "exactly a day ago",
            now("192.0.2.1", &paris),
            came(DAY, "198.51.100.7", Some(&berlin), 1),
            both(bool(false), bool(true)),
        ),
        case(
            "a moment more",
            now("192.0.2.1", &paris),
            came(DAY + 1, "198.51.100.7", Some(&berlin), 1),
            both(bool(false), bool(false)),
        ),
    ]
}

/// The user came on so many days, so many times a day, that many hours before this one.
fn usual(days: i64, times: i64, hours_before: i64) -> History {
    let mut profile = Profile::default();
    for day in (1..=days).rev() {
        for time in 0..times {
            let at = ago(day * DAY + hours_before * HOUR + time);
            profile.arrive(Whereabouts::of("192.0.2.1".parse().unwrap(), None, None, at), Conveyance::default());
        }
    }
    History { user: Some(User { profile, ..user(ago(90 * DAY)) }), ..History::default() }
}

fn habit() -> Vec<Case> {
    let hour = |answer| [("unusual_hour", answer)];
    // NOW is 16:00 UTC: a minute before is another hour.
    vec![
        case("always at this hour", named(), usual(10, 3, 0), hour(bool(false))),
        case("always an hour earlier", named(), usual(10, 3, 1), hour(bool(false))),
        case("always twelve hours earlier", named(), usual(10, 3, 12), hour(bool(true))),
        case("too few days", named(), usual(6, 30, 12), hour(Unknown)),
        case("too few times", named(), usual(19, 1, 12), hour(Unknown)),
        case("twenty times on twenty days", named(), usual(20, 1, 12), hour(bool(true))),
        case("never seen", named(), History::default(), hour(Unknown)),
        case("whose?", nothing(), usual(10, 3, 12), hour(Unknown)),
    ]
}

/// Two computers by turns in two houses, the last of so many evenings an hour ago.
fn by_turns(evenings: i64) -> History {
    let mut profile = Profile::default();
    let on = Conveyance { device_type: Some(DeviceType::Computer), is_masked: false };
    for day in (0..evenings).rev() {
        for (n, minutes) in [(1, 90), (2, 75), (1, 60)] {
            let ip = format!("192.0.2.{n}").parse().unwrap();
            let at = ago(day * DAY + minutes * MINUTE);
            profile.arrive(Whereabouts::of(ip, None, Some(browser(n)), at), on);
        }
    }
    History { user: Some(User { profile, ..user(ago(90 * DAY)) }), ..History::default() }
}

fn people() -> Vec<Case> {
    let both = |low, high| [("people_estimate_low", low), ("people_estimate_high", high)];
    let here = |signals: Signals| Signals { browser: None, ..signals };
    vec![
        case("in two houses on two evenings", here(named()), by_turns(2), both(number(2), number(2))),
        case("in two houses on one evening", here(named()), by_turns(1), both(number(1), number(1))),
        case("nobody seen before", here(named()), History::default(), both(Unknown, Unknown)),
        case("whose two houses?", nothing(), by_turns(2), both(Unknown, Unknown)),
        // This one counts as well.
        case(
            "the first use ever",
            Signals {
                browser: Some(browser(7)),
                agent: Agent { device_type: Some(DeviceType::Computer), ..Agent::default() },
                ..from("192.0.2.7", None)
            },
            History::default(),
            both(number(1), number(1)),
        ),
    ]
}

fn pace() -> Vec<Case> {
    let logins = |count: usize, passed: i64| done(&vec![("login", passed); count]);
    let by_user = |activity| History { user: Some(User { activity, ..user(ago(DAY)) }), ..History::default() };
    let by_device = |activity| History { devices: vec![Device { activity, ..device(1, None, true) }], ..known_user() };
    let fast = |answer| [("has_high_velocity", answer)];
    vec![
        case("ten and this one in a minute", named(), by_user(logins(10, SECOND)), fast(bool(true))),
        case("nine and this one", named(), by_user(logins(9, SECOND)), fast(bool(false))),
        case("ten, a minute ago", named(), by_user(logins(10, MINUTE)), fast(bool(false))),
        case("120 and this one within an hour", named(), by_user(logins(120, 50 * MINUTE)), fast(bool(true))),
        case("of another action", named(), by_user(done(&[("access", 0); 40])), fast(bool(false))),
        case("on the device, as several users", complete(), by_device(logins(10, SECOND)), fast(bool(true))),
        case("never seen", named(), History::default(), fast(bool(false))),
        case("neither user nor browser", nothing(), History::default(), fast(Unknown)),
    ]
}

fn trust() -> Vec<Case> {
    let on = |passed: Option<i64>, attached| History {
        devices: vec![Device { passed_at: passed.map(ago), ..device(1, None, attached) }],
        ..known_user()
    };
    let is = |answer| [("device_is_trusted", answer)];
    let mut passed = Profile::default();
    passed.pass(ago(3 * DAY + HOUR));
    passed.pass(ago(9 * DAY));
    let mut failed = Profile::default();
    for passed in [8 * DAY, 6 * DAY, HOUR] {
        failed.fail(ago(passed));
    }
    let with = |profile| History { user: Some(User { profile, ..user(ago(90 * DAY)) }), ..History::default() };
    let challenges = |days, count| [("days_since_challenge_passed", days), ("failed_challenge_count", count)];
    vec![
        case("passed here just now", complete(), on(Some(0), true), is(bool(true))),
        case("exactly 30 days ago", complete(), on(Some(30 * DAY), true), is(bool(true))),
        case("a moment more", complete(), on(Some(30 * DAY + 1), true), is(bool(false))),
        case("never passed one", complete(), on(None, true), is(bool(false))),
        case("detached since", complete(), on(Some(0), false), is(bool(false))),
        case("another device", Signals { browser: Some(browser(2)), ..complete() }, on(Some(0), true), is(bool(false))),
        case("no browser", named(), on(Some(0), true), is(Unknown)),
        case("whose?", Signals { user: None, email: None, ..complete() }, on(Some(0), true), is(Unknown)),
        case("the last one passed counts", named(), with(passed.clone()), challenges(number(3), number(0))),
        case("failed, and never passed", named(), with(failed), challenges(Unknown, number(2))),
        case("never seen", named(), History::default(), challenges(Unknown, number(0))),
        case("whose challenges?", nothing(), with(passed), challenges(Unknown, Unknown)),
    ]
}

/// Users 1 and 2 were there so long ago.
fn users_seen(passed: i64) -> Seen {
    let mut seen = Seen::default();
    for number in [1, 2] {
        let id = countersign_engine::id::UserId::new(ago(0).millis(), [number; 10]);
        seen.record(Thing::User, Mark::of(&id.to_string()), ago(passed));
    }
    seen
}

fn seen_together() -> Vec<Case> {
    let phone = Signals { phone: Some(Contact::phone("+33612345678")), ..complete() };
    let all =
        |seen: &Seen| SeenWith { ip: seen.clone(), email: seen.clone(), phone: seen.clone(), ..SeenWith::default() };
    let counts =
        |ip, email, phone| [("ip_user_count", ip), ("email_normalized_user_count", email), ("phone_user_count", phone)];
    let both = |count| counts(number(count), number(count), number(count));
    let seen = all(&users_seen(DAY));
    let nobody = Signals { user: None, email: None, ip: complete().ip, ..nothing() };
    let old = all(&users_seen(31 * DAY));
    vec![
        case("the first", phone.clone(), History::default(), both(1)),
        case("one of the two", phone.clone(), History { seen: seen.clone(), ..known_user() }, both(2)),
        case("a third", phone.clone(), History { seen: seen.clone(), ..History::default() }, both(3)),
        case("a month ago", phone, History { seen: old, ..known_user() }, counts(number(1), number(2), number(2))),
        case("nobody joins", nobody, History { seen, ..History::default() }, counts(number(2), Unknown, Unknown)),
        case("nothing to count for", named(), known_user(), counts(Unknown, Unknown, Unknown)),
    ]
}

fn addresses() -> Vec<Case> {
    let mail = |text: &str| Signals { email: Some(Contact::email(text)), ..named() };
    let accepts = |email_is_accept_all| Signals {
        background: Background { email_is_accept_all, ..Background::default() },
        ..mail("ada@example.com")
    };
    let number = |text: &str| Phone::parse(text).unwrap();
    let on_file = |phone: Option<&str>, verified: Option<&str>| History {
        user: Some(User { phone: phone.map(number), verified_phone: verified.map(number), ..user(ago(DAY)) }),
        ..History::default()
    };
    let claim = |text: &str| Signals { phone: Some(Contact::phone(text)), ..named() };
    let (hers, other) = (Some("+33612345678"), Some("+33600000000"));
    let verified = |answer| [("is_phone_verified", answer)];
    let gibberish = |answer| [("email_is_gibberish", answer)];
    vec![
        case("a name", mail("ada.lovelace@example.com"), known_user(), gibberish(bool(false))),
        case("noise", mail("xkqzjvwq@example.com"), known_user(), gibberish(bool(true))),
        case("no address", mail("xkqzjvwq"), known_user(), gibberish(Unknown)),
        case("takes all", accepts(Some(true)), known_user(), [("email_is_accept_all", bool(true))]),
        case("does not", accepts(Some(false)), known_user(), [("email_is_accept_all", bool(false))]),
        case("no data set", accepts(None), known_user(), [("email_is_accept_all", Unknown)]),
        case("claimed and verified", claim("+33 6 12 34 56 78"), on_file(hers, hers), verified(bool(true))),
        case("another is", claim("+33612345678"), on_file(hers, other), verified(bool(false))),
        case("unclaimed: the one on file", named(), on_file(hers, hers), verified(bool(true))),
        case("claimed by who is never seen", claim("+33612345678"), History::default(), verified(bool(false))),
        case("no number", named(), known_user(), verified(Unknown)),
    ]
}

fn origins() -> Vec<Case> {
    let on = |url: &str| Signals { page_url: Some(url.to_owned()), ..named() };
    let seen = |passed| History { origin_seen_at: Some(ago(passed)), ..History::default() };
    let is_new = |answer| [("origin_is_new", answer)];
    vec![
        case("never", on("https://shop.example/cart"), History::default(), is_new(bool(true))),
        case("90 days ago", on("https://shop.example/cart"), seen(90 * DAY), is_new(bool(false))),
        case("a moment more", on("https://shop.example/cart"), seen(90 * DAY + 1), is_new(bool(true))),
        case("no page", named(), seen(0), is_new(Unknown)),
        case("no page of the web", on("file:///cart"), seen(0), is_new(Unknown)),
    ]
}

fn reported() -> Vec<Case> {
    let all = ["jailbroken_ios", "rooted_android", "is_simulator", "is_emulator", "debugger_attached", "ui_testing"];
    let mut cases: Vec<Case> = (0..all.len())
        .map(|yes| {
            let is = |place| Some(place == yes);
            let native = Native {
                jailbroken_ios: is(0),
                rooted_android: is(1),
                is_simulator: is(2),
                is_emulator: is(3),
                debugger_attached: is(4),
                ui_testing: is(5),
            };
            let signals = Signals { background: Background { native, ..Background::default() }, ..nothing() };
            let answers: Vec<_> = all.into_iter().enumerate().map(|(at, name)| (name, bool(at == yes))).collect();
            case("as reported", signals, History::default(), answers)
        })
        .collect();
    cases.push(case("not reported", nothing(), History::default(), all.map(|name| (name, Unknown))));
    for (reading, answer) in [(Some(true), bool(true)), (Some(false), bool(false)), (None, Unknown)] {
        let background = Background { is_inconsistent: reading, ..Background::default() };
        let signals = Signals { background, ..nothing() };
        cases.push(case("as compared", signals, History::default(), [("signals_inconsistent", answer)]));
    }
    cases
}

pub(super) fn cases() -> Vec<Case> {
    let first = [travel(), one_place(), habit(), people(), pace(), trust()];
    first.into_iter().chain([seen_together(), addresses(), origins(), reported()]).flatten().collect()
}
