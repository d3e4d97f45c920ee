//! Throw-away PostgreSQL clusters: made from the binaries that are installed, stopped when dropped, gone with whoever
//! started them. For tests and benchmarks; knows nothing of what is kept in them.
//!
//! PostgreSQL refuses to run as root: then it runs as the user `postgres` that its package makes.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a cluster may take to start, to stop or to take over.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at what has no event.
const LOOK: Duration = Duration::from_millis(20);

/// Starts a server, and stops it by the signal that comes first when whoever holds the other end of its input is gone: a
/// killed test leaves nothing.
const MINDER: &str =
    "trap '' INT TERM; signal=$1; shift; \"$@\" & pid=$!; read -r _; kill -$signal $pid 2>/dev/null; wait $pid";

/// How a cluster is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives the death of its processes, but not that of the machine: for tests.
    Processes,
    /// Every commit reaches the disk: for benchmarks.
    Disk,
}

/// A running cluster.
pub struct Cluster {
    folder: TempDir,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    running: Mutex<Option<(Child, ChildStdin)>>,
    databases: AtomicU64,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("port", &self.port).finish_non_exhaustive()
    }
}

fn failed(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

impl Cluster {
    /// The cluster that the tests of a process share: started by the first who asks, stopped when the last is done.
    pub fn shared() -> io::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::start(Durability::Processes, &[])?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// Makes and starts a cluster; `settings` are lines of `postgresql.conf`.
    pub fn start(durability: Durability, settings: &[&str]) -> io::Result<Self> {
        let cluster = Self::unmade()?;
        let mut initdb = cluster.command("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        succeed(initdb.arg(cluster.data()))?;
        let sync = if durability == Durability::Disk { "on" } else { "off" };
        cluster.configure(&format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {}\nfsync = {sync}\n\
             full_page_writes = {sync}\nmax_connections = 200\nmax_wal_senders = 8\nhot_standby = on\n{}\n",
            cluster.port,
            settings.join("\n")
        ))?;
        // Replicas are let in as well.
        append(&cluster.data().join("pg_hba.conf"), "host replication all 127.0.0.1/32 trust\n")?;
        cluster.run()?;
        Ok(cluster)
    }

    /// Makes and starts a replica of a running cluster, named `name` to it.
    pub fn replica(of: &Self, name: &str) -> io::Result<Self> {
        let cluster = Self::unmade()?;
        let mut copy = cluster.command("pg_basebackup");
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream", "--pgdata"]);
        copy.arg(cluster.data()).arg("--dbname");
        copy.arg(format!("host=127.0.0.1 port={} user=postgres application_name={name}", of.port));
        succeed(&mut copy)?;
        // Once it takes over, it waits for nobody.
        cluster.configure(&format!("port = {}\nsynchronous_standby_names = ''\n", cluster.port))?;
        cluster.run()?;
        Ok(cluster)
    }

    fn unmade() -> io::Result<Self> {
        let binaries = binaries()?;
        let user = user()?;
        let folder = tempfile::Builder::new().prefix("countersign-postgres-").tempdir()?;
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let running = Mutex::new(None);
        Ok(Self { folder, binaries, user, port, running, databases: AtomicU64::new(0) })
    }

    /// The port that it listens on, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A new, empty database; answers its URL.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL, as the superuser; answers what it prints, values separated by `|`.
    pub fn sql(&self, database: &str, sql: &str) -> io::Result<String> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname"]);
        let output = succeed(psql.arg(self.url(database)).args(["--command", sql]))?;
        Ok(output.trim_end().to_owned())
    }

    /// Everything that a database holds, as SQL; bytes as they are, as far as they can be read.
    pub fn dump(&self, url: &str) -> io::Result<String> {
        let mut dump = self.command("pg_dump");
        succeed(dump.env("PGOPTIONS", "-c bytea_output=escape").args(["--data-only", "--dbname", url]))
    }

    /// The process id of the server.
    pub fn process(&self) -> io::Result<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid"))?;
        text.lines().next().and_then(|line| line.trim().parse().ok()).ok_or_else(|| failed("no process id"))
    }

    /// Kills every process of the cluster at once, as a machine that dies would.
    pub fn kill(&self) -> io::Result<()> {
        let server = self.process()?;
        // First it is held, so that it starts no more of them while they are counted.
        succeed(Command::new("kill").arg("-STOP").arg(server.to_string()))?;
        let mut all = vec![server];
        all.extend(children(server)?);
        let pids: Vec<String> = all.iter().map(ToString::to_string).collect();
        // Some may have ended by themselves by now.
        let _ = Command::new("kill").arg("-KILL").args(&pids).stderr(Stdio::null()).status()?;
        self.wait_for_the_end();
        // What they shared is free again once the last of them is gone.
        self.wait_until("it did not end", || !all.iter().any(|pid| is_alive(*pid)))?;
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        Ok(())
    }

    /// Stops the server's processes where they are, or lets them go on: a machine that stalls.
    pub fn stall(&self, stalled: bool) -> io::Result<()> {
        let server = self.process()?;
        let pids = std::iter::once(server).chain(children(server)?).map(|pid| pid.to_string());
        let signal = if stalled { "-STOP" } else { "-CONT" };
        succeed(Command::new("kill").arg(signal).args(pids)).map(drop)
    }

    /// Starts it again after [`Cluster::kill`].
    pub fn run(&self) -> io::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let server = self.binaries.join("postgres");
        let mut minder = self.as_user(Command::new("sh"));
        minder.args(["-c", MINDER, "minder", "QUIT"]).arg(server).arg("-D").arg(self.data());
        minder.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut child = minder.spawn()?;
        let input = child.stdin.take().ok_or_else(|| failed("no input"))?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((child, input));
        let ready = || {
            let mut ask = self.command("pg_isready");
            ask.args(["--host=127.0.0.1", "--quiet", "--port"]).arg(self.port.to_string());
            ask.status().is_ok_and(|status| status.success())
        };
        self.wait_until("it did not start", ready)
    }

    /// Offers TLS from now on, with a certificate and its key, both PEM files.
    pub fn offer_tls(&self, certificate: &Path, key: &Path) -> io::Result<()> {
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = self.data().join(name);
            fs::copy(from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?;
            if let Some((user, group)) = self.user {
                std::os::unix::fs::chown(&to, Some(user), Some(group))?;
            }
        }
        self.configure("ssl = on\n")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        self.wait_until("it did not offer TLS", || self.sql("postgres", "SHOW ssl").is_ok_and(|ssl| ssl == "on"))
    }

    /// Makes a replica the one that takes writes.
    pub fn promote(&self) -> io::Result<()> {
        self.sql("postgres", "SELECT pg_promote(true, 60)").map(drop)
    }

    fn wait_until(&self, what: &str, done: impl Fn() -> bool) -> io::Result<()> {
        let started = Instant::now();
        while !done() {
            if started.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                let end: Vec<&str> = log.lines().rev().take(10).collect();
                return Err(failed(format!("{what}: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n"))));
            }
            sleep(LOOK);
        }
        Ok(())
    }

    fn wait_for_the_end(&self) {
        if let Some((mut child, input)) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(input);
            // It ends with its server.
            let _ = child.wait();
        }
    }

    fn configure(&self, lines: &str) -> io::Result<()> {
        append(&self.data().join("postgresql.conf"), lines)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self, binary: &str) -> Command {
        self.as_user(Command::new(self.binaries.join(binary)))
    }

    fn as_user(&self, mut command: Command) -> Command {
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path()).env_remove("PGPASSWORD").env("LC_ALL", "C");
        command
    }
}

