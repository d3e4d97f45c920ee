//! What is odd about a set of policies, though each is well typed: it never holds, always does, is never reached, or comes
//! down hard on one weak sign. Said when policies are saved; nothing here runs on the hot path.
//!
//! For every operand there is a small number of ways in which its comparisons can come out together: of a number those at and
//! around each value compared with, of a flag three. Where that can't be told exactly (patterns, networks, metadata) every
//! combination is taken for possible. All assignments of such ways are tried, in the three truth values of the real thing. So
//! a finding is never false; one may be missed, and where there are more than [`BUDGET`] assignments nothing is said.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    compile::{Compiled, Operand, PolicySet},
    document::{Policy, Then},
    program::{Kind, Program, Question},
    test::{Constant, Test},
};
use crate::{
    environment::Environment,
    evaluation::Verdict,
    fact::{self, Fact, Severity},
    field::Field,
    id::PolicyId,
};

/// Assignments tried for one question at most.
const BUDGET: usize = 20_000;

/// Comparisons of one operand whose every combination is tried at most.
const MOST_FREE: usize = 8;

/// What is odd about a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// Nothing that can be seen makes it hold.
    NeverHolds,
    /// It holds whatever is seen, though it has conditions.
    AlwaysHolds,
    /// Whenever it holds, a policy that is asked before it has given its verdict.
    NeverReached {
        /// The names of those that do, in the order in which they are asked.
        behind: Vec<String>,
    },
    /// It denies or suspends on this one check, which alone says little.
    OneWeakSign {
        /// The check.
        check: &'static str,
        /// Why it says little.
        why: &'static str,
    },
}

/// An oddity of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which policy.
    pub policy: PolicyId,
    /// What is odd about it.
    pub oddity: Oddity,
}

impl core::fmt::Display for Finding {
    /// A sentence that says what to do.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.oddity {
            Oddity::NeverHolds => f.write_str("it can never hold: its conditions exclude each other"),
            Oddity::AlwaysHolds => {
                f.write_str("it always holds, whatever its conditions see: leave `when` out if you mean that")
            }
            Oddity::NeverReached { behind } => {
                let names: Vec<String> = behind.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    f,
                    "it is never reached: whenever it holds, {} gave a verdict before; raise its priority",
                    names.join(" or ")
                )
            }
            Oddity::OneWeakSign { check, why } => {
                write!(f, "it comes down hard on `{check}` alone, though {why}: ask for more, or challenge instead")
            }
        }
    }
}

/// Checks that alone say little about a person, and why.
const WEAK: &[(&str, &str)] = &[
    ("is_new_user", "everybody is new once"),
    ("is_new_ip", "addresses change daily"),
    ("is_new_fingerprint", "browsers change with every update"),
    ("is_new_device", "people buy phones"),
    ("is_new_country", "people travel"),
    ("is_new_asn", "people change networks"),
    ("country_changed_today", "people fly"),
    ("timezone_mismatch", "people travel, and use tunnels"),
    ("unusual_hour", "people have bad nights"),
    ("ip_is_vpn", "many people use one all day"),
    ("ip_is_hosting", "some companies' networks leave through data centres"),
    ("email_is_webmail", "most people use one"),
    ("email_is_gibberish", "some names look like noise"),
    ("origin_is_new", "it is your own site that changed"),
    ("signals_inconsistent", "some people hide their browser's make"),
    ("concurrent_sessions", "people leave their browsers open"),
];

/// Everything that is odd about the enabled policies of an environment, in the order in which they are asked.
pub fn analyse(policies: &[(PolicyId, Policy)], environment: Environment) -> Vec<Finding> {
    let set = PolicySet::compile(policies, environment);
    let mut findings = Vec::new();
    for (place, policy) in set.policies().iter().enumerate() {
        let source = policies.iter().find(|(id, _)| *id == policy.id).map(|(_, policy)| policy);
        let Some(source) = source else { continue };
        let mut say = |oddity| findings.push(Finding { policy: policy.id, oddity });
        match World::of(&set, &[policy]).map(|world| world.extent(policy)) {
            Some(Extent::Nowhere) => {
                say(Oddity::NeverHolds);
                continue;
            }
            Some(Extent::Everywhere) if !source.when.comparisons().is_empty() => say(Oddity::AlwaysHolds),
            _ => {}
        }
        if let Some(behind) = reached_behind(&set, place, source, policies) {
            say(Oddity::NeverReached { behind });
        } else if matches!(source.then, Then::Verdict(Verdict::Deny | Verdict::Suspend))
            && let Some((check, why)) = weak_sign(&set, policy)
        {
            say(Oddity::OneWeakSign { check, why });
        }
    }
    findings
}

