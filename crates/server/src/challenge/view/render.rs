//! From a state to its HTML: gathers the facts that texts may name, then lets the state's template speak.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::{
    Channel, Choice, Choose, Confirming, Context, Devices, EnterCode, Link, NextChannel, Notice, OtherWay, PhoneNeeded,
    ReportAsk, State, When,
};
use crate::page::Speech;
use crate::page::assets::{CHALLENGE_CSS, CHALLENGE_JS, TOKENS_CSS};
use crate::texts::Voice;

/// The tries left are told from here down: earlier they would only worry.
const TELL_ATTEMPTS: u8 = 3;

/// The whole page, `<!doctype html>` to `</html>`. Send it with [`State::status`] and
/// [`security_headers`](crate::page::headers::security_headers).
pub fn render(voice: Voice<'_>, context: &Context, state: &State) -> Result<String, askama::Error> {
    let page = Page::new(voice, context, state);
    let page = &page;
    match state {
        State::Choose(state) => ChoosePage { page, state }.render(),
        State::EnterCode(state) => EnterCodePage { page, state }.render(),
        State::NextChannel(state) => NextChannelPage { page, state }.render(),
        State::Devices(state) => DevicesPage { page, state }.render(),
        State::PhoneNeeded(state) => PhoneNeededPage { page, state }.render(),
        State::LimitReached { retry_in } => LimitReachedPage { page, state: &page.retry(*retry_in) }.render(),
        State::Completed { next } => CompletedPage { page, state: next }.render(),
        State::ReportAsk(state) => ReportAskPage { page, state }.render(),
        State::Unreachable => UnreachablePage { page }.render(),
        State::Failed => FailedPage { page }.render(),
        State::Reported => ReportedPage { page }.render(),
        State::Expired => ExpiredPage { page }.render(),
        State::Skipped => SkippedPage { page }.render(),
        State::Overridden => OverriddenPage { page }.render(),
        State::OtherBrowser => OtherBrowserPage { page }.render(),
        State::ReportDone => ReportDonePage { page }.render(),
        State::NotFound => NotFoundPage { page }.render(),
        State::Problem => ProblemPage { page }.render(),
    }
}

/// Declares a state's template, with the state's own data where it has any.
macro_rules! template {
    ($name:ident, $path:tt) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            page: &'a Page<'a>,
        }
    };
    ($name:ident, $path:tt, $state:ty) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            page: &'a Page<'a>,
            state: &'a $state,
        }
    };
}

template!(ChoosePage, "challenge/choose.html", Choose);
template!(EnterCodePage, "challenge/enter-code.html", EnterCode);
template!(NextChannelPage, "challenge/next-channel.html", NextChannel);
template!(DevicesPage, "challenge/devices.html", Devices);
template!(PhoneNeededPage, "challenge/phone-needed.html", PhoneNeeded);
template!(LimitReachedPage, "challenge/limit-reached.html", String);
template!(CompletedPage, "challenge/completed.html", Option<url::Url>);
template!(ReportAskPage, "challenge/report-ask.html", ReportAsk);
template!(UnreachablePage, "challenge/unreachable.html");
template!(FailedPage, "challenge/failed.html");
template!(ReportedPage, "challenge/reported.html");
template!(ExpiredPage, "challenge/expired.html");
template!(SkippedPage, "challenge/skipped.html");
template!(OverriddenPage, "challenge/overridden.html");
template!(OtherBrowserPage, "challenge/other-browser.html");
template!(ReportDonePage, "challenge/report-done.html");
template!(NotFoundPage, "challenge/not-found.html");
template!(ProblemPage, "challenge/problem.html");

/// What every template reaches for: the context, the speech, and the names of its files.
struct Page<'a> {
    context: &'a Context,
    speech: Speech<'a>,
    heading: String,
    title: String,
    /// The facts to show, where the state shows them.
    confirming: Option<&'a Confirming>,
    stylesheets: Vec<String>,
    script: String,
}

