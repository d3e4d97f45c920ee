//! What conditions claim, and which claims the facts bear out: one bit each, for the hot path.
//!
//! A claim is a question with the answer that a condition wants: yes, or no behind a `not`. What isn't known bears out
//! neither. De Morgan's laws hold in three values too, so `not` can be moved down to the questions, and of what is left
//! it is enough to know which claims are true: [`super::code`] puts their bits together, and knows no third value.
//!
//! Claims about one operand stand side by side, and its fact is looked at once. What is true of which fact is found out
//! when a set is compiled, by asking the tests themselves ([`super::test`]); a decision looks it up.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec,
    vec::Vec,
};

use super::{program::Program, test::Test};
use crate::fact::Fact;

/// That the answer to a question is known, and which it is. In order, claims about one operand are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) slot: usize,
    /// The question's place in the table.
    pub(super) question: usize,
    pub(super) wanted: bool,
}

impl Claim {
    /// Whether the facts bear it out.
    pub(super) fn is_true(self, program: &Program, facts: &[Fact<'_>]) -> bool {
        self.is_true_of(program, facts.get(self.slot).copied().unwrap_or(Fact::Unknown))
    }

    fn is_true_of(self, program: &Program, fact: Fact<'_>) -> bool {
        self.test(program).and_then(|test| test.holds(fact)) == Some(self.wanted)
    }

    fn test(self, program: &Program) -> Option<&Test> {
        program.question(self.question).map(|question| &question.test)
    }
}

/// Bits of one word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask {
    pub(super) word: usize,
    pub(super) bits: u64,
}

/// All claims of a list of conditions.
#[derive(Debug, Default)]
pub(super) struct Claims {
    rows: Box<[Row]>,
    words: usize,
}

impl Claims {
    /// Gives each claim its bit.
    pub(super) fn new(program: &Program, claims: BTreeSet<Claim>) -> (Self, BTreeMap<Claim, Mask>) {
        let claims: Vec<_> = claims.into_iter().collect();
        let (mut rows, mut masks) = (Vec::new(), BTreeMap::new());
        let (mut word, mut shift) = (0, 0);
        for its in claims.chunk_by(|a, b| a.slot == b.slot).flat_map(|of_one| of_one.chunks(64)) {
            if shift + its.len() > 64 {
                (word, shift) = (word + 1, 0);
            }
            rows.push(Row::new(program, its, word, shift));
            masks.extend((shift..).zip(its).map(|(bit, claim)| (*claim, Mask { word, bits: 1 << bit })));
            shift += its.len();
        }
        (Self { rows: rows.into(), words: word + 1 }, masks)
    }

    /// The words of bits, set for the claims that the facts bear out.
    pub(super) fn borne_out(&self, program: &Program, facts: &[Fact<'_>]) -> Vec<u64> {
        let mut words = vec![0; self.words];
        for row in &self.rows {
            let fact = facts.get(row.slot).copied().unwrap_or(Fact::Unknown);
            if let Some(word) = words.get_mut(row.word) {
                *word |= row.borne_out(program, fact) << row.shift;
            }
        }
        words
    }
}

/// Claims about one operand, at most as many as a word has bits; and which of them are true of which fact, the first in
/// the lowest bit.
#[derive(Debug)]
struct Row {
    slot: usize,
    claims: Box<[Claim]>,
    /// Where their bits are.
    word: usize,
    shift: usize,
    unknown: u64,
    no: u64,
    yes: u64,
    /// The numbers that they compare with, from the lowest to the highest.
    numbers: Box<[f64]>,
    /// What is true of numbers below all of those, of the first, between it and the second, of the second, and so on.
    places: Box<[u64]>,
    /// The texts that they compare with, in order, and what is true of each.
    texts: Box<[(String, u64)]>,
    other_text: u64,
}

impl Row {
    fn new(program: &Program, claims: &[Claim], word: usize, shift: usize) -> Self {
        let ask = |fact| ask(program, claims, fact);
        let (numbers, places) = places(program, claims);
        Self {
            slot: claims.first().map_or(usize::MAX, |claim| claim.slot),
            claims: claims.into(),
            word,
            shift,
            unknown: ask(Fact::Unknown),
            no: ask(Fact::Bool(false)),
            yes: ask(Fact::Bool(true)),
            numbers: numbers.into(),
            places: places.into(),
            texts: texts(program, claims),
            other_text: ask(NO_TEXT),
        }
    }

    fn borne_out(&self, program: &Program, fact: Fact<'_>) -> u64 {
        match fact {
            Fact::Unknown => self.unknown,
            Fact::Bool(false) => self.no,
            Fact::Bool(true) => self.yes,
            Fact::Number(number) => {
                let below = self.numbers.partition_point(|other| *other < number);
                let not_above = self.numbers.partition_point(|other| *other <= number);
                self.places.get(below + not_above).copied().unwrap_or(0)
            }
            Fact::Text(text) => {
                let place = self.texts.binary_search_by(|(other, _)| other.as_str().cmp(text)).ok();
                place.and_then(|place| self.texts.get(place)).map_or(self.other_text, |(_, bits)| *bits)
            }
            Fact::Severity(_) | Fact::Address(_) | Fact::Texts(_) => ask(program, &self.claims, fact),
        }
    }
}

/// Known, and none of the texts that anybody compares with.
const NO_TEXT: Fact<'_> = Fact::Texts(&[]);

fn ask(program: &Program, claims: &[Claim], fact: Fact<'_>) -> u64 {
    claims.iter().rfold(0, |bits, claim| (bits << 1) | u64::from(claim.is_true_of(program, fact)))
}

/// The numbers that claims compare with, and what is true around them: from one place to the next, only that of the
/// claims that compare with the number in between can change.
fn places(program: &Program, claims: &[Claim]) -> (Vec<f64>, Vec<u64>) {
    let mut compared = Vec::new();
    for (bit, claim) in claims.iter().enumerate() {
        let its = claim.test(program).into_iter().flat_map(Test::numbers);
        compared.extend(its.map(|number| (number, bit, *claim)));
    }
    compared.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    let mut bits = ask(program, claims, Fact::Number(f64::NEG_INFINITY));
    let (mut numbers, mut places) = (Vec::new(), vec![bits]);
    #[expect(clippy::float_cmp, reason = "the same number is meant")]
    for same in compared.chunk_by(|(a, ..), (b, ..)| a == b) {
        let Some((number, ..)) = same.first() else { continue };
        numbers.push(*number);
        for place in [*number, number.next_up()] {
            for (_, bit, claim) in same {
                let is_true = claim.is_true_of(program, Fact::Number(place));
                bits = (bits & !(1 << bit)) | (u64::from(is_true) << bit);
            }
            places.push(bits);
        }
    }
    (numbers, places)
}

/// The texts that claims compare with, and what is true of each: who compares with a text says the opposite of it.
fn texts(program: &Program, claims: &[Claim]) -> Box<[(String, u64)]> {
    let mut compared = BTreeMap::<String, u64>::new();
    for (bit, claim) in claims.iter().enumerate() {
        for text in claim.test(program).into_iter().flat_map(Test::texts) {
            *compared.entry(text.into()).or_default() |= 1 << bit;
        }
    }
    let other = ask(program, claims, NO_TEXT);
    compared.into_iter().map(|(text, its)| (text, other ^ its)).collect()
}
