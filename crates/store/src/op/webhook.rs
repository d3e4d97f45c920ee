//! Telling endpoints: events that are due become deliveries, and deliveries are claimed by whoever makes them, until they
//! are taken or parked. Looking at them is [`super::delivery`]'s.

use std::sync::Arc;

use countersign_engine::{
    challenge::Status,
    config::Project,
    event::{About, AboutDevice, DeviceStatus, Event, EventKind},
    id::{EventId, ProjectId, WebhookId},
    time::{MINUTE, Timestamp},
};

use crate::{Operation, Sql, StoreError, Tx, row};

/// Events of one project that are handed out at once: as many as the statement says.
const BATCH: usize = 200;

/// How long an event that this version can't read is left to nodes that can.
const UNREAD: i64 = MINUTE;

// What another node is handing out or claiming at this moment is passed over; and so is everything by a node that knows
// the project, and with it its endpoints, only as they were before.
static DUE_EVENTS: Sql = Sql::same(
    "SELECT event_id, kind, user_id, body, created_at FROM events WHERE project_id = $1 AND due_at <= $2 \
     AND NOT EXISTS (SELECT 1 FROM projects WHERE project_id = $1 AND revision > $3) ORDER BY due_at LIMIT 200",
)
.locking("FOR UPDATE SKIP LOCKED");
static HANDED_OUT: Sql = Sql::same("UPDATE events SET due_at = NULL WHERE project_id = $1 AND event_id = $2");
static POSTPONE: Sql = Sql::same("UPDATE events SET due_at = $1 WHERE project_id = $2 AND event_id = $3");
static DROP: Sql = Sql::same("DELETE FROM events WHERE project_id = $1 AND event_id = $2");
static DELIVER: Sql = Sql::same(
    "INSERT INTO deliveries (project_id, webhook_id, event_id, attempts, run_at) VALUES ($1, $2, $3, 0, $4) \
     ON CONFLICT (project_id, event_id, webhook_id) DO NOTHING",
);
static DUE: Sql = Sql::same(
    "SELECT d.event_id, d.attempts, e.created_at, e.kind, e.user_id, e.body, u.external_id FROM deliveries d \
     JOIN events e ON e.project_id = d.project_id AND e.event_id = d.event_id \
     LEFT JOIN users u ON u.project_id = e.project_id AND u.user_id = e.user_id \
     WHERE d.project_id = $1 AND d.webhook_id = $2 AND d.run_at <= $3 ORDER BY d.run_at LIMIT $4",
)
.locking("FOR UPDATE OF d SKIP LOCKED");
static LEASE: Sql = Sql::same(
    "UPDATE deliveries SET run_at = $1, attempts = attempts + 1, tried_at = $2 \
     WHERE project_id = $3 AND webhook_id = $4 AND event_id = $5",
);
static POSTPONE_DELIVERY: Sql =
    Sql::same("UPDATE deliveries SET run_at = $1 WHERE project_id = $2 AND webhook_id = $3 AND event_id = $4");
// A delivery that was sent again meanwhile is another matter.
static FINISH: Sql = Sql::same(
    "UPDATE deliveries SET run_at = $1, delivered_at = $2, status = $3, fault = $4 \
     WHERE project_id = $5 AND webhook_id = $6 AND event_id = $7 AND attempts = $8",
);
static FORGET_DELIVERIES: Sql = Sql::same(
    "DELETE FROM deliveries WHERE project_id = $1 AND event_id IN (SELECT event_id FROM events \
     WHERE project_id = $1 AND event_id < $2 ORDER BY event_id LIMIT 500)",
);
static FORGET: Sql = Sql::same(
    "DELETE FROM events WHERE project_id = $1 AND event_id IN (SELECT event_id FROM events \
     WHERE project_id = $1 AND event_id < $2 ORDER BY event_id LIMIT 500)",
);

pub(crate) const ALL: &[&Sql] = &[
    &DUE_EVENTS,
    &HANDED_OUT,
    &POSTPONE,
    &DROP,
    &DELIVER,
    &DUE,
    &LEASE,
    &POSTPONE_DELIVERY,
    &FINISH,
    &FORGET_DELIVERIES,
    &FORGET,
];

/// What came of handing out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedOut {
    /// Whether there may be more that are due.
    pub more: bool,
    /// How many were put off because this version can't read them: a newer one wrote them.
    pub unread: u64,
}

