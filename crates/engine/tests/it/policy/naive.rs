//! The meaning of a condition, written as plainly as possible: what the compiled form is held against.

use std::{collections::BTreeMap, net::IpAddr};

use countersign_engine::{
    fact::{Fact, Severity},
    field::Field,
    policy::{Comparison, Condition, Literal, Op, Operand},
};
use ipnet::IpNet;

/// A value that a test makes up.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Number(f64),
    Text(String),
    Severity(Severity),
    Address(IpAddr),
    Texts(Vec<String>),
}

impl Value {
    pub fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Bool(value) => Fact::Bool(*value),
            Self::Number(value) => Fact::Number(*value),
            Self::Text(value) => Fact::Text(value),
            Self::Severity(value) => Fact::Severity(*value),
            Self::Address(value) => Fact::Address(*value),
            Self::Texts(values) => Fact::Texts(values),
        }
    }
}

/// Everything that is known: a field by its name, membership by `field in_list name`.
pub type World = BTreeMap<String, Value>;

/// The facts that a compiled set asks for.
pub fn facts<'a>(world: &'a World, operands: &[Operand]) -> Vec<Fact<'a>> {
    let name = |operand: &Operand| match operand {
        Operand::Field(field) => field.to_string(),
        Operand::Member { field, list } => format!("{field} in_list {list}"),
    };
    operands.iter().map(|operand| world.get(&name(operand)).map_or(Fact::Unknown, Value::as_fact)).collect()
}

pub const FALSE: u8 = 0;
pub const UNKNOWN: u8 = 1;
pub const TRUE: u8 = 2;

/// `and` is the least, `or` the greatest, `not` the mirror image.
pub fn truth(condition: &Condition, world: &World) -> u8 {
    match condition {
        Condition::All(parts) => parts.iter().map(|part| truth(part, world)).min().unwrap_or(TRUE),
        Condition::Any(parts) => parts.iter().map(|part| truth(part, world)).max().unwrap_or(FALSE),
        Condition::Not(inner) => TRUE - truth(inner, world),
        Condition::Compare(comparison) => compare(comparison, world),
    }
}

fn compare(Comparison { field, op, value }: &Comparison, world: &World) -> u8 {
    // A field may be written in several ways (`60m`, `1h`); it has one name.
    let name = Field::parse(field).unwrap().to_string();
    let seen = match (op, value) {
        (Op::InList | Op::NotInList, Literal::Text(list)) => world.get(&format!("{name} in_list {list}")),
        _ => world.get(&name),
    };
    match (op, seen) {
        (Op::Exists, seen) => definite(seen.is_some() == (*value == Literal::Bool(true))),
        (_, None) => UNKNOWN,
        // Negations are the opposite of what they negate, for every known value.
        (Op::Ne, Some(seen)) => definite(!holds(seen, Op::Eq, value)),
        (Op::NotIn, Some(seen)) => definite(!holds(seen, Op::In, value)),
        (Op::NotInList, Some(seen)) => definite(*seen == Value::Bool(false)),
        (Op::InList, Some(seen)) => definite(*seen == Value::Bool(true)),
        (op, Some(seen)) => definite(holds(seen, *op, value)),
    }
}

fn definite(holds: bool) -> u8 {
    if holds { TRUE } else { FALSE }
}

fn holds(seen: &Value, op: Op, value: &Literal) -> bool {
    if let Value::Texts(texts) = seen {
        return texts.iter().any(|text| holds(&Value::Text(text.clone()), op, value));
    }
    match (seen, op, value) {
        (_, Op::In | Op::InCidr, Literal::List(values)) => {
            let each = if op == Op::In { Op::Eq } else { op };
            values.iter().any(|value| holds(seen, each, value))
        }
        (Value::Bool(a), Op::Eq, Literal::Bool(b)) => a == b,
        (Value::Number(a), op, Literal::Number(b)) => ordered(op, a.partial_cmp(b).unwrap()),
        (Value::Severity(a), op, Literal::Text(b)) => ordered(op, a.cmp(&Severity::parse(b).unwrap())),
        (Value::Address(a), Op::Eq, Literal::Text(b)) => *a == b.parse::<IpAddr>().unwrap(),
        (Value::Address(a), Op::InCidr, Literal::Text(net)) => net.parse::<IpNet>().unwrap().contains(a),
        (Value::Text(a), Op::Eq, Literal::Text(b)) => a == b,
        (Value::Text(a), Op::Contains, Literal::Text(b)) => a.contains(b.as_str()),
        (Value::Text(a), Op::StartsWith, Literal::Text(b)) => a.starts_with(b.as_str()),
        (Value::Text(a), Op::EndsWith, Literal::Text(b)) => a.ends_with(b.as_str()),
        (Value::Text(a), Op::Matches, Literal::Text(b)) => regex_lite::Regex::new(b).unwrap().is_match(a),
        _ => false,
    }
}

fn ordered(op: Op, order: std::cmp::Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Gt => order.is_gt(),
        Op::Gte => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Lte => order.is_le(),
        _ => false,
    }
}
