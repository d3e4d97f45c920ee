//! The table of checks: narrow facts derived from signals and history (spec section 5).
//!
//! A check is one entry here: its name, kind, group, what it means, and the function that answers it, which lives in
//! the file of its group. Policy fields, the documentation page, the OpenAPI schema and the dashboard's field list all
//! derive from this table, so adding a check is adding an entry. A check knows the signals and the history it is handed
//! and nothing else; what it can't know is [`OwnedFact::Unknown`], never `false`.

mod automation;
mod behaviour;
mod device;
mod email;
mod habit;
mod identity;
mod native;
mod network;
mod people;
mod phone;
pub(crate) mod record;
mod seen;
mod session;
mod state;
mod travel;

use crate::{
    fact::{Kind, OwnedFact},
    field::{DistinctCount, EventCount},
    history::{Device, History},
    id::BrowserId,
    signal::Signals,
    time::Timestamp,
};

/// What every check may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What was measured about this request.
    pub signals: &'a Signals,
    /// What was remembered about the user, device, network and project before it.
    pub history: &'a History,
    /// The user's device that this request comes from, if it is one we remember.
    pub device: Option<&'a Device>,
    /// The moment of the evaluation.
    pub now: Timestamp,
    /// Days for which a device on which a challenge was passed is trusted.
    pub trust_days: u32,
}

impl Inputs<'_> {
    /// The browser: the one of the device recognised, else the one that the token stands for.
    pub(crate) fn browser(&self) -> Option<BrowserId> {
        self.device.map(|device| device.browser).or(self.signals.browser)
    }
}

/// Where a check belongs in lists shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Who is this: newness of user, address, fingerprint, device.
    Identity,
    /// The network that the request came over.
    Network,
    /// How much happens, how fast.
    Behaviour,
    /// Devices attached to the user.
    Devices,
    /// The e-mail address and phone number.
    Contact,
    /// What the site told us about the user.
    State,
    /// Whether a program is at work.
    Automation,
    /// What a native app reports of its device.
    Native,
}

impl Group {
    /// The word used in documentation and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Network => "network",
            Self::Behaviour => "behaviour",
            Self::Devices => "devices",
            Self::Contact => "contact",
            Self::State => "state",
            Self::Automation => "automation",
            Self::Native => "native",
        }
    }
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// The name in policies, on the wire and in the documentation.
    pub name: &'static str,
    /// What records know it by: below 128, never changed, and never given to another.
    pub number: u8,
    /// The kind of its answer.
    pub kind: Kind,
    /// Where it is shown.
    pub group: Group,
    /// What it needs to be known: shown where it is unknown.
    pub needs: &'static str,
    /// One line: what it means when it holds, or what it counts.
    pub doc: &'static str,
    /// The answer.
    pub run: fn(&Inputs<'_>) -> OwnedFact,
}

macro_rules! checks {
    ($($name:ident = $number:literal: $kind:ident, $group:ident, needs $needs:literal, $run:path, $doc:literal;)*) => {
        /// Every check, in the order in which they are shown.
        pub static CHECKS: &[Check] = &[$(Check {
            name: stringify!($name), number: $number, kind: Kind::$kind, group: Group::$group, needs: $needs, doc: $doc, run: $run,
        }),*];
    };
}

