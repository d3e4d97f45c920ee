//! The shop's sessions: who this browser is, what it is in the middle of, and what the shop last learned about it.
//!
//! Memory only, bounded, and keyed by a random token that travels in an `HttpOnly` cookie. Knows nothing of HTTP.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{account::Customer, request::random_hex, trail::Trail};

/// Sessions held at most; the one unused for longest then makes room.
const MAX_SESSIONS: usize = 10_000;
/// How long an unused session lives, in milliseconds.
const IDLE_LIMIT: i64 = 12 * 60 * 60 * 1_000;

/// What the evaluation that a browser came back with was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The evaluation the shop sent to its challenge.
    pub evaluation_id: String,
    /// What is honoured once the challenge is completed.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Customer,
}

/// What is honoured once a challenge is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The account becomes active, and its owner is logged in.
    SignUp,
    /// The owner is logged in.
    LogIn,
}

/// What the result page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether the action was honoured.
    pub is_good: bool,
    /// One line.
    pub title: String,
    /// What it means, and what to do next.
    pub text: String,
    /// The evaluation that the "Replay" button posts again.
    pub replay: Option<String>,
}

/// One browser.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Who is logged in.
    pub customer: Option<Customer>,
    /// The challenge under way, kept after its end so that a replay reaches the API and is refused there.
    pub pending: Option<Pending>,
    /// What the result page says.
    pub notice: Option<Notice>,
    /// Whether the paid article may be shown, once.
    pub article_pass: bool,
    /// The shop server's latest conversation with the API.
    pub trail: Trail,
    used_at: i64,
}

impl Session {
    /// The session of a customer who got in by `pending`.
    pub fn of(pending: Pending, notice: Notice, trail: Trail) -> Self {
        let customer = Some(pending.customer.clone());
        Self { customer, pending: Some(pending), notice: Some(notice), trail, ..Self::default() }
    }

    /// This session, with `trail` instead of its own.
    pub fn with_trail(&self, trail: Trail) -> Self {
        Self { trail, ..self.clone() }
    }
}

/// All sessions, by token.
pub struct Sessions {
    by_token: Mutex<HashMap<String, Session>>,
    now: fn() -> i64,
}

impl Sessions {
    /// No sessions, on a clock of milliseconds since the Unix epoch.
    pub fn new(now: fn() -> i64) -> Self {
        Self { by_token: Mutex::default(), now }
    }

    /// The session under `token`, if it is still alive.
    pub fn get(&self, token: &str) -> Option<Session> {
        let now = (self.now)();
        let mut sessions = self.lock();
        let session = sessions.get_mut(token).filter(|session| now - session.used_at <= IDLE_LIMIT)?;
        session.used_at = now;
        Some(session.clone())
    }

    /// Changes the session under `token` in one step; nothing happens where there is none.
    pub fn update<T>(&self, token: &str, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.lock().get_mut(token).map(change)
    }

    /// Puts `session` under a new token and forgets the `old` one. A token from before the log-in is thus worthless after
    /// it. `None` only where the system gives no random numbers.
    pub fn open(&self, session: Session, old: Option<&str>) -> Option<String> {
        let token = random_hex(32)?;
        let now = (self.now)();
        let mut sessions = self.lock();
        if let Some(old) = old {
            sessions.remove(old);
        }
        if sessions.len() >= MAX_SESSIONS {
            make_room(&mut sessions, now);
        }
        sessions.insert(token.clone(), Session { used_at: now, ..session });
        Some(token)
    }

    /// Forgets the session under `token`.
    pub fn end(&self, token: &str) {
        self.lock().remove(token);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // No holder of the lock can panic half-way through a change.
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what is dead, and if nothing is, the session unused for longest.
fn make_room(sessions: &mut HashMap<String, Session>, now: i64) {
    sessions.retain(|_, session| now - session.used_at <= IDLE_LIMIT);
    if sessions.len() >= MAX_SESSIONS {
        let oldest = sessions.iter().min_by_key(|(_, session)| session.used_at).map(|(token, _)| token.clone());
        oldest.and_then(|token| sessions.remove(&token));
    }
}
