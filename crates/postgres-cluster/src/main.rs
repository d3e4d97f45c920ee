//! Lends throw-away databases to tests that are not written in Rust: starts a cluster, answers every line on its input with
//! the URL of a new, empty database, and stops the cluster when the input ends.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use countersign_postgres_cluster::{Cluster, Durability};

fn main() -> ExitCode {
    match lend() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told if even this can't be written.
            let _ = writeln!(io::stderr(), "countersign-postgres-cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn lend() -> io::Result<()> {
    let cluster = Cluster::start(Durability::Processes, &[])?;
    let mut answers = io::stdout();
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(answers, "{}", cluster.database()?)?;
        answers.flush()?;
    }
    Ok(())
}
