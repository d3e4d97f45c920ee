//! Evaluate: reads what the decision needs to know, decides, and writes what follows, in one transaction.
//!
//! Deciding inside the transaction is what makes "the last free device slot" right when requests race: whoever comes
//! second reads what the first one wrote.

use std::sync::Arc;

use countersign_engine::{
    challenge::Challenge,
    config::Project,
    conversion::{SIGN_UP, Shown, converts},
    decide::{self, Decision, Lookup, Subjects},
    environment::Environment,
    evaluation::{Effect, Evaluation, PolicyRef},
    event::{Event, EventKind},
    history::{Fingerprint, History, Link, PRESENT, SeenWith},
    id::{BrowserId, PolicyId},
    seen::Seen,
    signal::{Place, Signals},
    time::{DAY, Timestamp},
    window::Activity,
};
use futures_util::{future::try_join_all, try_join};

pub use countersign_engine::decide::Moment;

use crate::{
    Keys, Operation, StateKey, StoreError, Tx, op,
    row::{self, subject::Subject, user::UserRef},
};

/// The kinds of rows that evaluations are counted in, in the order in which their keys are listed below. None is a kind of
/// [`UserRef`]: who counts must not wait for who is looked up.
const COUNTED: [&str; 5] = ["ip", "fingerprint", "email_domain", "mailbox", "phone_number"];

/// The kind of row that an origin is remembered in: written once a day, since every evaluation of a site has the same.
const ORIGIN: &str = "origin";

/// The kind of row that what a policy with a budget did lately is kept in, under the policy's id.
const BUDGET: &str = "budget";

/// Evaluates one action.
#[derive(Clone, Debug)]
pub struct Evaluate {
    /// The project, compiled.
    pub project: Arc<Project>,
    /// Which of its policies.
    pub environment: Environment,
    /// What was measured.
    pub signals: Signals,
    /// Now, and the ids that may be used.
    pub moment: Moment,
    /// Whether the site's own server asks: it is not limited.
    pub by_server: bool,
}

/// Refused, and nothing was written: behind this network address too many were evaluated lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Seconds until there is room.
    pub retry_after: u32,
}

/// What the caller needs of it.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The record.
    pub evaluation: Evaluation,
    /// What the next device token stands for.
    pub browser: Option<BrowserId>,
    /// The policies of which it is to be told now that they are over their budgets.
    pub alerts: Vec<PolicyRef>,
}

impl Operation for Evaluate {
    type Out = Result<Evaluated, TooMany>;

    const SHARES: bool = true;

    fn project(&self) -> [u8; 16] {
        self.project.id.to_bytes()
    }

    fn keys(&self, keys: &mut Keys) {
        let project = self.project.id.to_bytes();
        if let Some(by) = UserRef::of(&self.signals) {
            by.hold(keys, &project);
        }
        let Subjects { network, fingerprint, email_domain, email, phone, .. } = Subjects::of(&self.signals);
        let counted = [network, fingerprint, email_domain, email, phone];
        for (kind, key) in COUNTED.into_iter().zip(&counted) {
            if let Some(key) = key {
                keys.share(&StateKey { project: &project, kind, key });
            }
        }
        for policy in self.budgeted() {
            keys.share(&StateKey { project: &project, kind: BUDGET, key: &policy.to_string() });
        }
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let by = UserRef::of(&self.signals);
        let ((history, older), shown) = try_join!(self.remember(tx, by.as_ref()), self.shown(tx))?;
        if let (false, Err(retry_after)) = (self.by_server, decide::admit(&self.project, &history, self.moment.now)) {
            return Ok(Err(TooMany { retry_after }));
        }
        let decision = decide::decide(&self.project, self.environment, &self.signals, history, &self.moment);
        self.override_older(tx, by.as_ref(), older, &decision).await?;
        self.write(tx, by.as_ref(), &decision)?;
        if let (true, Some(user), Some(shown)) = (decision.trusted, &decision.after.user, &shown)
            && converts(user, shown, self.moment.now)
        {
            let (project, id) = (self.project.id.to_bytes(), decision.evaluation.id);
            row::conversion::convert(tx, &project, user.id, shown, (id, self.moment.now))?;
        }
        let Decision { evaluation, browser, alerts, .. } = decision;
        Ok(Ok(Evaluated { evaluation, browser, alerts }))
    }
}

