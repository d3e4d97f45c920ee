//! What a decision needs to know of the past, and what it writes back.
//!
//! Everything here is keyed state, never a scan: a store fills it with a fixed number of look-ups however long the
//! history is.

use alloc::{string::String, vec::Vec};

use crate::{
    field::Subject,
    id::{BrowserId, DeviceId, FingerprintId, UserId},
    profile::Profile,
    seen::Seen,
    signal::DeviceType,
    text::{Email, ExternalId, Metadata, Phone},
    time::{DAY, MINUTE, Timestamp},
    window::Activity,
};

/// How long an address stays among those a user came from.
pub const RECENT_ADDRESS: i64 = 30 * DAY;

/// A user, as remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Our id.
    pub id: UserId,
    /// The site's.
    pub external_id: Option<ExternalId>,
    /// The address that the site's server told us; what a browser claims is never kept here.
    pub email: Option<Email>,
    /// The number that the site's server told us.
    pub phone: Option<Phone>,
    /// The address last proven or vouched for.
    pub verified_email: Option<Email>,
    /// The number last proven or vouched for.
    pub verified_phone: Option<Phone>,
    /// What the site's server attached.
    pub metadata: Metadata,
    /// Ids of the groups that the site's server put the user in.
    pub groups: Vec<String>,
    /// Since when suspended.
    pub suspended_at: Option<Timestamp>,
    /// First seen.
    pub created_at: Timestamp,
    /// Challenges skipped so far.
    pub skipped: u32,
    /// What the user did lately.
    pub activity: Activity,
    /// Where they were, when they come, and what became of their challenges.
    pub profile: Profile,
}

/// That a user came from an address or with a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// When last.
    pub last_seen_at: Timestamp,
    /// Whether an evaluation that was allowed, or whose challenge was passed, came this way: what an attacker tried in
    /// vain makes nothing familiar.
    pub trusted: bool,
}

/// A device of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Our id.
    pub id: DeviceId,
    /// The browser storage that it is known by.
    pub browser: BrowserId,
    /// The fingerprint it last came with.
    pub fingerprint: Option<FingerprintId>,
    /// Computer, tablet or phone.
    pub device_type: Option<DeviceType>,
    /// Whether it is attached: it was allowed, and neither detached nor left unused since.
    pub attached: bool,
    /// What it did lately.
    pub activity: Activity,
    /// When a challenge was last passed on it.
    pub passed_at: Option<Timestamp>,
    /// What it was seen with.
    pub seen: Seen,
}

/// A browser in which the user is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The browser storage that it is known by.
    pub browser: BrowserId,
    /// The line that it is seen on: see [`crate::signal::network_of`].
    pub network: String,
    /// The autonomous system that the line is in.
    pub asn: Option<u32>,
    /// Computer, tablet or phone.
    pub device_type: Option<DeviceType>,
    /// The fingerprint it last came with.
    pub fingerprint: Option<FingerprintId>,
}

/// How long after it was last seen a browser is taken to be there.
pub const PRESENT: i64 = MINUTE;

/// A fingerprint, as remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    /// Distinct users seen on it.
    pub user_count: u32,
    /// What was done with it lately.
    pub activity: Activity,
}

/// What the things of a request were seen with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenWith {
    /// The address.
    pub ip: Seen,
    /// The fingerprint.
    pub fingerprint: Seen,
    /// The domain of the e-mail address.
    pub email_domain: Seen,
    /// The mailbox behind the e-mail address.
    pub email: Seen,
    /// The phone number.
    pub phone: Seen,
}

/// The past, as far as a decision asks for it.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The user; `None` when never seen.
    pub user: Option<User>,
    /// The user's link to this address.
    pub user_ip: Option<Link>,
    /// The user's link to this fingerprint.
    pub user_fingerprint: Option<Link>,
    /// The user's link to the country of this address.
    pub user_country: Option<Link>,
    /// The user's link to the autonomous system of this address.
    pub user_asn: Option<Link>,
    /// The fingerprint; `None` when never seen.
    pub fingerprint: Option<Fingerprint>,
    /// The user's attached devices, and this browser's even if it is not attached.
    pub devices: Vec<Device>,
    /// Where the user is now, the last seen first; this browser's own session may be among them.
    pub sessions: Vec<Session>,
    /// What was done from this address lately.
    pub ip: Activity,
    /// What was done with addresses of this e-mail domain lately.
    pub email_domain: Activity,
    /// What the address, the fingerprint and the like were seen with.
    pub seen: SeenWith,
    /// When anybody last came from the page's origin.
    pub origin_seen_at: Option<Timestamp>,
    /// For each list operand of the policies, in their order: whether the value is on the list; `None` when the value
    /// is unknown.
    pub memberships: Vec<Option<bool>>,
    /// For each policy with a budget that the action asks ([`crate::policy::PolicySet::budgets`]), in their order, what it
    /// did lately, as budgets count it.
    pub spendings: Vec<Activity>,
}

impl History {
    /// The activity of a subject; `None` when nothing is remembered of it.
    pub fn activity<'a>(&'a self, subject: Subject, device: Option<&'a Device>) -> Option<&'a Activity> {
        match subject {
            Subject::User => self.user.as_ref().map(|user| &user.activity),
            Subject::Ip => Some(&self.ip),
            Subject::Device => device.map(|device| &device.activity),
            Subject::Fingerprint => self.fingerprint.as_ref().map(|fingerprint| &fingerprint.activity),
            Subject::EmailDomain => Some(&self.email_domain),
        }
    }
}
