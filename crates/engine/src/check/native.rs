//! Checks of what a native app reports of the device that it runs on: as reported, else unknown.

use super::Inputs;
use crate::fact::OwnedFact;

pub(super) fn jailbroken_ios(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.jailbroken_ios.into()
}

pub(super) fn rooted_android(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.rooted_android.into()
}

pub(super) fn is_simulator(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.is_simulator.into()
}

pub(super) fn is_emulator(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.is_emulator.into()
}

pub(super) fn debugger_attached(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.debugger_attached.into()
}

pub(super) fn ui_testing(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.native.ui_testing.into()
}
