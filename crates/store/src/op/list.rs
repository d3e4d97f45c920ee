//! Entries of lists.

use countersign_engine::{
    id::{ListId, ProjectId},
    time::Timestamp,
};

use crate::{Operation, Sql, StoreError, Tx, Value};

static SAVE: Sql = Sql::same(
    "INSERT INTO list_entries (project_id, list_id, value, note, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (project_id, list_id, value) DO UPDATE SET note = excluded.note, expires_at = excluded.expires_at",
);
static DELETE: Sql = Sql::same("DELETE FROM list_entries WHERE project_id = $1 AND list_id = $2 AND value = $3");
static READ: Sql = Sql::same(
    "SELECT value, note, expires_at FROM list_entries WHERE project_id = $1 AND list_id = $2 AND value > $3 \
     ORDER BY value LIMIT 1000",
);
// The candidates come as a JSON array: one value, or every network that an address could be in.
static CONTAINS: Sql = Sql::each(
    "SELECT 1 FROM list_entries WHERE project_id = $1 AND list_id = $2 AND value IN (SELECT value FROM json_each($3)) \
     AND (expires_at IS NULL OR expires_at > $4) LIMIT 1",
    "SELECT 1::bigint FROM list_entries WHERE project_id = $1 AND list_id = $2 AND value IN \
     (SELECT jsonb_array_elements_text($3::text::jsonb)) AND (expires_at IS NULL OR expires_at > $4) LIMIT 1",
)
.for_many();

pub(crate) const ALL: &[&Sql] = &[&SAVE, &DELETE, &READ, &CONTAINS];

/// Whether any of `candidates` is on the list.
pub(crate) async fn contains<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    list: ListId,
    candidates: &[String],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let candidates = crate::row::to_json(&candidates, "list values")?;
    let list = list.to_bytes();
    let params = [project.into(), (&list).into(), candidates.as_str().into(), now.millis().into()];
    Ok(!tx.read(&CONTAINS, &params).await?.is_empty())
}

/// Adds a value to a list, without an end.
pub(crate) fn add<T: Tx>(tx: &T, project: &[u8; 16], list: ListId, value: &str, note: &str, now: Timestamp) {
    let list = list.to_bytes();
    tx.write(&SAVE, &[project.into(), (&list).into(), value.into(), note.into(), Value::Null, now.millis().into()]);
}

/// Takes a value from a list.
pub(crate) fn remove<T: Tx>(tx: &T, project: &[u8; 16], list: ListId, value: &str) {
    tx.write(&DELETE, &[project.into(), (&list.to_bytes()).into(), value.into()]);
}

/// An entry of a list, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value, in its canonical spelling.
    pub value: String,
    /// Why it is there.
    pub note: Option<String>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// What changes about a list's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// The list.
    pub list: ListId,
    /// Entries to add or replace.
    pub add: Vec<Entry>,
    /// Values to remove.
    pub remove: Vec<String>,
}

/// Changes a list's entries.
pub(crate) fn change<T: Tx>(tx: &T, project: &[u8; 16], change: &ListChange, now: Timestamp) {
    let list = change.list.to_bytes();
    for entry in &change.add {
        let expires_at = entry.expires_at.map(Timestamp::millis);
        let (value, note) = (entry.value.as_str(), entry.note.as_deref());
        let params =
            [project.into(), (&list).into(), value.into(), note.into(), expires_at.into(), now.millis().into()];
        tx.write(&SAVE, &params);
    }
    for value in &change.remove {
        remove(tx, project, change.list, value);
    }
}

/// Reads up to 1,000 entries, in the order of their values.
#[derive(Clone, Debug)]
pub struct ReadListEntries {
    /// The project.
    pub project: ProjectId,
    /// The list.
    pub list: ListId,
    /// Those after this value; empty for the first.
    pub after: String,
}

impl Operation for ReadListEntries {
    type Out = Vec<Entry>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<Entry>, StoreError> {
        let (project, list) = (self.project.to_bytes(), self.list.to_bytes());
        let rows = tx.read(&READ, &[(&project).into(), (&list).into(), self.after.as_str().into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Entry {
                    value: row.text(0)?.to_owned(),
                    note: row.opt_text(1)?.map(Into::into),
                    expires_at: row.opt_int(2)?.map(Timestamp::from_millis),
                })
            })
            .collect()
    }
}
