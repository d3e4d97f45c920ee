//! The client's address: the socket's, or what a trusted proxy reports; never a header alone.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The client's address. Proxies append to `X-Forwarded-For`, so it is read from the right, for as long as the address
/// that vouches for the next one is a proxy that we trust: whatever a client wrote itself stands further left.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let reported = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = reported.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        // Something that is no address ends the trust: the last one that was vouched for counts.
        let Some(ip) = parse(hop) else { return client };
        client = ip;
        if !is_trusted(client) {
            return client;
        }
    }
    client
}

/// An address, also with a port behind it, as some proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_matches('"');
    let parsed = bare.parse::<IpAddr>().ok();
    parsed
        .or_else(|| bare.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| bare.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_vouch_for_counts() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (peer, forwarded, wanted) in [
            ("203.0.113.9", Some("1.2.3.4"), "203.0.113.9"),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", Some("198.51.100.7"), "198.51.100.7"),
            ("10.0.0.1", Some("1.2.3.4, 198.51.100.7"), "198.51.100.7"),
            ("10.0.0.1", Some("1.2.3.4, 198.51.100.7, 10.9.9.9"), "198.51.100.7"),
            ("10.0.0.1", Some("198.51.100.7:4711"), "198.51.100.7"),
            ("10.0.0.1", Some("[2001:db8::1]:4711"), "2001:db8::1"),
            ("10.0.0.1", Some("1.2.3.4, nonsense"), "10.0.0.1"),
            ("10.0.0.1", Some("10.2.2.2, 10.3.3.3"), "10.2.2.2"),
            ("::ffff:10.0.0.1", Some("::ffff:198.51.100.7"), "198.51.100.7"),
            ("fd00::1", Some("2001:db8::7"), "2001:db8::7"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let found = client(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, wanted.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }
}
