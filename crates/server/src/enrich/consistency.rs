//! Whether what a browser says of itself contradicts itself: its user agent beside its readings.
//!
//! Cautious: only what no ordinary browser does counts, in any of its modes ("desktop site" on a phone, an iPad that calls
//! itself a Macintosh, hints that are not given). Where there is nothing to compare, nothing is known.

use countersign_engine::signal::Agent;

use crate::api::signals::ClientSignals;

/// What `navigator.platform` begins with on each system that agents name.
const PLATFORMS: &[(&str, &[&str])] = &[
    ("Windows", &["Win"]),
    ("macOS", &["Mac"]),
    ("iOS", &["iPhone", "iPod"]),
    // As a desktop site too.
    ("iPadOS", &["iPad", "Mac"]),
    ("Android", &["Linux", "Android"]),
    ("ChromeOS", &["Linux", "CrOS"]),
    ("Linux", &["Linux", "X11"]),
];

/// Whether `agent`, read from `user_agent`, and the readings contradict each other.
pub fn contradicts(user_agent: Option<&str>, agent: &Agent, signals: &ClientSignals) -> Option<bool> {
    let user_agent = user_agent?;
    let compared = [platform(agent, signals), mobile(user_agent, agent, signals), version(user_agent, signals)];
    compared.into_iter().flatten().reduce(|one, other| one || other)
}

fn platform(agent: &Agent, signals: &ClientSignals) -> Option<bool> {
    let (os, platform) = (agent.os.as_deref()?, signals.platform.as_deref().filter(|platform| !platform.is_empty())?);
    let (_, known) = PLATFORMS.iter().find(|(name, _)| *name == os)?;
    Some(!known.iter().any(|start| platform.starts_with(start)))
}

/// Android's agents and hints say both whether it is a phone.
fn mobile(user_agent: &str, agent: &Agent, signals: &ClientSignals) -> Option<bool> {
    let hinted = signals.mobile.filter(|_| agent.os.as_deref() == Some("Android"))?;
    Some(hinted != user_agent.contains("Mobile"))
}

/// Browsers on Chromium name its major version in both.
fn version(user_agent: &str, signals: &ClientSignals) -> Option<bool> {
    let (_, named) = user_agent.split_once("Chrome/")?;
    let named = named.split(|c: char| !c.is_ascii_digit()).next().filter(|version| !version.is_empty())?;
    let hinted = signals.brands.as_ref()?.iter().find(|brand| brand.brand.0 == "Chromium")?;
    let hinted = hinted.version.0.split('.').next().filter(|version| !version.is_empty())?;
    Some(named != hinted)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::enrich::agent;

    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";
    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Mobile Safari/537.36";
    const TABLET: &str =
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";
    const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";

    fn says(user_agent: &str, readings: Value) -> Option<bool> {
        let signals: ClientSignals = serde_json::from_value(readings).unwrap();
        contradicts(Some(user_agent), &agent::read(user_agent, signals.touch_points), &signals)
    }

    #[test]
    fn ordinary_browsers_agree_with_themselves() {
        let chromium = |version: &str| json!([{"brand": "Not)A;Brand", "version": "8"}, {"brand": "Chromium", "version": version}]);
        for (user_agent, readings) in [
            (MAC, json!({"platform": "MacIntel", "mobile": false, "brands": chromium("147")})),
            (WINDOWS, json!({"platform": "Win32"})),
            (PHONE, json!({"platform": "Linux armv81", "mobile": true, "brands": chromium("147")})),
            (TABLET, json!({"platform": "Linux armv8l", "mobile": false})),
            // An iPad, and a phone that asks for the desktop's site.
            (SAFARI, json!({"platform": "MacIntel", "touch_points": 5})),
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/147.0.0.0", json!({"platform": "Linux aarch64", "mobile": false})),
        ] {
            assert_eq!(says(user_agent, readings.clone()), Some(false), "{user_agent} {readings}");
        }
    }

    #[test]
    fn disguises_show() {
        for (user_agent, readings) in [
            (WINDOWS, json!({"platform": "Linux x86_64"})),
            (MAC, json!({"platform": "Win32", "mobile": false})),
            (PHONE, json!({"platform": "Win32", "mobile": true})),
            (PHONE, json!({"platform": "Linux armv81", "mobile": false})),
            (MAC, json!({"platform": "MacIntel", "brands": [{"brand": "Chromium", "version": "120"}]})),
        ] {
            assert_eq!(says(user_agent, readings.clone()), Some(true), "{user_agent} {readings}");
        }
    }

    #[test]
    fn without_two_things_to_compare_nothing_is_known() {
        let none = ClientSignals::default();
        assert_eq!(contradicts(Some(MAC), &agent::read(MAC, None), &none), None);
        assert_eq!(contradicts(None, &Agent::default(), &none), None);
        assert_eq!(says("curl/8.5.0", json!({"platform": "Win32"})), None);
    }
}
