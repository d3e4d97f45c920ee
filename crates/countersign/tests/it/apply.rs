//! `countersign apply` and `countersign keys`, as an operator runs them: files, a folder, an exit status and what is said.

mod guide;
mod refused;

use std::{path::Path, process::Output, thread};

use countersign_store::{SqliteOptions, Store, op::ReadProjects};
use tempfile::TempDir;

pub const SHOP: &str = r#"project: shop
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

/// Somebody with a folder and the binary.
pub struct Operator(pub TempDir);

impl Operator {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).env_clear().env("COUNTERSIGN_DATA_DIR", self.data()).current_dir(self.0.path());
        command.output().unwrap()
    }

    /// Applies one file; what it says, which must be no complaint.
    pub fn apply(&self, text: &str, more: &[&str]) -> String {
        let file = self.write("shop.yaml", text);
        let output = self.run(&[&["apply", &file], more].concat());
        let (said, complaint) = texts(&output);
        assert!(output.status.success(), "{said}{complaint}");
        said
    }

    /// The newest revision of every project, as the database has it.
    pub fn revision(&self) -> Vec<(String, i64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(&self.data().join("countersign.db"), SqliteOptions::default()).unwrap();
            let rows = store.read(ReadProjects).await.unwrap();
            store.close().await;
            rows.into_iter().map(|row| (row.slug, row.revision)).collect()
        })
    }

    /// Applies one file that must be refused; the complaint.
    pub fn refused(&self, text: &str, more: &[&str]) -> String {
        let file = self.write("shop.yaml", text);
        let output = self.run(&[&["apply", &file], more].concat());
        assert!(!output.status.success(), "{}", texts(&output).0);
        texts(&output).1
    }
}

