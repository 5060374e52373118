//! What the API says when it says no: `Status` objects with the words of the real server.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::kinds::Kind;

/// A refusal, to become a `Status`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    /// The HTTP status.
    pub(super) code: u16,
    /// The machine-readable reason, if there is one.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) message: String,
    /// Name, kind and causes.
    pub(super) details: Option<Value>,
    /// A token with which a list may go on, inconsistently.
    pub(super) resume: Option<String>,
    /// Whether it is plain text and no `Status`.
    pub(super) plain: bool,
}

impl Refused {
    fn new(code: u16, reason: &'static str, message: String) -> Self {
        Self { code, reason, message, details: None, resume: None, plain: false }
    }

    fn of(mut self, kind: &Kind, name: &str) -> Self {
        let mut details = json!({ "kind": kind.plural });
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !kind.group.is_empty() {
            details["group"] = json!(kind.group);
        }
        self.details = Some(details);
        self
    }

    /// 404 of one object.
    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", message).of(kind, name)
    }

    /// 404 of a path, which the real server answers in plain text.
    pub(super) fn no_such_path() -> Self {
        Self { plain: true, ..Self::new(404, "", "404 page not found\n".to_owned()) }
    }

    /// 404 of a resource in a group that is served.
    pub(super) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self { details: Some(json!({})), ..Self::new(404, "NotFound", message) }
    }

    /// 409 of a create.
    pub(super) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).of(kind, name)
    }

    /// 409 of a write.
    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).of(kind, name)
    }

    /// 409 of a write from an older state.
    pub(super) fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(kind, name, why)
    }

    /// 409 of an apply over fields of others.
    pub(super) fn not_owned(message: String, causes: &[Value]) -> Self {
        let details = Some(json!({ "causes": causes }));
        Self { details, ..Self::new(409, "Conflict", message) }
    }

    /// 403 in a namespace that is going.
    pub(super) fn terminating(kind: &Kind, name: &str, namespace: &str) -> Self {
        let why = format!("namespace {namespace} is being terminated");
        let message = format!(
            "{} \"{name}\" is forbidden: unable to create new content in namespace {namespace} \
             because it is being terminated",
            kind.qualified()
        );
        let mut refused = Self::new(403, "Forbidden", message).of(kind, name);
        if let Some(details) = &mut refused.details {
            let cause = json!({
                "reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace",
            });
            details["causes"] = json!([cause]);
        }
        refused
    }

    /// 422: `complaints` are (reason, field, message).
    pub(super) fn invalid(
        kind: &str,
        group: &str,
        name: &str,
        complaints: &[(&str, &str, String)],
    ) -> Self {
        let mut qualified = kind.to_owned();
        if !group.is_empty() {
            qualified = format!("{kind}.{group}");
        }
        let said: Vec<String> =
            complaints.iter().map(|(_, field, said)| format!("{field}: {said}")).collect();
        let said = match said.as_slice() {
            [one] => one.clone(),
            more => format!("[{}]", more.join(", ")),
        };
        let causes: Vec<Value> = complaints
            .iter()
            .map(|(reason, field, said)| json!({ "reason": reason, "message": said, "field": field }))
            .collect();
        let mut details = json!({ "kind": kind, "causes": causes });
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        let message = format!("{qualified} \"{name}\" is invalid: {said}");
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message.into())
    }

    /// 500 of what the real server did not expect to be wrong.
    pub(super) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(500, "", message.into())
    }

    /// 422 of a patch that does not fit the object.
    pub(super) fn unfit() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self { details: Some(json!({})), ..Self::new(422, "Invalid", message) }
    }

    /// 410: the history that would be needed is gone.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message.into())
    }

    /// 504: a version that has not come yet. The real server waits some seconds for it first.
    pub(super) fn too_new(message: &str) -> Self {
        let cause = json!({
            "reason": "ResourceVersionTooLarge", "message": "Too large resource version",
        });
        let details = json!({ "causes": [cause], "retryAfterSeconds": 1 });
        let message = format!("Timeout: {message}");
        Self { details: Some(details), ..Self::new(504, "Timeout", message) }
    }

    /// 401.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized".to_owned())
    }

    /// 405.
    pub(super) fn method() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self { details: Some(json!({})), ..Self::new(405, "MethodNotAllowed", message) }
    }

    /// 415.
    pub(super) fn media(kind: &Kind) -> Self {
        if !kind.traits.builtin {
            let message = "the body of the request was in an unknown format - accepted media types \
                           include: application/json-patch+json, application/merge-patch+json, \
                           application/apply-patch+yaml";
            return Self::new(415, "UnsupportedMediaType", message.to_owned());
        }
        let message = "415: Unsupported Media Type".to_owned();
        Self { details: Some(json!({})), ..Self::new(415, "UnsupportedMediaType", message) }
    }

    /// 429, which the real server answers in plain text.
    pub(super) fn throttled() -> Self {
        let message = "Too many requests, please try again later.\n".to_owned();
        Self { plain: true, ..Self::new(429, "", message) }
    }

    /// 503 while a cluster is cut off.
    pub(super) fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request".to_owned();
        Self::new(503, "ServiceUnavailable", message)
    }

    /// The `Status`.
    pub(super) fn status(&self) -> Value {
        let mut metadata = json!({});
        if let Some(token) = &self.resume {
            metadata["continue"] = json!(token);
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }

    /// The answer.
    pub(super) fn response(&self) -> Response {
        let plain = self.plain;
        let body = if plain { self.message.clone() } else { self.status().to_string() };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content = if plain { "text/plain; charset=utf-8" } else { "application/json" };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content));
        if self.code == 429 {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}
