//! Evaluations: the immutable snapshot, and what happens to it later.

use countersign_engine::{
    evaluation::Evaluation,
    id::{ChallengeId, EvaluationId},
    time::Timestamp,
};

use super::{json, to_json};
use crate::{Row, Sql, StoreError, Tx, Value};

static INSERT: Sql = Sql::same(
    "INSERT INTO evaluations (project_id, evaluation_id, challenge_id, body, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $5)",
)
.for_many();
static READ: Sql = Sql::same(
    "SELECT body, consumed_at, consumed_key, label, note, updated_at FROM evaluations \
     WHERE project_id = $1 AND evaluation_id = $2",
)
.for_many();
// The guard makes single use a matter of construction: whoever changes the row is the one who claimed it.
static CLAIM: Sql = Sql::same(
    "UPDATE evaluations SET consumed_at = $1, consumed_key = $2, updated_at = $1 \
     WHERE project_id = $3 AND evaluation_id = $4 AND consumed_at IS NULL",
)
.for_many();
// The same for one whose time is known to have come without reading it first: it has no challenge, or one that has ended.
static CLAIM_ENDED: Sql = Sql::same(
    "UPDATE evaluations SET consumed_at = $1, consumed_key = $2, updated_at = $1 \
     WHERE project_id = $3 AND evaluation_id = $4 AND consumed_at IS NULL \
     AND CASE WHEN challenge_id IS NULL THEN created_at ELSE (SELECT c.ended_at FROM challenges c \
     WHERE c.project_id = evaluations.project_id AND c.challenge_id = evaluations.challenge_id) END >= $5",
)
.for_many();
static LABEL: Sql = Sql::same(
    "UPDATE evaluations SET label = $1, note = $2, updated_at = $3 WHERE project_id = $4 AND evaluation_id = $5",
);

pub(crate) const ALL: &[&Sql] = &[&INSERT, &READ, &CLAIM, &CLAIM_ENDED, &LABEL];

/// An evaluation as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvaluation {
    /// The snapshot.
    pub evaluation: Evaluation,
    /// When it was claimed.
    pub consumed_at: Option<Timestamp>,
    /// By what the call that claimed it is known: SHA-256 of its idempotency key, or chance.
    pub consumed_key: Option<[u8; 32]>,
    /// What it turned out to be.
    pub label: Option<String>,
    /// What was noted with that.
    pub note: Option<String>,
    /// When any of this last changed.
    pub updated_at: Timestamp,
}

/// Writes a new evaluation.
pub(crate) fn insert<T: Tx>(tx: &T, project: &[u8; 16], evaluation: &Evaluation) -> Result<(), StoreError> {
    let body = to_json(evaluation, "evaluation")?;
    let challenge = evaluation.challenge_id.map(ChallengeId::to_bytes);
    tx.write(
        &INSERT,
        &[
            project.into(),
            (&evaluation.id.to_bytes()).into(),
            challenge.as_ref().map_or(Value::Null, Into::into),
            body.as_str().into(),
            evaluation.created_at.millis().into(),
        ],
    );
    Ok(())
}

/// The evaluation with that id.
pub(crate) async fn read<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: EvaluationId,
) -> Result<Option<StoredEvaluation>, StoreError> {
    let rows = tx.read(&READ, &[project.into(), (&id.to_bytes()).into()]).await?;
    rows.first().map(decode).transpose()
}

/// Claims one that was read as not claimed yet.
pub(crate) fn claim<T: Tx>(tx: &T, project: &[u8; 16], id: EvaluationId, key: &[u8; 32], now: Timestamp) {
    tx.write_guarded(&CLAIM, &[now.millis().into(), key.into(), project.into(), (&id.to_bytes()).into()]);
}

/// Claims one, whatever it is, if it is not claimed yet and has no challenge or one that has ended, at `since` or later;
/// tells whether it was.
pub(crate) async fn claim_ended<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: EvaluationId,
    key: &[u8; 32],
    (since, now): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let id = id.to_bytes();
    let params = [now.millis().into(), key.into(), project.into(), (&id).into(), since.millis().into()];
    Ok(tx.claim_at_once(&CLAIM_ENDED, &params).await? == 1)
}

/// Says what it turned out to be.
pub(crate) fn label<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    id: EvaluationId,
    (label, note): (&str, Option<&str>),
    now: Timestamp,
) {
    tx.write(&LABEL, &[label.into(), note.into(), now.millis().into(), project.into(), (&id.to_bytes()).into()]);
}

fn decode(row: &Row) -> Result<StoredEvaluation, StoreError> {
    let key = row
        .opt_bytes(2)?
        .map(|bytes| <[u8; 32]>::try_from(bytes).map_err(|_| StoreError::Corrupt { what: "idempotency key hash" }));
    Ok(StoredEvaluation {
        evaluation: json(row.text(0)?, "evaluation")?,
        consumed_at: row.opt_int(1)?.map(Timestamp::from_millis),
        consumed_key: key.transpose()?,
        label: row.opt_text(3)?.map(Into::into),
        note: row.opt_text(4)?.map(Into::into),
        updated_at: Timestamp::from_millis(row.int(5)?),
    })
}
