//! Letting go of what is older than the operator wants to keep: evaluations, their challenges, and who came from where. What they taught about
//! users, devices and addresses stays.

use countersign_engine::{id::ProjectId, time::Timestamp};

use crate::{Operation, Sql, StoreError, Tx, row};

// By key: an id begins with its time. A few at a time, so that nobody waits long behind it.
static EVALUATIONS: Sql = Sql::same(
    "DELETE FROM evaluations WHERE project_id = $1 AND evaluation_id IN (SELECT evaluation_id FROM evaluations \
     WHERE project_id = $1 AND evaluation_id < $2 ORDER BY evaluation_id LIMIT 500)",
);
static CHALLENGES: Sql = Sql::same(
    "DELETE FROM challenges WHERE project_id = $1 AND challenge_id IN (SELECT challenge_id FROM challenges \
     WHERE project_id = $1 AND challenge_id < $2 ORDER BY challenge_id LIMIT 500)",
);

pub(crate) const ALL: &[&Sql] = &[&EVALUATIONS, &CHALLENGES];

/// Removes some of a project's evaluations and challenges that were made before a time, the oldest first.
#[derive(Clone, Debug)]
pub struct Retire {
    /// The project.
    pub project: ProjectId,
    /// What was made at this time or later stays.
    pub before: Timestamp,
}

impl Operation for Retire {
    /// How many were removed; none: there are no more.
    type Out = u64;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<u64, StoreError> {
        let project = self.project.to_bytes();
        row::conversion::forget(tx, &project, self.before);
        let bound = row::first_id_of(self.before);
        let params = [(&project).into(), bound.as_slice().into()];
        Ok(tx.claim(&EVALUATIONS, &params).await? + tx.claim(&CHALLENGES, &params).await?)
    }
}
