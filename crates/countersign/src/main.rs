//! The binary: reads the command line and wires the crates together. Nothing is decided here.

mod apply;
mod check_config;
mod cli;
mod configure;
mod demo;
mod doctor;
mod keys;
mod migrate_store;
mod project;
mod serve;
mod table;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;
use cli::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Failure::Accident(format!("the runtime can't start: {error}"))),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(cli: cli::Cli) -> Result<(), Failure> {
    match cli.command {
        cli::Command::Serve(options) => serve::run(&cli.config, &options).await,
        cli::Command::CheckConfig => check_config::run(&cli.config),
        cli::Command::Doctor => doctor::run(&cli.config),
        cli::Command::Apply(options) => configure::apply(&cli.config, &options).await,
        cli::Command::Keys(command) => configure::keys(&cli.config, command).await,
        cli::Command::Webhooks(command) => configure::webhooks(&cli.config, command).await,
        cli::Command::MigrateStore(options) => Ok(migrate_store::run(&options).await?),
        cli::Command::Demo(options) => Ok(demo::run(options).await?),
    }
}

/// Says what to do, and ends with the status that tells whose turn it is.
fn failed(failure: &Failure) -> ExitCode {
    eprintln!("countersign: {failure}");
    failure.status()
}