impl Evaluate {
    /// The policies with budgets that the action asks.
    fn budgeted(&self) -> impl Iterator<Item = PolicyId> {
        let set = self.project.policy_set(self.environment);
        set.budgets(self.signals.action.as_str()).map(|(policy, _)| policy)
    }

    /// For a sign-up: whether its browser was shown the page of a shared account.
    async fn shown<T: Tx>(&self, tx: &T) -> Result<Option<Shown>, StoreError> {
        match self.signals.browser.filter(|_| self.signals.action.as_str() == SIGN_UP) {
            Some(browser) => row::conversion::shown(tx, &self.project.id.to_bytes(), browser).await,
            None => Ok(None),
        }
    }

    /// Everything that the decision may ask for, by key, and the challenge that a new one would take the place of. All is
    /// asked at once: the database answers in one round trip.
    async fn remember<T: Tx>(&self, tx: &T, by: Option<&UserRef>) -> Result<(History, Option<Challenge>), StoreError> {
        let project = self.project.id.to_bytes();
        let early = self.lookups(&History::default());
        let Subjects { network, fingerprint, email_domain, country, asn, email, phone, origin } =
            Subjects::of(&self.signals);
        let unused = self.project.settings.unused_since(self.moment.now);
        let (
            older,
            user,
            devices,
            sessions,
            user_ip,
            user_fingerprint,
            user_country,
            user_asn,
            ip,
            print,
            domain,
            email,
            phone,
            origin,
            answers,
            spendings,
        ) = try_join!(
            // Before the user: whoever takes a step of a challenge holds the two in this order.
            async {
                match (by, self.signals.browser) {
                    (Some(by), Some(browser)) => row::challenge::open(tx, &project, by, browser, self.moment.now).await,
                    _ => Ok(None),
                }
            },
            async {
                match by {
                    Some(by) => row::user::by_ref(tx, &project, by).await,
                    None => Ok(None),
                }
            },
            async {
                match by {
                    Some(by) => row::device::of_user(tx, &project, by, self.signals.browser, unused).await,
                    None => Ok(Vec::new()),
                }
            },
            async {
                match by {
                    Some(by) => row::presence::of_user(tx, &project, by, self.moment.now.plus(-PRESENT)).await,
                    None => Ok(Vec::new()),
                }
            },
            link(tx, &project, by, "ip", network.as_deref()),
            link(tx, &project, by, "fingerprint", fingerprint.as_deref()),
            link(tx, &project, by, "country", country.as_deref()),
            link(tx, &project, by, "asn", asn.as_deref()),
            subject(tx, &project, "ip", network.as_deref()),
            subject(tx, &project, "fingerprint", fingerprint.as_deref()),
            subject(tx, &project, "email_domain", email_domain.as_deref()),
            subject(tx, &project, "mailbox", email.as_deref()),
            subject(tx, &project, "phone_number", phone.as_deref()),
            async {
                match origin.as_deref() {
                    Some(key) => row::subject::last_seen(tx, &StateKey { project: &project, kind: ORIGIN, key }).await,
                    None => Ok(None),
                }
            },
            try_join_all(early.iter().map(|lookup| self.is_member(tx, &project, lookup))),
            try_join_all(self.budgeted().map(|policy| lately(tx, &project, policy))),
        )?;
        let seen = |subject: &Option<Subject>| subject.as_ref().map(|subject| subject.seen.clone()).unwrap_or_default();
        let mut history = History {
            seen: SeenWith {
                ip: seen(&ip),
                fingerprint: seen(&print),
                email_domain: seen(&domain),
                email: seen(&email),
                phone: seen(&phone),
            },
            origin_seen_at: origin,
            user,
            user_ip,
            user_fingerprint,
            user_country,
            user_asn,
            fingerprint: print.map(|s| Fingerprint { user_count: s.user_count, activity: s.activity }),
            devices,
            sessions,
            ip: ip.map(|s| s.activity).unwrap_or_default(),
            email_domain: domain.map(|s| s.activity).unwrap_or_default(),
            memberships: Vec::new(),
            spendings,
        };
        // What history changes about the questions is few: a list of devices, or of addresses that the site told us.
        for (place, lookup) in self.lookups(&history).iter().enumerate() {
            let answered = early.get(place).filter(|asked| *asked == lookup).and_then(|_| answers.get(place));
            history.memberships.push(match answered {
                Some(answer) => *answer,
                None => self.is_member(tx, &project, lookup).await?,
            });
        }
        Ok((history, older))
    }

