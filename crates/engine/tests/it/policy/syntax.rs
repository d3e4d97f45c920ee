//! The text form: its canonical spelling, its limits, its places.

use countersign_engine::policy::{
    Condition, Literal, MAX_COMPARISONS, MAX_DEPTH, Problem, check,
    syntax::{MAX_BYTES, parse, print},
};

use super::{condition, names, policy, tag};

#[test]
fn what_is_printed_has_no_parenthesis_that_could_be_left_out() {
    for (written, printed) in [
        ("((is_new_user))", "is_new_user"),
        ("(is_new_user and is_new_ip) or is_suspended", "is_new_user and is_new_ip or is_suspended"),
        ("is_new_user and (is_new_ip or is_suspended)", "is_new_user and (is_new_ip or is_suspended)"),
        ("not (is_new_user)", "not is_new_user"),
        ("not (is_new_user or is_new_ip)", "not (is_new_user or is_new_ip)"),
        // A group inside one of its own kind is another tree than one flat group.
        ("(is_new_user and is_new_ip) and is_suspended", "(is_new_user and is_new_ip) and is_suspended"),
        ("is_new_user = true", "is_new_user"),
        ("is_new_user=false", "is_new_user = false"),
        ("ip exists", "ip exists"),
        ("device_count>3 and true", "device_count > 3 and true"),
        ("device_count = 3.0", "device_count = 3"),
        ("risk.ato.score > 2.50e-1", "risk.ato.score > 0.25"),
        ("risk.ato.score > 1e300", "risk.ato.score > 1e300"),
        ("action in [\"a\",\"b\" , \"c\"] # some", "action in [\"a\", \"b\", \"c\"]"),
        ("user_external_id   not\n in_list \"vip\"", "user_external_id not in_list \"vip\""),
        ("`metadata.the plan` = \"\\\"\\n\"", "`metadata.the plan` = \"\\\"\\n\""),
        ("`metadata.a\\`b` exists", "`metadata.a\\`b` exists"),
        ("`action` = \"x\"", "action = \"x\""),
    ] {
        assert_eq!(print(&condition(written)), printed, "{written}");
    }
}

#[test]
fn quotes_and_comments_hide_no_depth_and_count_as_none() {
    let open = |text: &str, times: usize| text.repeat(times);
    // Parentheses inside a text open nothing …
    condition(&format!("user_external_id = \"{}\" # {}", open("(", 200), open("(", 200)));
    // … and close nothing: what is read by descending stays bounded.
    let hidden = open("(user_external_id = \")\" and ", 200) + "is_new_user" + &open(")", 200);
    let refused = parse(&hidden).unwrap_err();
    assert_eq!(refused.what, "expected at most 32 levels of parentheses");
    assert_eq!(refused.at, hidden.match_indices("(user").nth(MAX_DEPTH).unwrap().0 + 1);
}

#[test]
fn depth_is_bounded_however_it_comes_about() {
    let negations = |times: usize| "not ".repeat(times) + "is_new_user";
    condition(&negations(MAX_DEPTH));
    for text in [negations(MAX_DEPTH + 1), negations(50_000)] {
        assert_eq!(parse(&text).unwrap_err().what, "nested more than 32 levels deep");
    }
    let nested = |times: usize| "(is_new_ip or is_new_user and ".repeat(times) + "is_suspended" + &")".repeat(times);
    condition(&nested(MAX_DEPTH / 2));
    assert_eq!(parse(&nested(MAX_DEPTH / 2 + 1)).unwrap_err().what, "nested more than 32 levels deep");
    let json = |times: usize| "{\"not\":".repeat(times) + "{\"all\":[]}" + &"}".repeat(times);
    serde_json::from_str::<Condition>(&json(MAX_DEPTH)).unwrap();
    let refused = serde_json::from_str::<Condition>(&json(MAX_DEPTH + 1)).unwrap_err();
    assert!(refused.to_string().contains("nested more than 32 levels deep"), "{refused}");
}

#[test]
fn size_is_bounded_in_both_forms() {
    let comparisons = |count: usize| vec!["is_new_user"; count].join(" or ");
    let largest = condition(&comparisons(MAX_COMPARISONS));
    let refused = parse(&comparisons(MAX_COMPARISONS + 1)).unwrap_err();
    assert_eq!(refused.what, "1001 comparisons are more than 1000: write several policies");
    let mut json = serde_json::to_value(&largest).unwrap();
    let one = json["any"][0].clone();
    json["any"].as_array_mut().unwrap().push(one);
    assert!(Condition::from_json(&json).unwrap_err().what.starts_with("1001 comparisons"));

    let text = |length: usize| format!("user_external_id = \"{}\"", "x".repeat(length));
    let largest = condition(&text(65_000));
    assert_eq!(condition(&print(&largest)), largest);
    assert!(parse(&text(66_000)).unwrap_err().what.contains("keep the values on a list"));
    assert_eq!(parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err().what, "longer than 262144 bytes");
}

