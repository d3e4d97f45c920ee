//! Challenges, and which one is open for a user's device.

use countersign_engine::{
    challenge::Challenge,
    id::{BrowserId, ChallengeId, EvaluationId, UserId},
    time::Timestamp,
};

use super::{json, to_json};
use crate::{Row, Sql, StoreError, Tx};

static SAVE: Sql = Sql::same(
    "INSERT INTO challenges (project_id, challenge_id, evaluation_id, body, updated_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (project_id, challenge_id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at, \
     ended_at = excluded.ended_at",
)
.for_many();
static READ: Sql = Sql::same("SELECT body FROM challenges WHERE project_id = $1 AND challenge_id = $2")
    .locking("FOR UPDATE")
    .for_many();
static OF_EVALUATION: Sql = Sql::same(
    "SELECT c.body FROM evaluations e JOIN challenges c ON c.project_id = e.project_id AND c.challenge_id = e.challenge_id \
     WHERE e.project_id = $1 AND e.evaluation_id = $2",
)
.for_many();
static OPEN: Sql = Sql::same(
    "SELECT c.body FROM open_challenges o JOIN challenges c ON c.project_id = o.project_id AND c.challenge_id = o.challenge_id \
     WHERE o.project_id = $1 AND o.user_id = (SELECT user_id FROM user_refs WHERE project_id = $1 AND kind = $2 AND ref = $3) \
     AND o.browser_id = $4",
)
.locking("FOR UPDATE OF c")
.for_many();
static SAVE_OPEN: Sql = Sql::same(
    "INSERT INTO open_challenges (project_id, user_id, browser_id, challenge_id) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project_id, user_id, browser_id) DO UPDATE SET challenge_id = excluded.challenge_id",
)
.for_many();

pub(crate) const ALL: &[&Sql] = &[&SAVE, &READ, &OF_EVALUATION, &OPEN, &SAVE_OPEN];

/// Writes a challenge.
pub(crate) fn save<T: Tx>(tx: &T, project: &[u8; 16], challenge: &Challenge) -> Result<(), StoreError> {
    let body = to_json(challenge, "challenge")?;
    tx.write(
        &SAVE,
        &[
            project.into(),
            (&challenge.id.to_bytes()).into(),
            (&challenge.evaluation_id.to_bytes()).into(),
            body.as_str().into(),
            challenge.updated_at.millis().into(),
            challenge.ended_at().map(Timestamp::millis).into(),
        ],
    );
    Ok(())
}

/// The challenge with that id, as it stands at `now`, to be looked at.
pub(crate) async fn read<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: ChallengeId,
    now: Timestamp,
) -> Result<Option<Challenge>, StoreError> {
    decode(&tx.read(&READ, &[project.into(), (&id.to_bytes()).into()]).await?, now)
}

/// The challenge that an evaluation led to, as it stands at `now`, to be looked at.
pub(crate) async fn of_evaluation<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: EvaluationId,
    now: Timestamp,
) -> Result<Option<Challenge>, StoreError> {
    decode(&tx.read(&OF_EVALUATION, &[project.into(), (&id.to_bytes()).into()]).await?, now)
}

/// The challenge with that id, as it stands at `now`, to be changed: nobody else does until the transaction ends.
pub(crate) async fn hold<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: ChallengeId,
    now: Timestamp,
) -> Result<Option<Challenge>, StoreError> {
    decode(&tx.read_locked(&READ, &[project.into(), (&id.to_bytes()).into()]).await?, now)
}

fn decode(rows: &[Row], now: Timestamp) -> Result<Option<Challenge>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(json::<Challenge>(row.text(0)?, "challenge")?.settled(now)))
}

/// The last challenge of the user that `by` refers to on that browser, as it stands at `now`, to be changed.
pub(crate) async fn open<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    by: &super::user::UserRef,
    browser: BrowserId,
    now: Timestamp,
) -> Result<Option<Challenge>, StoreError> {
    let browser = browser.to_bytes();
    let params = [project.into(), by.kind.into(), by.value.as_str().into(), (&browser).into()];
    decode(&tx.read_locked(&OPEN, &params).await?, now)
}

/// Remembers which challenge is the user's last on that browser.
pub(crate) fn save_open<T: Tx>(tx: &T, project: &[u8; 16], user: UserId, browser: BrowserId, challenge: ChallengeId) {
    let (user, browser, challenge) = (user.to_bytes(), browser.to_bytes(), challenge.to_bytes());
    tx.write(&SAVE_OPEN, &[project.into(), (&user).into(), (&browser).into(), (&challenge).into()]);
}
