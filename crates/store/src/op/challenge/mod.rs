//! The steps of a challenge: each reads the challenge, lets the engine take the step, and writes what came of it.

mod attempt;
mod send;
mod step;

pub use attempt::AttemptCode;
pub use send::{SendCode, SendRefusal};
pub use step::{ChallengeStep, CollectPhone, HearDelivery, OpenChallenge, ReportChallenge, SkipChallenge};

use countersign_engine::{
    challenge::{Challenge, Channel, Refusal, Status},
    id::{ChallengeId, ProjectId},
    signal::{Place, network_of},
    time::Timestamp,
};

use crate::{Operation, StoreError, Tx, row};

/// What came of a step: a refused one changed nothing, and hands out the challenge as it stands.
#[derive(Clone, Debug)]
pub enum StepOutcome<D = (), R = Refusal> {
    /// There is no such challenge.
    NotFound,
    /// Why not.
    Refused(Box<Challenge>, R),
    /// The challenge after the step, and what the step answers.
    Done(Box<Challenge>, D),
}

/// Reads a challenge whose project is not known, as is the case for whoever opens its page.
#[derive(Clone, Debug)]
pub struct ChallengeById {
    /// The projects that it may belong to.
    pub projects: Vec<ProjectId>,
    /// Which challenge.
    pub id: ChallengeId,
    /// Now.
    pub now: Timestamp,
}

impl Operation for ChallengeById {
    type Out = Option<(ProjectId, Challenge)>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        for project in &self.projects {
            if let Some(challenge) = row::challenge::read(tx, &project.to_bytes(), self.id, self.now).await? {
                return Ok(Some((*project, challenge)));
            }
        }
        Ok(None)
    }
}

/// What a passed challenge makes true: the address is proven, and what the evaluation came with becomes familiar.
async fn complete<T: Tx>(tx: &T, project: &[u8; 16], challenge: &Challenge, now: Timestamp) -> Result<(), StoreError> {
    if challenge.status() != Status::Completed {
        return Ok(());
    }
    let Some(user_id) = challenge.user_id else { return Ok(()) };
    if let Some(mut user) = row::user::by_id(tx, project, user_id).await? {
        for channel in &challenge.proven {
            match channel {
                Channel::Email => user.verified_email.clone_from(&challenge.email),
                Channel::Sms => user.verified_phone.clone_from(&challenge.phone),
            }
        }
        row::user::save(tx, project, &user, now)?;
    }
    let Some(stored) = row::evaluation::read(tx, project, challenge.evaluation_id).await? else { return Ok(()) };
    if let Some(browser) = challenge.browser_id {
        row::device::attach(tx, project, user_id, browser, now);
    }
    if let Some(ip) = stored.evaluation.ip {
        row::subject::save_link(tx, project, user_id, ("ip", &network_of(ip)), true, now);
    }
    for (kind, key) in stored.evaluation.place.iter().flat_map(Place::links) {
        row::subject::save_link(tx, project, user_id, (kind, &key), true, now);
    }
    if let Some(fingerprint) = &stored.evaluation.fingerprint {
        row::subject::save_link(tx, project, user_id, ("fingerprint", &fingerprint.id.to_string()), true, now);
    }
    Ok(())
}
