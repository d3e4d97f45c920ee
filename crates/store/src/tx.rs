//! The whole of what an operation sees of a database: four kinds of values, rows, four verbs.

use std::{collections::BTreeSet, fmt};

use sha2::{Digest, Sha256};

/// A value on its way to the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An integer; times are milliseconds, truth is 0 or 1.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Nothing.
    Null,
}

impl Value<'_> {
    /// The same value, kept.
    pub(crate) fn kept(self) -> Owned {
        match self {
            Self::Int(value) => Owned::Int(value),
            Self::Text(text) => Owned::Text(text.to_owned()),
            Self::Bytes(bytes) => Owned::Bytes(bytes.to_vec()),
            Self::Null => Owned::Null,
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value that came from the database, or waits to be sent there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owned {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Null,
}

impl Owned {
    /// The same value, lent.
    pub(crate) fn lent(&self) -> Value<'_> {
        match self {
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Null => Value::Null,
        }
    }
}

/// Shows what kind of value it is and never the value: a driver that logs what it sends must not log people's addresses.
impl fmt::Debug for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(_) => f.write_str("an integer"),
            Self::Text(text) => write!(f, "{} bytes of text", text.len()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Null => f.write_str("null"),
        }
    }
}

/// A row: read by the column's place, checked for its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row(pub(crate) Vec<Owned>);

const WRONG_KIND: StoreError = StoreError::Corrupt { what: "a column of another kind" };

impl Row {
    fn at(&self, place: usize) -> Result<&Owned, StoreError> {
        self.0.get(place).ok_or(StoreError::Corrupt { what: "a missing column" })
    }

    /// An integer, or nothing.
    pub fn opt_int(&self, place: usize) -> Result<Option<i64>, StoreError> {
        match self.at(place)? {
            Owned::Int(value) => Ok(Some(*value)),
            Owned::Null => Ok(None),
            Owned::Text(_) | Owned::Bytes(_) => Err(WRONG_KIND),
        }
    }

    /// An integer.
    pub fn int(&self, place: usize) -> Result<i64, StoreError> {
        self.opt_int(place)?.ok_or(WRONG_KIND)
    }

    /// 0 or 1.
    pub fn bool(&self, place: usize) -> Result<bool, StoreError> {
        Ok(self.int(place)? != 0)
    }

    /// Text, or nothing.
    pub fn opt_text(&self, place: usize) -> Result<Option<&str>, StoreError> {
        match self.at(place)? {
            Owned::Text(value) => Ok(Some(value)),
            Owned::Null => Ok(None),
            Owned::Int(_) | Owned::Bytes(_) => Err(WRONG_KIND),
        }
    }

    /// Text.
    pub fn text(&self, place: usize) -> Result<&str, StoreError> {
        self.opt_text(place)?.ok_or(WRONG_KIND)
    }

    /// Bytes, or nothing.
    pub fn opt_bytes(&self, place: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.at(place)? {
            Owned::Bytes(value) => Ok(Some(value)),
            Owned::Null => Ok(None),
            Owned::Int(_) | Owned::Text(_) => Err(WRONG_KIND),
        }
    }

    /// Bytes.
    pub fn bytes(&self, place: usize) -> Result<&[u8], StoreError> {
        self.opt_bytes(place)?.ok_or(WRONG_KIND)
    }

    /// The 16 bytes of an id, or nothing.
    pub fn opt_id(&self, place: usize) -> Result<Option<[u8; 16]>, StoreError> {
        self.opt_bytes(place)?.map(|bytes| bytes.try_into().map_err(|_| WRONG_KIND)).transpose()
    }

    /// The 16 bytes of an id.
    pub fn id(&self, place: usize) -> Result<[u8; 16], StoreError> {
        self.opt_id(place)?.ok_or(WRONG_KIND)
    }
}

/// A statement: constant text, so that it is prepared once. Parameters are `$1`, `$2`, … in the order of their first use.
#[derive(Debug, PartialEq, Eq)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
    locking: Option<&'static str>,
    for_many: bool,
}

