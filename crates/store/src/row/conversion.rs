//! Browsers that were shown the page of a shared account, and who signed up in one of them afterwards.

use countersign_engine::{
    conversion::Shown,
    event::Event,
    id::{BrowserId, EvaluationId, UserId},
    time::{DAY, Timestamp},
};

use crate::{Row, Sql, StoreError, Tx};

static SHOW: Sql = Sql::same(
    "INSERT INTO shared_browsers (project_id, browser_id, user_id, shown_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project_id, browser_id) DO UPDATE SET user_id = excluded.user_id, shown_at = excluded.shown_at",
);
static SHOWN: Sql =
    Sql::same("SELECT user_id, shown_at FROM shared_browsers WHERE project_id = $1 AND browser_id = $2").for_many();
// Once for each user, whatever is tried again.
static CONVERT: Sql = Sql::same(
    "INSERT INTO conversions (project_id, user_id, from_user_id, evaluation_id, shown_at, converted_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project_id, user_id) DO NOTHING",
)
.for_many();
static SHOWN_BY_DAY: Sql = Sql::same(
    "SELECT shown_at / 86400000, count(*) FROM shared_browsers WHERE project_id = $1 AND shown_at >= $2 AND shown_at < $3 \
     GROUP BY shown_at / 86400000",
);
static CONVERTED_BY_DAY: Sql = Sql::same(
    "SELECT converted_at / 86400000, count(*) FROM conversions WHERE project_id = $1 AND converted_at >= $2 AND converted_at < $3 \
     GROUP BY converted_at / 86400000",
);
static FORGET_SHOWN: Sql = Sql::same("DELETE FROM shared_browsers WHERE project_id = $1 AND shown_at < $2");
static FORGET_CONVERTED: Sql = Sql::same("DELETE FROM conversions WHERE project_id = $1 AND converted_at < $2");

pub(crate) const ALL: &[&Sql] =
    &[&SHOW, &SHOWN, &CONVERT, &SHOWN_BY_DAY, &CONVERTED_BY_DAY, &FORGET_SHOWN, &FORGET_CONVERTED];

/// Remembers that the browser was shown the page of that user's account.
pub(crate) fn show<T: Tx>(tx: &T, project: &[u8; 16], browser: BrowserId, user: UserId, now: Timestamp) {
    let (browser, user) = (browser.to_bytes(), user.to_bytes());
    tx.write(&SHOW, &[project.into(), (&browser).into(), (&user).into(), now.millis().into()]);
}

/// Whether and when the browser was shown such a page.
pub(crate) async fn shown<T: Tx>(tx: &T, project: &[u8; 16], browser: BrowserId) -> Result<Option<Shown>, StoreError> {
    let rows = tx.read(&SHOWN, &[project.into(), (&browser.to_bytes()).into()]).await?;
    let decode =
        |row: &Row| Ok(Shown { user: UserId::from_bytes(row.id(0)?), at: Timestamp::from_millis(row.int(1)?) });
    rows.first().map(decode).transpose()
}

/// Writes down that the user came from there, and tells it.
pub(crate) fn convert<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: UserId,
    shown: &Shown,
    (evaluation, now): (EvaluationId, Timestamp),
) -> Result<(), StoreError> {
    super::event::tell_once(tx, project, &Event::converted(user, shown.user), (shown.at, now))?;
    let (user, from, evaluation) = (user.to_bytes(), shown.user.to_bytes(), evaluation.to_bytes());
    let (at, now) = (shown.at.millis(), now.millis());
    tx.write(&CONVERT, &[project.into(), (&user).into(), (&from).into(), (&evaluation).into(), at.into(), now.into()]);
    Ok(())
}

/// How many by the day: the day's midnight, and the number.
pub(crate) type ByDay = Vec<(Timestamp, u64)>;

/// Browsers that were shown such a page, and users who came from one, from `from` to before `to`.
pub(crate) async fn by_day<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    (from, to): (Timestamp, Timestamp),
) -> Result<(ByDay, ByDay), StoreError> {
    let params = [project.into(), from.millis().into(), to.millis().into()];
    let (shown, converted) =
        futures_util::try_join!(tx.read(&SHOWN_BY_DAY, &params), tx.read(&CONVERTED_BY_DAY, &params))?;
    let decode = |row: &Row| {
        let count = u64::try_from(row.int(1)?).map_err(|_| StoreError::Corrupt { what: "a count" })?;
        Ok((Timestamp::from_millis(row.int(0)?.saturating_mul(DAY)), count))
    };
    let all = |rows: Vec<Row>| rows.iter().map(decode).collect::<Result<ByDay, StoreError>>();
    Ok((all(shown)?, all(converted)?))
}

/// Removes what is older than `before`.
pub(crate) fn forget<T: Tx>(tx: &T, project: &[u8; 16], before: Timestamp) {
    tx.write(&FORGET_SHOWN, &[project.into(), before.millis().into()]);
    tx.write(&FORGET_CONVERTED, &[project.into(), before.millis().into()]);
}
