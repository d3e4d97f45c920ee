//! `countersign apply` and `countersign keys`, as an operator runs them: files, a folder, an exit status and what is said.

use std::{path::Path, process::Output, thread};

use tempfile::TempDir;

const SHOP: &str = r#"project: shop
settings: { name: The Shop, consume_window_minutes: 30 }
keys:
  - { name: web, environment: development, origins: ["http://localhost:3000"] }
challenge_configs:
  - { name: email, channels: [email], success_url: "https://shop.example/verified" }
lists:
  - name: vip
    kind: user
    entries: [ada, { value: grace, note: founder }]
policies:
  - name: doubt
    environment: production
    actions: [login]
    when: is_new_device and user_external_id not in_list "vip"
    then: { verdict: challenge, challenge_config: email, type: account_takeover }
"#;

struct Operator(TempDir);

impl Operator {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).env_clear().env("COUNTERSIGN_DATA_DIR", self.data()).current_dir(self.0.path());
        command.output().unwrap()
    }

    /// Applies one file; what it says, which must be no complaint.
    fn apply(&self, text: &str, more: &[&str]) -> String {
        let file = self.write("shop.yaml", text);
        let output = self.run(&[&["apply", &file], more].concat());
        let (said, complaint) = texts(&output);
        assert!(output.status.success(), "{said}{complaint}");
        said
    }

    /// Applies one file that must be refused; the complaint.
    fn refused(&self, text: &str, more: &[&str]) -> String {
        let file = self.write("shop.yaml", text);
        let output = self.run(&[&["apply", &file], more].concat());
        assert!(!output.status.success(), "{}", texts(&output).0);
        texts(&output).1
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn holds(folder: &Path, needle: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()))
}

#[test]
fn the_same_again_changes_nothing() {
    let operator = Operator::new();
    let first = operator.apply(SHOP, &[]);
    for line in [
        "+ settings",
        "+ key \"web\"",
        "+ challenge config \"email\"",
        "+ list \"vip\"",
        "+ 2 entries",
        "+ policy \"doubt\"",
    ] {
        assert!(first.contains(line), "{line} in {first}");
    }
    let second = operator.apply(SHOP, &[]);
    assert!(second.contains("nothing to change"), "{second}");
}

#[test]
fn a_secret_is_shown_once_and_kept_as_a_hash() {
    let operator = Operator::new();
    let said = operator.apply(SHOP, &[]);
    let secret = said.lines().find_map(|line| line.trim().strip_prefix("API secret")).unwrap().trim().to_owned();
    let client_id = said.lines().find_map(|line| line.trim().strip_prefix("client id")).unwrap().trim().to_owned();
    assert!(secret.starts_with("sk_dev_"), "{secret}");
    assert!(holds(&operator.data(), &client_id), "the right files were read");
    assert!(!holds(&operator.data(), &secret));
    assert!(!operator.apply(SHOP, &[]).contains("sk_dev_"));
}

#[test]
fn a_dry_run_says_what_would_change_and_leaves_nothing_behind() {
    let operator = Operator::new();
    let said = operator.apply(SHOP, &["--dry-run"]);
    assert!(said.contains("dry run") && said.contains("+ policy \"doubt\"") && !said.contains("sk_dev_"), "{said}");
    assert!(!operator.data().join("countersign.db").exists());
    operator.apply(SHOP, &[]);
    let changed = SHOP.replace("consume_window_minutes: 30", "consume_window_minutes: 45");
    assert!(operator.apply(&changed, &["--dry-run"]).contains("consume_window_minutes 30 → 45"));
    assert!(
        operator.apply(&changed, &[]).contains("consume_window_minutes 30 → 45"),
        "the dry run had changed nothing"
    );
}

#[test]
fn what_a_file_does_not_name_stays_unless_it_is_pruned() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let less = SHOP.replace("entries: [ada, { value: grace, note: founder }]", "entries: [ada]");
    assert!(operator.apply(&less, &[]).contains("nothing to change"));
    assert!(operator.apply(&less, &["--prune"]).contains("- 1 entry of list \"vip\""));
    let bare = "project: shop\n";
    assert!(operator.apply(bare, &[]).contains("nothing to change"));
    let said = operator.apply(bare, &["--prune"]);
    for line in ["- challenge config \"email\"", "- list \"vip\"", "- policy \"doubt\""] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(!said.contains("key"), "keys are never deleted this way: {said}");
}