/// A PgBouncer in transaction mode in front of a cluster: it lends each transaction another of its few connections.
pub struct Pooler {
    minded: Option<(Child, ChildStdin)>,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts one in front of `cluster`, with two connections to lend for each database.
    pub fn start(cluster: &Cluster) -> io::Result<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
            .into_iter()
            .find(|path| Path::new(path).is_file());
        let program = program.ok_or_else(|| failed("PgBouncer is not installed: install the package pgbouncer"))?;
        let folder = tempfile::Builder::new().prefix("countersign-pgbouncer-").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = folder.path().join("pgbouncer.ini");
        let users = folder.path().join("users");
        fs::write(&users, "\"postgres\" \"\"\n")?;
        let lines = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 2\n",
            cluster.port,
            users.display()
        );
        fs::write(&settings, lines)?;
        if let Some((user, group)) = cluster.user {
            for path in [folder.path(), &settings, &users] {
                std::os::unix::fs::chown(path, Some(user), Some(group))?;
            }
        }
        let log = fs::File::create(folder.path().join("log"))?;
        let mut minder = cluster.as_user(Command::new("sh"));
        minder.args(["-c", MINDER, "minder", "TERM", program]).arg(&settings);
        minder.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut child = minder.spawn()?;
        let input = child.stdin.take().ok_or_else(|| failed("no input"))?;
        let pooler = Self { minded: Some((child, input)), port, _folder: folder };
        cluster.wait_until("the pooler did not start", || is_listening(port))?;
        Ok(pooler)
    }

    /// The same database, reached through it.
    pub fn url(&self, of: &Cluster, url: &str) -> String {
        url.replace(&format!(":{}/", of.port), &format!(":{}/", self.port))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Some((mut child, input)) = self.minded.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.wait_for_the_end();
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
}

