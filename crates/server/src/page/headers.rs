//! The headers that keep a page from being framed, injected into, cached or leaked. One table; every page sends all of it.

use url::{Origin, Url};

/// The origins that a page touches beyond its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origins<'a> {
    /// Where the operator's logo comes from.
    pub logo: Option<&'a Url>,
    /// Where a finished form is redirected to. Browsers hold redirects after a POST to `form-action`.
    pub success: Option<&'a Url>,
}

/// What a page may do in the browser: nothing but receive a one-time code (WebOTP).
const PERMISSIONS: &str = "otp-credentials=(self), camera=(), display-capture=(), geolocation=(), hid=(), \
                           microphone=(), midi=(), payment=(), serial=(), usb=()";

/// Names and values of a page's security headers, `Cache-Control` among them: a page holds a person's masked address and
/// a token, and no cache may keep them.
pub fn security_headers(origins: Origins<'_>) -> [(&'static str, String); 10] {
    [
        ("content-security-policy", content_security_policy(origins)),
        ("referrer-policy", "no-referrer".into()),
        ("x-content-type-options", "nosniff".into()),
        ("x-frame-options", "DENY".into()), // for browsers that don't know frame-ancestors
        ("cross-origin-opener-policy", "same-origin".into()),
        ("cross-origin-resource-policy", "same-origin".into()),
        ("permissions-policy", PERMISSIONS.into()),
        ("x-robots-tag", "noindex, nofollow".into()),
        ("cache-control", "no-store".into()),
        ("vary", "Accept-Language".into()),
    ]
}

fn content_security_policy(origins: Origins<'_>) -> String {
    let plus = |url: Option<&Url>| url.and_then(origin_of).map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{}; form-action 'self'{}; \
         frame-ancestors 'none'; base-uri 'none'",
        plus(origins.logo),
        plus(origins.success),
    )
}

/// The origin as CSP spells it. Only http and https have one that can be named.
fn origin_of(url: &Url) -> Option<String> {
    match url.origin() {
        origin @ Origin::Tuple(..) if matches!(url.scheme(), "http" | "https") => Some(origin.ascii_serialization()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(logo: Option<&str>, success: Option<&str>) -> String {
        let url = |text: &str| Url::parse(text).unwrap();
        let (logo, success) = (logo.map(url), success.map(url));
        content_security_policy(Origins { logo: logo.as_ref(), success: success.as_ref() })
    }

    #[test]
    fn a_page_allows_its_own_origin_only() {
        assert_eq!(
            policy(None, None),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
    }

    #[test]
    fn the_operators_origins_join_without_their_paths() {
        let policy = policy(Some("https://cdn.example/a;script-src *.png"), Some("http://127.0.0.1:4000/back?x='"));
        assert!(policy.contains("img-src 'self' https://cdn.example;"), "{policy}");
        assert!(policy.contains("form-action 'self' http://127.0.0.1:4000;"), "{policy}");
        assert!(!policy.contains('*') && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn an_origin_that_is_none_adds_nothing() {
        assert!(
            policy(Some("data:image/png;base64,AA"), Some("javascript:alert(1)"))
                .contains("img-src 'self'; form-action 'self';")
        );
    }
}
