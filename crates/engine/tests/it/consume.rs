//! Who may claim a result, when, and what must match.

use countersign_engine::{
    challenge::Status,
    consume::{Claim, Consume, Expect, consume},
    time::{HOUR, MINUTE, Timestamp},
};
use serde_json::{Value, json};

const WINDOW: u32 = 60;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000 + ms)
}

/// An unclaimed login of Ada's, made at 0, that asked for no challenge.
fn claim(metadata: &Value) -> Claim<'_> {
    Claim {
        action: "login",
        user_id: Some("ada"),
        user_email: Some("Ada@example.com"),
        user_phone: Some("+33612345678"),
        metadata,
        challenge: None,
        created_at: at(0),
        consumed_at: None,
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

const PENDING: [Status; 4] = [Status::Created, Status::Presented, Status::CodeSent, Status::Verified];
const ENDED: [Status; 5] = [Status::Completed, Status::Failed, Status::Skipped, Status::Overridden, Status::Expired];

#[test]
fn a_pending_challenge_claims_nothing_however_long_it_takes() {
    for status in PENDING {
        for passed in [0, HOUR, HOUR + 1, 24 * HOUR] {
            let claim = Claim { challenge: Some((status, None)), ..claim(&Value::Null) };
            assert_eq!(
                consume(&claim, &Expect::default(), WINDOW, at(passed)),
                Consume::Pending,
                "{status:?} {passed}"
            );
        }
    }
}

#[test]
fn an_ended_challenge_opens_the_window_with_its_end() {
    // Twice as long after the evaluation as the window is: only the challenge's end counts.
    let end = 2 * HOUR;
    for status in ENDED {
        for (passed, comes_to) in [
            (0, Consume::Claim),
            (HOUR - 1, Consume::Claim),
            (HOUR, Consume::Claim),
            (HOUR + 1, Consume::Expired),
            (24 * HOUR, Consume::Expired),
        ] {
            let claim = Claim { challenge: Some((status, Some(at(end)))), ..claim(&Value::Null) };
            assert_eq!(consume(&claim, &Expect::default(), WINDOW, at(end + passed)), comes_to, "{status:?} {passed}");
        }
    }
}

#[test]
fn without_a_challenge_the_window_opens_with_the_evaluation() {
    for (minutes, passed, comes_to) in [
        (60, 0, Consume::Claim),
        (60, HOUR, Consume::Claim),
        (60, HOUR + 1, Consume::Expired),
        (5, 5 * MINUTE, Consume::Claim),
        (5, 5 * MINUTE + 1, Consume::Expired),
        // Another node's clock may be a little behind.
        (60, -2_000, Consume::Claim),
        (u32::MAX, HOUR, Consume::Claim),
    ] {
        let come_to = consume(&claim(&Value::Null), &Expect::default(), minutes, at(passed));
        assert_eq!(come_to, comes_to, "{minutes} min, after {passed} ms");
    }
}

#[test]
fn a_replay_is_told_so_whatever_else_is_wrong() {
    let challenges = PENDING
        .map(|status| Some((status, None)))
        .into_iter()
        .chain(ENDED.map(|s| Some((s, Some(at(0))))))
        .chain([None]);
    for challenge in challenges {
        for passed in [1, HOUR, 1_000 * HOUR] {
            for expect in [Expect::default(), Expect { action: Some("signup".to_owned()), ..Expect::default() }] {
                let claim = Claim { challenge, consumed_at: Some(at(1)), ..claim(&Value::Null) };
                assert_eq!(consume(&claim, &expect, WINDOW, at(passed)), Consume::AlreadyConsumed, "{challenge:?}");
            }
        }
    }
}

/// Every field alone: what agrees, and what does not.
fn expectations() -> Vec<(&'static str, Expect, bool)> {
    let none = Expect::default;
    vec![
        ("action", Expect { action: Some("login".to_owned()), ..none() }, true),
        ("action", Expect { action: Some("signup".to_owned()), ..none() }, false),
        ("action", Expect { action: Some("Login".to_owned()), ..none() }, false),
        ("user.id", Expect { user_id: Some(Some(text("ada"))), ..none() }, true),
        ("user.id", Expect { user_id: Some(Some(text("ADA"))), ..none() }, false),
        ("user.id", Expect { user_id: Some(None), ..none() }, false),
        ("user.email", Expect { user_email: Some(Some(text("Ada@example.com"))), ..none() }, true),
        ("user.email", Expect { user_email: Some(Some(text(" aDA@EXAMPLE.com "))), ..none() }, true),
        ("user.email", Expect { user_email: Some(Some(text("eve@example.com"))), ..none() }, false),
        ("user.email", Expect { user_email: Some(Some(text("not an address"))), ..none() }, false),
        ("user.email", Expect { user_email: Some(Some(text(""))), ..none() }, false),
        ("user.email", Expect { user_email: Some(None), ..none() }, false),
        ("user.phone", Expect { user_phone: Some(Some(text("+33612345678"))), ..none() }, true),
        ("user.phone", Expect { user_phone: Some(Some(text("+33 6 12-34.56 78"))), ..none() }, true),
        ("user.phone", Expect { user_phone: Some(Some(text("+33612345679"))), ..none() }, false),
        ("user.phone", Expect { user_phone: Some(None), ..none() }, false),
        ("challenge_status", Expect { challenge_status: Some(Some(Status::Completed)), ..none() }, true),
        ("challenge_status", Expect { challenge_status: Some(Some(Status::Failed)), ..none() }, false),
        ("challenge_status", Expect { challenge_status: Some(None), ..none() }, false),
    ]
}

#[test]
fn what_differs_is_named_and_claims_nothing() {
    for (field, expect, agrees) in expectations() {
        let claim = Claim { challenge: Some((Status::Completed, Some(at(0)))), ..claim(&Value::Null) };
        let wanted = if agrees { Consume::Claim } else { Consume::Mismatch(vec![field]) };
        assert_eq!(consume(&claim, &expect, WINDOW, at(1)), wanted, "{field}: {expect:?}");
    }
}

#[test]
fn a_pending_challenge_with_the_wrong_person_is_a_mismatch() {
    for (field, expect, agrees) in expectations() {
        if agrees || field == "challenge_status" {
            continue;
        }
        let claim = Claim { challenge: Some((Status::Presented, None)), ..claim(&Value::Null) };
        assert_eq!(consume(&claim, &expect, WINDOW, at(1)), Consume::Mismatch(vec![field]));
    }
    let expect = Expect { challenge_status: Some(Some(Status::Presented)), ..Expect::default() };
    let claim = Claim { challenge: Some((Status::Presented, None)), ..claim(&Value::Null) };
    assert_eq!(consume(&claim, &expect, WINDOW, at(1)), Consume::Pending);
}

#[test]
fn everything_that_differs_is_named_at_once() {
    let metadata = json!({"plan": "pro"});
    let expect = Expect {
        action: Some("signup".to_owned()),
        user_id: Some(Some(text("eve"))),
        user_email: Some(Some(text("eve@example.com"))),
        user_phone: Some(Some(text("+33600000000"))),
        metadata: Some(json!({"plan": "free"})),
        challenge_status: Some(Some(Status::Completed)),
    };
    let all = vec!["action", "user.id", "user.email", "user.phone", "metadata", "challenge_status"];
    assert_eq!(consume(&claim(&metadata), &expect, WINDOW, at(1)), Consume::Mismatch(all));
    // A window that is over is told first: nothing could be claimed anyway.
    assert_eq!(consume(&claim(&metadata), &expect, WINDOW, at(HOUR + 1)), Consume::Expired);
}

#[test]
fn nobody_can_be_expected_to_be_there() {
    let nobody = Claim { user_id: None, user_email: None, user_phone: None, ..claim(&Value::Null) };
    let expect = Expect { user_id: Some(None), user_email: Some(None), user_phone: Some(None), ..Expect::default() };
    assert_eq!(consume(&nobody, &expect, WINDOW, at(1)), Consume::Claim);
    let somebody = Expect { user_id: Some(Some(text("ada"))), ..Expect::default() };
    assert_eq!(consume(&nobody, &somebody, WINDOW, at(1)), Consume::Mismatch(vec!["user.id"]));
    let no_challenge = Expect { challenge_status: Some(None), ..Expect::default() };
    assert_eq!(consume(&nobody, &no_challenge, WINDOW, at(1)), Consume::Claim);
}

#[test]
fn unusable_addresses_are_compared_as_written_but_for_case() {
    let odd = Claim { user_email: Some("Ada at home"), user_phone: Some("0612345678"), ..claim(&Value::Null) };
    for (email, phone, agrees) in [
        ("ada at HOME", "0612345678", true),
        ("ada at work", "0612345678", false),
        ("Ada at home", "+33612345678", false),
    ] {
        let expect =
            Expect { user_email: Some(Some(text(email))), user_phone: Some(Some(text(phone))), ..Expect::default() };
        assert_eq!(consume(&odd, &expect, WINDOW, at(1)) == Consume::Claim, agrees, "{email} {phone}");
    }
}

#[test]
fn metadata_is_compared_deeply_and_by_value() {
    for (kept, expected, agrees) in [
        (json!({"a": 1, "b": {"c": [1, 2], "d": null}}), json!({"b": {"d": null, "c": [1, 2]}, "a": 1}), true),
        (json!({"a": 1}), json!({"a": 1.0}), true),
        (json!({"a": 1}), json!({"a": "1"}), false),
        (json!({"a": 1}), json!({"a": true}), false),
        (json!({"a": [1, 2]}), json!({"a": [2, 1]}), false),
        (json!({"a": {"b": {"c": 1}}}), json!({"a": {"b": {"c": 2}}}), false),
        (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
        (json!({"a": 1, "b": 2}), json!({"a": 1}), false),
        // An entry that is null is there; an absent one is not.
        (json!({"a": null}), json!({}), false),
        (json!({}), json!({"a": null}), false),
        (json!({"a": "x"}), json!({"a": "X"}), false),
        // No metadata and empty metadata are the same; neither is the same as some.
        (Value::Null, json!({}), true),
        (json!({}), Value::Null, true),
        (Value::Null, Value::Null, true),
        (json!({"a": 1}), json!({}), false),
        (json!({"a": 1}), Value::Null, false),
        (Value::Null, json!({"a": 1}), false),
        (Value::Null, json!([]), false),
    ] {
        let expect = Expect { metadata: Some(expected.clone()), ..Expect::default() };
        let wanted = if agrees { Consume::Claim } else { Consume::Mismatch(vec!["metadata"]) };
        assert_eq!(consume(&claim(&kept), &expect, WINDOW, at(1)), wanted, "{kept} against {expected}");
    }
}

#[test]
fn what_is_compared_stays_out_of_logs() {
    let metadata = json!({"secret": "s3cret"});
    let expect = Expect {
        user_email: Some(Some(text("ada@example.com"))),
        metadata: Some(metadata.clone()),
        user_id: Some(Some(text("ada"))),
        ..Expect::default()
    };
    let printed = format!("{:?} {expect:?}", claim(&metadata)).to_lowercase();
    for private in ["ada@", "\"ada\"", "s3cret", "33612345678"] {
        assert!(!printed.contains(private), "{private} in {printed}");
    }
}
