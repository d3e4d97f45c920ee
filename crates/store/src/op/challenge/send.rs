//! Putting a code out: every limit is counted, and the message is written, in the transaction that puts it out.

use countersign_engine::{
    challenge::{Challenge, Channel, Refusal, SendLimit, SendScope, send_limits},
    id::{ChallengeId, ProjectId},
    time::Timestamp,
};
use sha2::{Digest, Sha256};

use super::{StepOutcome, save_step};
use crate::{
    Operation, StateKey, StoreError, Tx,
    op::message::{self, NewMessage},
    row::{self, subject::Subject},
};

/// Puts a new code out.
#[derive(Clone, Debug)]
pub struct SendCode {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Hash of the browser's cookie.
    pub browser: [u8; 32],
    /// Over which channel.
    pub channel: Channel,
    /// Keyed hash of the challenge's id and the code.
    pub code_hash: [u8; 32],
    /// The message that carries it.
    pub message: NewMessage,
    /// The network address of the browser that asks.
    pub network: Option<String>,
    /// Codes that the whole project may send in an hour.
    pub sends_per_hour: u32,
    /// Now.
    pub now: Timestamp,
}

/// Why no code was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefusal {
    /// The challenge does not allow it.
    Challenge(Refusal),
    /// A limit across challenges is reached.
    Limit {
        /// Counted by what.
        scope: SendScope,
        /// From when it has room again.
        until: Timestamp,
    },
}

impl Operation for SendCode {
    type Out = StepOutcome<(), SendRefusal>;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let Some(challenge) = row::challenge::hold(tx, &project, self.id, self.now).await? else {
            return Ok(StepOutcome::NotFound);
        };
        let next = match challenge.send(&self.browser, self.channel, self.code_hash, self.now) {
            Ok(next) => next,
            Err(refusal) => return Ok(StepOutcome::Refused(Box::new(challenge), SendRefusal::Challenge(refusal))),
        };
        if let Some(refusal) = self.count(tx, &project, &challenge).await? {
            return Ok(StepOutcome::Refused(Box::new(challenge), refusal));
        }
        save_step(tx, &project, (&challenge, &next), self.now)?;
        message::insert(tx, &project, &self.message, (self.id, next.sends), self.now);
        Ok(StepOutcome::Done(Box::new(next), ()))
    }
}

impl SendCode {
    /// Counts this send against every limit, or says which one has no room; then nothing is counted.
    async fn count<T: Tx>(
        &self,
        tx: &T,
        project: &[u8; 16],
        challenge: &Challenge,
    ) -> Result<Option<SendRefusal>, StoreError> {
        let mut counters: Vec<(SendScope, String, Subject)> = Vec::new();
        for limit in send_limits(self.channel, self.sends_per_hour) {
            let Some(key) = self.key(challenge, limit.scope) else { continue };
            if !counters.iter().any(|(scope, ..)| *scope == limit.scope) {
                let subject =
                    row::subject::make(tx, &StateKey { project, kind: kind(limit.scope), key: &key }, self.now).await?;
                counters.push((limit.scope, key, subject));
            }
            let full =
                counters.iter().find(|(scope, ..)| *scope == limit.scope).and_then(|(.., s)| self.full_until(s, limit));
            if let Some(until) = full {
                return Ok(Some(SendRefusal::Limit { scope: limit.scope, until }));
            }
        }
        for (scope, key, mut subject) in counters {
            subject.activity.record(self.channel.as_str(), self.now);
            row::subject::save_made(tx, &StateKey { project, kind: kind(scope), key: &key }, &subject, self.now);
        }
        Ok(None)
    }

    /// When the limit has room again, if it has none now.
    fn full_until(&self, subject: &Subject, limit: SendLimit) -> Option<Timestamp> {
        let seconds = u32::try_from(limit.window / 1_000).unwrap_or(u32::MAX);
        let channel = self.channel.as_str();
        if subject.activity.count(Some(channel), seconds, self.now) < limit.most {
            return None;
        }
        let oldest = subject.activity.nth_newest(channel, limit.most).unwrap_or(self.now);
        Some(oldest.plus(limit.window).max(self.now.plus(1_000)))
    }

    /// What the send is counted under; addresses are kept as hashes, since a counter needs no more.
    fn key(&self, challenge: &Challenge, scope: SendScope) -> Option<String> {
        match scope {
            SendScope::Destination => match self.channel {
                Channel::Email => challenge.email.as_ref().map(|email| hashed(&email.key())),
                Channel::Sms => challenge.phone.as_ref().map(|phone| hashed(phone.as_str())),
            },
            SendScope::User => challenge.user_id.map(|user| user.to_string()),
            SendScope::Address => self.network.clone(),
            SendScope::Project => Some("all".to_owned()),
        }
    }
}

const fn kind(scope: SendScope) -> &'static str {
    match scope {
        SendScope::Destination => "send_destination",
        SendScope::User => "send_user",
        SendScope::Address => "send_address",
        SendScope::Project => "send_project",
    }
}

fn hashed(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (high, low) = digest.split_at(16);
    let number = |half: &[u8]| half.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    format!("{:032x}{:032x}", number(high), number(low))
}
