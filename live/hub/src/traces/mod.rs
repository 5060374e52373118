//! Traces: what the service did and how long it took, sent to a collector by OTLP over HTTP where an endpoint is named.
//!
//! `from` says where they go, of live.yaml and of the variables that OpenTelemetry has for it; `queue` is what waits, bounded, and
//! `outlet` how it is sent. `turns` tells of the desk, from a decision to its commits, and `requests` of the API. Whoever tells
//! something never waits: what is too much is dropped and counted. Where there is no endpoint, nothing of it is made.

mod from;
mod outlet;
mod queue;
mod requests;
mod turns;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use reqwest::Url;

pub(crate) use self::from::{at_or_below, endpoint_of};
pub(crate) use self::outlet::headers;
pub(crate) use self::queue::Tally;
pub(crate) use self::requests::Telling;
pub(crate) use self::turns::Turns;

use self::from::From;

/// What live.yaml says of traces. What it does not say is as the variables have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where they go: all of the URL.
    pub endpoint: Option<Url>,
    /// The file with headers for each request, a line each.
    pub headers_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// How many of a thousand traces are sent that nobody else began.
    pub permille: Option<u16>,
}

/// Where what the service does is told. Cheap to clone; what is told goes nowhere unless it was [begun](Self::begin).
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<On>>);

struct On {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    tally: Arc<Tally>,
}

/// What something was done for, in a trace; nothing where nobody traces it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parent(Option<SpanContext>);

/// Something that was done, as it is told.
#[derive(Debug)]
pub(crate) struct Done {
    name: Cow<'static, str>,
    kind: SpanKind,
    began: SystemTime,
    ended: SystemTime,
    attributes: Vec<KeyValue>,
    links: Vec<SpanContext>,
    failed: Option<String>,
}

impl Traces {
    /// Begins to send, where live.yaml or the environment names an endpoint. What is wrong with the environment is a line
    /// in the log: no service stops for its traces.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    #[must_use]
    pub fn begin(options: &Options) -> Self {
        let said = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let from = match From::read(options, said) {
            Ok(Some(from)) => from,
            Ok(None) => return Self::default(),
            Err(why) => {
                tracing::warn!("no traces are sent: {why}");
                return Self::default();
            }
        };
        for warning in &from.warnings {
            tracing::warn!("{warning}");
        }
        // Some want a key in it.
        let mut endpoint = from.endpoint.clone();
        endpoint.set_query(None);
        match queue::provider(from) {
            Ok((provider, tally)) => {
                tracing::info!(%endpoint, "traces are sent");
                let scope = InstrumentationScope::builder("periplus");
                let scope = scope.with_version(env!("CARGO_PKG_VERSION")).build();
                let tracer = provider.tracer_with_scope(scope);
                Self(Some(Arc::new(On { provider, tracer, tally })))
            }
            Err(why) => {
                tracing::warn!("no traces are sent: {why}");
                Self::default()
            }
        }
    }

    /// Whether anything is told at all.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// How many were sent, and how many were not.
    pub(crate) fn tally(&self) -> Option<&Tally> {
        self.0.as_deref().map(|on| &*on.tally)
    }

    /// Tells of something that was done. Gives what goes on from it.
    pub(crate) fn tell(&self, done: Done, parent: &Parent) -> Parent {
        let Some(on) = &self.0 else { return Parent::default() };
        let Done { name, kind, began, ended, attributes, links, failed } = done;
        let links = links.into_iter().map(|to| Link::new(to, Vec::new(), 0)).collect();
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(began)
            .with_attributes(attributes)
            .with_links(links);
        let mut span = on.tracer.build_with_context(builder, &parent.context());
        if let Some(why) = failed {
            span.set_status(Status::error(why));
        }
        let told = Parent(Some(span.span_context().clone()));
        span.end_with_timestamp(ended);
        told
    }

    /// Sends what still waits, for so long at most. What is told later goes nowhere.
    pub async fn finish(&self, within: Duration) {
        let Some(on) = self.0.clone() else { return };
        let ended = tokio::task::spawn_blocking(move || on.provider.shutdown_with_timeout(within));
        if !matches!(ended.await, Ok(Ok(()))) {
            tracing::debug!("not all traces were sent before the end");
        }
    }
}

impl Drop for On {
    fn drop(&mut self) {
        // Otherwise the provider would wait for its endpoint, whoever it is that ends.
        let _ = self.provider.shutdown_with_timeout(Duration::ZERO);
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Traces").field(&self.is_on()).finish()
    }
}

impl Parent {
    /// As what is begun under it has it.
    fn context(&self) -> Context {
        match &self.0 {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        }
    }
}

impl Done {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, began: SystemTime) -> Self {
        let (kind, ended) = (SpanKind::Internal, SystemTime::now());
        let (attributes, links, failed) = (Vec::new(), Vec::new(), None);
        Self { name: name.into(), kind, began, ended, attributes, links, failed }
    }

    /// It was asked of somebody else.
    pub(crate) fn of_another(self) -> Self {
        Self { kind: SpanKind::Client, ..self }
    }

    pub(crate) fn until(self, ended: SystemTime) -> Self {
        Self { ended, ..self }
    }

    pub(crate) fn with(
        mut self,
        key: &'static str,
        value: impl Into<opentelemetry::Value>,
    ) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// It has to do with this as well.
    pub(crate) fn linked(mut self, to: impl IntoIterator<Item = Parent>) -> Self {
        self.links.extend(to.into_iter().filter_map(|parent| parent.0));
        self
    }

    pub(crate) fn failed(self, why: Option<String>) -> Self {
        Self { failed: why, ..self }
    }
}

/// A number as attributes have it.
pub(crate) fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
