//! Servers under measurement, as child processes: started, awaited, looked at, killed. A server never outlives the value that
//! stands for it, and is ended by its own handle, never by name.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::{
    connection::Connection,
    error::{BenchError, excerpt},
};

/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(5);
/// After this a server that isn't ready never will be.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a server says in its first line on stdout. The floors say where they are; the product says the rest too.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Announcement {
    /// Where it listens.
    pub base_url: String,
    /// A public client id.
    pub client_id: Option<String>,
    /// The secret that goes with it.
    pub api_secret: Option<String>,
    /// Another origin, allowed to call it.
    pub shop_url: Option<String>,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, beside ours.
    pub environment: Vec<(&'static str, String)>,
    /// What it would say, if it doesn't say it itself: then it is ready when it takes connections.
    pub known: Option<Announcement>,
    /// Where its stderr goes.
    pub log: PathBuf,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Kept open: a server may write there again, and must not fail over it.
    _stdout: BufReader<ChildStdout>,
    /// What it said.
    pub announcement: Announcement,
    /// From starting the process to its first 200 on `/health/ready`.
    pub ready_after: Duration,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub async fn start(program: &Program) -> Result<Self, BenchError> {
        if !program.path.is_file() {
            return Err(BenchError::NoProgram(program.path.clone()));
        }
        match timeout(START_LIMIT, start(program)).await {
            Ok(started) => started,
            Err(_) => Err(program.failed("was not ready in time")),
        }
    }

    /// Its memory, from the kernel's books.
    pub fn memory(&self) -> Result<Memory, BenchError> {
        let id = self.child.id().unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        Ok(Memory { resident: kilobytes(&status, "VmRSS:"), peak: kilobytes(&status, "VmHWM:") })
    }

    /// Kills it, as a crash would, and waits until it is gone.
    pub async fn kill(mut self) -> Result<(), BenchError> {
        Ok(self.child.kill().await?)
    }
}

impl Program {
    fn failed(&self, what: &str) -> BenchError {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = log.get(log.len().saturating_sub(600)..).unwrap_or_default();
        BenchError::Server {
            program: self.path.display().to_string(),
            what: format!("{what}; it said: {}", excerpt(tail)),
        }
    }
}

async fn start(program: &Program) -> Result<Server, BenchError> {
    let begun = Instant::now();
    let mut child = Command::new(&program.path)
        .args(&program.arguments)
        .envs(program.environment.iter().map(|(name, value)| (*name, value)))
        // Kept open by the child's handle: the product ends with this program, however that ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&program.log)?)
        .kill_on_drop(true)
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or_else(|| program.failed("has no stdout"))?);
    let announcement = if let Some(known) = &program.known {
        known.clone()
    } else {
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        serde_json::from_str(&line).map_err(|_| program.failed("did not say where it listens"))?
    };
    let address = address_of(&announcement.base_url)?;
    while !if program.known.is_some() { TcpStream::connect(address).await.is_ok() } else { is_ready(address).await } {
        sleep(POLL).await;
    }
    Ok(Server { child, _stdout: stdout, announcement, ready_after: begun.elapsed() })
}

async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let mut connection = Connection::open(address).await?;
        let answer = connection.exchange(request.as_bytes()).await?;
        Ok::<_, BenchError>(answer.status == 200)
    };
    ask.await.unwrap_or(false)
}

/// The address of a base URL. Only this machine's loopback is ever put under load.
pub fn address_of(base_url: &str) -> Result<SocketAddr, BenchError> {
    let refused = || BenchError::NotLoopback(base_url.to_owned());
    let authority = base_url.strip_prefix("http://").ok_or_else(refused)?.trim_end_matches('/');
    let address: SocketAddr = authority.replace("localhost:", "127.0.0.1:").parse().map_err(|_| refused())?;
    if address.ip().is_loopback() { Ok(address) } else { Err(refused()) }
}

/// A program that was built beside this one.
pub fn sibling(name: &str) -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe()?;
    Ok(own.parent().unwrap_or(Path::new(".")).join(name))
}

fn kilobytes(status: &str, field: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix("kB"));
    value.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_measured() {
        assert_eq!(address_of("http://localhost:80/").unwrap(), "127.0.0.1:80".parse().unwrap());
        assert!(address_of("http://[::1]:80").is_ok());
        for url in ["http://192.0.2.1:80", "https://127.0.0.1:80", "http://127.0.0.1", "http://example.com:80"] {
            assert!(address_of(url).is_err(), "{url}");
        }
    }

    #[test]
    fn memory_is_read_from_the_kernels_books() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")), (1 << 20, 2 << 20));
    }

    #[tokio::test]
    async fn a_server_that_ends_early_is_named_with_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), "echo no such port >&2".into()],
            environment: Vec::new(),
            known: None,
            log: folder.path().join("log"),
        };
        let error = Server::start(&program).await.unwrap_err().to_string();
        assert!(error.contains("/bin/sh") && error.contains("no such port"), "{error}");
    }
}
