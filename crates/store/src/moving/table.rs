//! What is moved, as both databases describe themselves, so that a table that is added later is moved as well; and the
//! statements for it. The mark that a target carries stands here too.

use std::collections::BTreeMap;

use super::{Mark, sum};
use crate::{Row, StoreError, tx::Owned};

/// Rows in one batch at most.
const BATCH: usize = 1_000;

/// Bytes after which a batch is full, however few its rows: what a move needs in memory doesn't grow with the rows.
const BATCH_BYTES: usize = 4 << 20;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A table: its columns by name, and which of them, in which order, are its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    key: Vec<usize>,
}

/// Every table of the product and no other, in order, from rows of (table, column, its type, its place in the key or 0)
/// that come in the order of their names.
pub(crate) fn tables(described: &[Row]) -> Result<Vec<Table>, StoreError> {
    let mut found: BTreeMap<String, (Vec<Column>, BTreeMap<i64, usize>)> = BTreeMap::new();
    for row in described {
        let (columns, key) = found.entry(row.text(0)?.to_owned()).or_default();
        let kind = match row.text(2)?.to_lowercase().as_str() {
            "integer" | "bigint" => Kind::Int,
            "text" => Kind::Text,
            "blob" | "bytea" => Kind::Bytes,
            _ => return Err(StoreError::Corrupt { what: "a column of a kind that we don't write" }),
        };
        if row.int(3)? > 0 {
            key.insert(row.int(3)?, columns.len());
        }
        columns.push(Column { name: row.text(1)?.to_owned(), kind });
    }
    let table = |(name, (columns, key)): (String, (Vec<Column>, BTreeMap<_, _>))| {
        if key.is_empty() {
            return Err(StoreError::Corrupt { what: "a table without a key" });
        }
        Ok(Table { name, columns, key: key.into_values().collect() })
    };
    found.into_iter().map(table).collect()
}

impl Table {
    /// The columns of the key, in its order.
    pub(crate) fn key(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|place| self.columns.get(*place))
    }

    /// A row's key.
    pub(crate) fn key_of(&self, row: &Row) -> Vec<Owned> {
        self.key.iter().filter_map(|place| row.0.get(*place).cloned()).collect()
    }

    /// The names of all columns, as a list.
    pub(crate) fn list(&self) -> String {
        listed(self.columns.iter().map(|column| quoted(&column.name)))
    }

    /// A batch of rows in the order of their keys: the first, or the next after a key.
    pub(crate) fn select(&self, after: bool) -> String {
        let key = listed(self.key().map(|column| quoted(&column.name)));
        let places = listed((1..=self.key.len()).map(|place| format!("${place}")));
        let after = if after { format!(" WHERE ({key}) > ({places})") } else { String::new() };
        format!("SELECT {} FROM {}{after} ORDER BY {key} LIMIT {BATCH}", self.list(), quoted(&self.name))
    }

    /// Writes a row.
    pub(crate) fn insert(&self) -> String {
        let places = listed((1..=self.columns.len()).map(|place| format!("${place}")));
        format!("INSERT INTO {} ({}) VALUES ({places})", quoted(&self.name), self.list())
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> String {
        format!("SELECT count(*) FROM {}", quoted(&self.name))
    }

    /// 1 if there is a row, else 0.
    pub(crate) fn any(&self) -> String {
        format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1) AS one", quoted(&self.name))
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Rows until a batch is full.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    bytes: usize,
}

impl Batch {
    /// Takes a row; whether there is room for more.
    pub(crate) fn take(&mut self, row: Row) -> bool {
        let size = |value: &Owned| match value {
            Owned::Text(text) => text.len(),
            Owned::Bytes(bytes) => bytes.len(),
            Owned::Int(_) | Owned::Null => 8,
        };
        self.bytes += row.0.iter().map(size).sum::<usize>();
        self.rows.push(row);
        self.bytes < BATCH_BYTES
    }
}

/// Makes the mark's table and the mark: SQLite's text. `turn` counts who took the move over, so that one who was taken
/// for dead writes nothing more.
pub(crate) const SQLITE_BEGIN: &str = "CREATE TABLE moving (source TEXT NOT NULL, turn INTEGER NOT NULL, \
     at_table TEXT NOT NULL, after_key BLOB, copied INTEGER NOT NULL) STRICT";
/// PostgreSQL's text.
pub(crate) const POSTGRES_BEGIN: &str = "CREATE TABLE moving (source TEXT NOT NULL, turn BIGINT NOT NULL, \
     at_table TEXT NOT NULL, after_key BYTEA, copied BIGINT NOT NULL)";
/// The first mark.
pub(crate) const MARK: &str =
    "INSERT INTO moving (source, turn, at_table, after_key, copied) VALUES ($1, 0, '', NULL, 0)";
/// Shuts every server out, those of older versions too: none opens a schema that is newer than its own.
pub(crate) const SHUT: &str = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, 'moving', '')";
/// Takes the move over.
pub(crate) const TAKE: &str = "UPDATE moving SET turn = turn + 1 RETURNING turn, source, at_table, after_key, copied";
/// The next mark, if nobody else has taken the move over.
pub(crate) const STEP: &str = "UPDATE moving SET at_table = $1, after_key = $2, copied = $3 WHERE turn = $4";
/// Lets servers in.
pub(crate) const OPEN: &str = "DELETE FROM schema_migrations WHERE number = $1";
/// Nothing is left of the move.
pub(crate) const END: &str = "DROP TABLE moving";

/// The turn and the mark that [`TAKE`] answers.
pub(crate) fn taken(rows: &[Row]) -> Result<(i64, Mark), StoreError> {
    let row = rows.first().ok_or(StoreError::Corrupt { what: "the mark of a move" })?;
    let mark = Mark {
        source: row.text(1)?.to_owned(),
        table: row.text(2)?.to_owned(),
        after: row.opt_bytes(3)?.map(sum::unframed).transpose()?,
        copied: u64::try_from(row.int(4)?).unwrap_or_default(),
    };
    Ok((row.int(0)?, mark))
}

/// What [`STEP`] is told.
pub(crate) fn step(mark: &Mark, turn: i64) -> [Owned; 4] {
    let after = mark.after.as_deref().map_or(Owned::Null, |key| Owned::Bytes(sum::framed(key)));
    let copied = i64::try_from(mark.copied).unwrap_or(i64::MAX);
    [Owned::Text(mark.table.clone()), after, Owned::Int(copied), Owned::Int(turn)]
}
