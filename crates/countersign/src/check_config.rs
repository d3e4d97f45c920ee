//! `countersign check-config`: says what is wrong with the settings, and starts nothing.

use countersign_server::{courier::Courier, enrich::data::DataSets, secret::ServerKey, tls::Certificate};

use crate::{
    cli::{ConfigSource, Failure},
    serve,
};

/// Checks the settings.
pub fn run(source: &ConfigSource) -> Result<(), Failure> {
    let config = source.load()?;
    if let Some(key) = config.server_key() {
        ServerKey::parse(key).map_err(Failure::wrong)?;
    }
    Courier::from_config(&config.courier()).map_err(Failure::wrong)?;
    DataSets::open(&config.data, &config.data_dir).map_err(Failure::wrong)?;
    Certificate::open(&config.tls, &config.data_dir).map_err(Failure::wrong)?;
    serve::filter(&config).map_err(Failure::Wrong)?;
    println!("the settings can be used: {} on {}", config.public_url, config.listen);
    Ok(())
}
