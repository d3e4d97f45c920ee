//! From a tree of values to a document of ours: every fault that can be told at once, each with its place, in words for
//! people who write files rather than Rust.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::tree::{Node, Value, Word};

/// Something wrong with a document.
#[derive(Debug)]
pub struct Fault {
    /// The byte of the file; `None` until whoever reads the value has said it.
    at: Option<usize>,
    /// Which entry of the document it is in.
    entry: Option<usize>,
    /// The entry that should be there.
    missing: Option<&'static str>,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl Fault {
    /// The byte of the file.
    pub fn at(&self) -> usize {
        self.at.unwrap_or_default()
    }

    fn of(what: String) -> Self {
        Self { at: None, entry: None, missing: None, what }
    }

    fn or_at(self, at: usize) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::of(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(format!("write {}: {} is none", plainly(expected), shown(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::of(format!("`{word}` is not known here: write {}", any_of(known)))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::of(format!("`{name}` is not known here: there can be {}", any_of(known)))
    }

    fn missing_field(name: &'static str) -> Self {
        Self { missing: Some(name), ..Self::of(format!("`{name}` is missing")) }
    }
}

fn any_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// What is expected, in words that a file's author knows.
fn plainly(expected: &dyn Expected) -> Cow<'static, str> {
    let text = expected.to_string();
    match text.as_str() {
        "a boolean" => "`true` or `false`".into(),
        "u32" | "u64" => "a whole number from 0 on".into(),
        "i64" => "a whole number".into(),
        "a string" | "a borrowed string" | "string or map" => "a text".into(),
        "a sequence" => "a list, such as `[a, b]`".into(),
        other if other.starts_with("struct ") => "a table of names and values".into(),
        _ => text.into(),
    }
}

fn shown(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(is) => format!("`{is}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        Unexpected::Float(number) => format!("`{number}`"),
        Unexpected::Str(text) => format!("`{text}`"),
        Unexpected::Unit => "an empty value".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Reads a document. After a fault in one of its entries the others are still read.
pub fn read<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, Vec<Fault>> {
    let fault = match T::deserialize(node) {
        Ok(document) => return Ok(document),
        Err(fault) => fault,
    };
    let Value::Table(entries) = &node.value else { return Err(vec![fault]) };
    let mut left: Vec<&'de (Word, Node)> = entries.iter().collect();
    let mut removed: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    let mut next = Some(fault);
    while let Some(fault) = next {
        let entry = fault.entry.filter(|index| *index < left.len());
        let is_ours = fault.missing.is_some_and(|name| removed.contains(&name));
        if !is_ours {
            faults.push(fault);
        }
        let Some(entry) = entry else { break };
        removed.push(&left.remove(entry).0.text);
        next = T::deserialize(Rest { at: node.at, entries: &left }).err();
    }
    Err(faults)
}

/// A table without the entries that are known to be wrong.
struct Rest<'a, 'de> {
    at: usize,
    entries: &'a [&'de (Word, Node)],
}

impl<'de> Deserializer<'de> for Rest<'_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = Entries { rest: self.entries.iter().copied(), index: 0, value: None };
        visitor.visit_map(entries).map_err(|fault| fault.or_at(self.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(is) => visitor.visit_bool(*is),
            Value::Number(number, _) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_i64(number),
                (_, Some(number), _) => visitor.visit_u64(number),
                (.., number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Table(entries) => visitor.visit_map(Entries { rest: entries.iter(), index: 0, value: None }),
        };
        read.map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_str<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = match &self.value {
            // Without quotes a number may be meant as text: a user's id, a name.
            Value::Number(_, Some(spelled)) => visitor.visit_borrowed_str(spelled),
            Value::Number(number, None) => Err(Fault::of(format!("write a text: put quotes around `{number}`"))),
            Value::Bool(is) => Err(Fault::of(format!("write a text: put quotes around `{is}`"))),
            _ => return self.deserialize_any(visitor),
        };
        read.map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_string<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let read = match &self.value {
            Value::Text(word) => visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(word.as_str())),
            _ => Err(Fault::of(format!("write {}", any_of(known)))),
        };
        read.map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_ignored_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|item| seed.deserialize(item).map_err(|fault| fault.or_at(item.at))).transpose()
    }
}

/// The entries of a table; a fault in one of them is told which.
struct Entries<'de, I> {
    rest: I,
    index: usize,
    value: Option<&'de Node>,
}

impl<'de, I: Iterator<Item = &'de (Word, Node)>> de::MapAccess<'de> for Entries<'de, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((word, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let read = seed.deserialize(BorrowedStrDeserializer::<Fault>::new(&word.text));
        read.map(Some).map_err(|fault| Fault { entry: Some(self.index), ..fault.or_at(word.at) })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let index = self.index;
        self.index += 1;
        let value = self.value.take().ok_or_else(|| Fault::of("a value was read twice".to_owned()))?;
        seed.deserialize(value).map_err(|fault| Fault { entry: Some(index), ..fault.or_at(value.at) })
    }
}
