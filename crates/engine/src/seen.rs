//! Which distinct things a subject was seen with lately: users on an address, addresses of a user.
//!
//! Each thing is kept as a 48-bit hash and the second at which it was last seen, so that the distinct things of any window
//! up to a week are counted to the second, by looking at one row. A row holds at most [`MOST`] things of a kind: the one
//! seen longest ago makes room, and a count that reaches [`MOST`] means "at least". Knows nothing of where things come from.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::{
    bytes::{put, put_bytes, put_signed, take, take_bytes, take_signed},
    time::Timestamp,
};

/// Things of one kind that are told apart at most: a count stops there.
pub const MOST: usize = 256;

/// For how many seconds a user is remembered: 90 days.
const KEEP_USERS: i64 = 90 * 86_400;
/// For how many seconds anything else is: a week and a second, the longest window.
const KEEP: i64 = 604_801;

/// A kind of thing that is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// Users, by our id.
    User,
    /// Addresses (IPv6 by the /64).
    Ip,
    /// Browsers, by the storage that they are known by.
    Device,
    /// Fingerprints.
    Fingerprint,
    /// E-mail addresses, by the mailbox that they come to.
    Email,
    /// Domains of e-mail addresses.
    EmailDomain,
    /// Phone numbers.
    Phone,
    /// Countries of addresses.
    Country,
    /// Autonomous systems of addresses.
    Asn,
}

impl Thing {
    /// All of them. Their places are written into rows: a new one joins at the end.
    pub const ALL: [Self; 9] = [
        Self::User,
        Self::Ip,
        Self::Device,
        Self::Fingerprint,
        Self::Email,
        Self::EmailDomain,
        Self::Phone,
        Self::Country,
        Self::Asn,
    ];

    /// The word used in field names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ip => "ip",
            Self::Device => "device",
            Self::Fingerprint => "fingerprint",
            Self::Email => "email",
            Self::EmailDomain => "email_domain",
            Self::Phone => "phone",
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }

    const fn keep(self) -> i64 {
        match self {
            Self::User => KEEP_USERS,
            _ => KEEP,
        }
    }
}

/// 48 bits of a SHA-256: which of the things it is. Whoever could make many that are alike could hide one behind
/// another; of this many bits nobody finds more than a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 6]);

impl Mark {
    /// That of a thing, by its name.
    pub fn of(name: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(name).into();
        let mut mark = [0; 6];
        mark.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(mark)
    }

    /// Its bytes.
    pub(crate) const fn to_bytes(self) -> [u8; 6] {
        self.0
    }

    /// The mark with those bytes.
    pub(crate) const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sighting {
    /// When last, in seconds.
    second: i64,
    mark: Mark,
}

/// What a subject was seen with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Of each kind the sightings, the one longest ago first.
    kinds: Vec<(Thing, Vec<Sighting>)>,
}

impl Seen {
    /// Remembers that it was seen with the thing `mark`. `now` may arrive out of order.
    pub fn record(&mut self, thing: Thing, mark: Mark, now: Timestamp) {
        let mut second = seconds(now);
        if self.kinds.iter().all(|(kind, _)| *kind != thing) {
            self.kinds.push((thing, Vec::new()));
        }
        let Some((_, sightings)) = self.kinds.iter_mut().find(|(kind, _)| *kind == thing) else { return };
        if let Some(place) = sightings.iter().position(|seen| seen.mark == mark) {
            second = second.max(sightings.remove(place).second);
        }
        let place = sightings.partition_point(|seen| seen.second <= second);
        sightings.insert(place, Sighting { second, mark });
        let newest = sightings.last().map_or(second, |seen| seen.second);
        let oldest = newest.saturating_sub(thing.keep());
        let stale = sightings.partition_point(|seen| seen.second < oldest);
        let too_many = sightings.len().saturating_sub(MOST);
        sightings.drain(..stale.max(too_many));
    }