/// What a command said on standard output and standard error.
pub fn texts(output: &Output) -> (String, String) {
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
    let before = operator.revision();
    let second = operator.apply(SHOP, &[]);
    assert!(second.contains("nothing to change") && second.contains("unchanged: 5"), "{second}");
    assert_eq!(operator.revision(), before, "no revision without a change");
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
fn a_file_that_is_wrong_leaves_no_database_behind() {
    let operator = Operator::new();
    operator.refused(&SHOP.replace("is_new_device", "is_newish"), &[]);
    assert!(!operator.data().join("countersign.db").exists());
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
fn a_list_keeps_its_kind() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let told = operator.refused("project: shop\nlists:\n  - { name: vip, kind: country }\n", &[]);
    assert!(told.contains("shop.yaml:3:24: list `vip`: its entries are of another kind"), "{told}");
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
    // Whoever is first makes the database, and the project.
    let operator = Operator::new();
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
fn a_status_tells_a_wrong_file_from_an_accident() {
    let operator = Operator::new();
    let status = |arguments: &[&str]| operator.run(arguments).status.code();
    let (good, bad) = (operator.write("good.yaml", SHOP), operator.write("bad.yaml", "projects: x"));
    assert_eq!(status(&["apply", &good]), Some(0));
    assert_eq!(status(&["apply", &bad]), Some(2));
    assert_eq!(status(&["apply", &bad, "--dry-run"]), Some(2));
    assert_eq!(status(&["apply"]), Some(2));
    let settings = operator.write("settings.toml", "lisen = 5\n");
    assert_eq!(status(&["apply", &good, "--config", &settings]), Some(2));
    assert_eq!(status(&["check-config", "--config", &settings]), Some(2));
    assert_eq!(status(&["check-config"]), Some(0));
    std::fs::write(operator.data().join("countersign.db"), "no database").unwrap();
    assert_eq!(status(&["apply", &good]), Some(1));
    assert_eq!(status(&["apply", &bad]), Some(2), "what is wrong with a file is told without a database");
}

#[test]
fn files_without_a_project_are_of_the_one_that_is_named() {
    let operator = Operator::new();
    let anybodys = SHOP.replace("project: shop\n", "");
    assert!(operator.refused(&anybodys, &[]).contains("--project"));
    assert!(operator.apply(&anybodys, &["--project", "shop"]).starts_with("project shop\n"));
    assert!(operator.apply(&anybodys, &["--project", "other-shop"]).starts_with("project other-shop\n"));
    assert!(operator.apply(SHOP, &["--project", "shop"]).contains("nothing to change"));
    assert!(operator.refused(SHOP, &["--project", "other-shop"]).contains("one project at a time"));
}

#[test]
fn changed_entries_are_told_apart_from_new_ones() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let changed = SHOP.replace("note: founder", "note: founder of it all").replace("[ada,", "[ada, joan,");
    let said = operator.apply(&changed, &[]);
    assert!(said.contains("+ 1 entry of list \"vip\"") && said.contains("~ 1 entry of list \"vip\""), "{said}");
    assert!(said.contains("unchanged: 5"), "{said}");
}

#[test]
fn what_stood_on_a_pruned_list_goes_with_it() {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let said = operator.apply("project: shop\n", &["--prune"]);
    assert!(said.contains("- 2 entries of list \"vip\""), "{said}");
}

#[test]
fn names_do_not_steer_the_terminal() {
    let operator = Operator::new();
    let said = operator.apply(&SHOP.replace("name: doubt", "name: \"doubt\\e[2J\\u202e\""), &[]);
    assert!(said.contains("doubt\\u{1b}[2J\\u{202e}"), "{said:?}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
}

#[test]
fn a_large_list_is_applied_and_compared_in_seconds() {
    let operator = Operator::new();
    let entries = (0..50_000).map(|n| format!("      - user{n}")).collect::<Vec<_>>().join("\n");
    let text = format!("project: shop\nlists:\n  - name: many\n    kind: user\n    entries:\n{entries}\n");
    let began = std::time::Instant::now();
    assert!(operator.apply(&text, &[]).contains("+ 50000 entries"));
    assert!(operator.apply(&text, &[]).contains("nothing to change"));
    // Compared one with one, 50,000 entries would take minutes.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn a_risk_of_ones_own_goes_in_the_place_of_one_that_ships() {
    let operator = Operator::new();
    let risk = |weight: u32| {
        format!(
            "project: shop\nrisks:\n  - id: ato\n    name: Takeover\n    indicators: [{{ when: is_new_ip, weight: {weight} }}]\n    \
             cutoffs: {{ low: 20, medium: 40, high: 60, maximum: 80 }}\n"
        )
    };
    let policy = "policies:\n  - name: Resale\n    environment: production\n    when: risk.resale.score > 10 or risk.bot.severity = \"high\"\n    then: deny\n";
    assert!(operator.apply(&risk(20), &[]).contains("+ risk \"ato\""));
    assert!(operator.apply(&risk(30), &[]).contains("~ risk \"ato\": indicators"));
    // What a policy asks for must be there, be it in the very same file.
    let told = operator.refused(&format!("project: shop\n{policy}"), &[]);
    assert!(told.contains("there is no risk `resale`"), "{told}");
    let resale = risk(30).replace("id: ato", "id: resale");
    operator.apply(&format!("{resale}{policy}"), &[]);
    let told = operator.refused(&format!("project: shop\n{policy}"), &["--prune"]);
    assert!(told.contains("there is no risk `resale`"), "{told}");
    let said = operator.apply("project: shop\n", &["--prune"]);
    assert!(said.contains("- risk \"ato\"") && said.contains("- risk \"resale\""), "{said}");
    // Switched off, one of ours is as good as not there.
    let off = "project: shop\nrisks: [{ id: bot, enabled: false }]\n";
    assert!(operator.apply(off, &[]).contains("+ risk \"bot\""));
    let told = operator.refused(&format!("project: shop\n{}", policy.replace("risk.resale.score > 10 or ", "")), &[]);
    assert!(told.contains("there is no risk `bot`"), "{told}");
}

#[test]
fn what_is_odd_is_said_and_applied_all_the_same() {
    let operator = Operator::new();
    let policy = |name: &str, when: &str, priority: u32| {
        format!(
            "  - name: {name}\n    environment: production\n    when: {when}\n    then: deny\n    priority: {priority}\n"
        )
    };
    let many = policy("many", "device_count > 3", 9);
    let file = format!("project: shop\npolicies:\n{}{}", many, policy("more", "device_count > 5", 1));
    let said = operator.apply(&file, &[]);
    let wanted = "shop.yaml:8:5: policy `more`: it is never reached: whenever it holds, `many` gave a verdict before";
    assert!(said.contains("+ policy \"more\"") && said.contains(wanted), "{said}");
    // What stands in the database counts, changed or not; and a dry run says it too.
    let file = format!("project: shop\npolicies:\n{}", policy("most", "device_count > 9 and device_count < 8", 1));
    let said = operator.apply(&file, &["--dry-run"]);
    assert!(
        said.contains("policy `most`: it can never hold") && said.contains("! policy `more`: it is never"),
        "{said}"
    );
    let said = operator.apply(&format!("project: shop\npolicies:\n{many}"), &["--prune"]);
    assert!(!said.contains(" ! "), "{said}");
}

#[test]
fn a_project_that_is_made_is_told() {
    let operator = Operator::new();
    let said = operator.apply("project: shop\n", &[]);
    assert!(said.contains("+ project \"shop\"") && !said.contains("nothing to change"), "{said}");
    assert!(operator.apply("project: shop\n", &[]).contains("nothing to change"));
}
