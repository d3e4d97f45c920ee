//! Measures Countersign beside the floors it stands on, in one go and on one machine.
//!
//! A number of requests a second says little by itself: it is mostly a statement about the machine. So every run first
//! measures two floors, a bare handler and the same with the least that a durable evaluation must write, and then the
//! product; what is judged are the ratios. The driver starts every server as a child of its own, talks to loopback
//! only, and must not know the product's code: it links none of it and speaks HTTP like any other caller.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{error::BenchError, run::RunOptions};

mod connection;
mod database;
mod error;
mod floor;
mod histogram;
mod load;
mod machine;
mod process;
mod report;
mod run;
mod secure;
mod streams;
mod subject;
mod traffic;

/// Measures Countersign beside the floors it stands on.
#[derive(Debug, Parser)]
#[command(name = "countersign-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything and prints the results.
    Run(RunOptions),
    /// Holds many event streams open on the product, and logs browsers out.
    Streams(streams::StreamsOptions),
    /// Serves the first floor: parses an evaluation and answers.
    FloorA(floor::ParseOptions),
    /// Serves the second floor: the same, and commits what an evaluation must write.
    FloorB(floor::CommitOptions),
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The servers get the runtime that the product has, one worker a core. The driver gets a single thread: it shares the
/// machine with what it measures and has to stay out of its way.
fn execute(command: Command) -> Result<(), BenchError> {
    let (mut servers, mut driver) =
        (tokio::runtime::Builder::new_multi_thread(), tokio::runtime::Builder::new_current_thread());
    match command {
        Command::Run(options) => driver.enable_all().build()?.block_on(run::run(&options)),
        Command::Streams(options) => driver.enable_all().build()?.block_on(streams::run(&options)),
        Command::FloorA(options) => servers.enable_all().build()?.block_on(floor::serve_parse(options)),
        Command::FloorB(options) => servers.enable_all().build()?.block_on(floor::serve_commit(&options)),
    }
}
