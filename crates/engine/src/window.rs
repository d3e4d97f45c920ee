//! Counting events over sliding windows, in a bounded number of bytes whatever the traffic.
//!
//! One [`Activity`] remembers when a subject (a user, an address, …) did what during the last seven days. An event keeps
//! its second while it is young and shares a cell with its neighbours as it ages: a cell is never wider than a 64th of
//! its age, so any window from a minute to a week is counted with an error of at most 1.6 % of the window, from at most
//! about 1,000 cells an action. Knows nothing of what the events mean.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::{
    bytes::{put, take},
    time::Timestamp,
};

/// The longest window that can be asked for, in seconds: seven days (spec section 5).
pub const LONGEST_SECONDS: i64 = 604_800;

/// Distinct actions counted by themselves a subject; further ones share [`OVERFLOW`].
const MOST_ACTIONS: usize = 16;

/// What the actions that found no room are counted under, together; no action is called so. Whoever is counted may
/// choose the actions, so a new one never pushes another out: that would let a guesser wipe their own `login` count by
/// sending sixteen made-up actions. An action without a place of its own is counted too high rather than too low.
const OVERFLOW: &str = "";

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
        let cells = self.cells_of(action, second);
        let place = cells.partition_point(|cell| cell.second < second);
        match cells.get_mut(place) {
            Some(cell) if cell.second == second => cell.count = cell.count.saturating_add(1),
            _ => cells.insert(place, Cell { second, count: 1 }),
        }
        compact(cells);
    }

    /// How many events of `action` (of any, when `None`) fell into the `seconds` before `now`, those of `now` included.
    /// For a subject of more than 16 actions a week, those beyond are counted together.
    pub fn count(&self, action: Option<&str>, seconds: u32, now: Timestamp) -> u32 {
        let oldest = now.millis().div_euclid(1_000).saturating_sub(i64::from(seconds));
        let place = action.map(|action| self.place_of(action));
        self.actions
            .iter()
            .filter(|(name, _)| place.is_none_or(|place| place == name))
            .flat_map(|(_, cells)| cells.iter().rev().take_while(|cell| cell.second > oldest))
            .fold(0, |sum, cell| sum.saturating_add(cell.count))
    }

    /// The moment at which the newest `nth` event (1 is the newest) happened, to the accuracy of its cell: when a limit
    /// of `nth` events per window frees again is this plus the window.
    pub fn nth_newest(&self, action: &str, nth: u32) -> Option<Timestamp> {
        let place = self.place_of(action);
        let (_, cells) = self.actions.iter().find(|(name, _)| name == place)?;
        let mut left = nth;
        for cell in cells.iter().rev() {
            if cell.count >= left {
                return Some(Timestamp::from_millis(cell.second.saturating_mul(1_000)));
            }
            left -= cell.count;
        }
        None
    }

    /// Whole seconds from `now` until fewer than `most` events of any action lie in the `seconds` before; `None` when that
    /// is so already. Exact where cells are a second wide: for windows of up to two minutes.
    pub fn wait(&self, most: u32, seconds: u32, now: Timestamp) -> Option<u32> {
        if self.count(None, seconds, now) < most {
            return None;
        }
        let mut cells: Vec<Cell> = self.actions.iter().flat_map(|(_, cells)| cells).copied().collect();
        cells.sort_unstable_by_key(|cell| core::cmp::Reverse(cell.second));
        let mut seen = 0_u32;
        let last = cells.into_iter().find(|cell| {
            seen = seen.saturating_add(cell.count);
            seen >= most
        })?;
        let free = Timestamp::from_millis(last.second.saturating_add(i64::from(seconds)).saturating_mul(1_000));
        Some(u32::try_from(free.since(now).saturating_add(999) / 1_000).unwrap_or(u32::MAX).max(1))
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

    /// The name that `action` is counted under.
    fn place_of<'a>(&self, action: &'a str) -> &'a str {
        let has_its_own = self.actions.iter().any(|(name, _)| name == action);
        if has_its_own { action } else { OVERFLOW }
    }

    /// The cells to count `action` in at `second`. A new place is given only while nothing overflows, so all of an
    /// action's events are in one place.
    fn cells_of(&mut self, action: &str, second: i64) -> &mut Vec<Cell> {
        let live = |cells: &[Cell]| cells.last().is_some_and(|cell| cell.second > second - LONGEST_SECONDS);
        self.actions.retain(|(_, cells)| live(cells));
        let overflows = self.actions.iter().any(|(name, _)| name == OVERFLOW);
        let full = overflows || self.actions.len() >= MOST_ACTIONS;
        let wanted = if full { self.place_of(action) } else { action };
        let place = self.actions.iter().position(|(name, _)| name == wanted).unwrap_or_else(|| {
            self.actions.push((wanted.to_owned(), Vec::new()));
            self.actions.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index was found in, or made by a push to, this very vector")]
        &mut self.actions[place].1
    }
}

/// Forgets what is older than the longest window and lets neighbours of an age share a cell.
fn compact(cells: &mut Vec<Cell>) {
    let Some(newest) = cells.last().map(|cell| cell.second) else { return };
    cells.retain(|cell| cell.second > newest - LONGEST_SECONDS);
    cells.dedup_by(|later, earlier| {
        let width = cell_width(newest.saturating_sub(earlier.second));
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
        fn a_wait_is_as_long_as_it_must_be_and_no_longer(
            events in proptest::collection::vec((0_u8..24, 0_i64..90_000), 1..60),
            most in 1_u32..20,
        ) {
            let mut activity = Activity::default();
            for (action, ms) in &events {
                activity.record(&alloc::format!("a{action}"), at(0).plus(*ms));
            }
            let now = at(90);
            let count = |seconds: u32| activity.count(None, 60, now.plus(i64::from(seconds) * 1_000));
            match activity.wait(most, 60, now) {
                None => prop_assert!(count(0) < most),
                Some(wait) => {
                    prop_assert!((1..=60).contains(&wait));
                    prop_assert!(count(wait) < most && count(wait - 1) >= most, "{wait}");
                }
            }
        }

        #[test]
        fn no_order_of_actions_hides_an_event(
            events in proptest::collection::vec((0_u8..24, 0_i64..3_000), 1..120),
            asked in 0_u8..24,
        ) {
            let name = |action: u8| alloc::format!("a{action}");
            let mut activity = Activity::default();
            for (action, second) in &events {
                activity.record(&name(*action), at(*second));
            }
            let true_count = events.iter().filter(|(action, _)| *action == asked).count();
            let counted = activity.count(Some(&name(asked)), 3_600, at(3_000));
            prop_assert!(counted >= u32::try_from(true_count).unwrap());
            prop_assert_eq!(activity.count(None, 3_600, at(3_000)), u32::try_from(events.len()).unwrap());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(mut read) = Activity::from_bytes(&bytes) {
                let _ = (read.count(None, 60, at(0)), read.nth_newest("", 1));
                read.record("login", at(0));
                prop_assert!(read.count(Some("login"), 60, at(0)) >= 1);
            }
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
    fn late_arrivals_find_their_place() {
        let mut activity = Activity::default();
        for second in [100, 50, 100, 10] {
            activity.record("login", at(second));
        }
        assert_eq!(activity.count(Some("login"), 60, at(100)), 3);
        assert_eq!(activity.nth_newest("login", 3), Some(at(50)));
    }

    #[test]
    fn made_up_actions_push_nothing_out() {
        let mut activity = Activity::default();
        for _ in 0..5 {
            activity.record("login", at(100));
        }
        for action in 0..40 {
            activity.record(&alloc::format!("a{action}"), at(200));
        }
        assert_eq!(activity.count(Some("login"), 3_600, at(300)), 5);
        assert_eq!(activity.count(None, 3_600, at(300)), 45);
        assert_eq!(activity.count(Some("a39"), 3_600, at(300)), 25, "those without a place are counted together");
        // A week later there is room again.
        activity.record("fresh", at(200 + 604_800));
        assert_eq!(activity.count(Some("fresh"), 60, at(200 + 604_800)), 1);
        assert_eq!(activity.actions.len(), 1);
    }

    #[test]
    fn a_place_that_frees_splits_no_action_in_two() {
        let mut activity = Activity::default();
        let name = |action: u8| alloc::format!("a{action}");
        for action in 0..16 {
            activity.record(&name(action), at(0));
        }
        for action in 2..16 {
            activity.record(&name(action), at(500_000));
        }
        activity.record("late", at(500_000));
        // Two are forgotten by now, but what `late` did before stands under the shared name.
        activity.record("late", at(604_900));
        assert_eq!(activity.count(Some("late"), 604_800, at(604_900)), 2);
    }

    #[test]
    fn absurd_moments_are_survived() {
        let mut far =
            Activity { actions: alloc::vec![("login".to_owned(), alloc::vec![Cell { second: i64::MAX, count: 1 }])] };
        assert_eq!(far.nth_newest("login", 1), Some(Timestamp::from_millis(i64::MAX)));
        far.record("login", Timestamp::from_millis(i64::MIN));
        for ms in [i64::MIN, -1, i64::MAX] {
            let mut activity = Activity::default();
            activity.record("login", Timestamp::from_millis(ms));
            activity.record("login", at(0));
            let _ = (activity.count(None, 60, Timestamp::from_millis(ms)), activity.nth_newest("login", 1));
            assert!(Activity::from_bytes(&activity.to_bytes()).is_some());
        }
    }
}