impl Sql {
    /// A statement that both databases understand.
    pub const fn same(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text, locking: None, for_many: false }
    }

    /// A statement that must differ.
    pub const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres, locking: None, for_many: false }
    }

    /// The same statement, which PostgreSQL may be sent once for many operations of a transaction. Only where no two of
    /// them write the same row, in whatever order, and the rows that one reads need no order.
    #[must_use]
    pub const fn for_many(self) -> Self {
        Self { for_many: true, ..self }
    }

    /// The same statement, fit for [`Tx::read_locked`]: on PostgreSQL `clause` then follows its text. SQLite has one
    /// writer and needs none.
    #[must_use]
    pub const fn locking(self, clause: &'static str) -> Self {
        Self { locking: Some(clause), ..self }
    }

    /// SQLite's text.
    pub const fn sqlite(&self) -> &'static str {
        self.sqlite
    }

    /// PostgreSQL's text.
    pub const fn postgres(&self) -> &'static str {
        self.postgres
    }

    /// What follows PostgreSQL's text when it reads rows to hold them.
    pub const fn locking_clause(&self) -> Option<&'static str> {
        self.locking
    }

    /// Whether it may be sent once for many operations.
    pub const fn is_for_many(&self) -> bool {
        self.for_many
    }
}

/// A row that is read whole, changed and written back whole, under its key; and that operations of one transaction may
/// share: each sees what the one before wrote, and the database is asked and told once.
#[derive(Debug)]
pub struct StateRow {
    /// Reads it, given the project, the kind and the key.
    pub read: Sql,
    /// Writes it, given the same and then its columns, in the order in which `read` answers them.
    pub save: Sql,
}

/// Which row of state.
#[derive(Clone, Copy, Debug)]
pub struct StateKey<'a> {
    /// The project that it belongs to.
    pub project: &'a [u8; 16],
    /// What kind of thing it tells of.
    pub kind: &'a str,
    /// Which of them.
    pub key: &'a str,
}

impl<'a> StateKey<'a> {
    /// The number by which it is held. Two that are alike by chance only wait for each other needlessly.
    pub(crate) fn number(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.project);
        hash.update((self.kind.len() as u64).to_be_bytes());
        hash.update(self.kind);
        hash.update(self.key);
        let digest: [u8; 32] = hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(digest.split_at(8).0);
        i64::from_be_bytes(first)
    }

    pub(crate) fn params(&self) -> [Value<'a>; 3] {
        [self.project.into(), self.kind.into(), self.key.into()]
    }
}

/// What an operation must have to itself while it runs, known before it reads anything. On PostgreSQL the keys of all
/// operations of a transaction are taken at its beginning in one order, so that nobody waits in a circle; a row that
/// doesn't exist yet can be held this way too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    alone: BTreeSet<i64>,
    shared: BTreeSet<i64>,
}

impl Keys {
    /// Asks for a key that no other operation has at the same time.
    pub fn hold(&mut self, project: &[u8; 16], kind: &str, key: &str) {
        self.alone.insert(StateKey { project, kind, key }.number());
    }

    /// Asks for the row of state of that key: operations of one transaction have it one after the other.
    pub fn share(&mut self, key: &StateKey<'_>) {
        self.shared.insert(key.number());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.alone.is_empty() && self.shared.is_empty()
    }

    /// What no other operation may have at the same time.
    pub(crate) const fn alone(&self) -> &BTreeSet<i64> {
        &self.alone
    }

    /// All of them, those in both ways twice.
    pub(crate) fn all(&self) -> impl Iterator<Item = &i64> {
        self.alone.iter().chain(&self.shared)
    }

    /// What operations of one transaction may have one after the other.
    pub(crate) const fn shared(&self) -> &BTreeSet<i64> {
        &self.shared
    }

    /// Asks for all that `other` does, too.
    pub(crate) fn join(&mut self, other: &Self) {
        self.alone.extend(&other.alone);
        self.shared.extend(&other.shared);
    }

    /// The keys in their one order, as PostgreSQL is told them.
    pub(crate) fn in_order(&self) -> String {
        let keys: Vec<_> = self.alone.union(&self.shared).map(ToString::to_string).collect();
        keys.join(",")
    }
}

