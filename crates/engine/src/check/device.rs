//! Checks of how many devices the user has attached.
//!
//! The device of this request counts even before it is attached, so that `device_count > 3` holds for whoever would be
//! the fourth.

use super::Inputs;
use crate::{fact::OwnedFact, signal::DeviceType};

pub(super) fn device_count(inputs: &Inputs<'_>) -> OwnedFact {
    count(inputs, None)
}

pub(super) fn computer_device_count(inputs: &Inputs<'_>) -> OwnedFact {
    count(inputs, Some(DeviceType::Computer))
}

pub(super) fn tablet_device_count(inputs: &Inputs<'_>) -> OwnedFact {
    count(inputs, Some(DeviceType::Tablet))
}

pub(super) fn mobile_device_count(inputs: &Inputs<'_>) -> OwnedFact {
    count(inputs, Some(DeviceType::Mobile))
}

fn count(inputs: &Inputs<'_>, wanted: Option<DeviceType>) -> OwnedFact {
    if !inputs.signals.names_a_user() {
        return OwnedFact::Unknown;
    }
    let fits = |kind: Option<DeviceType>| wanted.is_none() || kind == wanted;
    let attached = inputs.history.devices.iter().filter(|device| device.attached && fits(device.device_type)).count();
    let arrives = inputs.signals.browser.is_some()
        && !inputs.device.is_some_and(|device| device.attached)
        && fits(inputs.signals.agent.device_type);
    u32::try_from(attached).unwrap_or(u32::MAX).saturating_add(u32::from(arrives)).into()
}
