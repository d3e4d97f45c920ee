//! One comparison, ready to be run: what is asked of a value that was seen.
//!
//! The answer has three values. Of a value that isn't known nothing holds, and nothing is false either. A known value
//! of another kind than the one compared with (metadata may hold anything) is simply a different one: it is not equal,
//! so `ne` and `not_in` hold, and neither above nor below, nor like any text.

use core::{cmp::Ordering, net::IpAddr};

use alloc::{string::String, vec::Vec};

use ipnet::IpNet;
use regex_lite::Regex;

use super::{
    tree::{Comparison, Literal, Op},
    type_check::network,
};
use crate::{
    fact::{Fact, Kind, Severity},
    field::Field,
};

#[derive(Debug)]
pub(super) enum Test {
    IsTrue(bool),
    Exists(bool),
    OneOf { values: Vec<Constant>, negated: bool },
    Number { op: Op, than: f64 },
    Severity { op: Op, than: Severity },
    Text { op: Op, part: String },
    Matches(Regex),
    InNetworks(Vec<IpNet>),
}

/// A value compared with for equality.
#[derive(Debug)]
pub(super) enum Constant {
    Bool(bool),
    Number(f64),
    Text(String),
    Severity(Severity),
    Address(IpAddr),
}

impl Constant {
    fn of(value: &Literal, kind: Kind) -> Option<Self> {
        Some(match (kind, value) {
            (Kind::Severity, Literal::Text(word)) => Self::Severity(Severity::parse(word)?),
            (Kind::Address, Literal::Text(text)) => Self::Address(text.parse::<IpAddr>().ok()?.to_canonical()),
            (_, Literal::Bool(value)) => Self::Bool(*value),
            (_, Literal::Number(value)) => Self::Number(*value),
            (_, Literal::Text(value)) => Self::Text(value.clone()),
            (_, Literal::List(_)) => return None,
        })
    }

    #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
    fn equals(&self, fact: Fact<'_>) -> bool {
        match (self, fact) {
            (Self::Bool(value), Fact::Bool(fact)) => *value == fact,
            (Self::Number(value), Fact::Number(fact)) => *value == fact,
            (Self::Text(value), Fact::Text(fact)) => value == fact,
            (Self::Severity(value), Fact::Severity(fact)) => *value == fact,
            (Self::Address(value), Fact::Address(fact)) => *value == fact.to_canonical(),
            _ => false,
        }
    }
}

/// Compiles a pattern. regex-lite runs in time linear in the text however the pattern is written, so nobody's policy can
/// hold a decision up.
pub(super) fn regex(pattern: &str) -> Result<Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(pattern).size_limit(256 * 1024).nest_limit(32).build()
}

impl Test {
    /// Whether it takes much longer than looking at an answer does.
    pub(super) const fn is_costly(&self) -> bool {
        matches!(self, Self::Matches(_) | Self::InNetworks(_) | Self::Text { .. })
    }

    /// The test that a comparison is; `None` for one that the type check refuses.
    pub(super) fn of(comparison: &Comparison, field: &Field) -> Option<Self> {
        let kind = field.kind();
        Some(match (comparison.op, &comparison.value) {
            (op @ (Op::Eq | Op::Ne), Literal::Bool(value)) if kind == Kind::Bool => {
                Self::IsTrue(*value == (op == Op::Eq))
            }
            (op @ (Op::Eq | Op::Ne), value) => {
                Self::OneOf { values: [Constant::of(value, kind)?].into(), negated: op == Op::Ne }
            }
            (op @ (Op::In | Op::NotIn), Literal::List(values)) => {
                let values = values.iter().map(|value| Constant::of(value, kind)).collect::<Option<_>>()?;
                Self::OneOf { values, negated: op == Op::NotIn }
            }
            (op @ (Op::Gt | Op::Gte | Op::Lt | Op::Lte), Literal::Text(word)) if kind == Kind::Severity => {
                Self::Severity { op, than: Severity::parse(word)? }
            }
            (op @ (Op::Gt | Op::Gte | Op::Lt | Op::Lte), Literal::Number(than)) => Self::Number { op, than: *than },
            (op @ (Op::Contains | Op::StartsWith | Op::EndsWith), Literal::Text(part)) => {
                Self::Text { op, part: part.clone() }
            }
            (Op::Matches, Literal::Text(pattern)) => Self::Matches(regex(pattern).ok()?),
            (Op::Exists, Literal::Bool(wanted)) => Self::Exists(*wanted),
            (Op::InCidr, value) => Self::InNetworks(networks(value)?),
            _ => return None,
        })
    }

