//! Why a run ends without results. A figure measured while something went wrong is worse than none, so nothing here is
//! skipped over.

use std::{io, path::PathBuf, time::Duration};

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A socket or file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// HTTP/2 failed.
    #[error("HTTP/2: {0}")]
    Http2(#[from] h2::Error),
    /// A floor's database failed.
    #[error("the floor's database: {0}")]
    Database(#[from] rusqlite::Error),
    /// PostgreSQL refused something or can't be reached.
    #[error("PostgreSQL: {}", .0.as_db_error().map_or_else(|| .0.to_string(), ToString::to_string))]
    Postgres(#[from] tokio_postgres::Error),
    /// Nothing to measure where it was looked for.
    #[error("no program at {}: build it (`cargo build --release`) or name it with --countersign", .0.display())]
    NoProgram(PathBuf),
    /// A server couldn't be started or ended too early.
    #[error("{program} {what}")]
    Server {
        /// What was started.
        program: String,
        /// What happened to it.
        what: String,
    },
    /// The address given isn't one that is measured here.
    #[error("{0:?} is not http:// with a loopback address and a port")]
    NotLoopback(String),
    /// An answer that is not HTTP/1.1 with a length.
    #[error("an answer that can't be read: {0}")]
    BadAnswer(&'static str),
    /// A request was refused: the figures would be those of refusals.
    #[error("{request} was answered with {status}: {body}")]
    Refused {
        /// What was asked.
        request: &'static str,
        /// The HTTP status.
        status: u16,
        /// The start of the answer.
        body: String,
    },
    /// An answer was 2xx and still not what was asked for.
    #[error("{request} was answered with something else: {body}")]
    Unexpected {
        /// What was asked.
        request: &'static str,
        /// The start of the answer.
        body: String,
    },
    /// A phase took longer than it may.
    #[error("{phase} was not done within {limit:?}")]
    TooSlow {
        /// What was under way.
        phase: String,
        /// How long it had.
        limit: Duration,
    },
    /// Too few evaluations without a challenge to consume.
    #[error("only {got} of {wanted} evaluations could be consumed: the others wait for a challenge")]
    TooFewToConsume {
        /// How many there were.
        got: usize,
        /// How many were needed.
        wanted: usize,
    },
    /// There is nobody to send an evaluation as.
    #[error("with --base-url, say --client-id too")]
    NoClientId,
}

/// The start of an answer, short enough for one line.
pub fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(300).collect()
}
