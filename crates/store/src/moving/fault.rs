//! Why a move stopped: one line that says what to do, without a password and without a value of a row.

use crate::{StoreError, migration::OpenError};

/// Why a move stopped.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A name is not that of a database.
    #[error(
        "the {which} must be `sqlite:` and a file, such as `sqlite:/var/lib/countersign/countersign.db`, or an address, such as `postgres://user:password@host:5432/countersign`"
    )]
    Unnamed {
        /// The source or the target.
        which: &'static str,
    },
    /// A database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is nothing to move.
    #[error("there is no database {path}; name the file with its whole path")]
    Missing {
        /// Which file.
        path: String,
    },
    /// Both names are those of one database.
    #[error("the source and the target are both {path}; name another target")]
    Same {
        /// Which database.
        path: String,
    },
    /// Somebody else uses it.
    #[error("{path} is in use{by}; stop every server and command that has it open, and run this again")]
    InUse {
        /// Which database.
        path: String,
        /// By whom, as far as it is known.
        by: String,
    },
    /// The schema is not the newest.
    #[error(
        "{path} has schema {found}, and this version moves schema {wanted} alone; run `countersign serve` of this version on the source once, or end a move with the version that began it"
    )]
    Outdated {
        /// Which database.
        path: String,
        /// The schema it has.
        found: i64,
        /// The newest schema.
        wanted: i64,
    },
    /// The same schema, and other tables.
    #[error("{from} and {to} don't have the same tables, though the same schema; nothing was moved")]
    Tables {
        /// Which source.
        from: String,
        /// Which target.
        to: String,
    },
    /// The target holds something that no move brought there.
    #[error("{path} is not empty: it has rows in `{table}`; name an empty database")]
    NotEmpty {
        /// Which target.
        path: String,
        /// A table that is not empty.
        table: String,
    },
    /// The target holds a part of another source.
    #[error("{path} holds a part of {from}: go on with that source, or name an empty database")]
    OtherSource {
        /// Which target.
        path: String,
        /// Where its rows came from.
        from: String,
    },
    /// Another process moves into the same target.
    #[error("another process has taken over the move into {path}; leave it to that one")]
    TakenOver {
        /// Which target.
        path: String,
    },
    /// The source changed, or the target did.
    #[error(
        "table `{table}` is not the same: {} rows in {from}, {} in {to}, or others; no server opens the target. Stop whatever writes to either, empty the target and run this again", rows.0, rows.1
    )]
    Differs {
        /// Which table.
        table: String,
        /// Which source.
        from: String,
        /// Which target.
        to: String,
        /// The rows on both sides.
        rows: (u64, u64),
    },
    /// A database failed.
    #[error("{path}, table `{table}`: {error}; run this again to go on")]
    Failed {
        /// Which database.
        path: String,
        /// The table at hand.
        table: String,
        /// What happened.
        error: StoreError,
    },
}

impl MoveError {
    pub(super) fn failed(path: &str, table: &str, error: StoreError) -> Self {
        Self::Failed { path: path.to_owned(), table: table.to_owned(), error }
    }
}

/// A database failed outside of any table.
pub(crate) fn told_at(path: &str, error: StoreError) -> MoveError {
    let what = match error {
        // Its own beginning says what the line begins with already.
        StoreError::Unavailable(what) => what,
        other => other.to_string(),
    };
    OpenError::Unreachable { path: path.to_owned(), what }.into()
}