    /// Whether it holds for what was seen: `None` when that is unknown. Only `exists` has an answer about what is.
    pub(super) fn holds(&self, fact: Fact<'_>) -> Option<bool> {
        match (self, fact) {
            (Self::Exists(wanted), fact) => Some((fact != Fact::Unknown) == *wanted),
            (_, Fact::Unknown) => None,
            // Of several texts, one that fits is enough, and a negation means that none does.
            (Self::OneOf { negated: true, .. }, Fact::Texts(texts)) => {
                Some(texts.iter().all(|text| self.fits(Fact::Text(text))))
            }
            (_, Fact::Texts(texts)) => Some(texts.iter().any(|text| self.fits(Fact::Text(text)))),
            (_, fact) => Some(self.fits(fact)),
        }
    }

    /// The numbers that it compares with: it answers alike for all others between two of them.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        let than = if let Self::Number { than, .. } = self { Some(*than) } else { None };
        let equal = self.constants().iter().filter_map(|value| match value {
            Constant::Number(number) => Some(*number),
            _ => None,
        });
        than.into_iter().chain(equal)
    }

    /// The texts that it compares with: unless it is costly, it answers alike for all others, and the opposite for these.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.constants().iter().filter_map(|value| match value {
            Constant::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn constants(&self) -> &[Constant] {
        if let Self::OneOf { values, .. } = self { values } else { &[] }
    }

    /// Whether it asks for something that is true rather than false.
    pub(super) const fn asks_for_truth(&self) -> bool {
        !matches!(self, Self::IsTrue(false))
    }

    /// For one value that is known.
    fn fits(&self, fact: Fact<'_>) -> bool {
        match (self, fact) {
            (Self::IsTrue(wanted), Fact::Bool(value)) => value == *wanted,
            (Self::OneOf { values, negated }, fact) => values.iter().any(|value| value.equals(fact)) != *negated,
            (Self::Number { op, than }, Fact::Number(value)) => compare(*op, value.partial_cmp(than)),
            (Self::Severity { op, than }, Fact::Severity(value)) => compare(*op, Some(value.cmp(than))),
            (Self::Text { op, part }, Fact::Text(text)) => match op {
                Op::StartsWith => text.starts_with(part.as_str()),
                Op::EndsWith => text.ends_with(part.as_str()),
                _ => text.contains(part.as_str()),
            },
            (Self::Matches(pattern), Fact::Text(text)) => pattern.is_match(text),
            (Self::InNetworks(networks), Fact::Address(address)) => {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }
            _ => false,
        }
    }
}

fn compare(op: Op, ordering: Option<Ordering>) -> bool {
    ordering.is_some_and(|ordering| match op {
        Op::Gt => ordering.is_gt(),
        Op::Gte => ordering.is_ge(),
        Op::Lt => ordering.is_lt(),
        Op::Lte => ordering.is_le(),
        _ => false,
    })
}

fn networks(value: &Literal) -> Option<Vec<IpNet>> {
    match value {
        Literal::Text(text) => Some([network(text)?].into()),
        Literal::List(values) => values.iter().map(networks).collect::<Option<Vec<_>>>().map(|found| found.concat()),
        Literal::Bool(_) | Literal::Number(_) => None,
    }
}
