//! Every way in which a call can be refused: one table, from which the documentation derives (RFC 9457).
//!
//! A code is stable: sites branch on it. What happened inside is never told; an accident is one opaque `internal`, logged
//! once with the request's id.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One row of the table.
#[derive(Debug)]
pub struct Kind {
    /// The stable code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

macro_rules! problems {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $help:literal;)*) => {
        $(#[doc = $title] pub static $name: Kind =
            Kind { code: $code, status: StatusCode::$status, title: $title, help: $help };)*

        /// The table.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

problems! {
    INVALID_JSON = "invalid_json", BAD_REQUEST, "The body is not valid JSON",
        "Send one JSON object, encoded in UTF-8.";
    INVALID_FORM = "invalid_form", BAD_REQUEST, "The request can't be read",
        "Send what the API reference describes for this path, in its content type.";
    INVALID_FIELD = "invalid_field", BAD_REQUEST, "A field has a value that it can't have",
        "`pointer` names the field and `detail` says what it takes.";
    UNKNOWN_FIELD = "unknown_field", BAD_REQUEST, "The body has a field that is not known here",
        "Remove the field that `pointer` names, or correct its spelling.";
    MISSING_FIELD = "missing_field", BAD_REQUEST, "A required field is missing",
        "Add the field that `detail` names.";
    INVALID_ID = "invalid_id", BAD_REQUEST, "The id in the path can't be one",
        "Use the id as you received it: a prefix, an underscore and 26 lower-case characters.";
    INVALID_HEADER = "invalid_header", BAD_REQUEST, "A header has a value that it can't have",
        "`detail` names the header and says what it takes.";
    UNKNOWN_CLIENT = "unknown_client", UNAUTHORIZED, "The client id is not known",
        "Use the client id (`pk_…`) of a key that still exists.";
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "The API secret is missing or wrong",
        "Send `Authorization: Bearer sk_…` with the secret of a key that still exists. Secrets belong on servers only.";
    ORIGIN_NOT_ALLOWED = "origin_not_allowed", FORBIDDEN, "The page's origin is not among those of the client id",
        "Add the origin to the key, or use the key that belongs to this site. Development keys without origins work from the loopback only.";
    SIMULATION_NOT_ALLOWED = "simulation_not_allowed", FORBIDDEN, "Only development keys may simulate",
        "Leave `simulate` out, or use a development key.";
    NOT_FOUND = "not_found", NOT_FOUND, "There is nothing here",
        "Check the path, and that the id belongs to the project of the secret.";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "The path exists, but not with this method",
        "See the API reference for the methods of this path.";
    ALREADY_CONSUMED = "already_consumed", CONFLICT, "The evaluation was consumed before",
        "A result is honoured once. Refuse the action and have the user start it again. To repeat a call whose answer was lost, send the same `Idempotency-Key`.";
    EXPIRED = "expired", GONE, "The time to consume the evaluation is over",
        "Refuse the action and have the user start it again.";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB",
        "Send less: metadata takes at most 50 keys and 4096 bytes.";
    INTEGRITY_MISMATCH = "integrity_mismatch", UNPROCESSABLE_ENTITY, "The evaluation is not what you expected",
        "`fields` names what differs. Nothing was consumed. Refuse the action: somebody may have swapped the evaluation.";
    NOTHING_TO_VERIFY = "nothing_to_verify", UNPROCESSABLE_ENTITY, "There is no address to be called verified",
        "Send `email` (or `phone`) in the same call, or before.";
    TOO_MANY_REQUESTS = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests",
        "Wait for the seconds that `Retry-After` says. Evaluations that a browser asks for are limited by network address: the project's setting `evaluations_per_minute`.";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "Try again; if it goes on, tell the operator the request id.";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "The server can't take this now",
        "Try again after the seconds that `Retry-After` says.";
}

/// A refusal, on its way out.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Option<String>,
    pointer: Option<String>,
    fields: Vec<&'static str>,
    consumed_at: Option<String>,
    retry_after: u32,
}

/// The body of a refusal: `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A page about this code.
    #[schema(example = "https://countersign.example/docs/problems#already_consumed")]
    r#type: String,
    /// What happened, in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: &'static str,
    /// What happened in this case, and what to do.
    detail: String,
    /// JSON pointer to the field that is meant (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Fields that differ, for `integrity_mismatch`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<&'static str>,
    /// When it was consumed, for `already_consumed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_at: Option<String>,
    /// The request's id, as in the `x-request-id` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    /// A refusal of that kind.
    pub const fn new(kind: &'static Kind) -> Self {
        Self { kind, detail: None, pointer: None, fields: Vec::new(), consumed_at: None, retry_after: 1 }
    }

    /// Says what happened in this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the field that is meant.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Names the fields that differ.
    #[must_use]
    pub fn fields(mut self, fields: Vec<&'static str>) -> Self {
        self.fields = fields;
        self
    }

    /// Says when it was consumed.
    #[must_use]
    pub fn consumed_at(mut self, at: String) -> Self {
        self.consumed_at = Some(at);
        self
    }

    /// Says how many seconds to wait, where waiting helps.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The kind.
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// A field that can't have its value.
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        Self::new(&INVALID_FIELD).pointer(pointer).detail(detail)
    }
}

impl From<countersign_store::StoreError> for Problem {
    fn from(error: countersign_store::StoreError) -> Self {
        match error {
            countersign_store::StoreError::Busy => Self::new(&UNAVAILABLE),
            error => {
                tracing::error!(%error, "the store failed");
                let unavailable = matches!(error, countersign_store::StoreError::Unavailable(_));
                Self::new(if unavailable { &UNAVAILABLE } else { &INTERNAL })
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.kind;
        let request_id = crate::telemetry::request_id();
        let body = ProblemBody {
            r#type: format!("/docs/problems#{}", kind.code),
            title: kind.title,
            status: kind.status.as_u16(),
            code: kind.code,
            detail: self.detail.map_or_else(|| kind.help.to_owned(), |detail| format!("{detail}. {}", kind.help)),
            pointer: self.pointer,
            fields: self.fields,
            consumed_at: self.consumed_at,
            request_id,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (kind.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(kind.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, self.retry_after.into());
        }
        response
    }
}

/// The documentation page of all codes, in Markdown.
pub fn documentation() -> String {
    use std::fmt::Write;
    let mut page = String::from(
        "# Problems\n\nEvery refusal is `application/problem+json` with a stable `code`. This page is made from the server's own table.\n",
    );
    for Kind { code, status, title, help } in ALL {
        // Writing to a String can't fail.
        let _ = write!(page, "\n## `{code}`\n\n{title} · HTTP {}\n\n{help}\n", status.as_u16());
    }
    page
}
