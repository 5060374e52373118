//! `/v1/why` and `/v1/decisions`: what the program around the API says of decisions.

use axum::extract::State;
use axum::routing::get;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::Need;
use super::extract::{Answer, Said};
use super::problem::Problem;
use super::routes::{Gives, Route};
use super::{Api, When, WhyQuestion};

/// Why an app is, or is not, where it is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Why")]
struct Why {
    /// The same as `periplus why --format json` says.
    why: Value,
}

/// Decisions.
#[derive(Serialize, JsonSchema)]
struct Decisions {
    /// Decisions, in order.
    decisions: Value,
}

/// What is asked about.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// The app.
    app: String,
    /// The cluster, if one is meant.
    cluster: Option<String>,
    /// The zone, if only its users are meant.
    zone: Option<String>,
    /// The last decision up to this time, in RFC 3339.
    at: Option<String>,
    /// The decision in this record.
    seq: Option<u64>,
}

/// Which decisions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecisionsQuery {
    /// From this record on; the last ones if it is left out.
    from: Option<u64>,
    /// How many at most: 1 to 1000.
    #[serde(default = "some")]
    limit: usize,
    /// Those about one app only.
    app: Option<String>,
}

const LIMIT_MAX: usize = 1_000;

fn some() -> usize {
    100
}

pub(super) fn routes() -> Vec<Route> {
    let why = Gives::json::<Why>();
    let decisions = Gives::json::<Decisions>();
    vec![
        Route::get(
            "/v1/why",
            Need::Read,
            "Why an app is, or is not, where it is",
            why,
            get(answer_why),
        )
        .asking::<WhyQuery>(),
        Route::get(
            "/v1/decisions",
            Need::Read,
            "What was decided, and why",
            decisions,
            get(answer_decisions),
        )
        .asking::<DecisionsQuery>(),
    ]
}

async fn answer_why(
    State(api): State<Api>,
    Said(query): Said<WhyQuery>,
) -> Result<Answer<Why>, Problem> {
    let WhyQuery { app, cluster, zone, at, seq } = query;
    let when = match (at, seq) {
        (None, None) => When::Last,
        (None, Some(seq)) => When::Record(seq),
        (Some(at), None) => When::At(time(&at, "at")?),
        (Some(_), Some(_)) => {
            return Err(Problem::wrong("`at` and `seq` are both given", "leave one of them out"));
        }
    };
    let question = WhyQuestion { app, cluster, zone, when };
    let why = api.explained(move |explain| explain.why(&question)).await?;
    Ok(Answer::new(Why { why }))
}

async fn answer_decisions(
    State(api): State<Api>,
    Said(query): Said<DecisionsQuery>,
) -> Result<Answer<Decisions>, Problem> {
    let DecisionsQuery { from, limit, app } = query;
    let limit = within("limit", limit, LIMIT_MAX)?;
    let asked = api.explained(move |explain| explain.decisions(from, limit, app.as_deref()));
    Ok(Answer::new(Decisions { decisions: asked.await? }))
}

/// A time in milliseconds since 1970-01-01 UTC.
pub(super) fn time(text: &str, name: &str) -> Result<i64, Problem> {
    text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|_| {
        let shown: String = text.chars().take(TIME_SHOWN_MAX).collect();
        let hint = "write for example `2026-11-27T10:00:00Z`";
        Problem::wrong(format!("`{name}`: `{shown}` is not a time in RFC 3339"), hint)
    })
}

const TIME_SHOWN_MAX: usize = 40;

/// A number from 1 to the most.
pub(super) fn within(name: &str, said: usize, most: usize) -> Result<usize, Problem> {
    if (1..=most).contains(&said) {
        return Ok(said);
    }
    let message = format!("`{name}`: {said} is not 1 to {most}");
    Err(Problem::wrong(message, format!("write a number from 1 to {most}, or leave it out")))
}
