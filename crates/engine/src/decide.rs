//! The decision: from what was measured and what was remembered to a verdict and everything that follows from it.
//!
//! Total and deterministic: the same arguments give the same [`Decision`], and no argument makes it fail. It is called by
//! the live path, and by whatever replays recorded evaluations.

mod ruling;
mod telling;

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use ruling::Ruling;
use serde_json::{Map, Value};
use telling::Changes;

use crate::{
    challenge::Challenge,
    check::{self, CHECKS, Inputs},
    config::Project,
    environment::Environment,
    evaluation::{EvaluatedUser, Evaluation, PolicyRef, Verdict},
    event::Event,
    fact::{Fact, OwnedFact},
    field::{Field, Subject},
    history::{Device, Fingerprint, History, User},
    id::{BrowserId, ChallengeId, DeviceId, EvaluationId, ListId, PolicyId, UserId},
    list::candidates,
    policy::{DistinctPairs, Operand},
    profile::{Conveyance, Profile, Whereabouts},
    retrace,
    risk::{RiskSet, Scores},
    seen::{Mark, Seen, Thing},
    signal::Signals,
    text::{Contact, Email, Metadata},
    time::Timestamp,
    window::Activity,
};

/// All the time and chance of one request, drawn once, as values.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// The id of the evaluation.
    pub evaluation_id: EvaluationId,
    /// The id of the challenge, if one is asked for.
    pub challenge_id: ChallengeId,
    /// The id of the user, if new.
    pub user_id: UserId,
    /// The id of the device, if new.
    pub device_id: DeviceId,
}

/// The keys that a request's history is found under.
#[derive(Clone, Debug)]
pub struct Subjects {
    /// The address: see [`Signals::network`].
    pub network: Option<String>,
    /// The fingerprint.
    pub fingerprint: Option<String>,
    /// The domain of the e-mail address.
    pub email_domain: Option<String>,
    /// The country of the address.
    pub country: Option<String>,
    /// The autonomous system of the address.
    pub asn: Option<String>,
    /// The mailbox behind the e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The origin of the page.
    pub origin: Option<String>,
}

impl Subjects {
    /// The keys of a request.
    pub fn of(signals: &Signals) -> Self {
        Self {
            network: signals.network(),
            fingerprint: signals.fingerprint.map(|reading| reading.id.to_string()),
            email_domain: signals.valid_email().map(|email| email.domain().to_owned()),
            country: signals.country().map(ToOwned::to_owned),
            asn: signals.asn().map(|asn| asn.to_string()),
            email: signals.valid_email().map(Email::normalized),
            phone: signals.valid_phone().map(ToString::to_string),
            origin: signals.origin(),
        }
    }
}

/// One question to a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The value is not known, or the list is gone: so is the answer.
    Unknown,
    /// Is any of these on that list?
    In {
        /// The list.
        list: ListId,
        /// One value, or every network or domain that the value lies in.
        candidates: Vec<String>,
    },
}

/// What follows from a request.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The record.
    pub evaluation: Evaluation,
    /// The challenge to be made.
    pub challenge: Option<Challenge>,
    /// What is to be remembered from now on.
    pub after: History,
    /// Whether the user is seen for the first time.
    pub user_is_new: bool,
    /// Whether more than the user's activity changed.
    pub user_changed: bool,
    /// The device to be remembered.
    pub device: Option<Device>,
    /// When it took its place among the user's, if it did by this.
    pub attached_at: Option<Timestamp>,
    /// What the next device token stands for.
    pub browser: Option<BrowserId>,
    /// Whether what the user came with becomes familiar.
    pub trusted: bool,
    /// What policies with budgets did lately, where that has changed.
    pub spendings: Vec<(PolicyId, Activity)>,
    /// The policies of which it is to be told now that they are over their budgets.
    pub alerts: Vec<PolicyRef>,
    /// What others are to be told of.
    pub events: Vec<Event>,
}

