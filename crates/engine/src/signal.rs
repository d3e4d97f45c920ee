//! What was measured about one request, after the edge has checked it: the input of every decision.
//!
//! Raw bytes, headers and data sets stay outside; a source that was missing shows as `None` and its name in
//! [`Signals::degraded`].

use core::{fmt, net::IpAddr};

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};

use crate::{
    id::{BrowserId, FingerprintId, UserId},
    seen::{Mark, Thing},
    text::{ActionName, Contact, Email, ExternalId, Metadata, Origin, Phone},
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
    /// Degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// The number of the autonomous system that announces the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// What kind of network it is.
    #[serde(default, skip_serializing_if = "Network::is_unknown")]
    pub network: Network,
}

impl Place {
    /// City and country for people to read, as far as they are known.
    pub fn in_words(&self) -> Option<String> {
        let known: Vec<&str> = [self.city.as_deref(), self.country.as_deref()].into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join(", "))
    }

    /// Under which kinds and keys a user's having come from here is remembered.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, String)> {
        let asn = self.asn.map(|asn| asn.to_string());
        [("country", self.country_code.clone()), ("asn", asn)].into_iter().filter_map(|(kind, key)| Some((kind, key?)))
    }
}

/// What kind of network an address belongs to; `None` where no data set was there to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// A hosting provider's, where servers stand and not people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosting: Option<bool>,
    /// A VPN service's exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpn: Option<bool>,
    /// A proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<bool>,
    /// A Tor exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tor: Option<bool>,
}

impl Network {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is known to stand between a person and the world, so that it tells nothing of where the person is.
    pub fn is_masking(&self) -> bool {
        [self.hosting, self.vpn, self.proxy, self.tor].contains(&Some(true))
    }
}

/// What is known beyond the place: of the time zone, the phone number, the e-mail domain, and of automation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Background {
    /// Countries that the browser's time zone is kept in; `None` when the zone is not known, or no country's.
    pub time_zone_countries: Option<Vec<String>>,
    /// Whether the domain of the e-mail address gives away throw-away addresses.
    pub email_is_disposable: Option<bool>,
    /// Whether the phone number can exist under its country's numbering plan.
    pub phone_is_possible: Option<bool>,
    /// The country of the phone number: ISO 3166-1 alpha-2.
    pub phone_country: Option<String>,
    /// Whether the agent names itself a crawler, a library or another program.
    pub names_itself_program: Option<bool>,
    /// Whether the address is in the published ranges of a crawler's operator.
    pub in_crawler_network: Option<bool>,
    /// Whether the browser says that a program drives it.
    pub says_driven: Option<bool>,
    /// Whether the agent, or a trace in the browser, shows that it has no screen.
    pub shows_headless: Option<bool>,
    /// Whether what the browser says of itself contradicts itself.
    pub is_inconsistent: Option<bool>,
    /// Whether the domain of the e-mail address takes mail for any name.
    pub email_is_accept_all: Option<bool>,
    /// Whether that domain takes mail at all.
    pub mail_domain: MailDomain,
    /// What a native app reports.
    pub native: Native,
}

/// Whether the domain of an e-mail address takes mail, as far as it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailDomain {
    /// Nobody asks: the operator has the look-up off, or there is no usable address.
    #[default]
    NotAsked,
    /// It was asked, and there was no answer in time.
    Unknown,
    /// It takes mail.
    TakesMail,
    /// It does not exist, or takes no mail.
    TakesNone,
}

/// What a native app reports of the device that it runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// The system's protection was taken off an iPhone or iPad.
    pub jailbroken_ios: Option<bool>,
    /// It was taken off an Android device.
    pub rooted_android: Option<bool>,
    /// It is no device but Apple's simulator.
    pub is_simulator: Option<bool>,
    /// It is no device but an emulator of Android.
    pub is_emulator: Option<bool>,
    /// A debugger is attached to the app.
    pub debugger_attached: Option<bool>,
    /// A test tool operates the app.
    pub ui_testing: Option<bool>,
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
    /// What else is known.
    pub background: Background,
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

    /// The country that the address is in, by its code.
    pub fn country(&self) -> Option<&str> {
        self.ip.and(self.place.as_ref())?.country_code.as_deref()
    }

    /// The number of the autonomous system that the address is in.
    pub fn asn(&self) -> Option<u32> {
        self.ip.and(self.place.as_ref())?.asn
    }

    /// The origin of the page that the action was taken on.
    pub fn origin(&self) -> Option<String> {
        self.page_url.as_deref().and_then(Origin::of_url).map(|origin| origin.to_string())
    }

    /// What a thing of this request is told apart by; `None` where it has none. Users and devices are known by ids of
    /// ours, which only the caller knows.
    pub fn mark(&self, thing: Thing, user: Option<UserId>, browser: Option<BrowserId>) -> Option<Mark> {
        let name = match thing {
            Thing::User => user.map(|user| user.to_string()),
            Thing::Device => browser.map(|browser| browser.to_string()),
            Thing::Ip => self.network(),
            Thing::Fingerprint => self.fingerprint.map(|reading| reading.id.to_string()),
            Thing::Email => self.valid_email().map(Email::normalized),
            Thing::EmailDomain => self.valid_email().map(|email| email.domain().to_string()),
            Thing::Phone => self.valid_phone().map(ToString::to_string),
            Thing::Country => self.country().map(ToString::to_string),
            Thing::Asn => self.asn().map(|asn| asn.to_string()),
        };
        name.as_deref().map(Mark::of)
    }

    /// Whether anything says who this is.
    pub fn names_a_user(&self) -> bool {
        self.user.is_some() || self.valid_email().is_some() || self.valid_phone().is_some()
    }
}

/// The name of the line that an address belongs to: see [`Signals::network`].
pub fn network_of(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            alloc::format!("{}/64", core::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
