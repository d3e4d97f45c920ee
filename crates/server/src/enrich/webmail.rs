//! Free mail providers: whose addresses anybody can have.

use std::{collections::BTreeSet, sync::LazyLock};

static DOMAINS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    include_str!("webmail.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// Whether `domain` (lower case, ASCII) is a free mail provider's.
pub fn is_webmail(domain: &str) -> bool {
    DOMAINS.contains(domain)
}
