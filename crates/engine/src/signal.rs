//! What was measured about one request, after the edge has checked it: the input of every decision.
//!
//! Raw bytes, headers and data sets stay outside; a source that was missing shows as `None` and its name in
//! [`Signals::degraded`].

use core::{fmt, net::IpAddr};

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

use crate::{
    id::{BrowserId, FingerprintId},
    text::{ActionName, Contact, Email, ExternalId, Metadata, Phone},
};

/// The kind of machine that a browser runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// A desktop or laptop.
    Computer,
    /// A tablet.
    Tablet,
    /// A phone.
    Mobile,
}

/// What the user agent says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The browser's family, such as `Chrome`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// The system's family, such as `macOS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The kind of machine.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub device_type: Option<DeviceType>,
}

/// Where an address is, as far as the data sets know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// City name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Region or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Country name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
}

/// A reading of the stable traits of a browser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FingerprintReading {
    /// A keyed hash of the project and the traits: the same browser gives the same id, and nobody without the key can
    /// make one up.
    pub id: FingerprintId,
    /// How much of what can be read was read: 0 to 1.
    pub confidence: f64,
}

/// Everything measured about one request. Printed it shows the action and what was missing: the rest is about a person.
#[derive(Clone)]
pub struct Signals {
    /// The action.
    pub action: ActionName,
    /// The site's id of the user, as claimed.
    pub user: Option<ExternalId>,
    /// The e-mail address, as claimed.
    pub email: Option<Contact<Email>>,
    /// The phone number, as claimed.
    pub phone: Option<Contact<Phone>>,
    /// What the site attached.
    pub metadata: Option<Metadata>,
    /// Ids of the user's groups, as claimed.
    pub groups: Vec<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// Where that is.
    pub place: Option<Place>,
    /// What it says it is.
    pub agent: Agent,
    /// Its stable traits.
    pub fingerprint: Option<FingerprintReading>,
    /// The browser that the device token stands for; `None` for a server-side evaluation.
    pub browser: Option<BrowserId>,
    /// Whether that browser came with a token of ours (otherwise the id was drawn for it now).
    pub browser_known: bool,
    /// The page that the action was taken on.
    pub page_url: Option<String>,
    /// Whether the domain of the address is that of a free mail provider; `None` when there is no list to ask.
    pub email_is_webmail: Option<bool>,
    /// Names of the sources that were missing.
    pub degraded: Vec<String>,
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, browser_known, degraded, .. } = self;
        let mut shown = f.debug_struct("Signals");
        shown.field("action", action).field("browser_known", browser_known).field("degraded", degraded);
        shown.finish_non_exhaustive()
    }
}

impl Signals {
    /// The usable e-mail address.
    pub fn valid_email(&self) -> Option<&Email> {
        self.email.as_ref().and_then(Contact::valid)
    }

    /// The usable phone number.
    pub fn valid_phone(&self) -> Option<&Phone> {
        self.phone.as_ref().and_then(Contact::valid)
    }

    /// The address as history knows it: IPv4 whole (also when mapped into IPv6), IPv6 by its /64, which is what a
    /// line is given.
    pub fn network(&self) -> Option<String> {
        self.ip.map(network_of)
    }

    /// Whether anything says who this is.
    pub fn names_a_user(&self) -> bool {
        self.user.is_some() || self.valid_email().is_some() || self.valid_phone().is_some()
    }
}

/// The name of the line that an address belongs to: see [`Signals::network`].
pub fn network_of(ip: IpAddr) -> String {
    use alloc::string::ToString;
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            alloc::format!("{}/64", core::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