impl<'a> Page<'a> {
    fn new(voice: Voice<'a>, context: &'a Context, state: &State) -> Self {
        let speech = facts(voice, context, state);
        let sharing = if context.account_sharing && matches!(state, State::Choose(_)) { "-sharing" } else { "" };
        let heading = speech.text(&format!("{}-title{sharing}", state.name()));
        let title = if context.project.is_none() {
            heading.clone()
        } else {
            let key = if state.is_error() { "page-title-error" } else { "page-title" };
            speech.text_with(key, "heading", heading.clone())
        };
        let mut stylesheets = vec![TOKENS_CSS.href(), CHALLENGE_CSS.href()];
        if context.appearance.has_css() {
            stylesheets.push(format!("/challenge/{}/appearance.css", context.challenge_id));
        }
        let confirming = context.confirming.as_ref().filter(|_| state.is_open());
        Self { context, speech, heading, title, confirming, stylesheets, script: CHALLENGE_JS.href() }
    }

    fn text(&self, key: &str) -> String {
        self.speech.text(key)
    }

    /// A link's label, or the text under `default`.
    fn label(&self, link: &Link, default: &str) -> String {
        link.label.as_ref().map_or_else(|| self.text(default), ToString::to_string)
    }

    /// The primary link's label: what it means depends on the challenge.
    fn primary_label(&self, link: &Link) -> String {
        self.label(link, if self.context.account_sharing { "link-create-account" } else { "link-primary" })
    }

    /// A path of this challenge.
    fn path(&self, step: &str) -> String {
        format!("/challenge/{}/{step}", self.context.challenge_id)
    }

    /// The first letter of the site's name, which stands in for a logo.
    fn initial(&self) -> String {
        let name = self.context.project.as_ref().map(ToString::to_string).unwrap_or_default();
        name.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }

    /// A point in time for a person, and for the `datetime` attribute; nothing for one outside the calendar.
    fn moment(&self, when: When) -> Option<Moment> {
        let iso = Timestamp::from_millisecond(when.at_ms).ok()?.to_string();
        Some(Moment { text: tell(&self.speech, when)?, iso, local: when.offset_minutes.is_none() })
    }

    /// When one may try again, in a sentence.
    fn retry(&self, retry_in: Option<u32>) -> String {
        match retry_in {
            Some(seconds) => self.speech.text_with("limit-reached-next", "wait", self.duration(seconds)),
            None => self.text("limit-reached-next-unknown"),
        }
    }

    /// Seconds as a duration in words, rounded up to minutes or hours.
    fn duration(&self, seconds: u32) -> String {
        let minutes = seconds.div_ceil(60).max(1);
        if minutes > 90 {
            self.speech.text_with("duration-hours", "count", minutes.div_ceil(60))
        } else {
            self.speech.text_with("duration-minutes", "count", minutes)
        }
    }
}

/// A time as shown.
struct Moment {
    text: String,
    iso: String,
    local: bool,
}

impl Channel {
    /// Its icon's name.
    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The text that names it.
    fn label(self) -> &'static str {
        match self {
            Self::Email => "choose-email",
            Self::Sms => "choose-sms",
        }
    }

    /// The text of the button that sends a code.
    fn send(self) -> &'static str {
        match self {
            Self::Email => "choose-send-email",
            Self::Sms => "choose-send-sms",
        }
    }
}

