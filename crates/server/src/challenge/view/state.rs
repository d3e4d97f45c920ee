//! Every state that a challenge page can be in, each with what it shows.

use axum::http::StatusCode;
use url::Url;

use super::{Channel, When};
use crate::texts::Line;

/// What the page says and asks. One template each, of the same name.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing has been sent: where should the code go?
    Choose(Choose),
    /// A code is under way.
    EnterCode(EnterCode),
    /// One channel is proven, and the config asks for another.
    NextChannel(NextChannel),
    /// All is proven, and the account has too many devices.
    Devices(Devices),
    /// The config asks for a phone number, and there is none.
    PhoneNeeded(PhoneNeeded),
    /// There is no address to send a code to.
    Unreachable,
    /// Too many codes were sent; `retry_in` seconds until one may ask again, if that is known.
    LimitReached {
        /// Seconds from now.
        retry_in: Option<u32>,
    },
    /// Passed. `next` is the success URL with its `evaluation`.
    Completed {
        /// Where the person goes on.
        next: Option<Url>,
    },
    /// The attempts are used up.
    Failed,
    /// Ended by "this wasn't me".
    Reported,
    /// Its time is over.
    Expired,
    /// The person skipped it.
    Skipped,
    /// A newer challenge replaced it.
    Overridden,
    /// It was opened in another browser first.
    OtherBrowser,
    /// Behind the message's "this wasn't me" link: the question.
    ReportAsk(ReportAsk),
    /// The report has been taken.
    ReportDone,
    /// There is no such challenge.
    NotFound,
    /// The fault is ours.
    Problem,
}

/// One way to receive a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The channel.
    pub channel: Channel,
    /// The address, masked.
    pub address: String,
}

/// See [`State::Choose`].
#[derive(Debug, Clone, Default)]
pub struct Choose {
    /// The ways on offer, best first.
    pub choices: Vec<Choice>,
    /// Whether the last one tried couldn't be sent.
    pub failed: bool,
}

/// See [`State::EnterCode`].
#[derive(Debug, Clone)]
pub struct EnterCode {
    /// The channel that the code took.
    pub channel: Channel,
    /// The address, masked.
    pub address: String,
    /// Digits in a code, 4 to 10.
    pub length: u8,
    /// Seconds until the code expires, 0 once it has.
    pub expires_in: u32,
    /// Tries left. Told once there are three or fewer.
    pub attempts_left: u8,
    /// What just happened.
    pub notice: Option<Notice>,
    /// Seconds until a new code may be asked for; none when no more may be sent.
    pub resend_in: Option<u32>,
    /// Another way to be reached, if there is one.
    pub other_way: Option<OtherWay>,
}

/// What just happened to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It was not the right one.
    Wrong,
    /// It has expired.
    Expired,
    /// A new one was sent.
    NewCode,
    /// It couldn't be delivered.
    Undelivered,
    /// Another was asked for before the wait was over.
    TooSoon,
}

impl Notice {
    /// Its text.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Wrong => "enter-code-wrong",
            Self::Expired => "enter-code-expired",
            Self::NewCode => "enter-code-new",
            Self::Undelivered => "enter-code-undelivered",
            Self::TooSoon => "enter-code-too-soon",
        }
    }

    /// Whether the person has to put something right.
    pub(super) fn is_error(self) -> bool {
        self != Self::NewCode
    }
}

/// What one may change while waiting for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherWay {
    /// The channel.
    Channel,
    /// The phone number that was just typed.
    Phone,
}

/// See [`State::NextChannel`].
#[derive(Debug, Clone)]
pub struct NextChannel {
    /// The next channel; the other one is proven.
    pub next: Choice,
}

/// See [`State::Devices`].
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// How many must be logged out yet; none: somebody else did it meanwhile.
    pub over: u32,
    /// Those that may be, the last used first.
    pub others: Vec<DeviceLine>,
}

/// A device in a list.
#[derive(Debug, Clone)]
pub struct DeviceLine {
    /// Its id.
    pub id: String,
    /// "Chrome on macOS".
    pub label: Option<Line>,
    /// What kind of machine.
    pub kind: DeviceKind,
    /// "Lyon, France".
    pub place: Option<Line>,
    /// When it was last used.
    pub seen: When,
}

/// Kinds of machines, as people call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A desktop or laptop.
    Computer,
    /// A tablet.
    Tablet,
    /// A phone.
    Mobile,
    /// Something else.
    Unknown,
}

impl DeviceKind {
    /// Its text.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Computer => "devices-computer",
            Self::Tablet => "devices-tablet",
            Self::Mobile => "devices-mobile",
            Self::Unknown => "devices-unknown",
        }
    }
}

/// See [`State::PhoneNeeded`].
#[derive(Debug, Clone, Default)]
pub struct PhoneNeeded {
    /// What was typed before, to be put right.
    pub typed: String,
    /// What is wrong with it.
    pub trouble: Option<PhoneTrouble>,
}

/// Why a number isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneTrouble {
    /// It is no phone number.
    Invalid,
    /// It is one that no code is sent to.
    Refused,
}

impl PhoneTrouble {
    /// Its text.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Invalid => "phone-needed-invalid",
            Self::Refused => "phone-needed-refused",
        }
    }
}

/// See [`State::ReportAsk`].
#[derive(Debug, Clone)]
pub struct ReportAsk {
    /// The message's token, which the form sends back.
    pub token: String,
}

impl State {
    /// The status to answer with. A page that a person can act on is a 200: only what isn't there, what broke and what
    /// is refused for its rate says so to machines.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Problem => StatusCode::INTERNAL_SERVER_ERROR,
            Self::LimitReached { .. } => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::OK,
        }
    }

    /// The name of the state: its template's, and the first part of its texts' keys.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Choose(_) => "choose",
            Self::EnterCode(_) => "enter-code",
            Self::NextChannel(_) => "next-channel",
            Self::Devices(_) => "devices",
            Self::PhoneNeeded(_) => "phone-needed",
            Self::Unreachable => "unreachable",
            Self::LimitReached { .. } => "limit-reached",
            Self::Completed { .. } => "completed",
            Self::Failed => "failed",
            Self::Reported => "reported",
            Self::Expired => "expired",
            Self::Skipped => "skipped",
            Self::Overridden => "overridden",
            Self::OtherBrowser => "other-browser",
            Self::ReportAsk(_) => "report-ask",
            Self::ReportDone => "report-done",
            Self::NotFound => "not-found",
            Self::Problem => "problem",
        }
    }

    /// Whether the page shows an error to put right, which its title then says first.
    pub(super) fn is_error(&self) -> bool {
        match self {
            Self::Choose(choose) => choose.failed,
            Self::EnterCode(code) => code.notice.is_some_and(Notice::is_error),
            Self::PhoneNeeded(phone) => phone.trouble.is_some(),
            _ => false,
        }
    }

    /// Whether the person still has something to prove here, so that what is being confirmed belongs on the page.
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Choose(_) | Self::EnterCode(_) | Self::NextChannel(_) | Self::PhoneNeeded(_) | Self::ReportAsk(_)
        )
    }
}
