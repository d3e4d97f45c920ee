//! Files that are refused: each fault is told, at the line and column of the word that is wrong, and nothing is changed.

use super::{Operator, SHOP, texts};

/// Stands in a file before each word that must be pointed at, in the order in which the words are told.
const HERE: char = '§';

/// A file without its marks, and the line and column of each.
fn unmarked(text: &str) -> (String, Vec<String>) {
    let (mut plain, mut places) = (String::new(), Vec::new());
    let (mut line, mut column) = (1, 1);
    for c in text.chars() {
        match c {
            HERE => {
                places.push(format!("{line}:{column}"));
                continue;
            }
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        plain.push(c);
    }
    (plain, places)
}

/// Applies a file of that name; every fault must be told where the marks are, with those words, and no other.
fn check(operator: &Operator, name: &str, text: &str, words: &[&str]) {
    let (text, places) = unmarked(text);
    let file = operator.write(name, &text);
    let output = operator.run(&["apply", &file]);
    let told = texts(&output).1;
    assert_eq!(output.status.code(), Some(2), "{told}\nfor {text}");
    let faults: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!((faults.len(), places.len()), (words.len(), words.len()), "{told}\nfor {text}");
    for ((fault, place), words) in faults.iter().zip(&places).zip(words) {
        assert!(fault.contains(&format!("{name}:{place}: ")), "{place} in {fault}\nfor {text}");
        assert!(fault.contains(words), "`{words}` in {fault}\nfor {text}");
        assert_eq!(fault.matches("line ").count(), 0, "the place is told once: {fault}");
    }
    assert!(!told.contains('\u{1b}'), "a file must not steer the terminal: {told:?}");
}

/// Rows of a table: a marked file, and the words that are told about each mark.
fn all(name: &str, rows: &[(String, &[&str])]) {
    let operator = Operator::new();
    operator.apply(SHOP, &[]);
    let before = operator.revision();
    for (text, words) in rows {
        check(&operator, name, text, words);
    }
    assert_eq!(operator.revision(), before, "nothing was applied");
}

fn row(text: &str, words: &'static [&'static str]) -> (String, &'static [&'static str]) {
    (text.to_owned(), words)
}

/// A file with one section.
fn shop(rest: &str, words: &'static [&'static str]) -> (String, &'static [&'static str]) {
    (format!("project: shop\n{rest}\n"), words)
}

/// A file with one policy.
fn policy(rest: &str, words: &'static [&'static str]) -> (String, &'static [&'static str]) {
    shop(&format!("policies:\n  - name: p\n    environment: production\n{rest}"), words)
}

#[test]
fn yaml_that_is_none_or_holds_no_project() {
    all(
        "shop.yaml",
        &[
            row("project: §[", &["unclosed"]),
            row("project: shop\n§project: shop\n", &["twice"]),
            row("project: shop\n---\n§project: shop\n", &["file of its own"]),
            row("project: §\"\\q\"", &["escape"]),
            row("§§projects: shop", &["--project", "`projects` is not known here"]),
            row("§", &["--project"]),
            row("§[shop]", &["table"]),
            row("project: §Shop", &["lower-case"]),
            row("project: §''", &["lower-case"]),
            row("project: §[shop]", &["a text"]),
            row("project: §true", &["quotes"]),
            shop("§nonsense: {}", &["`nonsense` is not known here"]),
            shop("keys: §{}", &["list"]),
        ],
    );
}

#[test]
fn settings_and_keys() {
    all(
        "shop.yaml",
        &[
            shop("settings: { §nom: x }", &["`nom`"]),
            shop("settings: { consume_window_minutes: §0 }", &["1 to 1440"]),
            shop("settings: { consume_window_minutes: §soon }", &["whole number"]),
            shop("settings: { reveal_verdict: §1 }", &["`true` or `false`"]),
            shop("settings: { name: §\"a\\nb\", sends_per_hour: §0 }", &["one line", "1 to 1000000"]),
            shop("settings: { sends_per_hour: §-1, reveal_verdict: §maybe }", &["whole number", "`false`"]),
            shop("keys:\n  - §name: web", &["`environment` is missing"]),
            shop("keys:\n  - { name: web, environment: §staging, §origin: x }", &["`staging`", "`origin`"]),
            shop("keys:\n  - §{ name: web, environment: production }", &["origins"]),
            shop(
                "keys:\n  - { name: web, environment: production, origins: §['http://localhost:1'] }",
                &["this machine"],
            ),
            shop(
                "keys:\n  - { name: web, environment: development, origins: ['https://a.example', §'shop'] }",
                &["origin"],
            ),
            shop("keys:\n  - { name: §'', environment: development }", &["1 to 100"]),
            shop("keys:\n  - { name: §\"a\\e[2Jb\", environment: development }", &["1 to 100"]),
            shop(
                "keys:\n  - { name: web, environment: development }\n  - { name: §web, environment: development }",
                &["already"],
            ),
        ],
    );
}

