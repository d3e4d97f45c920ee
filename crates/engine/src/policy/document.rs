//! The document that a policy is.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{budget::Budget, tree::Condition};
use crate::{environment::Environment, evaluation::Verdict, text::ActionName};

/// Whether a policy acts or only watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It acts.
    #[default]
    Enforce,
    /// What it would have done is recorded, and nothing else.
    Shadow,
}

/// What a policy does when it holds: gives a verdict, or has an effect and lets evaluation go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// A verdict without a challenge.
    Verdict(Verdict),
    /// A verdict with one.
    Challenge {
        /// `challenge` or `challenge_and_restrict`.
        verdict: Verdict,
        /// The challenge config's name.
        config: String,
        /// The challenge's type.
        kind: String,
    },
    /// Puts a value on a list.
    AddToList {
        /// The list's name.
        list: String,
    },
    /// Takes it off.
    RemoveFromList {
        /// The list's name.
        list: String,
    },
    /// Tags the evaluation.
    Tag {
        /// With this.
        tag: String,
    },
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which traffic it is for.
    pub environment: Environment,
    /// Whether it is asked at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether it acts or only watches.
    #[serde(default)]
    pub mode: Mode,
    /// Actions it is asked about; every one when empty.
    #[serde(default)]
    pub actions: Vec<ActionName>,
    /// When it holds; always when absent. JSON tree or text.
    #[serde(default = "Condition::always")]
    pub when: Condition,
    /// What it does then.
    pub then: Then,
    /// The highest is asked first; ties by creation.
    #[serde(default)]
    pub priority: i64,
    /// How often it may give its verdict; any number of times when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

const fn yes() -> bool {
    true
}

/// `then` as it is written: one of the two forms, or just the verdict's word.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge_config: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl Written {
    const NONE: Self = Self { verdict: None, challenge_config: None, kind: None, effect: None, list: None, tag: None };

    fn read(self) -> Result<Then, String> {
        let Self { verdict, challenge_config, kind, effect, list, tag } = self;
        match (verdict, effect.as_deref()) {
            (Some(verdict @ (Verdict::Challenge | Verdict::ChallengeAndRestrict)), None) => {
                let config = challenge_config.ok_or("a challenge needs `challenge_config`: the name of one")?;
                let kind = kind.unwrap_or_else(|| "account_takeover".to_string());
                ActionName::parse(&kind).map_err(|_| {
                    format!(
                        "`{kind}` is no challenge type: write lower-case letters, digits and underscores, at most 64"
                    )
                })?;
                none_of(&[("list", list.is_some()), ("tag", tag.is_some())])?;
                Ok(Then::Challenge { verdict, config, kind })
            }
            (Some(verdict), None) => {
                none_of(&[
                    ("challenge_config", challenge_config.is_some()),
                    ("type", kind.is_some()),
                    ("list", list.is_some()),
                    ("tag", tag.is_some()),
                ])?;
                Ok(Then::Verdict(verdict))
            }
            (None, Some(effect)) => {
                none_of(&[("challenge_config", challenge_config.is_some()), ("type", kind.is_some())])?;
                match (effect, list, tag) {
                    ("add_to_list", Some(list), None) => Ok(Then::AddToList { list }),
                    ("remove_from_list", Some(list), None) => Ok(Then::RemoveFromList { list }),
                    ("tag", None, Some(tag)) => Ok(Then::Tag { tag }),
                    _ => {
                        Err("an effect is `add_to_list` or `remove_from_list` with `list`, or `tag` with `tag`"
                            .to_string())
                    }
                }
            }
            _ => Err("write either `verdict` or `effect`".to_string()),
        }
    }
}

const THEN: &str = "write one of `allow`, `deny`, `restrict`, `suspend`, or {\"verdict\": \"challenge\", \"challenge_config\": …, \"type\": …}, or {\"effect\": \"add_to_list\", \"list\": …}, {\"effect\": \"tag\", \"tag\": …}";

fn none_of(fields: &[(&str, bool)]) -> Result<(), String> {
    match fields.iter().find(|(_, there)| *there) {
        Some((field, _)) => Err(format!("`{field}` does not belong here")),
        None => Ok(()),
    }
}

impl Serialize for Then {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let effect = |name: &str| Some(name.to_string());
        let written = match self.clone() {
            Self::Verdict(verdict) => Written { verdict: Some(verdict), ..Written::NONE },
            Self::Challenge { verdict, config, kind } => {
                Written { verdict: Some(verdict), challenge_config: Some(config), kind: Some(kind), ..Written::NONE }
            }
            Self::AddToList { list } => Written { effect: effect("add_to_list"), list: Some(list), ..Written::NONE },
            Self::RemoveFromList { list } => {
                Written { effect: effect("remove_from_list"), list: Some(list), ..Written::NONE }
            }
            Self::Tag { tag } => Written { effect: effect("tag"), tag: Some(tag), ..Written::NONE },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Then {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(Verdict),
            Whole(serde_json::Value),
        }
        let written = match Form::deserialize(deserializer)? {
            Form::Word(verdict) => Written { verdict: Some(verdict), ..Written::NONE },
            Form::Whole(value @ serde_json::Value::Object(_)) => {
                serde_json::from_value(value).map_err(de::Error::custom)?
            }
            Form::Whole(_) => return Err(de::Error::custom(THEN)),
        };
        written.read().map_err(de::Error::custom)
    }
}
