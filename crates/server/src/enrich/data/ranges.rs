//! Ranges of addresses, each with a number: sorted columns that are searched where they lie.
//!
//! The layout, all numbers big-endian: the magic, the width of a value in bytes, the count of IPv4 and of IPv6 starts
//! (32 bits each); then IPv4's starts (4 bytes each) and values, IPv6's starts (16 bytes each) and values. A range ends
//! where the next one starts; the value 0 says that nothing is known. Nothing is unpacked, so a table that is compiled
//! into the binary costs the memory of the pages that look-ups touch.

use std::{borrow::Cow, net::IpAddr};

use ipnet::IpNet;

use super::Fault;

/// What a file of this kind begins with.
pub const MAGIC: &[u8; 8] = b"CSRANGE1";

const HEADER: usize = 20;

/// A table of ranges.
#[derive(Debug)]
pub struct Ranges {
    bytes: Cow<'static, [u8]>,
    width: usize,
    v4: Column,
    v6: Column,
}

/// Where the ranges of one family lie.
#[derive(Clone, Copy, Debug)]
struct Column {
    /// Bytes of a start.
    size: usize,
    /// How many.
    count: usize,
    starts: usize,
    values: usize,
}

impl Ranges {
    /// The table in `bytes`. Its order is taken on trust: see [`Ranges::check`].
    pub fn read(bytes: Cow<'static, [u8]>) -> Result<Self, Fault> {
        let count = |at: usize| bytes.get(at..at + 4).map(number).and_then(|n| usize::try_from(n).ok());
        let (Some(width), Some(n4), Some(n6)) = (count(8), count(12), count(16)) else {
            return Err(Fault::at_byte(0, "the header is cut off"));
        };
        if !bytes.starts_with(MAGIC) || !(1..=4).contains(&width) {
            return Err(Fault::at_byte(0, "is no table of ranges"));
        }
        let v4 = Column { size: 4, count: n4, starts: HEADER, values: HEADER + n4 * 4 };
        let starts = v4.values + n4 * width;
        let v6 = Column { size: 16, count: n6, starts, values: starts + n6 * 16 };
        let end = v6.values + n6 * width;
        if bytes.len() != end {
            let what = format!("should be {end} bytes long and is {}: fetch it again", bytes.len());
            return Err(Fault::at_byte(bytes.len().min(end), what));
        }
        Ok(Self { bytes, width, v4, v6 })
    }

    /// Whether every start is behind the one before it: what a search relies on.
    pub fn check(&self) -> Result<(), Fault> {
        for column in [self.v4, self.v6] {
            let mut before = None;
            for place in 0..column.count {
                let start = self.start(column, place);
                if before.is_some() && start <= before {
                    return Err(Fault::at_byte(column.starts + place * column.size, "the ranges are not in order"));
                }
                before = start;
            }
        }
        Ok(())
    }

    /// The number of the range that `ip` lies in, if one is known.
    pub fn get(&self, ip: IpAddr) -> Option<u32> {
        let (column, key) = match ip.to_canonical() {
            IpAddr::V4(v4) => (self.v4, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (self.v6, u128::from(v6)),
        };
        let (mut low, mut high) = (0, column.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.start(column, middle)? <= key { low = middle + 1 } else { high = middle }
        }
        self.value(column, low.checked_sub(1)?).filter(|value| *value != 0)
    }

    /// How many ranges something is known of.
    pub fn entries(&self) -> usize {
        let known = |column: Column| {
            (0..column.count).filter(|place| self.value(column, *place).is_some_and(|value| value != 0)).count()
        };
        known(self.v4) + known(self.v6)
    }

    /// The table as a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn start(&self, column: Column, place: usize) -> Option<u128> {
        let at = column.starts + place * column.size;
        self.bytes.get(at..at + column.size).map(number)
    }

