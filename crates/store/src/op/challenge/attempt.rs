//! Trying a code.
//!
//! The try is counted in the same transaction that compares it, on the locked row: however many tries arrive at once,
//! each sees the count that the one before it left.

use countersign_engine::{
    challenge::{Attempt, Status},
    id::{ChallengeId, ProjectId},
    time::Timestamp,
};

use super::{StepOutcome, devices::admit, save_step, settle};
use crate::{Operation, StoreError, Tx, row};

/// Tries a code.
#[derive(Clone, Debug)]
pub struct AttemptCode {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Hash of the browser's cookie.
    pub browser: [u8; 32],
    /// Keyed hash of the challenge's id and the digits typed.
    pub hash: [u8; 32],
    /// Devices that were not used since then have no place any more.
    pub devices_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Operation for AttemptCode {
    type Out = StepOutcome<Attempt>;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let Some(challenge) = row::challenge::hold(tx, &project, self.id, self.now).await? else {
            return Ok(StepOutcome::NotFound);
        };
        match challenge.attempt(&self.browser, &self.hash, self.now) {
            Err(refusal) => Ok(StepOutcome::Refused(Box::new(challenge), refusal)),
            Ok((mut next, attempt)) => {
                if next.status() == Status::Completed {
                    next = admit(tx, &project, next, self.devices_since).await?;
                }
                save_step(tx, &project, (&challenge, &next), self.now)?;
                settle(tx, &project, &next, self.now).await?;
                Ok(StepOutcome::Done(Box::new(next), attempt))
            }
        }
    }
}
