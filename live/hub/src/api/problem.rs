//! A problem: an answer that says no. It says what is wrong and what to do, as JSON, with the status that fits.

use std::fmt::Display;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::VERSION;
use super::explain::Refused;

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    message: String,
    hint: String,
    retry_after_s: Option<u32>,
    /// How somebody says who they are, where that is not known.
    scheme: &'static str,
}

/// Nothing is called so. It is found out on the desk's thread, and made a [`Problem`] elsewhere: to look for what may have
/// been meant takes its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    kind: &'static str,
    name: String,
    known: Vec<String>,
}

/// An answer that says no.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct Told {
    /// The version of this form of answers.
    version: u32,
    /// What is wrong.
    error: Text,
}

/// What is wrong, and what to do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorText")]
struct Text {
    /// What is wrong.
    message: String,
    /// What to do.
    hint: String,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            message: message.into(),
            hint: hint.into(),
            retry_after_s: None,
            scheme: "Bearer",
        }
    }

    /// It is not signed by whom it should be, or not now.
    pub(super) fn unsigned(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { scheme: "HMAC-SHA256", ..Self::new(StatusCode::UNAUTHORIZED, message, hint) }
    }

    /// What was asked cannot be.
    pub(super) fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message, hint)
    }

    /// It may be possible later.
    pub(super) fn busy(message: impl Into<String>, hint: impl Into<String>, after_s: u32) -> Self {
        let retry_after_s = Some(after_s);
        Self { retry_after_s, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message, hint) }
    }

    /// It as JSON.
    pub(super) fn told(&self) -> Told {
        let (message, hint) = (self.message.clone(), self.hint.clone());
        Told { version: VERSION, error: Text { message, hint } }
    }
}

impl Missing {
    /// Nothing of this kind is called so, but there are these.
    pub(super) fn new<'a>(
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self { kind, name: short(name), known: known.map(str::to_owned).collect() }
    }
}

impl From<Missing> for Problem {
    /// Names what is near, or some of what there is.
    fn from(Missing { kind, name, known }: Missing) -> Self {
        let message = format!("no {kind} is called `{name}`");
        Self::new(StatusCode::NOT_FOUND, message, near(&name, &known, kind))
    }
}

/// What somebody sent, as far as it is sent back.
pub(super) fn short(said: &str) -> String {
    said.chars().take(NAME_SHOWN_MAX).collect()
}

/// How much of a wrong name is shown.
const NAME_SHOWN_MAX: usize = 80;
/// How many names are listed.
const LISTED_MAX: usize = 10;

/// The names that may have been meant.
fn near(name: &str, known: &[String], kind: &str) -> String {
    let most = name.len().div_ceil(3);
    // What is much longer or shorter is far away.
    let similar = known.iter().filter(|one| one.len().abs_diff(name.len()) <= most);
    let close = similar.map(|one| (strsim::damerau_levenshtein(one, name), one)).min();
    if let Some((_, close)) = close.filter(|(far, _)| *far <= most) {
        return format!("did you mean `{close}`?");
    }
    if known.is_empty() {
        return format!("there is no {kind} yet");
    }
    let listed: Vec<String> = known.iter().take(LISTED_MAX).map(|one| format!("`{one}`")).collect();
    let more = known.len() - listed.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("there is {}{more}", listed.join(", "))
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (status, message, hint) = match refused {
            Refused::Unknown { message, hint } => (StatusCode::NOT_FOUND, message, hint),
            Refused::Wrong { message, hint } => (StatusCode::BAD_REQUEST, message, hint),
            Refused::Failed { message, hint } => (StatusCode::INTERNAL_SERVER_ERROR, message, hint),
        };
        Self::new(status, message, hint)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.told())).into_response();
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(self.scheme));
        }
        answer
    }
}

/// What went wrong inside, which nobody who asks can mend.
pub(super) fn internal(what: impl Display) -> Problem {
    tracing::error!("{what}");
    let hint = "the service's own log says more; please report it";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed at this request", hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(name: &str, known: &[&str]) -> String {
        Problem::from(Missing::new("cluster", name, known.iter().copied())).hint
    }

    #[test]
    fn a_wrong_name_is_answered_with_what_may_have_been_meant() {
        assert_eq!(hint("egde-1", &["edge-2", "edge-1", "cloud"]), "did you mean `edge-1`?");
        assert_eq!(hint("moon", &["edge-2", "cloud"]), "there is `edge-2`, `cloud`");
        assert_eq!(hint("moon", &[]), "there is no cluster yet");
        let many: Vec<String> = (0..12).map(|number| format!("edge-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(hint("moon", &many).ends_with("`edge-9` and 2 more"));
        let long = Missing::new("app", &"x".repeat(1_000), std::iter::empty());
        assert!(Problem::from(long).message.len() < 120);
    }
}
