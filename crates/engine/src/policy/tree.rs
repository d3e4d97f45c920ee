//! The tree that a condition is: the one form behind its JSON and its text.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::Value;

/// Levels of nesting at most.
pub const MAX_DEPTH: usize = 32;
/// Comparisons at most.
pub const MAX_COMPARISONS: usize = 1_000;
/// Bytes of field names and values at most: who has more to say keeps it on a list.
pub const MAX_CONTENT: usize = 65_536;

/// An operator (spec section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the operator of the same name")]
pub enum Op {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Exists,
    InList,
    NotInList,
    InCidr,
}

impl Op {
    /// All of them: the operator, its name in JSON, and what stands between field and value in text.
    pub const ALL: [(Self, &'static str, &'static str); 16] = [
        (Self::Eq, "eq", "="),
        (Self::Ne, "ne", "!="),
        (Self::Gte, "gte", ">="),
        (Self::Gt, "gt", ">"),
        (Self::Lte, "lte", "<="),
        (Self::Lt, "lt", "<"),
        (Self::InList, "in_list", "in_list"),
        (Self::NotInList, "not_in_list", "not in_list"),
        (Self::InCidr, "in_cidr", "in_cidr"),
        (Self::In, "in", "in"),
        (Self::NotIn, "not_in", "not in"),
        (Self::Contains, "contains", "contains"),
        (Self::StartsWith, "starts_with", "starts_with"),
        (Self::EndsWith, "ends_with", "ends_with"),
        (Self::Matches, "matches", "matches"),
        (Self::Exists, "exists", "exists"),
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(op, ..)| *op == self).map_or("", |(_, name, _)| name)
    }

    /// The sign or words in text.
    pub fn sign(self) -> &'static str {
        Self::ALL.into_iter().find(|(op, ..)| *op == self).map_or("", |(_, _, sign)| sign)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == name).map(|(op, ..)| op)
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// Text.
    Text(String),
    /// Several of those.
    List(Vec<Literal>),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The field's name.
    pub field: String,
    /// The operator.
    pub op: Op,
    /// The value.
    pub value: Literal,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Every one holds; with none, always.
    All(Vec<Condition>),
    /// At least one holds; with none, never.
    Any(Vec<Condition>),
    /// It does not hold (and is not unknown).
    Not(Box<Condition>),
    /// A comparison.
    Compare(Comparison),
}

/// Why JSON is no condition: where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct TreeError {
    /// JSON pointer into the condition.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl Condition {
    /// The condition that holds always.
    pub const fn always() -> Self {
        Self::All(Vec::new())
    }

    /// The comparisons, in the order in which they are written.
    pub fn comparisons(&self) -> Vec<&Comparison> {
        let mut found = Vec::new();
        let mut rest = alloc::vec![self];
        while let Some(next) = rest.pop() {
            match next {
                Self::All(parts) | Self::Any(parts) => rest.extend(parts.iter().rev()),
                Self::Not(inner) => rest.push(inner),
                Self::Compare(comparison) => found.push(comparison),
            }
        }
        found
    }

    /// Reads the JSON form. A group of one is that one, so that every tree has a text.
    pub fn from_json(value: &Value) -> Result<Self, TreeError> {
        let condition = read(value, &mut String::new(), 0)?;
        condition.within_limits().map_err(|what| wrong("", what))?;
        Ok(condition)
    }

    /// Whether it is small enough to be kept and run; what to do otherwise.
    pub(super) fn within_limits(&self) -> Result<(), String> {
        let comparisons = self.comparisons().len();
        if comparisons > MAX_COMPARISONS {
            return Err(format!("{comparisons} comparisons are more than {MAX_COMPARISONS}: write several policies"));
        }
        if self.content() > MAX_CONTENT {
            return Err(format!("names and values make up more than {MAX_CONTENT} bytes: keep the values on a list"));
        }
        Ok(())
    }

    fn content(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => 8 + parts.iter().map(Self::content).sum::<usize>(),
            Self::Not(inner) => 8 + inner.content(),
            Self::Compare(comparison) => comparison.field.len() + comparison.value.content(),
        }
    }
}

impl Literal {
    fn content(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Number(_) => 8,
            Self::Text(text) => 8 + text.len(),
            Self::List(values) => 8 + values.iter().map(Self::content).sum::<usize>(),
        }
    }
}

fn wrong(path: &str, what: impl Into<String>) -> TreeError {
    TreeError { path: path.to_owned(), what: what.into() }
}

