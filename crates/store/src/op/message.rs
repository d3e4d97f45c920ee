//! Messages to be delivered: written with the code they carry, claimed by whoever delivers them, gone when delivered or
//! given up.

use countersign_engine::{
    challenge::{Challenge, Delivery},
    id::{ChallengeId, MessageId, ProjectId},
    time::Timestamp,
};

use crate::{
    Operation, Row, Sql, StoreError, Tx,
    row::{self, evaluation::StoredEvaluation},
};

static INSERT: Sql = Sql::same(
    "INSERT INTO messages (project_id, message_id, challenge_id, send, sealed, attempts, run_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
);
// What another node is claiming at this moment is passed over.
static DUE: Sql = Sql::same(
    "SELECT message_id, challenge_id, send, sealed, attempts FROM messages WHERE project_id = $1 AND run_at <= $2 \
     ORDER BY run_at LIMIT 32",
)
.locking("FOR UPDATE SKIP LOCKED");
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
#[derive(Clone, Debug)]
pub struct ClaimMessages {
    /// Whose messages.
    pub projects: Vec<ProjectId>,
    /// Now.
    pub now: Timestamp,
    /// How long a deliverer may take, in milliseconds.
    pub lease: i64,
}

impl Operation for ClaimMessages {
    type Out = Vec<DueMessage>;

    fn project(&self) -> [u8; 16] {
        self.projects.first().map_or([0; 16], |project| project.to_bytes())
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<DueMessage>, StoreError> {
        let mut due = Vec::new();
        for project in &self.projects {
            let key = project.to_bytes();
            for found in tx.read_locked(&DUE, &[(&key).into(), self.now.millis().into()]).await? {
                due.extend(self.claim(tx, *project, &found).await?);
            }
        }
        Ok(due)
    }
}

impl ClaimMessages {
    /// Claims one message, if its code can still be used; else it is not sent, and leaves.
    async fn claim<T: Tx>(&self, tx: &T, project: ProjectId, found: &Row) -> Result<Option<DueMessage>, StoreError> {
        let (key, message) = (project.to_bytes(), found.id(0)?);
        let challenge_id = ChallengeId::from_bytes(found.id(1)?);
        let challenge = row::challenge::read(tx, &key, challenge_id, self.now).await?;
        let evaluation = match &challenge {
            Some(challenge) => row::evaluation::read(tx, &key, challenge.evaluation_id).await?,
            None => None,
        };
        let send = u32::try_from(found.int(2)?).unwrap_or_default();
        // A newer one may have taken its place, or the challenge has ended.
        let wanted = challenge.as_ref().is_some_and(|c| c.ended_at().is_none() && c.sends == send);
        let (Some(challenge), Some(evaluation), true) = (challenge, evaluation, wanted) else {
            tx.write(&DELETE, &[(&key).into(), (&message).into()]);
            return Ok(None);
        };
        tx.write(&LEASE, &[self.now.plus(self.lease).millis().into(), (&key).into(), (&message).into()]);
        Ok(Some(DueMessage {
            project,
            id: MessageId::from_bytes(message),
            send,
            sealed: found.bytes(3)?.to_vec(),
            attempts: u32::try_from(found.int(4)?).unwrap_or_default(),
            challenge,
            evaluation,
        }))
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

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<(), StoreError> {
        let project = self.project.to_bytes();
        let message = self.id.to_bytes();
        match self.outcome {
            MessageOutcome::RetryAt(at) => {
                tx.write(&RETRY, &[at.millis().into(), (&project).into(), (&message).into()]);
            }
            MessageOutcome::Over(delivery) => {
                tx.write(&DELETE, &[(&project).into(), (&message).into()]);
                if let Some(challenge) = row::challenge::hold(tx, &project, self.challenge, self.now).await? {
                    row::challenge::save(tx, &project, &challenge.heard(self.send, delivery, self.now))?;
                }
            }
        }
        Ok(())
    }
}