#[test]
fn a_problem_points_at_the_part_that_is_wrong() {
    for (text, at) in [
        ("is_new_user and  devicecount  > 3 or ip exists", "devicecount"),
        ("is_new_user and action  >= \"a\" or ip exists", ">="),
        ("is_new_user and action not\n in_list \"vop\"", "\"vop\""),
        ("(device_count  ) and is_new_user", "device_count"),
        ("device_count < -1 # never", "-1"),
        ("action in [ 1,\n 2 ] and is_new_user", "[ 1,\n 2 ]"),
        ("device_count matches \"x\"", "matches"),
    ] {
        let parsed = parse(text).unwrap();
        let problems = check(&policy(parsed.condition.clone(), tag("held")), &names());
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        let span = parsed.span_of(&problems[0]).unwrap();
        assert_eq!(&text[span.start..span.end], at, "{text}");
    }
    let elsewhere = Problem { path: "/name".into(), comparison: None, what: String::new(), help: String::new() };
    assert_eq!(parse("is_new_user").unwrap().span_of(&elsewhere), None);
}

#[test]
fn a_refusal_spans_the_word_that_stands_there() {
    for (text, word) in
        [("is_new_user AND ip exists", "AND"), ("action = löwe", "l"), ("action == 1", "="), ("not", "")]
    {
        let refused = parse(text).unwrap_err();
        assert_eq!(&text[refused.at..refused.end], word, "{refused}");
    }
}

#[test]
fn json_that_is_no_condition_is_refused_at_its_place() {
    for (json, path, what) in [
        ("3", "", "write {\"all\": […]}"),
        ("{}", "", "write {\"all\": […]}"),
        ("{\"all\": {}}", "/all", "`all` is not known here"),
        ("{\"all\": [], \"any\": []}", "/all", "`all` is not known here"),
        ("{\"some\": []}", "/some", "`some` is not known here"),
        ("{\"all\": [{\"any\": []}, {\"not\": 1}]}", "/all/1/not", "write {\"all\": […]}"),
        ("{\"field\": \"ip\", \"op\": \"is\", \"value\": 1}", "/op", "`is` is no operator; there are eq, ne,"),
        ("{\"field\": \"ip\", \"op\": \"eq\"}", "", "write {\"all\": […]}"),
        ("{\"field\": 1, \"op\": \"eq\", \"value\": 1}", "", "write {\"all\": […]}"),
        ("{\"field\": \"\", \"op\": \"eq\", \"value\": 1}", "/field", "name a field"),
        ("{\"field\": \"ip\", \"op\": \"eq\", \"value\": null}", "/value", "write true, false, a number, a text"),
        ("{\"field\": \"ip\", \"op\": \"eq\", \"value\": {}}", "/value", "write true, false, a number, a text"),
        ("{\"field\": \"ip\", \"op\": \"in\", \"value\": [1, [2]]}", "/value/1", "a list can't hold lists"),
        (
            "{\"field\": \"ip\", \"op\": \"in\", \"value\": [1, null]}",
            "/value/1",
            "write true, false, a number, a text",
        ),
        ("{\"field\": \"ip\", \"op\": \"exists\", \"value\": 1}", "/value", "`exists` takes true or false"),
        ("{\"field\": \"ip\", \"op\": \"eq\", \"value\": 1, \"note\": 1}", "/note", "`note` is not known here"),
    ] {
        let refused = Condition::from_json(&serde_json::from_str(json).unwrap()).unwrap_err();
        assert_eq!(refused.path, path, "{json}");
        assert!(refused.what.contains(what), "{json}: {refused}");
    }
}

#[test]
fn json_and_text_are_the_same_tree() {
    let json = serde_json::json!({"all": [
        {"field": "action", "op": "eq", "value": "access"},
        {"any": [
            {"field": "is_new_ip", "op": "eq", "value": true},
            {"field": "device_count", "op": "gt", "value": 3},
        ]},
        {"not": {"field": "user_external_id", "op": "in_list", "value": "vip"}},
    ]});
    let text = "action = \"access\" and (is_new_ip or device_count > 3) and not user_external_id in_list \"vip\"";
    assert_eq!(serde_json::to_value(condition(text)).unwrap(), json);
    assert_eq!(print(&Condition::from_json(&json).unwrap()), text);
    // Where a tree is read, its text may stand.
    assert_eq!(serde_json::from_value::<Condition>(text.into()).unwrap(), condition(text));
    // A group of one is that one.
    assert_eq!(serde_json::from_str::<Condition>("{\"all\":[{\"any\":[]}]}").unwrap(), Condition::Any(vec![]));
    let list = Literal::List(vec![Literal::Number(1.0), Literal::Text("1".into())]);
    assert_eq!(serde_json::to_string(&list).unwrap(), "[1,\"1\"]");
}