/// The questions to lists that the policies of an environment ask, in the order in which
/// [`History::memberships`] answers them.
pub fn lookups(
    project: &Project,
    environment: Environment,
    signals: &Signals,
    history: &History,
    now: Timestamp,
) -> Vec<Lookup> {
    let device = recognise(signals, history).map(|(device, _)| device);
    let inputs = Inputs { signals, history, device, now, trust_days: project.settings.device_trust_days };
    let ask = |operand: &Operand| match operand {
        Operand::Member { field, list } => Some(lookup(project, field, list, &inputs)),
        Operand::Field(_) => None,
    };
    project.policy_set(environment).operands().iter().filter_map(ask).collect()
}

fn lookup(project: &Project, field: &Field, list: &str, inputs: &Inputs<'_>) -> Lookup {
    let Some((id, kind)) = project.lists.get(list) else { return Lookup::Unknown };
    match listed(value_of(field, inputs)) {
        Some(value) => Lookup::In { list: *id, candidates: candidates(*kind, &value) },
        None => Lookup::Unknown,
    }
}

/// A value as lists hold it: a text, or the number of an autonomous system.
fn listed(value: OwnedFact) -> Option<String> {
    match value {
        OwnedFact::Text(text) => Some(text),
        OwnedFact::Number(number) => Some(number.to_string()),
        OwnedFact::Unknown | OwnedFact::Bool(_) => None,
    }
}

/// Evaluations are counted over this many seconds.
const RATE_SECONDS: u32 = 60;

/// Whether a browser behind this address may be weighed now; else the seconds until it may. Whatever the action, for else
/// made-up ones would get round it. The refused are not counted: who goes on asking gets in as often as who waits.
pub fn admit(project: &Project, history: &History, now: Timestamp) -> Result<(), u32> {
    match project.settings.evaluations_per_minute {
        0 => Ok(()),
        most => history.ip.wait(most, RATE_SECONDS, now).map_or(Ok(()), Err),
    }
}

/// Decides.
pub fn decide(
    project: &Project,
    environment: Environment,
    signals: &Signals,
    history: History,
    moment: &Moment,
) -> Decision {
    let recognised = recognise(signals, &history);
    let device = recognised.map(|(device, _)| device);
    let inputs =
        Inputs { signals, history: &history, device, now: moment.now, trust_days: project.settings.device_trust_days };
    let checks = check::run_all(&inputs);
    let set = project.policy_set(environment);
    let indicators = observe(project.risks.operands(), &inputs, &checks, None);
    let indicators: Vec<Fact<'_>> = indicators.iter().map(Observed::as_fact).collect();
    let scores = project.risks.score(signals.action.as_str(), &indicators);
    let observed = observe(set.operands(), &inputs, &checks, Some((&project.risks, &scores)));
    let facts: Vec<Fact<'_>> = observed.iter().map(Observed::as_fact).collect();
    let was_suspended = history.user.as_ref().is_some_and(|user| user.suspended_at.is_some());
    let ruling = if was_suspended { Ruling::suspended() } else { Ruling::of(project, set, &facts, &inputs) };
    let trusted = ruling.verdict.is_trusted();
    let browser = recognised.map(|(device, _)| device.browser).or(signals.browser);
    let wanted = [project.development.distinct(), project.production.distinct(), project.risks.distinct()];
    let device = device_after(&inputs, browser, trusted, &wanted, moment);
    let user_is_new = history.user.is_none() && signals.names_a_user();
    let user_changed = ruling.verdict == Verdict::Suspend && !was_suspended;

    let mut evaluation = blank(signals, environment, project.revision, moment);
    evaluation.device = device.as_ref().map(|device| device.id);
    evaluation.device_confidence = recognised.map(|(_, confidence)| confidence);
    evaluation.checks = known(CHECKS.iter().map(|check| check.name.to_owned()).zip(&checks));
    evaluation.user = evaluated_user(history.user.as_ref(), signals, moment);
    evaluation.risks = project.risks.readings(&scores);
    evaluation.facts = retrace::beyond(set, facts.iter().copied(), &evaluation);
    let how = Remembering { suspend: user_changed, trusted, browser, wanted };
    let was_attached = device.as_ref().is_some_and(|device| is_attached(&history, device.id));
    let mut after = remember(history, signals, &how, moment);
    let subject = (after.user.as_ref().map(|user| user.id), browser);
    let challenge = ruling.challenge.map(|new| {
        Challenge::create(new, moment.challenge_id, moment.evaluation_id, subject, signals.page_url.clone(), moment.now)
    });
    evaluation.verdict = ruling.verdict;
    evaluation.reasons = ruling.reasons;
    evaluation.policy = ruling.policy;
    evaluation.considered = ruling.considered;
    evaluation.effects = ruling.effects;
    evaluation.challenge_id = challenge.as_ref().map(|challenge| challenge.id);
    let device = device.filter(|_| after.user.is_some());
    let Ruling { spendings, alerts, .. } = ruling;
    let attached = device.as_ref().filter(|device| device.attached && !was_attached);
    let attached_at = attached.map(|_| moment.now);
    let changes = Changes { suspended: user_changed, attached };
    let events = telling::events(project, &evaluation, &alerts, &changes, after.user.as_mut());
    Decision {
        evaluation,
        challenge,
        after,
        user_is_new,
        user_changed,
        device,
        attached_at,
        browser,
        trusted,
        spendings,
        alerts,
        events,
    }
}

