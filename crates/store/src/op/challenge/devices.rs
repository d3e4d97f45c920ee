//! The last step where an account has too many devices: its owner logs some out, until this one has its place.
//!
//! Counted with the user held, like every change of a user's devices: of those who race for the last place one gets it.

use countersign_engine::{
    challenge::Challenge,
    event::{DeviceStatus, Event},
    history::User,
    id::{ChallengeId, DeviceId, ProjectId},
    profile::mark_of,
    time::Timestamp,
};

use super::{ChallengeStep, StepOutcome, save_step, settle};
use crate::{
    Operation, StoreError, Tx,
    row::{self, device::AttachedDevice},
};

/// The devices of an account that is over its limit.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    /// Those whose going would help, the last used first. This browser's own is not among them.
    pub others: Vec<AttachedDevice>,
    /// How many must go at least.
    pub over: u32,
}

/// The challenge's user, if their devices are limited: held, so that nobody else changes these meanwhile.
async fn limited<T: Tx>(tx: &T, project: &[u8; 16], challenge: &Challenge) -> Result<Option<User>, StoreError> {
    match challenge.user_id.filter(|_| challenge.config.device_limit.is_set()) {
        Some(user) => row::user::by_id(tx, project, user).await,
        None => Ok(None),
    }
}

/// Where the challenge's user stands, this device included, without `gone`.
async fn seats<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    (challenge, user): (&Challenge, Option<&User>),
    since: Timestamp,
    gone: Option<DeviceId>,
) -> Result<Seats, StoreError> {
    let Some(user) = user else { return Ok(Seats::default()) };
    let limit = challenge.config.device_limit_in(&user.groups);
    let mut devices = row::device::attached(tx, project, user.id, challenge.browser_id, since).await?;
    devices.retain(|device| Some(device.id) != gone);
    let kinds: Vec<_> = devices.iter().map(|device| device.device_type).collect();
    let excess = limit.excess(&kinds);
    devices.retain(|d| Some(d.browser) != challenge.browser_id && excess.is_less_without(d.device_type));
    Ok(Seats { others: devices, over: excess.least() })
}

/// A challenge that was just passed, if the account is within its limit; else one that waits for devices.
pub(super) async fn admit<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    passed: Challenge,
    since: Timestamp,
) -> Result<Challenge, StoreError> {
    let user = limited(tx, project, &passed).await?;
    let seats = seats(tx, project, (&passed, user.as_ref()), since, None).await?;
    Ok(if seats.over > 0 { passed.over_device_limit() } else { passed })
}

/// Reads which devices may be logged out.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeDevices {
    /// The challenge's project.
    pub project: ProjectId,
    /// Which challenge.
    pub id: ChallengeId,
    /// Devices that were not used since then have no place any more.
    pub since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Operation for ChallengeDevices {
    type Out = Seats;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Seats, StoreError> {
        let project = self.project.to_bytes();
        match row::challenge::read(tx, &project, self.id, self.now).await? {
            Some(challenge) => {
                let user = limited(tx, &project, &challenge).await?;
                seats(tx, &project, (&challenge, user.as_ref()), self.since, None).await
            }
            None => Ok(Seats::default()),
        }
    }
}

/// Logs a device out, and passes the challenge if there are then no more than may be. Without a device it only looks.
#[derive(Clone, Copy, Debug)]
pub struct LogOutDevice {
    /// The step.
    pub step: ChallengeStep,
    /// Which device.
    pub device: Option<DeviceId>,
    /// Devices that were not used since then have no place any more.
    pub since: Timestamp,
}

impl Operation for LogOutDevice {
    type Out = StepOutcome;

    fn project(&self) -> [u8; 16] {
        self.step.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<StepOutcome, StoreError> {
        let ChallengeStep { project, id, browser, now } = self.step;
        let project = project.to_bytes();
        let Some(challenge) = row::challenge::hold(tx, &project, id, now).await? else {
            return Ok(StepOutcome::NotFound);
        };
        let passed = match challenge.within_device_limit(&browser, now) {
            Ok(passed) => passed,
            Err(refusal) => return Ok(StepOutcome::Refused(Box::new(challenge), refusal)),
        };
        let user = limited(tx, &project, &challenge).await?;
        let whose = (&challenge, user.as_ref());
        let before = seats(tx, &project, whose, self.since, None).await?;
        // One that is gone already, or whose going wouldn't help, stays as it is.
        let goes = before.others.iter().find(|device| Some(device.id) == self.device);
        let after = match goes {
            Some(device) => seats(tx, &project, whose, self.since, Some(device.id)).await?,
            None => before.clone(),
        };
        if let Some(device) = goes {
            log_out(tx, &project, &challenge, device, now).await?;
            if let Some(mut user) = user {
                // Whoever used it is not one of the people who use the account any more.
                user.profile.usage.forget(mark_of(device.browser));
                row::user::save(tx, &project, &user, now)?;
            }
        }
        if after.over > 0 {
            return Ok(StepOutcome::Done(Box::new(challenge), ()));
        }
        save_step(tx, &project, (&challenge, &passed), now)?;
        settle(tx, &project, &passed, now).await?;
        Ok(StepOutcome::Done(Box::new(passed), ()))
    }
}

async fn log_out<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    challenge: &Challenge,
    device: &AttachedDevice,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(user) = challenge.user_id else { return Ok(()) };
    let users = row::device::of_browser(tx, project, device.browser).await?;
    row::device::detach(tx, project, user, device.id);
    let event = Event::of_device(user, (device.id, device.device_type), DeviceStatus::LoggedOut);
    row::event::tell(tx, project, &event, now)?;
    // Who came after the user in that browser is not to be thrown out with them.
    let last = users.into_iter().max_by_key(|(_, _, seen)| *seen);
    if last.is_none_or(|(last, ..)| last == user) {
        row::presence::log_out(tx, project, device.browser, user, now);
        tx.announce();
    }
    Ok(())
}
