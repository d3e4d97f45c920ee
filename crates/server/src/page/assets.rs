//! Stylesheets and the script, embedded, under names that hold their content's hash: a browser may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// `Cache-Control` of an [`Asset`]: its name changes with its content.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// The design's tokens: colours, sizes, shapes.
pub static TOKENS_CSS: LazyLock<Asset> =
    LazyLock::new(|| Asset::css("tokens", include_str!("../../assets/tokens.css")));

/// The challenge page's stylesheet.
pub static CHALLENGE_CSS: LazyLock<Asset> =
    LazyLock::new(|| Asset::css("challenge", include_str!("../../assets/challenge.css")));

/// The challenge page's script. The page works without it.
pub static CHALLENGE_JS: LazyLock<Asset> =
    LazyLock::new(|| Asset::js("challenge", include_str!("../../assets/challenge.js")));

/// One embedded file, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The file name under `/assets/`, such as `tokens-0123456789abcdef.css`.
    pub name: String,
    /// The content.
    pub bytes: &'static [u8],
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The `ETag`, quotes and all.
    pub etag: String,
}

impl Asset {
    fn css(stem: &str, text: &'static str) -> Self {
        Self::new(stem, "css", "text/css; charset=utf-8", text)
    }

    fn js(stem: &str, text: &'static str) -> Self {
        Self::new(stem, "js", "text/javascript; charset=utf-8", text)
    }

    fn new(stem: &str, extension: &str, content_type: &'static str, text: &'static str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let start = digest.first_chunk().copied().unwrap_or_default();
        let hash = format!("{:016x}", u64::from_be_bytes(start)); // 64 bits tell versions of a file apart
        Self {
            name: format!("{stem}-{hash}.{extension}"),
            bytes: text.as_bytes(),
            content_type,
            etag: format!("\"{hash}\""),
        }
    }

    /// The URL's path.
    pub fn href(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The asset of this file name (what follows `/assets/`). An old or made-up name has none: answer 404, so that no cache
/// keeps one version under another's name.
pub fn asset(name: &str) -> Option<&'static Asset> {
    [&TOKENS_CSS, &CHALLENGE_CSS, &CHALLENGE_JS].into_iter().map(|asset| &**asset).find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_its_hashed_name_only() {
        let found = asset(&TOKENS_CSS.name).unwrap();
        assert_eq!(found.content_type, "text/css; charset=utf-8");
        assert_eq!(found.href(), format!("/assets/{}", found.name));
        for wrong in ["tokens.css", "tokens-0000000000000000.css", "", "../Cargo.toml", "challenge.js"] {
            assert_eq!(asset(wrong), None, "{wrong}");
        }
    }
}
