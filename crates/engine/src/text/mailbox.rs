//! Which mailbox an address comes to: providers let one mailbox have endless addresses, and whoever opens many accounts uses
//! them.
//!
//! Rules are the providers' own, as they document them; for the others only what is behind a `+` goes (subaddressing, RFC 5233).
//! What results is compared and never written to.

use alloc::{format, string::String};

use super::Email;

/// A provider that treats several spellings as one mailbox.
struct Provider {
    /// Its domains; the first stands for all.
    domains: &'static [&'static str],
    /// Characters in the name that it ignores.
    ignores: &'static [char],
    /// What begins a tag.
    tag: char,
}

const PROVIDERS: &[Provider] = &[
    Provider { domains: &["gmail.com", "googlemail.com"], ignores: &['.'], tag: '+' },
    Provider {
        domains: &["proton.me", "protonmail.com", "pm.me", "protonmail.ch"],
        ignores: &['.', '-', '_'],
        tag: '+',
    },
    Provider { domains: &["icloud.com", "me.com", "mac.com"], ignores: &[], tag: '+' },
    Provider { domains: &["yandex.com", "yandex.ru", "ya.ru", "yandex.by", "yandex.kz"], ignores: &[], tag: '+' },
    Provider { domains: &["fastmail.com", "fastmail.fm"], ignores: &[], tag: '+' },
    Provider { domains: &["yahoo.com", "ymail.com", "rocketmail.com"], ignores: &[], tag: '-' },
];

/// Where addresses of yahoo's other domains are tagged with a dash too, each a mailbox of its own.
const DASH: &str = "yahoo.";

/// The address that stands for every spelling of the same mailbox.
pub(super) fn normalized(email: &Email) -> String {
    let (name, domain) = (email.local().to_lowercase(), email.domain());
    let provider = PROVIDERS.iter().find(|provider| provider.domains.contains(&domain));
    let tag = provider.map_or(if domain.starts_with(DASH) { '-' } else { '+' }, |provider| provider.tag);
    // A name that is all tag stays: nothing would be left of it.
    let bare = name.split(tag).next().filter(|bare| !bare.is_empty()).unwrap_or(&name);
    let ignores = provider.map_or(&[][..], |provider| provider.ignores);
    let name: String = bare.chars().filter(|c| !ignores.contains(c)).collect();
    let domain = provider.and_then(|provider| provider.domains.first()).copied().unwrap_or(domain);
    format!("{name}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_address() {
        for (written, mailbox) in [
            ("Ada.Lovelace+shop@GMail.com", "adalovelace@gmail.com"),
            ("adalovelace@googlemail.com", "adalovelace@gmail.com"),
            ("ada.lovelace@example.com", "ada.lovelace@example.com"),
            ("ada+1@example.com", "ada@example.com"),
            ("+ada@example.com", "+ada@example.com"),
            ("ada-lovelace@example.com", "ada-lovelace@example.com"),
            ("ada-shop@yahoo.com", "ada@yahoo.com"),
            ("ada-shop@yahoo.fr", "ada@yahoo.fr"),
            ("a_d-a.x@protonmail.com", "adax@proton.me"),
            ("ada@me.com", "ada@icloud.com"),
            ("ada+x@outlook.com", "ada@outlook.com"),
            ("Ада+1@пример.рф", "ада@xn--e1afmkfd.xn--p1ai"),
        ] {
            assert_eq!(normalized(&Email::parse(written).unwrap()), mailbox, "{written}");
        }
    }
}
