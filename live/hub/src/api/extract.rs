//! What requests say: paths, queries and bodies, and the problem where they cannot be read.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::Problem;
use super::{Api, VERSION};

/// An answer, with the version of its form.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Answer")]
pub(super) struct Answer<T> {
    /// The version of this form of answers.
    version: u32,
    #[serde(flatten)]
    answer: T,
}

impl<T> Answer<T> {
    pub(super) fn new(answer: T) -> Self {
        Self { version: VERSION, answer }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// What the query says.
pub(super) struct Said<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Said<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(said)) => Ok(Self(said)),
            Err(wrong) => Err(Problem::wrong(wrong.body_text(), OPENAPI)),
        }
    }
}

/// The name that the path ends with.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(wrong) => Err(Problem::wrong(wrong.body_text(), OPENAPI)),
        }
    }
}

const OPENAPI: &str = "GET /openapi.json says what may be asked";

impl Api {
    /// The body of a request, as JSON of at most so many bytes.
    pub(super) async fn body<T: DeserializeOwned>(
        &self,
        request: Request,
        bytes_max: usize,
    ) -> Result<T, Problem> {
        let bytes = self.json(request, bytes_max).await?;
        self.read(&bytes)
    }

    /// The body of a request that says that it is JSON, of at most so many bytes.
    pub(super) async fn json(
        &self,
        request: Request,
        bytes_max: usize,
    ) -> Result<Vec<u8>, Problem> {
        let (parts, body) = request.into_parts();
        let is_json = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.as_bytes();
            let kind = kind.split(|byte| *byte == b';').next().unwrap_or(kind);
            kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
        });
        // A page in a browser cannot send it elsewhere without asking first.
        if !is_json {
            let hint = "send JSON, with `Content-Type: application/json`";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "the body is not said to be JSON", hint));
        }
        self.bytes(&parts.headers, body, bytes_max).await
    }

    /// What a body says.
    pub(super) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        serde_json::from_slice(bytes)
            .map_err(|wrong| Problem::wrong(format!("the body cannot be used: {wrong}"), OPENAPI))
    }

    /// The body of a request, of at most so many bytes.
    pub(super) async fn bytes(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<Vec<u8>, Problem> {
        let too_large = || {
            let message = format!("the body has more than {bytes_max} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message, "send it in smaller parts")
        };
        let said = headers.get(CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok());
        if said.is_some_and(|said: usize| said > bytes_max) {
            return Err(too_large());
        }
        match timeout(self.limits().body, to_bytes(body, bytes_max)).await {
            Ok(Ok(bytes)) => Ok(bytes.into()),
            Ok(Err(fault)) => {
                let mut cause: Option<&dyn std::error::Error> = Some(&fault);
                while let Some(one) = cause {
                    if one.to_string().contains("length limit") {
                        return Err(too_large());
                    }
                    cause = one.source();
                }
                Err(Problem::wrong("the body broke off", "send it again"))
            }
            Err(_) => {
                let message = format!("the body took longer than {:?}", self.limits().body);
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, message, "send it at once"))
            }
        }
    }
}