/// A transaction, as an operation sees it. `&self`, so that reads that don't wait for each other can be joined.
///
/// Once a statement has failed the transaction is lost: all that follow fail as well, whatever the operation makes of
/// it. Reads and claims belong before writes: one that follows a write sees it, but on PostgreSQL has to send it first.
pub trait Tx: Sync {
    /// Reads.
    fn read(
        &self,
        sql: &'static Sql,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Reads what will be written: nobody else may change it until the transaction ends.
    fn read_locked(
        &self,
        sql: &'static Sql,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Writes at once and answers how many rows changed: the guarded update.
    fn claim(&self, sql: &'static Sql, params: &[Value<'_>]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The guarded update that an operation is all about: what it asks beside it is asked in the same transaction, and
    /// what it asks or writes afterwards may be another. On PostgreSQL it goes with `COMMIT`, in one round trip, where all that
    /// share the transaction are operations of this kind ([`Operation::ENDS_AT_ONCE`]).
    fn claim_at_once(
        &self,
        sql: &'static Sql,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Writes by the end of the transaction; a failure fails the operation.
    fn write(&self, sql: &'static Sql, params: &[Value<'_>]);

    /// Writes a row that is there, by the end of the transaction: the guarded update of whoever has read that its guard
    /// holds. If it holds no longer, nothing of the transaction is done, and the operation is run again.
    fn write_guarded(&self, sql: &'static Sql, params: &[Value<'_>]);

    /// Reads a row of state for which the operation asked ([`Keys::share`]); `None` when there is none yet.
    fn read_state(
        &self,
        state: &'static StateRow,
        key: &StateKey<'_>,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send;

    /// Lets every node know, once all is committed, that the configuration has changed, or that somebody was logged out.
    fn announce(&self);

    /// Writes a row of state for which the operation asked, by the end of the transaction.
    fn write_state(&self, state: &'static StateRow, key: &StateKey<'_>, columns: &[Value<'_>]);
}

/// One transaction of the domain. Run again with the same values it does the same: it draws no id and reads no clock.
pub trait Operation: Send + Sync + 'static {
    /// What it answers, refusals included.
    type Out: Send + 'static;

    /// Whether it may run in one transaction with others, side by side with those that ask for other [`Keys`]. Only where
    /// what it changes is under its keys or held by [`Tx::read_locked`], so that two transactions hardly ever wait for each
    /// other in a circle; where they do all the same (a step of a challenge while its user is evaluated twice), PostgreSQL
    /// ends one of them after a second, and it is run again.
    const SHARES: bool = false;

    /// Whether it may end with a [`Tx::claim_at_once`]. Only where it answers the same when it is run again after it was
    /// done: the answer may be lost on the way here, together with that to `COMMIT`.
    const ENDS_AT_ONCE: bool = false;

    /// The project that it works on, if it is one.
    fn project(&self) -> [u8; 16] {
        [0; 16]
    }

    /// What it must have to itself.
    fn keys(&self, _keys: &mut Keys) {}

    /// Runs it; it may wait for nothing but the transaction. An error rolls everything back. `Send`, because on
    /// PostgreSQL a request's own task waits for it.
    fn run<T: Tx>(&self, tx: &T) -> impl Future<Output = Result<Self::Out, StoreError>> + Send;
}

/// An accident. What a caller did wrong is never one: that is a value.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// More operations wait than may, or another process has held the database for too long: try again.
    #[error("the database is busy")]
    Busy,
    /// The database can't be used now.
    #[error("the database can't be used: {0}")]
    Unavailable(String),
    /// Something in the database is not what was written.
    #[error("the database holds something that can't be read: {what}")]
    Corrupt {
        /// What.
        what: &'static str,
    },
    /// The operation failed by a fault of ours; nothing was written.
    #[error("the operation failed: {0}")]
    Failed(Faults),
}

/// What went wrong inside an operation, without any value that it worked on.
#[derive(Clone, Debug)]
pub struct Faults(pub(crate) String);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