const SHAPE: &str = "write {\"all\": […]}, {\"any\": […]}, {\"not\": …} or {\"field\": …, \"op\": …, \"value\": …}";

fn read(value: &Value, path: &mut String, depth: usize) -> Result<Condition, TreeError> {
    let Value::Object(map) = value else { return Err(wrong(path, SHAPE)) };
    if depth > MAX_DEPTH {
        return Err(wrong(path, format!("nested more than {MAX_DEPTH} levels deep")));
    }
    let at = path.len();
    let inside = |path: &mut String, step: &str, value: &Value| {
        path.push_str(step);
        let read = read(value, path, depth + 1);
        path.truncate(at);
        read
    };
    if let (1, Some((key, inner))) = (map.len(), map.iter().next()) {
        match (key.as_str(), inner) {
            ("not", inner) => return Ok(Condition::Not(Box::new(inside(path, "/not", inner)?))),
            (group @ ("all" | "any"), Value::Array(parts)) => {
                let parts = parts.iter().enumerate().map(|(i, part)| inside(path, &format!("/{group}/{i}"), part));
                let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
                return Ok(match (parts.len(), group) {
                    (1, _) => parts.remove(0),
                    (_, "all") => Condition::All(parts),
                    _ => Condition::Any(parts),
                });
            }
            _ => {}
        }
    }
    compare(map, path).map(Condition::Compare)
}

fn compare(map: &serde_json::Map<String, Value>, path: &str) -> Result<Comparison, TreeError> {
    if let Some(unknown) = map.keys().find(|key| !matches!(key.as_str(), "field" | "op" | "value")) {
        return Err(wrong(&format!("{path}/{unknown}"), format!("`{unknown}` is not known here; {SHAPE}")));
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str).ok_or_else(|| wrong(path, SHAPE));
    let (field, name) = (text("field")?, text("op")?);
    if field.is_empty() {
        return Err(wrong(&format!("{path}/field"), "name a field"));
    }
    let names = || Op::ALL.map(|(_, name, _)| name).join(", ");
    let op = Op::parse(name)
        .ok_or_else(|| wrong(&format!("{path}/op"), format!("`{name}` is no operator; there are {}", names())))?;
    let at = format!("{path}/value");
    let value = map.get("value").ok_or_else(|| wrong(path, SHAPE)).and_then(|value| literal(value, &at))?;
    if op == Op::Exists && !matches!(value, Literal::Bool(_)) {
        return Err(wrong(&at, "`exists` takes true or false"));
    }
    Ok(Comparison { field: field.to_owned(), op, value })
}

fn literal(value: &Value, path: &str) -> Result<Literal, TreeError> {
    match value {
        Value::Bool(b) => Ok(Literal::Bool(*b)),
        Value::String(s) => Ok(Literal::Text(s.clone())),
        Value::Number(n) => {
            n.as_f64().filter(|n| n.is_finite()).map(Literal::Number).ok_or_else(|| wrong(path, "not a finite number"))
        }
        Value::Array(values) => {
            let values = values.iter().enumerate().map(|(i, value)| match value {
                Value::Array(_) => Err(wrong(&format!("{path}/{i}"), "a list can't hold lists")),
                value => literal(value, &format!("{path}/{i}")),
            });
            values.collect::<Result<_, _>>().map(Literal::List)
        }
        Value::Null | Value::Object(_) => Err(wrong(path, "write true, false, a number, a text or a list of those")),
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(_) | Self::Number(_) => {
                let fact = match self {
                    Self::Bool(b) => crate::fact::OwnedFact::Bool(*b),
                    Self::Number(n) => crate::fact::OwnedFact::Number(*n),
                    Self::Text(_) | Self::List(_) => crate::fact::OwnedFact::Unknown,
                };
                fact.serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::All(parts) => map.serialize_entry("all", parts)?,
            Self::Any(parts) => map.serialize_entry("any", parts)?,
            Self::Not(inner) => map.serialize_entry("not", inner)?,
            Self::Compare(comparison) => {
                map.serialize_entry("field", &comparison.field)?;
                map.serialize_entry("op", comparison.op.name())?;
                map.serialize_entry("value", &comparison.value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Condition {
    /// The JSON form, or a text in the syntax of [`super::syntax`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => {
                super::syntax::parse(&text).map(|parsed| parsed.condition).map_err(|e| de::Error::custom(e.to_string()))
            }
            value => Self::from_json(&value).map_err(de::Error::custom),
        }
    }
}
