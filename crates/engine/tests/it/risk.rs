//! Risks: what ships, what is refused, and what a score is made of.

use countersign_engine::{
    fact::{Fact, Severity},
    policy::{Operand, syntax::parse},
    risk::{Cutoffs, Indicator, Risk, RiskSet, merged, shipped},
    text::ActionName,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

fn action(name: &str) -> ActionName {
    ActionName::parse(name).unwrap()
}

fn risk(id: &str, indicators: &[(&str, u32)]) -> Risk {
    Risk {
        id: action(id),
        name: "A risk".into(),
        description: None,
        actions: Vec::new(),
        enabled: true,
        indicators: indicators
            .iter()
            .map(|(when, weight)| Indicator { when: parse(when).unwrap().condition, weight: *weight, reason: None })
            .collect(),
        cutoffs: Cutoffs { low: 20, medium: 40, high: 60, maximum: 80 },
    }
}

/// The facts of a set, where those named hold, the others don't, and those called unknown aren't known.
fn facts(set: &RiskSet, known: &[(&str, Fact<'static>)]) -> Vec<Fact<'static>> {
    let value = |operand: &Operand| match operand {
        Operand::Field(field) => {
            let name = field.to_string();
            known.iter().find(|(known, _)| *known == name).map_or(Fact::Unknown, |(_, fact)| *fact)
        }
        Operand::Member { .. } => Fact::Unknown,
    };
    set.operands().iter().map(value).collect()
}

#[test]
fn what_ships_is_sound_and_says_why() {
    let risks = shipped();
    let ids: Vec<&str> = risks.iter().map(|risk| risk.id.as_str()).collect();
    assert_eq!(ids, ["ato", "fake_account", "account_sharing", "linked_accounts", "scraping", "bot"]);
    for risk in &risks {
        assert_eq!(risk.problems(), [], "{}", risk.id);
        assert!(risk.description.is_some());
        for indicator in &risk.indicators {
            assert!(
                indicator.reason.as_ref().is_some_and(|reason| reason.len() > 10),
                "{} {:?}",
                risk.id,
                indicator.when
            );
        }
        // Nothing weak alone is a high risk.
        assert!(risk.indicators.iter().all(|indicator| indicator.weight < risk.cutoffs.high), "{}", risk.id);
    }
}

#[test]
fn a_score_is_the_sum_of_what_holds() {
    let set = RiskSet::compile(&[risk(
        "ato",
        &[
            ("is_new_device", 25),
            ("is_new_country", 20),
            ("is_new_device and is_new_country", 20),
            ("device_count > 3", 50),
        ],
    )]);
    let (yes, no) = (Fact::Bool(true), Fact::Bool(false));
    for (known, score, severity) in [
        (vec![("is_new_device", no), ("is_new_country", no), ("device_count", Fact::Number(3.0))], 0, None),
        (vec![("is_new_device", no), ("is_new_country", yes)], 20, Some(Severity::Low)),
        (vec![("is_new_device", yes), ("is_new_country", yes)], 65, Some(Severity::High)),
        // The combination is unknown when one of both is.
        (vec![("is_new_device", yes)], 25, Some(Severity::Low)),
        (
            vec![("is_new_device", yes), ("is_new_country", yes), ("device_count", Fact::Number(4.0))],
            100,
            Some(Severity::Maximum),
        ),
    ] {
        let scores = set.score("login", &facts(&set, &known));
        assert_eq!(set.score_of("ato", &scores), Some(score), "{known:?}");
        assert_eq!(set.severity_of("ato", &scores), severity, "{known:?}");
        let readings = set.readings(&scores);
        let told: u32 = readings.iter().flat_map(|reading| &reading.indicators).map(|of| of.weight).sum();
        assert_eq!(told.min(100), if severity.is_some() { score } else { 0 }, "{known:?}: each weight is told");
    }
    assert_eq!(set.score_of("gone", &set.score("login", &[])), None);
    // Where nothing is known there is nothing to compare with.
    let scores = set.score("login", &facts(&set, &[]));
    assert_eq!((set.score_of("ato", &scores), set.severity_of("ato", &scores)), (None, None));
}

#[test]
fn a_risk_is_scored_on_its_actions_alone_and_the_most_severe_is_told_first() {
    let sharing = Risk { actions: vec![action("access")], ..risk("sharing", &[("is_new_device", 30)]) };
    let set = RiskSet::compile(&[sharing, risk("bot", &[("is_new_device", 70)])]);
    let facts = facts(&set, &[("is_new_device", Fact::Bool(true))]);
    let login = set.score("login", &facts);
    assert_eq!((set.score_of("sharing", &login), set.score_of("bot", &login)), (None, Some(70)));
    let access = set.score("access", &facts);
    let told: Vec<_> = set.readings(&access).into_iter().map(|reading| (reading.definition, reading.score)).collect();
    assert_eq!(told, [("bot".to_owned(), 70), ("sharing".to_owned(), 30)]);
}

#[test]
fn a_projects_own_goes_in_the_place_of_ours() {
    let own = risk("ato", &[("is_new_ip", 30)]);
    let all = merged(vec![own.clone(), risk("resale", &[("device_count > 3", 50)])]);
    assert_eq!(all.len(), shipped().len() + 1);
    assert_eq!(all.iter().filter(|risk| risk.id.as_str() == "ato").collect::<Vec<_>>(), [&own]);
}

#[test]
fn what_cannot_be_scored_is_refused_at_its_place() {
    let wrong = |change: fn(&mut Risk)| {
        let mut wrong = risk("ato", &[("is_new_ip", 30)]);
        change(&mut wrong);
        let problems = wrong.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        (problems[0].path.clone(), problems[0].what.clone())
    };
    for (change, path, what) in [
        ((|risk| risk.name = String::new()) as fn(&mut Risk), "/name", "the name is empty or too long"),
        (|risk| risk.indicators.clear(), "/indicators", "nothing can be scored"),
        (|risk| risk.cutoffs.high = 40, "/cutoffs", "severities don't rise"),
        (|risk| risk.cutoffs.low = 0, "/cutoffs", "severities don't rise"),
        (|risk| risk.cutoffs.maximum = 101, "/cutoffs", "severities don't rise"),
        (|risk| risk.indicators[0].weight = 0, "/indicators/0/weight", "the weight is out of range"),
        (|risk| risk.indicators[0].weight = 101, "/indicators/0/weight", "the weight is out of range"),
        (
            |risk| risk.indicators[0].when = parse("is_new_ipp").unwrap().condition,
            "/indicators/0/when/field",
            "there is no field `is_new_ipp`",
        ),
        (
            |risk| risk.indicators[0].when = parse("device_count > \"a\"").unwrap().condition,
            "/indicators/0/when/value",
            "`device_count` can't be compared with this",
        ),
        (
            |risk| risk.indicators[0].when = parse("action = \"login\"").unwrap().condition,
            "/indicators/0/when",
            "a risk can't ask `action`",
        ),
    ] {
        assert_eq!(wrong(change), (path.to_owned(), what.to_owned()));
    }
    let unknown = json!({"id": "ato", "name": "x", "indicators": [], "cutoffs": {"low": 1, "medium": 2, "high": 3, "maximum": 4}, "wieght": 3});
    assert!(serde_json::from_value::<Risk>(unknown).unwrap_err().to_string().contains("wieght"));
}

proptest! {
    #[test]
    fn scores_are_total_monotone_and_in_any_order_the_same(
        weights in vec(1_u32..=100, 4),
        known in vec(proptest::option::of(any::<bool>()), 4),
        more in 0_usize..4,
        turned: bool,
    ) {
        let names = ["is_new_ip", "is_new_device", "is_new_country", "is_new_asn"];
        let mut indicators: Vec<(&str, u32)> = names.into_iter().zip(weights.iter().copied()).collect();
        if turned {
            indicators.reverse();
        }
        let set = RiskSet::compile(&[risk("ato", &indicators)]);
        let score = |known: &[Option<bool>]| {
            let known: Vec<_> = names.into_iter().zip(known).filter_map(|(name, is)| Some((name, Fact::Bool((*is)?)))).collect();
            let scores = set.score("login", &facts(&set, &known));
            prop_assert_eq!(set.score("login", &facts(&set, &known)), scores.clone());
            Ok(set.score_of("ato", &scores))
        };
        let before = score(&known)?;
        let by_hand: u32 = weights.iter().zip(&known).filter(|(_, is)| **is == Some(true)).map(|(weight, _)| weight).sum();
        let is_known = known.iter().any(Option::is_some);
        prop_assert_eq!(before, is_known.then_some(by_hand.min(100)));
        let mut with_more = known.clone();
        with_more[more] = Some(true);
        prop_assert!(score(&with_more)? >= before);
    }
}

#[test]
fn whoever_is_seen_for_the_first_time_is_no_takeover() {
    let set = RiskSet::default();
    let new = |is_new_user: bool| {
        let all = ["is_new_device", "is_new_country", "is_new_ip", "is_new_asn"];
        let known = all.map(|name| (name, Fact::Bool(true)));
        let known: Vec<_> = known.into_iter().chain([("is_new_user", Fact::Bool(is_new_user))]).collect();
        let scores = set.score("login", &facts(&set, &known));
        set.severity_of("ato", &scores)
    };
    assert_eq!((new(true), new(false)), (None, Some(Severity::Medium)));
}

#[test]
fn one_that_is_switched_off_is_as_good_as_not_there() {
    let off = Risk { enabled: false, ..risk("ato", &[("is_new_device", 90)]) };
    let set = RiskSet::compile(&merged(vec![off]));
    assert!(set.ids().all(|id| id != "ato"));
    assert_eq!(set.ids().count(), shipped().len() - 1);
    let scores = set.score("login", &facts(&set, &[("is_new_device", Fact::Bool(true))]));
    assert_eq!(set.score_of("ato", &scores), None);
    assert!(set.readings(&scores).iter().all(|reading| reading.definition != "ato"));
}