checks! {
    is_new_user = 0: Bool, Identity, needs "a user, e-mail or phone", identity::is_new_user,
        "The user was never evaluated or updated before.";
    user_age_days = 1: Number, Identity, needs "a user, e-mail or phone", identity::user_age_days,
        "Whole days since the user was first seen.";
    is_new_ip = 2: Bool, Identity, needs "a user and an address", identity::is_new_ip,
        "The address is not among those the user came from in the last 30 days.";
    is_new_fingerprint = 3: Bool, Identity, needs "a user and a fingerprint", identity::is_new_fingerprint,
        "The user never came with this fingerprint before.";
    fingerprint_user_count = 4: Number, Identity, needs "a fingerprint", identity::fingerprint_user_count,
        "Distinct users seen on this fingerprint, this one included.";
    is_new_device = 5: Bool, Identity, needs "a user and a device", identity::is_new_device,
        "The device was not attached to the user before.";
    is_new_country = 6: Bool, Identity, needs "a user and an address whose country is known", identity::is_new_country,
        "The user never came from this country before and was let in.";
    is_new_asn = 7: Bool, Identity, needs "a user and an address whose autonomous system is known", identity::is_new_asn,
        "The user never came over this autonomous system (roughly: this provider) before and was let in.";
    ip_country = 8: Text, Network, needs "an address in the data set `country` or `city`", network::ip_country,
        "The country of the address: ISO 3166-1, two letters.";
    ip_asn = 9: Number, Network, needs "an address in the data set `asn`", network::ip_asn,
        "The number of the autonomous system that announces the address.";
    ip_user_count = 10: Number, Network, needs "an address", network::ip_user_count,
        "Distinct users seen on the address in the last 30 days, this one included; at most 256 are told apart.";
    ip_is_hosting = 11: Bool, Network, needs "a public address and the data set `hosting`", network::ip_is_hosting,
        "The address is a hosting provider's, where servers stand and not people.";
    ip_is_vpn = 12: Bool, Network, needs "a public address and the data set `vpn`", network::ip_is_vpn,
        "The address is an exit of a VPN service.";
    ip_is_proxy = 13: Bool, Network, needs "a public address and the data set `proxy`, which the pack does not have", network::ip_is_proxy,
        "The address is a proxy.";
    ip_is_tor = 14: Bool, Network, needs "a public address and the data set `tor`", network::ip_is_tor,
        "The address is a Tor exit.";
    timezone_mismatch = 15: Bool, Network, needs "an address with a country, and a browser with a country's time zone", network::timezone_mismatch,
        "The browser's time zone is kept in none of the places of the address's country.";
    event_count = 16: Number, Behaviour, needs "a user or an address", behaviour::event_count,
        "Evaluations of this action by the user (by the address where there is no user) in the last hour, this one included. Other subjects, actions and windows: `event_count.<subject>[.<action>].<window>`.";
    has_high_velocity = 17: Bool, Behaviour, needs "a user or a browser", habit::has_high_velocity,
        "The user or the device did this more than 10 times within a minute, or more than 120 times within an hour.";
    impossible_travel = 18: Bool, Behaviour, needs "a user and an address; coordinates from the data set `city` where the user has moved", travel::impossible_travel,
        "The user was let in from 500 kilometres away or more, at most 48 hours ago, and would have had to travel at 1,000 kilometres an hour or more. The same line, the same provider, or a change between IPv4 and IPv6 on one browser is no travel.";
    country_changed_today = 19: Bool, Behaviour, needs "a user and an address whose country is known", travel::country_changed_today,
        "The user was let in from another country in the last 24 hours, by another provider.";
    unusual_hour = 20: Bool, Behaviour, needs "a user who was let in 20 times, on 7 days or more", habit::unusual_hour,
        "Fewer than one in 50 of the times that the user was let in were within an hour of this time of day.";
    concurrent_sessions = 51: Bool, Behaviour, needs "a user, a browser's address and its kind of device", session::concurrent_sessions,
        "The user is also there on another device of the same kind, at another address, now: its page was open within the last minute.";
    device_count = 21: Number, Devices, needs "a user", device::device_count,
        "Devices attached to the user now, this one included.";
    computer_device_count = 22: Number, Devices, needs "a user", device::computer_device_count,
        "Computers attached to the user now.";
    tablet_device_count = 23: Number, Devices, needs "a user", device::tablet_device_count,
        "Tablets attached to the user now.";
    mobile_device_count = 24: Number, Devices, needs "a user", device::mobile_device_count,
        "Phones attached to the user now.";
    device_is_trusted = 25: Bool, Devices, needs "a user and a browser", state::device_is_trusted,
        "A challenge was passed on this device within the project's `device_trust_days`, and it was not detached since.";
    people_estimate_low = 52: Number, Devices, needs "a user who came on a known kind of device", people::low,
        "At least so many people use the account, most likely, by its last four weeks: devices in use by turns in different places, that never shared a line. Twelve devices are told apart.";
    people_estimate_high = 53: Number, Devices, needs "a user who came on a known kind of device", people::high,
        "At most so many people use the account, most likely: as many as its households have phones, tablets or pairs of computers in use over the same days.";
    email_is_invalid = 26: Bool, Contact, needs "an e-mail address; an answer about its domain where `mail_domains.look_up` is on", email::email_is_invalid,
        "What was given as e-mail address can't be one, or its domain takes no mail.";
    email_is_webmail = 27: Bool, Contact, needs "a valid e-mail address", email::email_is_webmail,
        "The address belongs to a free mail provider.";
    email_is_disposable = 28: Bool, Contact, needs "a valid e-mail address and the data set `disposable_domains`", email::email_is_disposable,
        "The domain of the address, or one that it is part of, gives away throw-away addresses.";
    email_is_accept_all = 29: Bool, Contact, needs "a valid e-mail address and the data set `accept_all_domains`, which the pack does not have", email::email_is_accept_all,
        "The domain of the address takes mail for any name, so that nothing says whether the mailbox exists.";
    email_is_gibberish = 30: Bool, Contact, needs "a valid e-mail address", email::email_is_gibberish,
        "The name in the address looks typed at random. Names of few letters, or in scripts other than Latin, are never called so.";
    email_normalized_user_count = 31: Number, Contact, needs "a valid e-mail address", email::email_normalized_user_count,
        "Distinct users seen in the last 90 days with an address of the same mailbox (without `+…`, without dots where the provider ignores them), this one included.";
    phone_is_invalid = 32: Bool, Contact, needs "a phone number", phone::phone_is_invalid,
        "What was given as phone number can't be one under its country's numbering plan.";
    phone_country = 33: Text, Contact, needs "a valid phone number", phone::phone_country,
        "The country of the phone number: ISO 3166-1, two letters.";
    phone_user_count = 34: Number, Contact, needs "a valid phone number", phone::phone_user_count,
        "Distinct users seen with the phone number in the last 90 days, this one included.";
    is_phone_verified = 35: Bool, Contact, needs "a phone number", phone::is_phone_verified,
        "The site said, or a passed challenge proved, that this user holds this number.";
    is_email_verified = 36: Bool, Contact, needs "an e-mail address", email::is_email_verified,
        "The site said, or a passed challenge proved, that this user holds this address.";
    is_suspended = 37: Bool, State, needs "a user", state::is_suspended,
        "A policy or a person suspended the user.";
    days_since_challenge_passed = 38: Number, State, needs "a user who passed one", state::days_since_challenge_passed,
        "Whole days since the user last passed a challenge.";
    failed_challenge_count = 39: Number, State, needs "a user", state::failed_challenge_count,
        "Challenges that the user failed, or reported as not theirs, in the last 7 days.";
    origin_is_new = 40: Bool, State, needs "a page's URL", state::origin_is_new,
        "Nobody came from a page of this origin in the last 90 days.";
    is_automated = 41: Bool, Automation, needs "a user agent, and for `false` a browser's readings", automation::is_automated,
        "The agent names itself a program, or the browser says that one drives it.";
    is_headless = 42: Bool, Automation, needs "a user agent, and for `false` a browser's readings", automation::is_headless,
        "The browser has no screen: its agent says so, or a trace of it.";
    is_known_bot = 43: Bool, Automation, needs "a user agent, a public address, and the data sets `crawler_agents` and `crawler_networks`", automation::is_known_bot,
        "The agent names itself a crawler and comes from a range that a crawler's operator publishes: a verified crawler, not one that only says so.";
    signals_inconsistent = 44: Bool, Automation, needs "a user agent and a browser's readings", automation::signals_inconsistent,
        "What the browser says of itself contradicts itself: the agent names another system, or another kind of device, than its readings do.";
    jailbroken_ios = 45: Bool, Native, needs "a native app's report", native::jailbroken_ios,
        "The app reports that the system's protection was taken off an iPhone or iPad.";
    rooted_android = 46: Bool, Native, needs "a native app's report", native::rooted_android,
        "The app reports that it was taken off an Android device.";
    is_simulator = 47: Bool, Native, needs "a native app's report", native::is_simulator,
        "The app reports that it runs in Apple's simulator.";
    is_emulator = 48: Bool, Native, needs "a native app's report", native::is_emulator,
        "The app reports that it runs in an emulator of Android.";
    debugger_attached = 49: Bool, Native, needs "a native app's report", native::debugger_attached,
        "The app reports that a debugger is attached to it.";
    ui_testing = 50: Bool, Native, needs "a native app's report", native::ui_testing,
        "The app reports that a test tool operates it.";
}

/// The check called `name`.
pub fn by_name(name: &str) -> Option<(usize, &'static Check)> {
    CHECKS.iter().enumerate().find(|(_, check)| check.name == name)
}

/// The answer to `event_count.<subject>[.<action>].<window>`, which is no entry of the table: there is one a subject,
/// action and window. Unknown where the request has no such subject.
pub fn event_count(inputs: &Inputs<'_>, wanted: &EventCount) -> OwnedFact {
    behaviour::count(inputs, wanted)
}

/// The answer to `distinct_count.<thing>.<subject>.<window>`. Unknown where the request has no such subject.
pub fn distinct_count(inputs: &Inputs<'_>, wanted: &DistinctCount) -> OwnedFact {
    seen::distinct(inputs, wanted)
}

/// Every check's answer, in the order of [`CHECKS`].
pub fn run_all(inputs: &Inputs<'_>) -> alloc::vec::Vec<OwnedFact> {
    CHECKS.iter().map(|check| (check.run)(inputs)).collect()
}