fn is_attached(history: &History, device: DeviceId) -> bool {
    history.devices.iter().any(|known| known.id == device && known.attached)
}

/// The device that a request comes from, and how sure that is: by its token (1), else by its fingerprint among the
/// user's attached devices (best effort: another machine of the same make may read the same).
fn recognise<'a>(signals: &Signals, history: &'a History) -> Option<(&'a Device, f64)> {
    let browser = signals.browser?;
    if let Some(device) = history.devices.iter().find(|device| device.browser == browser) {
        return Some((device, 1.0));
    }
    let reading = signals.fingerprint.filter(|_| !signals.browser_known)?;
    let same = |device: &&Device| {
        device.attached && device.fingerprint == Some(reading.id) && device.device_type == signals.agent.device_type
    };
    history.devices.iter().filter(same).max_by_key(|device| device.id).map(|device| (device, 0.8 * reading.confidence))
}

/// The device as it is remembered from now on: attached if it was, or if this evaluation is trusted.
fn device_after(
    inputs: &Inputs<'_>,
    browser: Option<BrowserId>,
    trusted: bool,
    wanted: &[&DistinctPairs; 3],
    moment: &Moment,
) -> Option<Device> {
    let signals = inputs.signals;
    let before = inputs.device;
    let mut activity = before.map(|device| device.activity.clone()).unwrap_or_default();
    activity.record(signals.action.as_str(), moment.now);
    let mut seen = before.map(|device| device.seen.clone()).unwrap_or_default();
    let user = inputs.history.user.as_ref().map_or(moment.user_id, |user| user.id);
    let marks = Marks { signals, user: signals.names_a_user().then_some(user), browser };
    marks.note(Subject::Device, &mut seen, wanted, moment.now);
    Some(Device {
        id: before.map_or(moment.device_id, |device| device.id),
        browser: browser?,
        fingerprint: signals.fingerprint.map(|reading| reading.id).or_else(|| before.and_then(|d| d.fingerprint)),
        device_type: signals.agent.device_type,
        attached: trusted || before.is_some_and(|device| device.attached),
        activity,
        // What was passed on it ends with its place, also where that was lost by disuse.
        passed_at: before.filter(|device| device.attached).and_then(|device| device.passed_at),
        seen,
    })
}

/// What a policy's operand was seen to be: borrowed where something holds it, owned where it was worked out.
enum Observed<'a> {
    Borrowed(Fact<'a>),
    Owned(OwnedFact),
}