    /// How many distinct things were seen in the `window` seconds before `now`, the thing `with` counted as seen now.
    pub fn count(&self, thing: Thing, with: Option<Mark>, window: u32, now: Timestamp) -> u32 {
        let after = seconds(now).saturating_sub(i64::from(window));
        let recent = self.of(thing).iter().rev().take_while(|seen| seen.second > after);
        let others = recent.filter(|seen| Some(seen.mark) != with).count();
        let count = others.saturating_add(usize::from(with.is_some())).min(MOST);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn of(&self, thing: Thing) -> &[Sighting] {
        self.kinds.iter().find(|(kind, _)| *kind == thing).map_or(&[], |(_, sightings)| sightings)
    }

    /// The bytes that the store keeps: nothing when nothing was seen.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (thing, sightings) in &self.kinds {
            let mut kind = Vec::with_capacity(sightings.len() * 9);
            let mut before = 0;
            for Sighting { second, mark } in sightings {
                put_signed(&mut kind, second.wrapping_sub(before));
                kind.extend_from_slice(&mark.0);
                before = *second;
            }
            let number = Thing::ALL.iter().position(|known| known == thing).unwrap_or_default();
            put(&mut out, u64::try_from(number).unwrap_or_default());
            put_bytes(&mut out, &kind);
        }
        out
    }

    /// Reads what [`Seen::to_bytes`] wrote; `None` when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let thing = usize::try_from(take(&mut rest)?).ok()?;
            let mut kind = take_bytes(&mut rest)?;
            let mut sightings = Vec::new();
            let mut second = 0_i64;
            while !kind.is_empty() {
                second = second.wrapping_add(take_signed(&mut kind)?);
                let (mark, after) = kind.split_first_chunk()?;
                kind = after;
                sightings.push(Sighting { second, mark: Mark(*mark) });
            }
            kinds.push((*Thing::ALL.get(thing)?, sightings));
        }
        Some(Self { kinds })
    }
}

fn seconds(moment: Timestamp) -> i64 {
    moment.millis().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, format};

    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + second * 1_000)
    }

    fn name(thing: u8) -> Mark {
        Mark::of(&format!("thing {thing}"))
    }

    proptest! {
        #[test]
        fn distinct_things_of_a_window_are_counted_as_by_hand(
            events in proptest::collection::vec((0_u8..40, 0_i64..600_000), 1..200),
            asked in proptest::option::of(0_u8..60),
            window in 60_u32..=604_800,
        ) {
            let mut seen = Seen::default();
            let mut by_hand: BTreeMap<u8, i64> = BTreeMap::new();
            for (thing, second) in &events {
                seen.record(Thing::Ip, name(*thing), at(*second));
                let last = by_hand.entry(*thing).or_insert(*second);
                *last = (*last).max(*second);
            }
            let now = 600_000;
            let mut wanted: Vec<u8> =
                by_hand.iter().filter(|(_, last)| now - **last < i64::from(window)).map(|(thing, _)| *thing).collect();
            wanted.extend(asked.filter(|asked| !wanted.contains(asked)));
            prop_assert_eq!(seen.count(Thing::Ip, asked.map(name), window, at(now)), u32::try_from(wanted.len()).unwrap());
            prop_assert_eq!(seen.count(Thing::User, None, window, at(now)), 0);
            prop_assert_eq!(Seen::from_bytes(&seen.to_bytes()), Some(seen));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(mut read) = Seen::from_bytes(&bytes) {
                read.record(Thing::User, name(1), at(0));
                prop_assert!(read.count(Thing::User, None, 60, at(0)) <= 256);
                let _ = read.to_bytes();
            }
        }
    }

    #[test]
    fn however_many_come_a_row_stays_small_and_keeps_the_newest() {
        let mut seen = Seen::default();
        for thing in 0..20_000_i64 {
            seen.record(Thing::User, Mark::of(&format!("user {thing}")), at(thing));
        }
        assert_eq!(seen.count(Thing::User, None, 604_800, at(20_000)), 256);
        assert_eq!(seen.count(Thing::User, None, 101, at(20_000)), 100);
        assert!(seen.to_bytes().len() < 2_100, "{} bytes", seen.to_bytes().len());
    }

    #[test]
    fn what_is_too_old_for_any_window_is_forgotten() {
        let mut seen = Seen::default();
        seen.record(Thing::Ip, name(1), at(0));
        seen.record(Thing::User, name(1), at(0));
        seen.record(Thing::Ip, name(2), at(604_802));
        seen.record(Thing::User, name(2), at(604_802));
        assert_eq!((seen.of(Thing::Ip).len(), seen.of(Thing::User).len()), (1, 2));
        // One that arrives late doesn't push out what is newer.
        seen.record(Thing::Ip, name(3), at(10));
        assert_eq!(seen.count(Thing::Ip, None, 60, at(604_802)), 1);
    }
}
