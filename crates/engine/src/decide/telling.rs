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

/// The events of a decision that anybody hears. `user` is as they are remembered from now on, and remembers what was told.
pub(super) fn events(
    project: &Project,
    evaluation: &Evaluation,
    alerts: &[PolicyRef],
    changes: &Changes<'_>,
    user: Option<&mut User>,
) -> Vec<Event> {
    let is_heard = |kind| project.is_heard(kind, Some(evaluation.verdict));
    let mut events = Vec::new();
    events.extend(is_heard(EventKind::EvaluationCreated).then(|| Event::evaluated(evaluation)));
    if is_heard(EventKind::PolicyOverBudget) {
        events.extend(alerts.iter().map(|policy| Event::over_budget(evaluation, policy.clone())));
    }
    let Some(user) = user else { return events };
    if changes.suspended && is_heard(EventKind::UserSuspended) {
        events.push(Event::of_user(EventKind::UserSuspended, user.id));
    }
    // When it is handed out it is also seen to that its end by disuse is told.
    let is_attaching_heard = is_heard(EventKind::DeviceAttached) || is_heard(EventKind::DeviceDetached);
    if let Some(device) = changes.attached.filter(|_| is_attaching_heard) {
        events.push(Event::of_device(user.id, (device.id, device.device_type), DeviceStatus::Attached));
    }
    if is_heard(EventKind::UserAccountSharingSignal)
        && let Some(sign) = Event::sharing(evaluation, user.profile.sharing_told_at)
    {
        user.profile.sharing_told_at = Some(evaluation.created_at);
        events.push(sign);
    }
    events
}
