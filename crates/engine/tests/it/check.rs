//! Every check's answers, against tables computed by hand.

mod history;
mod sessions;
mod tables;

use countersign_engine::{
    check::{self, CHECKS, Inputs},
    fact::{Kind, OwnedFact},
    field::{DistinctCount, EventCount, Field, Subject},
    history::{Device, Fingerprint, History, Link, User},
    id::{BrowserId, DeviceId, FingerprintId, UserId},
    profile::Profile,
    seen::{Mark, Seen, Thing},
    signal::{Agent, Background, DeviceType, FingerprintReading, Signals},
    text::{ActionName, Contact, Email, ExternalId, Metadata},
    time::{DAY, HOUR, SECOND, Timestamp},
    window::Activity,
};

use OwnedFact::Unknown;

fn cases() -> Vec<Case> {
    tables::cases().into_iter().chain(history::cases()).collect()
}

/// The moment of every evaluation here.
const NOW: i64 = 1_764_000_000_000;

fn ago(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW - ms)
}

/// One case: what it is, what was measured and remembered, and what each named check answers.
struct Case {
    what: &'static str,
    signals: Signals,
    history: History,
    answers: Vec<(&'static str, OwnedFact)>,
}

fn bool(value: bool) -> OwnedFact {
    OwnedFact::Bool(value)
}

fn number(value: u32) -> OwnedFact {
    OwnedFact::from(value)
}

fn text(value: &str) -> OwnedFact {
    OwnedFact::Text(value.to_owned())
}

#[test]
fn what_was_measured_is_not_printed() {
    let printed = format!("{:?}", complete());
    for private in ["ada", "example", "203.0.113", "https"] {
        assert!(!printed.contains(private), "{private} in {printed}");
    }
    assert!(printed.contains("action"), "{printed}");
}

/// Nothing but the action is known.
pub fn nothing() -> Signals {
    Signals {
        action: ActionName::parse("login").unwrap(),
        user: None,
        email: None,
        phone: None,
        metadata: None,
        groups: vec![],
        ip: None,
        place: None,
        agent: Agent::default(),
        fingerprint: None,
        browser: None,
        browser_known: false,
        page_url: None,
        email_is_webmail: None,
        background: Background::default(),
        degraded: vec![],
    }
}

fn named() -> Signals {
    Signals { user: Some(ExternalId::parse("ada").unwrap()), ..nothing() }
}

pub fn browser(number: u8) -> BrowserId {
    BrowserId::new(NOW, [number; 10])
}

/// Ada on browser 1, a computer, with everything measured.
pub fn complete() -> Signals {
    Signals {
        email: Some(Contact::email("ada@example.com")),
        ip: Some("192.0.2.1".parse().unwrap()),
        agent: Agent { device_type: Some(DeviceType::Computer), ..Agent::default() },
        fingerprint: Some(FingerprintReading { id: FingerprintId::new(NOW, [1; 10]), confidence: 0.9 }),
        browser: Some(browser(1)),
        browser_known: true,
        email_is_webmail: Some(false),
        ..named()
    }
}

pub fn user(created_at: Timestamp) -> User {
    User {
        id: UserId::new(NOW, [1; 10]),
        external_id: None,
        email: None,
        phone: None,
        verified_email: None,
        verified_phone: None,
        metadata: Metadata::default(),
        groups: vec![],
        suspended_at: None,
        created_at,
        skipped: 0,
        activity: Activity::default(),
        profile: Profile::default(),
    }
}

fn known_user() -> History {
    History { user: Some(user(ago(DAY))), ..History::default() }
}

fn verified(on_file: Option<&str>, verified: Option<&str>) -> History {
    let email = |text: &str| Email::parse(text).unwrap();
    let user = User { email: on_file.map(email), verified_email: verified.map(email), ..user(ago(DAY)) };
    History { user: Some(user), ..History::default() }
}

pub fn device(number: u8, device_type: Option<DeviceType>, attached: bool) -> Device {
    let id = DeviceId::new(NOW, [number; 10]);
    Device {
        id,
        browser: browser(number),
        fingerprint: None,
        device_type,
        attached,
        activity: Activity::default(),
        passed_at: None,
        seen: Seen::default(),
    }
}

fn devices(devices: &[(u8, Option<DeviceType>, bool)]) -> History {
    let devices = devices.iter().map(|(number, kind, attached)| device(*number, *kind, *attached)).collect();
    History { devices, ..known_user() }
}

fn fingerprint(user_count: u32) -> Fingerprint {
    Fingerprint { user_count, activity: Activity::default() }
}

fn link(passed: i64, trusted: bool) -> Link {
    Link { last_seen_at: ago(passed), trusted }
}

fn case(
    what: &'static str,
    signals: Signals,
    history: History,
    answers: impl IntoIterator<Item = (&'static str, OwnedFact)>,
) -> Case {
    Case { what, signals, history, answers: answers.into_iter().collect() }
}

/// The device of the history that is this browser, as a decision finds it.
fn inputs<'a>(signals: &'a Signals, history: &'a History) -> Inputs<'a> {
    let device = history.devices.iter().find(|device| Some(device.browser) == signals.browser);
    Inputs { signals, history, device, now: ago(0), trust_days: 30 }
}

/// What was done so many milliseconds ago.
fn done(events: &[(&str, i64)]) -> Activity {
    let mut activity = Activity::default();
    for (action, passed) in events {
        activity.record(action, ago(*passed));
    }
    activity
}

#[test]
fn every_check_answers_as_computed_by_hand() {
    for Case { what, signals, history, answers } in cases() {
        for (name, answer) in answers {
            let (index, check) = check::by_name(name).expect(name);
            let inputs = inputs(&signals, &history);
            assert_eq!((check.run)(&inputs), answer, "{name}: {what}");
            assert_eq!(check::run_all(&inputs)[index], answer, "{name}: {what}, in the whole table");
        }
    }
}

#[test]
fn every_check_is_documented_named_and_in_a_case() {
    let mut names: Vec<&str> = Vec::new();
    let cases = cases();
    for check in CHECKS {
        let name = check.name;
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.starts_with('_'), "{name}");
        assert!(!names.contains(&name), "{name} stands there twice");
        names.push(name);
        assert!(check.doc.ends_with(['.', '`']) && check.doc.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
        assert!(!check.needs.is_empty(), "{name} does not say what it needs");
        let answers: Vec<_> = cases.iter().flat_map(|case| &case.answers).filter(|answer| answer.0 == name).collect();
        assert!(answers.iter().any(|(_, answer)| answer.is_known()), "{name} is never known in a case");
        assert!(answers.iter().any(|(_, answer)| !answer.is_known()), "{name} is never unknown in a case");
        assert_eq!(check::by_name(name).map(|(index, _)| CHECKS[index].name), Some(name));
    }
    assert!(check::by_name("is_new").is_none());
}

#[test]
fn every_answer_is_of_its_checks_kind() {
    for Case { what, signals, history, .. } in cases() {
        for (check, answer) in CHECKS.iter().zip(check::run_all(&inputs(&signals, &history))) {
            let kind = match answer {
                Unknown => continue,
                OwnedFact::Bool(_) => Kind::Bool,
                OwnedFact::Number(_) => Kind::Number,
                OwnedFact::Text(_) => Kind::Text,
            };
            assert_eq!(kind, check.kind, "{}: {what}", check.name);
        }
    }
}

#[test]
fn where_nothing_is_known_nothing_is_answered() {
    let (signals, history) = (nothing(), History::default());
    let inputs = inputs(&signals, &history);
    for (check, answer) in CHECKS.iter().zip(check::run_all(&inputs)) {
        assert_eq!(answer, Unknown, "{}", check.name);
    }
    for subject in Subject::ALL {
        let wanted = EventCount { subject, action: None, seconds: 60 };
        assert_eq!(check::event_count(&inputs, &wanted), Unknown, "{subject:?}");
        let wanted = DistinctCount { thing: Thing::Country, subject, seconds: 60 };
        assert_eq!(check::distinct_count(&inputs, &wanted), Unknown, "{subject:?}");
    }
}

/// The answer to the field that a policy names so.
fn counted(field: &str, inputs: &Inputs<'_>) -> OwnedFact {
    match Field::parse(field) {
        Ok(Field::EventCount(wanted)) => check::event_count(inputs, &wanted),
        Ok(Field::DistinctCount(wanted)) => check::distinct_count(inputs, &wanted),
        other => panic!("{field} is {other:?}"),
    }
}

#[test]
fn events_are_counted_for_whom_a_policy_names() {
    // A different number of each, so that no subject passes for another.
    let logins = |count: usize| done(&vec![("login", 0); count]);
    let mut known = device(1, None, true);
    known.activity = logins(3);
    let history = History {
        user: Some(User { activity: logins(1), ..user(ago(DAY)) }),
        ip: logins(2),
        devices: vec![known],
        fingerprint: Some(Fingerprint { activity: logins(4), ..fingerprint(1) }),
        email_domain: logins(5),
        ..History::default()
    };
    let signals = complete();
    for (field, count) in [
        ("event_count.user.1h", 2),
        ("event_count.ip.1h", 3),
        ("event_count.device.1h", 4),
        ("event_count.fingerprint.1h", 5),
        ("event_count.email_domain.1h", 6),
    ] {
        assert_eq!(counted(field, &inputs(&signals, &history)), number(count), "{field}");
    }
    // The subject is here, only nothing is remembered of it: this is its first.
    for subject in Subject::ALL {
        let field = format!("event_count.{}.1h", subject.as_str());
        assert_eq!(counted(&field, &inputs(&signals, &History::default())), number(1), "{field}");
    }
}

#[test]
fn events_are_counted_by_action_and_window() {
    let ip =
        done(&[("login", 6 * DAY), ("login", 2 * HOUR), ("signup", 90 * SECOND), ("login", 30 * SECOND), ("login", 0)]);
    let history = History { ip, ..History::default() };
    let signals = complete();
    for (field, count) in [
        // Those before, and this login.
        ("event_count.ip.login.1m", 2 + 1),
        ("event_count.ip.login.1h", 2 + 1),
        ("event_count.ip.login.3h", 3 + 1),
        ("event_count.ip.login.7d", 4 + 1),
        // This one is no signup and no checkout.
        ("event_count.ip.signup.1m", 0),
        ("event_count.ip.signup.2m", 1),
        ("event_count.ip.checkout.7d", 0),
        // Of any action.
        ("event_count.ip.1m", 2 + 1),
        ("event_count.ip.2m", 3 + 1),
        ("event_count.ip.7d", 5 + 1),
    ] {
        assert_eq!(counted(field, &inputs(&signals, &history)), number(count), "{field}");
    }
}

#[test]
fn distinct_things_are_counted_for_whom_a_policy_names() {
    let ips = |count: u8| {
        let mut seen = Seen::default();
        (0..count).for_each(|host| seen.record(Thing::Ip, Mark::of(&format!("198.51.100.{host}")), ago(30 * SECOND)));
        seen
    };
    let mut known = device(1, None, true);
    known.seen = ips(3);
    let mut ada = user(ago(DAY));
    ada.profile.seen = ips(1);
    let mut history = History { user: Some(ada), devices: vec![known], ..History::default() };
    history.seen.fingerprint = ips(4);
    history.seen.email_domain = ips(5);
    for number_of_users in 1..=2 {
        let user = UserId::new(NOW, [number_of_users; 10]);
        history.seen.ip.record(Thing::User, Mark::of(&user.to_string()), ago(90 * SECOND));
    }
    let signals = complete();
    for (field, count) in [
        // Those before, and this request's own.
        ("distinct_count.ip.user.1h", 1 + 1),
        ("distinct_count.ip.device.1h", 3 + 1),
        ("distinct_count.ip.fingerprint.1h", 4 + 1),
        ("distinct_count.ip.email_domain.1h", 5 + 1),
        // User 1 is this one.
        ("distinct_count.user.ip.1h", 2),
        // Nobody else within a minute; this one now.
        ("distinct_count.user.ip.1m", 1),
        // Never noted, because no policy asked: this one alone.
        ("distinct_count.device.user.1h", 1),
        // This request has none.
        ("distinct_count.phone.ip.1h", 0),
    ] {
        assert_eq!(counted(field, &inputs(&signals, &history)), number(count), "{field}");
    }
    // Who is not here yet joins those who are.
    let newcomer = History { user: None, ..history };
    assert_eq!(counted("distinct_count.user.ip.1h", &inputs(&signals, &newcomer)), number(3));
    for wrong in
        ["distinct_count.ip.ip.1h", "distinct_count.shoe.ip.1h", "distinct_count.ip.user", "distinct_count.ip.user.8d"]
    {
        assert!(Field::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Field::parse("distinct_count.user.ip.1h").unwrap().to_string(), "distinct_count.user.ip.1h");
}