impl Choose {
    /// The only way on offer, when there is nothing to choose.
    fn only(&self) -> Option<&Choice> {
        match self.choices.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl EnterCode {
    /// The seconds to wait before asking for another code, while there are any.
    fn wait(&self) -> Option<u32> {
        self.resend_in.filter(|seconds| *seconds > 0)
    }

    /// That wait as a person reads it.
    fn clock(&self) -> String {
        clock(self.resend_in.unwrap_or_default())
    }

    /// Whether the tries left are few enough to tell.
    fn tells_attempts(&self) -> bool {
        self.attempts_left <= TELL_ATTEMPTS
    }

    /// What a typed code must look like for a browser to send it: the digits of any script, with blanks and dashes
    /// wherever a person or a paste put them. Read as a regular expression with the `v` flag, hence the escaped dash.
    fn pattern(&self) -> String {
        format!(r"[\s\-]*(?:\p{{Nd}}[\s\-]*){{{}}}", self.length)
    }

    fn is_error(&self) -> bool {
        self.notice.is_some_and(Notice::is_error)
    }

    fn may_change_phone(&self) -> bool {
        self.other_way == Some(OtherWay::Phone)
    }
}

/// Everything that the texts may name on this page.
fn facts<'a>(voice: Voice<'a>, context: &Context, state: &State) -> Speech<'a> {
    let mut speech = Speech::new(voice);
    let action = context.confirming.as_ref().map(|confirming| &confirming.action);
    speech.set("project", context.project.as_ref().map(ToString::to_string).unwrap_or_default());
    speech.set("action", action.map_or("other", |action| action.key()));
    speech.set("custom", action.map(super::Action::custom).unwrap_or_default());
    match state {
        State::EnterCode(code) => {
            speech.set("channel", code.channel.to_string());
            speech.set("length", code.length);
            speech.set("minutes", code.expires_in.div_ceil(60));
            speech.set("attempts", code.attempts_left);
            speech.set("clock", clock(code.resend_in.unwrap_or_default()));
        }
        State::Devices(devices) => speech.set("over", devices.over),
        State::NextChannel(next) => speech.set("channel", next.next.channel.to_string()),
        _ => {}
    }
    speech
}

/// A wait as `0:24`.
fn clock(seconds: u32) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A point in time in a language's words, in the person's zone if that is known, else in UTC.
pub(crate) fn tell(speech: &Speech<'_>, when: When) -> Option<String> {
    let minutes = i32::from(when.offset_minutes.unwrap_or_default());
    let offset = Offset::from_seconds(minutes * 60).ok()?;
    let local = offset.to_datetime(Timestamp::from_millisecond(when.at_ms).ok()?);
    let zone = match (minutes / 60, (minutes % 60).abs()) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{hours:+}"),
        (hours, rest) => format!("UTC{}{}:{rest:02}", if minutes < 0 { "-" } else { "+" }, hours.abs()),
    };
    let mut facts = fluent_bundle::FluentArgs::new();
    facts.set("day", local.day());
    facts.set("month", local.month());
    facts.set("year", local.year().to_string());
    facts.set("time", format!("{:02}:{:02}", local.hour(), local.minute()));
    facts.set("zone", zone);
    Some(speech.text_of("moment", &facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Texts;

    fn told(at_ms: i64, offset_minutes: Option<i16>) -> Option<String> {
        let texts = Texts::load().unwrap();
        tell(&Speech::new(texts.get("en")), When { at_ms, offset_minutes })
    }

    #[test]
    fn a_time_is_told_in_the_persons_zone() {
        let noon = 1_795_435_200_000; // 2026-11-23T12:00Z
        assert_eq!(told(noon, None).unwrap(), "23 November 2026, 12:00 UTC");
        assert_eq!(told(noon, Some(60)).unwrap(), "23 November 2026, 13:00 UTC+1");
        assert_eq!(told(noon, Some(345)).unwrap(), "23 November 2026, 17:45 UTC+5:45");
        assert_eq!(told(noon, Some(-210)).unwrap(), "23 November 2026, 08:30 UTC-3:30");
        assert_eq!(told(noon, Some(-30)).unwrap(), "23 November 2026, 11:30 UTC-0:30");
        assert_eq!(told(i64::MAX, None), None, "outside the calendar");
    }

    #[test]
    fn a_wait_reads_like_a_clock() {
        assert_eq!(clock(0), "0:00");
        assert_eq!(clock(24), "0:24");
        assert_eq!(clock(125), "2:05");
    }
}
