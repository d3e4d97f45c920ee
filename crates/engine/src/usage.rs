//! How many people use an account: what is remembered of which devices were in use when and on which lines, and what that
//! says.
//!
//! Nothing here is sure, so the answer is two numbers. The low one counts only people whom nothing else explains: devices
//! that were in use by turns, in different places, on different days, and that never shared a line. One person has a
//! phone in the bag while the computer at home is on, so phones are compared with phones alone; who hides behind a VPN is
//! compared with nobody. The high one counts everybody for whom there is room: households (devices linked by lines
//! that they shared), and in each as many people as it has phones, or tablets, or pairs of computers, in use over the same weeks.
//!
//! One row part of at most some 1.5 KB, for twelve devices and four weeks. Knows nothing of policies or of who the people are.

use alloc::{vec, vec::Vec};

use crate::{
    bytes::{put, put_signed, take, take_signed},
    seen::Mark,
    signal::DeviceType,
    time::{DAY, HOUR, Timestamp},
};

/// Days that are looked at.
const DAYS: u32 = 28;
/// Devices told apart at most: the one not used for longest makes room, and a low number that reaches this means "at
/// least".
const MOST_DEVICES: usize = 12;
/// Lines remembered of a device.
const MOST_LINES: usize = 6;
/// Two devices are in use by turns when one comes, the other, and the first again within this time.
const BY_TURNS: i64 = HOUR;
/// On how many days two must have been apart before they are taken for two people's: on one day there may be a story.
const APART_DAYS: u32 = 2;
/// The same of phones, which are in two networks at once more easily than computers are in two houses.
const APART_DAYS_OF_PHONES: u32 = 3;
/// On how many days a device must have come to be one that people use, and not a visit or a cleared browser.
const REGULAR_DAYS: u32 = 2;
/// In how many distinct hours of a day one person may be there; and on how many days it must have been more.
const WAKING_HOURS: u32 = 18;
const LONG_DAYS: u32 = 3;

/// Days out of the last 28 before the newest of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Days {
    /// The newest, as days since 1970.
    last: i64,
    /// Bit `n`: the day `n` before.
    bits: u32,
}

/// All of the days that are looked at.
const ALL: u32 = (1 << DAYS) - 1;

impl Days {
    fn insert(&mut self, day: i64) {
        if self.bits == 0 || day > self.last {
            let moved = u32::try_from(day.saturating_sub(self.last)).unwrap_or(DAYS);
            self.bits = self.bits.checked_shl(moved).unwrap_or_default() & ALL | 1;
            self.last = day;
        } else {
            let back = u32::try_from(self.last.saturating_sub(day)).unwrap_or(DAYS);
            self.bits |= 1_u32.checked_shl(back).unwrap_or_default() & ALL;
        }
    }

    /// How many of the 28 up to `today`.
    fn count(self, today: i64) -> u32 {
        let age = u32::try_from(today.saturating_sub(self.last).max(0)).unwrap_or(DAYS);
        (self.bits.checked_shl(age).unwrap_or_default() & ALL).count_ones()
    }

    fn first(self) -> i64 {
        self.last.saturating_sub(i64::from(self.bits.checked_ilog2().unwrap_or_default()))
    }

    fn put(self, out: &mut Vec<u8>) {
        put_signed(out, self.last);
        put(out, self.bits.into());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some(Self { last: take_signed(rest)?, bits: u32::try_from(take(rest)?).ok()? & ALL })
    }
}

/// One use of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// The browser.
    pub browser: Mark,
    /// What it runs on.
    pub kind: DeviceType,
    /// The line that it came over: see [`crate::signal::network_of`].
    pub line: Mark,
    /// Whether that is known by an IPv6 address.
    pub is_v6: bool,
    /// The autonomous system that the line is in.
    pub asn: Option<u32>,
    /// Whether it came by a VPN, a proxy, Tor or from a data centre: then it says nothing of where anybody is.
    pub is_masked: bool,
}

