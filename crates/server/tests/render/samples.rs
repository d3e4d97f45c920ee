//! One of each state, as the tests and the gallery show them.

use countersign_server::challenge::view::{
    Action, Channel, Choice, Choose, Confirming, Context, DeviceKind, DeviceLine, Devices, EnterCode, Link, Links,
    NextChannel, Notice, OtherWay, PhoneNeeded, PhoneTrouble, ReportAsk, State, When,
};
use countersign_server::message::CodeMessage;
use countersign_server::texts::Line;
use url::Url;

pub fn line(text: &str) -> Line {
    Line::new(text).unwrap()
}

pub fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

pub fn when() -> When {
    When { at_ms: 1_795_442_520_000, offset_minutes: Some(60) }
}

pub fn context() -> Context {
    Context {
        challenge_id: "chl_01k0000000000000000000000".into(),
        csrf: "csrf-token".into(),
        project: Some(line("Northwind Books")),
        confirming: Some(Confirming {
            action: Action::Login,
            device: Some(line("Chrome on macOS")),
            place: Some(line("Lyon, France")),
            at: when(),
        }),
        way_back: Some(url("https://shop.example/")),
        ..Context::default()
    }
}

/// The same for a shared account, with every link and way out there is.
pub fn sharing() -> Context {
    let mut context = context();
    context.account_sharing = true;
    context.may_skip = true;
    context.links = Links {
        primary: Link::new(None, url("https://shop.example/signup")),
        secondary: Link::new(Some("Get help"), url("https://shop.example/help")),
        logout: Link::new(None, url("https://shop.example/logout")),
    };
    if let Some(confirming) = &mut context.confirming {
        confirming.action = Action::Access;
        confirming.at.offset_minutes = None;
    }
    context
}

/// A page that belongs to no site.
pub fn nobody() -> Context {
    Context::default()
}

pub fn email() -> Choice {
    Choice { channel: Channel::Email, address: "j•••@e…".into() }
}

pub fn sms() -> Choice {
    Choice { channel: Channel::Sms, address: "•••• 78".into() }
}

pub fn enter_code() -> EnterCode {
    EnterCode {
        channel: Channel::Email,
        address: "j•••@e…".into(),
        length: 6,
        expires_in: 600,
        attempts_left: 5,
        notice: None,
        resend_in: Some(24),
        other_way: Some(OtherWay::Channel),
    }
}

fn devices() -> Vec<DeviceLine> {
    let device = |id: &str, label: Option<&str>, kind, place: Option<&str>| DeviceLine {
        id: format!("dev_01k000000000000000000000{id}"),
        label: label.map(line),
        kind,
        place: place.map(line),
        seen: When { offset_minutes: None, ..when() },
    };
    vec![
        device("01", Some("Chrome on macOS"), DeviceKind::Computer, Some("Lyon, France")),
        device("02", Some("Safari on iOS"), DeviceKind::Mobile, None),
        device("03", None, DeviceKind::Unknown, Some("France")),
    ]
}

/// Every state by a file name of its own, several where a state has faces.
pub fn all() -> Vec<(&'static str, Context, State)> {
    let mut samples = asking();
    samples.extend(entering());
    samples.extend(ended());
    samples
}

fn asking() -> Vec<(&'static str, Context, State)> {
    let choose = |choices: &[Choice], failed| State::Choose(Choose { choices: choices.to_vec(), failed });
    let trouble = |trouble| State::PhoneNeeded(PhoneNeeded { typed: "06 12".into(), trouble: Some(trouble) });
    vec![
        ("choose", context(), choose(&[email(), sms()], false)),
        ("choose-one", context(), choose(&[email()], false)),
        ("choose-failed", context(), choose(&[email(), sms()], true)),
        ("choose-sharing", sharing(), choose(&[email(), sms()], false)),
        ("next-channel", context(), State::NextChannel(NextChannel { next: sms() })),
        ("devices", sharing(), State::Devices(Devices { over: 2, others: devices() })),
        ("devices-one", context(), State::Devices(Devices { over: 1, others: devices() })),
        ("devices-enough", context(), State::Devices(Devices::default())),
        ("phone-needed", sharing(), State::PhoneNeeded(PhoneNeeded::default())),
        ("phone-needed-invalid", context(), trouble(PhoneTrouble::Invalid)),
        ("phone-needed-refused", context(), trouble(PhoneTrouble::Refused)),
        ("report-ask", context(), State::ReportAsk(ReportAsk { token: "report-token".into() })),
    ]
}

fn entering() -> Vec<(&'static str, Context, State)> {
    let with = |notice, attempts_left| EnterCode { notice: Some(notice), attempts_left, ..enter_code() };
    let sms =
        EnterCode {
            channel: Channel::Sms, address: "•••• 78".into(), length: 8, resend_in: None, ..enter_code()
        };
    let typed = EnterCode { other_way: Some(OtherWay::Phone), resend_in: Some(0), attempts_left: 3, ..enter_code() };
    let codes = [
        ("enter-code", enter_code()),
        ("enter-code-sms", sms),
        ("enter-code-typed-phone", EnterCode { channel: Channel::Sms, address: "•••• 78".into(), ..typed }),
        ("enter-code-wrong", with(Notice::Wrong, 2)),
        ("enter-code-expired", EnterCode { expires_in: 0, ..with(Notice::Expired, 4) }),
        ("enter-code-new", with(Notice::NewCode, 5)),
        ("enter-code-undelivered", with(Notice::Undelivered, 5)),
        ("enter-code-too-soon", with(Notice::TooSoon, 1)),
    ];
    let mut samples: Vec<_> = codes.into_iter().map(|(name, code)| (name, context(), State::EnterCode(code))).collect();
    samples.push(("enter-code-sharing", sharing(), State::EnterCode(enter_code())));
    samples
}

fn ended() -> Vec<(&'static str, Context, State)> {
    let next = Some(url("https://shop.example/welcome?evaluation=evl_01k0000000000000000000000"));
    vec![
        ("unreachable", context(), State::Unreachable),
        ("limit-reached", context(), State::LimitReached { retry_in: Some(1500) }),
        ("limit-reached-hours", context(), State::LimitReached { retry_in: Some(20_000) }),
        ("limit-reached-unknown", context(), State::LimitReached { retry_in: None }),
        ("completed", context(), State::Completed { next }),
        ("completed-nowhere", context(), State::Completed { next: None }),
        ("failed", context(), State::Failed),
        ("failed-sharing", sharing(), State::Failed),
        ("reported", context(), State::Reported),
        ("expired", context(), State::Expired),
        ("skipped", context(), State::Skipped),
        ("overridden", context(), State::Overridden),
        ("other-browser", context(), State::OtherBrowser),
        ("report-done", context(), State::ReportDone),
        ("not-found", nobody(), State::NotFound),
        ("problem", nobody(), State::Problem),
        ("problem-known", context(), State::Problem),
    ]
}

pub fn message() -> CodeMessage {
    CodeMessage {
        project: line("Northwind Books"),
        action: Action::Login,
        device: Some(line("Chrome on macOS")),
        place: Some(line("Lyon, France")),
        at: when(),
        code: "042137".into(),
        minutes: 10,
        report_url: url("https://id.shop.example/r/8Hq2nV0cT5mXb1Ws"),
        accent: None,
    }
}
