//! What waits to be sent: so much, and no more. The library's queue and thread, counted, and with a line in the log now and then
//! for an endpoint that does not take it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::{Context, Key};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
    SpanExporter as Exporter, SpanProcessor,
};
use tokio::runtime::Handle;

use super::from::From;
use super::outlet::Outlet;
use crate::web::Web;

/// How many spans were sent, and how many were not.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    waiting: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
    faults: Mutex<Faults>,
}

/// How it goes wrong.
#[derive(Debug, Default)]
struct Faults {
    last: String,
    /// When that was told, while it lasts.
    told: Option<Instant>,
}

/// How often it is told that an endpoint takes nothing.
const TOLD_EVERY: Duration = Duration::from_mins(10);

/// Who sends, and how it goes.
pub(super) fn provider(from: From) -> Result<(SdkTracerProvider, Arc<Tally>), String> {
    let From { endpoint, headers_file, ca_file, permille, timeout, waiting_max, warnings: _ } =
        from;
    let tally = Arc::new(Tally::default());
    let outlet = Outlet {
        runtime: Handle::current(),
        headers_file,
        timeout,
        tally: Arc::clone(&tally),
        web: Mutex::new(Web::new(ca_file, |plain| plain)),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(outlet)
        .with_endpoint(endpoint)
        .with_timeout(timeout)
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|fault| fault.to_string())?;
    let watched = Watched { exporter, tally: Arc::clone(&tally) };
    let batches = BatchConfigBuilder::default().with_max_queue_size(waiting_max).build();
    let bounded = Bounded {
        inner: BatchSpanProcessor::new(watched, batches),
        waiting_max,
        tally: Arc::clone(&tally),
    };
    let mut builder =
        SdkTracerProvider::builder().with_span_processor(bounded).with_resource(resource());
    if let Some(permille) = permille {
        let part = Sampler::TraceIdRatioBased(f64::from(permille) / 1_000.0);
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(part)));
    }
    Ok((builder.build(), tally))
}

/// Who we are: as the environment says, and otherwise by our name and version.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let is_versioned = said.get(&Key::from_static_str("service.version")).is_some();
    let mut resource = Resource::builder();
    if !is_named {
        resource = resource.with_service_name("periplus");
    }
    if !is_versioned {
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        resource = resource.with_attribute(version);
    }
    resource.build()
}

impl Tally {
    /// Spans that a collector took.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans that no collector took.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn note_fault(&self, why: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).last = why;
    }

    fn took(&self, count: usize) {
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.told.take().is_some() {
            tracing::info!(dropped = self.dropped(), "traces are taken again");
        }
    }

    fn took_not(&self, count: usize, what: &str) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            let why = if faults.last.is_empty() { what } else { &*faults.last };
            tracing::warn!(why, dropped = self.dropped(), "traces are not taken");
            faults.told = Some(Instant::now());
        }
    }
}

/// A queue that drops what is too much, and counts it.
#[derive(Debug)]
struct Bounded {
    inner: BatchSpanProcessor,
    waiting_max: usize,
    tally: Arc<Tally>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // What is being sent counts as waiting.
        if self.tally.waiting.fetch_add(1, Ordering::AcqRel) >= self.waiting_max {
            self.tally.waiting.fetch_sub(1, Ordering::AcqRel);
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter that says how it goes.
#[derive(Debug)]
struct Watched {
    exporter: SpanExporter,
    tally: Arc<Tally>,
}

impl Exporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.exporter.export(batch).await;
        self.tally.waiting.fetch_sub(count, Ordering::AcqRel);
        match &sent {
            Ok(()) => self.tally.took(count),
            Err(fault) => self.tally.took_not(count, &fault.to_string()),
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_too_much_is_dropped_and_counted_and_nobody_waits() {
        // It takes connections, and answers nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", silent.local_addr().unwrap());
        let from = From {
            endpoint: endpoint.parse().unwrap(),
            headers_file: None,
            ca_file: None,
            permille: Some(1_000),
            timeout: Duration::from_secs(60),
            waiting_max: 4,
            warnings: Vec::new(),
        };
        let (provider, tally) = provider(from).unwrap();
        let tracer = provider.tracer("a test");
        let began = Instant::now();
        for _ in 0..1_000 {
            drop(tracer.start("a"));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!((tally.sent(), tally.dropped()), (0, 996));
        let began = Instant::now();
        assert!(provider.shutdown_with_timeout(Duration::from_millis(50)).is_err());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