/// Makes deliveries of the events that are due, at most 200 of each project, one for each endpoint that hears of it.
///
/// What can't be read here holds up nobody: it is put off, so that a node of the version that wrote it finds it. Of a
/// project that has changed since, nothing is handed out: whoever was added to its endpoints would never hear of it.
#[derive(Clone, Debug)]
pub struct HandOutEvents {
    /// Every project, as it is known here.
    pub projects: Vec<Arc<Project>>,
    /// Now.
    pub now: Timestamp,
}

impl Operation for HandOutEvents {
    type Out = HandedOut;

    async fn run<T: Tx>(&self, tx: &T) -> Result<HandedOut, StoreError> {
        let mut out = HandedOut::default();
        for hearing in &self.projects {
            let project = hearing.id.to_bytes();
            let params = [(&project).into(), self.now.millis().into(), hearing.revision.into()];
            let due = tx.read_locked(&DUE_EVENTS, &params).await?;
            for found in &due {
                let id = found.id(0)?;
                let Some(event) = readable(row::event::decode(found, 1))? else {
                    let later = self.now.plus(UNREAD).millis();
                    tx.write(&POSTPONE, &[later.into(), (&project).into(), (&id).into()]);
                    out.unread += 1;
                    continue;
                };
                let fate = self.fate(tx, hearing, &event).await?;
                if let Fate::Later(at) = fate {
                    row::event::tell(tx, &project, &event, at)?;
                }
                if fate != Fate::Told {
                    tx.write(&DROP, &[(&project).into(), (&id).into()]);
                    continue;
                }
                set_clock(tx, hearing, &event, Timestamp::from_millis(found.int(4)?))?;
                let verdict = event.about.evaluation.as_ref().map(|evaluation| evaluation.verdict);
                for (webhook, _) in hearing.webhooks.iter().filter(|(_, webhook)| webhook.hears(event.kind, verdict)) {
                    let webhook = webhook.to_bytes();
                    tx.write(&DELIVER, &[(&project).into(), (&webhook).into(), (&id).into(), self.now.millis().into()]);
                }
                tx.write(&HANDED_OUT, &[(&project).into(), (&id).into()]);
            }
            out.more |= due.len() == BATCH;
        }
        Ok(out)
    }
}

impl HandOutEvents {
    /// What has become of something that was to be told when its time had come.
    async fn fate<T: Tx>(&self, tx: &T, hearing: &Project, event: &Event) -> Result<Fate, StoreError> {
        let project = hearing.id.to_bytes();
        match (event.kind, &event.about, event.user) {
            (EventKind::ChallengeExpired, About { challenge: Some(told), .. }, _) => {
                let challenge = row::challenge::read(tx, &project, told.id, self.now).await?;
                let expired = challenge.is_some_and(|challenge| challenge.status() == Status::Expired);
                Ok(if expired { Fate::Told } else { Fate::NotSo })
            }
            (_, About { device: Some(AboutDevice { id, status: DeviceStatus::Unused, .. }), .. }, Some(user)) => {
                let device = row::device::of(tx, &project, user, row::device::Known::As(*id)).await?;
                let Some(device) = device.filter(|device| device.attached) else { return Ok(Fate::NotSo) };
                let end = device.last_seen_at.plus(hearing.settings.device_unused());
                Ok(if end > self.now { Fate::Later(end) } else { Fate::Told })
            }
            _ => Ok(Fate::Told),
        }
    }
}

/// A device that took its place at `at` loses it when nobody uses it: that is told when its time has come. Each use would
/// have to move that time, so it is looked at only then, and put off if there was one.
fn set_clock<T: Tx>(tx: &T, hearing: &Project, event: &Event, at: Timestamp) -> Result<(), StoreError> {
    let (EventKind::DeviceAttached, Some(user), Some(device)) = (event.kind, event.user, &event.about.device) else {
        return Ok(());
    };
    if !hearing.is_heard(EventKind::DeviceDetached, None) {
        return Ok(());
    }
    let unused = Event::of_device(user, (device.id, device.device_type), DeviceStatus::Unused);
    row::event::tell(tx, &hearing.id.to_bytes(), &unused, at.plus(hearing.settings.device_unused()))
}

/// What has become of something that was to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is so.
    Told,
    /// It has not come about, and won't.
    NotSo,
    /// It may come about then.
    Later(Timestamp),
}

