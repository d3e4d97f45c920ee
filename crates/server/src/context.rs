//! What a handler may reach, and the two things that are never at hand elsewhere: the time and chance.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use countersign_engine::{
    id::{BrowserId, ChallengeId, DeviceId, EvaluationId, MessageId, UserId},
    time::Timestamp,
};
use countersign_store::{Store, op::Moment};

use crate::{
    config::Config,
    enrich::{data::DataSets, mail_domain::MailDomains},
    projects::Projects,
    secret::ServerKey,
    streams::Streams,
    texts::Texts,
};

/// What time it is.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that tests and the demo set: milliseconds since the epoch.
    Virtual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `ms` until it is set.
    pub fn at(ms: i64) -> Self {
        Self::Virtual(Arc::new(AtomicI64::new(ms)))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_millis(system_ms()),
            Self::Virtual(ms) => Timestamp::from_millis(ms.load(Ordering::SeqCst)),
        }
    }

    /// Moves a virtual clock on; the machine's stays what it is.
    pub fn advance(&self, ms: i64) {
        if let Self::Virtual(now) = self {
            now.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's time comes in")]
fn system_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Where chance comes from.
#[derive(Clone, Debug)]
pub enum Rng {
    /// The operating system's generator.
    System,
    /// A sequence that tests can repeat; never used by a running server.
    Seeded(Arc<AtomicU64>),
}

impl Rng {
    /// The sequence that begins with `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(AtomicU64::new(seed)))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::System => {
                // Without the system's generator no secret is safe: waiting for it beats going on without.
                while getrandom::fill(&mut bytes).is_err() {
                    std::thread::yield_now();
                }
            }
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    let drawn = splitmix(state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)).to_be_bytes();
                    chunk.copy_from_slice(drawn.split_at(chunk.len()).0);
                }
            }
        }
        bytes
    }
}

/// `SplitMix64`'s output function (Steele, Lea and Flood, 2014).
const fn splitmix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a handler may reach.
#[derive(Clone, Debug)]
pub struct Ctx(Arc<Inner>);

/// See [`Ctx`].
#[derive(Debug)]
pub struct Inner {
    /// The settings.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The data sets behind the checks.
    pub data: DataSets,
    /// What name servers say of mail domains.
    pub mail_domains: MailDomains,
    /// Projects, compiled.
    pub projects: Projects,
    /// The key behind every token.
    pub key: ServerKey,
    /// What time it is.
    pub clock: Clock,
    /// Where chance comes from.
    pub rng: Rng,
    /// What pages and messages say.
    pub texts: Texts,
    /// The event streams that are open here.
    pub streams: Arc<Streams>,
    /// Rung when a message was written, so that it leaves at once.
    pub message_written: tokio::sync::Notify,
    /// Rung when events may be due.
    pub events_due: tokio::sync::Notify,
    /// Whether the server is on its way out.
    pub draining: AtomicBool,
}

impl std::ops::Deref for Ctx {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Ctx {
    /// Puts the parts together.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Now, and the ids that a request may use.
    pub fn moment(&self) -> Moment {
        let now = self.clock.now();
        let ms = now.millis();
        Moment {
            now,
            evaluation_id: EvaluationId::new(ms, self.rng.bytes()),
            challenge_id: ChallengeId::new(ms, self.rng.bytes()),
            user_id: UserId::new(ms, self.rng.bytes()),
            device_id: DeviceId::new(ms, self.rng.bytes()),
        }
    }

    /// An id for a browser that has no token yet.
    pub fn browser_id(&self, now: Timestamp) -> BrowserId {
        BrowserId::new(now.millis(), self.rng.bytes())
    }

    /// An id for a message.
    pub fn message_id(&self, now: Timestamp) -> MessageId {
        MessageId::new(now.millis(), self.rng.bytes())
    }
}
