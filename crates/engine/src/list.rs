//! Lists: named values of one kind; and under which spellings a value may stand on one.

use core::net::IpAddr;

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use crate::text::{Email, Phone};

/// What the values of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// The site's user ids.
    User,
    /// Addresses and networks.
    Ip,
    /// E-mail addresses.
    Email,
    /// Domains of e-mail addresses; a domain stands for its subdomains too.
    EmailDomain,
    /// Fingerprint ids.
    Fingerprint,
    /// Phone numbers.
    Phone,
    /// Country codes.
    Country,
    /// Device ids.
    Device,
    /// Autonomous system numbers.
    Asn,
}

/// A list; its entries are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The name that policies use.
    pub name: String,
    /// What its values are.
    pub kind: ListKind,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Every spelling under which a value that is on a list may stand there.
pub fn candidates(kind: ListKind, value: &str) -> Vec<String> {
    match kind {
        ListKind::Ip => value.parse().map(networks).unwrap_or_default(),
        ListKind::Email => [Email::parse(value).map_or_else(|_| value.to_lowercase(), |email| email.key())].into(),
        ListKind::EmailDomain => {
            let domain = value.rsplit('@').next().unwrap_or(value).to_lowercase();
            let mut found: Vec<String> = Vec::new();
            let mut rest = domain.as_str();
            loop {
                found.push(rest.to_owned());
                match rest.split_once('.') {
                    Some((_, parent)) if parent.contains('.') => rest = parent,
                    _ => return found,
                }
            }
        }
        ListKind::Country => [value.to_uppercase()].into(),
        ListKind::User | ListKind::Fingerprint | ListKind::Phone | ListKind::Device | ListKind::Asn => {
            [value.to_owned()].into()
        }
    }
}

/// Every network that an address lies in, the narrowest first, in canonical spelling: `10.1.2.3`, `10.1.2.2/31`, …
fn networks(ip: IpAddr) -> Vec<String> {
    let ip = ip.to_canonical();
    let full = if ip.is_ipv4() { 32 } else { 128 };
    let mut found = Vec::with_capacity(usize::from(full) + 1);
    found.push(ip.to_string());
    found.extend(
        (0..full).rev().filter_map(|length| ipnet::IpNet::new(ip, length).ok().map(|net| net.trunc().to_string())),
    );
    found
}

/// The spelling under which an entry is kept; an error that says what an entry looks like.
pub fn canonical(kind: ListKind, value: &str) -> Result<String, &'static str> {
    let value = value.trim();
    match kind {
        ListKind::Ip => {
            let address = value.parse::<IpAddr>().map(|ip| ip.to_canonical().to_string());
            address
                .or_else(|_| {
                    value.parse::<ipnet::IpNet>().map(|net| net.trunc()).map(|net| match net {
                        net if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
                        net => net.to_string(),
                    })
                })
                .map_err(|_| "an entry is an address or a network, such as `192.0.2.1` or `2001:db8::/32`")
        }
        ListKind::Email => Email::parse(value).map(|email| email.key()).map_err(|_| "an entry is an e-mail address"),
        ListKind::EmailDomain => Email::parse(&alloc::format!("x@{}", value.trim_start_matches('@')))
            .map(|email| email.domain().to_owned())
            .map_err(|_| "an entry is a domain, such as `example.com`"),
        ListKind::Phone => Phone::parse(value)
            .map(|phone| phone.to_string())
            .map_err(|_| "an entry is a phone number such as `+33612345678`"),
        ListKind::Country if value.len() == 2 && value.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Ok(value.to_uppercase())
        }
        ListKind::Country => Err("an entry is a country code of two letters, such as `FR`"),
        ListKind::Asn => {
            let digits = value.trim_start_matches(['A', 'S', 'a', 's']);
            digits.parse::<u32>().map(|n| n.to_string()).map_err(|_| "an entry is the number of an autonomous system")
        }
        ListKind::User | ListKind::Fingerprint | ListKind::Device if (1..=255).contains(&value.len()) => {
            Ok(value.to_owned())
        }
        ListKind::User | ListKind::Fingerprint | ListKind::Device => Err("an entry has 1 to 255 bytes"),
    }
}
