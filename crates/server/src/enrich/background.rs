//! What the data sets say beyond the place: of the time zone, the e-mail domain, the phone number, and of automation.

use std::net::IpAddr;

use countersign_engine::{
    signal::{Agent, Background, MailDomain},
    text::Phone,
};

use super::{
    consistency,
    data::{Snapshot, Source},
    phone, place,
};
use crate::api::signals::ClientSignals;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The user agent, as sent.
    pub agent: Option<&'a str>,
    /// What that says.
    pub says: &'a Agent,
    /// What the browser reads of itself.
    pub signals: &'a ClientSignals,
    /// The domain of a usable e-mail address.
    pub domain: Option<&'a str>,
    /// A usable phone number.
    pub phone: Option<&'a Phone>,
}

/// Words in agents and traces by which a browser without a screen is known.
const HEADLESS: [&str; 4] = ["Headless", "headless", "PhantomJS", "SlimerJS"];

/// Looks everything up; names of sources that were not there are added to `missing`.
pub fn of(data: &Snapshot, subject: Subject<'_>, missing: &mut Vec<String>) -> Background {
    let Subject { ip, agent, says, signals, domain, phone } = subject;
    let phone = phone.map(phone::read);
    let automation = signals.automation.as_ref();
    let traces = automation.and_then(|automation| automation.traces.as_deref());
    let webdriver = automation.and_then(|automation| automation.webdriver);
    Background {
        time_zone_countries: signals.time_zone.as_deref().and_then(|zone| {
            let countries = data.ask(Source::TimeZones, missing)?.get(zone)?;
            Some(countries.split(' ').map(str::to_owned).collect())
        }),
        email_is_disposable: domain
            .and_then(|domain| data.ask(Source::DisposableDomains, missing).map(|table| table.covers(domain))),
        phone_is_possible: phone.as_ref().map(|phone| phone.is_possible),
        phone_country: phone.and_then(|phone| phone.country),
        names_itself_program: agent
            .and_then(|agent| data.ask(Source::CrawlerAgents, missing).map(|table| table.marks(agent))),
        in_crawler_network: ip.and_then(|ip| place::in_crawler_network(data, ip, missing)),
        says_driven: either(webdriver, traces.map(|traces| !traces.is_empty())),
        shows_headless: either(
            agent.map(shows_headless),
            traces.map(|traces| traces.iter().any(|trace| shows_headless(trace))),
        ),
        is_inconsistent: consistency::contradicts(agent, says, signals),
        // Off unless the operator has such a list: its absence is a choice.
        email_is_accept_all: domain
            .zip(data.table(Source::AcceptAllDomains))
            .map(|(domain, table)| table.covers(domain)),
        // Asked elsewhere: it takes more than a look into memory.
        mail_domain: MailDomain::NotAsked,
        native: signals.native.map(Into::into).unwrap_or_default(),
    }
}

/// Whether the domain is a free mail provider's.
pub fn is_webmail(data: &Snapshot, domain: &str, missing: &mut Vec<String>) -> Option<bool> {
    data.ask(Source::WebmailDomains, missing).map(|table| table.get(domain).is_some())
}

fn shows_headless(text: &str) -> bool {
    HEADLESS.iter().any(|mark| text.contains(mark))
}

/// Whether one of two readings holds; `None` where there is neither.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    one.max(other)
}