impl Use {
    /// Whether both can't be one place. Between IPv4 and IPv6 only two providers tell that.
    fn is_elsewhere(&self, other: &Self) -> bool {
        if self.is_masked || other.is_masked {
            return false;
        }
        if self.is_v6 == other.is_v6 {
            self.line != other.line
        } else {
            self.asn.zip(other.asn).is_some_and(|(here, there)| here != there)
        }
    }
}

/// What is remembered of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Used {
    last: Use,
    days: Days,
    /// The lines that it came over, the last used first.
    lines: Vec<Mark>,
}

impl Used {
    fn shares_a_line_with(&self, other: &Self) -> bool {
        self.lines.iter().any(|line| other.lines.contains(line))
    }

    fn note_line(&mut self, used: &Use) {
        if used.is_masked {
            return;
        }
        self.lines.retain(|line| *line != used.line);
        self.lines.insert(0, used.line);
        self.lines.truncate(MOST_LINES);
    }
}

/// Two devices that were in use by turns in different places, and on which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Apart {
    /// Places in the list of devices, the lower first.
    pair: (usize, usize),
    days: Days,
}

/// How many people use an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct People {
    /// At least so many, most likely.
    pub low: u32,
    /// At most so many, most likely.
    pub high: u32,
}

/// What is remembered of how an account is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    devices: Vec<Used>,
    apart: Vec<Apart>,
    /// The hours of the newest day.
    today: i64,
    hours: u32,
    /// Days with more hours than one person is awake.
    long_days: Days,
}

fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY)
}

/// Whether the one may stand for another person where the other is used: a phone is wherever its owner is.
const fn are_comparable(one: DeviceType, other: DeviceType) -> bool {
    matches!(
        (one, other),
        (DeviceType::Mobile, DeviceType::Mobile)
            | (DeviceType::Computer | DeviceType::Tablet, DeviceType::Computer | DeviceType::Tablet)
    )
}

impl Usage {
    /// The account was used.
    pub fn record(&mut self, used: Use) {
        let day = day_of(used.at);
        self.note_hour(used.at, day);
        self.drop_old(day);
        let Some(place) = self.devices.iter().position(|device| device.last.browser == used.browser) else {
            self.make_room();
            let mut device = Used { last: used, days: Days { last: day, bits: 1 }, lines: Vec::new() };
            device.note_line(&used);
            self.devices.push(device);
            return;
        };
        self.note_apart(place, &used, day);
        if let Some(device) = self.devices.get_mut(place) {
            device.days.insert(day);
            // What arrives late was not the last.
            if used.at >= device.last.at {
                device.last = used;
                device.note_line(&used);
            }
        }
    }

    /// That device is no longer one of the account's.
    pub fn forget(&mut self, browser: Mark) {
        if let Some(place) = self.devices.iter().position(|device| device.last.browser == browser) {
            self.remove(place);
        }
    }

    fn note_hour(&mut self, at: Timestamp, day: i64) {
        if day > self.today {
            (self.today, self.hours) = (day, 0);
        }
        let hour = u32::try_from(at.millis().rem_euclid(DAY) / HOUR).unwrap_or_default();
        if day == self.today {
            self.hours |= 1_u32.checked_shl(hour).unwrap_or_default();
        }
        if self.hours.count_ones() > WAKING_HOURS {
            self.long_days.insert(self.today);
        }
    }

    /// Notes which devices were in use elsewhere between the last use of the one at `place` and this.
    fn note_apart(&mut self, place: usize, used: &Use, day: i64) {
        let Some(before) = self.devices.get(place).map(|device| device.last) else { return };
        if used.at < before.at || used.at.since(before.at) > BY_TURNS {
            return;
        }
        for (other, device) in self.devices.iter().enumerate() {
            let between = device.last.at > before.at && device.last.at < used.at;
            let elsewhere = device.last.is_elsewhere(&before) && device.last.is_elsewhere(used);
            if other == place || !between || !elsewhere || !are_comparable(device.last.kind, used.kind) {
                continue;
            }
            let pair = (place.min(other), place.max(other));
            match self.apart.iter_mut().find(|apart| apart.pair == pair) {
                Some(apart) => apart.days.insert(day),
                None => self.apart.push(Apart { pair, days: Days { last: day, bits: 1 } }),
            }
        }
    }

