//! The last step of a challenge about a shared account: as many devices as the limit allows, this one included.
//!
//! Knows how many there are and of which kind; which of them goes is the owner's choice.

use alloc::{string::String, vec::Vec};

use super::{
    config::{ChallengeConfig, DeviceLimit},
    machine::Challenge,
    state::{Refusal, State},
};
use crate::{signal::DeviceType, time::Timestamp};

/// How far over a limit an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    overall: u32,
    computer: u32,
    tablet: u32,
    mobile: u32,
}

impl Excess {
    /// Devices that must go at least.
    pub fn least(&self) -> u32 {
        self.overall.max(self.computer + self.tablet + self.mobile)
    }

    /// Whether it helps that a device of this kind goes.
    pub fn is_less_without(&self, kind: Option<DeviceType>) -> bool {
        let of_kind = match kind {
            Some(DeviceType::Computer) => self.computer,
            Some(DeviceType::Tablet) => self.tablet,
            Some(DeviceType::Mobile) => self.mobile,
            None => 0,
        };
        self.overall > 0 || of_kind > 0
    }
}

impl DeviceLimit {
    /// Whether there is any.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// How far over it devices of these kinds are. One device, this one, always has its place.
    pub fn excess(&self, kinds: &[Option<DeviceType>]) -> Excess {
        let over = |limit: Option<u32>, wanted: Option<DeviceType>| {
            let count = kinds.iter().filter(|kind| wanted.is_none() || **kind == wanted).count();
            limit.map_or(0, |limit| u32::try_from(count).unwrap_or(u32::MAX).saturating_sub(limit.max(1)))
        };
        Excess {
            overall: over(self.overall, None),
            computer: over(self.computer, Some(DeviceType::Computer)),
            tablet: over(self.tablet, Some(DeviceType::Tablet)),
            mobile: over(self.mobile, Some(DeviceType::Mobile)),
        }
    }

    /// The same, with each number that is set as high as in `other` where that is higher. What is not limited here stays so.
    fn raised_to(self, other: &Self) -> Self {
        let higher = |limit: Option<u32>, other: Option<u32>| limit.map(|limit| limit.max(other.unwrap_or(limit)));
        Self {
            overall: higher(self.overall, other.overall),
            computer: higher(self.computer, other.computer),
            tablet: higher(self.tablet, other.tablet),
            mobile: higher(self.mobile, other.mobile),
        }
    }

    /// Its settings, by name.
    pub(super) fn settings(&self) -> Vec<(&'static str, u32)> {
        let all = [
            ("device_limit.overall", self.overall),
            ("device_limit.computer", self.computer),
            ("device_limit.tablet", self.tablet),
            ("device_limit.mobile", self.mobile),
        ];
        all.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect()
    }
}

impl ChallengeConfig {
    /// How many devices a user in these groups may have: a group raises a limit and never lowers one. The groups are those
    /// that the site's server put the user in, not what a browser claims.
    pub fn device_limit_in(&self, groups: &[String]) -> DeviceLimit {
        let of_groups = groups.iter().filter_map(|group| self.device_limit_for_groups.get(group));
        of_groups.fold(self.device_limit, DeviceLimit::raised_to)
    }
}

impl Challenge {
    /// Whether all is proven, and only devices stand in the way.
    pub fn waits_for_devices(&self) -> bool {
        self.state == State::Verified && self.is_satisfied()
    }

    /// Just passed, but with too many devices: not passed yet.
    #[must_use]
    pub fn over_device_limit(mut self) -> Self {
        if matches!(self.state, State::Completed { .. }) {
            self.state = State::Verified;
        }
        self
    }

    /// Passed, once there are no more devices than may be.
    pub fn within_device_limit(&self, browser: &[u8; 32], now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        self.is_of(browser, false)?;
        if !self.waits_for_devices() {
            return Err(Refusal::NotAllowed);
        }
        Ok(self.ended(State::Completed { at: now }, now))
    }
}
