//! A file as a tree of values, each with the byte where it begins: one shape for YAML and TOML.
//!
//! What the values mean is not known here.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::{Format, Source};

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The byte of the file.
    pub at: usize,
    /// The value.
    pub value: Value,
}

/// What is written there.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; in YAML with its spelling, since a number without quotes may be meant as text.
    Number(Number, Option<String>),
    /// A text. TOML's times are texts too.
    Text(String),
    /// Several values.
    List(Vec<Node>),
    /// Named values, in the order of the file.
    Table(Vec<(Word, Node)>),
}

/// A name in a table and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The byte of the file.
    pub at: usize,
    /// The name.
    pub text: String,
}

/// Why a text is neither YAML nor TOML: where, and what is wrong.
pub type SyntaxFault = (usize, String);

impl Node {
    /// The value of that name in a table.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(word, _)| word.text == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Puts another value in the place of the one of that name.
    pub fn replace(&mut self, name: &str, value: Value) {
        if let Value::Table(entries) = &mut self.value
            && let Some((_, node)) = entries.iter_mut().find(|(word, _)| word.text == name)
        {
            node.value = value;
        }
    }

    /// The value that a path of names and numbers leads to, or the last one on the way that is there.
    pub fn deepest<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> &Self {
        let mut node = self;
        for step in path.into_iter().filter(|step| !step.is_empty()) {
            let next = match &node.value {
                Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(step),
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }
}

/// Reads a file; every fault that its parser can tell.
pub fn read(source: &Source) -> Result<Node, Vec<SyntaxFault>> {
    match source.format {
        Format::Yaml => yaml(source).map_err(|fault| vec![fault]),
        Format::Toml => toml(&source.text),
    }
}

fn toml(text: &str) -> Result<Node, Vec<SyntaxFault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { at: table.span().start, value: of_table(table.into_inner()) });
    }
    let fault = |error: &toml::de::Error| (error.span().map_or(0, |span| span.start), error.message().to_owned());
    Err(errors.iter().map(fault).collect())
}

fn of_table(table: DeTable<'_>) -> Value {
    let entry = |(name, value): (toml::Spanned<_>, toml::Spanned<_>)| {
        let word = Word { at: name.span().start, text: std::borrow::Cow::into_owned(name.into_inner()) };
        (word, Node { at: value.span().start, value: of_toml(value.into_inner()) })
    };
    let mut entries: Vec<(Word, Node)> = table.into_iter().map(entry).collect();
    entries.sort_by_key(|(word, _)| word.at);
    Value::Table(entries)
}

fn of_toml(value: DeValue<'_>) -> Value {
    let number = |number: Option<Number>, spelled: &str| {
        number.map_or_else(|| Value::Text(spelled.to_owned()), |number| Value::Number(number, None))
    };
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(n) => number(i64::from_str_radix(n.as_str(), n.radix()).ok().map(Number::from), n.as_str()),
        DeValue::Float(n) => number(n.as_str().parse().ok().and_then(Number::from_f64), n.as_str()),
        DeValue::Boolean(is) => Value::Bool(is),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items.into_iter().map(|item| Node { at: item.span().start, value: of_toml(item.into_inner()) }).collect(),
        ),
        DeValue::Table(table) => of_table(table),
    }
}

/// A list of a few hundred thousand entries is read; a file that swells without end is not.
const MOST_VALUES: usize = 2_000_000;

fn yaml(source: &Source) -> Result<Node, SyntaxFault> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_events: 2 * MOST_VALUES, max_nodes: MOST_VALUES },
        with_snippet: false,
        // YAML 1.2: `NO` is a country and `007` a user.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let read = serde_saphyr::from_str_with_options::<Option<Spanned<Yaml>>>(&source.text, options);
    match read {
        Ok(root) => Ok(root.map_or(Node { at: 0, value: Value::Null }, |root| of_yaml(source, root))),
        Err(error) => {
            let at = error.location().map_or(0, |location| start(source, location));
            Err((at, told(&error.to_string())))
        }
    }
}

/// A parser's message in one line, without the place that it ends with and the advice that it has for programmers.
fn told(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or(message).trim();
    let line = line.rsplit_once(" at line ").map_or(line, |(what, _)| what);
    if line.starts_with("multiple YAML documents") {
        return "a second document begins here: write it into a file of its own".to_owned();
    }
    if line.starts_with("budget breached") {
        return format!("the file is too large: at most {MOST_VALUES} values can be read");
    }
    match line.strip_prefix("duplicate mapping key: ") {
        Some(rest) => format!("`{}` stands there twice", rest.split(", set ").next().unwrap_or(rest)),
        None => line.to_owned(),
    }
}

/// A value of YAML, as its parser tells it.
enum Yaml {
    Null,
    Bool(bool),
    Number(Option<Number>),
    Text(String),
    List(Vec<Spanned<Yaml>>),
    Table(Vec<(Spanned<String>, Spanned<Yaml>)>),
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(is))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(Some(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(Some(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Yaml, E> {
        Ok(Yaml::Number(Number::from_f64(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Yaml, A::Error> {
        let mut table = Vec::new();
        while let Some(name) = entries.next_key()? {
            table.push((name, entries.next_value()?));
        }
        Ok(Yaml::Table(table))
    }
}

fn of_yaml(source: &Source, value: Spanned<Yaml>) -> Node {
    let at = start(source, value.defined);
    let spelled = || {
        let length = usize::try_from(value.defined.span().byte_len()?).ok()?;
        source.text.get(at..at.checked_add(length)?).map(|text| text.trim_end().to_owned())
    };
    let value = match value.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(is) => Value::Bool(is),
        Yaml::Number(Some(number)) => Value::Number(number, spelled()),
        Yaml::Number(None) => Value::Text(spelled().unwrap_or_default()),
        Yaml::Text(text) => Value::Text(text),
        Yaml::List(items) => Value::List(items.into_iter().map(|item| of_yaml(source, item)).collect()),
        Yaml::Table(entries) => {
            let word = |name: Spanned<String>| Word { at: start(source, name.defined), text: name.value };
            Value::Table(entries.into_iter().map(|(name, value)| (word(name), of_yaml(source, value))).collect())
        }
    };
    Node { at, value }
}

/// The byte at which something begins.
fn start(source: &Source, location: serde_saphyr::Location) -> usize {
    let byte = location.span().byte_offset().and_then(|byte| usize::try_from(byte).ok());
    byte.filter(|byte| source.text.is_char_boundary(*byte)).unwrap_or_else(|| {
        let place = (usize::try_from(location.line()), usize::try_from(location.column()));
        let (Ok(line), Ok(column)) = place else { return 0 };
        source.byte_of(line, column)
    })
}
