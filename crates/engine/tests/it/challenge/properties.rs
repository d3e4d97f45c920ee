//! Whatever steps come, in whatever order, from whichever browser: what may never happen.

use countersign_engine::{
    challenge::{Attempt, Challenge, ChallengeConfig, Channel, Delivery, Refusal, Require, State, Status, resend_wait},
    id::ChallengeId,
    text::Phone,
    time::{MINUTE, SECOND, Timestamp},
};
use proptest::{prelude::*, sample::select};

use super::{MINE, OTHER, at, config, email, hash, numbered, phone};

/// What somebody types.
#[derive(Clone, Copy, Debug)]
enum Guess {
    /// The latest code.
    Latest,
    /// The one before.
    Before,
    /// None that was sent.
    Wrong,
    /// The same digits as the latest, as another challenge hashes them.
    OfAnother,
}

#[derive(Clone, Debug)]
enum Step {
    Open([u8; 32]),
    Send([u8; 32], Channel),
    Attempt([u8; 32], Guess),
    CollectPhone([u8; 32], u32),
    Skip([u8; 32], u32),
    Report,
    Overridden,
    Heard(u32, Delivery),
    Wait(i64),
}

fn browsers() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![6 => Just(MINE), 1 => Just(OTHER)]
}

fn steps() -> impl Strategy<Value = Step> {
    let channels = || select(vec![Channel::Email, Channel::Sms]);
    let guesses = select(vec![Guess::Latest, Guess::Before, Guess::Wrong, Guess::Wrong, Guess::OfAnother]);
    let news =
        select(vec![Delivery::Pending, Delivery::Sent, Delivery::Delivered, Delivery::Failed, Delivery::Bounced]);
    let waits = select(vec![1, SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 4 * MINUTE, 10 * MINUTE]);
    prop_oneof![
        4 => browsers().prop_map(Step::Open),
        8 => (browsers(), channels()).prop_map(|(browser, channel)| Step::Send(browser, channel)),
        12 => (browsers(), guesses).prop_map(|(browser, guess)| Step::Attempt(browser, guess)),
        3 => (browsers(), 0_u32..3).prop_map(|(browser, last)| Step::CollectPhone(browser, last)),
        1 => (browsers(), 0_u32..4).prop_map(|(browser, before)| Step::Skip(browser, before)),
        1 => prop_oneof![Just(Step::Report), Just(Step::Overridden)],
        3 => (0_u32..6, news).prop_map(|(send, news)| Step::Heard(send, news)),
        8 => waits.prop_map(Step::Wait),
    ]
}

prop_compose! {
    fn configs()(
        channels in select(vec![
            vec![Channel::Email], vec![Channel::Sms], vec![Channel::Email, Channel::Sms], vec![Channel::Sms, Channel::Email],
        ]),
        require in select(vec![Require::Any, Require::All]),
        attempts in 1_u32..=6,
        code_minutes in 1_u32..=15,
        lifetime_minutes in 5_u32..=60,
        require_phone: bool,
        allow_skip: bool,
    ) -> ChallengeConfig {
        ChallengeConfig { channels, require, attempts, code_minutes, lifetime_minutes, require_phone, allow_skip, ..config() }
    }
}

/// The challenge, and what the test itself knows of it.
struct World {
    challenge: Challenge,
    on_file: Option<Phone>,
    now: Timestamp,
    /// Digits of each code that is or was out, with the number it went to if it went by SMS.
    codes: Vec<(u32, Channel, Option<Phone>)>,
    wrong: u32,
    right: u32,
}

/// What a step came to: the challenge afterwards, and the answer of a try.
type Outcome = Result<(Challenge, Option<Attempt>), Refusal>;

impl World {
    fn new(config: ChallengeConfig, has_email: bool, on_file: Option<Phone>) -> Self {
        let challenge = numbered(7, config, has_email.then(email), on_file.clone());
        Self { challenge, on_file, now: at(0), codes: Vec::new(), wrong: 0, right: 0 }
    }

