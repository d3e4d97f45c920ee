//! Addresses, fingerprints, e-mail domains and send counters; and the links of users to the first two.

use countersign_engine::{history::Link, id::UserId, time::Timestamp, window::Activity};

use super::{activity, user::UserRef};
use crate::{Row, Sql, StoreError, Tx};

static READ: Sql =
    Sql::same("SELECT user_count, activity FROM subjects WHERE project_id = $1 AND kind = $2 AND key = $3")
        .locking("FOR UPDATE");
// So that there is a row to hold.
static MAKE: Sql = Sql::same(
    "INSERT INTO subjects (project_id, kind, key, user_count, activity, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, 0, $4, $5, $5) ON CONFLICT (project_id, kind, key) DO NOTHING",
);
static SAVE: Sql = Sql::same(
    "INSERT INTO subjects (project_id, kind, key, user_count, activity, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) \
     ON CONFLICT (project_id, kind, key) DO UPDATE SET user_count = excluded.user_count, activity = excluded.activity, \
     last_seen_at = CASE WHEN excluded.last_seen_at > subjects.last_seen_at THEN excluded.last_seen_at ELSE subjects.last_seen_at END",
);
static LINK: Sql = Sql::same(
    "SELECT last_seen_at, trusted FROM links WHERE project_id = $1 AND user_id = (SELECT user_id FROM user_refs \
     WHERE project_id = $1 AND kind = $2 AND ref = $3) AND kind = $4 AND key = $5",
);
static SAVE_LINK: Sql = Sql::same(
    "INSERT INTO links (project_id, user_id, kind, key, trusted, first_seen_at, last_seen_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) \
     ON CONFLICT (project_id, user_id, kind, key) DO UPDATE SET \
     trusted = CASE WHEN excluded.trusted > links.trusted THEN excluded.trusted ELSE links.trusted END, \
     last_seen_at = CASE WHEN excluded.last_seen_at > links.last_seen_at AND excluded.trusted >= links.trusted \
     THEN excluded.last_seen_at ELSE links.last_seen_at END",
);
static DISTRUST: Sql =
    Sql::same("UPDATE links SET trusted = 0 WHERE project_id = $1 AND user_id = $2 AND kind = $3 AND key = $4");

pub(crate) const ALL: &[&Sql] = &[&READ, &MAKE, &SAVE, &LINK, &SAVE_LINK, &DISTRUST];

/// Something that events are counted for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    /// Distinct users seen on it.
    pub(crate) user_count: u32,
    /// What was done with it lately.
    pub(crate) activity: Activity,
}

/// The subject of that kind and key; `None` when never seen. Whoever changes it must have asked for its
/// key.
pub(crate) async fn read<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    kind: &str,
    key: &str,
) -> Result<Option<Subject>, StoreError> {
    decode(&tx.read(&READ, &[project.into(), kind.into(), key.into()]).await?)
}

/// The subject of that kind and key, made if it was never seen, and held: for those that are known too late for a key.
pub(crate) async fn make<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    (kind, key): (&str, &str),
    now: Timestamp,
) -> Result<Subject, StoreError> {
    let nothing = Activity::default().to_bytes();
    let new = [project.into(), kind.into(), key.into(), nothing.as_slice().into(), now.millis().into()];
    tx.write(&MAKE, &new);
    let rows = tx.read_locked(&READ, &[project.into(), kind.into(), key.into()]).await?;
    Ok(decode(&rows)?.unwrap_or_default())
}

fn decode(rows: &[Row]) -> Result<Option<Subject>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Subject {
        user_count: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
        activity: activity(row.bytes(1)?, "subject activity")?,
    }))
}

/// Writes a subject.
pub(crate) fn save<T: Tx>(tx: &T, project: &[u8; 16], kind: &str, key: &str, subject: &Subject, seen: Timestamp) {
    let activity = subject.activity.to_bytes();
    tx.write(
        &SAVE,
        &[
            project.into(),
            kind.into(),
            key.into(),
            i64::from(subject.user_count).into(),
            activity.as_slice().into(),
            seen.millis().into(),
        ],
    );
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
