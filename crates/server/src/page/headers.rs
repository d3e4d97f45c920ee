//! The headers that keep a page from being framed, injected into, cached or leaked. One table; every page sends all of it.

use url::{Origin, Url};

/// What a page may do in the browser: nothing but receive a one-time code (WebOTP).
const PERMISSIONS: &str = "otp-credentials=(self), camera=(), display-capture=(), geolocation=(), hid=(), \
                           microphone=(), midi=(), payment=(), serial=(), usb=()";

/// Names and values of a page's security headers, `Cache-Control` among them: a page holds a person's masked address and
/// a token, and no cache may keep them. `logo` is where the operator's logo comes from.
pub fn security_headers(logo: Option<&Url>) -> [(&'static str, String); 10] {
    [
        ("content-security-policy", content_security_policy(logo)),
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

/// Forms go to this server alone. Browsers hold each redirect after a form to that as well, so a form never answers with
/// one that leads elsewhere.
fn content_security_policy(logo: Option<&Url>) -> String {
    let logo = logo.and_then(origin_of).map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{logo}; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
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

    fn policy(logo: Option<&str>) -> String {
        content_security_policy(logo.map(|text| Url::parse(text).unwrap()).as_ref())
    }

    #[test]
    fn a_page_allows_its_own_origin_only() {
        assert_eq!(
            policy(None),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
    }

    #[test]
    fn the_logos_origin_joins_without_its_path() {
        let policy = policy(Some("https://cdn.example/a;script-src *.png"));
        assert!(policy.contains("img-src 'self' https://cdn.example;"), "{policy}");
        assert!(!policy.contains('*') && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn an_origin_that_is_none_adds_nothing() {
        assert!(policy(Some("data:image/png;base64,AA")).contains("img-src 'self'; form-action 'self';"));
    }
}