impl Observed<'_> {
    fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Borrowed(fact) => *fact,
            Self::Owned(fact) => fact.as_fact(),
        }
    }
}

/// The value of every operand, in order.
fn observe<'a>(
    operands: &[Operand],
    inputs: &Inputs<'a>,
    checks: &'a [OwnedFact],
    risks: Option<(&RiskSet, &Scores)>,
) -> Vec<Observed<'a>> {
    let mut memberships = inputs.history.memberships.iter();
    let mut see = |operand: &Operand| match operand {
        Operand::Member { .. } => Observed::Owned(memberships.next().copied().flatten().into()),
        Operand::Field(Field::Check(index)) => {
            Observed::Borrowed(checks.get(*index).map_or(Fact::Unknown, OwnedFact::as_fact))
        }
        Operand::Field(Field::Ip) => Observed::Borrowed(inputs.signals.ip.map_or(Fact::Unknown, Fact::Address)),
        Operand::Field(Field::Group) => Observed::Borrowed(groups(inputs).map_or(Fact::Unknown, Fact::Texts)),
        Operand::Field(Field::EventCount(wanted)) => Observed::Owned(check::event_count(inputs, wanted)),
        Operand::Field(Field::DistinctCount(wanted)) => Observed::Owned(check::distinct_count(inputs, wanted)),
        Operand::Field(Field::RiskScore(id)) => {
            Observed::Owned(risks.and_then(|(risks, scores)| risks.score_of(id, scores)).into())
        }
        Operand::Field(Field::RiskSeverity(id)) => {
            let severity = risks.and_then(|(risks, scores)| risks.severity_of(id, scores));
            Observed::Borrowed(severity.map_or(Fact::Unknown, Fact::Severity))
        }
        Operand::Field(field) => Observed::Owned(value_of(field, inputs)),
    };
    operands.iter().map(&mut see).collect()
}

/// A policy-only field whose value is a plain one.
fn value_of(field: &Field, inputs: &Inputs<'_>) -> OwnedFact {
    let signals = inputs.signals;
    let text = |text: Option<String>| text.map_or(OwnedFact::Unknown, OwnedFact::Text);
    match field {
        Field::Action => text(Some(signals.action.to_string())),
        Field::DeviceId => text(inputs.device.map(|device| device.id.to_string())),
        Field::UserExternalId => text(signals.user.as_ref().map(ToString::to_string)),
        Field::UserEmail => text(email(inputs)),
        Field::EmailDomain => text(email_domain(inputs)),
        Field::UserPhone => text(phone(inputs)),
        Field::FingerprintId => text(signals.fingerprint.map(|reading| reading.id.to_string())),
        Field::Ip => text(signals.ip.map(|ip| ip.to_string())),
        Field::Metadata(key) => metadata_entry(inputs, key).map_or(OwnedFact::Unknown, plain),
        // Observed by whoever observes policies, or not a value that a list could hold.
        Field::RiskSeverity(_)
        | Field::RiskScore(_)
        | Field::Group
        | Field::EventCount(_)
        | Field::DistinctCount(_) => OwnedFact::Unknown,
        Field::Check(index) => CHECKS.get(*index).map_or(OwnedFact::Unknown, |check| (check.run)(inputs)),
    }
}

/// The e-mail address as claimed; without a claim, the one on file.
fn email(inputs: &Inputs<'_>) -> Option<String> {
    let on_file = || inputs.history.user.as_ref().and_then(|user| user.email.as_ref()).map(ToString::to_string);
    inputs.signals.email.as_ref().map(Contact::written).or_else(on_file)
}

fn phone(inputs: &Inputs<'_>) -> Option<String> {
    let on_file = || inputs.history.user.as_ref().and_then(|user| user.phone.as_ref()).map(ToString::to_string);
    inputs.signals.phone.as_ref().map(Contact::written).or_else(on_file)
}

