//! The documented lives of a challenge, one table or story each.

use countersign_engine::{
    challenge::{
        Attempt, Challenge, ChallengeConfig, Channel, Delivery, EndReason, Refusal, Require, State, Status, resend_wait,
    },
    time::{MINUTE, SECOND},
};

use super::{MINE, OTHER, at, challenge, config, email, email_and_sms, hash, numbered, phone, seconds};

const EMAIL: Channel = Channel::Email;
const SMS: Channel = Channel::Sms;

/// Opened at 0, and code `digits` sent over `channel` at `second`.
fn sent(challenge: &Challenge, channel: Channel, digits: u32, second: i64) -> Challenge {
    let opened = challenge.open(&MINE, seconds(second)).unwrap();
    opened.send(&MINE, channel, hash(challenge.id, digits), seconds(second)).unwrap()
}

/// Tries code `digits` at `second`.
fn tried(challenge: &Challenge, digits: u32, second: i64) -> (Challenge, Attempt) {
    challenge.attempt(&MINE, &hash(challenge.id, digits), seconds(second)).unwrap()
}

#[test]
fn one_right_code_passes() {
    let created = challenge(config(), Some(email()), None);
    assert_eq!(created.status(), Status::Created);
    let presented = created.open(&MINE, seconds(1)).unwrap();
    assert_eq!(presented.status(), Status::Presented);
    assert_eq!(presented.open(&MINE, seconds(2)), Ok(presented.clone()), "reloading the page changes nothing");
    let code_sent = sent(&presented, EMAIL, 123_456, 2);
    assert_eq!(code_sent.status(), Status::CodeSent);
    assert_eq!(code_sent.delivery, Some(Delivery::Pending));
    let (completed, attempt) = tried(&code_sent, 123_456, 20);
    assert_eq!((completed.status(), attempt), (Status::Completed, Attempt::Right));
    assert_eq!((completed.ended_at(), completed.updated_at), (Some(seconds(20)), seconds(20)));
}

#[test]
fn nothing_can_be_tried_before_a_code_is_out() {
    let created = challenge(config(), Some(email()), None);
    let presented = created.open(&MINE, seconds(1)).unwrap();
    let any = hash(created.id, 0);
    assert_eq!(created.attempt(&MINE, &any, seconds(1)), Err(Refusal::OtherBrowser));
    assert_eq!(presented.attempt(&MINE, &any, seconds(1)), Err(Refusal::NoCode));
    assert_eq!(created.send(&MINE, EMAIL, any, seconds(1)), Err(Refusal::OtherBrowser), "not opened yet");
    assert_eq!(presented.send(&MINE, SMS, any, seconds(1)), Err(Refusal::ChannelUnavailable));
}

#[test]
fn a_forwarded_link_is_of_no_use() {
    let code_sent = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    let right = hash(code_sent.id, 1);
    let refused = Err(Refusal::OtherBrowser);
    assert_eq!(code_sent.open(&OTHER, seconds(1)), refused);
    assert_eq!(code_sent.send(&OTHER, EMAIL, right, seconds(60)), refused);
    assert_eq!(code_sent.attempt(&OTHER, &right, seconds(1)), Err(Refusal::OtherBrowser));
    assert_eq!(code_sent.skip(&OTHER, 0, seconds(1)), refused);
    assert_eq!(code_sent.collect_phone(&OTHER, phone(1), seconds(1)), refused);
    assert_eq!(tried(&code_sent, 1, 2).1, Attempt::Right, "the one who opened it goes on");
}

#[test]
fn the_last_wrong_try_ends_it_and_a_new_code_gives_none_back() {
    let mut now = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    for (second, left) in [(1, 4), (2, 3), (3, 2)] {
        let (next, attempt) = tried(&now, 999, second);
        assert_eq!(attempt, Attempt::Wrong { left });
        now = next;
    }
    now = sent(&now, EMAIL, 2, 30);
    let (next, attempt) = tried(&now, 1, 31);
    assert_eq!(attempt, Attempt::Wrong { left: 1 }, "the new code killed the old");
    let (next, attempt) = tried(&next, 999, 32);
    assert_eq!(attempt, Attempt::Wrong { left: 0 });
    assert_eq!(next.state, State::Failed { at: seconds(32), reason: EndReason::AttemptsUsedUp });
    assert_eq!(next.attempt(&MINE, &hash(next.id, 2), seconds(33)), Err(Refusal::Ended(Status::Failed)));
}

