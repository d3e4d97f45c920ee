//! What is refused about a policy as a whole; conditions are examined by the cases.

use countersign_engine::{
    evaluation::Verdict,
    policy::{Names, Policy, Problem, Then, check},
    text::ActionName,
};

use super::{condition, names, policy, tag};

fn problems(policy: &Policy) -> Vec<(String, String, String)> {
    check(policy, &names()).into_iter().map(|Problem { path, what, help, .. }| (path, what, help)).collect()
}

fn challenge(config: &str) -> Then {
    Then::Challenge { verdict: Verdict::Challenge, config: config.into(), kind: "account_takeover".into() }
}

fn add(list: &str) -> Then {
    Then::AddToList { list: list.into() }
}

#[test]
fn every_problem_is_told_at_once_with_its_place_in_the_tree() {
    let when = condition(
        "is_new_usr and (device_count > \"3\" or not ip in_list \"vip\") and is_new_ip and action in [] and not not device_count < 0",
    );
    let policy = Policy { name: String::new(), ..policy(when, challenge("logn")) };
    let found = check(&policy, &names());
    let places: Vec<_> = found.iter().map(|problem| (problem.path.as_str(), problem.comparison)).collect();
    assert_eq!(
        places,
        [
            ("/name", None),
            ("/when/all/0/field", Some(0)),
            ("/when/all/1/any/0/value", Some(1)),
            ("/when/all/1/any/1/not/value", Some(2)),
            ("/when/all/3/value", Some(4)),
            ("/when/all/4/not/not/value", Some(5)),
            ("/then/challenge_config", None),
        ]
    );
    assert_eq!(
        found[6].to_string(),
        "/then/challenge_config: there is no challenge config `logn`: did you mean `login`?"
    );
}

#[test]
fn a_policy_is_only_asked_about_its_actions() {
    let with = |text: &str| Policy {
        actions: vec![ActionName::parse("login").unwrap(), ActionName::parse("signup").unwrap()],
        ..policy(condition(text), tag("held"))
    };
    for fine in
        ["action = \"login\"", "action in [\"login\", \"signup\"]", "action != \"access\"", "action starts_with \"l\""]
    {
        assert_eq!(problems(&with(fine)), []);
    }
    for (wrong, help) in
        [("action = \"logn\"", "did you mean `login`?"), ("action in [\"access\"]", "there are: login, signup")]
    {
        let found = problems(&with(wrong));
        assert_eq!((found[0].0.as_str(), found[0].2.as_str()), ("/when/value", help), "{wrong}");
    }
    // One that is asked about every action may compare with any.
    assert_eq!(problems(&policy(condition("action = \"checkout\""), tag("held"))), []);
}

#[test]
fn what_a_policy_does_must_be_possible() {
    for (then, path, what) in [
        (challenge("nothing_like_it"), "/then/challenge_config", "there is no challenge config"),
        (add("vups"), "/then/list", "there is no list `vups`"),
        (Then::RemoveFromList { list: "gone".into() }, "/then/list", "there is no list `gone`"),
        (tag(""), "/then/tag", "the tag is empty or too long"),
        (tag(&"x".repeat(101)), "/then/tag", "the tag is empty or too long"),
    ] {
        let found = problems(&policy(condition("true"), then));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, path);
        assert!(found[0].1.contains(what), "{found:?}");
    }
    let lists = ["vip", "office", "machines", "countries", "networks"].map(add);
    for then in lists.into_iter().chain([challenge("login"), tag("x"), Then::Verdict(Verdict::Deny)]) {
        assert_eq!(problems(&policy(condition("true"), then)), []);
    }
}

#[test]
fn lists_fit_the_fields_whose_values_they_hold() {
    let fits = [
        ("user_external_id", "vip"),
        ("ip", "office"),
        ("user_email", "staff"),
        ("user_email", "domains"),
        ("email_domain", "domains"),
        ("user_phone", "phones"),
        ("fingerprint_id", "prints"),
        ("device_id", "machines"),
        ("ip_country", "countries"),
        ("phone_country", "countries"),
        ("ip_asn", "networks"),
    ];
    let others = ["group", "device_count", "is_new_ip"];
    for field in fits.iter().map(|(field, _)| *field).chain(others) {
        for list in names().lists.keys() {
            let found = problems(&policy(condition(&format!("{field} in_list \"{list}\"")), tag("held")));
            assert_eq!(found.is_empty(), fits.contains(&(field, list)), "{field} in_list {list}: {found:?}");
        }
    }
}

#[test]
fn help_names_what_there_is_and_no_more_than_can_be_read() {
    let many =
        Names { challenge_configs: (10..99).map(|n| format!("config number {n}")).collect(), ..Names::default() };
    let help =
        |config: &str, names: &Names| check(&policy(condition("true"), challenge(config)), names)[0].help.clone();
    let listed = help("login", &many);
    assert!(listed.starts_with("there are: config number 10, config number 11") && listed.ends_with(", …"), "{listed}");
    assert_eq!(help("config number 1", &many), "did you mean `config number 10`?");
    assert_eq!(help("login", &Names::default()), "there is none yet");
    // A short name is not like every other short name.
    assert_eq!(help("abc", &Names { challenge_configs: vec!["xyz".into()], ..Names::default() }), "there are: xyz");
}
