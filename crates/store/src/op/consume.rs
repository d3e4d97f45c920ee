//! Consume: reads an evaluation and claims it, once (spec section 3.2).
//!
//! What nothing is expected of, and whose time has come, is claimed before it is read: on PostgreSQL in one round trip. What
//! else it may be, the engine says of what was read; then a claim is a second one.

use countersign_engine::{
    challenge::Challenge,
    consume::{self, Claim, Expect},
    id::{EvaluationId, ProjectId},
    time::{DAY, Timestamp},
};
use futures_util::try_join;
use serde_json::Value;

use crate::{
    Keys, Operation, StoreError, Tx, op,
    row::{self, evaluation::StoredEvaluation},
};

/// How long a repeated call with the same `Idempotency-Key` gets the first answer.
const KEY_LIFETIME: i64 = DAY;

/// Claims an evaluation.
#[derive(Clone, Debug)]
pub struct Consume {
    /// The caller's project.
    pub project: ProjectId,
    /// Which evaluation.
    pub id: EvaluationId,
    /// What the caller expects it to be.
    pub expect: Expect,
    /// By what this call is known from others: SHA-256 of the caller's `Idempotency-Key`, or chance where there is none.
    pub key: [u8; 32],
    /// The project's consume window, in minutes.
    pub window_minutes: u32,
    /// Now.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum ConsumeOutcome {
    /// This call claimed it, or repeats the one that did.
    Claimed(Box<(StoredEvaluation, Option<Challenge>)>),
    /// Its challenge can still be passed: nothing was claimed.
    Pending(Box<(StoredEvaluation, Option<Challenge>)>),
    /// It was claimed before, then.
    AlreadyConsumed(Timestamp),
    /// These fields differ: nothing was claimed.
    Mismatch(Vec<&'static str>),
    /// Too late.
    Expired,
    /// There is no such evaluation.
    NotFound,
}

impl Operation for Consume {
    type Out = ConsumeOutcome;

    const SHARES: bool = true;

    // Run again, it finds its own key.
    const ENDS_AT_ONCE: bool = true;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    fn keys(&self, keys: &mut Keys) {
        op::evaluation::hold(keys, self.project, self.id);
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<ConsumeOutcome, StoreError> {
        let project = self.project.to_bytes();
        let (_, stored, challenge) = try_join!(
            self.claim_unread(tx, &project),
            row::evaluation::read(tx, &project, self.id),
            row::challenge::of_evaluation(tx, &project, self.id, self.now),
        )?;
        let Some(mut stored) = stored else { return Ok(ConsumeOutcome::NotFound) };
        // What this call has just claimed, or a repeat of it, is judged as if it were not claimed yet.
        let repeated = self.repeats(&stored);
        let first_claimed = stored.consumed_at;
        let (judged_at, consumed_at) =
            if repeated { (first_claimed.unwrap_or(self.now), None) } else { (self.now, first_claimed) };
        match self.judge(&stored, challenge.as_ref(), consumed_at, judged_at) {
            consume::Consume::AlreadyConsumed => Ok(ConsumeOutcome::AlreadyConsumed(first_claimed.unwrap_or(self.now))),
            consume::Consume::Mismatch(fields) => Ok(ConsumeOutcome::Mismatch(fields)),
            consume::Consume::Expired => Ok(ConsumeOutcome::Expired),
            consume::Consume::Pending => Ok(ConsumeOutcome::Pending(Box::new((stored, challenge)))),
            consume::Consume::Claim if repeated => Ok(ConsumeOutcome::Claimed(Box::new((stored, challenge)))),
            consume::Consume::Claim => {
                // Nobody else's claim can come between: the key is ours. If one did, its guard would undo this.
                row::evaluation::claim(tx, &project, self.id, &self.key, self.now);
                stored.consumed_at = Some(self.now);
                stored.updated_at = self.now;
                Ok(ConsumeOutcome::Claimed(Box::new((stored, challenge))))
            }
        }
    }
}

impl Consume {
    /// Claims it before it is read, where that can be no mistake: who expects something may find it otherwise. That its
    /// window is open is what [`consume::consume`] says below, too.
    async fn claim_unread<T: Tx>(&self, tx: &T, project: &[u8; 16]) -> Result<bool, StoreError> {
        if !self.expect.is_nothing() {
            return Ok(false);
        }
        let since = consume::window_opened(self.window_minutes, self.now);
        row::evaluation::claim_ended(tx, project, self.id, &self.key, (since, self.now)).await
    }

    fn repeats(&self, stored: &StoredEvaluation) -> bool {
        stored.consumed_key == Some(self.key) && stored.consumed_at.is_some_and(|at| self.now.since(at) <= KEY_LIFETIME)
    }

    fn judge(
        &self,
        stored: &StoredEvaluation,
        challenge: Option<&Challenge>,
        consumed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> consume::Consume {
        let evaluation = &stored.evaluation;
        let user = evaluation.user.as_ref();
        let claim = Claim {
            action: evaluation.action.as_str(),
            user_id: user.and_then(|user| user.external_id.as_deref()),
            user_email: user.and_then(|user| user.email.as_deref()),
            user_phone: user.and_then(|user| user.phone.as_deref()),
            metadata: evaluation.user_metadata().unwrap_or(&Value::Null),
            challenge: challenge.map(|challenge| (challenge.status(), challenge.ended_at())),
            created_at: evaluation.created_at,
            consumed_at,
        };
        consume::consume(&claim, &self.expect, self.window_minutes, now)
    }
}
