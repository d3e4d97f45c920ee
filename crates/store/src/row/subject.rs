//! Addresses, fingerprints, e-mail addresses and their domains, phone numbers, origins and send counters; and the links of
//! users to where they came from.

use countersign_engine::{history::Link, id::UserId, seen::Seen, time::Timestamp, window::Activity};

use super::{activity, seen as read_seen, user::UserRef};
use crate::{Row, Sql, StateKey, StateRow, StoreError, Tx, Value};

// What is counted for one thing: read, changed and written back whole.
static SUBJECT: StateRow = StateRow {
    read: Sql::same("SELECT user_count, activity, seen, last_seen_at FROM subjects WHERE project_id = $1 AND kind = $2 AND key = $3")
        .locking("FOR UPDATE")
        .for_many(),
    save: Sql::same(
        "INSERT INTO subjects (project_id, kind, key, user_count, activity, seen, first_seen_at, last_seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
         ON CONFLICT (project_id, kind, key) DO UPDATE SET user_count = excluded.user_count, activity = excluded.activity, \
         seen = excluded.seen, last_seen_at = CASE WHEN excluded.last_seen_at > subjects.last_seen_at THEN excluded.last_seen_at ELSE subjects.last_seen_at END",
    )
    .for_many(),
};
// So that there is a row to hold.
static MAKE: Sql = Sql::same(
    "INSERT INTO subjects (project_id, kind, key, user_count, activity, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, 0, $4, $5, $5) ON CONFLICT (project_id, kind, key) DO NOTHING",
);
static LAST_SEEN: Sql =
    Sql::same("SELECT last_seen_at FROM subjects WHERE project_id = $1 AND kind = $2 AND key = $3").for_many();
// Many may do so at once, each saying the same: nobody has to hold it.
static TOUCH: Sql = Sql::same(
    "INSERT INTO subjects (project_id, kind, key, user_count, activity, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, 0, $4, $5, $5) ON CONFLICT (project_id, kind, key) DO UPDATE SET \
     last_seen_at = CASE WHEN excluded.last_seen_at > subjects.last_seen_at THEN excluded.last_seen_at ELSE subjects.last_seen_at END",
);
static LINK: Sql = Sql::same(
    "SELECT last_seen_at, trusted FROM links WHERE project_id = $1 AND user_id = (SELECT user_id FROM user_refs \
     WHERE project_id = $1 AND kind = $2 AND ref = $3) AND kind = $4 AND key = $5",
)
.for_many();
static SAVE_LINK: Sql = Sql::same(
    "INSERT INTO links (project_id, user_id, kind, key, trusted, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) \
     ON CONFLICT (project_id, user_id, kind, key) DO UPDATE SET \
     trusted = CASE WHEN excluded.trusted > links.trusted THEN excluded.trusted ELSE links.trusted END, \
     last_seen_at = CASE WHEN excluded.last_seen_at > links.last_seen_at AND excluded.trusted >= links.trusted \
     THEN excluded.last_seen_at ELSE links.last_seen_at END",
)
.for_many();
static DISTRUST: Sql =
    Sql::same("UPDATE links SET trusted = 0 WHERE project_id = $1 AND user_id = $2 AND kind = $3 AND key = $4");

pub(crate) const ALL: &[&Sql] =
    &[&SUBJECT.read, &MAKE, &SUBJECT.save, &LAST_SEEN, &TOUCH, &LINK, &SAVE_LINK, &DISTRUST];

/// Something that events are counted for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    /// Distinct users seen on it.
    pub(crate) user_count: u32,
    /// What was done with it lately.
    pub(crate) activity: Activity,
    /// What it was seen with.
    pub(crate) seen: Seen,
}

impl Subject {
    /// Its columns, lent to `then`.
    fn columns<R>(&self, now: Timestamp, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
        let (activity, seen) = (self.activity.to_bytes(), self.seen.to_bytes());
        then(&[
            i64::from(self.user_count).into(),
            activity.as_slice().into(),
            seen.as_slice().into(),
            now.millis().into(),
        ])
    }
}

/// A subject for which the operation asked; `None` when never seen.
pub(crate) async fn read<T: Tx>(tx: &T, key: &StateKey<'_>) -> Result<Option<Subject>, StoreError> {
    tx.read_state(&SUBJECT, key).await?.as_ref().map(decode).transpose()
}

/// Writes a subject for which the operation asked.
pub(crate) fn save<T: Tx>(tx: &T, key: &StateKey<'_>, subject: &Subject, seen: Timestamp) {
    subject.columns(seen, |columns| tx.write_state(&SUBJECT, key, columns));
}

/// A subject that is known too late to be asked for: made if it was never seen, and held.
pub(crate) async fn make<T: Tx>(tx: &T, key: &StateKey<'_>, now: Timestamp) -> Result<Subject, StoreError> {
    let nothing = Activity::default().to_bytes();
    tx.write(&MAKE, &[&key.params()[..], &[nothing.as_slice().into(), now.millis().into()]].concat());
    let rows = tx.read_locked(&SUBJECT.read, &key.params()).await?;
    Ok(rows.first().map(decode).transpose()?.unwrap_or_default())
}

/// Writes a subject that was [`make`]d.
pub(crate) fn save_made<T: Tx>(tx: &T, key: &StateKey<'_>, subject: &Subject, seen: Timestamp) {
    subject.columns(seen, |columns| tx.write(&SUBJECT.save, &[&key.params()[..], columns].concat()));
}

fn decode(row: &Row) -> Result<Subject, StoreError> {
    Ok(Subject {
        user_count: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
        activity: activity(row.bytes(1)?, "subject activity")?,
        seen: read_seen(row.bytes(2)?, "what a subject was seen with")?,
    })
}

/// When a subject that nothing is counted for was last seen.
pub(crate) async fn last_seen<T: Tx>(tx: &T, key: &StateKey<'_>) -> Result<Option<Timestamp>, StoreError> {
    let rows = tx.read(&LAST_SEEN, &key.params()).await?;
    rows.first().map(|row| row.int(0).map(Timestamp::from_millis)).transpose()
}

/// Remembers that it was seen.
pub(crate) fn touch<T: Tx>(tx: &T, key: &StateKey<'_>, now: Timestamp) {
    let nothing = Activity::default().to_bytes();
    tx.write(&TOUCH, &[&key.params()[..], &[nothing.as_slice().into(), now.millis().into()]].concat());
}

/// The link of the user that `by` refers to with an address or a fingerprint.
pub(crate) async fn link<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    by: &UserRef,
    (kind, key): (&str, &str),
) -> Result<Option<Link>, StoreError> {
    let params = [project.into(), by.kind.into(), by.value.as_str().into(), kind.into(), key.into()];
    let rows = tx.read(&LINK, &params).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Link { last_seen_at: Timestamp::from_millis(row.int(0)?), trusted: row.bool(1)? }))
}

/// Remembers that the user came this way; trust once earned stays, and what is not trusted does not refresh what is.
pub(crate) fn save_link<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: UserId,
    (kind, key): (&str, &str),
    trusted: bool,
    seen: Timestamp,
) {
    let user = user.to_bytes();
    tx.write(
        &SAVE_LINK,
        &[project.into(), (&user).into(), kind.into(), key.into(), trusted.into(), seen.millis().into()],
    );
}

/// Takes trust back.
pub(crate) fn distrust<T: Tx>(tx: &T, project: &[u8; 16], user: UserId, (kind, key): (&str, &str)) {
    tx.write(&DISTRUST, &[project.into(), (&user.to_bytes()).into(), kind.into(), key.into()]);
}
