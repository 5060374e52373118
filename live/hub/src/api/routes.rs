//! The table of routes: what there is, what it needs, takes and gives. The router and the `OpenAPI` document are made of it, so
//! neither has what the other has not.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::access::{Door, Need, admit};
use super::extract::Answer;
use super::{
    Api, apps, clusters, commands, copies, demand, guard, health, log, metrics, openapi, otlp,
    questions, reports, state,
};

/// One thing that may be asked.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) verb: Verb,
    pub(super) need: Need,
    pub(super) summary: &'static str,
    /// What its query may say, as the properties of an object.
    pub(super) query: Option<Form>,
    pub(super) takes: Option<Form>,
    pub(super) status: StatusCode,
    /// The header in which it is signed, and what stands in it.
    pub(super) signature: Option<(&'static str, &'static str)>,
    /// With which other status the same is given.
    pub(super) or: Option<StatusCode>,
    pub(super) gives: Gives,
    pub(super) handler: MethodRouter<Api>,
}

/// The form of something that is said.
pub(super) type Form = fn(&mut SchemaGenerator) -> Schema;

/// What an answer is.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Json(Form),
    /// Text of another type.
    Text(&'static str),
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Get,
    Post,
}

impl Gives {
    /// An answer that is JSON, with its version.
    pub(super) fn json<T: JsonSchema>() -> Self {
        Self::Json(SchemaGenerator::subschema_for::<Answer<T>>)
    }
}

impl Verb {
    /// As `OpenAPI` writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}

impl Route {
    /// A question that takes nothing.
    pub(super) fn get(
        path: &'static str,
        need: Need,
        summary: &'static str,
        gives: Gives,
        handler: MethodRouter<Api>,
    ) -> Self {
        let (verb, status, or) = (Verb::Get, StatusCode::OK, None);
        let (query, takes, signature) = (None, None, None);
        Self { path, verb, need, summary, query, takes, status, signature, or, gives, handler }
    }

    /// Something that is sent, as JSON.
    pub(super) fn post<Takes: JsonSchema, Gets: JsonSchema>(
        path: &'static str,
        need: Need,
        summary: &'static str,
        status: StatusCode,
        handler: MethodRouter<Api>,
    ) -> Self {
        let (verb, query, signature, or) = (Verb::Post, None, None, None);
        let takes: Option<Form> = Some(SchemaGenerator::subschema_for::<Takes>);
        let gives = Gives::json::<Gets>();
        Self { path, verb, need, summary, query, takes, status, signature, or, gives, handler }
    }

    /// It is signed in a header.
    pub(super) fn signed(self, header: (&'static str, &'static str)) -> Self {
        Self { signature: Some(header), ..self }
    }

    /// The same may come with another status.
    pub(super) fn or(self, status: StatusCode) -> Self {
        Self { or: Some(status), ..self }
    }

    /// What its query may say.
    pub(super) fn asking<T: JsonSchema>(self) -> Self {
        Self { query: Some(SchemaGenerator::root_schema_for::<T>), ..self }
    }
}

/// Everything that there is.
pub(super) fn table() -> Vec<Route> {
    [
        health::routes(),
        metrics::routes(),
        state::routes(),
        apps::routes(),
        clusters::routes(),
        questions::routes(),
        log::routes(),
        copies::routes(),
        commands::routes(),
        demand::routes(),
        otlp::routes(),
        reports::routes(),
        openapi::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The router.
pub(super) fn router(api: &Api) -> Router {
    let mut router = Router::new();
    for Route { path, need, handler, .. } in table() {
        let door = Door { api: api.clone(), need };
        router = router.route(path, handler.route_layer(from_fn_with_state(door, admit)));
    }
    router
        .fallback(guard::nothing_here)
        .method_not_allowed_fallback(guard::not_so)
        .layer(from_fn_with_state(api.clone(), guard::guard))
        .layer(from_fn(openapi::mark))
        .with_state(api.clone())
}
