//! Events: written with what they tell.

use countersign_engine::{
    event::{About, Event, EventKind},
    id::{EventId, UserId},
    time::Timestamp,
};
use sha2::{Digest, Sha256};

use super::{json, to_json};
use crate::{Row, Sql, StoreError, Tx};

// An operation that is run again tells the same again.
static INSERT: Sql = Sql::same(
    "INSERT INTO events (project_id, event_id, kind, user_id, body, due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
     ON CONFLICT (project_id, event_id) DO NOTHING",
)
.for_many();

pub(crate) const ALL: &[&Sql] = &[&INSERT];

/// Writes an event, to be handed out at `at`.
pub(crate) fn tell<T: Tx>(tx: &T, project: &[u8; 16], event: &Event, at: Timestamp) -> Result<(), StoreError> {
    tell_once(tx, project, event, (at, at))
}

/// Writes an event that is told once since `since`, however often it is written.
pub(crate) fn tell_once<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    event: &Event,
    (since, at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let body = to_json(&event.about, "event")?;
    let (user, id) = (event.user.map(UserId::to_bytes), id_of(event, &body, since).to_bytes());
    tx.write(
        &INSERT,
        &[
            project.into(),
            (&id).into(),
            event.kind.as_str().into(),
            user.as_ref().into(),
            body.as_str().into(),
            at.millis().into(),
        ],
    );
    Ok(())
}

/// An event's id follows from what it tells and when, so that the same one told twice is one.
fn id_of(event: &Event, body: &str, at: Timestamp) -> EventId {
    let mut hash = Sha256::new();
    hash.update(event.user.map_or([0; 16], UserId::to_bytes));
    hash.update((event.kind.as_str().len() as u64).to_be_bytes());
    hash.update(event.kind.as_str());
    hash.update(body);
    let digest: [u8; 32] = hash.finalize().into();
    let mut chance = [0; 10];
    chance.copy_from_slice(digest.split_at(10).0);
    EventId::new(at.millis(), chance)
}

/// An event from the columns `kind`, `user_id`, `body`, which begin at `place`.
pub(crate) fn decode(row: &Row, place: usize) -> Result<Event, StoreError> {
    let word = row.text(place)?;
    let kind = EventKind::ALL.iter().copied().find(|kind| kind.as_str() == word);
    Ok(Event {
        kind: kind.ok_or(StoreError::Corrupt { what: "the kind of an event" })?,
        user: row.opt_id(place + 1)?.map(UserId::from_bytes),
        about: json::<About>(row.text(place + 2)?, "event")?,
    })
}
