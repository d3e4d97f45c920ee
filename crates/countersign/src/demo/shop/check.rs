//! The two questions the shop asks about an evaluation: what to do with an action (`review`), and whether a result may
//! be honoured (`honour`). Both fail closed: what is not clearly a pass is a refusal.

use serde_json::{Value, json};

use super::{
    account::Customer,
    api::{Api, ApiError, Challenge, Evaluation},
    trail::Trail,
};

/// What an evaluation must be about to count.
#[derive(Clone, Debug)]
pub struct Expected {
    action: &'static str,
    user_id: Option<String>,
    email: String,
    metadata: Option<Value>,
}

impl Expected {
    /// A sign-up: no user id exists yet, so the address and the chosen plan bind it.
    pub fn sign_up(email: &str, plan: &str) -> Self {
        Self { action: "signup", user_id: None, email: email.to_owned(), metadata: Some(json!({ "plan": plan })) }
    }

    /// A log-in of `customer`.
    pub fn log_in(customer: &Customer) -> Self {
        Self { action: "login", user_id: Some(customer.id.clone()), email: customer.email.clone(), metadata: None }
    }

    /// `customer` opening the paid article.
    pub fn access(customer: &Customer) -> Self {
        Self { action: "access", ..Self::log_in(customer) }
    }

    /// As the `expect` of a consume.
    fn to_json(&self) -> Value {
        let mut expect = json!({ "action": self.action, "user": { "email": self.email } });
        if let (Some(id), Some(user)) = (&self.user_id, expect.pointer_mut("/user").and_then(Value::as_object_mut)) {
            user.insert("id".to_owned(), json!(id));
        }
        if let (Some(metadata), Some(fields)) = (&self.metadata, expect.as_object_mut()) {
            fields.insert("metadata".to_owned(), metadata.clone());
        }
        expect
    }

    fn matches(&self, evaluation: &Evaluation) -> bool {
        let user = evaluation.user.as_ref();
        let email = user.and_then(|user| user.email.as_deref()).unwrap_or_default();
        let id = user.and_then(|user| user.id.as_deref());
        evaluation.action == self.action
            && email.eq_ignore_ascii_case(&self.email)
            && self.user_id.as_deref().is_none_or(|expected| id == Some(expected))
            && self.metadata.as_ref().is_none_or(|expected| *expected == evaluation.metadata)
    }
}

/// What to do with an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Review {
    /// Go on, once the result is claimed.
    Allow,
    /// Hold it, and send the customer to this page of Countersign's.
    Challenge(String),
    /// Don't.
    Refuse(Refusal),
}

/// Whether a result may be honoured.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Yes, and this was the only time; with the challenge that was completed, if there was one.
    Honoured(Option<Challenge>),
    /// Not yet: the challenge still waits at this page.
    Waiting(String),
    /// No.
    Refused(Refusal),
}

/// Why the shop says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The policies say so.
    Denied,
    /// The challenge ended without a pass.
    NotPassed,
    /// The result was honoured before.
    AlreadyUsed,
    /// The result is too old.
    Expired,
    /// The result is about something or somebody else.
    Mismatch,
    /// The browser's check or the shop's own could not be made.
    Unchecked,
}

impl Refusal {
    /// One line.
    pub fn title(self) -> &'static str {
        match self {
            Self::Denied => "We can’t let this through",
            Self::NotPassed => "Not confirmed",
            Self::AlreadyUsed => "Refused: this result was already used",
            Self::Expired => "This took too long",
            Self::Mismatch => "This doesn’t match what you started",
            Self::Unchecked => "We couldn’t check this just now",
        }
    }

    /// What it means, and what to do next.
    pub fn text(self) -> &'static str {
        match self {
            Self::Denied => "One of this shop’s policies refused it. If you think that’s wrong, please contact us.",
            Self::NotPassed => "The verification ended without a pass, so nothing was changed. Please start again.",
            Self::AlreadyUsed => {
                "A passed verification counts exactly once. Using it again changed nothing. To do it again, start again."
            }
            Self::Expired => "The verification was left too long, so it no longer counts. Please start again.",
            Self::Mismatch => {
                "The verification is for another action, address or browser. Nothing was changed. Please start again."
            }
            Self::Unchecked => {
                "To keep accounts safe we don’t go on unchecked. Nothing was changed. Please try again in a moment."
            }
        }
    }

    /// The HTTP status of a page that says so.
    pub fn status(self) -> u16 {
        match self {
            Self::Denied | Self::NotPassed => 403,
            Self::AlreadyUsed => 409,
            Self::Expired => 410,
            Self::Mismatch => 422,
            Self::Unchecked => 503,
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::AlreadyUsed => Self::AlreadyUsed,
            ApiError::Expired => Self::Expired,
            ApiError::Mismatch | ApiError::Unknown => Self::Mismatch,
            ApiError::Unavailable => Self::Unchecked,
        }
    }
}

/// Reads the evaluation the browser brought, without using it up.
pub async fn review(api: &Api, evaluation_id: Option<&str>, expected: &Expected, trail: &mut Trail) -> Review {
    // No id: the SDK was blocked or had no answer. A client that could skip the check by leaving it out would.
    let Some(id) = evaluation_id.filter(|id| !id.is_empty()) else { return Review::Refuse(Refusal::Unchecked) };
    match api.evaluation(id, trail).await {
        Err(error) => Review::Refuse(error.into()),
        Ok(evaluation) if !expected.matches(&evaluation) => Review::Refuse(Refusal::Mismatch),
        Ok(evaluation) if evaluation.consumed => Review::Refuse(Refusal::AlreadyUsed),
        Ok(evaluation) => match evaluation.verdict.as_str() {
            "allow" => Review::Allow,
            "challenge" | "challenge_and_restrict" => match api.challenge_url(evaluation.redirect.as_deref()) {
                Ok(url) => Review::Challenge(url),
                Err(error) => Review::Refuse(error.into()),
            },
            _ => Review::Refuse(Refusal::Denied),
        },
    }
}

/// Claims the result, once, if it is what the shop expects and a pass.
pub async fn honour(api: &Api, evaluation_id: &str, expected: &Expected, trail: &mut Trail) -> Verdict {
    let evaluation = match api.consume(evaluation_id, &expected.to_json(), trail).await {
        Ok(evaluation) => evaluation,
        Err(error) => return Verdict::Refused(error.into()),
    };
    // The API compared all this in the same step; an answer about something else is a fault, and no pass.
    if !expected.matches(&evaluation) {
        return Verdict::Refused(Refusal::Mismatch);
    }
    if !evaluation.consumed {
        return match api.challenge_url(evaluation.redirect.as_deref()) {
            Ok(url) => Verdict::Waiting(url),
            Err(error) => Verdict::Refused(error.into()),
        };
    }
    match (evaluation.verdict.as_str(), evaluation.challenge) {
        ("allow", None) => Verdict::Honoured(None),
        ("challenge" | "challenge_and_restrict", Some(challenge)) if challenge.status == "completed" => {
            Verdict::Honoured(Some(challenge))
        }
        (_, Some(_)) => Verdict::Refused(Refusal::NotPassed),
        (_, None) => Verdict::Refused(Refusal::Denied),
    }
}