fn email_domain(inputs: &Inputs<'_>) -> Option<String> {
    let written = email(inputs)?;
    Email::parse(&written).ok().map(|email| email.domain().to_owned())
}

/// What the site's server put on file goes before what a browser claims.
fn metadata_entry<'a>(inputs: &Inputs<'a>, key: &str) -> Option<&'a Value> {
    let on_file = inputs.history.user.as_ref().and_then(|user| user.metadata.get(key));
    on_file.or_else(|| inputs.signals.metadata.as_ref().and_then(|metadata| metadata.get(key)))
}

/// Likewise: a browser can't talk itself into a group once the site's server has said which the user is in.
fn groups<'a>(inputs: &Inputs<'a>) -> Option<&'a [String]> {
    let on_file = inputs.history.user.as_ref().map(|user| user.groups.as_slice()).filter(|groups| !groups.is_empty());
    on_file.or(Some(inputs.signals.groups.as_slice()).filter(|_| inputs.signals.names_a_user()))
}

/// A JSON value as a fact; objects, arrays and null say nothing that can be compared.
fn plain(value: &Value) -> OwnedFact {
    match value {
        Value::Bool(b) => OwnedFact::Bool(*b),
        Value::Number(n) => n.as_f64().map_or(OwnedFact::Unknown, OwnedFact::Number),
        Value::String(s) => OwnedFact::Text(s.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => OwnedFact::Unknown,
    }
}

fn blank(signals: &Signals, environment: Environment, revision: i64, moment: &Moment) -> Evaluation {
    Evaluation {
        id: moment.evaluation_id,
        action: signals.action.clone(),
        environment,
        verdict: Verdict::Allow,
        reasons: Vec::new(),
        user: None,
        challenge_id: None,
        policy: None,
        considered: Vec::new(),
        revision,
        effects: Vec::new(),
        fingerprint: signals.fingerprint,
        device: None,
        device_confidence: None,
        ip: signals.ip,
        place: signals.place.clone(),
        agent: signals.agent.clone(),
        page_url: signals.page_url.clone(),
        metadata: signals.metadata.as_ref().map(|metadata| Value::Object(metadata.as_map().clone())),
        checks: Map::new(),
        facts: Map::new(),
        risks: Vec::new(),
        degraded: signals.degraded.clone(),
        created_at: moment.now,
    }
}

/// Facts that are known, by name.
fn known<'a>(facts: impl Iterator<Item = (String, &'a OwnedFact)>) -> Map<String, Value> {
    facts
        .filter(|(_, fact)| fact.is_known())
        .filter_map(|(name, fact)| serde_json::to_value(fact).ok().map(|value| (name, value)))
        .collect()
}

/// The user as the evaluation shows them. What the browser claimed is shown as claimed, so that the site's server sees
/// at once when it is not what it expects.
fn evaluated_user(on_file: Option<&User>, signals: &Signals, moment: &Moment) -> Option<EvaluatedUser> {
    if on_file.is_none() && !signals.names_a_user() {
        return None;
    }
    let email = || on_file.and_then(|user| user.email.as_ref()).map(ToString::to_string);
    let phone = || on_file.and_then(|user| user.phone.as_ref()).map(ToString::to_string);
    let metadata = on_file.map(|user| &user.metadata);
    let metadata = metadata.filter(|metadata| signals.metadata.is_none() && !metadata.is_empty());
    Some(EvaluatedUser {
        id: on_file.map_or(moment.user_id, |user| user.id),
        external_id: signals.user.as_ref().map(ToString::to_string),
        email: signals.email.as_ref().map(Contact::written).or_else(email),
        phone: signals.phone.as_ref().map(Contact::written).or_else(phone),
        metadata: metadata.map(|metadata| Value::Object(metadata.as_map().clone())),
    })
}

/// What [`remember`] goes by, beside what was measured.
struct Remembering<'a> {
    suspend: bool,
    trusted: bool,
    browser: Option<BrowserId>,
    wanted: [&'a DistinctPairs; 3],
}