/// The policies that have always given their verdict when the one at `place` holds: one alone, else all of them together.
fn reached_behind(
    set: &PolicySet,
    place: usize,
    source: &Policy,
    policies: &[(PolicyId, Policy)],
) -> Option<Vec<String>> {
    let policy = set.policies().get(place)?;
    let covers = |id: PolicyId| {
        let actions = policies.iter().find(|(known, _)| *known == id).map(|(_, policy)| &policy.actions);
        actions.is_some_and(|actions| {
            actions.is_empty() || (!source.actions.is_empty() && source.actions.iter().all(|a| actions.contains(a)))
        })
    };
    // One with a budget may be over it: then those after it are asked.
    let hides_for_good = |other: &&Compiled| other.ends() && other.budget.is_none() && covers(other.id);
    let before: Vec<&Compiled> = set.policies().iter().take(place).filter(hides_for_good).collect();
    let hides = |others: &[&Compiled]| {
        let all: Vec<&Compiled> = others.iter().copied().chain([policy]).collect();
        World::of(set, &all).is_some_and(|world| world.implies(policy, others))
    };
    let alone = before.iter().find(|other| hides(&[**other])).map(|other| vec![other.name.clone()]);
    alone.or_else(|| {
        let all = before.len() > 1 && hides(&before);
        all.then(|| before.iter().map(|other| other.name.clone()).collect())
    })
}

/// The weak check that alone makes a policy hold, when nothing else is known.
fn weak_sign(set: &PolicySet, policy: &Compiled) -> Option<(&'static str, &'static str)> {
    WEAK.iter().copied().find(|(check, _)| {
        let is_it = |operand: &Operand| matches!(operand, Operand::Field(field @ Field::Check(_)) if field.to_string() == *check);
        let facts: Vec<Fact<'_>> =
            set.operands().iter().map(|operand| if is_it(operand) { Fact::Bool(true) } else { Fact::Unknown }).collect();
        let asked = set.operands().iter().any(is_it);
        let nothing = vec![Fact::Unknown; facts.len()];
        asked
            && set.program.holds(policy.start, &facts) == Some(true)
            && set.program.holds(policy.start, &nothing) != Some(true)
    })
}

/// Where a policy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Nowhere,
    Somewhere,
    Everywhere,
}

/// One way in which the questions of an operand come out together, by their place.
type Way = Vec<(usize, Option<bool>)>;

/// The truths of some questions, by their place.
type Truths = BTreeMap<usize, Option<bool>>;

/// All that can be seen of what some policies ask.
struct World<'a> {
    program: &'a Program,
    /// Of each operand the ways in which its questions can come out together.
    ways: Vec<Vec<Way>>,
}

impl<'a> World<'a> {
    /// `None` when there is more than can be tried.
    fn of(set: &'a PolicySet, policies: &[&Compiled]) -> Option<Self> {
        let program = &set.program;
        let mut asked = BTreeSet::new();
        for policy in policies {
            questions(program, policy.start, &mut asked);
        }
        let mut by_slot: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in asked {
            by_slot.entry(program.question(place)?.slot).or_default().push(place);
        }
        let mut ways = Vec::new();
        let mut count = 1_usize;
        for (slot, places) in by_slot {
            let of_slot = ways_of(set.operands().get(slot)?, &places, program)?;
            count = count.checked_mul(of_slot.len()).filter(|count| *count <= BUDGET)?;
            ways.push(of_slot);
        }
        Some(Self { program, ways })
    }

    /// Calls `look` with every assignment until it answers false; whether it never did.
    fn all(&self, look: &mut impl FnMut(&Truths) -> bool) -> bool {
        let mut chosen = vec![0_usize; self.ways.len()];
        loop {
            let picked = self.ways.iter().zip(&chosen).filter_map(|(ways, chosen)| ways.get(*chosen));
            let truths: Truths = picked.flatten().copied().collect();
            if !look(&truths) {
                return false;
            }
            let mut wheels = chosen.iter_mut().zip(&self.ways);
            let turned = wheels.any(|(chosen, ways)| {
                *chosen += 1;
                let turns = *chosen < ways.len();
                if !turns {
                    *chosen = 0;
                }
                turns
            });
            if !turned {
                return true;
            }
        }
    }

    fn extent(&self, policy: &Compiled) -> Extent {
        let (mut some, mut every) = (false, true);
        self.all(&mut |truths| {
            let holds = truth(self.program, policy.start, truths) == Some(true);
            some |= holds;
            every &= holds;
            !some || every
        });
        match (some, every) {
            (false, _) => Extent::Nowhere,
            (true, true) => Extent::Everywhere,
            (true, false) => Extent::Somewhere,
        }
    }

