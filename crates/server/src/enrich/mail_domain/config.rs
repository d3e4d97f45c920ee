//! The settings of the look-up of mail domains.

use std::net::SocketAddr;

use serde::Deserialize;

/// Milliseconds that an evaluation may be held up at most, whatever is set.
const MOST_MS: u64 = 2_000;

/// Whether name servers are asked for the domains of e-mail addresses, which, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailDomainsConfig {
    /// Whether they are asked.
    pub look_up: bool,
    /// The name servers; none: those of the system.
    pub resolvers: Vec<SocketAddr>,
    /// Milliseconds that an evaluation waits for an answer.
    pub time_limit_ms: u64,
    /// Look-ups begun within a second at most.
    pub look_ups_per_second: u32,
}

impl MailDomainsConfig {
    /// The setting that can't be, if there is one, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        match self {
            _ if !(1..=MOST_MS).contains(&self.time_limit_ms) => {
                Some(("mail_domains.time_limit_ms", "must be 1 to 2000: an evaluation waits for so long"))
            }
            _ if self.look_ups_per_second == 0 => {
                Some(("mail_domains.look_ups_per_second", "must be 1 or more; to ask for none, set `look_up = false`"))
            }
            _ if self.resolvers.iter().any(|server| server.port() == 0) => {
                Some(("mail_domains.resolvers", "must name ports other than 0, such as `192.0.2.53:53`"))
            }
            _ => None,
        }
    }
}
