//! Who is there now, and who was logged out.
//!
//! A row of presence says nothing of whether its device is attached: whoever asks who is there asks for that too, so that
//! what is detached is gone at once.

use countersign_engine::{
    history::Session,
    id::{BrowserId, FingerprintId, UserId},
    time::Timestamp,
};

use super::{device::type_of, user::UserRef};
use crate::{Row, Sql, StoreError, Tx};

// The user who last used the browser, of those it is attached to: whoever did before has gone.
static KEEP: Sql = Sql::same(
    "INSERT INTO presence (project_id, user_id, browser_id, network, asn, last_seen_at) \
     SELECT d.project_id, d.user_id, d.browser_id, $1, $2, $3 FROM devices d \
     WHERE d.project_id = $4 AND d.browser_id = $5 AND d.attached = 1 ORDER BY d.last_seen_at DESC, d.user_id LIMIT 1 \
     ON CONFLICT (project_id, user_id, browser_id) DO UPDATE SET network = excluded.network, asn = excluded.asn, \
     last_seen_at = CASE WHEN excluded.last_seen_at > presence.last_seen_at THEN excluded.last_seen_at ELSE presence.last_seen_at END",
);
static OF_USER: Sql = Sql::same(
    "SELECT p.browser_id, p.network, p.asn, d.device_type, d.fingerprint_id FROM presence p \
     JOIN devices d ON d.project_id = p.project_id AND d.user_id = p.user_id AND d.browser_id = p.browser_id \
     WHERE p.project_id = $1 AND p.user_id = (SELECT user_id FROM user_refs WHERE project_id = $1 AND kind = $2 AND ref = $3) \
     AND p.last_seen_at > $4 AND d.attached = 1 ORDER BY p.last_seen_at DESC LIMIT 20",
)
.for_many();
static FORGET: Sql = Sql::same("DELETE FROM presence WHERE project_id = $1 AND last_seen_at < $2");
static LOG_OUT: Sql = Sql::same(
    "INSERT INTO logouts (project_id, browser_id, user_id, at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project_id, browser_id, user_id) DO UPDATE SET \
     at = CASE WHEN excluded.at > logouts.at THEN excluded.at ELSE logouts.at + 1 END",
);
// Whoever has logged in there again since is not to be thrown out.
static LOGOUTS_OF: Sql = Sql::same(
    "SELECT l.at FROM logouts l WHERE l.project_id = $1 AND l.browser_id = $2 AND l.at > $3 AND NOT EXISTS \
     (SELECT 1 FROM devices d WHERE d.project_id = l.project_id AND d.user_id = l.user_id AND d.browser_id = l.browser_id \
     AND d.attached = 1) ORDER BY l.at",
);
static LOGOUTS_SINCE: Sql = Sql::same(
    "SELECT l.browser_id, l.at FROM logouts l WHERE l.project_id = $1 AND l.at > $2 AND NOT EXISTS \
     (SELECT 1 FROM devices d WHERE d.project_id = l.project_id AND d.user_id = l.user_id AND d.browser_id = l.browser_id \
     AND d.attached = 1) ORDER BY l.at",
);
static FORGET_LOGOUTS: Sql = Sql::same("DELETE FROM logouts WHERE project_id = $1 AND at < $2");

pub(crate) const ALL: &[&Sql] = &[&KEEP, &OF_USER, &FORGET, &LOG_OUT, &LOGOUTS_OF, &LOGOUTS_SINCE, &FORGET_LOGOUTS];

/// Says that a browser is there now; nothing where it is attached to nobody.
pub(crate) fn keep<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    browser: BrowserId,
    (network, asn): (&str, Option<u32>),
    now: Timestamp,
) {
    let asn = asn.map(i64::from).into();
    let browser = browser.to_bytes();
    tx.write(&KEEP, &[network.into(), asn, now.millis().into(), project.into(), (&browser).into()]);
}

/// The browsers in which the user has been since `since`, at most 20, the last seen first.
pub(crate) async fn of_user<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    by: &UserRef,
    since: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let params = [project.into(), by.kind.into(), by.value.as_str().into(), since.millis().into()];
    tx.read(&OF_USER, &params).await?.iter().map(decode).collect()
}

/// Removes what was last said before `before`.
pub(crate) async fn forget<T: Tx>(tx: &T, project: &[u8; 16], before: Timestamp) -> Result<u64, StoreError> {
    tx.claim(&FORGET, &[project.into(), before.millis().into()]).await
}

/// Writes down that the user was logged out of a browser.
pub(crate) fn log_out<T: Tx>(tx: &T, project: &[u8; 16], browser: BrowserId, user: UserId, now: Timestamp) {
    let (browser, user) = (browser.to_bytes(), user.to_bytes());
    tx.write(&LOG_OUT, &[project.into(), (&browser).into(), (&user).into(), now.millis().into()]);
}

/// When users were logged out of a browser, after `after`, who have not come back.
pub(crate) async fn logouts_of<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    browser: BrowserId,
    after: i64,
) -> Result<Vec<i64>, StoreError> {
    let rows = tx.read(&LOGOUTS_OF, &[project.into(), (&browser.to_bytes()).into(), after.into()]).await?;
    rows.iter().map(|row| row.int(0)).collect()
}

/// The same for every browser of the project.
pub(crate) async fn logouts_since<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    since: Timestamp,
) -> Result<Vec<(BrowserId, i64)>, StoreError> {
    let rows = tx.read(&LOGOUTS_SINCE, &[project.into(), since.millis().into()]).await?;
    rows.iter().map(|row| Ok((BrowserId::from_bytes(row.id(0)?), row.int(1)?))).collect()
}

/// Removes logouts before `before`.
pub(crate) async fn forget_logouts<T: Tx>(tx: &T, project: &[u8; 16], before: Timestamp) -> Result<u64, StoreError> {
    tx.claim(&FORGET_LOGOUTS, &[project.into(), before.millis().into()]).await
}

fn decode(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        browser: BrowserId::from_bytes(row.id(0)?),
        network: row.text(1)?.to_owned(),
        asn: row.opt_int(2)?.and_then(|asn| u32::try_from(asn).ok()),
        device_type: row.opt_text(3)?.and_then(type_of),
        fingerprint: row.opt_id(4)?.map(FingerprintId::from_bytes),
    })
}
