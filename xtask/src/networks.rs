//! Reads the packages' files of addresses.

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use countersign_server::enrich::data::ranges::{Builder, Ranges};
use ipnet::IpNet;
use maxminddb::Reader;
use serde::Deserialize;

use crate::Fault;

/// A `MaxMind` DB file cut into blocks: magic, size of a block, count, size of the whole; the compressed size of each
/// block; the blocks. Numbers are big-endian, 32 bits.
pub fn unblock(file: &Path) -> Result<Vec<u8>, Fault> {
    let bytes = std::fs::read(file)?;
    let rest = bytes.strip_prefix(b"DETBLK01").ok_or("is not cut into blocks as expected")?;
    let (_, rest) = number(rest)?;
    let (count, rest) = number(rest)?;
    let (whole, mut rest) = number(rest)?;
    let mut sizes = Vec::new();
    for _ in 0..count {
        let (size, behind) = number(rest)?;
        sizes.push(size as usize);
        rest = behind;
    }
    let mut unpacked = Vec::with_capacity(whole as usize);
    for size in sizes {
        let (block, behind) = rest.split_at_checked(size).ok_or("a block is cut off")?;
        ruzstd::decoding::StreamingDecoder::new(block)?.read_to_end(&mut unpacked)?;
        rest = behind;
    }
    if unpacked.len() == whole as usize { Ok(unpacked) } else { Err("the blocks don't make the whole".into()) }
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let (number, rest) = bytes.split_first_chunk().ok_or("is cut off")?;
    Ok((u32::from_be_bytes(*number), rest))
}

#[derive(Deserialize)]
struct Record<'a> {
    country_code: Option<&'a str>,
    autonomous_system_number: Option<u32>,
}

/// Countries as a table of ranges: a value is the two letters of the code.
pub fn countries(file: Vec<u8>) -> Result<Ranges, Fault> {
    table(file, 2, |record| {
        let code: [u8; 2] = record.country_code?.as_bytes().try_into().ok()?;
        // `ZZ` is nowhere.
        Some(u32::from(u16::from_be_bytes(code))).filter(|_| code != *b"ZZ")
    })
}

/// Autonomous systems as a table of ranges.
pub fn systems(file: Vec<u8>) -> Result<Ranges, Fault> {
    table(file, 4, |record| record.autonomous_system_number)
}

fn table(file: Vec<u8>, width: u8, value: impl Fn(&Record<'_>) -> Option<u32>) -> Result<Ranges, Fault> {
    let reader = Reader::from_source(file)?;
    let mut ranges = Builder::default();
    // IPv6 from where addresses are given out: below lies IPv4 again.
    for part in ["0.0.0.0/0", "2000::/3"] {
        for found in reader.within(part.parse()?, maxminddb::WithinOptions::default())? {
            let found = found?;
            let network = found.network()?;
            let Some(value) = found.decode::<Record<'_>>()?.as_ref().and_then(&value) else { continue };
            ranges.add(network.network(), network.broadcast(), value);
        }
    }
    ranges.finish(width).map_err(|fault| fault.to_string().into())
}

/// Providers whose ranges were taken from lists without a licence, or mix in such lists.
const UNLICENSED: [&str; 12] = [
    "Akamai", "Cogent", "DataCamp", "Contabo", "Vercel", "CDN77", "GleSYS", "Scalaxy", "GTHost", "Melbicom", "BuyVM",
    "BunnyCDN",
];

/// Half the owners of an iPhone come through it, in the right country: it hides no more than a carrier's NAT.
const NO_VPN: &str = "Apple Private Relay";

/// Networks by kind (`hosting`, `cdn`, `vpn`, `tor`, `bot`), as text. The file, little-endian: magic, version (16 bits),
/// time (64), counts of labels (16), IPv4 and IPv6 ranges (32); labels, each with its length (16): provider, tab, kind;
/// ranges: first, last, label (16).
pub fn by_kind(file: &Path) -> Result<BTreeMap<String, Vec<IpNet>>, Fault> {
    let bytes = std::fs::read(file)?;
    let mut rest = bytes.strip_prefix(b"IPORIGIN").ok_or("is no table of origins")?.get(10..).ok_or("is cut off")?;
    let labels = little::<2>(&mut rest)?;
    let (v4, v6) = (little::<4>(&mut rest)?, little::<4>(&mut rest)?);
    let mut kinds = Vec::new();
    for _ in 0..labels {
        let length = usize::try_from(little::<2>(&mut rest)?)?;
        let (label, behind) = rest.split_at_checked(length).ok_or("is cut off")?;
        rest = behind;
        let (provider, kind) = std::str::from_utf8(label)?.split_once('\t').ok_or("a label has no kind")?;
        let is_wanted = provider != NO_VPN && !UNLICENSED.contains(&provider);
        kinds.push(is_wanted.then(|| kind.to_owned()));
    }
    let mut found: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    let mut keep = |label: u128, subnets: ipnet::IpSubnets| {
        if let Some(Some(kind)) = usize::try_from(label).ok().and_then(|label| kinds.get(label)) {
            found.entry(kind.clone()).or_default().extend(subnets);
        }
    };
    for _ in 0..v4 {
        let (first, last) = (little::<4>(&mut rest)?, little::<4>(&mut rest)?);
        let address = |number: u128| u32::try_from(number).map(Ipv4Addr::from);
        let subnets = ipnet::Ipv4Subnets::new(address(first)?, address(last)?, 0);
        keep(little::<2>(&mut rest)?, ipnet::IpSubnets::V4(subnets));
    }
    for _ in 0..v6 {
        // Addresses alone are written the way they are read.
        let (first, last) = (big(&mut rest)?, big(&mut rest)?);
        let subnets = ipnet::Ipv6Subnets::new(first, last, 0);
        keep(little::<2>(&mut rest)?, ipnet::IpSubnets::V6(subnets));
    }
    Ok(found)
}

fn little<const N: usize>(rest: &mut &[u8]) -> Result<u128, Fault> {
    let (bytes, behind) = rest.split_first_chunk::<N>().ok_or("is cut off")?;
    *rest = behind;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)))
}

fn big(rest: &mut &[u8]) -> Result<Ipv6Addr, Fault> {
    let (bytes, behind) = rest.split_first_chunk::<16>().ok_or("is cut off")?;
    *rest = behind;
    Ok(Ipv6Addr::from(*bytes))
}

/// One network a line, in order, without those that lie in another.
pub fn text(mut networks: Vec<IpNet>) -> String {
    networks = IpNet::aggregate(&networks);
    networks.sort_unstable();
    let line = |network: &IpNet| match network.addr() {
        IpAddr::V4(_) if network.prefix_len() == 32 => format!("{}\n", network.addr()),
        _ => format!("{network}\n"),
    };
    networks.iter().map(line).collect()
}
