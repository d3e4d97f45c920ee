//! Conditions as straight code, for the hot path: masks over the bits of what is claimed.
//!
//! A processor guesses where a program goes on, and a wrong guess costs more than a comparison. So a run first looks
//! which claims are true ([`super::claim`]), and then tries all those of one `and` or `or` at once, as one mask a word,
//! without looking whether the rest still matters. Only what costs much (a pattern, a network, a part of a text) is left
//! alone where it can't matter any more.
//!
//! The stack is one register of bits, the top the lowest; conditions are nested less deep than it has bits
//! ([`MAX_DEPTH`](super::tree::MAX_DEPTH)). What a trace tells step by step is [`super::program`]'s.

use core::ops::Range;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    claim::{Claim, Claims, Mask},
    program::{Kind, Program},
};
use crate::fact::Fact;

#[derive(Clone, Copy, Debug)]
enum Code {
    /// Whether all (else whether any) of these claims are true.
    Look { mask: Mask, all: bool, join: Join },
    /// Whether this one is, found out only now.
    Ask { claim: Claim, join: Join },
    /// The top, taken off.
    Pop { join: Join },
    /// Goes on so much further where the top is that.
    Skip { when: bool, by: usize },
}

/// What becomes of a truth value: it is put together with the top, or with a false one that is pushed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Join {
    pushed: u8,
    and: bool,
}

impl Join {
    const PUSH: Self = Self { pushed: 1, and: false };
    const AND: Self = Self { pushed: 0, and: true };
    const OR: Self = Self { pushed: 0, and: false };

    /// In bits alone: written as `if`, it becomes a branch that is often guessed wrong.
    const fn onto(self, stack: u64, truth: bool) -> u64 {
        let (truth, not_and) = (truth as u64, !(self.and as u64));
        ((stack << self.pushed) & (truth | not_and)) | (truth & not_and)
    }
}

/// Conditions of a list of policies, one after the other.
#[derive(Debug, Default)]
pub(super) struct Codes {
    code: Vec<Code>,
    /// Where each stands.
    conditions: Vec<Range<usize>>,
    /// What is looked at before any of them is run.
    claims: Claims,
}

impl Codes {
    /// The code of the conditions whose first steps stand there.
    pub(super) fn of(program: &Program, conditions: &[usize]) -> Self {
        let mut found = BTreeSet::new();
        for at in conditions {
            cheap(program, Part { at: *at, wanted: true }, &mut found);
        }
        let (claims, masks) = Claims::new(program, found);
        let mut writer = Writer { program, masks, code: Vec::new() };
        let write = |at: &usize| {
            let start = writer.code.len();
            writer.add(Part { at: *at, wanted: true }, Join::PUSH);
            start..writer.code.len()
        };
        let conditions = conditions.iter().map(write).collect();
        Self { code: writer.code, conditions, claims }
    }

