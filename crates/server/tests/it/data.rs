//! The data sets: the pack that is compiled in, and files of the operator's own.

pub mod files;
mod pack;

use std::{net::IpAddr, path::Path};

use countersign_server::{
    config::Config,
    enrich::data::{DataError, DataSets},
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The data sets of a server with these lines under `[data]`.
fn open(folder: &Path, lines: &str) -> Result<DataSets, DataError> {
    let config = Config::load(Some(("test.toml", &format!("[data]\n{lines}\n"))), []).unwrap();
    DataSets::open(&config.data, folder)
}
