//! A SQLite file that is moved from or to. Nobody else may have it open meanwhile: a server that went on writing would
//! write what the move has passed already. Knows nothing of the order in which a move does things.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{
    connection::{SETTINGS, is_busy, make_private, patiently, store_error},
    migrate,
    session::own,
};
use crate::{
    MIGRATIONS, MoveError, Row, StoreError,
    migration::{Applied, MOVING, OpenError},
    moving::{
        Mark,
        table::{self, Batch, Table},
    },
    tx::{Faults, Owned},
};

/// How long to wait for another process that is just closing the file.
const PATIENCE: Duration = Duration::from_secs(2);

const TABLES: &str = "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT IN ('schema_migrations', 'moving') \
     ORDER BY t.name, c.name";

/// A file that nobody else has open.
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Connection,
    turn: i64,
}

impl Sqlite {
    /// A file that is there.
    pub(crate) fn source(path: &Path) -> Result<Self, MoveError> {
        match path.try_exists() {
            Ok(true) => Self::open(path),
            Ok(false) => Err(MoveError::Missing { path: path.display().to_string() }),
            Err(error) => Err(OpenError::unusable(&path.display(), &error).into()),
        }
    }

    /// A file that is made where there is none.
    pub(crate) fn target(path: &Path) -> Result<Self, MoveError> {
        let unusable = |error: std::io::Error| OpenError::unusable(&path.display(), &error);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        make_private(path).map_err(unusable)?;
        Self::open(path)
    }

    fn open(path: &Path) -> Result<Self, MoveError> {
        let path = path.canonicalize().map_err(|error| OpenError::unusable(&path.display(), &error))?;
        let told = |error: rusqlite::Error| {
            if is_busy(&error) {
                MoveError::InUse { path: path.display().to_string(), by: String::new() }
            } else {
                OpenError::unusable(&path.display(), &error).into()
            }
        };
        // What isn't ours must stay as it is, and to turn the log on is a change.
        if look(&path).map_err(told)?.is_none() {
            return Err(OpenError::Foreign { path: path.display().to_string() }.into());
        }
        let connection = connect_alone(&path).map_err(told)?;
        Ok(Self { path, connection, turn: 0 })
    }

    /// The file, with its whole path.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Brings the schema to the newest step.
    pub(crate) fn migrate(&self) -> Result<(), OpenError> {
        migrate::run(&self.connection, &self.path, MIGRATIONS, PATIENCE)
    }

    /// The steps that the schema took.
    pub(crate) fn applied(&self) -> Result<Applied, StoreError> {
        migrate::applied(&self.connection).map_err(store_error)
    }

    /// What is moved.
    pub(crate) fn tables(&self) -> Result<Vec<Table>, StoreError> {
        table::tables(&self.query(TABLES, &[])?)
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &Table) -> Result<u64, StoreError> {
        let rows = self.query(&table.count(), &[])?;
        rows.first().map_or(Ok(0), |row| Ok(u64::try_from(row.int(0)?).unwrap_or_default()))
    }

    /// A batch of rows in the order of their keys, from the first or after one.
    pub(crate) fn rows(&self, table: &Table, after: Option<&[Owned]>) -> Result<Vec<Row>, StoreError> {
        self.query(&table.select(after.is_some()), after.unwrap_or_default())
    }

    /// The first table that has rows, if one has.
    pub(crate) fn filled(&self, tables: &[Table]) -> Result<Option<String>, StoreError> {
        for table in tables {
            if self.query(&table.any(), &[])?.first().map_or(Ok(0), |row| row.int(0))? > 0 {
                return Ok(Some(table.name.clone()));
            }
        }
        Ok(None)
    }

    /// Marks an empty target; the table that isn't, if one isn't.
    pub(crate) fn begin(&self, source: &str, tables: &[Table]) -> Result<Option<String>, StoreError> {
        self.together(|| {
            if let Some(table) = self.filled(tables)? {
                return Ok(Some(table));
            }
            self.connection.execute_batch(table::SQLITE_BEGIN).map_err(store_error)?;
            self.execute(table::MARK, &[Owned::Text(source.to_owned())])?;
            self.execute(table::SHUT, &[Owned::Int(MOVING)])?;
            Ok(None)
        })
    }

    /// Where the move stands; from now on it is ours.
    pub(crate) fn resume(&mut self) -> Result<Mark, StoreError> {
        let (turn, mark) = table::taken(&self.together(|| self.query(table::TAKE, &[]))?)?;
        self.turn = turn;
        Ok(mark)
    }

    /// Writes a batch and the mark after it; whether the move is still ours.
    pub(crate) fn put(&self, table: &Table, rows: &[Row], mark: &Mark) -> Result<bool, StoreError> {
        self.together(|| {
            let ours = self.execute(table::STEP, &table::step(mark, self.turn))? == 1;
            let insert = table.insert();
            for row in rows.iter().filter(|_| ours) {
                self.execute(&insert, &row.0)?;
            }
            Ok(ours)
        })
    }

    /// Takes the mark away: servers may open it.
    pub(crate) fn finish(&self, _tables: &[Table]) -> Result<(), StoreError> {
        self.together(|| {
            self.connection.execute_batch(table::END).map_err(store_error)?;
            self.execute(table::OPEN, &[Owned::Int(MOVING)]).map(drop)
        })
    }

    /// Runs `work` in one transaction.
    fn together<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(store_error)?;
        let done = work().and_then(|done| self.connection.execute_batch("COMMIT").map_err(store_error).map(|()| done));
        if done.is_err() {
            // It may have been rolled back by what failed: then there is nothing left to do.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    fn query(&self, text: &str, params: &[Owned]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(text).map_err(store_error)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params.iter().map(Owned::lent))).map_err(store_error)?;
        let mut batch = Batch::default();
        while let Some(row) = rows.next().map_err(store_error)? {
            let values = (0..columns).map(|place| row.get_ref(place).map_err(store_error).and_then(own));
            if !batch.take(Row(values.collect::<Result<_, _>>()?)) {
                break;
            }
        }
        Ok(batch.rows)
    }

    fn execute(&self, text: &str, params: &[Owned]) -> Result<usize, StoreError> {
        let mut statement = self.connection.prepare_cached(text).map_err(store_error)?;
        statement.execute(params_from_iter(params.iter().map(Owned::lent))).map_err(|error| match store_error(error) {
            // SQLite's own words name the place and no value.
            StoreError::Failed(Faults(what)) => StoreError::Failed(Faults(format!("a row was refused: {what}"))),
            other => other,
        })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// The steps that a file took, without changing a byte of it.
fn look(path: &Path) -> rusqlite::Result<Applied> {
    let connection = connect(path)?;
    patiently(PATIENCE, || migrate::applied(&connection))
}

/// A connection beside which there is no other, in this process or another, for as long as it is open.
fn connect_alone(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    // Asked for before the log is touched, this locks the file itself, of which everybody who has it open holds a share.
    let alone = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT";
    patiently(PATIENCE, || connection.execute_batch(alone))?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}
