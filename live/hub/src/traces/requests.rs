//! What the API answers, as traces. A caller's trace goes on: who asks may send a `traceparent`
//! (<https://www.w3.org/TR/trace-context/>).

use std::time::SystemTime;

use axum::http::{HeaderMap, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;

use super::{Parent, Traces};

/// A request that is answered. Nothing of it is told where nobody traces.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    span: Option<Span>,
    /// What is told only if it fails.
    quiet: Option<(Traces, SpanBuilder)>,
}

/// How much is told of requests to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// All of them.
    All,
    /// Those that fail inside, and those that somebody else traces: there are many of the others, and each says little.
    Few,
}

impl Traces {
    /// A request is begun.
    pub(crate) fn request(
        &self,
        (method, route, path): (&'static str, Option<&str>, &str),
        headers: &HeaderMap,
        telling: Telling,
    ) -> Asked {
        let Some(on) = &self.0 else { return Asked::default() };
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes = vec![
            KeyValue::new("http.request.method", if method == "other" { "_OTHER" } else { method }),
            KeyValue::new("url.path", path.to_owned()),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(SystemTime::now())
            .with_attributes(attributes);
        let caller = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &HeaderExtractor(headers));
        if telling == Telling::Few && !caller.span().span_context().is_sampled() {
            return Asked { span: None, quiet: Some((self.clone(), builder)) };
        }
        Asked { span: Some(on.tracer.build_with_context(builder, &caller)), quiet: None }
    }
}

impl Asked {
    /// What goes on from it.
    pub(crate) fn parent(&self) -> Parent {
        Parent(self.span.as_ref().map(|span| span.span_context().clone()))
    }

    /// It is answered.
    pub(crate) fn answered(self, status: StatusCode) {
        let Self { span, quiet } = self;
        let failed = status.is_server_error();
        let late = quiet.filter(|_| failed).and_then(|(traces, builder)| {
            let on = traces.0.as_ref()?;
            Some(on.tracer.build_with_context(builder, &Context::new()))
        });
        let Some(mut span) = span.or(late) else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if failed {
            span.set_attribute(KeyValue::new("error.type", status.as_u16().to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}