#[test]
fn what_is_kept_never_names_what_is_pruned() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let from = SHOP.find("challenge_configs:").unwrap();
    let to = SHOP.find("policies:").unwrap();
    let only_the_policy = format!("{}{}", &SHOP[..from], &SHOP[to..]);
    assert!(operator.apply(&only_the_policy, &[]).contains("nothing to change"));
    let told = operator.refused(&only_the_policy, &["--prune"]);
    assert!(told.contains("email") && told.contains("vip") && told.contains("policy `doubt`"), "{told}");
    assert!(operator.apply(SHOP, &[]).contains("nothing to change"), "nothing was deleted");
}

#[test]
fn real_users_never_meet_a_config_that_leads_to_this_machine() {
    let local = SHOP.replace("https://shop.example/verified", "http://localhost:3000/verified");
    let trying = local.replace("environment: production", "environment: development");
    // The policy that is there, with a config that changes.
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let only_the_config = &local[..local.find("lists:").unwrap()];
    assert!(operator.refused(only_the_config, &[]).contains("success_url"));
    // The config that is there, with a policy that changes.
    let operator = Operator::new();
    operator.apply(&trying, &[]);
    let policy = &SHOP[SHOP.find("policies:").unwrap()..];
    let told = operator.refused(&format!("project: shop\n{policy}"), &[]);
    assert!(told.contains("success_url") && told.contains("in the database"), "{told}");
}

#[test]
fn settings_that_no_file_names_stay() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let said = operator.apply("project: shop\nsettings: { name: Another }\n", &[]);
    assert!(said.contains("name") && !said.contains("consume_window_minutes"), "{said}");
    assert!(
        operator.apply("project: shop\nsettings: { consume_window_minutes: 30 }\n", &[]).contains("nothing to change")
    );
}

#[test]
fn toml_says_the_same_as_yaml() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let toml = r#"project = "shop"
[settings]
name = "The Shop"
consume_window_minutes = 30
[[keys]]
name = "web"
environment = "development"
origins = ["http://localhost:3000"]
[[challenge_configs]]
name = "email"
channels = ["email"]
success_url = "https://shop.example/verified"
[[lists]]
name = "vip"
kind = "user"
entries = ["ada", { value = "grace", note = "founder" }]
[[policies]]
name = "doubt"
environment = "production"
actions = ["login"]
when = 'is_new_device and user_external_id not in_list "vip"'
then = { verdict = "challenge", challenge_config = "email", type = "account_takeover" }
"#;
    let file = operator.write("shop.toml", toml);
    let said = texts(&operator.run(&["apply", &file])).0;
    assert!(said.contains("nothing to change"), "{said}");
}

