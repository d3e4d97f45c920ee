//! What a user agent says it is: browser, system and kind of machine, for people to recognise their own device by.

use countersign_engine::signal::{Agent, DeviceType};

/// Marks of browsers, the most particular first: nearly every browser also names the ones that it descends from.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Marks of systems, likewise.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Reads a user agent. `touch_points` tells an iPad, which calls itself a Macintosh, from one.
pub fn read(user_agent: &str, touch_points: Option<u32>) -> Agent {
    let find = |marks: &[(&str, &str)]| {
        marks.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    let mut os = find(SYSTEMS);
    let disguised_ipad = os.as_deref() == Some("macOS") && touch_points.unwrap_or_default() > 1;
    if disguised_ipad {
        os = Some("iPadOS".to_owned());
    }
    let device_type = match os.as_deref() {
        Some("iOS") => Some(DeviceType::Mobile),
        Some("Android") if user_agent.contains("Mobile") => Some(DeviceType::Mobile),
        Some("iPadOS" | "Android") => Some(DeviceType::Tablet),
        Some(_) => Some(DeviceType::Computer),
        None => None,
    };
    Agent { browser: find(BROWSERS), os, device_type }
}

/// "Chrome on macOS", as far as is known.
pub fn label(agent: &Agent) -> Option<String> {
    match (&agent.browser, &agent.os) {
        (Some(browser), Some(os)) => Some(format!("{browser} on {os}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_read_as_people_know_them() {
        let chrome = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";
        let table = [
            (chrome, None, "Chrome on macOS", Some(DeviceType::Computer)),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36 Edg/147.0.0.0",
                None,
                "Edge on Windows",
                Some(DeviceType::Computer),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                None,
                "Safari on iOS",
                Some(DeviceType::Mobile),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                Some(5),
                "Safari on iPadOS",
                Some(DeviceType::Tablet),
            ),
            (
                "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Mobile Safari/537.36",
                None,
                "Chrome on Android",
                Some(DeviceType::Mobile),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36",
                None,
                "Samsung Internet on Android",
                Some(DeviceType::Tablet),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                None,
                "Firefox on Linux",
                Some(DeviceType::Computer),
            ),
        ];
        for (text, touch, wanted, kind) in table {
            let agent = read(text, touch);
            assert_eq!((label(&agent).as_deref(), agent.device_type), (Some(wanted), kind), "{text}");
        }
        assert_eq!(label(&read("", None)), None);
    }
}
