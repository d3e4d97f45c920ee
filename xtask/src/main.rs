//! Work on the repository itself. `cargo run -p xtask -- data` makes the default data pack anew from the packages that
//! `packages.rs` names. Nothing of it is part of the product.

mod data;
mod marks;
mod networks;
mod packages;

use std::process::ExitCode;

/// Why a task can't be done: one line.
type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("data") => data::run(),
        _ => Err("usage: cargo run -p xtask -- data".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
