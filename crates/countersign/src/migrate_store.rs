//! `countersign migrate-store`: moves everything into another database, tells how far it is, and says what is left to do.
//! The server key is not in a database; this looks whether there is a file of it and never into it.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

use countersign_store::{Moved, Progress, Stage, migrate_store};

use crate::cli::MigrateStoreOptions;

/// Between two lines of progress.
const PACE: Duration = Duration::from_secs(1);

/// Moves, and prints what was moved.
pub async fn run(options: &MigrateStoreOptions) -> Result<(), String> {
    let mut teller = Teller::new();
    let moved = migrate_store(&options.from, &options.to, |progress| teller.tell(progress)).await;
    teller.end();
    let moved = moved.map_err(|error| error.to_string())?;
    print!("{}\n{}\n", summary(&moved), what_is_left(&options.from, &options.to));
    Ok(())
}

/// Tells progress on standard error: a line when a stage begins and one a second, or one line that changes for people.
struct Teller {
    rewrites: bool,
    told: Option<(Stage, Instant)>,
}

impl Teller {
    fn new() -> Self {
        Self { rewrites: std::io::stderr().is_terminal(), told: None }
    }

    fn tell(&mut self, progress: &Progress) {
        if self.told.is_some_and(|(stage, when)| stage == progress.stage && when.elapsed() < PACE) {
            return;
        }
        self.told = Some((progress.stage, Instant::now()));
        let what = match progress.stage {
            Stage::Copying => "copying",
            Stage::Verifying => "verifying",
        };
        let (rows, of) = (progress.rows, progress.of);
        let percent = rows.saturating_mul(100).checked_div(of).unwrap_or(100).min(100);
        let line = format!("{what} {}: {rows} of {of} rows ({percent} %)", progress.table);
        let (before, after) = if self.rewrites { ("\r\x1b[K", "") } else { ("", "\n") };
        // Whoever closed standard error wants no progress; the move goes on.
        let mut err = std::io::stderr();
        let _ = err.write_all(format!("{before}{line}{after}").as_bytes()).and_then(|()| err.flush());
    }

    /// Leaves the line to whatever comes next.
    fn end(&self) {
        if self.rewrites && self.told.is_some() {
            let _ = std::io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn summary(moved: &Moved) -> String {
    let mut lines: Vec<String> = moved
        .tables
        .iter()
        .map(|table| format!("{:<18} {:>12} rows  {}", table.name, table.rows, short(&table.checksum)))
        .collect();
    let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
    lines.push(format!("moved {rows} rows from {} to {}; counts and checksums agree", moved.source, moved.target));
    lines.join("\n")
}

/// Enough of a checksum to compare by eye.
fn short(checksum: &str) -> &str {
    checksum.get(..16).unwrap_or(checksum)
}

/// What the operator does next. The key is the point: without it nothing that was moved can be read.
fn what_is_left(from: &str, to: &str) -> String {
    let file = |name: &str| name.strip_prefix("sqlite:").map(|path| Path::new(path).with_file_name("server.key"));
    let key = match (file(from), file(to)) {
        (Some(old), None) if old.exists() => format!(
            "1. Give every node the server key that the source used: the text in {0}, as the setting `server_key`, or in the\n   \
             environment: COUNTERSIGN_SERVER_KEY=\"$(cat {0})\". If `server_key` was set before, keep that instead.",
            old.display()
        ),
        (Some(old), Some(new)) if old.exists() && old != new => format!(
            "1. Copy the server key: {} to {}, readable by its owner alone. If `server_key` is set, keep it instead.",
            old.display(),
            new.display()
        ),
        (None, Some(new)) => format!(
            "1. Keep the setting `server_key` as it is on the nodes. If it was set nowhere, copy `server.key` from the\n   \
             node's data folder to {}.",
            new.display()
        ),
        _ => "1. Keep the server key: the setting `server_key` as it is now on every node, or the file `server.key`."
            .to_owned(),
    };
    format!(
        "What is left to do, before a server starts:\n{key}\n   With another key, browsers lose their tokens, codes that are out don't \
         fit, and waiting messages can't be sent.\n2. Change the setting `database` to the target.\n3. Don't start a server on the source \
         again: what it took would be missing in the target."
    )
}
