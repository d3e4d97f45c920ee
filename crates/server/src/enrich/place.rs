//! Where an address is and what kind of network it belongs to, as far as the data sets say.

use std::net::IpAddr;

use countersign_engine::signal::{Network, Place};

use super::data::{Snapshot, Source};
use crate::outbound::guard::is_public;

/// What is known of `ip`. Names of sources that were not there to ask are added to `missing`. Of an address that the
/// Internet does not route nothing is known, and nothing is missing.
pub fn of(data: &Snapshot, ip: IpAddr, missing: &mut Vec<String>) -> Option<Place> {
    if !is_public(ip) {
        return None;
    }
    // Off unless the operator has such a file: its absence is a choice, and country and all else are known without it.
    let mut place = data.table(Source::City).and_then(|table| table.place(ip)).unwrap_or_default();
    if place.country_code.is_none() {
        let country = data.ask(Source::Country, missing).and_then(|table| table.place(ip));
        place.country_code = country.and_then(|country| country.country_code);
    }
    let names = data.table(Source::CountryNames);
    place.country = place.country_code.as_deref().and_then(|code| names?.get(code)).map(str::to_owned);
    place.asn = data.ask(Source::Asn, missing).and_then(|table| table.asn(ip));
    let mut is = |source| data.ask(source, missing).map(|table| table.contains(source, ip));
    place.network =
        Network { hosting: is(Source::Hosting), vpn: is(Source::Vpn), proxy: is(Source::Proxy), tor: is(Source::Tor) };
    Some(place)
}

/// Whether `ip` is in a range that a crawler's operator publishes.
pub fn in_crawler_network(data: &Snapshot, ip: IpAddr, missing: &mut Vec<String>) -> Option<bool> {
    let source = Source::CrawlerNetworks;
    data.ask(source, missing).map(|table| is_public(ip) && table.contains(source, ip))
}
