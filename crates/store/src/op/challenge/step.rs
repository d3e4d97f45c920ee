//! The steps that need nothing but the challenge itself.

use countersign_engine::{
    challenge::{Challenge, Delivery, Refusal},
    conversion::SHARING,
    event::{Event, EventKind},
    id::{ChallengeId, ProjectId},
    text::Phone,
    time::Timestamp,
};

use super::{StepOutcome, save_step, settle};
use crate::{
    Operation, StoreError, Tx,
    op::evaluation::{FRAUD, distrust},
    row,
};

/// Who takes a step, on what, when.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeStep {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Hash of the browser's cookie.
    pub browser: [u8; 32],
    /// Now.
    pub now: Timestamp,
}

/// Takes the step that `step` is and writes what came of it.
async fn take<T: Tx>(
    tx: &T,
    (project, id, now): (ProjectId, ChallengeId, Timestamp),
    step: impl FnOnce(&Challenge) -> Result<Challenge, Refusal>,
) -> Result<StepOutcome, StoreError> {
    let project = project.to_bytes();
    let Some(challenge) = row::challenge::hold(tx, &project, id, now).await? else { return Ok(StepOutcome::NotFound) };
    match step(&challenge) {
        Err(refusal) => Ok(StepOutcome::Refused(Box::new(challenge), refusal)),
        Ok(next) => {
            if next != challenge {
                save_step(tx, &project, (&challenge, &next), now)?;
            }
            Ok(StepOutcome::Done(Box::new(next), ()))
        }
    }
}

/// Opens the page: the first browser to do so keeps it.
#[derive(Clone, Copy, Debug)]
pub struct OpenChallenge(pub ChallengeStep);

impl Operation for OpenChallenge {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.0.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let ChallengeStep { project, id, browser, now } = self.0;
        let outcome = take(tx, (project, id, now), |challenge| challenge.open(&browser, now)).await?;
        if let StepOutcome::Done(challenge, ()) = &outcome
            && let (SHARING, Some(browser), Some(user)) =
                (challenge.kind.as_str(), challenge.browser_id, challenge.user_id)
        {
            row::conversion::show(tx, &project.to_bytes(), browser, user, now);
        }
        Ok(outcome)
    }
}

/// Takes the phone number that the config asks to collect.
#[derive(Clone, Debug)]
pub struct CollectPhone {
    /// The step.
    pub step: ChallengeStep,
    /// The number.
    pub phone: Phone,
}

impl Operation for CollectPhone {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.step.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let ChallengeStep { project, id, browser, now } = self.step;
        take(tx, (project, id, now), |challenge| challenge.collect_phone(&browser, self.phone.clone(), now)).await
    }
}

/// Goes on without proving anything, where the config allows it.
#[derive(Clone, Copy, Debug)]
pub struct SkipChallenge(pub ChallengeStep);

impl Operation for SkipChallenge {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.0.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let ChallengeStep { project, id, browser, now } = self.0;
        let key = project.to_bytes();
        let user_id = row::challenge::hold(tx, &key, id, now).await?.and_then(|challenge| challenge.user_id);
        let user = match user_id {
            Some(user_id) => row::user::by_id(tx, &key, user_id).await?,
            None => None,
        };
        let before = user.as_ref().map_or(0, |user| user.skipped);
        let outcome = take(tx, (project, id, now), |challenge| challenge.skip(&browser, before, now)).await?;
        if let (StepOutcome::Done(..), Some(mut user)) = (&outcome, user) {
            user.skipped = user.skipped.saturating_add(1);
            row::user::save(tx, &key, &user, now)?;
        }
        Ok(outcome)
    }
}

/// "This wasn't me": fails the challenge if it can still be passed, marks its evaluation as fraud, and takes back
/// whatever trust it earned. The caller has checked the link's token.
#[derive(Clone, Copy, Debug)]
pub struct ReportChallenge {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Now.
    pub now: Timestamp,
}

impl Operation for ReportChallenge {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let Self { project, id, now } = *self;
        let outcome = take(tx, (project, id, now), |challenge| challenge.report(now)).await?;
        let (StepOutcome::Done(challenge, ()) | StepOutcome::Refused(challenge, _)) = &outcome else {
            return Ok(outcome);
        };
        let project = project.to_bytes();
        if let Some(stored) = row::evaluation::read(tx, &project, challenge.evaluation_id).await? {
            distrust(tx, &project, &stored, now).await?;
            if stored.label.as_deref() != Some(FRAUD) {
                row::event::tell(tx, &project, &Event::of_challenge(EventKind::ChallengeReported, challenge), now)?;
            }
            if matches!(outcome, StepOutcome::Done(..)) {
                settle(tx, &project, challenge, now).await?;
            }
            row::evaluation::label(tx, &project, stored.evaluation.id, (FRAUD, Some("reported from the message")), now);
        }
        Ok(outcome)
    }
}

/// Hears what became of a message.
#[derive(Clone, Copy, Debug)]
pub struct HearDelivery {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Which of its codes the message carried.
    pub send: u32,
    /// What became of it.
    pub delivery: Delivery,
    /// Now.
    pub now: Timestamp,
}

impl Operation for HearDelivery {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let Self { project, id, send, delivery, now } = *self;
        take(tx, (project, id, now), |challenge| Ok(challenge.heard(send, delivery, now))).await
    }
}
