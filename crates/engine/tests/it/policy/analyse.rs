//! What is odd about policies: found where it is, by hand and beside what policies really do, and never where it isn't.

use countersign_engine::{
    environment::Environment,
    evaluation::Verdict,
    policy::{
        Mode, Policy, Then,
        analyse::{Finding, Oddity, analyse},
    },
    text::ActionName,
};
use proptest::prelude::*;

use super::{
    arbitrary::{policies, world},
    condition, id, naive, policy, tag,
};
use crate::policy::naive::TRUE;

fn named(name: &str, when: &str, then: Then, priority: i64) -> Policy {
    Policy { name: name.into(), priority, ..policy(condition(when), then) }
}

fn found(policies: Vec<Policy>) -> Vec<Finding> {
    let policies: Vec<_> = policies.into_iter().zip(0..).map(|(policy, n)| (id(n), policy)).collect();
    analyse(&policies, Environment::Production)
}

fn oddity(when: &str) -> Option<Oddity> {
    let findings = found(vec![named("p", when, tag("t"), 0)]);
    assert!(findings.len() <= 1, "{when}: {findings:?}");
    findings.into_iter().next().map(|finding| finding.oddity)
}

#[test]
fn what_never_or_always_holds_is_found() {
    for never in [
        "is_new_ip and not is_new_ip",
        "device_count > 5 and device_count < 3",
        "device_count > 3 and device_count < 4",
        "ip_country = \"FR\" and ip_country = \"DE\"",
        "ip_country in [\"FR\", \"DE\"] and ip_country not in [\"FR\", \"DE\", \"GB\"]",
        "risk.ato.severity > \"medium\" and risk.ato.severity < \"high\"",
        "user_external_id in_list \"vip\" and user_external_id not in_list \"vip\"",
        "ip in_cidr \"10.0.0.0/8\" and not ip in_cidr \"10.0.0.0/8\"",
        "metadata.plan exists and not metadata.plan exists and is_new_ip",
        "(is_new_ip and not is_new_ip) or (device_count > 5 and device_count < 3)",
    ] {
        assert_eq!(oddity(never), Some(Oddity::NeverHolds), "{never}");
    }
    assert_eq!(oddity("is_new_ip exists or not is_new_ip exists"), Some(Oddity::AlwaysHolds));
    for fine in [
        // Neither holds while nobody knows.
        "is_new_ip or not is_new_ip",
        "device_count >= 0",
        "device_count > 3 and device_count < 5",
        "ip_country = \"FR\" or ip_country = \"DE\"",
        "email_domain starts_with \"a\" and email_domain ends_with \"b\" and email_domain != \"ab\"",
        "group = \"a\" and group = \"b\"",
        "metadata.plan = 1 and metadata.plan != 2",
        // Meant so.
        "true",
    ] {
        assert_eq!(oddity(fine), None, "{fine}");
    }
}

#[test]
fn what_is_never_reached_is_found_with_what_stands_before_it() {
    let deny = || Then::Verdict(Verdict::Deny);
    let behind = |first: Policy, second: Policy, last: Policy| {
        let findings = found(vec![last, second, first]);
        findings.into_iter().find_map(|finding| match finding.oddity {
            Oddity::NeverReached { behind } => Some(behind),
            _ => None,
        })
    };
    let other = || named("other", "is_headless", deny(), 5);
    let many = |when: &str| named("many", when, deny(), 9);
    let more = |when: &str| named("more", when, tag("t"), 0);
    assert_eq!(behind(many("device_count > 3"), other(), more("device_count > 5")), Some(vec!["many".to_owned()]));
    assert_eq!(behind(many("device_count > 3"), other(), more("device_count > 2")), None);
    let both = behind(many("device_count > 3"), other(), more("is_headless or device_count > 7"));
    assert_eq!(both, Some(vec!["many".to_owned(), "other".to_owned()]), "each hides a part");
    // Who only watches, has an effect, or is asked about less hides nothing.
    let watching = Policy { mode: Mode::Shadow, ..many("device_count > 3") };
    assert_eq!(behind(watching, other(), more("device_count > 5")), None);
    let effect = Policy { then: tag("x"), ..many("device_count > 3") };
    assert_eq!(behind(effect, other(), more("device_count > 5")), None);
    let login = Policy { actions: vec![ActionName::parse("login").unwrap()], ..many("device_count > 3") };
    assert_eq!(behind(login.clone(), other(), more("device_count > 5")), None);
    let narrow = Policy { actions: login.actions.clone(), ..more("device_count > 5") };
    assert_eq!(behind(login, other(), narrow), Some(vec!["many".to_owned()]));
    let off = Policy { enabled: false, ..many("device_count > 3") };
    assert_eq!(behind(off, other(), more("device_count > 5")), None);
}

