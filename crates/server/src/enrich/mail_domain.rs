//! Whether the domain of an e-mail address takes mail: asks name servers, if the operator wants that.
//!
//! An evaluation waits for a moment only; an answer that comes later is there for the next one. What is remembered, what
//! is under way and how much is begun are bounded, since whoever sends evaluations chooses the domains. Sends no mail and asks
//! no mail server. Nothing else knows the resolver.

pub mod config;
mod known;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign_engine::{
    signal::MailDomain,
    time::{DAY, HOUR, MINUTE, SECOND},
};
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf,
};
use tokio::{sync::watch, task::JoinSet};

pub use config::MailDomainsConfig;
use known::{Bounds, Known, Next};

use crate::{config::ConfigError, context::Clock};

/// The name under `degraded`.
pub const NAME: &str = "mail_domains";

/// Domains remembered: some megabytes at most.
const DOMAINS: usize = 10_000;

/// Look-ups under way: each holds a socket or two.
const UNDER_WAY: usize = 64;

/// How long a name server is waited for, and a whole look-up. Longer than an evaluation waits: the next one profits.
const SERVER_LIMIT: Duration = Duration::from_secs(2);
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

/// How long answers hold, in milliseconds: as their owner says, between these.
const TAKES_MAIL: (i64, i64) = (5 * MINUTE, DAY);
const TAKES_NONE: (i64, i64) = (MINUTE, HOUR);

/// For how long it isn't asked again after a failure.
const FAILED: i64 = 30 * SECOND;

/// What name servers say of mail domains.
#[derive(Clone, Debug)]
pub struct MailDomains(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    asker: Asker,
    clock: Clock,
    patience: Duration,
    known: Mutex<Known>,
    under_way: Mutex<JoinSet<()>>,
}

impl MailDomains {
    /// Made ready as the settings say; nothing is asked yet.
    pub fn open(config: &MailDomainsConfig, clock: Clock) -> Result<Self, ConfigError> {
        if !config.look_up {
            return Ok(Self(None));
        }
        let bounds = Bounds { domains: DOMAINS, under_way: UNDER_WAY, per_second: config.look_ups_per_second };
        Ok(Self(Some(Arc::new(Inner {
            asker: Asker::new(servers(config)?)?,
            clock,
            patience: Duration::from_millis(config.time_limit_ms),
            known: Mutex::new(Known::new(bounds)),
            under_way: Mutex::default(),
        }))))
    }

