//! What is remembered of a user beyond what they are called: where they lately were, when they usually come, which
//! challenges they passed and failed, and which distinct things they were seen with.
//!
//! It is one row of at most a few kilobytes, kept as numbered parts: a part that this version doesn't know is kept as it
//! is, so that a newer node beside this one loses nothing. Only what was let in moves it ([`Profile::arrive`]): what an attacker
//! tried in vain says nothing about where the user is. Reading it is the checks' business.

use core::net::IpAddr;

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    bytes::{put, put_bytes, put_signed, take, take_bytes, take_signed},
    id::BrowserId,
    seen::{Mark, Seen},
    signal::{DeviceType, Place, network_of},
    time::{DAY, HOUR, Timestamp},
    usage::{Usage, Use},
    window::Activity,
};

/// For how long a place is remembered: travel is judged within it (spec section 5).
pub const RECENT_PLACE: i64 = 48 * HOUR;

/// Places remembered at most.
const MOST_PLACES: usize = 4;

/// Arrivals by the hour are halved when they are as many as this, so that old habits fade.
const MOST_ARRIVALS: u32 = 2_000;

/// What failed challenges are counted under.
const FAILED: &str = "failed";

/// Where and how a user came.
#[derive(Clone, Debug, PartialEq)]
pub struct Whereabouts {
    /// When.
    pub at: Timestamp,
    /// The address: see [`network_of`].
    pub network: Mark,
    /// Whether that is an IPv6 address.
    pub is_v6: bool,
    /// Degrees north and east.
    pub coordinates: Option<(f64, f64)>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The autonomous system.
    pub asn: Option<u32>,
    /// The browser.
    pub browser: Option<Mark>,
}

/// The mark of a browser.
pub fn mark_of(browser: BrowserId) -> Mark {
    Mark::of(&browser.to_string())
}

/// What the user came on, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conveyance {
    /// Computer, tablet or phone.
    pub device_type: Option<DeviceType>,
    /// Whether the address tells nothing of where the user is: see [`crate::signal::Network::is_masking`].
    pub is_masked: bool,
}

impl Conveyance {
    /// Of a device, at a place.
    pub fn of(device_type: Option<DeviceType>, place: Option<&Place>) -> Self {
        Self { device_type, is_masked: place.is_some_and(|place| place.network.is_masking()) }
    }
}

impl Whereabouts {
    /// Of an address, where that is, and the browser that came from it.
    pub fn of(ip: IpAddr, place: Option<&Place>, browser: Option<BrowserId>, at: Timestamp) -> Self {
        Self {
            at,
            network: Mark::of(&network_of(ip)),
            is_v6: ip.to_canonical().is_ipv6(),
            coordinates: place.and_then(|place| place.latitude.zip(place.longitude)),
            country: place.and_then(|place| place.country_code.clone()),
            asn: place.and_then(|place| place.asn),
            browser: browser.map(mark_of),
        }
    }

    /// What that says of how the account is used; nothing where it is not known what was used.
    pub fn as_use(&self, on: Conveyance) -> Option<Use> {
        Some(Use {
            at: self.at,
            browser: self.browser?,
            kind: on.device_type?,
            line: self.network,
            is_v6: self.is_v6,
            asn: self.asn,
            is_masked: on.is_masked,
        })
    }

    /// Whether both are one place whatever the data sets say of their addresses: the same line, the same provider (a
    /// carrier hands out addresses from anywhere, and sources disagree about where they are), or one browser that changed
    /// between IPv4 and IPv6.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let same_browser = self.browser.is_some() && self.browser == other.browser;
        self.network == other.network
            || (self.asn.is_some() && self.asn == other.asn)
            || (same_browser && self.is_v6 != other.is_v6)
    }
}

/// What is remembered of a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Places of the last 48 hours, the newest last, at most four.
    places: Vec<Whereabouts>,
    habit: Habit,
    /// When a challenge was last passed.
    pub passed_at: Option<Timestamp>,
    /// Challenges failed lately.
    failed: Activity,
    /// What the user was seen with.
    pub seen: Seen,
    /// Which devices were in use when and where.
    pub usage: Usage,
    /// When it was last told that the account looks shared.
    pub sharing_told_at: Option<Timestamp>,
    /// Parts that a newer version wrote.
    unknown: Vec<(u64, Vec<u8>)>,
}