    fn drop_old(&mut self, day: i64) {
        while let Some(place) = self.devices.iter().position(|device| device.days.count(day) == 0) {
            self.remove(place);
        }
        self.apart.retain(|apart| apart.days.count(day) > 0);
    }

    fn make_room(&mut self) {
        if self.devices.len() >= MOST_DEVICES {
            let oldest = self.devices.iter().enumerate().min_by_key(|(_, device)| device.last.at);
            if let Some((place, _)) = oldest {
                self.remove(place);
            }
        }
    }

    fn remove(&mut self, place: usize) {
        self.devices.remove(place);
        let moved = |at: usize| if at > place { at - 1 } else { at };
        self.apart.retain(|apart| apart.pair.0 != place && apart.pair.1 != place);
        for apart in &mut self.apart {
            apart.pair = (moved(apart.pair.0), moved(apart.pair.1));
        }
    }

    /// How many people that is at `now`; `None` where nothing was remembered.
    pub fn people(&self, now: Timestamp) -> Option<People> {
        let today = day_of(now);
        let is_regular = |device: &&Used| device.days.count(today) >= REGULAR_DAYS;
        let regular: Vec<&Used> = self.devices.iter().filter(is_regular).collect();
        if self.devices.is_empty() {
            return None;
        }
        let by_hours = if self.long_days.count(today) >= LONG_DAYS { 2 } else { 1 };
        let low = self.apart_from_each_other(today).max(by_hours);
        let high = households(&regular).iter().map(|household| people_in(household)).sum::<u32>();
        Some(People { low, high: high.max(low) })
    }

    /// The most devices of which each two are two people's.
    fn apart_from_each_other(&self, today: i64) -> u32 {
        let mut others = vec![0_u32; self.devices.len()];
        for Apart { pair: (one, other), days } in &self.apart {
            let Some((a, b)) = self.devices.get(*one).zip(self.devices.get(*other)) else { continue };
            let needed = if a.last.kind == DeviceType::Mobile { APART_DAYS_OF_PHONES } else { APART_DAYS };
            if days.count(today) >= needed && !a.shares_a_line_with(b) {
                for (at, with) in [(one, other), (other, one)] {
                    if let Some(set) = others.get_mut(*at) {
                        *set |= 1 << with;
                    }
                }
            }
        }
        largest_clique((1_u32 << self.devices.len()) - 1, &others)
    }
}

/// The size of the largest set within `among` of which each two are joined; `joined` says with whom each is.
fn largest_clique(among: u32, joined: &[u32]) -> u32 {
    if among == 0 {
        return 0;
    }
    let first = among.trailing_zeros();
    let its = usize::try_from(first).ok().and_then(|first| joined.get(first)).copied().unwrap_or_default();
    let without = among & (among - 1);
    let with_first = 1 + largest_clique(without & its, joined);
    // Nobody is joined with most: then there is nothing else to try.
    if without & !its == 0 { with_first } else { with_first.max(largest_clique(without, joined)) }
}

/// Devices that are linked by lines that they shared.
fn households<'a>(devices: &[&'a Used]) -> Vec<Vec<&'a Used>> {
    let mut households: Vec<Vec<&Used>> = Vec::new();
    for device in devices {
        let (mut linked, apart): (Vec<_>, Vec<_>) = households
            .into_iter()
            .partition(|household| household.iter().any(|other| other.shares_a_line_with(device)));
        linked.push(vec![device]);
        households = apart;
        households.push(linked.concat());
    }
    households
}