    fn lookups(&self, history: &History) -> Vec<Lookup> {
        decide::lookups(&self.project, self.environment, &self.signals, history, self.moment.now)
    }

    async fn is_member<T: Tx>(&self, tx: &T, project: &[u8; 16], lookup: &Lookup) -> Result<Option<bool>, StoreError> {
        match lookup {
            Lookup::Unknown => Ok(None),
            Lookup::In { list, candidates } => {
                op::list::contains(tx, project, *list, candidates, self.moment.now).await.map(Some)
            }
        }
    }

    /// A newer challenge takes the place of one still pending for the same user and device.
    async fn override_older<T: Tx>(
        &self,
        tx: &T,
        by: Option<&UserRef>,
        older: Option<Challenge>,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        let (Some(challenge), Some(by)) = (&decision.challenge, by) else { return Ok(()) };
        let (Some(user), Some(browser)) = (challenge.user_id, challenge.browser_id) else { return Ok(()) };
        let project = self.project.id.to_bytes();
        let older = if self.signals.browser == Some(browser) {
            older
        } else {
            // Recognised by what it is like: which of the user's browsers it is was not known before.
            row::challenge::open(tx, &project, by, browser, self.moment.now).await?
        };
        if let Some(Ok(overridden)) = older.map(|older| older.overridden(self.moment.now)) {
            row::challenge::save(tx, &project, &overridden)?;
        }
        row::challenge::save_open(tx, &project, user, browser, challenge.id);
        Ok(())
    }

    fn write<T: Tx>(&self, tx: &T, by: Option<&UserRef>, decision: &Decision) -> Result<(), StoreError> {
        let project = self.project.id.to_bytes();
        row::evaluation::insert(tx, &project, &decision.evaluation)?;
        if let Some(challenge) = &decision.challenge {
            row::challenge::save(tx, &project, challenge)?;
            if self.project.is_heard(EventKind::ChallengeExpired, None) {
                // Told when its time has come, if it has not ended otherwise by then.
                let end = challenge.expires_at;
                let expired = Event::of_challenge(EventKind::ChallengeExpired, &challenge.clone().settled(end));
                row::event::tell(tx, &project, &expired, end)?;
            }
        }
        for event in &decision.events {
            row::event::tell(tx, &project, event, self.moment.now)?;
        }
        self.write_user(tx, by, decision)?;
        self.write_subjects(tx, decision);
        self.write_effects(tx, &decision.evaluation);
        Ok(())
    }

    fn write_user<T: Tx>(&self, tx: &T, by: Option<&UserRef>, decision: &Decision) -> Result<(), StoreError> {
        let (project, now) = (self.project.id.to_bytes(), self.moment.now);
        let Some(user) = &decision.after.user else { return Ok(()) };
        if decision.user_is_new || decision.user_changed {
            row::user::save(tx, &project, user, now)?;
        } else {
            row::user::touch(tx, &project, user, now);
        }
        if let (true, Some(by)) = (decision.user_is_new, by) {
            row::user::save_ref(tx, &project, by, user.id);
        }
        if let Some(device) = &decision.device {
            let place = self.signals.place.as_ref().and_then(Place::in_words);
            let device = (device, decision.attached_at);
            row::device::save(tx, &project, user.id, device, &self.signals.agent, place.as_deref(), now)?;
        }
        let Subjects { network, fingerprint, country, asn, .. } = Subjects::of(&self.signals);
        // Familiar for good: written once, when it becomes so.
        let becomes = |link: Option<Link>| decision.trusted && !link.is_some_and(|link| link.trusted);
        let country = country.filter(|_| becomes(decision.after.user_country));
        let asn = asn.filter(|_| becomes(decision.after.user_asn));
        for (kind, key) in [("ip", network), ("fingerprint", fingerprint), ("country", country), ("asn", asn)] {
            if let Some(key) = key {
                row::subject::save_link(tx, &project, user.id, (kind, &key), decision.trusted, now);
            }
        }
        Ok(())
    }

