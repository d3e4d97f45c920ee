//! The steps of a challenge: each reads the challenge, lets the engine take the step, and writes what came of it.

mod attempt;
mod devices;
mod send;
mod step;

pub use attempt::AttemptCode;
pub use devices::{ChallengeDevices, LogOutDevice, Seats};
pub use send::{SendCode, SendRefusal};
pub use step::{ChallengeStep, CollectPhone, HearDelivery, OpenChallenge, ReportChallenge, SkipChallenge};

use countersign_engine::{
    challenge::{Challenge, Channel, Refusal, Status},
    conversion::{SIGN_UP, converts},
    evaluation::Evaluation,
    event::{DeviceStatus, Event},
    history::User,
    id::{ChallengeId, ProjectId, UserId},
    profile::{Conveyance, Whereabouts},
    signal::{Place, network_of},
    time::Timestamp,
};

use crate::{
    Operation, StoreError, Tx,
    row::{self, evaluation::StoredEvaluation},
};

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

/// Writes a challenge after a step, and what the step is to be told as.
fn save_step<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    (before, after): (&Challenge, &Challenge),
    now: Timestamp,
) -> Result<(), StoreError> {
    row::challenge::save(tx, project, after)?;
    Event::of_step(before, after).map_or(Ok(()), |event| row::event::tell(tx, project, &event, now))
}

/// What the end of a challenge makes true. Passed: the address is proven, and what the evaluation came with becomes
/// familiar. Failed: it is counted.
async fn settle<T: Tx>(tx: &T, project: &[u8; 16], challenge: &Challenge, now: Timestamp) -> Result<(), StoreError> {
    let Some(user_id) = challenge.user_id else { return Ok(()) };
    let passed = match challenge.status() {
        Status::Completed => true,
        Status::Failed => false,
        _ => return Ok(()),
    };
    let user = row::user::by_id(tx, project, user_id).await?;
    let stored = row::evaluation::read(tx, project, challenge.evaluation_id).await?;
    if let (true, Some(user), Some(stored)) = (passed, &user, &stored) {
        convert(tx, project, user, challenge, &stored.evaluation, now).await?;
    }
    if let Some(user) = user {
        let user = if passed { after_passing(user, challenge, stored.as_ref(), now) } else { after_failing(user, now) };
        row::user::save(tx, project, &user, now)?;
    }
    if let (true, Some(stored)) = (passed, stored) {
        make_familiar(tx, project, user_id, challenge, &stored, now).await?;
    }
    Ok(())
}

fn after_passing(mut user: User, challenge: &Challenge, stored: Option<&StoredEvaluation>, now: Timestamp) -> User {
    for channel in &challenge.proven {
        match channel {
            Channel::Email => user.verified_email.clone_from(&challenge.email),
            Channel::Sms => user.verified_phone.clone_from(&challenge.phone),
        }
    }
    user.profile.pass(now);
    if let Some((evaluation, ip)) = stored.and_then(|s| Some((&s.evaluation, s.evaluation.ip?))) {
        let (place, browser) = (evaluation.place.as_ref(), challenge.browser_id);
        let on = Conveyance::of(evaluation.agent.device_type, place);
        user.profile.arrive(Whereabouts::of(ip, place, browser, evaluation.created_at), on);
    }
    user
}

/// Who signed up and proved it may have come from a shared account.
async fn convert<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: &User,
    challenge: &Challenge,
    evaluation: &Evaluation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(browser) = challenge.browser_id.filter(|_| evaluation.action.as_str() == SIGN_UP) else { return Ok(()) };
    if let Some(shown) = row::conversion::shown(tx, project, browser).await?
        && converts(user, &shown, now)
    {
        row::conversion::convert(tx, project, user.id, &shown, (evaluation.id, now))?;
    }
    Ok(())
}

fn after_failing(mut user: User, now: Timestamp) -> User {
    user.profile.fail(now);
    user
}

async fn make_familiar<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user_id: UserId,
    challenge: &Challenge,
    stored: &StoredEvaluation,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(browser) = challenge.browser_id {
        let device = row::device::of(tx, project, user_id, row::device::Known::By(browser)).await?;
        row::device::pass(tx, project, user_id, browser, now);
        if let Some(device) = device.filter(|device| !device.attached) {
            let event = Event::of_device(user_id, (device.id, device.device_type), DeviceStatus::Attached);
            row::event::tell(tx, project, &event, now)?;
        }
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