/// What is to be remembered from now on.
fn remember(mut history: History, signals: &Signals, how: &Remembering<'_>, moment: &Moment) -> History {
    let action = signals.action.as_str();
    let now = moment.now;
    let first_on_fingerprint = history.user_fingerprint.is_none() && signals.names_a_user();
    if signals.names_a_user() {
        let user = history.user.get_or_insert_with(|| newcomer(signals, moment));
        user.activity.record(action, now);
        if how.suspend {
            user.suspended_at = Some(now);
        }
        if let (true, Some(ip)) = (how.trusted, signals.ip) {
            let on = Conveyance::of(signals.agent.device_type, signals.place.as_ref());
            user.profile.arrive(Whereabouts::of(ip, signals.place.as_ref(), how.browser, now), on);
        }
    }
    if signals.fingerprint.is_some() {
        let print =
            history.fingerprint.get_or_insert_with(|| Fingerprint { user_count: 0, activity: Activity::default() });
        print.user_count = print.user_count.saturating_add(u32::from(first_on_fingerprint));
        print.activity.record(action, now);
    }
    if signals.ip.is_some() {
        history.ip.record(action, now);
    }
    if signals.valid_email().is_some() {
        history.email_domain.record(action, now);
    }
    note_seen(&mut history, signals, how, now);
    history
}

/// Which distinct things the subjects of this request were seen with: what policies count, and users, whom checks count.
fn note_seen(history: &mut History, signals: &Signals, how: &Remembering<'_>, now: Timestamp) {
    let user = history.user.as_ref().filter(|_| signals.names_a_user()).map(|user| user.id);
    let marks = Marks { signals, user, browser: how.browser };
    let History { user, seen, .. } = history;
    if let Some(user) = user.as_mut().filter(|_| signals.names_a_user()) {
        marks.note(Subject::User, &mut user.profile.seen, &how.wanted, now);
    }
    for (subject, here, is_there) in [
        (Subject::Ip, &mut seen.ip, signals.ip.is_some()),
        (Subject::Fingerprint, &mut seen.fingerprint, signals.fingerprint.is_some()),
        (Subject::EmailDomain, &mut seen.email_domain, signals.valid_email().is_some()),
    ] {
        if is_there {
            marks.note(subject, here, &how.wanted, now);
        }
    }
    for (here, is_there) in [
        (&mut seen.ip, signals.ip.is_some()),
        (&mut seen.email, signals.valid_email().is_some()),
        (&mut seen.phone, signals.valid_phone().is_some()),
    ] {
        if let (true, Some(mark)) = (is_there, marks.of(Thing::User)) {
            here.record(Thing::User, mark, now);
        }
    }
}

/// What the things of a request are told apart by.
struct Marks<'a> {
    signals: &'a Signals,
    user: Option<UserId>,
    browser: Option<BrowserId>,
}

impl Marks<'_> {
    fn of(&self, thing: Thing) -> Option<Mark> {
        self.signals.mark(thing, self.user, self.browser)
    }

    /// Remembers that `subject` was seen with the things that policies count for it.
    fn note(&self, subject: Subject, seen: &mut Seen, wanted: &[&DistinctPairs; 3], now: Timestamp) {
        let pairs = wanted.iter().flat_map(|pairs| pairs.iter()).filter(|(of, _)| *of == subject);
        for (_, thing) in pairs {
            if let Some(mark) = self.of(*thing) {
                seen.record(*thing, mark, now);
            }
        }
    }
}

fn newcomer(signals: &Signals, moment: &Moment) -> User {
    User {
        id: moment.user_id,
        external_id: signals.user.clone(),
        email: None,
        phone: None,
        verified_email: None,
        verified_phone: None,
        metadata: Metadata::default(),
        groups: Vec::new(),
        suspended_at: None,
        created_at: moment.now,
        skipped: 0,
        activity: Activity::default(),
        profile: Profile::default(),
    }
}