#[test]
fn lists_and_challenge_configs() {
    all(
        "shop.yaml",
        &[
            shop("lists:\n  - { name: l, kind: §colour }", &["`colour`"]),
            shop("lists:\n  - { name: §'', kind: ip }", &["1 to 100"]),
            shop("lists:\n  - { name: l, kind: ip, entries: §none }", &["list"]),
            shop("lists:\n  - { name: l, kind: ip, entries: [192.0.2.1, §one, §two] }", &["address", "address"]),
            shop("lists:\n  - { name: l, kind: country, entries: [NO, FR, §FRA] }", &["two letters"]),
            shop("lists:\n  - { name: l, kind: user, entries: [12, 007, §true] }", &["quotes"]),
            shop("lists:\n  - { name: l, kind: user, entries: [ada, §{ value: ada, note: x }] }", &["twice"]),
            shop(
                "lists:\n  - { name: l, kind: ip, entries: [{ value: §x, expires_at: §soon }, §{ §val: y }] }",
                &["address", "2027-01-01T00:00:00Z", "`value` is missing", "`val`"],
            ),
            shop(
                "challenge_configs:\n  - { name: email, channels: [§fax], success_url: §'http://shop.example/' }",
                &["channel", "https://"],
            ),
            shop(
                "challenge_configs:\n  - name: email\n    channels: §[]\n    success_url: https://shop.example/\n    code_length: §3\n    appearance: { accent: §red }",
                &["channel", "6 to 10", "#rrggbb"],
            ),
            shop(
                "challenge_configs:\n  - name: email\n    success_url: §http://localhost/\n",
                &["the production policy `doubt`"],
            ),
            shop("challenge_configs:\n  - §name: email", &["`success_url` is missing"]),
        ],
    );
}

#[test]
fn risks() {
    let risk = |rest: &str, words| {
        let cutoffs = "cutoffs: { low: 20, medium: 40, high: 60, maximum: 80 }";
        shop(&format!("risks:\n  - id: ato\n    name: Takeover\n{}", rest.replace("CUTOFFS", cutoffs)), words)
    };
    all(
        "shop.yaml",
        &[
            risk("    indicators: [{ when: is_new_ip, weight: §0 }]\n    CUTOFFS", &["1 to 100"]),
            risk("    indicators: [{ when: §is_new_ipp, weight: 3 }]\n    CUTOFFS", &["did you mean `is_new_ip`?"]),
            risk("    indicators: [{ when: §action = \"login\", weight: 3 }]\n    CUTOFFS", &["can't ask `action`"]),
            risk("    indicators: [{ when: is_new_ip and§, weight: 3 }]\n    CUTOFFS", &["expected"]),
            risk("    indicators: §[]\n    CUTOFFS", &["1 to 64"]),
            risk("    indicators: [{ when: is_new_ip, weight: 3, §wieght: 3 }]\n    CUTOFFS", &["`wieght`"]),
            risk(
                "    indicators: [{ when: is_new_ip, weight: 3 }]\n    cutoffs: §{ low: 20, medium: 20, high: 60, maximum: 80 }",
                &["each above the one before"],
            ),
        ],
    );
}