    /// Whether `domain`, in its ASCII form, takes mail.
    pub async fn ask(&self, domain: &str) -> MailDomain {
        let Some(inner) = &self.0 else { return MailDomain::NotAsked };
        let next = inner.known().next(domain, inner.clock.now());
        let mut told = match next {
            Next::Known(answer) => return answer,
            Next::Full => return MailDomain::Unknown,
            Next::Wait(told) => told,
            Next::Ask(tell, told) => {
                inner.begin(domain.to_owned(), tell);
                told
            }
        };
        match tokio::time::timeout(inner.patience, told.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.unwrap_or(MailDomain::Unknown),
            // Too late, or whoever asked broke off.
            Err(_) | Ok(Err(_)) => MailDomain::Unknown,
        }
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, whether or not anybody goes on waiting.
    fn begin(self: &Arc<Self>, domain: String, tell: watch::Sender<Option<MailDomain>>) {
        let inner = Arc::clone(self);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.try_join_next().is_some() {}
        under_way.spawn(async move {
            let asked = tokio::time::timeout(LOOK_UP_LIMIT, inner.asker.ask(&domain)).await;
            let (answer, seconds) = asked.unwrap_or((MailDomain::Unknown, 0));
            let until = inner.clock.now().plus(kept(answer, seconds));
            inner.known().learn(&domain, answer, until);
            // Nobody may be waiting any more.
            let _ = tell.send(Some(answer));
        });
    }
}

/// For how long an answer is kept whose owner says `seconds`.
fn kept(answer: MailDomain, seconds: u32) -> i64 {
    let (least, most) = match answer {
        MailDomain::TakesMail => TAKES_MAIL,
        MailDomain::TakesNone => TAKES_NONE,
        MailDomain::Unknown | MailDomain::NotAsked => (FAILED, FAILED),
    };
    i64::from(seconds).saturating_mul(SECOND).clamp(least, most)
}

/// The name servers that are asked: those that are set, else the system's.
pub fn servers(config: &MailDomainsConfig) -> Result<Vec<SocketAddr>, ConfigError> {
    if !config.resolvers.is_empty() {
        return Ok(config.resolvers.clone());
    }
    let none = |error: String| {
        let what = format!("the system's name servers can't be read ({error}): name some, such as [\"192.0.2.53:53\"]");
        ConfigError { place: "mail_domains.resolvers".to_owned(), what }
    };
    let (system, _) = system_conf::read_system_conf().map_err(|error| none(error.to_string()))?;
    let port = |server: &NameServerConfig| server.connections.first().map_or(53, |connection| connection.port);
    Ok(system.name_servers().iter().map(|server| SocketAddr::new(server.ip, port(server))).collect())
}

/// Asks name servers.
struct Asker(TokioResolver);

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

/// What a name server said of one kind of record, and for how many seconds that holds.
enum Said {
    These(Vec<RData>, u32),
    None { exists: bool, seconds: u32 },
    Failed,
}

impl Asker {
    fn new(servers: Vec<SocketAddr>) -> Result<Self, ConfigError> {
        let server = |address: SocketAddr| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            server
        };
        let servers = ResolverConfig::from_name_servers(servers.into_iter().map(server).collect());
        let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = SERVER_LIMIT;
        // One query again at most, and no two servers at once: nobody is to make us shout.
        (options.attempts, options.num_concurrent_reqs) = (1, 1);
        // Remembered here, with bounds of ours.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|error| ConfigError {
            place: "mail_domains.resolvers".to_owned(),
            what: format!("can't be asked: {error}"),
        })?;
        Ok(Self(resolver))
    }

    /// Whether `domain` takes mail, and for how many seconds that holds. It does where it names a server for it, or, naming
    /// none, has an address (RFC 5321 section 5.1); the root named as its server says that it doesn't (RFC 7505).
    async fn ask(&self, domain: &str) -> (MailDomain, u32) {
        match self.records(domain, RecordType::MX).await {
            Said::These(records, seconds) => {
                let is_server = |record: &RData| matches!(record, RData::MX(mx) if !mx.exchange.is_root());
                (takes(records.iter().any(is_server)), seconds)
            }
            Said::None { exists: false, seconds } => (MailDomain::TakesNone, seconds),
            Said::None { exists: true, seconds } => self.ask_for_address(domain, seconds).await,
            Said::Failed => (MailDomain::Unknown, 0),
        }
    }

    async fn ask_for_address(&self, domain: &str, mut holds: u32) -> (MailDomain, u32) {
        for kind in [RecordType::A, RecordType::AAAA] {
            match self.records(domain, kind).await {
                Said::These(_, seconds) => return (MailDomain::TakesMail, holds.min(seconds)),
                Said::None { seconds, .. } => holds = holds.min(seconds),
                Said::Failed => return (MailDomain::Unknown, 0),
            }
        }
        (MailDomain::TakesNone, holds)
    }

    async fn records(&self, domain: &str, kind: RecordType) -> Said {
        let Ok(mut name) = Name::from_ascii(domain) else { return Said::Failed };
        // As it stands: never under a domain of the machine's own.
        name.set_fqdn(true);
        match self.0.lookup(name, kind).await {
            Ok(found) => {
                let of_kind = found.answers().iter().filter(|record| record.record_type() == kind);
                let seconds = of_kind.clone().map(|record| record.ttl).min().unwrap_or(0);
                let records: Vec<RData> = of_kind.map(|record| record.data.clone()).collect();
                if records.is_empty() { Said::None { exists: true, seconds } } else { Said::These(records, seconds) }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let seconds = none.negative_ttl.unwrap_or(0);
                match none.response_code {
                    ResponseCode::NXDomain => Said::None { exists: false, seconds },
                    ResponseCode::NoError => Said::None { exists: true, seconds },
                    _ => Said::Failed,
                }
            }
            Err(_) => Said::Failed,
        }
    }
}

const fn takes(mail: bool) -> MailDomain {
    if mail { MailDomain::TakesMail } else { MailDomain::TakesNone }
}