/// As many as a household has phones, or tablets, or pairs of computers, in use over the same days: a new phone is not
/// another person's.
fn people_in(household: &[&Used]) -> u32 {
    let at_once = |kind: DeviceType| {
        let of_kind = || household.iter().filter(|device| device.last.kind == kind);
        let on = |day: i64| of_kind().filter(|other| other.days.first() <= day && day <= other.days.last).count();
        u32::try_from(of_kind().map(|device| on(device.days.first())).max().unwrap_or_default()).unwrap_or(u32::MAX)
    };
    let computers = at_once(DeviceType::Computer).div_ceil(2);
    at_once(DeviceType::Mobile).max(at_once(DeviceType::Tablet)).max(computers).max(1)
}

const V6: u64 = 1;
const MASKED: u64 = 2;
const ASN: u64 = 4;
/// Computer, tablet or phone: two bits above the others.
const KIND: u64 = 8;

impl Usage {
    /// The bytes that the store keeps; none where there is nothing to keep.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.devices.is_empty() {
            return out;
        }
        put_signed(&mut out, self.today);
        put(&mut out, self.hours.into());
        self.long_days.put(&mut out);
        let number = |number: usize| u64::try_from(number).unwrap_or_default();
        put(&mut out, number(self.devices.len()));
        for Used { last, days, lines } in &self.devices {
            let kind = match last.kind {
                DeviceType::Computer => 0,
                DeviceType::Tablet => 1,
                DeviceType::Mobile => 2,
            };
            let flag = |there: bool, flag: u64| if there { flag } else { 0 };
            put_signed(&mut out, last.at.millis());
            put(
                &mut out,
                flag(last.is_v6, V6) | flag(last.is_masked, MASKED) | flag(last.asn.is_some(), ASN) | (kind * KIND),
            );
            out.extend_from_slice(&last.browser.to_bytes());
            out.extend_from_slice(&last.line.to_bytes());
            if let Some(asn) = last.asn {
                put(&mut out, asn.into());
            }
            days.put(&mut out);
            put(&mut out, number(lines.len()));
            for line in lines {
                out.extend_from_slice(&line.to_bytes());
            }
        }
        for Apart { pair: (one, other), days } in &self.apart {
            put(&mut out, number(*one));
            put(&mut out, number(*other));
            days.put(&mut out);
        }
        out
    }

    /// Reads what [`Usage::to_bytes`] wrote; `None` when the bytes are not that.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let mut read = Self {
            today: take_signed(rest)?,
            hours: u32::try_from(take(rest)?).ok()?,
            long_days: Days::take(rest)?,
            ..Self::default()
        };
        let count = usize::try_from(take(rest)?).ok().filter(|count| *count <= MOST_DEVICES)?;
        for _ in 0..count {
            read.devices.push(device_from(rest)?);
        }
        while !rest.is_empty() {
            let mut place = || usize::try_from(take(rest)?).ok().filter(|place| *place < count);
            let pair = (place()?, place()?);
            read.apart.push(Apart { pair, days: Days::take(rest)? });
        }
        Some(read)
    }
}

