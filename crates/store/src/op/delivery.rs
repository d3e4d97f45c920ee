//! Deliveries as their operator sees them: where each stands, how many wait, and sending again.

use countersign_engine::{
    id::{EventId, ProjectId, WebhookId},
    time::Timestamp,
};

use crate::{Operation, Row, Sql, StoreError, Tx};

static READ: Sql = Sql::same(
    "SELECT d.webhook_id, d.event_id, e.kind, e.created_at, d.attempts, d.run_at, d.delivered_at, d.tried_at, d.status, d.fault \
     FROM deliveries d JOIN events e ON e.project_id = d.project_id AND e.event_id = d.event_id \
     WHERE d.project_id = $1 ORDER BY d.event_id DESC, d.webhook_id LIMIT $2",
);
static WAITING: Sql =
    Sql::same("SELECT count(*) FROM deliveries WHERE project_id = $1 AND webhook_id = $2 AND run_at IS NOT NULL");
static PARKED: Sql = Sql::same(
    "SELECT count(*) FROM deliveries WHERE project_id = $1 AND webhook_id = $2 AND run_at IS NULL AND delivered_at IS NULL",
);
static AGAIN: Sql = Sql::same(
    "INSERT INTO deliveries (project_id, webhook_id, event_id, attempts, run_at) \
     SELECT e.project_id, $1, e.event_id, 0, $2 FROM events e WHERE e.project_id = $3 AND e.event_id = $4 \
     ON CONFLICT (project_id, event_id, webhook_id) DO UPDATE SET attempts = 0, run_at = excluded.run_at, delivered_at = NULL",
);
static PARKED_AGAIN: Sql = Sql::same(
    "UPDATE deliveries SET attempts = 0, run_at = $1 WHERE project_id = $2 AND webhook_id = $3 AND run_at IS NULL \
     AND delivered_at IS NULL",
);

pub(crate) const ALL: &[&Sql] = &[&READ, &WAITING, &PARKED, &AGAIN, &PARKED_AGAIN];

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It was taken, then.
    Delivered(Timestamp),
    /// It is tried then, for the first time or again.
    Waiting(Timestamp),
    /// It was tried for long enough.
    Parked,
}

/// A delivery, to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To which endpoint.
    pub webhook: WebhookId,
    /// The event's id.
    pub event: EventId,
    /// What it tells of.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// The status of the last answer.
    pub status: Option<i64>,
    /// Why there was none.
    pub fault: Option<String>,
}

/// Reads a project's newest deliveries, the newest events first.
#[derive(Clone, Copy, Debug)]
pub struct ReadDeliveries {
    /// The project.
    pub project: ProjectId,
    /// How many at most.
    pub most: u32,
}

impl Operation for ReadDeliveries {
    type Out = Vec<Delivery>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<Delivery>, StoreError> {
        let rows = tx.read(&READ, &[(&self.project.to_bytes()).into(), i64::from(self.most).into()]).await?;
        rows.iter().map(delivery).collect()
    }
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let moment = |place| Ok::<_, StoreError>(row.opt_int(place)?.map(Timestamp::from_millis));
    let state = match (moment(5)?, moment(6)?) {
        (_, Some(at)) => DeliveryState::Delivered(at),
        (Some(at), None) => DeliveryState::Waiting(at),
        (None, None) => DeliveryState::Parked,
    };
    Ok(Delivery {
        webhook: WebhookId::from_bytes(row.id(0)?),
        event: EventId::from_bytes(row.id(1)?),
        kind: row.text(2)?.to_owned(),
        at: Timestamp::from_millis(row.int(3)?),
        attempts: u32::try_from(row.int(4)?).unwrap_or_default(),
        state,
        tried_at: moment(7)?,
        status: row.opt_int(8)?,
        fault: row.opt_text(9)?.map(Into::into),
    })
}

/// Counts the deliveries to an endpoint that wait, and those that are parked.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The project.
    pub project: ProjectId,
    /// The endpoint.
    pub webhook: WebhookId,
}

impl Operation for Waiting {
    type Out = (u64, u64);

    async fn run<T: Tx>(&self, tx: &T) -> Result<(u64, u64), StoreError> {
        let (project, webhook) = (self.project.to_bytes(), self.webhook.to_bytes());
        let params = [(&project).into(), (&webhook).into()];
        let (waiting, parked) = futures_util::try_join!(tx.read(&WAITING, &params), tx.read(&PARKED, &params))?;
        let number = |rows: &[Row]| rows.first().map_or(Ok(0), |row| row.int(0)).map(i64::unsigned_abs);
        Ok((number(&waiting)?, number(&parked)?))
    }
}

/// Sends an event to an endpoint, again or for the first time; without an event, everything that is parked there.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// The project.
    pub project: ProjectId,
    /// The endpoint.
    pub webhook: WebhookId,
    /// Which event.
    pub event: Option<EventId>,
    /// Now.
    pub now: Timestamp,
}

impl Operation for Replay {
    /// How many deliveries there are to make.
    type Out = u64;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<u64, StoreError> {
        let (project, webhook, now) = (self.project.to_bytes(), self.webhook.to_bytes(), self.now.millis());
        match self.event.map(EventId::to_bytes) {
            Some(event) => tx.claim(&AGAIN, &[(&webhook).into(), now.into(), (&project).into(), (&event).into()]).await,
            None => tx.claim(&PARKED_AGAIN, &[now.into(), (&project).into(), (&webhook).into()]).await,
        }
    }
}
