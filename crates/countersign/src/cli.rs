//! The command line, and how a command ends.

use std::{fmt, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use countersign_engine::id::EventId;
use countersign_server::{StartError, config::Config, secret::KeyError};

/// Self-hosted account protection: challenges the log-ins, sign-ups and other actions that your policies doubt.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = true)]
pub struct Cli {
    /// Where the settings come from.
    #[command(flatten)]
    pub config: ConfigSource,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Why a command did not do what it was asked: its exit status tells which, so that a script can.
#[derive(Debug)]
pub enum Failure {
    /// What was given is wrong, and will be wrong again: a setting, a file, a name. Exit status 2, as for a command line
    /// that can't be read.
    Wrong(String),
    /// It went wrong, and may go right another time: a database that can't be reached, a full disk. Exit status 1.
    Accident(String),
}

impl Failure {
    /// What was given is wrong.
    pub fn wrong(error: impl fmt::Display) -> Self {
        Self::Wrong(error.to_string())
    }

    /// It went wrong.
    pub fn accident(error: impl fmt::Display) -> Self {
        Self::Accident(error.to_string())
    }

    /// The status that the process ends with.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Wrong(_) => 2,
            Self::Accident(_) => 1,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(what) | Self::Accident(what) => f.write_str(what),
        }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Accident(what)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(_) | StartError::Courier(_) | StartError::Key(KeyError::Malformed) => Self::wrong(error),
            error => Self::accident(error),
        }
    }
}

/// Where the settings come from.
#[derive(Debug, Args)]
pub struct ConfigSource {
    /// The settings file (TOML); environment variables go over it.
    #[arg(long, env = "COUNTERSIGN_CONFIG", global = true)]
    pub config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(ServeOptions),
    /// Read the settings, say what is wrong with them, and start nothing.
    CheckConfig,
    /// Say where each data set is from, how old it is and whether anything is wrong with it; fail if there is.
    Doctor,
    /// Make the database say what files say: projects, keys, challenge configs, policies, lists, risks, webhooks.
    Apply(ApplyOptions),
    /// Make, list and delete keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// List endpoints that hear of events, show their secrets and what they were told, and tell it again.
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Move everything into another database: from SQLite to PostgreSQL, or back. Stop every server first.
    MigrateStore(MigrateStoreOptions),
    /// Start everything to try it out: server, a demo shop, and an inbox that shows the mail and SMS sent.
    Demo(DemoOptions),
}

/// What to apply, and how.
#[derive(Debug, Args)]
pub struct ApplyOptions {
    /// YAML or TOML files of one project.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Delete policies, challenge configs, lists, list entries, risks and webhooks that no file names.
    #[arg(long)]
    pub prune: bool,
    /// The project of files that name none; those that do must name this one.
    #[arg(long)]
    pub project: Option<String>,
}

/// What to move, and where.
#[derive(Args)]
pub struct MigrateStoreOptions {
    /// The database that is moved: `sqlite:/var/lib/countersign/countersign.db` or `postgres://user:password@host:5432/countersign`.
    #[arg(long, value_name = "DATABASE", env = "COUNTERSIGN_MOVE_FROM", hide_env_values = true)]
    pub from: String,
    /// Where it goes: an empty database, or the one where the same move stopped. Passwords are safer in the environment.
    #[arg(long, value_name = "DATABASE", env = "COUNTERSIGN_MOVE_TO", hide_env_values = true)]
    pub to: String,
}

/// Shows nothing: both may hold a password.
impl fmt::Debug for MigrateStoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateStoreOptions").finish_non_exhaustive()
    }
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key pair: a client id for browsers and an API secret for the site's server.
    Create {
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
        /// What people call the key.
        #[arg(long)]
        name: String,
        /// Which traffic it is for.
        #[arg(long, value_enum)]
        environment: EnvironmentArg,
        /// An origin that the client id works from; may be given several times.
        #[arg(long = "origin")]
        origins: Vec<String>,
    },
    /// List keys: name, environment, client id, origins. Secrets are not kept, and so not shown.
    List {
        /// The project's name; every project's keys when left out.
        #[arg(long)]
        project: Option<String>,
    },
    /// Delete a key: its client id and its secret stop working within a second.
    Delete {
        /// The key's name or its client id.
        key: String,
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
    },
    /// Print a new server key, for the setting `server_key`.
    ServerKey,
}

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List endpoints: name, address, how many deliveries wait, how many are parked.
    List {
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
    },
    /// Print the secret that an endpoint's events are signed with, for `verifyWebhook`.
    Secret {
        /// The endpoint's name.
        name: String,
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
    },
    /// List the newest deliveries: event, endpoint, where each stands, and the last answer.
    Deliveries {
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
    /// Send an event to an endpoint again; without an event, everything that is parked there.
    Replay {
        /// The endpoint's name.
        name: String,
        /// The event's id: `evt_…`.
        event: Option<EventId>,
        /// The project's name; may be left out where there is one project.
        #[arg(long)]
        project: Option<String>,
    },
}

/// Which traffic something is for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum EnvironmentArg {
    /// Trying things out.
    Development,
    /// The real thing.
    Production,
}

/// How to run the server, beside its settings.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// End when standard input does: for programs that start a server, so that it never outlives them.
    #[arg(long)]
    pub until_stdin_closes: bool,
}

/// How to run the demo.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// The server's port; the shop and the inbox take the next two. 0 picks free ones.
    #[arg(long, default_value_t = 8095)]
    pub port: u16,
    /// A database to use instead of a SQLite file: `postgres://user:password@host:5432/database`.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The folder for the demo's data; a temporary one when left out.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Print the addresses and keys as one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// End when standard input does: for programs that start a demo, so that it never outlives them.
    #[arg(long)]
    pub until_stdin_closes: bool,
}

impl ConfigSource {
    /// Reads the settings.
    pub fn load(&self) -> Result<Config, Failure> {
        let file = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::Wrong(format!("{name} can't be read: {error}")))?;
                Some((name, text))
            }
            None => None,
        };
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        Config::load(file, environment()).map_err(Failure::wrong)
    }
}

/// The environment, as far as it is text.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
