//! Says when exports fail: the SDK itself is silent about it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::{info, warn};

/// An exporter that logs once when exports begin to fail and once when they work again.
#[derive(Debug)]
pub(super) struct Watched<E> {
    inner: E,
    what: &'static str,
    endpoint: String,
    failing: AtomicBool,
}

impl<E> Watched<E> {
    pub(super) fn new(what: &'static str, endpoint: &str, inner: E) -> Self {
        Self { inner, what, endpoint: endpoint.to_owned(), failing: AtomicBool::new(false) }
    }

    fn note(&self, result: &OTelSdkResult) {
        let Self { what, endpoint, .. } = self;
        match result {
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => info!(what, endpoint, "OTLP export works again"),
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                warn!(what, endpoint, %error, "OTLP export fails; said once until it works again");
            }
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        self.note(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.inner.export(metrics).await;
        self.note(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