#[test]
fn the_last_try_may_be_right() {
    let mut now = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    for second in 1..5 {
        now = tried(&now, 999, second).0;
    }
    assert_eq!(tried(&now, 1, 5).0.status(), Status::Completed);
}

#[test]
fn a_code_dies_exactly_at_its_moment() {
    let code_sent = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    let dies = 10 * MINUTE;
    let right = hash(code_sent.id, 1);
    assert_eq!(code_sent.attempt(&MINE, &right, at(dies - 1)).unwrap().1, Attempt::Right);
    let (late, attempt) = code_sent.attempt(&MINE, &right, at(dies)).unwrap();
    assert_eq!(attempt, Attempt::CodeExpired { left: 4 });
    assert_eq!(late.status(), Status::CodeSent, "another can be asked for");
    assert_eq!(tried(&sent(&late, EMAIL, 2, 601), 2, 602).0.status(), Status::Completed);
    let wrong = hash(code_sent.id, 9);
    assert_eq!(
        code_sent.attempt(&MINE, &wrong, at(dies)).unwrap().1,
        Attempt::CodeExpired { left: 4 },
        "a dead code does not say whether it was right"
    );
}

#[test]
fn a_challenge_ends_exactly_with_its_lifetime() {
    let code_sent = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 25 * 60);
    let ends = 30 * MINUTE;
    let right = hash(code_sent.id, 1);
    assert_eq!(code_sent.clone().settled(at(ends - 1)), code_sent);
    assert_eq!(code_sent.attempt(&MINE, &right, at(ends - 1)).unwrap().1, Attempt::Right);
    let expired = code_sent.clone().settled(at(ends + 5));
    assert_eq!((expired.state.clone(), expired.updated_at), (State::Expired { at: at(ends) }, at(ends)));
    // Even where nobody wrote down that it ended.
    let over = Refusal::Ended(Status::Expired);
    assert_eq!(code_sent.attempt(&MINE, &right, at(ends)), Err(over));
    assert_eq!(code_sent.open(&MINE, at(ends)), Err(over));
    assert_eq!(code_sent.send(&MINE, EMAIL, right, at(ends)), Err(over));
    assert_eq!(code_sent.collect_phone(&MINE, phone(1), at(ends)), Err(over));
    assert_eq!(code_sent.skip(&MINE, 0, at(ends)), Err(over));
    assert_eq!(code_sent.report(at(ends)), Err(over));
    assert_eq!(code_sent.overridden(at(ends)), Err(over));
    let (passed, _) = tried(&code_sent, 1, 26 * 60);
    assert_eq!(passed.clone().settled(at(ends)), passed, "a passed one stays passed");
}

#[test]
fn a_code_of_one_challenge_opens_no_other() {
    let [mine, theirs] = [1, 2].map(|number| sent(&numbered(number, config(), Some(email()), None), EMAIL, 123_456, 0));
    let (_, attempt) = theirs.attempt(&MINE, &hash(mine.id, 123_456), seconds(1)).unwrap();
    assert_eq!(attempt, Attempt::Wrong { left: 4 });
}

#[test]
fn sends_are_five_and_each_waits_longer() {
    let mut now = challenge(config(), Some(email()), None).open(&MINE, seconds(0)).unwrap();
    let mut second = 0;
    for (digits, wait) in [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480)] {
        assert_eq!(resend_wait(digits), wait * SECOND);
        now = sent(&now, EMAIL, digits, second);
        let until = seconds(second + wait);
        let early = now.send(&MINE, EMAIL, hash(now.id, 9), at((second + wait) * SECOND - 1));
        let refused = if digits == 5 { Refusal::TooManySends } else { Refusal::TooSoon { until } };
        assert_eq!(early, Err(refused));
        second += wait;
    }
    assert_eq!(now.send(&MINE, EMAIL, hash(now.id, 9), seconds(second)), Err(Refusal::TooManySends));
    assert_eq!(tried(&now, 5, second).1, Attempt::Right, "the last code still counts");
    for sends in [0, 7, 100, u32::MAX] {
        assert!((30 * SECOND..=32 * MINUTE).contains(&resend_wait(sends)), "{sends}");
    }
}

