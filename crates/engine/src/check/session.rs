//! Whether the user is in two places at once.
//!
//! A wrong alarm troubles somebody who shares nothing, so that what may be one device, or one line, is taken for one: the
//! same browser at whatever address, the same fingerprint within one provider's network, and an IPv4 and an IPv6 address
//! unless they are known to be of two providers.

use super::Inputs;
use crate::{fact::OwnedFact, history::Session, signal::DeviceType};

/// This request, as far as it can be compared with a session.
struct Here<'a> {
    inputs: &'a Inputs<'a>,
    network: &'a str,
    device_type: DeviceType,
}

pub(super) fn concurrent_sessions(inputs: &Inputs<'_>) -> OwnedFact {
    let signals = inputs.signals;
    let (Some(network), Some(device_type)) = (signals.network(), signals.agent.device_type) else {
        return OwnedFact::Unknown;
    };
    if !signals.names_a_user() {
        return OwnedFact::Unknown;
    }
    let here = Here { inputs, network: &network, device_type };
    inputs.history.sessions.iter().any(|session| here.is_elsewhere(session)).into()
}

impl Here<'_> {
    /// Whether the session is another device of the same kind, at another place.
    fn is_elsewhere(&self, session: &Session) -> bool {
        let signals = self.inputs.signals;
        let own = [signals.browser, self.inputs.device.map(|device| device.browser)];
        let is_own = own.contains(&Some(session.browser));
        let one_provider = signals.asn().is_some() && signals.asn() == session.asn;
        let alike = session.fingerprint.is_some()
            && session.fingerprint == signals.fingerprint.map(|reading| reading.id)
            && one_provider;
        let is_v6 = |network: &str| network.contains(':');
        let two_providers = signals.asn().zip(session.asn).is_some_and(|(here, there)| here != there);
        let one_line =
            session.network == self.network || (!two_providers && is_v6(&session.network) != is_v6(self.network));
        session.device_type == Some(self.device_type) && !is_own && !alike && !one_line
    }
}
