//! The states of a challenge and the steps between them.
//!
//! Every step takes the challenge as it stands and the moment, and answers the challenge as it stands afterwards or why
//! not; a refused step changes nothing. Time alone ends a challenge, and nobody needs to be awake for it: every step
//! refuses once the lifetime is over, and [`Challenge::settled`] writes that down.

use core::fmt;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{
    config::{ChallengeConfig, Channel, Require},
    state::{Attempt, Code, Delivery, EndReason, Refusal, State, Status},
};
use crate::{
    id::{BrowserId, ChallengeId, EvaluationId, UserId},
    text::{Email, Phone},
    time::{MINUTE, SECOND, Timestamp},
};

/// Codes sent at most in one challenge (spec section 8).
const MOST_SENDS: u32 = 5;

/// The wait before the first repeat; it doubles with each (spec section 8: growing, from 30 s).
const FIRST_WAIT: i64 = 30 * SECOND;

/// How long one must wait after the `sends`th code before asking for another.
pub fn resend_wait(sends: u32) -> i64 {
    FIRST_WAIT << sends.saturating_sub(1).min(6)
}

/// A challenge to be made: what a decision asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChallenge {
    /// Its config, as of now: later edits don't reach it.
    pub config: ChallengeConfig,
    /// Its type, such as `account_takeover`.
    pub kind: String,
    /// Where an e-mail would go.
    pub email: Option<Email>,
    /// Where an SMS would go.
    pub phone: Option<Phone>,
    /// What led to it.
    pub reasons: Vec<String>,
}

/// A challenge.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// The evaluation that it belongs to.
    pub evaluation_id: EvaluationId,
    /// The user; absent when nothing names one.
    pub user_id: Option<UserId>,
    /// The browser that was evaluated.
    pub browser_id: Option<BrowserId>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its config, as it was when the challenge was made.
    pub config: ChallengeConfig,
    /// Where an e-mail goes.
    pub email: Option<Email>,
    /// Where an SMS goes.
    pub phone: Option<Phone>,
    /// Whether that number was typed on the page. It says who can be reached, not who this is.
    #[serde(default)]
    pub phone_collected: bool,
    /// What led to it.
    pub reasons: Vec<String>,
    /// Where it stands.
    pub state: State,
    /// Hash of the cookie of the browser that opened it first.
    pub browser: Option<[u8; 32]>,
    /// Channels that codes went over, in the order used.
    pub used_channels: Vec<Channel>,
    /// Channels proven.
    pub proven: Vec<Channel>,
    /// Codes sent.
    pub sends: u32,
    /// From when another may be asked for.
    pub next_send_at: Timestamp,
    /// Tries made, right and wrong, over all codes; never falls.
    pub attempts: u32,
    /// What became of the last message.
    pub delivery: Option<Delivery>,
    /// The page that the action was taken on.
    pub origin_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// The channels of `config` that there is an address for, in the config's order.
pub fn channels_for(config: &ChallengeConfig, email: Option<&Email>, phone: Option<&Phone>) -> Vec<Channel> {
    let reachable = |channel: &Channel| match channel {
        Channel::Email => email.is_some(),
        Channel::Sms => phone.is_some(),
    };
    config.channels.iter().copied().filter(reachable).collect()
}

impl Challenge {
    /// The challenge that a decision asked for, just made.
    pub fn create(
        new: NewChallenge,
        id: ChallengeId,
        evaluation_id: EvaluationId,
        subject: (Option<UserId>, Option<BrowserId>),
        origin_url: Option<String>,
        now: Timestamp,
    ) -> Self {
        let lifetime = i64::from(new.config.lifetime_minutes) * MINUTE;
        Self {
            id,
            evaluation_id,
            user_id: subject.0,
            browser_id: subject.1,
            kind: new.kind,
            email: new.email,
            phone: new.phone,
            phone_collected: false,
            reasons: new.reasons,
            config: new.config,
            state: State::Created,
            browser: None,
            used_channels: Vec::new(),
            proven: Vec::new(),
            sends: 0,
            next_send_at: now,
            attempts: 0,
            delivery: None,
            origin_url,
            created_at: now,
            updated_at: now,
            expires_at: now.plus(lifetime),
        }
    }

    /// The state's name.
    pub const fn status(&self) -> Status {
        match self.state {
            State::Created => Status::Created,
            State::Presented => Status::Presented,
            State::CodeSent(_) => Status::CodeSent,
            State::Verified => Status::Verified,
            State::Completed { .. } => Status::Completed,
            State::Failed { .. } => Status::Failed,
            State::Expired { .. } => Status::Expired,
            State::Skipped { .. } => Status::Skipped,
            State::Overridden { .. } => Status::Overridden,
        }
    }