#[test]
fn all_means_all_and_every_one_has_its_slips() {
    let created = challenge(email_and_sms(Require::All), Some(email()), Some(phone(1)));
    let mut now = sent(&created, EMAIL, 1, 0);
    for second in 1..5 {
        now = tried(&now, 999, second).0;
    }
    let (verified, attempt) = tried(&now, 1, 5);
    assert_eq!((verified.status(), attempt), (Status::Verified, Attempt::Right));
    assert_eq!(verified.open_channels(), [SMS]);
    assert_eq!(verified.attempt(&MINE, &hash(verified.id, 1), seconds(6)), Err(Refusal::NoCode), "used is used");
    assert_eq!(verified.send(&MINE, EMAIL, hash(verified.id, 2), seconds(60)), Err(Refusal::ChannelUnavailable));
    let sms = sent(&verified, SMS, 2, 6);
    assert_eq!(tried(&sms, 1, 7).0.status(), Status::Failed, "the fifth wrong one over all codes");
    assert_eq!(tried(&sms, 2, 7).0.status(), Status::Completed);
}

#[test]
fn any_means_one_and_all_with_a_missing_address_never_passes() {
    let both = |require| challenge(email_and_sms(require), Some(email()), Some(phone(1)));
    assert_eq!(tried(&sent(&both(Require::Any), SMS, 1, 0), 1, 1).0.status(), Status::Completed);
    assert_eq!(tried(&sent(&both(Require::Any), EMAIL, 1, 0), 1, 1).0.status(), Status::Completed);
    let no_phone = challenge(email_and_sms(Require::All), Some(email()), None);
    assert_eq!(no_phone.open_channels(), [EMAIL]);
    assert_eq!(tried(&sent(&no_phone, EMAIL, 1, 0), 1, 1).0.status(), Status::Verified);
}

fn wants_phone(require: Require) -> ChallengeConfig {
    ChallengeConfig { require_phone: true, ..email_and_sms(require) }
}

#[test]
fn a_wanted_phone_is_collected_and_proven_beside_what_is_on_file() {
    for require in [Require::Any, Require::All] {
        for first in [EMAIL, SMS] {
            let opened = challenge(wants_phone(require), Some(email()), None).open(&MINE, seconds(0)).unwrap();
            assert!(opened.needs_phone());
            let collected = opened.collect_phone(&MINE, phone(1), seconds(1)).unwrap();
            assert!(!collected.needs_phone());
            let (verified, _) = tried(&sent(&collected, first, 1, 2), 1, 3);
            assert_eq!(verified.status(), Status::Verified, "{require:?}, {first:?} first: a thief has a phone too");
            let second = verified.open_channels()[0];
            assert_eq!(tried(&sent(&verified, second, 2, 4), 2, 5).0.status(), Status::Completed);
        }
    }
}

#[test]
fn a_collected_phone_is_enough_where_there_is_nothing_else() {
    let only_sms = ChallengeConfig { channels: vec![SMS], ..wants_phone(Require::Any) };
    for (config, email) in [(only_sms, Some(email())), (wants_phone(Require::Any), None)] {
        let opened = challenge(config, email, None).open(&MINE, seconds(0)).unwrap();
        let collected = opened.collect_phone(&MINE, phone(1), seconds(1)).unwrap();
        assert_eq!(tried(&sent(&collected, SMS, 1, 2), 1, 3).0.status(), Status::Completed);
    }
}

#[test]
fn a_phone_on_file_is_proven_and_never_replaced() {
    let opened = challenge(wants_phone(Require::Any), Some(email()), Some(phone(1))).open(&MINE, seconds(0)).unwrap();
    assert!(!opened.needs_phone());
    assert_eq!(opened.collect_phone(&MINE, phone(2), seconds(1)), Err(Refusal::NotAllowed));
    assert_eq!(tried(&sent(&opened, EMAIL, 1, 1), 1, 2).0.status(), Status::Verified, "the phone is wanted");
    assert_eq!(tried(&sent(&opened, SMS, 1, 1), 1, 2).0.status(), Status::Completed);
    let unwanted = challenge(email_and_sms(Require::Any), Some(email()), None).open(&MINE, seconds(0)).unwrap();
    assert_eq!(unwanted.collect_phone(&MINE, phone(2), seconds(1)), Err(Refusal::NotAllowed));
}

