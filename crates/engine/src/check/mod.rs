//! The table of checks: narrow facts derived from signals and history (spec section 5).
//!
//! A check is one entry here: its name, kind, group, what it means, and the function that answers it, which lives in
//! the file of its group. Policy fields, the documentation page, the OpenAPI schema and the dashboard's field list all
//! derive from this table, so adding a check is adding an entry. A check knows the signals and the history it is handed
//! and nothing else; what it can't know is [`OwnedFact::Unknown`], never `false`.

mod behaviour;
mod device;
mod email;
mod identity;
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
    /// How much happens, how fast.
    Behaviour,
    /// Devices attached to the user.
    Devices,
    /// The e-mail address and phone number.
    Contact,
    /// What the site told us about the user.
    State,
}

impl Group {
    /// The word used in documentation and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Behaviour => "behaviour",
            Self::Devices => "devices",
            Self::Contact => "contact",
            Self::State => "state",
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
    is_email_verified: Bool, Contact, needs "an e-mail address", email::is_email_verified,
        "The site said, or a passed challenge proved, that this user holds this address.";
    is_suspended: Bool, State, needs "a user", state::is_suspended,
        "A policy or a person suspended the user.";
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