    fn typed(&self, guess: Guess) -> [u8; 32] {
        let back = |n: usize| self.codes.iter().rev().nth(n).map_or(999_999, |(digits, ..)| *digits);
        match guess {
            Guess::Latest => hash(self.challenge.id, back(0)),
            Guess::Before => hash(self.challenge.id, back(1)),
            Guess::Wrong => hash(self.challenge.id, 999_999),
            Guess::OfAnother => hash(ChallengeId::new(0, [8; 10]), back(0)),
        }
    }

    fn outcome(&self, step: &Step) -> Outcome {
        let Self { challenge, now, .. } = self;
        let plain = |result: Result<Challenge, Refusal>| result.map(|challenge| (challenge, None));
        match step {
            Step::Open(browser) => plain(challenge.open(browser, *now)),
            Step::Send(browser, channel) => {
                let digits = u32::try_from(self.codes.len()).unwrap();
                plain(challenge.send(browser, *channel, hash(challenge.id, digits), *now))
            }
            Step::Attempt(browser, guess) => {
                let tried = challenge.attempt(browser, &self.typed(*guess), *now);
                tried.map(|(challenge, attempt)| (challenge, Some(attempt)))
            }
            Step::CollectPhone(browser, last) => plain(challenge.collect_phone(browser, phone(*last), *now)),
            Step::Skip(browser, before) => plain(challenge.skip(browser, *before, *now)),
            Step::Report => plain(challenge.report(*now)),
            Step::Overridden => plain(challenge.overridden(*now)),
            Step::Heard(send, news) => Ok((challenge.heard(*send, *news, *now), None)),
            Step::Wait(_) => Ok((challenge.clone().settled(*now), None)),
        }
    }

