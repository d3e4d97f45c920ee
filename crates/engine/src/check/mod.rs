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
mod identity;
mod network;
mod phone;
mod state;

use crate::{
    fact::{Kind, OwnedFact},
    field::EventCount,
    history::{Device, History},
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
        }
    }
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// The name in policies, on the wire and in the documentation.
    pub name: &'static str,
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
    ($($name:ident: $kind:ident, $group:ident, needs $needs:literal, $run:path, $doc:literal;)*) => {
        /// Every check, in the order in which they are shown.
        pub static CHECKS: &[Check] = &[$(Check {
            name: stringify!($name), kind: Kind::$kind, group: Group::$group, needs: $needs, doc: $doc, run: $run,
        }),*];
    };
}

checks! {
    is_new_user: Bool, Identity, needs "a user, e-mail or phone", identity::is_new_user,
        "The user was never evaluated or updated before.";
    user_age_days: Number, Identity, needs "a user, e-mail or phone", identity::user_age_days,
        "Whole days since the user was first seen.";
    is_new_ip: Bool, Identity, needs "a user and an address", identity::is_new_ip,
        "The address is not among those the user came from in the last 30 days.";
    is_new_fingerprint: Bool, Identity, needs "a user and a fingerprint", identity::is_new_fingerprint,
        "The user never came with this fingerprint before.";
    fingerprint_user_count: Number, Identity, needs "a fingerprint", identity::fingerprint_user_count,
        "Distinct users seen on this fingerprint, this one included.";
    is_new_device: Bool, Identity, needs "a user and a device", identity::is_new_device,
        "The device was not attached to the user before.";
    is_new_country: Bool, Identity, needs "a user and an address whose country is known", identity::is_new_country,
        "The user never came from this country before and was let in.";
    is_new_asn: Bool, Identity, needs "a user and an address whose autonomous system is known", identity::is_new_asn,
        "The user never came over this autonomous system (roughly: this provider) before and was let in.";
    ip_country: Text, Network, needs "an address in the data set `country` or `city`", network::ip_country,
        "The country of the address: ISO 3166-1, two letters.";
    ip_asn: Number, Network, needs "an address in the data set `asn`", network::ip_asn,
        "The number of the autonomous system that announces the address.";
    ip_is_hosting: Bool, Network, needs "a public address and the data set `hosting`", network::ip_is_hosting,
        "The address is a hosting provider's, where servers stand and not people.";
    ip_is_vpn: Bool, Network, needs "a public address and the data set `vpn`", network::ip_is_vpn,
        "The address is an exit of a VPN service.";
    ip_is_proxy: Bool, Network, needs "a public address and the data set `proxy`, which the pack does not have", network::ip_is_proxy,
        "The address is a proxy.";
    ip_is_tor: Bool, Network, needs "a public address and the data set `tor`", network::ip_is_tor,
        "The address is a Tor exit.";
    timezone_mismatch: Bool, Network, needs "an address with a country, and a browser with a country's time zone", network::timezone_mismatch,
        "The browser's time zone is kept in none of the places of the address's country.";
    event_count: Number, Behaviour, needs "a user or an address", behaviour::event_count,
        "Evaluations of this action by the user (by the address where there is no user) in the last hour, this one included. Other subjects, actions and windows: `event_count.<subject>[.<action>].<window>`.";
    device_count: Number, Devices, needs "a user", device::device_count,
        "Devices attached to the user now, this one included.";
    computer_device_count: Number, Devices, needs "a user", device::computer_device_count,
        "Computers attached to the user now.";
    tablet_device_count: Number, Devices, needs "a user", device::tablet_device_count,
        "Tablets attached to the user now.";
    mobile_device_count: Number, Devices, needs "a user", device::mobile_device_count,
        "Phones attached to the user now.";
    email_is_invalid: Bool, Contact, needs "an e-mail address", email::email_is_invalid,
        "What was given as e-mail address can't be one.";
    email_is_webmail: Bool, Contact, needs "a valid e-mail address", email::email_is_webmail,
        "The address belongs to a free mail provider.";
    email_is_disposable: Bool, Contact, needs "a valid e-mail address and the data set `disposable_domains`", email::email_is_disposable,
        "The domain of the address, or one that it is part of, gives away throw-away addresses.";
    phone_is_invalid: Bool, Contact, needs "a phone number", phone::phone_is_invalid,
        "What was given as phone number can't be one under its country's numbering plan.";
    phone_country: Text, Contact, needs "a valid phone number", phone::phone_country,
        "The country of the phone number: ISO 3166-1, two letters.";
    is_email_verified: Bool, Contact, needs "an e-mail address", email::is_email_verified,
        "The site said, or a passed challenge proved, that this user holds this address.";
    is_suspended: Bool, State, needs "a user", state::is_suspended,
        "A policy or a person suspended the user.";
    is_automated: Bool, Automation, needs "a user agent, and for `false` a browser's readings", automation::is_automated,
        "The agent names itself a program, or the browser says that one drives it.";
    is_headless: Bool, Automation, needs "a user agent, and for `false` a browser's readings", automation::is_headless,
        "The browser has no screen: its agent says so, or a trace of it.";
    is_known_bot: Bool, Automation, needs "a user agent, a public address, and the data sets `crawler_agents` and `crawler_networks`", automation::is_known_bot,
        "The agent names itself a crawler and comes from a range that a crawler's operator publishes: a verified crawler, not one that only says so.";
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

/// Every check's answer, in the order of [`CHECKS`].
pub fn run_all(inputs: &Inputs<'_>) -> alloc::vec::Vec<OwnedFact> {
    CHECKS.iter().map(|check| (check.run)(inputs)).collect()
}