    fn write_subjects<T: Tx>(&self, tx: &T, decision: &Decision) {
        let (project, now) = (self.project.id.to_bytes(), self.moment.now);
        let Subjects { network, fingerprint, email_domain, email, phone, origin, .. } = Subjects::of(&self.signals);
        let after = &decision.after;
        let subject = |user_count, activity: &Activity, seen: &Seen| Subject {
            user_count,
            activity: activity.clone(),
            seen: seen.clone(),
        };
        let nothing = Activity::default();
        let print = after.fingerprint.as_ref();
        let subjects = [
            Some(subject(0, &after.ip, &after.seen.ip)),
            print.map(|print| subject(print.user_count, &print.activity, &after.seen.fingerprint)),
            Some(subject(0, &after.email_domain, &after.seen.email_domain)),
            Some(subject(0, &nothing, &after.seen.email)),
            Some(subject(0, &nothing, &after.seen.phone)),
        ];
        let counted = [network, fingerprint, email_domain, email, phone];
        for ((kind, key), subject) in COUNTED.into_iter().zip(&counted).zip(&subjects) {
            if let (Some(key), Some(subject)) = (key, subject) {
                row::subject::save(tx, &StateKey { project: &project, kind, key }, subject, now);
            }
        }
        for (policy, activity) in &decision.spendings {
            let key = policy.to_string();
            let spent = subject(0, activity, &Seen::default());
            row::subject::save(tx, &StateKey { project: &project, kind: BUDGET, key: &key }, &spent, now);
        }
        let is_stale = |at: Timestamp| now.since(at) > DAY;
        if let (Some(key), true) = (&origin, after.origin_seen_at.is_none_or(is_stale)) {
            row::subject::touch(tx, &StateKey { project: &project, kind: ORIGIN, key }, now);
        }
    }

    fn write_effects<T: Tx>(&self, tx: &T, evaluation: &Evaluation) {
        let (project, now) = (self.project.id.to_bytes(), self.moment.now);
        let list_id = |name: &str| self.project.lists.get(name).map(|(id, _)| *id);
        for effect in &evaluation.effects {
            match effect {
                Effect::AddToList { list, value } => {
                    if let Some(list) = list_id(list) {
                        op::list::add(tx, &project, list, value, &evaluation.id.to_string(), now);
                    }
                }
                Effect::RemoveFromList { list, value } => {
                    if let Some(list) = list_id(list) {
                        op::list::remove(tx, &project, list, value);
                    }
                }
                Effect::Tag { .. } => {}
            }
        }
    }
}

async fn link<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    by: Option<&UserRef>,
    kind: &'static str,
    key: Option<&str>,
) -> Result<Option<Link>, StoreError> {
    match (by, key) {
        (Some(by), Some(key)) => row::subject::link(tx, project, by, (kind, key)).await,
        _ => Ok(None),
    }
}

/// What a policy with a budget did lately.
async fn lately<T: Tx>(tx: &T, project: &[u8; 16], policy: PolicyId) -> Result<Activity, StoreError> {
    let key = policy.to_string();
    let row = row::subject::read(tx, &StateKey { project, kind: BUDGET, key: &key }).await?;
    Ok(row.map(|row| row.activity).unwrap_or_default())
}

async fn subject<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    kind: &'static str,
    key: Option<&str>,
) -> Result<Option<Subject>, StoreError> {
    match key {
        Some(key) => row::subject::read(tx, &StateKey { project, kind, key }).await,
        None => Ok(None),
    }
}