    /// Whether one of `others` holds whenever `policy` does.
    fn implies(&self, policy: &Compiled, others: &[&Compiled]) -> bool {
        let holds = |policy: &Compiled, truths: &Truths| truth(self.program, policy.start, truths) == Some(true);
        self.all(&mut |truths| !holds(policy, truths) || others.iter().any(|other| holds(other, truths)))
    }
}

/// The questions of a condition.
fn questions(program: &Program, at: usize, found: &mut BTreeSet<usize>) {
    match program.kind(at) {
        Kind::All | Kind::Any | Kind::Not => program.parts(at).for_each(|part| questions(program, part, found)),
        Kind::Test(place) => {
            found.insert(place);
        }
        Kind::Never => {}
    }
}

/// Whether a condition holds, given what came of its questions: as [`Program::holds`] has it.
fn truth(program: &Program, at: usize, truths: &Truths) -> Option<bool> {
    let several = |decisive: bool| {
        let mut all_known = true;
        for part in program.parts(at) {
            match truth(program, part, truths) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!decisive)
    };
    match program.kind(at) {
        Kind::All => several(false),
        Kind::Any => several(true),
        Kind::Not => truth(program, at + 1, truths).map(|holds| !holds),
        Kind::Test(place) => truths.get(&place).copied().flatten(),
        Kind::Never => None,
    }
}

/// The ways in which an operand's questions can come out together, each once; `None` when there are too many.
fn ways_of(operand: &Operand, places: &[usize], program: &Program) -> Option<Vec<Way>> {
    let asked: Vec<&Question> = places.iter().filter_map(|place| program.question(*place)).collect();
    let mut ways: Vec<Vec<Option<bool>>> = match values(operand, &asked) {
        Some(values) => {
            values.iter().map(|fact| asked.iter().map(|question| question.test.holds(*fact)).collect()).collect()
        }
        None => free(&asked)?,
    };
    ways.push(asked.iter().map(|question| question.test.holds(Fact::Unknown)).collect());
    ways.sort_unstable();
    ways.dedup();
    Some(ways.into_iter().map(|way| places.iter().copied().zip(way).collect()).collect())
}

/// Values of an operand that make its questions come out in every way in which they can; `None` when that can't be told.
fn values<'a>(operand: &Operand, asked: &[&'a Question]) -> Option<Vec<Fact<'a>>> {
    let kind = match operand {
        Operand::Member { .. } => fact::Kind::Bool,
        Operand::Field(field) => field.kind(),
    };
    match kind {
        fact::Kind::Bool => Some([Fact::Bool(true), Fact::Bool(false)].into()),
        fact::Kind::Severity => {
            Some([Severity::Low, Severity::Medium, Severity::High, Severity::Maximum].map(Fact::Severity).into())
        }
        fact::Kind::Number => Some(numbers(asked).into_iter().map(Fact::Number).collect()),
        fact::Kind::Text => texts(asked),
        fact::Kind::Address | fact::Kind::Texts | fact::Kind::Any => None,
    }
}

/// Whole numbers around every one compared with: all that policies can name are whole, and none is below 0.
fn numbers(asked: &[&Question]) -> Vec<f64> {
    let mut compared = vec![0.0];
    for question in asked {
        match &question.test {
            Test::Number { than, .. } => compared.push(*than),
            Test::OneOf { values, .. } => compared.extend(values.iter().filter_map(|value| match value {
                Constant::Number(number) => Some(*number),
                _ => None,
            })),
            _ => {}
        }
    }
    let around = compared.iter().flat_map(|number| [-1.0, 0.0, 1.0].map(|step| libm::floor(*number) + step));
    around.filter(|number| *number >= 0.0).collect()
}

/// Every text compared with, and one that none is; `None` where more than equality is asked.
fn texts<'a>(asked: &[&'a Question]) -> Option<Vec<Fact<'a>>> {
    // No text that a policy compares with, and no value of a request, is a single null character.
    let mut values = vec![Fact::Text("\0")];
    for question in asked {
        match &question.test {
            Test::OneOf { values: among, .. } => values.extend(among.iter().filter_map(|value| match value {
                Constant::Text(text) => Some(Fact::Text(text)),
                _ => None,
            })),
            Test::Exists(_) => {}
            _ => return None,
        }
    }
    Some(values)
}

/// Every combination; `None` when there are too many.
fn free(asked: &[&Question]) -> Option<Vec<Vec<Option<bool>>>> {
    let count = asked.len();
    if count > MOST_FREE {
        return None;
    }
    let known = |question: &Question, bit: bool| match question.test {
        Test::Exists(wanted) => Some(wanted),
        _ => Some(bit),
    };
    let way = |bits: usize| asked.iter().enumerate().map(|(place, of)| known(of, bits >> place & 1 == 1)).collect();
    Some((0..1_usize << count).map(way).collect())
}