#[test]
fn policies_and_the_words_of_their_conditions() {
    all(
        "shop.yaml",
        &[
            policy("    when: §is_new_devise\n    then: deny", &["is_new_device"]),
            policy("    when: is_new_device and device_count > §\"x\"\n    then: deny", &["number"]),
            policy("    when: is_new_device and§\n    then: deny", &["expected"]),
            policy("    when: is_new_device or §or is_new_ip\n    then: deny", &["expected"]),
            // Quotes, escapes and folded lines move the words.
            policy("    when: \"user_email = \\\"é\\\" and §nope\"\n    then: deny", &["`nope`"]),
            policy("    when: \"user_email = \\\"\\u00e9\\\"\\n and §nope\"\n    then: deny", &["`nope`"]),
            policy("    when: 'group = \"it''s\" and §nope'\n    then: deny", &["`nope`"]),
            policy("    when: is_new_device\n      and §nope\n    then: deny", &["`nope`"]),
            policy("    when: |\n      # why\n      is_new_device and\n\n        §nope\n    then: deny", &["`nope`"]),
            policy("    when: >-\n      is_new_device\n      and §nope\n    then: deny", &["`nope`"]),
            policy("    when: |\n      §\"a\" = action\n    then: deny", &["expected"]),
            // Written as a tree.
            policy(
                "    when: { all: [{ field: is_new_ip, op: eq, value: true }, { any: [{ field: §nope, op: eq, value: 1 }] }] }\n    then: deny",
                &["`nope`"],
            ),
            policy("    when: { field: is_new_ip, op: §equals, value: true }\n    then: deny", &["no operator"]),
            policy("    when: §true\n    then: deny", &["\"field\""]),
            policy("    when: { field: device_count, op: gt, value: §'3' }\n    then: deny", &["number"]),
            policy("    when: user_external_id in_list §\"nobody\"\n    then: deny", &["there is no list"]),
            policy("    then: §forgive", &["`allow`"]),
            policy("    then: { verdict: §forgive }", &["`allow`"]),
            policy("    then: { verdict: deny, §reason: x }", &["`reason`"]),
            policy("    then: §{ verdict: deny, tag: x }", &["does not belong"]),
            policy("    then: { verdict: challenge, challenge_config: §fax }", &["there is no challenge config `fax`"]),
            policy("    then: { effect: add_to_list, list: §vap }", &["`vip`"]),
            policy("    then: deny\n    priority: §high\n    enabled: §yes", &["whole number", "`true`"]),
            policy("    then: deny\n    budget: {at_most: §0, window: 1h}", &["mode: shadow"]),
            policy("    then: deny\n    budget: {at_most: 5, window: §1y}", &["`7d`"]),
            policy("    actions: [login, §Log In]\n    then: deny", &["lower-case"]),
            policy("    then: deny\n  - { name: §p, environment: production, then: deny }", &["already"]),
        ],
    );
}

#[test]
fn toml_has_the_same_places() {
    let policy = |rest: &str, words| {
        row(&format!("project = \"shop\"\n[[policies]]\nname = \"p\"\nenvironment = \"production\"\n{rest}\n"), words)
    };
    all(
        "shop.toml",
        &[
            row("project = \"shop\"\nsettings = §\nkeys = §\n", &["", ""]),
            row("project = \"shop\"\n§project = \"shop\"\n", &["duplicate"]),
            row("project = \"shop\"\n[§setings]\nname = 'x'\n", &["`setings`"]),
            row("project = \"shop\"\n[settings]\nname = §5\n", &["quotes"]),
            row("project = \"shop\"\n[[lists]]\nname = 'l'\nkind = 'ip'\nentries = ['::1', §'x']\n", &["address"]),
            policy("when = '''\nis_new_device\n  and §nope'''\nthen = 'deny'", &["`nope`"]),
            policy("when = \"user_email = \\\"\\u00e9\\\" and §nope\"\nthen = 'deny'", &["`nope`"]),
            policy("when = \"\"\"\\\n  is_new_device \\\n  and §nope\"\"\"\nthen = 'deny'", &["`nope`"]),
            policy("when = 'is_new_device and §nope'\nthen = 'deny'", &["`nope`"]),
            policy("then = { verdict = 'challenge', challenge_config = §'fax' }", &["`fax`"]),
            policy("then = 'deny'\n[policies.when]\nfield = §'nope'\nop = 'eq'\nvalue = true", &["`nope`"]),
        ],
    );
}

#[test]
fn every_fault_of_every_file_is_told_at_once_in_their_order() {
    let operator = Operator::new();
    operator.write("one.yaml", "project: shop\nsettings: { nom: x }\nkeys: [{ name: web }]\n");
    operator.write("two.toml", "project = \nlists = 5\n");
    let policies = "project: shop\npolicies:\n  - { name: p, environment: production, when: nope, then: { verdict: no } }\n  - { name: q, environment: production, when: 'ip in_list \"of a broken file\"', then: nope }\n";
    operator.write("three.yaml", policies);
    let told = texts(&operator.run(&["apply", "one.yaml", "two.toml", "three.yaml"])).1;
    let places: Vec<&str> = told.lines().skip(1).filter_map(|line| line.trim().split(": ").next()).collect();
    let there =
        ["one.yaml:2:13", "one.yaml:3:8", "two.toml:1:11", "three.yaml:3:47", "three.yaml:3:70", "three.yaml:4:86"];
    assert_eq!(places, there, "{told}");
}

#[test]
fn files_that_cannot_be_read_are_all_told() {
    let operator = Operator::new();
    let latin = operator.0.path().join("latin.yaml");
    std::fs::write(&latin, b"project: \xe9").unwrap();
    let output = operator.run(&["apply", "none.yaml", "shop.json", "latin.yaml"]);
    let told = texts(&output).1;
    assert_eq!(output.status.code(), Some(2));
    for words in ["none.yaml", "shop.json: the name must end in", "latin.yaml"] {
        assert!(told.contains(words), "{words} in {told}");
    }
}
