//! Conditions as straight code, for the hot path: answers are pushed, and counted with.
//!
//! A processor guesses where a program goes on, and a wrong guess costs more than a comparison. So a run answers each
//! distinct question that its policies ask once, and then counts with the answers without looking whether the rest still
//! matters. Only what costs much (a pattern, a network, a part of a text) is left alone where it can't matter any more.
//!
//! A truth value is two bits: whether it is true, and whether it can be (Kleene's unknown is not true, but can be). The
//! stack is two registers; conditions are nested less deep than these have bits
//! ([`MAX_DEPTH`](super::tree::MAX_DEPTH)). What a trace tells step by step is [`super::program`]'s.

use alloc::{boxed::Box, collections::BTreeSet, vec, vec::Vec};

use super::program::{Kind, Program, Question};
use crate::fact::Fact;

/// Bits of an answer.
const IS_TRUE: u8 = 1;
const CAN_BE_TRUE: u8 = 2;

#[derive(Clone, Copy, Debug)]
enum Code {
    /// The answer to the question at that place of the table.
    Push(u32),
    /// The same, asked now.
    Ask(u32),
    /// What is always so.
    Constant(u8),
    And,
    Or,
    Not,
    /// Goes on so much further where the top is decided: true for `or`, false for `and`.
    Skip {
        decided: bool,
        by: u32,
    },
}

/// Conditions of a list of policies, one after the other.
#[derive(Debug, Default)]
pub(super) struct Codes {
    code: Vec<Code>,
    /// Where each begins; each ends where the next begins.
    starts: Vec<usize>,
    /// The questions that are asked before any of them is run.
    asked: Box<[u32]>,
}

/// The truth values of a run, the top in the lowest bits.
#[derive(Default)]
struct Stack {
    is: u64,
    can: u64,
}

impl Stack {
    const fn push(&mut self, answer: u8) {
        self.is = (self.is << 1) | (answer & IS_TRUE) as u64;
        self.can = (self.can << 1) | (answer / CAN_BE_TRUE) as u64;
    }

    const fn and(&mut self) {
        let (is, can) = (self.is | !1, self.can | !1);
        self.is = (self.is >> 1) & is;
        self.can = (self.can >> 1) & can;
    }

    const fn or(&mut self) {
        let (is, can) = (self.is & 1, self.can & 1);
        self.is = (self.is >> 1) | is;
        self.can = (self.can >> 1) | can;
    }

    const fn not(&mut self) {
        let (is, can) = (self.is & 1, self.can & 1);
        self.is = (self.is & !1) | (can ^ 1);
        self.can = (self.can & !1) | (is ^ 1);
    }

    const fn is_decided(&self, truth: bool) -> bool {
        if truth { self.is & 1 == 1 } else { self.can & 1 == 0 }
    }
}

fn answer(question: &Question, facts: &[Fact<'_>]) -> u8 {
    match question.test.holds(facts.get(question.slot).copied().unwrap_or(Fact::Unknown)) {
        Some(true) => IS_TRUE | CAN_BE_TRUE,
        Some(false) => 0,
        None => CAN_BE_TRUE,
    }
}

impl Codes {
    /// The code of the conditions whose first steps stand there.
    pub(super) fn of(program: &Program, conditions: impl Iterator<Item = usize>) -> Self {
        let (mut codes, mut asked) = (Self::default(), BTreeSet::new());
        for at in conditions {
            codes.starts.push(codes.code.len());
            codes.add(program, at, &mut asked);
        }
        codes.asked = asked.into_iter().collect();
        codes
    }

    fn add(&mut self, program: &Program, at: usize, asked: &mut BTreeSet<u32>) {
        match program.kind(at) {
            Kind::All => self.fold(program, at, (Code::And, false), asked),
            Kind::Any => self.fold(program, at, (Code::Or, true), asked),
            Kind::Not => {
                self.add(program, at + 1, asked);
                self.code.push(Code::Not);
            }
            Kind::Test(place) => {
                let number = u32::try_from(place).unwrap_or(u32::MAX);
                if program.question(place).is_some_and(|question| question.test.is_costly()) {
                    self.code.push(Code::Ask(number));
                } else {
                    asked.insert(number);
                    self.code.push(Code::Push(number));
                }
            }
            Kind::Never => self.code.push(Code::Constant(CAN_BE_TRUE)),
        }
    }

    fn fold(&mut self, program: &Program, at: usize, (and_or, decided): (Code, bool), asked: &mut BTreeSet<u32>) {
        let mut parts = program.parts(at);
        match parts.next() {
            Some(first) => self.add(program, first, asked),
            None => self.code.push(Code::Constant(if decided { 0 } else { IS_TRUE | CAN_BE_TRUE })),
        }
        for part in parts {
            let before = self.code.len();
            self.code.push(Code::Skip { decided, by: 0 });
            self.add(program, part, asked);
            self.code.push(and_or);
            let its = self.code.get(before + 1..).unwrap_or_default();
            if its.iter().any(|code| matches!(code, Code::Ask(_))) {
                let by = u32::try_from(its.len()).unwrap_or(u32::MAX);
                self.code.splice(before..=before, [Code::Skip { decided, by }]);
            } else {
                self.code.remove(before);
            }
        }
    }

    /// The places, among the conditions, of those that hold, in order; each is run when the one before was taken.
    pub(super) fn holding(&self, program: &Program, facts: &[Fact<'_>]) -> impl Iterator<Item = usize> {
        let questions = program.table();
        let mut answers = vec![CAN_BE_TRUE; questions.len()];
        for place in &self.asked {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            if let (Some(kept), Some(question)) = (answers.get_mut(place), questions.get(place)) {
                *kept = answer(question, facts);
            }
        }
        let ends = self.starts.iter().skip(1).copied().chain([self.code.len()]);
        let ranges = self.starts.iter().zip(ends).map(|(start, end)| *start..end).enumerate();
        ranges.filter(move |(_, range)| self.holds(range.clone(), &answers, questions, facts)).map(|(place, _)| place)
    }

    fn holds(
        &self,
        range: core::ops::Range<usize>,
        answers: &[u8],
        questions: &[Question],
        facts: &[Fact<'_>],
    ) -> bool {
        let code = self.code.get(range).unwrap_or_default();
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let mut stack = Stack::default();
        let mut at = 0;
        while let Some(step) = code.get(at) {
            match *step {
                Code::Push(number) => stack.push(answers.get(place(number)).copied().unwrap_or(CAN_BE_TRUE)),
                Code::And => stack.and(),
                Code::Or => stack.or(),
                Code::Not => stack.not(),
                Code::Constant(truth) => stack.push(truth),
                Code::Ask(number) => {
                    stack.push(questions.get(place(number)).map_or(CAN_BE_TRUE, |question| answer(question, facts)));
                }
                Code::Skip { decided, by } => {
                    if stack.is_decided(decided) {
                        at += place(by);
                    }
                }
            }
            at += 1;
        }
        stack.is & 1 == 1
    }
}
