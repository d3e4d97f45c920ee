//! The record of one decision: everything that led to it, as it was then.
//!
//! It is written once and never changed; what happens to it later (consumed, labelled, its challenge's progress) stands
//! beside it.

use core::net::IpAddr;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    environment::Environment,
    fact::Severity,
    id::{ChallengeId, DeviceId, EvaluationId, PolicyId, UserId},
    signal::{Agent, FingerprintReading, Place},
    text::ActionName,
    time::Timestamp,
};

/// What the site is advised to do (spec section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Honour the action.
    Allow,
    /// Block it.
    Deny,
    /// Block it until the challenge is completed.
    Challenge,
    /// Honour it in a restricted way.
    Restrict,
    /// Block it until the challenge is completed, then honour it in a restricted way.
    ChallengeAndRestrict,
    /// Block it: the user is suspended.
    Suspend,
}

impl Verdict {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Challenge => "challenge",
            Self::Restrict => "restrict",
            Self::ChallengeAndRestrict => "challenge_and_restrict",
            Self::Suspend => "suspend",
        }
    }

    /// Whether what the user came with becomes familiar at once. After a challenge it does when that is passed; after
    /// anything else, never.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Allow | Self::Restrict)
    }
}

/// The user, as the evaluation saw them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedUser {
    /// Our id.
    pub id: UserId,
    /// The site's id, as claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The e-mail address as claimed; without a claim, the one on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The metadata on file, where the evaluation brought none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// The policy that gave the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its id.
    pub id: PolicyId,
    /// Its name then.
    pub name: String,
}

/// Something a policy did beside the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Effect {
    /// A value joined a list.
    AddToList {
        /// The list's name.
        list: String,
        /// The value.
        value: String,
    },
    /// A value left a list.
    RemoveFromList {
        /// The list's name.
        list: String,
        /// The value.
        value: String,
    },
    /// The evaluation was tagged.
    Tag {
        /// With this.
        tag: String,
    },
}

/// What a risk came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskReading {
    /// The id of its definition: what policies call it.
    pub definition: String,
    /// What people called it then.
    pub name: String,
    /// How severe it is.
    pub severity: Severity,
    /// 1 to 100.
    pub score: u32,
    /// What spoke for it.
    pub indicators: Vec<Indication>,
}

/// Something that spoke for a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indication {
    /// The condition that held.
    pub when: String,
    /// How much it added to the score.
    pub weight: u32,
}

/// A policy whose condition held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// The policy.
    pub policy: PolicyRef,
    /// Always true.
    pub matched: bool,
    /// Whether it only watches.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// Whether it only watched this time, because it had given its verdict too often.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub over_budget: bool,
}

/// One evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Its id.
    pub id: EvaluationId,
    /// The action.
    pub action: ActionName,
    /// Development or production, by the key that asked.
    pub environment: Environment,
    /// The verdict.
    pub verdict: Verdict,
    /// What led to it: names of checks that held in the policy that gave the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The user; absent when nothing named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EvaluatedUser>,
    /// The challenge that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge_id: Option<ChallengeId>,
    /// The policy that gave the verdict; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// The policies whose condition held, in the order in which they were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub considered: Vec<Considered>,
    /// The revision of the project's configuration that they are of: with it and `facts`, the whole trace is made
    /// again ([`crate::retrace`]).
    pub revision: i64,
    /// What the policies did beside the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// The fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<FingerprintReading>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How sure we are that it is that device: 1 by its token, less by its fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_confidence: Option<f64>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What the client says it is.
    pub agent: Agent,
    /// The page that the action was taken on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// What the site attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Every check that is known, by name.
    #[serde(with = "crate::check::record")]
    pub checks: Map<String, Value>,
    /// What the policies saw that nothing else here says, by field; null where what stands here was not known to them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Risks that are severe at all, the most severe first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskReading>,
    /// Sources that were missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Evaluation {
    /// The metadata that the user object carries: what came with the evaluation, else what is on file.
    pub fn user_metadata(&self) -> Option<&Value> {
        self.metadata.as_ref().or_else(|| self.user.as_ref().and_then(|user| user.metadata.as_ref()))
    }
}
