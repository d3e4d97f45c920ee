//! `countersign apply` and `countersign keys`: opens the database that the settings name, which a running server may be
//! using at the same time, and prints what was done.

use countersign_engine::{environment::Environment, text::Origin};
use countersign_server::{
    config::{Config, Database},
    context::{Clock, Rng},
    open_store,
};

use crate::{
    apply::{self, Format, Options, Source},
    cli::{ApplyOptions, ConfigSource, EnvironmentArg, KeysCommand},
    keys,
};

/// Applies files.
pub async fn apply(config: &ConfigSource, options: &ApplyOptions) -> Result<(), String> {
    let config = config.load()?;
    let sources = options.files.iter().map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    // Looking must not leave a database behind: where there is none, an empty one is looked at.
    let missing = matches!(config.database(), Ok(Database::Sqlite(file)) if !file.exists());
    let nowhere = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
    let config =
        if options.dry_run && missing { Config { data_dir: nowhere.path().to_owned(), ..config } } else { config };
    let store = open_store(&config).await.map_err(|error| error.to_string())?;
    let how = Options { dry_run: options.dry_run, prune: options.prune };
    let report = apply::apply(&store, &sources, how, Clock::System.now(), &Rng::System).await;
    store.close().await;
    println!("{}", report.map_err(|refused| refused.to_string())?);
    Ok(())
}

fn source(path: &std::path::Path) -> Result<Source, String> {
    let name = path.display().to_string();
    let format = Format::of(&name).ok_or_else(|| format!("{name}: the name must end in .yaml, .yml or .toml"))?;
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name} can't be read: {error}"))?;
    Ok(Source { name, text, format })
}

/// Makes keys.
pub async fn keys(config: &ConfigSource, command: KeysCommand) -> Result<(), String> {
    match command {
        KeysCommand::ServerKey => println!("{}", keys::server_key(&Rng::System)),
        KeysCommand::Create { project, name, environment, origins } => {
            let environment = match environment {
                EnvironmentArg::Development => Environment::Development,
                EnvironmentArg::Production => Environment::Production,
            };
            let parse = |text: &String| Origin::parse(text).map_err(|error| format!("{text}: {error}"));
            let origins = origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
            let store = open_store(&config.load()?).await.map_err(|error| error.to_string())?;
            let (now, rng) = (Clock::System.now(), Rng::System);
            let made = keys::create(&store, (&project, &name), environment, origins, (now, &rng)).await;
            store.close().await;
            let made = made?;
            println!(
                "client id   {}\nAPI secret  {}\nKeep the secret now: it can't be shown again.",
                made.client_id, made.secret
            );
        }
    }
    Ok(())
}
