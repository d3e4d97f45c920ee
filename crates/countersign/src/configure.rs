//! `countersign apply` and `countersign keys`: opens the database that the settings name, which a running server may be
//! using at the same time, and prints what was done.

use std::{io::Write, path::Path};

use countersign_engine::{config::Key, environment::Environment, text::Origin};
use countersign_server::{
    config::{Config, Database},
    context::{Clock, Rng},
    open_store,
};

use crate::{
    apply::{self, Format, KeySpec, Options, Refused, Report, Source, printable},
    cli::{ApplyOptions, ConfigSource, EnvironmentArg, Failure, KeysCommand, WebhooksCommand},
    keys,
    table::table,
    webhooks,
};

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Files(_) => Self::wrong(refused),
            Refused::Store(_) | Refused::Busy => Self::accident(refused),
        }
    }
}

/// Applies files.
pub async fn apply(config: &ConfigSource, options: &ApplyOptions) -> Result<(), Failure> {
    let config = config.load()?;
    let sources = sources(options)?;
    let how = Options { dry_run: options.dry_run, prune: options.prune, project: options.project.clone() };
    apply::check_alone(&sources, &how)?;
    // Looking must not leave a database behind, nor must files that are wrong: where there is none, an empty one is tried.
    if matches!(config.database(), Ok(Database::Sqlite(file)) if !file.exists()) {
        let nowhere = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
        let empty = Config { data_dir: nowhere.path().to_owned(), ..config.clone() };
        let tried = apply_to(&empty, &sources, &Options { dry_run: true, ..how.clone() }).await?;
        if how.dry_run {
            return print(&tried.to_string());
        }
    }
    let report = apply_to(&config, &sources, &how).await?;
    print(&report.to_string())
}

async fn apply_to(config: &Config, sources: &[Source], how: &Options) -> Result<Report, Failure> {
    let store = open_store(config).await?;
    let report = apply::apply(&store, sources, how, Clock::System.now(), &Rng::System).await;
    store.close().await;
    Ok(report?)
}

/// The files; every one that can't be read is told.
fn sources(options: &ApplyOptions) -> Result<Vec<Source>, Failure> {
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for path in &options.files {
        match source(path) {
            Ok(source) => sources.push(source),
            Err(what) => wrong.push(printable(&what)),
        }
    }
    if wrong.is_empty() { Ok(sources) } else { Err(Failure::Wrong(wrong.join("\n"))) }
}

fn source(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string();
    let format = Format::of(&name).ok_or_else(|| format!("{name}: the name must end in .yaml, .yml or .toml"))?;
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name} can't be read: {error}"))?;
    Ok(Source { name, text, format })
}

/// Makes, lists and deletes keys.
pub async fn keys(config: &ConfigSource, command: KeysCommand) -> Result<(), Failure> {
    let (now, rng) = (Clock::System.now(), Rng::System);
    if matches!(command, KeysCommand::ServerKey) {
        return print(&format!("{}\n", keys::server_key(&rng)));
    }
    let store = open_store(&config.load()?).await?;
    let said = match command {
        KeysCommand::ServerKey => Ok(String::new()),
        KeysCommand::Create { project, name, environment, origins } => match spec(name, environment, &origins) {
            Ok(spec) => keys::create(&store, project.as_deref(), &spec, (now, &rng)).await,
            Err(failure) => Err(failure),
        }
        .map(|made| format!("{made}\n")),
        KeysCommand::List { project } => keys::list(&store, project.as_deref()).await.map(|keys| listed(&keys)),
        KeysCommand::Delete { key, project } => {
            let gone = keys::delete(&store, project.as_deref(), &key, now).await;
            gone.map(|key| format!("key \"{}\" ({}) is deleted\n", printable(&key.name), key.client_id))
        }
    };
    store.close().await;
    print(&said?)
}

fn spec(name: String, environment: EnvironmentArg, origins: &[String]) -> Result<KeySpec, Failure> {
    let environment = match environment {
        EnvironmentArg::Development => Environment::Development,
        EnvironmentArg::Production => Environment::Production,
    };
    let parse = |text: &String| Origin::parse(text).map_err(|error| Failure::Wrong(format!("{text}: {error}")));
    let origins = origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok(KeySpec { name, environment, origins })
}

/// Keys under each other, with a headline.
fn listed(keys: &[(String, Key)]) -> String {
    let row = |(project, key): &(String, Key)| {
        let origins: Vec<&str> = key.origins.iter().map(Origin::as_str).collect();
        let environment = key.environment.as_str().to_owned();
        [project.clone(), printable(&key.name), environment, key.client_id.clone(), origins.join(" ")]
    };
    table(["PROJECT", "NAME", "ENVIRONMENT", "CLIENT ID", "ORIGINS"], keys.iter().map(row))
}

/// Shows endpoints, their secrets and what they were told, and tells it again.
pub async fn webhooks(config: &ConfigSource, command: WebhooksCommand) -> Result<(), Failure> {
    let config = config.load()?;
    let store = open_store(&config).await?;
    let said = webhooks::run(&store, &config, command, Clock::System.now()).await;
    store.close().await;
    print(&said?)
}

/// Prints to standard output. A secret that nobody could read is lost: then it is said that the key must be made anew.
fn print(said: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(said.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        Failure::Accident(format!(
            "it was done, but it can't be printed: {error}; if a key was made, delete it with `countersign keys delete` and make it again"
        ))
    })
}
