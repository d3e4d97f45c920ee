//! From a browser's signals to its fingerprint: the traits that stay the same when cookies are cleared.
//!
//! Versions, window sizes and addresses are left out: they change while the browser stays. A trait that could not be
//! read lowers the confidence; with too few of them there is no fingerprint, rather than one that many browsers share.

use countersign_engine::{
    id::ProjectId,
    signal::{Agent, FingerprintReading},
};

use crate::{api::signals::ClientSignals, secret::ServerKey};

/// Traits without which nothing is recognised.
const FEWEST: usize = 5;

/// The fingerprint that these signals make, if they are enough for one.
pub fn read(key: &ServerKey, project: ProjectId, signals: &ClientSignals, agent: &Agent) -> Option<FingerprintReading> {
    let hashes = signals.hashes.clone().unwrap_or_default();
    let screen = signals.screen.as_ref().map(|screen| {
        // A phone that is turned is the same phone.
        let (long, short) = (screen.width.max(screen.height), screen.width.min(screen.height));
        format!("{long}x{short}x{}", screen.depth.unwrap_or_default())
    });
    let traits = [
        agent.browser.clone(),
        agent.os.clone(),
        signals.platform.clone(),
        signals.gpu.clone(),
        screen,
        signals.cpu.map(|cpu| cpu.to_string()),
        signals.memory.map(|memory| memory.to_string()),
        signals.touch_points.map(|points| points.to_string()),
        signals.time_zone.clone(),
        signals.languages.as_ref().map(|languages| languages.join(",")),
        hashes.canvas,
        hashes.webgl,
        hashes.audio,
        hashes.maths,
        hashes.fonts,
    ];
    let read = traits.iter().flatten().count();
    if read < FEWEST {
        return None;
    }
    // A missing trait is framed as one byte that no present one begins with: absence is part of the picture.
    let framed: Vec<Vec<u8>> = traits
        .iter()
        .map(|value| value.as_ref().map_or_else(|| vec![0], |value| [&[1], value.as_bytes()].concat()))
        .collect();
    let parts: Vec<&[u8]> = framed.iter().map(Vec::as_slice).collect();
    #[expect(clippy::cast_precision_loss, reason = "fifteen at most")]
    let confidence = ((read as f64 / traits.len() as f64) * 100.0).round() / 100.0;
    Some(FingerprintReading { id: key.fingerprint_id(project, &parts), confidence })
}
