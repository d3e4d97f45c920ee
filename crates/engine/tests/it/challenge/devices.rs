//! How far over a device limit an account is, and when its owner has passed.

use countersign_engine::{
    challenge::{Attempt, Challenge, ChallengeConfig, Channel, DeviceLimit, Refusal, Status},
    signal::DeviceType::{Computer, Mobile, Tablet},
};

use super::{MINE, OTHER, challenge, config, email, hash, seconds};

const NONE: DeviceLimit = DeviceLimit { overall: None, computer: None, tablet: None, mobile: None };

#[test]
fn as_many_must_go_as_there_are_too_many_and_of_the_kind_that_is_too_many() {
    let (c, t, m) = (Some(Computer), Some(Tablet), Some(Mobile));
    let overall = |overall| DeviceLimit { overall: Some(overall), ..NONE };
    let both = DeviceLimit { overall: Some(3), mobile: Some(1), ..NONE };
    let kinds_only = DeviceLimit { computer: Some(1), tablet: Some(1), ..NONE };
    for (limit, kinds, least, helps) in [
        (NONE, vec![c; 50], 0, [false; 4]),
        (overall(2), vec![c, m], 0, [false; 4]),
        (overall(2), vec![c, m, None], 1, [true; 4]),
        (overall(1), vec![c, c, m, t], 3, [true; 4]),
        (overall(0), vec![c], 0, [false; 4]),
        (both, vec![c, m, m], 1, [false, false, true, false]),
        (both, vec![m, m, m, c, c], 2, [true; 4]),
        (kinds_only, vec![c, c, t, t, t, m, None], 3, [true, true, false, false]),
    ] {
        let excess = limit.excess(&kinds);
        assert_eq!(excess.least(), least, "{limit:?} {kinds:?}");
        assert_eq!([c, t, m, None].map(|kind| excess.is_less_without(kind)), helps, "{limit:?} {kinds:?}");
    }
}

#[test]
fn a_group_raises_a_limit_and_never_lowers_or_makes_one() {
    let limit = DeviceLimit { overall: Some(3), mobile: Some(2), ..NONE };
    let family = DeviceLimit { overall: Some(6), mobile: Some(1), tablet: Some(9), ..NONE };
    let office = DeviceLimit { overall: Some(4), mobile: Some(8), ..NONE };
    let groups = [("family".to_owned(), family), ("office".to_owned(), office)].into();
    let config = ChallengeConfig { device_limit: limit, device_limit_for_groups: groups, ..config() };
    for (of, overall, mobile) in [
        (&[][..], 3, 2),
        (&["beta"], 3, 2),
        (&["family"], 6, 2),
        (&["office"], 4, 8),
        (&["family", "beta", "office"], 6, 8),
    ] {
        let of: Vec<String> = of.iter().map(ToString::to_string).collect();
        let wanted = DeviceLimit { overall: Some(overall), mobile: Some(mobile), ..NONE };
        assert_eq!(config.device_limit_in(&of), wanted, "{of:?}");
    }
    let mut wrong = config;
    wrong.device_limit_for_groups.insert("none".to_owned(), DeviceLimit { computer: Some(0), ..NONE });
    wrong.device_limit_for_groups.insert(String::new(), NONE);
    let problems: Vec<_> = wrong.problems(false).into_iter().map(|problem| problem.field).collect();
    assert_eq!(problems, ["device_limit_for_groups"; 2]);
}

/// Proven by its owner, who has too many devices.
fn proven() -> Challenge {
    let fresh = challenge(config(), Some(email()), None).open(&MINE, seconds(1)).unwrap();
    let sent = fresh.send(&MINE, Channel::Email, hash(fresh.id, 1), seconds(2)).unwrap();
    let (passed, attempt) = sent.attempt(&MINE, &hash(fresh.id, 1), seconds(3)).unwrap();
    assert_eq!((passed.status(), attempt), (Status::Completed, Attempt::Right));
    assert!(!passed.waits_for_devices());
    passed.over_device_limit()
}

#[test]
fn who_waits_for_devices_has_not_passed_and_proves_nothing_again() {
    let waits = proven();
    assert!(waits.waits_for_devices() && waits.ended_at().is_none());
    assert_eq!(waits.status(), Status::Verified);
    assert_eq!(waits.send(&MINE, Channel::Email, [9; 32], seconds(99)), Err(Refusal::ChannelUnavailable));
    assert_eq!(waits.within_device_limit(&OTHER, seconds(9)), Err(Refusal::OtherBrowser));
    assert_eq!(waits.within_device_limit(&MINE, waits.expires_at), Err(Refusal::Ended(Status::Expired)));
    assert_eq!(waits.within_device_limit(&MINE, seconds(9)).unwrap().status(), Status::Completed);
}

#[test]
fn who_has_proven_nothing_is_not_let_in_for_having_few_devices() {
    let opened = challenge(config(), Some(email()), None).open(&MINE, seconds(1)).unwrap();
    let sent = opened.send(&MINE, Channel::Email, hash(opened.id, 1), seconds(2)).unwrap();
    for early in [opened, sent] {
        assert_eq!(early.within_device_limit(&MINE, seconds(3)), Err(Refusal::NotAllowed));
    }
}

#[test]
fn a_limit_that_leaves_no_place_is_a_mistake() {
    let none = ChallengeConfig { device_limit: DeviceLimit { tablet: Some(0), ..NONE }, ..config() };
    let problems: Vec<_> = none.problems(false).into_iter().map(|problem| problem.field).collect();
    assert_eq!(problems, ["device_limit.tablet"]);
}