fn device_from(rest: &mut &[u8]) -> Option<Used> {
    fn mark(rest: &mut &[u8]) -> Option<Mark> {
        let (chunk, after) = rest.split_first_chunk()?;
        *rest = after;
        Some(Mark::from_bytes(*chunk))
    }
    let at = Timestamp::from_millis(take_signed(rest)?);
    let flags = take(rest)?;
    let kind = match flags / KIND {
        0 => DeviceType::Computer,
        1 => DeviceType::Tablet,
        2 => DeviceType::Mobile,
        _ => return None,
    };
    let (browser, line) = (mark(rest)?, mark(rest)?);
    let asn = if flags & ASN == 0 { None } else { Some(u32::try_from(take(rest)?).ok()?) };
    let (is_v6, is_masked) = (flags & V6 != 0, flags & MASKED != 0);
    let last = Use { at, browser, kind, line, is_v6, asn, is_masked };
    let days = Days::take(rest)?;
    let count = usize::try_from(take(rest)?).ok().filter(|count| *count <= MOST_LINES)?;
    let lines = (0..count).map(|_| mark(rest)).collect::<Option<_>>()?;
    Some(Used { last, days, lines })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MONDAY: i64 = 1_763_942_400_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(MONDAY + ms)
    }

    fn mark(name: &str) -> Mark {
        Mark::of(name)
    }

    fn used(device: &str, line: &str, ms: i64) -> Use {
        let kind = if device.starts_with("phone") { DeviceType::Mobile } else { DeviceType::Computer };
        Use { at: at(ms), browser: mark(device), kind, line: mark(line), is_v6: false, asn: None, is_masked: false }
    }

    /// On each of so many days, two devices by turns: the first, the other, the first again, `gap` apart.
    fn by_turns(days: i64, gap: i64, one: impl Fn(i64) -> Use, other: impl Fn(i64) -> Use) -> Usage {
        let mut usage = Usage::default();
        for day in 0..days {
            let start = day * DAY + 20 * HOUR;
            usage.record(one(start));
            usage.record(other(start + gap));
            usage.record(one(start + 2 * gap));
        }
        usage
    }

    fn people(usage: &Usage, ms: i64) -> (u32, u32) {
        let People { low, high } = usage.people(at(ms)).unwrap();
        (low, high)
    }

    #[test]
    fn two_who_are_apart_at_once_on_several_days_are_two_and_nobody_else_is() {
        let (home, office) = (|ms| used("laptop", "home", ms), |ms| used("pc", "office", ms));
        for (what, usage, low) in [
            ("on two days", by_turns(2, HOUR / 2, home, office), 2),
            ("on one day", by_turns(1, HOUR / 2, home, office), 1),
            ("an hour to the millisecond", by_turns(2, HOUR / 2, home, office), 2),
            ("longer than an hour", by_turns(9, HOUR / 2 + 1, home, office), 1),
            ("at one place", by_turns(9, HOUR / 2, home, |ms| used("pc", "home", ms)), 1),
            ("a phone and a computer", by_turns(9, HOUR / 2, home, |ms| used("phone", "cell", ms)), 1),
            (
                "phones on two days",
                by_turns(2, HOUR / 2, |ms| used("phone1", "a", ms), |ms| used("phone2", "b", ms)),
                1,
            ),
            ("phones on three", by_turns(3, HOUR / 2, |ms| used("phone1", "a", ms), |ms| used("phone2", "b", ms)), 2),
            ("behind a VPN", by_turns(9, HOUR / 2, home, |ms| Use { is_masked: true, ..office(ms) }), 1),
            ("IPv4 and IPv6", by_turns(9, HOUR / 2, home, |ms| Use { is_v6: true, ..office(ms) }), 1),
            (
                "IPv4 and IPv6 of two providers",
                by_turns(
                    9,
                    HOUR / 2,
                    |ms| Use { asn: Some(1), ..home(ms) },
                    |ms| Use { is_v6: true, asn: Some(2), ..office(ms) },
                ),
                2,
            ),
        ] {
            assert_eq!(people(&usage, 9 * DAY).0, low, "{what}");
        }
    }

    #[test]
    fn who_shared_a_line_once_may_be_one_person() {
        let mut usage = by_turns(5, HOUR / 2, |ms| used("laptop", "home", ms), |ms| used("pc", "office", ms));
        assert_eq!(people(&usage, 5 * DAY), (2, 2));
        usage.record(used("pc", "home", 6 * DAY));
        assert_eq!(people(&usage, 6 * DAY), (1, 1));
    }

    #[test]
    fn four_weeks_count_to_the_day_and_what_is_forgotten_no_more() {
        let usage = by_turns(2, HOUR / 2, |ms| used("laptop", "home", ms), |ms| used("pc", "office", ms));
        let last = |days: i64| days * DAY + 23 * HOUR;
        assert_eq!(people(&usage, last(27)), (2, 2), "the first of the two days is the twenty-eighth");
        assert_eq!(people(&usage, last(28)), (1, 1));
        let mut usage = usage;
        usage.forget(mark("pc"));
        assert_eq!(people(&usage, last(2)), (1, 1));
        usage.forget(mark("laptop"));
        assert_eq!(usage.people(at(last(2))), None);
    }

    #[test]
    fn households_have_room_for_people_and_a_new_phone_is_nobody_new() {
        let mut usage = Usage::default();
        for day in 0..10 {
            for device in ["phone1", "phone2", "laptop", "pc", "netbook"] {
                usage.record(used(device, "home", day * DAY));
            }
            let third = if day < 5 { "phone3" } else { "phone4" };
            usage.record(used(third, "home", day * DAY));
        }
        assert_eq!(people(&usage, 10 * DAY), (1, 3));
        // A visitor of one day, and somebody in another house.
        usage.record(used("phone5", "home", 10 * DAY));
        assert_eq!(people(&usage, 10 * DAY), (1, 3));
        usage.record(used("mac", "elsewhere", 10 * DAY));
        usage.record(used("mac", "elsewhere", 11 * DAY));
        assert_eq!(people(&usage, 11 * DAY), (1, 4));
    }

    #[test]
    fn nobody_is_awake_for_more_than_eighteen_hours_day_after_day() {
        for (days, hours, low) in [(3, 19, 2), (3, 18, 1), (2, 24, 1)] {
            let mut usage = Usage::default();
            for hour in 0..hours {
                (0..days).for_each(|day| usage.record(used("laptop", "home", day * DAY + hour * HOUR)));
            }
            // Hour by hour of each day, not day by day of each hour: a day that is over is not looked at again.
            assert_eq!(people(&usage, days * DAY).0, 1);
            let mut usage = Usage::default();
            for day in 0..days {
                (0..hours).for_each(|hour| usage.record(used("laptop", "home", day * DAY + hour * HOUR)));
            }
            assert_eq!(people(&usage, days * DAY).0, low, "{hours} hours on {days} days");
        }
    }

    #[test]
    fn of_thirteen_devices_the_one_not_used_for_longest_makes_room() {
        let mut usage = Usage::default();
        for round in 0..3 {
            for n in 0..13 {
                usage.record(used(&alloc::format!("pc{n}"), &alloc::format!("line{n}"), round * DAY + n * HOUR / 4));
            }
        }
        assert_eq!(usage.devices.len(), MOST_DEVICES);
        assert!(usage.apart.iter().all(|apart| apart.pair.1 < MOST_DEVICES));
        assert!(usage.to_bytes().len() < 2_048, "{}", usage.to_bytes().len());
    }

    fn uses() -> impl Strategy<Value = Use> {
        let time = prop_oneof![0..40 * DAY, 0..4 * HOUR, any::<i64>()];
        (time, 0..15_u8, 0..6_u8, any::<bool>(), proptest::option::of(0..3_u32), 0..10_u8).prop_map(
            |(ms, device, line, is_v6, asn, mask)| Use {
                at: Timestamp::from_millis(MONDAY.wrapping_add(ms)),
                browser: mark(&alloc::format!("{device}")),
                kind: [DeviceType::Computer, DeviceType::Tablet, DeviceType::Mobile][usize::from(device % 3)],
                line: mark(&alloc::format!("{line}")),
                is_v6,
                asn,
                is_masked: mask == 0,
            },
        )
    }

    proptest! {
        #[test]
        fn whatever_happened_is_kept_whole_and_comes_to_some_people(all in proptest::collection::vec(uses(), 1..200)) {
            let mut usage = Usage::default();
            for used in &all {
                usage.record(*used);
            }
            prop_assert_eq!(Usage::from_bytes(&usage.to_bytes()), Some(usage.clone()));
            let most = u32::try_from(MOST_DEVICES).unwrap();
            for now in all.iter().map(|used| used.at) {
                if let Some(People { low, high }) = usage.people(now) {
                    prop_assert!(1 <= low && low <= high && low <= most, "{low} to {high}");
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..128), used in uses()) {
            if let Some(mut read) = Usage::from_bytes(&bytes) {
                read.record(used);
                read.forget(used.browser);
                let _ = (read.people(used.at), read.to_bytes());
            }
        }
    }
}
