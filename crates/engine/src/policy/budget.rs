//! How often a policy may give its verdict: a fuse against the one that turns out to be wrong on a busy morning.
//!
//! A policy over its budget only watches, until what it gave has left the window; the policies after it are asked as if it
//! were not there. Counted are the verdicts that it gave and, for a share, the evaluations that it was asked about, in the
//! same windows and by the same means as everything else ([`Activity`]). Knows nothing of where the counts are kept.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    field::{parse_window, window_name},
    time::Timestamp,
    window::Activity,
};

/// A share is taken of no fewer evaluations than these: else the first of a quiet night would be all of them.
pub const LEAST_ASKED: u32 = 100;

/// What verdicts, evaluations and alerts are counted under.
const GIVEN: &str = "given";
const ASKED: &str = "asked";
const TOLD: &str = "told";

/// How often a policy may give its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// So many times within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// For so many of a hundred evaluations of its actions within the window, of a hundred at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Within how long: `1m` to `7d`.
    pub window: Window,
}

/// A span of seconds, written as `1m` to `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&window_name(self.0))
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("a window is written as `10m`, `1h` or `1d`, from `1m` to `7d`");
        parse_window(&text).map(Self).ok_or_else(wrong)
    }
}

impl Budget {
    /// What is wrong with it: the key, what, and what to write instead.
    pub(super) fn problem(&self) -> Option<(&'static str, &'static str, &'static str)> {
        match (self.at_most, self.percent) {
            (None, None) => Some((
                "",
                "a budget without a limit",
                "write `at_most` or `percent`, or both: then the smaller one counts",
            )),
            (Some(0), _) => Some(("/at_most", "a budget of nothing", "write 1 or more; `mode: shadow` only watches")),
            (_, Some(percent)) if !(percent > 0.0 && percent <= 100.0) => {
                Some(("/percent", "no share", "write a number above 0 and up to 100"))
            }
            _ => None,
        }
    }

    /// Whether nothing is left at `now`, after what the policy did lately.
    pub fn is_spent(&self, lately: &Activity, now: Timestamp) -> bool {
        let Self { at_most, percent, window: Window(seconds) } = self;
        let given = lately.count(Some(GIVEN), *seconds, now);
        let share = percent.map(|percent| {
            // This evaluation is one of those that it is asked about.
            let asked = lately.count(Some(ASKED), *seconds, now).saturating_add(1).max(LEAST_ASKED);
            f64::from(asked) * percent / 100.0
        });
        at_most.is_some_and(|most| given >= most) || share.is_some_and(|share| f64::from(given) + 1.0 > share)
    }

    /// Counts one evaluation that the policy was asked about into what it did `lately`; answers whether it is to be told now
    /// that it is over its budget, which it is once a window.
    pub fn record(&self, lately: &mut Activity, spent: Spent, now: Timestamp) -> bool {
        if self.percent.is_some() {
            lately.record(ASKED, now);
        }
        let Window(seconds) = self.window;
        match spent {
            Spent::Nothing => false,
            Spent::Verdict => {
                lately.record(GIVEN, now);
                false
            }
            Spent::Over => {
                let is_news = lately.count(Some(TOLD), seconds, now) == 0;
                if is_news {
                    lately.record(TOLD, now);
                }
                is_news
            }
        }
    }
}

/// What one evaluation came to, as a budget sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The policy did not hold, or another one gave the verdict.
    Nothing,
    /// It gave its verdict.
    Verdict,
    /// It held, and was over its budget.
    Over,
}