#[test]
fn a_mistyped_phone_is_corrected_and_its_code_dies() {
    let opened = challenge(wants_phone(Require::Any), Some(email()), None).open(&MINE, seconds(0)).unwrap();
    let wrong = opened.collect_phone(&MINE, phone(1), seconds(1)).unwrap();
    let code_sent = sent(&wrong, SMS, 1, 2);
    let corrected = code_sent.collect_phone(&MINE, phone(2), seconds(3)).unwrap();
    assert_eq!((corrected.status(), corrected.phone.clone()), (Status::Presented, Some(phone(2))));
    assert_eq!(corrected.attempt(&MINE, &hash(corrected.id, 1), seconds(4)), Err(Refusal::NoCode));
    assert_eq!(
        corrected.send(&MINE, SMS, hash(corrected.id, 2), seconds(4)),
        Err(Refusal::TooSoon { until: seconds(32) }),
        "the wait stays"
    );
    let (proven, _) = tried(&sent(&corrected, SMS, 2, 32), 2, 33);
    assert_eq!(proven.collect_phone(&MINE, phone(3), seconds(34)), Err(Refusal::NotAllowed), "proven is settled");
    // A code on its way by e-mail is not the phone's business.
    let by_mail = sent(&wrong, EMAIL, 1, 2).collect_phone(&MINE, phone(2), seconds(3)).unwrap();
    assert_eq!(tried(&by_mail, 1, 4).1, Attempt::Right);
}

#[test]
fn skipping_has_its_limit() {
    for (allow_skip, skip_limit, before, skips) in [
        (false, 3, 0, false),
        (true, 3, 0, true),
        (true, 3, 2, true),
        (true, 3, 3, false),
        (true, 3, u32::MAX, false),
        (true, 0, 0, false),
    ] {
        let config = ChallengeConfig { allow_skip, skip_limit, ..config() };
        let opened = challenge(config, Some(email()), None).open(&MINE, seconds(0)).unwrap();
        let skipped = opened.skip(&MINE, before, seconds(1));
        let wanted = if skips { Ok(Status::Skipped) } else { Err(Refusal::NotAllowed) };
        assert_eq!(skipped.map(|challenge| challenge.status()), wanted, "{allow_skip} {skip_limit} {before}");
    }
}

#[test]
fn anyone_with_the_message_may_report_it_but_not_undo_a_pass() {
    let code_sent = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    for pending in [challenge(config(), Some(email()), None), code_sent.clone()] {
        let reported = pending.report(seconds(9)).unwrap();
        assert_eq!(reported.state, State::Failed { at: seconds(9), reason: EndReason::Reported });
    }
    let (completed, _) = tried(&code_sent, 1, 1);
    assert_eq!(completed.report(seconds(9)), Err(Refusal::Ended(Status::Completed)));
    assert_eq!(completed.overridden(seconds(9)), Err(Refusal::Ended(Status::Completed)));
    assert_eq!(code_sent.overridden(seconds(9)).unwrap().state, State::Overridden { at: seconds(9) });
}

#[test]
fn a_failed_delivery_frees_the_next_send_and_news_never_goes_back() {
    let first = sent(&challenge(config(), Some(email()), None), EMAIL, 1, 0);
    let failed = first.heard(1, Delivery::Failed, seconds(5));
    assert_eq!(failed.delivery, Some(Delivery::Failed));
    let second = failed.send(&MINE, EMAIL, hash(failed.id, 2), seconds(5)).unwrap();
    assert_eq!(second.heard(1, Delivery::Bounced, seconds(6)), second, "news of an older message");
    assert_eq!(second.heard(3, Delivery::Sent, seconds(6)), second, "news of none that was sent");
    let delivered = second.heard(2, Delivery::Delivered, seconds(6));
    for late in [Delivery::Pending, Delivery::Sent, Delivery::Delivered] {
        assert_eq!(delivered.heard(2, late, seconds(7)), delivered, "{late:?} came late");
    }
    let created = challenge(config(), Some(email()), None);
    assert_eq!(created.heard(0, Delivery::Failed, seconds(1)), created, "nothing was sent");
    for unhelpful in [Delivery::Sent, Delivery::Delivered] {
        assert_eq!(first.heard(1, unhelpful, seconds(5)).next_send_at, seconds(30));
    }
}

#[test]
fn words_on_the_wire_read_back() {
    use Status::{CodeSent, Completed, Created, Expired, Failed, Overridden, Presented, Skipped, Verified};
    for status in [Created, Presented, CodeSent, Verified, Completed, Failed, Expired, Skipped, Overridden] {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for (word, channel) in [("email", Some(EMAIL)), ("text", Some(SMS)), ("sms", Some(SMS)), ("fax", None)] {
        assert_eq!(Channel::parse(word), channel);
    }
}
