//! What the shop's server asked of the API and was told: shown under every page as "What just happened".

use serde_json::Value;

/// Calls remembered at most.
const MAX_CALLS: usize = 4;

/// One call to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Method and path.
    pub request: String,
    /// The status and, for a refusal, its code; or why there was no answer.
    pub answer: String,
    /// Whether the API agreed.
    pub is_good: bool,
}

/// The calls made for the latest action, and the evaluation as last seen.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    calls: Vec<Call>,
    evaluation: Option<Value>,
}

impl Trail {
    /// Remembers a call.
    pub fn called(&mut self, call: Call) {
        if self.calls.len() >= MAX_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(call);
    }

    /// Remembers the evaluation as the API gave it.
    pub fn saw(&mut self, evaluation: Value) {
        self.evaluation = Some(evaluation);
    }

    /// The calls, oldest first.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Whether nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The parts of the evaluation a newcomer should look at, as name and value.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let Some(evaluation) = &self.evaluation else { return Vec::new() };
        let text = |pointer| evaluation.pointer(pointer).map_or_else(String::new, plain);
        let facts = [
            ("Action", text("/action")),
            ("Verdict", text("/verdict")),
            ("Policy", text("/policy/name")),
            ("Reasons", text("/reasons")),
            ("Challenge", text("/challenge/status")),
            ("Used up", text("/consumed")),
            ("Evaluation", text("/id")),
        ];
        facts
            .into_iter()
            .map(|(name, value)| (name, if value.is_empty() { "none".to_owned() } else { value }))
            .collect()
    }

    /// The verdict, if an evaluation was seen.
    pub fn verdict(&self) -> Option<String> {
        self.evaluation.as_ref().map(|evaluation| evaluation.get("verdict").map_or_else(String::new, plain))
    }

    /// The whole evaluation, as indented JSON.
    pub fn json(&self) -> Option<String> {
        self.evaluation.as_ref().and_then(|evaluation| serde_json::to_string_pretty(evaluation).ok())
    }
}

/// A JSON value as a person would write it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