#[test]
fn bad_files_are_refused_with_a_place_and_change_nothing() {
    let key = |rest: &str| format!("project: shop\nkeys:\n  - {{ {rest} }}\n");
    let policy = |when: &str, then: &str| {
        format!(
            "project: shop\npolicies:\n  - name: p\n    environment: development\n    when: {when}\n    then: {then}\n"
        )
    };
    let rows: Vec<(String, &str, &str)> = vec![
        ("project: [".into(), "shop.yaml", ""),
        ("projects: shop".into(), "shop.yaml:1", "projects"),
        ("project: Shop".into(), "shop.yaml:1", "lower-case"),
        ("project: ''".into(), "shop.yaml", "letters"),
        ("{}".into(), "shop.yaml", "project"),
        ("project: shop\nsettings: { nom: x }".into(), "shop.yaml:2", "nom"),
        ("project: shop\nsettings: { consume_window_minutes: 0 }".into(), "shop.yaml:2", "consume_window_minutes"),
        ("project: shop\nsettings: { consume_window_minutes: soon }".into(), "shop.yaml:2", "soon"),
        (key("name: web"), "shop.yaml:3", "environment"),
        (key("name: web, environment: staging"), "shop.yaml:3", "staging"),
        (key("name: web, environment: production"), "shop.yaml:3", "origins"),
        (key("name: web, environment: production, origins: ['http://localhost:1']"), "shop.yaml:3", "this machine"),
        (key("name: web, environment: development, origins: ['shop']"), "shop.yaml:3", "origin"),
        (key("name: '', environment: development"), "shop.yaml", "name"),
        (key("name: \"a\\e[2Jb\", environment: development"), "shop.yaml", "name"),
        (
            "project: shop\nkeys:\n  - { name: web, environment: development }\n  - { name: web, environment: development }\n".into(),
            "shop.yaml:3",
            "already",
        ),
        ("project: shop\nlists:\n  - { name: l, kind: colour }".into(), "shop.yaml:3", "colour"),
        ("project: shop\nlists:\n  - { name: l, kind: ip, entries: [nonsense] }".into(), "shop.yaml:3", "nonsense"),
        (
            "project: shop\nlists:\n  - name: l\n    kind: user\n    entries: [ada, { value: ada, note: x }]".into(),
            "shop.yaml:5",
            "twice",
        ),
        (
            "project: shop\nlists:\n  - name: l\n    kind: user\n    entries: [{ value: ada, expires_at: soon }]".into(),
            "shop.yaml:5",
            "2027-01-01T00:00:00Z",
        ),
        (policy("is_new_devise", "deny"), "shop.yaml", "is_new_device"),
        (policy("device_count > \"x\"", "deny"), "shop.yaml", "number"),
        (policy("user_external_id in_list \"nobody\"", "deny"), "shop.yaml:3", "nobody"),
        (policy("is_new_device and", "deny"), "shop.yaml", ""),
        (policy("is_new_device", "forgive"), "shop.yaml:6:11", "`allow`"),
        (
            policy("is_new_device", "{ verdict: challenge, challenge_config: fax, type: account_takeover }"),
            "shop.yaml:3",
            "fax",
        ),
        (
            "project: shop\nchallenge_configs:\n  - { name: email, channels: [email], success_url: 'http://shop.example/' }".into(),
            "shop.yaml:3",
            "https",
        ),
        (
            "project: shop\nchallenge_configs:\n  - { name: email, channels: [], success_url: 'https://shop.example/' }".into(),
            "shop.yaml:3",
            "channel",
        ),
    ];
    assert!(rows.len() > 25);
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    for (text, place, words) in rows {
        let told = operator.refused(&text, &[]);
        assert!(told.contains(place) && told.contains(words), "`{place}` and `{words}` in {told}\nfor {text}");
        assert!(!told.contains("error: line"), "the place is told once: {told}");
        assert!(!told.contains('\u{1b}'), "a file must not steer the terminal: {told:?}");
    }
    assert!(operator.apply(SHOP, &[]).contains("nothing to change"));
}

#[test]
fn a_list_keeps_its_kind() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let told = operator.refused("project: shop\nlists:\n  - { name: vip, kind: country }\n", &[]);
    assert!(told.contains("another kind"), "{told}");
}

#[test]
fn settings_stand_in_one_file() {
    let operator = Operator::new();
    let one = operator.write("one.yaml", "project: shop\nsettings: { name: One }\n");
    let two = operator.write("two.yaml", "project: shop\nsettings: { name: Two }\n");
    let output = operator.run(&["apply", &one, &two]);
    assert!(!output.status.success());
    assert!(texts(&output).1.contains("already"), "{}", texts(&output).1);
}

#[test]
fn twenty_who_apply_at_once_all_have_their_say() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    thread::scope(|scope| {
        for n in 0..20 {
            let operator = &operator;
            scope.spawn(move || {
                let text = format!("project: shop\nlists:\n  - {{ name: list{n}, kind: user, entries: [user{n}] }}\n");
                let file = operator.write(&format!("{n}.yaml"), &text);
                let output = operator.run(&["apply", &file]);
                assert!(output.status.success(), "{}", texts(&output).1);
            });
        }
    });
    let all: Vec<String> =
        (0..20).map(|n| format!("  - {{ name: list{n}, kind: user, entries: [user{n}] }}")).collect();
    assert!(operator.apply(&format!("project: shop\nlists:\n{}\n", all.join("\n")), &[]).contains("nothing to change"));
}

#[test]
fn keys_are_made_once_for_a_name_and_only_where_they_can_work() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let create = |environment: &str, more: &[&str]| {
        let base = ["keys", "create", "--project", "shop", "--name", "app", "--environment", environment];
        operator.run(&[&base, more].concat())
    };
    let refused = |output: &Output, words: &str| {
        assert!(!output.status.success() && texts(output).1.contains(words), "{}", texts(output).1);
    };
    refused(&create("production", &[]), "origins");
    refused(&create("production", &["--origin", "http://127.0.0.1:3000"]), "this machine");
    let made = create("production", &["--origin", "https://shop.example"]);
    assert!(texts(&made).0.contains("sk_live_"), "{}", texts(&made).1);
    refused(&create("production", &["--origin", "https://shop.example"]), "already");
    let nowhere = ["keys", "create", "--project", "nowhere", "--name", "app", "--environment", "development"];
    refused(&operator.run(&nowhere), "nowhere");
}
