//! Messages to be delivered: written with the code they carry, claimed by whoever delivers them, gone when delivered or
//! given up.

use countersign_engine::{
    challenge::{Challenge, Delivery},
    id::{ChallengeId, MessageId, ProjectId},
    time::Timestamp,
};

use crate::{
    Operation, Sql, StoreError, Tx,
    row::{self, evaluation::StoredEvaluation},
};

static INSERT: Sql = Sql::same(
    "INSERT INTO messages (project_id, message_id, challenge_id, send, sealed, attempts, run_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
);
static DUE: Sql = Sql::each(
    "SELECT project_id, message_id, challenge_id, send, sealed, attempts FROM messages WHERE run_at <= $1 \
     ORDER BY run_at LIMIT 32",
    "SELECT project_id, message_id, challenge_id, send, sealed, attempts FROM messages WHERE run_at <= $1 \
     ORDER BY run_at LIMIT 32 FOR UPDATE SKIP LOCKED",
);
static LEASE: Sql =
    Sql::same("UPDATE messages SET run_at = $1, attempts = attempts + 1 WHERE project_id = $2 AND message_id = $3");
static DELETE: Sql = Sql::same("DELETE FROM messages WHERE project_id = $1 AND message_id = $2");
static RETRY: Sql = Sql::same("UPDATE messages SET run_at = $1 WHERE project_id = $2 AND message_id = $3");

pub(crate) const ALL: &[&Sql] = &[&INSERT, &DUE, &LEASE, &DELETE, &RETRY];

/// A message to be written.
#[derive(Clone)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// What it carries, encrypted.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Writes a message that carries code number `send` of a challenge.
pub(crate) fn insert<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    message: &NewMessage,
    (challenge, send): (ChallengeId, u32),
    now: Timestamp,
) {
    tx.write(
        &INSERT,
        &[
            project.into(),
            (&message.id.to_bytes()).into(),
            (&challenge.to_bytes()).into(),
            i64::from(send).into(),
            message.sealed.as_slice().into(),
            now.millis().into(),
        ],
    );
}

/// A message whose time has come, with what is needed to write it.
#[derive(Debug)]
pub struct DueMessage {
    /// Its project.
    pub project: ProjectId,
    /// Its id.
    pub id: MessageId,
    /// Which code of the challenge it carries.
    pub send: u32,
    /// What it carries, encrypted.
    pub sealed: Vec<u8>,
    /// Deliveries tried before this one.
    pub attempts: u32,
    /// The challenge.
    pub challenge: Challenge,
    /// Its evaluation.
    pub evaluation: StoredEvaluation,
}

/// Claims the messages that are due: nobody else gets them until the lease ends, so a deliverer that dies loses none.
#[derive(Clone, Copy, Debug)]
pub struct ClaimMessages {
    /// Now.
    pub now: Timestamp,
    /// How long a deliverer may take, in milliseconds.
    pub lease: i64,
}

impl Operation for ClaimMessages {
    type Out = Vec<DueMessage>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<DueMessage>, StoreError> {
        let mut due = Vec::new();
        for found in tx.read(&DUE, &[self.now.millis().into()]).await? {
            let (project, message) = (found.id(0)?, found.id(1)?);
            let challenge_id = ChallengeId::from_bytes(found.id(2)?);
            let challenge = row::challenge::read(tx, &project, challenge_id, self.now).await?;
            let evaluation = match &challenge {
                Some(challenge) => row::evaluation::read(tx, &project, challenge.evaluation_id).await?,
                None => None,
            };
            let send = u32::try_from(found.int(3)?).unwrap_or_default();
            // A code that can no longer be used, because a newer one took its place or the challenge ended, is not sent.
            let wanted = challenge.as_ref().is_some_and(|c| c.ended_at().is_none() && c.sends == send);
            match (challenge, evaluation) {
                (Some(challenge), Some(evaluation)) if wanted => {
                    tx.write(
                        &LEASE,
                        &[self.now.plus(self.lease).millis().into(), (&project).into(), (&message).into()],
                    );
                    due.push(DueMessage {
                        project: ProjectId::from_bytes(project),
                        id: MessageId::from_bytes(message),
                        send,
                        sealed: found.bytes(4)?.to_vec(),
                        attempts: u32::try_from(found.int(5)?).unwrap_or_default(),
                        challenge,
                        evaluation,
                    });
                }
                _ => tx.write(&DELETE, &[(&project).into(), (&message).into()]),
            }
        }
        Ok(due)
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// It is over: delivered, or given up.
    Over(Delivery),
    /// It is to be tried again.
    RetryAt(Timestamp),
}

/// Writes what became of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct FinishMessage {
    /// The message's project.
    pub project: ProjectId,
    /// Which message.
    pub id: MessageId,
    /// Its challenge.
    pub challenge: ChallengeId,
    /// Which code of the challenge it carried.
    pub send: u32,
    /// What became of it.
    pub outcome: MessageOutcome,
    /// Now.
    pub now: Timestamp,
}

impl Operation for FinishMessage {
    type Out = ();

    async fn run<T: Tx>(&self, tx: &T) -> Result<(), StoreError> {
        let project = self.project.to_bytes();
        let message = self.id.to_bytes();
        match self.outcome {
            MessageOutcome::RetryAt(at) => {
                tx.write(&RETRY, &[at.millis().into(), (&project).into(), (&message).into()]);
            }
            MessageOutcome::Over(delivery) => {
                tx.write(&DELETE, &[(&project).into(), (&message).into()]);
                if let Some(challenge) = row::challenge::read(tx, &project, self.challenge, self.now).await? {
                    row::challenge::save(tx, &project, &challenge.heard(self.send, delivery, self.now))?;
                }
            }
        }
        Ok(())
    }
}