/// Runs a command to its end; what it printed, or an error that says what it complained about.
fn succeed(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(failed(format!("{}: {told}", command.get_program().display())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a process is there and has not ended: one that nobody has asked about yet has.
fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let after = stat.rsplit(')').next().unwrap_or_default();
    !matches!(after.split_whitespace().next(), None | Some("Z" | "X"))
}

fn children(of: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // The parent is the second field after the name, which stands in brackets and may hold anything.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let after = stat.rsplit(')').next().unwrap_or_default();
        if after.split_whitespace().nth(1) == Some(of.to_string().as_str()) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Where PostgreSQL's programs are: where Debian keeps those of the newest version, or on the path.
fn binaries() -> io::Result<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let debians = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debians: Vec<PathBuf> = debians.filter_map(|entry| Some(entry.ok()?.path())).collect();
    debians.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = debians.into_iter().map(|folder| folder.join("bin")).chain(std::env::split_paths(&path));
    let needed = ["postgres", "initdb", "pg_basebackup", "pg_isready", "psql"];
    let has_all = |folder: &PathBuf| needed.iter().all(|program| folder.join(program).is_file());
    folders.find(has_all).ok_or_else(|| failed("PostgreSQL's server is not installed: install the package postgresql"))
}

/// The user to run as, if we are root.
fn user() -> io::Result<Option<(u32, u32)>> {
    let own = fs::metadata("/proc/self")?;
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let mut fields = users.lines().find(|line| line.starts_with("postgres:")).map(|line| line.split(':').skip(2));
    let mut next = || fields.as_mut()?.next()?.parse().ok();
    match (next(), next()) {
        (Some(user), Some(group)) => Ok(Some((user, group))),
        _ => Err(failed("PostgreSQL refuses to run as root, and there is no user postgres to run it as")),
    }
}

/// Whether anybody listens on a port of the loopback.
pub fn is_listening(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_answers_is_killed_comes_back_and_ends() {
        let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
        assert_eq!(cluster.sql("postgres", "SELECT 6 * 7").unwrap(), "42");
        cluster.kill().unwrap();
        assert!(!is_listening(cluster.port()));
        cluster.run().unwrap();
        assert_eq!(cluster.sql("postgres", "SELECT 6 * 7").unwrap(), "42");
        let port = cluster.port();
        drop(cluster);
        assert!(!is_listening(port));
    }

    #[test]
    fn a_replica_follows_and_takes_over() {
        let primary = Cluster::start(Durability::Processes, &["synchronous_standby_names = 'second'"]).unwrap();
        let replica = Cluster::replica(&primary, "second").unwrap();
        primary.sql("postgres", "CREATE TABLE kept AS SELECT 1 AS n").unwrap();
        primary.kill().unwrap();
        replica.promote().unwrap();
        assert_eq!(
            replica.sql("postgres", "INSERT INTO kept VALUES (2) RETURNING n").unwrap().lines().next(),
            Some("2")
        );
    }
}
