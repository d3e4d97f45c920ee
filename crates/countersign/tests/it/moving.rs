//! `countersign migrate-store` as an operator runs it, and as a power cut ends it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use countersign_postgres_cluster::Cluster;

/// Enough that no move ends before its first lines are read.
const ROWS: u32 = 30_000;

fn command(from: &str, to: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    // The target as the manual says: where a password may be, in the environment.
    command.args(["migrate-store", "--from", from]).env("COUNTERSIGN_MOVE_TO", to);
    command
}

fn run(from: &str, to: &str) -> Output {
    command(from, to).output().unwrap()
}

/// The one line that a refusal is.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

/// Starts a move, and kills it (-9) once it has said a line that begins so and `ready` says yes; answers its first line.
fn kill(from: &str, to: &str, said: &str, ready: impl Fn() -> bool) -> String {
    let mut child = command(from, to).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).peekable();
    let first = lines.peek().unwrap().clone();
    assert!(lines.any(|line| line.starts_with(said)), "it ended and never said `{said}`");
    while !ready() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
    first
}

/// About how many rows of a move have reached the target.
fn arrived(cluster: &Cluster, to: &str) -> u64 {
    let Some(file) = to.strip_prefix("sqlite:") else {
        return cluster.sql(to.rsplit('/').next().unwrap(), "SELECT copied FROM moving").unwrap().parse().unwrap();
    };
    // Nobody else may open the file; a row of the test's is about a kilobyte of it, and the empty tables are less than 500.
    let size = |end| std::fs::metadata(format!("{file}{end}")).map_or(0, |file| file.len());
    (size("") + size("-wal")) / 1_000
}

/// The rows that a line of progress tells.
fn rows(line: &str) -> u32 {
    line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// A database with many evaluations and users, made with the product's own schema.
fn source(cluster: &Cluster, folder: &Path) -> String {
    let url = cluster.database().unwrap();
    let settings = folder.join("countersign.toml");
    std::fs::write(&settings, format!("database = \"{url}\"\ndata_dir = \"{}\"\n", folder.display())).unwrap();
    let project = folder.join("shop.yaml");
    std::fs::write(&project, "project: shop\n").unwrap();
    let mut apply = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let applied = apply.arg("apply").arg(&project).arg("--config").arg(&settings).output().unwrap();
    assert!(applied.status.success(), "{applied:?}");
    let fill = format!(
        "INSERT INTO evaluations SELECT p.project_id, decode(lpad(to_hex(n), 32, '0'), 'hex'), NULL, \
         '{{\"n\": ' || n || ', \"text\": \"' || repeat(md5(n::text), 20) || '\"}}', NULL, NULL, NULL, NULL, n, n \
         FROM projects p, generate_series(1, {ROWS}) n; \
         INSERT INTO users SELECT p.project_id, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'user' || n, NULL, NULL, NULL, \
         NULL, '{{}}', '[]', NULL, 0, decode(md5(n::text), 'hex'), n, n FROM projects p, generate_series(1, {ROWS} / 3) n; \
         DELETE FROM transactions"
    );
    cluster.sql(url.rsplit('/').next().unwrap(), &fill).unwrap();
    url
}

fn contents(cluster: &Cluster, url: &str) -> Vec<String> {
    let dump = cluster.dump(url).unwrap();
    let mut lines: Vec<String> =
        dump.lines().filter(|line| !line.contains("restrict")).map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_killed_move_goes_on_where_it_stopped_there_and_back() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = source(&cluster, folder.path());
    let middle = format!("sqlite:{}", folder.path().join("moved").join("countersign.db").display());
    let back = cluster.database().unwrap();
    for (from, to) in [(&url, &middle), (&middle, &back)] {
        assert_eq!(rows(&kill(from, to, "copying ", || true)), 0);
        // In the thick of it, twice, and each time further.
        let mut stopped = Vec::new();
        for _ in 0..2 {
            let before = arrived(&cluster, to);
            stopped.push(rows(&kill(from, to, "copying ", || arrived(&cluster, to) > before + 2_500)));
        }
        stopped.push(rows(&kill(from, to, "verifying ", || true)));
        assert!(stopped[0] < stopped[1] && stopped[1] < stopped[2] && stopped[2] < ROWS, "{stopped:?}");
        // Whatever was killed, no server takes what is there for a database.
        let settings = folder.path().join("half.toml");
        std::fs::write(&settings, format!("database = {to:?}\ndata_dir = {:?}\n", folder.path())).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let told = refusal(&serve.arg("serve").arg("--config").arg(&settings).output().unwrap());
        assert!(told.contains("countersign migrate-store"), "{told}");

        let done = run(from, to);
        let told = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(told.contains(&format!("moved {} rows", ROWS + ROWS / 3 + 1)), "{told}");
    }
    assert_eq!(contents(&cluster, &back), contents(&cluster, &url));
}

#[test]
fn the_server_key_is_spoken_of_and_never_shown() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = source(&cluster, folder.path());
    let file = folder.path().join("countersign.db");
    let key = folder.path().join("server.key");
    std::fs::write(&key, "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzA").unwrap();
    let sqlite = format!("sqlite:{}", file.display());
    for (from, to) in [(&url, &sqlite), (&sqlite, &cluster.database().unwrap())] {
        let done = run(from, to);
        let told = format!("{}{}", String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(done.status.success(), "{told}");
        assert!(told.contains(key.to_str().unwrap()) && told.contains("server_key"), "{told}");
        assert!(!told.contains("c2Vj"), "{told}");
    }
}

#[test]
fn what_cannot_be_moved_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("sqlite:{}", folder.path().join("nowhere.db").display());
    let told = refusal(&run("countersign.db", &nowhere));
    assert!(told.contains("source must be `sqlite:`"), "{told}");
    let told = refusal(&run(&nowhere, "mysql://shop:s3cret@db/x"));
    assert!(told.contains("target must be `sqlite:`") && !told.contains("s3cret"), "{told}");
    assert!(refusal(&run(&nowhere, "postgres://shop:s3cret@127.0.0.1:1/x")).contains("no database"));
}
