//! Conditions laid out to be run: one flat row of steps for all policies of a set, and one table of the distinct tests.
//!
//! A step stands before the steps of its parts and says where they end, so that what can't matter any more is skipped
//! and the memory that a run touches is small and in order. A thousand policies fit in a processor's nearest caches.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    compile::Operand,
    syntax,
    test::Test,
    tree::{Comparison, Condition, Literal, Op},
};
use crate::{fact::Fact, field::Field};

/// What the name of a question to a list begins with; the list's name follows.
pub(super) const LISTED: &str = "in_list_";

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    All,
    Any,
    Not,
    /// By its place in the table.
    Test(usize),
    /// What can't be compared is never known; the type check keeps it out.
    Never,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// Behind the last step of its parts.
    end: usize,
}

/// One comparison of one operand.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) slot: usize,
    pub(super) test: Test,
    /// What reasons call it.
    pub(super) name: String,
}

/// The conditions of a set, as whoever explains them walks them; decisions run [`super::code`], made from this.
#[derive(Debug, Default)]
pub(super) struct Program {
    steps: Vec<Step>,
    questions: Vec<Question>,
}

impl Program {
    /// Whether the condition whose first step stands there holds: `None` when that is unknown.
    pub(super) fn holds(&self, at: usize, facts: &[Fact<'_>]) -> Option<bool> {
        match self.steps.get(at)?.kind {
            Kind::All => self.fold(at, facts, false),
            Kind::Any => self.fold(at, facts, true),
            Kind::Not => self.holds(at + 1, facts).map(|holds| !holds),
            Kind::Test(place) => {
                let Question { slot, test, .. } = self.questions.get(place)?;
                test.holds(facts.get(*slot).copied().unwrap_or(Fact::Unknown))
            }
            Kind::Never => None,
        }
    }

    /// `and` (`decisive` false) or `or` (true): the decisive value decides; otherwise one unknown makes the whole
    /// unknown.
    fn fold(&self, at: usize, facts: &[Fact<'_>], decisive: bool) -> Option<bool> {
        let mut all_known = true;
        for part in self.parts(at) {
            match self.holds(part, facts) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!decisive)
    }

    /// The first steps of the parts of a step.
    pub(super) fn parts(&self, at: usize) -> impl Iterator<Item = usize> {
        let end = self.end(at);
        core::iter::successors(Some(at + 1), |part| Some(self.end(*part))).take_while(move |part| *part < end)
    }

    /// Behind a step and its parts; always further on.
    fn end(&self, at: usize) -> usize {
        self.steps.get(at).map_or(usize::MAX, |step| step.end)
    }

    pub(super) fn kind(&self, at: usize) -> Kind {
        self.steps.get(at).map_or(Kind::Never, |step| step.kind)
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter()
    }

    pub(super) fn question(&self, place: usize) -> Option<&Question> {
        self.questions.get(place)
    }
}

/// Lays out conditions one after the other; each distinct operand gets a slot, each distinct comparison one question.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) program: Program,
    pub(super) operands: Vec<Operand>,
    slots: BTreeMap<Operand, usize>,
    /// Places of questions, by the text of the comparison.
    asked: BTreeMap<String, usize>,
}

impl Layout {
    /// Lays out a condition and says where its first step stands.
    pub(super) fn add(&mut self, condition: &Condition) -> usize {
        let at = self.program.steps.len();
        self.program.steps.push(Step { kind: Kind::Never, end: at + 1 });
        let kind = match condition {
            Condition::All(parts) => self.group(Kind::All, parts),
            Condition::Any(parts) => self.group(Kind::Any, parts),
            Condition::Not(inner) => self.group(Kind::Not, core::slice::from_ref(inner)),
            Condition::Compare(comparison) => self.place(comparison, condition).map_or(Kind::Never, Kind::Test),
        };
        let end = self.program.steps.len();
        if let Some(step) = self.program.steps.get_mut(at) {
            *step = Step { kind, end };
        }
        at
    }

    fn group(&mut self, kind: Kind, parts: &[Condition]) -> Kind {
        for part in parts {
            self.add(part);
        }
        kind
    }

    fn place(&mut self, comparison: &Comparison, condition: &Condition) -> Option<usize> {
        let text = syntax::print(condition);
        if let Some(place) = self.asked.get(&text) {
            return Some(*place);
        }
        let question = self.question(comparison)?;
        let place = self.program.questions.len();
        self.program.questions.push(question);
        self.asked.insert(text, place);
        Some(place)
    }

    fn question(&mut self, comparison: &Comparison) -> Option<Question> {
        let field = Field::parse(&comparison.field).ok()?;
        if let (Op::InList | Op::NotInList, Literal::Text(list)) = (comparison.op, &comparison.value) {
            let slot = self.slot(Operand::Member { field, list: list.clone() });
            let test = Test::IsTrue(comparison.op == Op::InList);
            return Some(Question { slot, test, name: format!("{LISTED}{list}") });
        }
        let test = Test::of(comparison, &field)?;
        Some(Question { slot: self.slot(Operand::Field(field)), test, name: comparison.field.clone() })
    }

    fn slot(&mut self, operand: Operand) -> usize {
        if let Some(slot) = self.slots.get(&operand) {
            return *slot;
        }
        let slot = self.operands.len();
        self.operands.push(operand.clone());
        self.slots.insert(operand, slot);
        slot
    }
}
