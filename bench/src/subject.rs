//! What is measured beside the floors: the product, started here on a database of its own, or a server that runs
//! already.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    error::BenchError,
    process::{Announcement, Memory, Program, Server, address_of, sibling},
    traffic::{Target, Traffic},
};

/// How often the start is measured.
const STARTS: usize = 5;
/// An origin for servers that name none; development keys allow any loopback origin.
const SOME_ORIGIN: &str = "http://127.0.0.1:5173";

/// A server under measurement.
#[derive(Debug)]
pub struct Subject {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who calls it.
    pub traffic: Traffic,
    /// The site's secret; without it nothing is consumed.
    pub api_secret: Option<String>,
    /// The process, if it is ours.
    server: Option<Server>,
}

impl Subject {
    /// A floor: a command of this very program.
    pub async fn floor(command: &str, data: &Path, action: &str) -> Result<Self, BenchError> {
        let mut arguments = vec![command.to_owned()];
        if command == "floor-b" {
            arguments.extend(["--data".to_owned(), data.display().to_string()]);
        }
        let program = Program { path: std::env::current_exe()?, arguments, log: data.join(format!("{command}.log")) };
        Self::started(Server::start(&program).await?, action)
    }

    /// The product, on the database in `data`, which is made when it isn't there.
    pub async fn product(path: Option<&PathBuf>, data: &Path, action: &str) -> Result<Self, BenchError> {
        Self::started(Server::start(&product(path, data)?).await?, action)
    }

    /// A server that runs already.
    pub fn running(announcement: &Announcement, action: &str) -> Result<Self, BenchError> {
        let address = address_of(&announcement.base_url)?;
        let target = Target {
            authority: address.to_string(),
            origin: announcement.shop_url.as_deref().unwrap_or(SOME_ORIGIN).trim_end_matches('/').to_owned(),
            client_id: announcement.client_id.clone().unwrap_or_default(),
            action: action.to_owned(),
        };
        let api_secret = announcement.api_secret.clone();
        Ok(Self { address, traffic: Traffic::new(target), api_secret, server: None })
    }

    fn started(server: Server, action: &str) -> Result<Self, BenchError> {
        let subject = Self::running(&server.announcement, action)?;
        Ok(Self { server: Some(server), ..subject })
    }

    /// Its memory, if the process is ours.
    pub fn memory(&self) -> Result<Option<Memory>, BenchError> {
        self.server.as_ref().map(Server::memory).transpose()
    }

    /// How long it took to be ready, if it was started here.
    pub fn ready_after(&self) -> Option<Duration> {
        self.server.as_ref().map(|server| server.ready_after)
    }

    /// Kills the process, if it is ours.
    pub async fn kill(self) -> Result<(), BenchError> {
        match self.server {
            Some(server) => server.kill().await,
            None => Ok(()),
        }
    }
}

/// Starts the product a few times, each time on an empty directory, which is its slowest start: it lays out the
/// database and seeds it. Returns the times in order, shortest first.
pub async fn measure_starts(path: Option<&PathBuf>, scratch: &Path) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::with_capacity(STARTS);
    for number in 0..STARTS {
        let server = Server::start(&product(path, &scratch.join(format!("start-{number}")))?).await?;
        times.push(server.ready_after);
        server.kill().await?;
    }
    times.sort();
    Ok(times)
}

fn product(path: Option<&PathBuf>, data: &Path) -> Result<Program, BenchError> {
    let arguments = ["demo", "--port", "0", "--json", "--data"].map(str::to_owned);
    let data_argument = data.display().to_string();
    Ok(Program {
        path: path.cloned().map_or_else(|| sibling("countersign"), Ok)?,
        arguments: arguments.into_iter().chain([data_argument]).collect(),
        log: data.with_extension("log"),
    })
}
