//! Which events follow from a decision.

use alloc::vec::Vec;

use crate::{
    config::Project,
    evaluation::{Evaluation, PolicyRef},
    event::{DeviceStatus, Event, EventKind},
    history::{Device, User},
};

/// What a decision changed that others may want to hear of.
pub(super) struct Changes<'a> {
    /// The user was suspended by it.
    pub(super) suspended: bool,
    /// The device that took its place by it.
    pub(super) attached: Option<&'a Device>,
}

/// The events of a decision. `user` is as they are remembered from now on, and remembers what was told.
pub(super) fn events(
    project: &Project,
    evaluation: &Evaluation,
    alerts: &[PolicyRef],
    changes: &Changes<'_>,
    user: Option<&mut User>,
) -> Vec<Event> {
    let mut events = Vec::new();
    events.extend(project.tells_of(evaluation.verdict).then(|| Event::evaluated(evaluation)));
    events.extend(alerts.iter().map(|policy| Event::over_budget(evaluation, policy.clone())));
    let Some(user) = user else { return events };
    events.extend(changes.suspended.then(|| Event::of_user(EventKind::UserSuspended, user.id)));
    if let Some(device) = changes.attached {
        events.push(Event::of_device(user.id, (device.id, device.device_type), DeviceStatus::Attached));
    }
    if let Some(sign) = Event::sharing(evaluation, user.profile.sharing_told_at) {
        user.profile.sharing_told_at = Some(evaluation.created_at);
        events.push(sign);
    }
    events
}
