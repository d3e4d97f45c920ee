//! Where browsers come from, and where we may send them.

use alloc::string::{String, ToString};

use ::url::{Host, Url};

use super::{InvalidText, checked_text};

/// A web origin, as browsers send it: `https://shop.example`, `http://127.0.0.1:8080`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

checked_text!(Origin);

impl Origin {
    /// The origin `text`; it must be written the way a browser writes it, without path or trailing slash.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        const HELP: InvalidText = InvalidText(
            "an origin is a scheme, a host and a port if it is not the usual one, such as `https://shop.example`",
        );
        let url = Url::parse(text).map_err(|_| HELP)?;
        let origin = url.origin().ascii_serialization();
        let web = matches!(url.scheme(), "https" | "http");
        if web && origin == text { Ok(Self(origin)) } else { Err(HELP) }
    }

    /// The origin of a page; `None` when `url` is not that of one on the web.
    pub fn of_url(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
        Some(Self(url.origin().ascii_serialization()))
    }

    /// Whether it is this machine itself.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }
}

/// A URL that a browser may be sent to: absolute, `https`, or `http` on the loopback (spec section 8; that the loopback
/// is for development only is the project's business). No credentials, no fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnUrl(String);

checked_text!(ReturnUrl);

impl ReturnUrl {
    /// The URL `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        const HELP: InvalidText = InvalidText(
            "a return URL is absolute and starts with `https://` (`http://` only for 127.0.0.1, [::1] or localhost), without user name, password or fragment",
        );
        // The parser forgives white space, control characters and backslashes; whoever reads the URL after us may not.
        if text.len() > 2_048 || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(HELP);
        }
        let url = Url::parse(text).map_err(|_| HELP)?;
        let scheme_ok = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if scheme_ok && bare && url.host().is_some() { Ok(Self(url.to_string())) } else { Err(HELP) }
    }

    /// The same URL with `name=value` added to whatever query it has.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> String {
        Url::parse(&self.0).map_or_else(
            |_| self.0.clone(),
            |mut url| {
                url.query_pairs_mut().append_pair(name, value);
                url.to_string()
            },
        )
    }

    /// Its origin: what a content security policy names.
    pub fn origin(&self) -> String {
        Url::parse(&self.0).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
    }

    /// Whether it may be used by a production project: not on the loopback.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

impl TryFrom<&str> for ReturnUrl {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evaluation_joins_the_query_that_is_there() {
        let with = |url: &str| ReturnUrl::parse(url).unwrap().with_query("evaluation", "evl_1");
        assert_eq!(with("https://shop.example/verified"), "https://shop.example/verified?evaluation=evl_1");
        assert_eq!(
            with("https://shop.example/v?next=%2Fcart&a=1"),
            "https://shop.example/v?next=%2Fcart&a=1&evaluation=evl_1"
        );
    }

    #[test]
    fn nothing_but_https_and_the_loopback_is_a_place_to_send_people() {
        for right in ["https://shop.example/", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/"] {
            assert!(ReturnUrl::parse(right).is_ok(), "{right} refused");
        }
        for wrong in [
            "/verified",
            "//evil.example/",
            "http://shop.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example/",
            "https://user:pw@shop.example/",
            "https://shop.example/#x",
            "https:\\\\evil.example",
            " https://shop.example/",
            "https://shop.example/\n",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "",
        ] {
            assert!(ReturnUrl::parse(wrong).is_err(), "{wrong:?} passed");
        }
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        for right in ["https://shop.example", "http://127.0.0.1:8080"] {
            assert!(Origin::parse(right).is_ok());
        }
        for wrong in
            ["https://shop.example/", "https://Shop.example", "https://shop.example:443", "null", "shop.example", "*"]
        {
            assert!(Origin::parse(wrong).is_err(), "{wrong} passed");
        }
    }
}
