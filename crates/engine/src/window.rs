//! Counting events over sliding windows, in a bounded number of bytes whatever the traffic.
//!
//! One [`Activity`] remembers when a subject (a user, an address, …) did what during the last seven days. An event keeps
//! its second while it is young and shares a cell with its neighbours as it ages: a cell is never wider than a 64th of
//! its age, so any window from a minute to a week is counted with an error of at most 1.6 % of the window, from at most
//! about 1,000 cells an action. Knows nothing of what the events mean.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::time::Timestamp;

/// The longest window that can be asked for, in seconds: seven days (spec section 5).
pub const LONGEST_SECONDS: i64 = 604_800;

/// Distinct actions remembered a subject; the one quiet for longest makes room for the next.
const MOST_ACTIONS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// Second at which the cell begins.
    second: i64,
    count: u32,
}

/// What a subject did in the last seven days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Cells of each action, oldest first.
    actions: Vec<(String, Vec<Cell>)>,
}

impl Activity {
    /// Remembers one event. `now` may arrive out of order.
    pub fn record(&mut self, action: &str, now: Timestamp) {
        let second = now.millis().div_euclid(1_000);
        let cells = self.cells_of(action);
        let place = cells.partition_point(|cell| cell.second < second);
        match cells.get_mut(place) {
            Some(cell) if cell.second == second => cell.count = cell.count.saturating_add(1),
            _ => cells.insert(place, Cell { second, count: 1 }),
        }
        compact(cells);
    }

    /// How many events of `action` (of any, when `None`) fell into the `seconds` before `now`, those of `now` included.
    pub fn count(&self, action: Option<&str>, seconds: u32, now: Timestamp) -> u32 {
        let oldest = now.millis().div_euclid(1_000) - i64::from(seconds);
        self.actions
            .iter()
            .filter(|(name, _)| action.is_none_or(|wanted| wanted == name))
            .flat_map(|(_, cells)| cells.iter().rev().take_while(|cell| cell.second > oldest))
            .fold(0, |sum, cell| sum.saturating_add(cell.count))
    }

    /// The moment at which the newest `nth` event (1 is the newest) happened, to the accuracy of its cell: when a limit
    /// of `nth` events per window frees again is this plus the window.
    pub fn nth_newest(&self, action: &str, nth: u32) -> Option<Timestamp> {
        let (_, cells) = self.actions.iter().find(|(name, _)| name == action)?;
        let mut left = nth;
        for cell in cells.iter().rev() {
            if cell.count >= left {
                return Some(Timestamp::from_millis(cell.second * 1_000));
            }
            left -= cell.count;
        }
        None
    }

    /// The bytes that the store keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, len(self.actions.len()));
        for (name, cells) in &self.actions {
            put(&mut out, len(name.len()));
            out.extend_from_slice(name.as_bytes());
            put(&mut out, len(cells.len()));
            let mut before = 0;
            for cell in cells {
                put(&mut out, u64::try_from(cell.second - before).unwrap_or_default());
                put(&mut out, u64::from(cell.count));
                before = cell.second;
            }
        }
        out
    }

    /// Reads what [`Activity::to_bytes`] wrote; `None` when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut actions = Vec::new();
        if bytes.is_empty() {
            return Some(Self::default());
        }
        for _ in 0..take(&mut rest)? {
            let name_length = usize::try_from(take(&mut rest)?).ok()?;
            let (name, after) = rest.split_at_checked(name_length)?;
            rest = after;
            let mut cells = Vec::new();
            let mut second = 0_i64;
            for _ in 0..take(&mut rest)? {
                second = second.checked_add(i64::try_from(take(&mut rest)?).ok()?)?;
                cells.push(Cell { second, count: u32::try_from(take(&mut rest)?).ok()? });
            }
            actions.push((core::str::from_utf8(name).ok()?.to_owned(), cells));
        }
        rest.is_empty().then_some(Self { actions })
    }

    fn cells_of(&mut self, action: &str) -> &mut Vec<Cell> {
        let place = self.actions.iter().position(|(name, _)| name == action).unwrap_or_else(|| {
            if self.actions.len() >= MOST_ACTIONS {
                let newest = |cells: &[Cell]| cells.last().map_or(i64::MIN, |cell| cell.second);
                let quietest = (0..self.actions.len())
                    .min_by_key(|i| self.actions.get(*i).map_or(i64::MIN, |(_, cells)| newest(cells)))
                    .unwrap_or_default();
                self.actions.remove(quietest);
            }
            self.actions.push((action.to_owned(), Vec::new()));
            self.actions.len() - 1
        });
        // The place was found or made just above; an empty list can't be, so this never makes one up.
        #[expect(clippy::indexing_slicing, reason = "the index was computed from this very vector")]
        &mut self.actions[place].1
    }
}

/// Forgets what is older than the longest window and lets neighbours of an age share a cell.
fn compact(cells: &mut Vec<Cell>) {
    let Some(newest) = cells.last().map(|cell| cell.second) else { return };
    cells.retain(|cell| cell.second > newest - LONGEST_SECONDS);
    cells.dedup_by(|later, earlier| {
        let width = cell_width(newest - earlier.second);
        let same = later.second.div_euclid(width) == earlier.second.div_euclid(width);
        if same {
            earlier.count = earlier.count.saturating_add(later.count);
        }
        same
    });
}

/// The largest power of two that is at most a 64th of `age`, in seconds; at least one second.
fn cell_width(age: i64) -> i64 {
    let limit = (age / 64).max(1);
    1_i64 << (63 - limit.leading_zeros())
}

fn len(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + second * 1_000)
    }

    proptest! {
        #[test]
        fn counts_stay_within_a_sixtyfourth_of_the_window(
            mut events in proptest::collection::vec(0_i64..700_000, 1..400),
            window in 60_u32..=604_800,
        ) {
            events.sort_unstable();
            let mut activity = Activity::default();
            for second in &events {
                activity.record("login", at(*second));
            }
            let now = *events.last().unwrap();
            let slack = i64::from(window) / 64 + 1;
            let brute = |seconds: i64| u32::try_from(events.iter().filter(|e| **e > now - seconds && now - **e < LONGEST_SECONDS).count()).unwrap();
            let counted = activity.count(Some("login"), window, at(now));
            prop_assert!(counted >= brute(i64::from(window) - slack) && counted <= brute(i64::from(window) + slack),
                "{counted} is not near {}", brute(i64::from(window)));
            prop_assert_eq!(Activity::from_bytes(&activity.to_bytes()), Some(activity));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Activity::from_bytes(&bytes).map(|read| read.count(None, 60, at(0)));
        }
    }

    #[test]
    fn a_busy_week_stays_small() {
        let mut activity = Activity::default();
        for second in 0..604_800 / 4 {
            activity.record("access", at(second * 4));
        }
        assert!(activity.to_bytes().len() < 4_000, "{} bytes", activity.to_bytes().len());
        assert_eq!(activity.count(Some("login"), 604_800, at(604_800)), 0);
    }

    #[test]
    fn late_arrivals_and_new_actions_find_their_place() {
        let mut activity = Activity::default();
        for second in [100, 50, 100, 10] {
            activity.record("login", at(second));
        }
        assert_eq!(activity.count(Some("login"), 60, at(100)), 3);
        assert_eq!(activity.nth_newest("login", 3), Some(at(50)));
        for action in 0..20 {
            activity.record(&alloc::format!("a{action}"), at(200 + action));
        }
        assert_eq!(activity.count(Some("login"), 3_600, at(300)), 0, "the quietest action made room");
        assert_eq!(activity.count(Some("a19"), 3_600, at(300)), 1);
    }
}