/// A delivery whose time has come.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    /// Its project.
    pub project: ProjectId,
    /// To which endpoint.
    pub webhook: WebhookId,
    /// The event's id.
    pub id: EventId,
    /// Which try this is, counted from 1.
    pub attempt: u32,
    /// The event.
    pub event: Event,
    /// The site's id of the user it is about.
    pub external_id: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

/// Claims deliveries that are due: nobody else gets them until the lease ends, so one who dies over them loses none.
#[derive(Clone, Debug)]
pub struct ClaimDeliveries {
    /// Endpoints, and how many each may have at most.
    pub endpoints: Vec<(ProjectId, WebhookId, u32)>,
    /// Now.
    pub now: Timestamp,
    /// How long a delivery may take, in milliseconds.
    pub lease: i64,
}

impl Operation for ClaimDeliveries {
    type Out = Vec<DueDelivery>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<DueDelivery>, StoreError> {
        let mut claimed = Vec::new();
        let (now, until) = (self.now.millis(), self.now.plus(self.lease).millis());
        for (project, webhook, most) in &self.endpoints {
            let (in_project, to) = (project.to_bytes(), webhook.to_bytes());
            let params = [(&in_project).into(), (&to).into(), now.into(), i64::from(*most).into()];
            for found in tx.read_locked(&DUE, &params).await? {
                let id = found.id(0)?;
                let Some(event) = readable(row::event::decode(&found, 3))? else {
                    let later = self.now.plus(UNREAD).millis();
                    tx.write(&POSTPONE_DELIVERY, &[later.into(), (&in_project).into(), (&to).into(), (&id).into()]);
                    continue;
                };
                let params = [until.into(), now.into(), (&in_project).into(), (&to).into(), (&id).into()];
                tx.write(&LEASE, &params);
                claimed.push(DueDelivery {
                    project: *project,
                    webhook: *webhook,
                    id: EventId::from_bytes(id),
                    attempt: count(found.int(1)?).saturating_add(1),
                    event,
                    external_id: found.opt_text(6)?.map(Into::into),
                    at: Timestamp::from_millis(found.int(2)?),
                });
            }
        }
        Ok(claimed)
    }
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It is to be tried again.
    RetryAt(Timestamp),
    /// It is not tried again by itself.
    Parked,
}

/// Writes what became of a try.
#[derive(Clone, Debug)]
pub struct FinishDelivery {
    /// The delivery's project.
    pub project: ProjectId,
    /// To which endpoint it went.
    pub webhook: WebhookId,
    /// The event.
    pub event: EventId,
    /// Which try it was.
    pub attempt: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why there was none.
    pub fault: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Now.
    pub now: Timestamp,
}

impl Operation for FinishDelivery {
    type Out = ();

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<(), StoreError> {
        let (run_at, delivered_at) = match self.outcome {
            Outcome::Delivered => (None, Some(self.now.millis())),
            Outcome::RetryAt(at) => (Some(at.millis()), None),
            Outcome::Parked => (None, None),
        };
        tx.write(
            &FINISH,
            &[
                run_at.into(),
                delivered_at.into(),
                self.status.map(i64::from).into(),
                self.fault.as_deref().into(),
                (&self.project.to_bytes()).into(),
                (&self.webhook.to_bytes()).into(),
                (&self.event.to_bytes()).into(),
                i64::from(self.attempt).into(),
            ],
        );
        Ok(())
    }
}

/// Removes some of a project's events that are older than a time, the oldest first, with their deliveries.
#[derive(Clone, Copy, Debug)]
pub struct ForgetEvents {
    /// The project.
    pub project: ProjectId,
    /// What happened at this time or later stays.
    pub before: Timestamp,
}

impl Operation for ForgetEvents {
    /// How many events were removed; none: there are no more.
    type Out = u64;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<u64, StoreError> {
        let project = self.project.to_bytes();
        let bound = row::first_id_of(self.before);
        let params = [(&project).into(), bound.as_slice().into()];
        tx.claim(&FORGET_DELIVERIES, &params).await?;
        tx.claim(&FORGET, &params).await
    }
}

/// None for what another version wrote and this one can't read.
fn readable(event: Result<Event, StoreError>) -> Result<Option<Event>, StoreError> {
    match event {
        Ok(event) => Ok(Some(event)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
