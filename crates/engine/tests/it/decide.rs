//! Whatever is measured and remembered, a decision is made, and it is the same each time.

use std::net::{IpAddr, Ipv6Addr};

use countersign_engine::{
    check::CHECKS,
    decide::{Decision, Moment, decide},
    environment::Environment,
    history::{Device, History, Link, SeenWith, User},
    id::{ChallengeId, DeviceId, EvaluationId, UserId},
    profile::{Conveyance, Profile, Whereabouts},
    seen::{Mark, Seen, Thing},
    signal::{Background, DeviceType, Native, Place, Signals},
    text::{ActionName, Contact},
    time::Timestamp,
    window::Activity,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    check::{complete, device, nothing, user},
    policy::arbitrary::policies,
    retrace::project_of,
};

/// Moments of every kind, absurd ones included.
fn moment() -> impl Strategy<Value = Timestamp> {
    let ms =
        prop_oneof![Just(i64::MIN), Just(0), Just(i64::MAX), 1_763_000_000_000_i64..1_765_000_000_000, any::<i64>()];
    ms.prop_map(Timestamp::from_millis)
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let degrees = || option::of(prop_oneof![any::<f64>(), -180.0..180.0_f64]);
    (degrees(), degrees(), option::of("[A-Z]{2}"), option::of(any::<u32>())).prop_map(
        |(latitude, longitude, country_code, asn)| Place { latitude, longitude, country_code, asn, ..Place::default() },
    )
}

fn activity() -> impl Strategy<Value = Activity> {
    vec((prop_oneof![Just("login"), Just("x")], moment()), 0..6).prop_map(|events| {
        let mut activity = Activity::default();
        for (action, at) in events {
            activity.record(action, at);
        }
        activity
    })
}

fn seen() -> impl Strategy<Value = Seen> {
    vec((select(Thing::ALL.to_vec()), any::<u8>(), moment()), 0..6).prop_map(|things| {
        let mut seen = Seen::default();
        for (thing, name, at) in things {
            seen.record(thing, Mark::of(&name.to_string()), at);
        }
        seen
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let kind = || option::of(select(vec![DeviceType::Computer, DeviceType::Tablet, DeviceType::Mobile]));
    let places = vec((address(), option::of(place()), moment(), 0_u8..4, kind()), 0..6);
    (places, option::of(moment()), option::of(moment()), seen()).prop_map(|(places, passed, failed, seen)| {
        let mut profile = Profile::default();
        profile.seen = seen;
        for (ip, place, at, n, kind) in places {
            let from = Whereabouts::of(ip, place.as_ref(), Some(device(n, None, true).browser), at);
            profile.arrive(from, Conveyance::of(kind, place.as_ref()));
        }
        if let Some(at) = passed {
            profile.pass(at);
        }
        if let Some(at) = failed {
            profile.fail(at);
        }
        profile
    })
}

fn history() -> impl Strategy<Value = History> {
    let link =
        || option::of((moment(), any::<bool>()).prop_map(|(last_seen_at, trusted)| Link { last_seen_at, trusted }));
    let user = option::of((profile(), activity(), moment(), option::of(moment())).prop_map(
        |(profile, activity, created, suspended_at)| User { profile, activity, suspended_at, ..user(created) },
    ));
    let devices = vec((1_u8..4, any::<bool>(), activity(), option::of(moment()), seen()), 0..3).prop_map(|devices| {
        let with = |(n, attached, activity, passed_at, seen)| Device {
            activity,
            passed_at,
            seen,
            ..device(n, None, attached)
        };
        devices.into_iter().map(with).collect()
    });
    let seen_with = (seen(), seen(), seen()).prop_map(|(ip, email, fingerprint)| SeenWith {
        ip,
        email,
        fingerprint,
        ..SeenWith::default()
    });
    (user, link(), link(), link(), devices, activity(), seen_with, option::of(moment())).prop_map(
        |(user, user_ip, user_fingerprint, user_asn, devices, ip, seen, origin_seen_at)| History {
            user,
            user_ip,
            user_fingerprint,
            user_asn,
            devices,
            ip,
            seen,
            origin_seen_at,
            ..History::default()
        },
    )
}

fn signals() -> impl Strategy<Value = Signals> {
    let flag = || option::of(any::<bool>());
    let flags = (flag(), flag(), flag(), flag(), flag(), flag());
    let texts = (option::of("\\PC{0,24}"), option::of("\\PC{0,24}"), option::of("\\PC{0,24}"));
    (any::<bool>(), option::of(address()), option::of(place()), texts, flags, "[a-z]{1,8}").prop_map(
        |(known, ip, place, (email, phone, page_url), flags, action)| Signals {
            action: ActionName::parse(&action).unwrap(),
            ip,
            place,
            email: email.as_deref().map(Contact::email),
            phone: phone.as_deref().map(Contact::phone),
            page_url,
            background: Background {
                email_is_disposable: flags.0,
                phone_is_possible: flags.1,
                says_driven: flags.2,
                is_inconsistent: flags.3,
                native: Native { is_emulator: flags.4, ui_testing: flags.5, ..Native::default() },
                ..Background::default()
            },
            ..if known { complete() } else { nothing() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_made_and_made_again(
        policies in policies(),
        signals in signals(),
        history in history(),
        now in moment(),
        on_lists in vec(option::of(any::<bool>()), 0..8),
    ) {
        let project = project_of(policies);
        let ids = |n: u8| [n; 10];
        let moment = Moment {
            now,
            evaluation_id: EvaluationId::new(1, ids(1)),
            challenge_id: ChallengeId::new(1, ids(2)),
            user_id: UserId::new(1, ids(3)),
            device_id: DeviceId::new(1, ids(4)),
        };
        let history = History { memberships: on_lists, ..history };
        let decided = || decide(&project, Environment::Production, &signals, history.clone(), &moment);
        let (first, second) = (decided(), decided());
        prop_assert_eq!(&first.evaluation, &second.evaluation);
        prop_assert_eq!(&first.after.user, &second.after.user);
        let Decision { evaluation, after, .. } = first;
        // Nothing that is remembered is lost on its way through the store, and no answer is of another kind than its check.
        if let Some(user) = after.user {
            prop_assert_eq!(Profile::from_bytes(&user.profile.to_bytes()).map(|profile| profile.to_bytes()), Some(user.profile.to_bytes()));
        }
        let read: countersign_engine::evaluation::Evaluation =
            serde_json::from_str(&serde_json::to_string(&evaluation).unwrap()).unwrap();
        prop_assert_eq!(&read.checks, &evaluation.checks);
        prop_assert!(evaluation.checks.keys().all(|name| CHECKS.iter().any(|check| check.name == name)));
    }
}
