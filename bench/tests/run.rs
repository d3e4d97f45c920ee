//! The driver as it is run, with the second floor in the product's place: it speaks the same two calls.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail the test")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

const BENCH: &str = env!("CARGO_BIN_EXE_countersign-bench");

struct Floor {
    child: Child,
    base_url: String,
}

impl Floor {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(BENCH).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announcement: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, base_url: announcement["base_url"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(scratch: &Path, arguments: &[&str]) -> Output {
    let small = ["run", "--seconds", "1", "--earlier", "500,0", "--consumes", "200", "--connections", "8"];
    Command::new(BENCH).args(small).arg("--scratch").arg(scratch).args(arguments).output().unwrap()
}

#[test]
fn a_run_measures_everything_and_adds_it_to_the_file() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let floor = Floor::start(&["floor-b", "--data", data.path().to_str().unwrap()]);
    let file = data.path().join("RESULTS.md");
    fs::write(&file, "# Results\n").unwrap();
    let target = ["--base-url", &floor.base_url, "--client-id", "pk_dev_x", "--api-secret", "sk_dev_x"];
    let heading = ["--date", "2026-01-02", "--markdown", file.to_str().unwrap()];
    let output = run(scratch.path(), &[target.as_slice(), &heading].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let text = String::from_utf8(output.stdout).unwrap();
    let rows = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((rows("| (a)"), rows("| (b)"), rows("| (c) POST"), rows("| (d) POST")), (1, 1, 2, 2), "{text}");
    assert_eq!((rows("| (c) against"), rows("| p50 of (c)")), (2, 1), "{text}");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("# Results\n") && written.contains("## 2026-01-02") && written.contains(text.trim()));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_refusal_ends_the_run_without_results() {
    let scratch = tempfile::tempdir().unwrap();
    let floor = Floor::start(&["floor-a"]);
    let target = ["--base-url", &floor.base_url, "--client-id", "pk_dev_x", "--api-secret", "sk_dev_x"];
    let output = run(scratch.path(), &target);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.contains("POST /v3/evaluations/{id}/consume was answered with 404"), "{said}");
}

#[test]
fn other_machines_are_never_put_under_load() {
    let scratch = tempfile::tempdir().unwrap();
    let output = run(scratch.path(), &["--base-url", "http://192.0.2.1:80", "--client-id", "pk_dev_x"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not http:// with a loopback address"));
}