/// At which hours of the day (UTC) a user came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    hours: [u32; 24],
    days: u32,
    last_day: i64,
}

impl Habit {
    /// Distinct days on which the user came.
    pub const fn days(&self) -> u32 {
        self.days
    }

    /// How often the user came in all; halved now and then.
    pub fn arrivals(&self) -> u32 {
        self.hours.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How often within the hour of `now`, the one before and the one after.
    pub fn arrivals_near(&self, now: Timestamp) -> u32 {
        let hour = hour_of(now);
        [hour + 23, hour, hour + 1]
            .into_iter()
            .filter_map(|hour| self.hours.get(hour % 24))
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn record(&mut self, now: Timestamp) {
        if let Some(count) = self.hours.get_mut(hour_of(now)) {
            *count = count.saturating_add(1);
        }
        let day = now.millis().div_euclid(DAY);
        if day > self.last_day {
            self.days = self.days.saturating_add(1);
            self.last_day = day;
        }
        if self.arrivals() >= MOST_ARRIVALS {
            self.hours.iter_mut().for_each(|count| *count /= 2);
        }
    }
}

fn hour_of(now: Timestamp) -> usize {
    usize::try_from(now.millis().rem_euclid(DAY) / HOUR).unwrap_or_default()
}

impl Profile {
    /// The user came from there, on that, and was let in.
    pub fn arrive(&mut self, from: Whereabouts, on: Conveyance) {
        self.habit.record(from.at);
        if let Some(used) = from.as_use(on) {
            self.usage.record(used);
        }
        let is_same = |other: &Whereabouts| {
            other.country == from.country
                && other.asn == from.asn
                && other.is_v6 == from.is_v6
                && other.browser == from.browser
        };
        // One that arrives late does not make a newer visit to the same place older.
        if self.places.iter().any(|other| is_same(other) && other.at > from.at) {
            return;
        }
        self.places.retain(|other| !is_same(other));
        let place = self.places.partition_point(|other| other.at <= from.at);
        self.places.insert(place, from);
        let newest = self.places.last().map_or_else(Timestamp::default, |last| last.at);
        self.places.retain(|other| newest.since(other.at) <= RECENT_PLACE);
        let too_many = self.places.len().saturating_sub(MOST_PLACES);
        self.places.drain(..too_many);
    }

    /// Whoever came from that address was not the user: they were not there.
    pub fn forget(&mut self, network: Mark) {
        self.places.retain(|place| place.network != network);
    }

    /// Where the user lately was, the newest last.
    pub fn places(&self) -> &[Whereabouts] {
        &self.places
    }

    /// When the user usually comes.
    pub const fn habit(&self) -> &Habit {
        &self.habit
    }

    /// The user passed a challenge.
    pub fn pass(&mut self, now: Timestamp) {
        self.passed_at = self.passed_at.max(Some(now));
    }

    /// The user failed one.
    pub fn fail(&mut self, now: Timestamp) {
        self.failed.record(FAILED, now);
    }

    /// How many challenges the user failed in the `seconds` before `now`.
    pub fn failed(&self, seconds: u32, now: Timestamp) -> u32 {
        self.failed.count(None, seconds, now)
    }

    /// The bytes that the store keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut part = |number: u64, bytes: &[u8]| {
            if !bytes.is_empty() {
                put(&mut out, number);
                put_bytes(&mut out, bytes);
            }
        };
        part(1, &places_to_bytes(&self.places));
        part(2, &self.habit.to_bytes());
        part(3, &moment_to_bytes(self.passed_at));
        part(4, &if self.failed == Activity::default() { Vec::new() } else { self.failed.to_bytes() });
        part(5, &self.seen.to_bytes());
        part(6, &self.usage.to_bytes());
        part(7, &moment_to_bytes(self.sharing_told_at));
        for (number, bytes) in &self.unknown {
            part(*number, bytes);
        }
        out
    }