    /// When it ended; `None` while it can still be passed.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Completed { at }
            | State::Failed { at, .. }
            | State::Expired { at }
            | State::Skipped { at }
            | State::Overridden { at } => Some(at),
            State::Created | State::Presented | State::CodeSent(_) | State::Verified => None,
        }
    }

    /// The challenge as it stands at `now`: expired if its time is over.
    #[must_use]
    pub fn settled(mut self, now: Timestamp) -> Self {
        if self.ended_at().is_none() && now >= self.expires_at {
            self.state = State::Expired { at: self.expires_at };
            self.updated_at = self.updated_at.max(self.expires_at);
        }
        self
    }

    /// Channels that can be used now: offered, with an address, not proven yet.
    pub fn open_channels(&self) -> Vec<Channel> {
        let mut channels = channels_for(&self.config, self.email.as_ref(), self.phone.as_ref());
        channels.retain(|channel| !self.proven.contains(channel));
        channels
    }

    /// Whether a phone number must be collected before anything can be sent to it.
    pub fn needs_phone(&self) -> bool {
        self.config.require_phone && self.phone.is_none()
    }

    /// Whether enough is proven. A number typed on the page is whoever's is typing: where the user can also be reached
    /// otherwise, it counts only beside another channel, or a thief would pass with a phone of their own.
    pub fn is_satisfied(&self) -> bool {
        let proves = |channel: &Channel| self.proven.contains(channel);
        let phone_proven = !self.config.require_phone || proves(&Channel::Sms);
        let channels_proven = match self.config.require {
            Require::Any => {
                let reachable = channels_for(&self.config, self.email.as_ref(), self.phone.as_ref());
                let identifies = |channel: &Channel| *channel != Channel::Sms || !self.phone_collected;
                let others: Vec<Channel> = reachable.into_iter().filter(identifies).collect();
                if others.is_empty() { !self.proven.is_empty() } else { others.iter().any(proves) }
            }
            Require::All => !self.proven.is_empty() && self.config.channels.iter().all(proves),
        };
        phone_proven && channels_proven
    }

    /// Wrong tries left, over all codes. A right one doesn't use any up, so that whoever must prove two channels has as
    /// many slips as everyone else.
    pub fn attempts_left(&self) -> u32 {
        let right = u32::try_from(self.proven.len()).unwrap_or(u32::MAX);
        self.config.attempts.saturating_sub(self.attempts.saturating_sub(right))
    }

    /// Opens the page in the browser whose cookie hashes to `browser`: the first one to do so keeps it.
    pub fn open(&self, browser: &[u8; 32], now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        self.is_of(browser, true)?;
        let mut next = self.clone();
        if next.browser.is_none() {
            next.browser = Some(*browser);
            next.touch(now);
        }
        if next.state == State::Created {
            next.state = State::Presented;
        }
        Ok(next)
    }

    /// Puts a new code out over `channel`; the one before dies.
    pub fn send(&self, browser: &[u8; 32], channel: Channel, hash: [u8; 32], now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        self.is_of(browser, false)?;
        if self.waits_for_devices() || !self.open_channels().contains(&channel) {
            return Err(Refusal::ChannelUnavailable);
        }
        if self.sends >= MOST_SENDS {
            return Err(Refusal::TooManySends);
        }
        if now < self.next_send_at {
            return Err(Refusal::TooSoon { until: self.next_send_at });
        }
        let mut next = self.clone();
        next.sends += 1;
        next.next_send_at = now.plus(resend_wait(next.sends));
        let expires_at = now.plus(i64::from(self.config.code_minutes) * MINUTE).min(self.expires_at);
        next.state = State::CodeSent(Code { hash, channel, expires_at });
        if !next.used_channels.contains(&channel) {
            next.used_channels.push(channel);
        }
        next.delivery = Some(Delivery::Pending);
        next.touch(now);
        Ok(next)
    }

    /// Tries a code whose keyed hash is `hash`. The try is counted before anything is compared; the last wrong one ends
    /// the challenge.
    pub fn attempt(&self, browser: &[u8; 32], hash: &[u8; 32], now: Timestamp) -> Result<(Self, Attempt), Refusal> {
        self.pending(now)?;
        self.is_of(browser, false)?;
        let State::CodeSent(code) = &self.state else { return Err(Refusal::NoCode) };
        if self.attempts_left() == 0 {
            // The last wrong try ends it, so this can't be; but nothing is ever compared beyond the limit.
            return Err(Refusal::Ended(Status::Failed));
        }
        let mut next = self.clone();
        next.attempts = next.attempts.saturating_add(1);
        next.touch(now);
        let left = next.attempts_left();
        let alive = now < code.expires_at;
        let right = bool::from(code.hash.ct_eq(hash));
        if alive && right {
            next.prove(code.channel, now);
            return Ok((next, Attempt::Right));
        }
        if left == 0 {
            next.state = State::Failed { at: now, reason: EndReason::AttemptsUsedUp };
        }
        Ok((next, if alive { Attempt::Wrong { left } } else { Attempt::CodeExpired { left } }))
    }

    /// Takes a phone number where the config asks to collect one and none is on file. A mistyped number may be
    /// corrected until it is proven; a code on its way to the old number dies.
    pub fn collect_phone(&self, browser: &[u8; 32], phone: Phone, now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        self.is_of(browser, false)?;
        // A number on file is never replaced from the page: its holder is who must answer.
        let on_file = self.phone.is_some() && !self.phone_collected;
        if !self.config.require_phone || on_file || self.proven.contains(&Channel::Sms) {
            return Err(Refusal::NotAllowed);
        }
        let mut next = self.clone();
        if matches!(&next.state, State::CodeSent(code) if code.channel == Channel::Sms) {
            next.state = if next.proven.is_empty() { State::Presented } else { State::Verified };
        }
        next.phone = Some(phone);
        next.phone_collected = true;
        next.touch(now);
        Ok(next)
    }

    /// Goes on without proving anything; `skipped_before` is how often this user has.
    pub fn skip(&self, browser: &[u8; 32], skipped_before: u32, now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        self.is_of(browser, false)?;
        if !self.config.allow_skip || skipped_before >= self.config.skip_limit {
            return Err(Refusal::NotAllowed);
        }
        Ok(self.ended(State::Skipped { at: now }, now))
    }

    /// "This wasn't me": ends it as failed, from any browser. A challenge that was passed already stays passed (the
    /// report still marks its evaluation).
    pub fn report(&self, now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        Ok(self.ended(State::Failed { at: now, reason: EndReason::Reported }, now))
    }

    /// A newer challenge takes its place.
    pub fn overridden(&self, now: Timestamp) -> Result<Self, Refusal> {
        self.pending(now)?;
        Ok(self.ended(State::Overridden { at: now }, now))
    }

    /// Hears what became of the message of send number `send` (1 is the first); news of an older one, or older than what
    /// is known, is dropped. A message that can't be delivered frees the next send at once.
    #[must_use]
    pub fn heard(&self, send: u32, delivery: Delivery, now: Timestamp) -> Self {
        let mut next = self.clone();
        let is_news = self.delivery.is_some_and(|known| delivery.rank() > known.rank());
        if send == self.sends && is_news {
            next.delivery = Some(delivery);
            if matches!(delivery, Delivery::Failed | Delivery::Bounced) {
                next.next_send_at = next.next_send_at.min(now);
            }
            next.touch(now);
        }
        next
    }

    /// Whether another code may be sent, now or after the wait.
    pub const fn can_send_again(&self) -> bool {
        self.sends < MOST_SENDS
    }

    /// Whether `browser` is the one that opened it first.
    pub fn is_bound_to(&self, browser: &[u8; 32]) -> bool {
        self.browser.is_some_and(|bound| bool::from(bound.ct_eq(browser)))
    }

    pub(super) fn pending(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.ended_at().is_some() {
            Err(Refusal::Ended(self.status()))
        } else if now >= self.expires_at {
            Err(Refusal::Ended(Status::Expired))
        } else {
            Ok(())
        }
    }

    /// Moments may arrive out of order; the last change is the latest of them.
    fn touch(&mut self, now: Timestamp) {
        self.updated_at = self.updated_at.max(now);
    }

    pub(super) fn is_of(&self, browser: &[u8; 32], may_be_first: bool) -> Result<(), Refusal> {
        let first = may_be_first && self.browser.is_none();
        if first || self.is_bound_to(browser) { Ok(()) } else { Err(Refusal::OtherBrowser) }
    }

    fn prove(&mut self, channel: Channel, now: Timestamp) {
        self.proven.push(channel);
        self.state = if self.is_satisfied() { State::Completed { at: now } } else { State::Verified };
        // The wait keeps one channel from being flooded; the next channel starts fresh.
        self.next_send_at = now;
    }

    pub(super) fn ended(&self, state: State, now: Timestamp) -> Self {
        let mut next = Self { state, ..self.clone() };
        next.touch(now);
        next
    }
}

impl fmt::Debug for Challenge {
    /// What an operator needs to see where it stands; neither addresses nor hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("id", &self.id)
            .field("evaluation_id", &self.evaluation_id)
            .field("state", &self.state)
            .field("bound", &self.browser.is_some())
            .field("proven", &self.proven)
            .field("sends", &self.sends)
            .field("attempts", &self.attempts)
            .field("delivery", &self.delivery)
            .field("next_send_at", &self.next_send_at)
            .field("updated_at", &self.updated_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
