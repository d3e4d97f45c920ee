//! Reading an evaluation, and saying what it turned out to be.

use countersign_engine::{
    challenge::Challenge,
    event::{DeviceStatus, Event},
    id::{EvaluationId, ProjectId},
    seen::Mark,
    signal::{Place, network_of},
    time::Timestamp,
};

use futures_util::try_join;

use crate::{
    Keys, Operation, StoreError, Tx,
    row::{self, evaluation::StoredEvaluation},
};

/// The label that takes trust back from what the evaluation came with.
pub(crate) const FRAUD: &str = "fraud";

/// An evaluation with its challenge, as both stand.
pub type Found = (StoredEvaluation, Option<Challenge>);

/// Reads an evaluation.
#[derive(Clone, Debug)]
pub struct EvaluationById {
    /// The caller's project.
    pub project: ProjectId,
    /// Which.
    pub id: EvaluationId,
    /// Now: a challenge whose time is over reads as expired.
    pub now: Timestamp,
}

impl Operation for EvaluationById {
    type Out = Option<Found>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let (stored, challenge) = try_join!(
            row::evaluation::read(tx, &project, self.id),
            row::challenge::of_evaluation(tx, &project, self.id, self.now),
        )?;
        Ok(stored.map(|stored| (stored, challenge)))
    }
}

/// Says what an evaluation turned out to be. `fraud` makes what it came with unfamiliar again.
#[derive(Clone, Debug)]
pub struct Feedback {
    /// The caller's project.
    pub project: ProjectId,
    /// Which evaluation.
    pub id: EvaluationId,
    /// `legitimate`, `fraud`, or a word of the site's own.
    pub label: String,
    /// Anything to note with it.
    pub note: Option<String>,
    /// Now.
    pub now: Timestamp,
}

impl Operation for Feedback {
    /// Whether there is such an evaluation.
    type Out = bool;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    fn keys(&self, keys: &mut Keys) {
        hold(keys, self.project, self.id);
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<bool, StoreError> {
        let project = self.project.to_bytes();
        let Some(stored) = row::evaluation::read(tx, &project, self.id).await? else { return Ok(false) };
        if self.label == FRAUD {
            distrust(tx, &project, &stored, self.now).await?;
        }
        row::evaluation::label(tx, &project, self.id, (&self.label, self.note.as_deref()), self.now);
        Ok(true)
    }
}

/// Asks for an evaluation's key: whoever claims or labels it holds that.
pub(crate) fn hold(keys: &mut Keys, project: ProjectId, id: EvaluationId) {
    keys.hold(&project.to_bytes(), "evaluation", &id.to_string());
}

/// Takes trust back from the address, the fingerprint and the device that an evaluation came with.
pub(crate) async fn distrust<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    stored: &StoredEvaluation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let evaluation = &stored.evaluation;
    let Some(user) = &evaluation.user else { return Ok(()) };
    // Held, so that an evaluation under way doesn't write back what is taken here.
    let held = row::user::by_id(tx, project, user.id).await?;
    if let (Some(mut held), Some(ip)) = (held, evaluation.ip) {
        held.profile.forget(Mark::of(&network_of(ip)));
        row::user::touch(tx, project, &held, evaluation.created_at);
    }
    if let Some(device) = evaluation.device {
        let standing = row::device::of(tx, project, user.id, row::device::Known::As(device)).await?;
        row::device::detach(tx, project, user.id, device);
        if let Some(device) = standing.filter(|device| device.attached) {
            let event = Event::of_device(user.id, (device.id, device.device_type), DeviceStatus::Reported);
            row::event::tell(tx, project, &event, now)?;
        }
    }
    if let Some(ip) = evaluation.ip {
        row::subject::distrust(tx, project, user.id, ("ip", &network_of(ip)));
    }
    for (kind, key) in evaluation.place.iter().flat_map(Place::links) {
        row::subject::distrust(tx, project, user.id, (kind, &key));
    }
    if let Some(fingerprint) = &evaluation.fingerprint {
        row::subject::distrust(tx, project, user.id, ("fingerprint", &fingerprint.id.to_string()));
    }
    Ok(())
}