    /// Reads what [`Profile::to_bytes`] wrote; `None` when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut read = Self::default();
        while !rest.is_empty() {
            let number = take(&mut rest)?;
            let part = take_bytes(&mut rest)?;
            match number {
                1 => read.places = places_from_bytes(part)?,
                2 => read.habit = Habit::from_bytes(part)?,
                3 => read.passed_at = Some(moment_from_bytes(part)?),
                4 => read.failed = Activity::from_bytes(part)?,
                5 => read.seen = Seen::from_bytes(part)?,
                6 => read.usage = Usage::from_bytes(part)?,
                7 => read.sharing_told_at = Some(moment_from_bytes(part)?),
                _ => read.unknown.push((number, part.to_owned())),
            }
        }
        Some(read)
    }
}

fn moment_to_bytes(at: Option<Timestamp>) -> Vec<u8> {
    at.map(|at| at.millis().to_be_bytes().to_vec()).unwrap_or_default()
}

fn moment_from_bytes(bytes: &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from_be_bytes(bytes.try_into().ok()?)))
}

impl Habit {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        if self != Self::default() {
            put(&mut out, self.days.into());
            put_signed(&mut out, self.last_day);
            self.hours.iter().for_each(|count| put(&mut out, (*count).into()));
        }
        out
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let mut read = Self { days: u32::try_from(take(rest)?).ok()?, last_day: take_signed(rest)?, ..Self::default() };
        for count in &mut read.hours {
            *count = u32::try_from(take(rest)?).ok()?;
        }
        rest.is_empty().then_some(read)
    }
}

const V6: u64 = 1;
const COORDINATES: u64 = 2;
const COUNTRY: u64 = 4;
const ASN: u64 = 8;
const BROWSER: u64 = 16;

fn places_to_bytes(places: &[Whereabouts]) -> Vec<u8> {
    let mut out = Vec::new();
    for Whereabouts { at, network, is_v6, coordinates, country, asn, browser } in places {
        let flag = |there: bool, flag: u64| if there { flag } else { 0 };
        put_signed(&mut out, at.millis());
        put(
            &mut out,
            flag(*is_v6, V6)
                | flag(coordinates.is_some(), COORDINATES)
                | flag(country.is_some(), COUNTRY)
                | flag(asn.is_some(), ASN)
                | flag(browser.is_some(), BROWSER),
        );
        out.extend_from_slice(&network.to_bytes());
        if let Some((north, east)) = coordinates {
            out.extend_from_slice(&north.to_be_bytes());
            out.extend_from_slice(&east.to_be_bytes());
        }
        if let Some(country) = country {
            put_bytes(&mut out, country.as_bytes());
        }
        if let Some(asn) = asn {
            put(&mut out, (*asn).into());
        }
        if let Some(browser) = browser {
            out.extend_from_slice(&browser.to_bytes());
        }
    }
    out
}