    fn value(&self, column: Column, place: usize) -> Option<u32> {
        let at = column.values + place * self.width;
        self.bytes.get(at..at + self.width).map(number).and_then(|value| u32::try_from(value).ok())
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// Collects ranges in any order.
#[derive(Debug, Default)]
pub struct Builder {
    v4: Vec<(u128, u128, u32)>,
    v6: Vec<(u128, u128, u32)>,
}

impl Builder {
    /// Adds a range, both ends included. Where ranges overlap, the one that starts first is kept.
    pub fn add(&mut self, first: IpAddr, last: IpAddr, value: u32) {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                self.v4.push((u128::from(u32::from(first)), u128::from(u32::from(last)), value));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => self.v6.push((first.into(), last.into(), value)),
            _ => {}
        }
    }

    /// Adds a network.
    pub fn add_network(&mut self, network: IpNet, value: u32) {
        self.add(network.network(), network.broadcast(), value);
    }

    /// The table, with values of `width` bytes.
    pub fn finish(self, width: u8) -> Result<Ranges, Fault> {
        let v4 = flatten(self.v4, u128::from(u32::MAX));
        let v6 = flatten(self.v6, u128::MAX);
        let mut bytes = MAGIC.to_vec();
        let mut put = |number: u128, size: usize| {
            let all = number.to_be_bytes();
            bytes.extend_from_slice(all.get(16 - size..).unwrap_or_default());
        };
        for count in [usize::from(width), v4.len(), v6.len()] {
            put(count as u128, 4);
        }
        for (starts, size) in [(&v4, 4), (&v6, 16)] {
            for (start, _) in starts {
                put(*start, size);
            }
            for (_, value) in starts {
                put(u128::from(*value), usize::from(width));
            }
        }
        Ranges::read(bytes.into())
    }
}

/// Starts and values that cover the whole family, gaps and neighbours of one value made one.
fn flatten(mut ranges: Vec<(u128, u128, u32)>, end: u128) -> Vec<(u128, u32)> {
    ranges.sort_unstable();
    let mut starts: Vec<(u128, u32)> = Vec::with_capacity(ranges.len());
    let mut put = |start: u128, value: u32| {
        let before = starts.last().map_or(0, |(_, before)| *before);
        if before != value {
            starts.push((start, value));
        }
    };
    let mut next = Some(0);
    for (first, last, value) in ranges {
        let Some(free) = next else { break };
        if last < free {
            continue;
        }
        if first > free {
            put(free, 0);
        }
        put(first.max(free), value);
        next = if last < end { Some(last + 1) } else { None };
    }
    if let Some(free) = next {
        put(free, 0);
    }
    starts
}

/// A set of addresses from text: one network or address a line, `#` begins a comment.
pub fn parse_networks(text: &str) -> Result<Ranges, Fault> {
    let mut ranges = Builder::default();
    for (number, line) in text.lines().enumerate() {
        let written = line.split('#').next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let network = written.parse::<IpNet>().or_else(|_| written.parse::<IpAddr>().map(IpNet::from));
        let Ok(network) = network else {
            let what = "a line is a network or an address, such as `192.0.2.0/24` or `2001:db8::1`";
            return Err(Fault::at_line(number + 1, what));
        };
        ranges.add_network(network, 1);
    }
    ranges.finish(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_found_in_networks_of_both_families() {
        let set = parse_networks(
            "# mine\n10.0.0.0/8 # all\n10.1.0.0/16\n\n 192.0.2.7\n2001:db8::/32\n255.255.255.255\n0.0.0.0/31\nffff::/16\n",
        )
        .unwrap();
        set.check().unwrap();
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "192.0.2.7",
            "2001:db8:ffff::1",
            "::ffff:10.2.3.4",
            "255.255.255.255",
            "0.0.0.1",
            "ffff:ffff::1",
        ] {
            assert_eq!(set.get(ip(inside)), Some(1), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::", "::1", "0.0.0.2"] {
            assert_eq!(set.get(ip(outside)), None, "{outside}");
        }
        assert_eq!(parse_networks("").unwrap().get(ip("10.0.0.1")), None);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let fault = parse_networks("10.0.0.0/8\n\nexample.com\n").unwrap_err();
        assert!(fault.to_string().starts_with("line 3: a line is a network"), "{fault}");
        assert!(parse_networks("10.0.0.0/33").is_err());
    }

    #[test]
    fn a_table_is_read_as_it_was_written_or_not_at_all() {
        let mut builder = Builder::default();
        builder.add(ip("192.0.2.0"), ip("192.0.2.9"), 300);
        builder.add(ip("192.0.2.10"), ip("192.0.2.20"), 70_000);
        builder.add(ip("2001:db8::"), ip("2001:db8::ff"), 7);
        let bytes = builder.finish(3).unwrap().as_bytes().to_vec();
        let table = Ranges::read(bytes.clone().into()).unwrap();
        let found = ["192.0.2.9", "192.0.2.10", "192.0.2.21", "2001:db8::ff"].map(|text| table.get(ip(text)));
        assert_eq!(found, [Some(300), Some(70_000), None, Some(7)]);
        assert_eq!(table.entries(), 3);
        for cut in 0..bytes.len() {
            let fault = Ranges::read(bytes[..cut].to_vec().into()).unwrap_err();
            assert!(fault.to_string().starts_with("byte "), "{fault}");
        }
        let mut swapped = bytes;
        swapped[20..28].rotate_left(4);
        assert!(Ranges::read(swapped.into()).unwrap().check().is_err());
    }
}
