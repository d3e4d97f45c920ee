//! What an error of the database means: whose fault it is, and whether trying again can help. Knows nothing of operations.

use tokio_postgres::error::DbError;

use crate::{StoreError, tx::Faults};

/// What went wrong in a transaction.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A statement, or the operation: the same again would fail again.
    Operation(StoreError),
    /// Two transactions were in each other's way: again.
    Conflict,
    /// The connection is of no use any more: again, on another.
    Connection(String),
    /// A statement prepared before is not known: somebody between us and the server lends each transaction another
    /// connection. Again, without preparing.
    Unprepared,
    /// The commit was sent, and whether it happened is not known.
    Unknown(String),
}

impl Fault {
    /// What a caller is told once trying again has taken too long.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Operation(error) => error,
            Self::Conflict => StoreError::Busy,
            Self::Connection(what) => StoreError::Unavailable(what),
            Self::Unprepared => StoreError::Unavailable("statements can't be prepared".to_owned()),
            Self::Unknown(what) => StoreError::Unavailable(format!("{what}; whether it was written is not known")),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Operation(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => of_refusal(refusal),
            None if error.is_closed() => Self::Connection("the connection was closed".to_owned()),
            None => match std::error::Error::source(&error) {
                // The driver's own refusal of a value.
                Some(reason) if reason.is::<WrongKind>() => {
                    Self::Operation(StoreError::Failed(Faults(reason.to_string())))
                }
                Some(reason) => Self::Connection(reason.to_string()),
                None => Self::Connection(error.to_string()),
            },
        }
    }
}

/// A value of another kind than the statement's place for it.
#[derive(Debug, thiserror::Error)]
#[error("a value of another kind than its column")]
pub(super) struct WrongKind;

fn of_refusal(refusal: &DbError) -> Fault {
    let code = refusal.code().code();
    match code {
        // Serialization failure, deadlock, a lock that took too long, and a guard that holds no longer (a division by zero).
        "40001" | "40P01" | "55P03" | "22012" => Fault::Conflict,
        // A prepared statement that is not there, or is there already.
        "26000" | "42P05" => Fault::Unprepared,
        // Cancelled.
        "57014" => Fault::Operation(StoreError::Busy),
        _ if is_of_the_connection(code) => Fault::Connection(told(refusal)),
        // Disk, memory and limits of the server; its own errors; and rights.
        "42501" => Fault::Operation(StoreError::Unavailable(told(refusal))),
        _ if ["53", "58"].iter().any(|class| code.starts_with(class)) => {
            Fault::Operation(StoreError::Unavailable(told(refusal)))
        }
        _ => Fault::Operation(StoreError::Failed(Faults(told(refusal)))),
    }
}

/// After these nothing good comes over this connection: the server is going down or has become a replica (25006: it then
/// refuses writes for as long as the connection is kept), or no longer takes us for what we are.
fn is_of_the_connection(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("57P")
        || code.starts_with("28")
        || ["25006", "25P03", "53300", "3D000"].contains(&code)
}

/// The refusal without any value: which place, and which of PostgreSQL's reasons.
fn told(refusal: &DbError) -> String {
    let place = refusal.constraint().or(refusal.column()).or(refusal.table());
    let place = place.map_or_else(String::new, |place| format!(" at {place}"));
    let class = refusal.code().code();
    // These speak of the server and not of what was asked.
    let speaks_of_the_server = ["08", "28", "3D", "42501", "53", "57", "58", "25"].iter().any(|c| class.starts_with(c));
    if speaks_of_the_server { format!("{} ({class})", refusal.message()) } else { format!("refused{place} ({class})") }
}