fn places_from_bytes(mut bytes: &[u8]) -> Option<Vec<Whereabouts>> {
    fn chunk<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
        let (chunk, after) = rest.split_first_chunk()?;
        *rest = after;
        Some(*chunk)
    }
    let mut places = Vec::new();
    let rest = &mut bytes;
    while !rest.is_empty() {
        let at = Timestamp::from_millis(take_signed(rest)?);
        let flags = take(rest)?;
        let has = |flag: u64| flags & flag != 0;
        let network = Mark::from_bytes(chunk(rest)?);
        let coordinates = if has(COORDINATES) {
            Some((f64::from_be_bytes(chunk(rest)?), f64::from_be_bytes(chunk(rest)?)))
        } else {
            None
        };
        let country = if has(COUNTRY) { Some(core::str::from_utf8(take_bytes(rest)?).ok()?.to_owned()) } else { None };
        let asn = if has(ASN) { Some(u32::try_from(take(rest)?).ok()?) } else { None };
        let browser = if has(BROWSER) { Some(Mark::from_bytes(chunk(rest)?)) } else { None };
        places.push(Whereabouts { at, network, is_v6: has(V6), coordinates, country, asn, browser });
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{seen::Thing, time::MINUTE};

    const ON: Conveyance = Conveyance { device_type: Some(DeviceType::Computer), is_masked: false };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + ms)
    }

    fn from(ip: &str, country: &str, asn: u32, ms: i64) -> Whereabouts {
        let place = Place { country_code: Some(country.into()), asn: Some(asn), ..Place::default() };
        Whereabouts::of(ip.parse().unwrap(), Some(&place), None, at(ms))
    }

    fn whereabouts() -> impl Strategy<Value = Whereabouts> {
        let coordinates = proptest::option::of((-90.0..90.0, -180.0..180.0));
        (
            any::<u32>(),
            any::<bool>(),
            coordinates,
            proptest::option::of("[A-Z]{2}"),
            proptest::option::of(any::<u32>()),
            any::<bool>(),
        )
            .prop_map(|(ms, is_v6, coordinates, country, asn, has_browser)| Whereabouts {
                at: at(ms.into()),
                network: Mark::of("192.0.2.1"),
                is_v6,
                coordinates,
                country,
                asn,
                browser: has_browser.then(|| Mark::of("b")),
            })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(arrivals in proptest::collection::vec(whereabouts(), 0..12), passed: bool, failed: bool) {
            let mut profile = Profile::default();
            for from in arrivals {
                profile.arrive(from, ON);
            }
            if passed {
                profile.pass(at(5));
            }
            if failed {
                profile.fail(at(6));
                profile.seen.record(Thing::Ip, Mark::of("192.0.2.1"), at(6));
            }
            prop_assert!(profile.places.len() <= MOST_PLACES && profile.places.is_sorted_by_key(|place| place.at));
            prop_assert_eq!(Profile::from_bytes(&profile.to_bytes()), Some(profile));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(mut read) = Profile::from_bytes(&bytes) {
                read.arrive(from("192.0.2.1", "FR", 1, 0), ON);
                read.fail(at(0));
                let _ = read.to_bytes();
            }
        }
    }

    #[test]
    fn a_part_of_a_newer_version_is_kept() {
        let newer =
            [&[9_u8, 3, 1, 2, 3][..], &Profile { passed_at: Some(at(0)), ..Profile::default() }.to_bytes()].concat();
        let mut read = Profile::from_bytes(&newer).unwrap();
        read.fail(at(1));
        let again = Profile::from_bytes(&read.to_bytes()).unwrap();
        assert_eq!(again.unknown, [(9, alloc::vec![1, 2, 3])]);
        assert_eq!(again.passed_at, Some(at(0)));
    }

    #[test]
    fn places_are_the_newest_of_two_days() {
        let mut profile = Profile::default();
        for (asn, ms) in [(1, 0), (2, HOUR), (1, 2 * HOUR), (3, RECENT_PLACE), (4, RECENT_PLACE + HOUR)] {
            profile.arrive(from("192.0.2.1", "FR", asn, ms), ON);
        }
        let asns = |profile: &Profile| profile.places.iter().filter_map(|place| place.asn).collect::<Vec<_>>();
        assert_eq!(asns(&profile), [2, 1, 3, 4], "exactly two days old is still remembered");
        profile.arrive(from("192.0.2.1", "FR", 5, RECENT_PLACE + HOUR + 1), ON);
        assert_eq!(asns(&profile), [1, 3, 4, 5]);
        // What arrives late stands where it belongs, and makes nothing older.
        profile.arrive(from("192.0.2.1", "FR", 1, HOUR), ON);
        profile.arrive(from("192.0.2.1", "FR", 6, 3 * HOUR), ON);
        assert_eq!(asns(&profile), [6, 3, 4, 5]);
    }

    #[test]
    fn habits_fade() {
        let mut habit = Habit::default();
        for minute in 0..3_000 {
            habit.record(at(minute * MINUTE));
        }
        assert!(habit.arrivals() < MOST_ARRIVALS);
        assert_eq!(habit.days(), 3);
    }
}
