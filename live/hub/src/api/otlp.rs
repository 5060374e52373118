//! `POST /v1/otlp/v1/metrics`: demand as an OpenTelemetry Collector sends metrics, by OTLP over HTTP
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! Which metrics are demand is declared (`api.otlp`); `points` reads what they say. Unlike `POST /v1/demand`, what cannot be used is
//! left out and counted, and the rest is taken: a Collector sends what it has, and does not send it otherwise when it is refused.

mod points;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use periplus_core::input::BATCH_MAX;
use prost::Message;
use schemars::SchemaGenerator;
use serde_json::json;

use self::points::{Looked, Rejected};
use super::Api;
use super::access::Need;
use super::demand::{Checked, sift};
use super::problem::Problem;
use super::routes::{Gives, Route};
use crate::feed::Arrival;
use crate::sighting::{Sight, Sighting};
use crate::signals::NamedBy;

/// A metric that is demand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OtlpMetric {
    /// Its name.
    pub(super) metric: String,
    /// Who measures, as the machine knows them.
    pub(super) source: String,
    pub(super) measures: crate::sighting::Measures,
    /// What says the app of a point.
    pub(super) app: NamedBy,
    /// What says its zone.
    pub(super) zone: NamedBy,
    /// By what a gauge is divided to be a rate per second.
    pub(super) per_seconds: f64,
}

/// How a request is written, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Json,
    Protobuf,
}

/// A Collector sends some thousand points at once, each with all of its attributes.
const BODY_BYTES_MAX: usize = 16 << 20;
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) fn routes() -> Vec<Route> {
    let form = |_: &mut SchemaGenerator| {
        schemars::json_schema!({
            "type": "object",
            "description": "An `ExportMetricsServiceRequest` of OTLP, or its answer; also as `application/x-protobuf`",
        })
    };
    let route = Route::post::<(), ()>(
        "/v1/otlp/v1/metrics",
        Need::Demand,
        "Tell how much users ask for, as an OpenTelemetry Collector",
        StatusCode::OK,
        post(take),
    );
    vec![Route { takes: Some(form), gives: Gives::Json(form), ..route }]
}

async fn take(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let metrics = &api.config().otlp;
    if metrics.is_empty() {
        let hint = "name the metrics that are demand in `api.otlp` of live.yaml";
        let what = "no metric is taken as demand";
        return Err(Problem::new(StatusCode::FORBIDDEN, what, hint));
    }
    let (parts, body) = request.into_parts();
    let encoding = encoding(&parts.headers)?;
    let body = api.bytes(&parts.headers, body, BODY_BYTES_MAX).await?;
    let said: ExportMetricsServiceRequest = match encoding {
        Encoding::Json => api.read(&body)?,
        Encoding::Protobuf => Message::decode(&*body).map_err(|wrong| {
            Problem::wrong(format!("the body cannot be used: {wrong}"), "send OTLP's metrics")
        })?,
    };
    let (looked, mut rejected) = points::read(&said, metrics, api.now_unix_ms());
    tell(&api, looked, &mut rejected).await?;
    Ok(answer(rejected, encoding))
}

/// Tells the machine, a look of a source after the other.
async fn tell(api: &Api, looked: Vec<Looked>, rejected: &mut Rejected) -> Result<(), Problem> {
    let mut batches = Vec::new();
    for Looked { source, measures, as_of_unix_ms, rates } in looked {
        let Some(as_of_unix_ms) = api.shared.sources.advance(&source, as_of_unix_ms)? else {
            let why = format!("`{source}` has told of a much later time already");
            rejected.add(rates.len(), || why);
            continue;
        };
        for rates in rates.chunks(BATCH_MAX) {
            let (source, rates) = (source.clone(), rates.to_vec());
            batches.push(Checked { source, as_of_unix_ms, measures, rates });
        }
    }
    let (known, unknown, shown) = api.ask(move |desk| sift(batches, desk)).await?;
    rejected.add(unknown, || {
        let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
        format!("no such demand is declared: {}", shown.join(", "))
    });
    for Checked { source, as_of_unix_ms, measures, rates } in known {
        let sighting = Sighting { as_of_unix_ms, sight: Sight::Demand { source, measures, rates } };
        if api.parts().feed.try_put(Arrival::Sighting(sighting)).is_err() {
            return Err(Problem::busy("the desk is far behind", "send the same again", 1));
        }
    }
    Ok(())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let refused =
        |what: &str, hint: &str| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what, hint));
    let packed = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if packed.is_some_and(|said| !said.eq_ignore_ascii_case(b"identity")) {
        let hint = "send it as it is: `compression: none` at a Collector's exporter";
        return refused("the body is compressed", hint);
    }
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or(kind).trim_ascii();
    if kind.eq_ignore_ascii_case(PROTOBUF.as_bytes()) {
        Ok(Encoding::Protobuf)
    } else if kind.eq_ignore_ascii_case(JSON.as_bytes()) {
        Ok(Encoding::Json)
    } else {
        let hint = "send it as `application/x-protobuf` or `application/json`";
        refused("the body is not said to be OTLP", hint)
    }
}

/// An answer in the form of the question, as OTLP has it.
fn answer(rejected: Rejected, encoding: Encoding) -> Response {
    let told = rejected.told();
    match encoding {
        Encoding::Protobuf => {
            let partial_success = told.map(|(count, error_message)| ExportMetricsPartialSuccess {
                rejected_data_points: i64::try_from(count).unwrap_or(i64::MAX),
                error_message,
            });
            let answer = ExportMetricsServiceResponse { partial_success };
            ([(CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response()
        }
        // In protobuf's JSON, 64 bits are a text.
        Encoding::Json => axum::Json(told.map_or(json!({}), |(count, why)| {
            json!({"partialSuccess": {"rejectedDataPoints": count.to_string(), "errorMessage": why}})
        }))
        .into_response(),
    }
}