    /// Takes a step, checks what must hold of it, and keeps what came of it.
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        if let Step::Wait(ms) = step {
            self.now = self.now.plus(*ms);
        }
        let before = self.challenge.clone();
        let outcome = self.outcome(step);
        prop_assert_eq!(&self.challenge, &before, "a step changes nothing in place");
        self.check_end(step, &before, &outcome)?;
        let Ok((after, attempt)) = outcome else { return Ok(()) };
        check_browser(step, &before, &after)?;
        self.check_send(step, &before, &after)?;
        self.check_attempt(step, &before, &after, attempt)?;
        self.check_standing(&before, &after)?;
        self.challenge = after;
        Ok(())
    }

    /// Nothing leaves an ended state, and nothing but the clock ends what is over.
    fn check_end(&self, step: &Step, before: &Challenge, outcome: &Outcome) -> Result<(), TestCaseError> {
        let over = self.now >= before.expires_at;
        if before.ended_at().is_none() && !over {
            return Ok(());
        }
        let status = before.clone().settled(self.now).status();
        match step {
            Step::Wait(_) => prop_assert_eq!(outcome.as_ref().unwrap().0.status(), status),
            Step::Heard(..) => prop_assert_eq!(&outcome.as_ref().unwrap().0.state, &before.state),
            _ => prop_assert_eq!(outcome, &Err(Refusal::Ended(status))),
        }
        Ok(())
    }

    /// At most five, each after its wait, and each wait longer than the one before.
    fn check_send(&mut self, step: &Step, before: &Challenge, after: &Challenge) -> Result<(), TestCaseError> {
        let Step::Send(_, channel) = step else {
            prop_assert_eq!(after.sends, before.sends);
            return Ok(());
        };
        prop_assert!(self.now >= before.next_send_at);
        prop_assert_eq!(after.sends, before.sends + 1);
        prop_assert!(after.sends <= 5);
        prop_assert_eq!(after.next_send_at.since(self.now), resend_wait(after.sends));
        prop_assert!(after.sends == 1 || resend_wait(after.sends) > resend_wait(before.sends));
        prop_assert!(before.open_channels().contains(channel));
        let number = before.phone.clone().filter(|_| *channel == Channel::Sms);
        self.codes.push((u32::try_from(self.codes.len()).unwrap(), *channel, number));
        Ok(())
    }

    /// Tries are counted, bounded, and right only for the latest living code.
    fn check_attempt(
        &mut self,
        step: &Step,
        before: &Challenge,
        after: &Challenge,
        attempt: Option<Attempt>,
    ) -> Result<(), TestCaseError> {
        let (Step::Attempt(_, guess), Some(attempt)) = (step, attempt) else {
            prop_assert_eq!(after.attempts, before.attempts);
            prop_assert_eq!(&after.proven, &before.proven);
            prop_assert_eq!(after.status() == Status::Completed, before.status() == Status::Completed);
            return Ok(());
        };
        prop_assert_eq!(after.attempts, before.attempts + 1, "counted, whatever came of it");
        let State::CodeSent(code) = &before.state else { return Err(TestCaseError::fail("tried without a code")) };
        let alive = self.now < code.expires_at;
        prop_assert_eq!(attempt == Attempt::Right, alive && matches!(guess, Guess::Latest));
        let (_, channel, number) = self.codes.last().unwrap().clone();
        if attempt == Attempt::Right {
            self.right += 1;
            prop_assert_eq!(after.proven.last(), Some(&channel));
            prop_assert!(channel == Channel::Email || number == after.phone, "the number that the code went to");
        } else {
            self.wrong += 1;
            prop_assert_eq!(&after.proven, &before.proven);
            prop_assert_eq!(after.status() == Status::Failed, self.wrong == before.config.attempts);
        }
        prop_assert!(self.wrong <= before.config.attempts);
        Ok(())
    }

    /// What must hold of every challenge at all times.
    fn check_standing(&self, before: &Challenge, after: &Challenge) -> Result<(), TestCaseError> {
        let ChallengeConfig { attempts, channels, require, require_phone, .. } = &after.config;
        prop_assert!(after.attempts <= attempts + self.right, "never more compared than allowed");
        prop_assert!(self.right <= 2 && (self.right <= 1 || *require == Require::All || *require_phone));
        prop_assert!(after.updated_at >= before.updated_at);
        prop_assert!(self.on_file.is_none() || after.phone == self.on_file, "the number on file stays");
        if let State::CodeSent(code) = &after.state {
            prop_assert!(code.expires_at <= after.expires_at);
        }
        if after.status() == Status::Completed {
            let proves = |channel: &Channel| after.proven.contains(channel);
            prop_assert!(!after.proven.is_empty());
            prop_assert!(*require == Require::Any || channels.iter().all(proves));
            prop_assert!(!require_phone || proves(&Channel::Sms));
            let mail_stands = after.email.is_some() && channels.contains(&Channel::Email);
            prop_assert!(!after.phone_collected || !mail_stands || proves(&Channel::Email), "a thief's own phone");
        }
        let stored = serde_json::to_vec(after).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Challenge>(&stored).unwrap(), after, "as the store keeps it");
        Ok(())
    }
}

/// The first browser keeps it, and no other gets anything done.
fn check_browser(step: &Step, before: &Challenge, after: &Challenge) -> Result<(), TestCaseError> {
    if let Step::Open(browser) = step {
        prop_assert_eq!(after.browser, Some(before.browser.unwrap_or(*browser)));
        prop_assert!(after.is_bound_to(browser));
    } else {
        prop_assert_eq!(after.browser, before.browser);
    }
    if let Step::Send(browser, _)
    | Step::Attempt(browser, _)
    | Step::CollectPhone(browser, _)
    | Step::Skip(browser, _) = step
    {
        prop_assert_eq!(Some(*browser), before.browser);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_sequence_of_steps_breaks_the_rules(
        config in configs(),
        has_email: bool,
        on_file in proptest::option::of((3_u32..5).prop_map(phone)),
        steps in proptest::collection::vec(steps(), 1..60),
    ) {
        let mut world = World::new(config, has_email, on_file);
        for step in [Step::Open(MINE)].iter().chain(&steps) {
            world.take(step)?;
        }
    }
}
