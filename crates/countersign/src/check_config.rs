//! `countersign check-config`: says what is wrong with the settings, and starts nothing.

use countersign_server::{courier::Courier, enrich::data::DataSets, secret::ServerKey};

use crate::cli::ConfigSource;

/// Checks the settings.
pub fn run(source: &ConfigSource) -> Result<(), String> {
    let config = source.load()?;
    if let Some(key) = config.server_key() {
        ServerKey::parse(key).map_err(|error| error.to_string())?;
    }
    Courier::from_config(&config.courier()).map_err(|error| error.to_string())?;
    DataSets::open(&config.data, &config.data_dir).map_err(|error| error.to_string())?;
    println!("the settings can be used: {} on {}", config.public_url, config.listen);
    Ok(())
}