    /// The places, among the conditions, of those that hold, in order; each is run when the one before was taken.
    pub(super) fn holding(&self, program: &Program, facts: &[Fact<'_>]) -> impl Iterator<Item = usize> {
        let words = self.claims.borne_out(program, facts);
        let code = |range: &Range<usize>| self.code.get(range.clone()).unwrap_or_default();
        let holds = move |code| run(code, &words, |claim| claim.is_true(program, facts));
        self.conditions.iter().enumerate().filter(move |(_, range)| holds(code(range))).map(|(place, _)| place)
    }
}

/// Whether the condition holds that the code is of.
fn run(mut code: &[Code], words: &[u64], ask: impl Fn(Claim) -> bool) -> bool {
    let mut stack = 0;
    while let [step, rest @ ..] = code {
        code = rest;
        if let Code::Look { mask: Mask { word, bits }, all, join } = *step {
            let found = words.get(word).copied().unwrap_or(0) & bits;
            let wanted = if all { bits } else { 0 };
            stack = join.onto(stack, (found == wanted) == all);
        } else {
            (stack, code) = seldom(*step, stack, rest, &ask);
        }
    }
    stack & 1 == 1
}

/// Out of the way of what nearly all steps are.
#[inline(never)]
fn seldom(step: Code, stack: u64, rest: &[Code], ask: impl Fn(Claim) -> bool) -> (u64, &[Code]) {
    let top = stack & 1 == 1;
    match step {
        Code::Ask { claim, join } => (join.onto(stack, ask(claim)), rest),
        Code::Pop { join } => (join.onto(stack >> 1, top), rest),
        Code::Skip { when, by } if top == when => (stack, rest.get(by..).unwrap_or_default()),
        Code::Skip { .. } | Code::Look { .. } => (stack, rest),
    }
}

/// A part of a condition: its first step, and whether it is wanted to hold or, behind `not`, to fail.
#[derive(Clone, Copy)]
struct Part {
    at: usize,
    wanted: bool,
}

/// What a part is, every `not` moved into it.
enum Node {
    /// It claims all, else any, of these.
    Group {
        all: bool,
        parts: Vec<Part>,
    },
    Cheap(Claim),
    Costly(Claim),
    /// What is never known claims what never is.
    Never,
}

fn node(program: &Program, Part { at, wanted }: Part) -> Node {
    let group = |all| Node::Group { all, parts: program.parts(at).map(|at| Part { at, wanted }).collect() };
    match program.kind(at) {
        Kind::Not => node(program, Part { at: at + 1, wanted: !wanted }),
        Kind::All => group(wanted),
        Kind::Any => group(!wanted),
        Kind::Test(place) => program.question(place).map_or(Node::Never, |question| {
            let claim = Claim { slot: question.slot, question: place, wanted };
            if question.test.is_costly() { Node::Costly(claim) } else { Node::Cheap(claim) }
        }),
        Kind::Never => Node::Never,
    }
}

/// The claims that are looked at beforehand.
fn cheap(program: &Program, part: Part, found: &mut BTreeSet<Claim>) {
    match node(program, part) {
        Node::Group { parts, .. } => parts.into_iter().for_each(|part| cheap(program, part, found)),
        Node::Cheap(claim) => drop(found.insert(claim)),
        Node::Costly(_) | Node::Never => {}
    }
}

/// Whether it asks something costly.
fn asks(program: &Program, part: Part) -> bool {
    match node(program, part) {
        Node::Group { parts, .. } => parts.into_iter().any(|part| asks(program, part)),
        Node::Costly(_) => true,
        Node::Cheap(_) | Node::Never => false,
    }
}

struct Writer<'a> {
    program: &'a Program,
    masks: BTreeMap<Claim, Mask>,
    code: Vec<Code>,
}

impl Writer<'_> {
    fn add(&mut self, part: Part, join: Join) {
        let code = match node(self.program, part) {
            Node::Group { all, parts } => return self.group(all, &parts, join),
            Node::Cheap(claim) => Code::Look { mask: self.mask(claim), all: false, join },
            Node::Costly(claim) => Code::Ask { claim, join },
            Node::Never => Code::Look { mask: Mask::default(), all: false, join },
        };
        self.code.push(code);
    }

    fn mask(&self, claim: Claim) -> Mask {
        self.masks.get(&claim).copied().unwrap_or_default()
    }

    /// Masks first, what asks something costly last. If it is no more than one mask, that is put together with what
    /// stands around the group.
    fn group(&mut self, all: bool, parts: &[Part], join: Join) {
        let (mut masks, mut rest) = (BTreeMap::new(), Vec::new());
        for part in parts {
            if let Node::Cheap(claim) = node(self.program, *part) {
                let Mask { word, bits } = self.mask(claim);
                *masks.entry(word).or_insert(0) |= bits;
            } else {
                rest.push(*part);
            }
        }
        if masks.len() <= 1 && rest.is_empty() {
            let (word, bits) = masks.pop_first().unwrap_or_default();
            return self.code.push(Code::Look { mask: Mask { word, bits }, all, join });
        }
        rest.sort_by_key(|part| asks(self.program, *part));
        let inner = if all { Join::AND } else { Join::OR };
        let mut joins = core::iter::once(Join::PUSH).chain(core::iter::repeat(inner));
        for ((word, bits), join) in masks.into_iter().zip(&mut joins) {
            self.code.push(Code::Look { mask: Mask { word, bits }, all, join });
        }
        for (part, join) in rest.into_iter().zip(&mut joins) {
            self.add_unless(!all, part, join);
        }
        if join != Join::PUSH {
            self.code.push(Code::Pop { join });
        }
    }

    /// A part that asks something costly is skipped where the top already decides.
    fn add_unless(&mut self, when: bool, part: Part, join: Join) {
        let start = self.code.len();
        self.add(part, join);
        if join != Join::PUSH && asks(self.program, part) {
            let by = self.code.len() - start;
            self.code.insert(start, Code::Skip { when, by });
        }
    }
}
