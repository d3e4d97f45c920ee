//! Checks of whether a program, and not a person, is at work.

use super::Inputs;
use crate::fact::OwnedFact;

pub(super) fn is_automated(inputs: &Inputs<'_>) -> OwnedFact {
    let known = &inputs.signals.background;
    any([known.names_itself_program, known.says_driven, known.shows_headless])
}

pub(super) fn is_headless(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.shows_headless.into()
}

pub(super) fn is_known_bot(inputs: &Inputs<'_>) -> OwnedFact {
    let known = &inputs.signals.background;
    match (known.names_itself_program, known.in_crawler_network) {
        (Some(false), _) | (_, Some(false)) => false.into(),
        (Some(true), Some(true)) => true.into(),
        _ => OwnedFact::Unknown,
    }
}

pub(super) fn signals_inconsistent(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.background.is_inconsistent.into()
}

/// Whether any holds; unknown when none does and one of them isn't known.
fn any(readings: [Option<bool>; 3]) -> OwnedFact {
    if readings.contains(&Some(true)) {
        return true.into();
    }
    if readings.contains(&None) { OwnedFact::Unknown } else { false.into() }
}
