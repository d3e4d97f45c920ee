//! What is measured beside the floors: the product, started here on a database of its own, or a server that runs
//! already.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use crate::{
    database::Lender,
    error::{BenchError, excerpt},
    process::{Announcement, Memory, Program, Server, address_of, sibling},
    secure::{self, Secure},
    traffic::{Target, Traffic},
};

/// How often the start is measured.
const STARTS: usize = 5;
/// An origin for servers that name none; development keys allow any loopback origin.
const SOME_ORIGIN: &str = "http://127.0.0.1:5173";

/// A server under measurement.
#[derive(Debug)]
pub struct Subject {
    /// Where it listens, each of its nodes.
    pub addresses: Vec<SocketAddr>,
    /// Who calls it.
    pub traffic: Traffic,
    /// The site's secret; without it nothing is consumed.
    pub api_secret: Option<String>,
    /// The processes, if they are ours.
    servers: Vec<Server>,
}

/// How the product is started.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// The program; without it, the one beside this.
    pub path: Option<&'a PathBuf>,
    /// Its folder.
    pub data: &'a Path,
    /// A PostgreSQL database instead of a file in the folder.
    pub database: Option<&'a str>,
}

impl Subject {
    /// A floor: a command of this very program.
    pub async fn floor(command: &str, data: &Path, database: Option<String>, action: &str) -> Result<Self, BenchError> {
        let mut arguments = vec![command.to_owned()];
        if command == "floor-b" {
            arguments.extend(["--data".to_owned(), data.display().to_string()]);
            arguments.extend(database.into_iter().flat_map(|url| ["--database".to_owned(), url]));
        }
        let log = data.join(format!("{command}.log"));
        let (environment, known) = (Vec::new(), None);
        let program = Program { path: std::env::current_exe()?, arguments, environment, known, log };
        Self::started(vec![Server::start(&program).await?], action)
    }

    /// The product, on the database in its folder, which is made when it isn't there; or so many nodes of it on a
    /// PostgreSQL database.
    pub async fn product(product: Product<'_>, nodes: u16, action: &str) -> Result<Self, BenchError> {
        lift_the_limit(product).await?;
        let mut servers = Vec::new();
        for number in 0..nodes {
            servers.push(Server::start(&program(product, number)?).await?);
        }
        Self::started(servers, action)
    }

    /// Ends the product that was started on `product`'s folder, and starts it again at the same address as an operator does
    /// who has no proxy: `serve`, ending TLS itself.
    pub async fn secured(self, product: Product<'_>, action: &str) -> Result<(Self, Secure), BenchError> {
        let server = self.servers.first().ok_or(BenchError::BadAnswer("no server of ours"))?;
        let known = server.announcement.clone();
        let address = address_of(&known.base_url)?;
        self.kill().await?;
        let secure = Secure::certify(product.data, address)?;
        let environment = vec![
            ("COUNTERSIGN_DATA_DIR", product.data.display().to_string()),
            ("COUNTERSIGN_LISTEN", address.to_string()),
            ("COUNTERSIGN_PUBLIC_URL", secure.url.to_string()),
            ("COUNTERSIGN_TLS__CERTIFICATE", secure::CERTIFICATE.to_owned()),
            ("COUNTERSIGN_TLS__KEY", secure::KEY.to_owned()),
        ];
        let started = Program {
            arguments: ["serve", "--until-stdin-closes"].map(str::to_owned).into(),
            environment,
            known: Some(known),
            ..program(product, 1)?
        };
        Ok((Self::started(vec![Server::start(&started).await?], action)?, secure))
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
        Ok(Self { addresses: vec![address], traffic: Traffic::new(target), api_secret, servers: Vec::new() })
    }

    fn started(servers: Vec<Server>, action: &str) -> Result<Self, BenchError> {
        let addresses = servers.iter().map(|server| address_of(&server.announcement.base_url));
        let addresses = addresses.collect::<Result<_, _>>()?;
        // All nodes know the same keys.
        let first = servers.first().map(|server| server.announcement.clone()).unwrap_or_default();
        Ok(Self { addresses, servers, ..Self::running(&first, action)? })
    }

    /// The memory of its first node, if the process is ours.
    pub fn memory(&self) -> Result<Option<Memory>, BenchError> {
        self.servers.first().map(Server::memory).transpose()
    }

    /// How long its first node took to be ready, if it was started here.
    pub fn ready_after(&self) -> Option<Duration> {
        self.servers.first().map(|server| server.ready_after)
    }

    /// Kills the processes, if they are ours.
    pub async fn kill(self) -> Result<(), BenchError> {
        for server in self.servers {
            server.kill().await?;
        }
        Ok(())
    }
}

/// Starts the product a few times, each time on an empty directory and database, which is its slowest start: it lays out
/// the database and seeds it. Returns the times in order, shortest first.
pub async fn measure_starts(
    path: Option<&PathBuf>,
    scratch: &Path,
    lender: Option<&Lender>,
) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::with_capacity(STARTS);
    for number in 0..STARTS {
        let (data, database) = (scratch.join(format!("start-{number}")), lend(lender).await?);
        let product = Product { path, data: &data, database: database.as_deref() };
        let server = Server::start(&program(product, 0)?).await?;
        times.push(server.ready_after);
        server.kill().await?;
    }
    times.sort();
    Ok(times)
}

/// A new database of the lender's, if there is one.
pub async fn lend(lender: Option<&Lender>) -> Result<Option<String>, BenchError> {
    match lender {
        Some(lender) => lender.lend().await.map(Some),
        None => Ok(None),
    }
}

/// Lets one address ask for as many evaluations as it likes: the whole load comes from the loopback.
async fn lift_the_limit(product: Product<'_>) -> Result<(), BenchError> {
    let path = program(product, 0)?.path;
    if !path.is_file() {
        return Err(BenchError::NoProgram(path));
    }
    std::fs::create_dir_all(product.data)?;
    let file = product.data.join("limits.yaml");
    std::fs::write(&file, "project: demo\nsettings: { evaluations_per_minute: 0 }\n")?;
    let mut apply = Command::new(&path);
    apply.arg("apply").arg(&file).env("COUNTERSIGN_DATA_DIR", product.data);
    if let Some(url) = product.database {
        apply.env("COUNTERSIGN_DATABASE", url);
    }
    let done = apply.stdin(Stdio::null()).output().await?;
    if done.status.success() {
        return Ok(());
    }
    let what = format!("could not lift the limit on evaluations; it said: {}", excerpt(&done.stderr));
    Err(BenchError::Server { program: path.display().to_string(), what })
}

fn program(product: Product<'_>, node: u16) -> Result<Program, BenchError> {
    let Product { path, data, database } = product;
    let mut arguments: Vec<String> =
        ["demo", "--port", "0", "--json", "--until-stdin-closes", "--data"].map(str::to_owned).into();
    arguments.push(data.display().to_string());
    arguments.extend(database.into_iter().flat_map(|url| ["--database".to_owned(), url.to_owned()]));
    Ok(Program {
        path: path.cloned().map_or_else(|| sibling("countersign"), Ok)?,
        arguments,
        environment: Vec::new(),
        known: None,
        log: data.with_extension(format!("{node}.log")),
    })
}
