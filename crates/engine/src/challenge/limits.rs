//! How many codes may be sent, to whom and from where, across challenges.
//!
//! Neither guessing nor making a site send messages for money may pay (spec section 8). A send is counted before the
//! message is written, and only when every limit has room.

use crate::time::{DAY, HOUR};

use super::Channel;

/// What sends are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendScope {
    /// The address or number that the code goes to.
    Destination,
    /// The user.
    User,
    /// The network address of the browser that asks.
    Address,
    /// The whole project.
    Project,
}

impl SendScope {
    /// A short name, for the store's keys and for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::User => "user",
            Self::Address => "address",
            Self::Project => "project",
        }
    }
}

/// At most `most` sends in `window` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimit {
    /// Counted by.
    pub scope: SendScope,
    /// Sends at most.
    pub most: u32,
    /// In this many milliseconds.
    pub window: i64,
}

/// The limits on a channel, narrowest first. SMS costs money a message, so its limits are tighter; the figures leave a
/// real person who mistypes and retries all day far from them, and stop a pump within a minute. The project's own limit
/// is a fuse against a distributed pump, and can be raised by its settings.
pub fn send_limits(channel: Channel, project_hourly: u32) -> [SendLimit; 7] {
    let (destination, user, address, project) = match channel {
        Channel::Email => ((10, 30), (15, 40), (30, 120), project_hourly),
        Channel::Sms => ((6, 12), (8, 16), (12, 40), project_hourly / 5),
    };
    let limit = |scope, most, window| SendLimit { scope, most, window };
    [
        limit(SendScope::Destination, destination.0, HOUR),
        limit(SendScope::Destination, destination.1, DAY),
        limit(SendScope::User, user.0, HOUR),
        limit(SendScope::User, user.1, DAY),
        limit(SendScope::Address, address.0, HOUR),
        limit(SendScope::Address, address.1, DAY),
        limit(SendScope::Project, project.max(1), HOUR),
    ]
}