#[test]
fn coming_down_hard_on_one_weak_sign_is_found() {
    let weak = |when: &str, then: Then| {
        found(vec![named("p", when, then, 0)]).into_iter().find_map(|finding| match finding.oddity {
            Oddity::OneWeakSign { check, .. } => Some(check),
            _ => None,
        })
    };
    let (deny, suspend) = (Then::Verdict(Verdict::Deny), Then::Verdict(Verdict::Suspend));
    assert_eq!(weak("is_new_device", suspend.clone()), Some("is_new_device"));
    assert_eq!(weak("is_headless or (ip_is_vpn and not is_known_bot) or is_new_ip", deny.clone()), Some("is_new_ip"));
    for fine in ["is_new_device and is_new_country", "ip_is_tor", "not is_new_device", "device_count > 3", "true"] {
        assert_eq!(weak(fine, suspend.clone()), None, "{fine}");
    }
    assert_eq!(weak("is_new_device", tag("t")), None);
    assert_eq!(weak("is_new_device", Then::Verdict(Verdict::Restrict)), None);
}

#[test]
fn every_finding_says_what_to_do() {
    let deny = Then::Verdict(Verdict::Deny);
    let told: Vec<String> = found(vec![
        named("first", "device_count > 3", deny.clone(), 9),
        named("behind", "device_count > 4", deny.clone(), 8),
        named("hard", "is_new_ip", deny, 7),
    ])
    .iter()
    .map(ToString::to_string)
    .collect();
    let wanted = [
        "it is never reached: whenever it holds, `first` gave a verdict before; raise its priority",
        "it comes down hard on `is_new_ip` alone, though addresses change daily: ask for more, or challenge instead",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn what_is_too_much_to_try_is_passed_over_in_no_time() {
    let many: Vec<String> =
        (0..300).map(|n| format!("device_count = {n} and event_count.user.{}m > 3", n + 1)).collect();
    let policies = (0..60).map(|n| named(&format!("p{n}"), &many.join(" or "), tag("t"), n)).collect();
    assert_eq!(found(policies), []);
}

proptest! {
    #[test]
    fn no_finding_is_false(policies in policies(), worlds in proptest::collection::vec(world(), 24), action in 0_usize..3) {
        let policies: Vec<_> = policies.into_iter().zip(0..).map(|(policy, n)| (id(n), policy)).collect();
        let action = ["login", "signup", "access"][action];
        for Finding { policy, oddity } in analyse(&policies, Environment::Production) {
            let source = &policies.iter().find(|(id, _)| *id == policy).unwrap().1;
            for world in &worlds {
                let holds = naive::truth(&source.when, world) == TRUE;
                let set = super::compile(&policies);
                let run = set.run(action, &naive::facts(world, set.operands()));
                let is_matched = run.matched.iter().any(|matched| matched.id == policy);
                match oddity {
                    Oddity::NeverHolds => prop_assert!(!holds, "{:?}", source.when),
                    Oddity::AlwaysHolds => prop_assert!(holds, "{:?}", source.when),
                    Oddity::NeverReached { .. } => prop_assert!(!is_matched, "{:?}", source.when),
                    Oddity::OneWeakSign { .. } => {}
                }
            }
        }
    }
}
