//! Logs, traces and metrics: set up once, before anything else runs.
//!
//! Logs go to stderr, as text or JSON. Metrics are one set of OpenTelemetry instruments with two readers: `/metrics`
//! (Prometheus text) and, when configured, OTLP. Traces go to OTLP only: one span a round, one a provider call.
//!
//! OTLP is sent over HTTP by threads of the SDK, with a blocking client of their own; spans reach them through a
//! bounded queue that drops when it is full. A collector that is down or slow costs spans and a log line, never time of
//! the loop.

mod export;
mod instruments;
mod snapshot;
pub mod table;

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::SdkTracerProvider;
use policies::units::Span;
use prometheus::Registry;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use export::Watched;
pub use instruments::Instruments;
pub use snapshot::observe;

/// Label sets per instrument. The SDK's own limit of 2,000 folds the rest into one series; a fleet over 5,000 pools
/// needs one set for each.
const CARDINALITY: usize = 8_000;

/// An export that takes longer has failed. Metrics come again with the next one.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The last export may take this time, after which the process ends without it.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// What is logged, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logs {
    /// One JSON object a line, in place of text.
    pub json: bool,
    /// The least important level shown, as `tracing` names it. `SPOTFLEET_LOG` overrides it with a filter of the form
    /// `info,providers=debug`.
    pub level: String,
}

/// Where traces and metrics are pushed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Otlp {
    /// Base URL of the collector's HTTP receiver, without `/v1/...`.
    pub endpoint: String,
    /// How often metrics are pushed.
    pub interval: Span,
}

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level or `SPOTFLEET_LOG` is no filter.
    #[error(
        "the log filter `{filter}` cannot be read: {text}: write a level such as `info`, or `info,providers=debug`"
    )]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong.
        text: String,
    },
    /// The endpoint or the SDK refuses.
    #[error("OTLP export to {endpoint} cannot be set up: {text}: check `daemon.otlp`")]
    Otlp {
        /// As given.
        endpoint: String,
        /// What is wrong.
        text: String,
    },
    /// Two registrations of one name: a bug.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(String),
}

/// What must live as long as the process.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logs, metrics and, when configured, OTLP, for the whole process. To be called outside the async runtime,
    /// before providers are made: their guards take the global meter.
    ///
    /// # Errors
    /// When the filter or the endpoint cannot be used.
    pub fn start(logs: &Logs, otlp: Option<&Otlp>) -> Result<Self, TelemetryError> {
        let resource = Resource::builder()
            .with_service_name("spotfleet")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let registry = Registry::new();
        let meters = meters(&registry, &resource, otlp)?;
        opentelemetry::global::set_meter_provider(meters.clone());
        let tracers = otlp.map(|otlp| tracers(otlp, resource)).transpose()?;
        subscribe(logs, tracers.as_ref())?;
        Ok(Self { registry, meters, tracers })
    }

    /// What `/metrics` gives.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Sends what is left, within a few seconds. To be called outside the async runtime.
    pub fn stop(self) {
        let Self { registry: _, meters, tracers } = self;
        let (done, wait) = std::sync::mpsc::channel();
        // In a thread of its own, because a collector that does not answer must not keep the process.
        std::thread::spawn(move || {
            if let Some(tracers) = tracers {
                let _ = tracers.shutdown_with_timeout(LAST_EXPORT);
            }
            let _ = meters.shutdown_with_timeout(LAST_EXPORT);
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(LAST_EXPORT);
    }
}

fn meters(registry: &Registry, resource: &Resource, otlp: Option<&Otlp>) -> Result<SdkMeterProvider, TelemetryError> {
    let metrics = |error: &dyn std::fmt::Display| TelemetryError::Metrics(error.to_string());
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .without_target_info()
        .build()
        .map_err(|e| metrics(&e))?;
    let mut builder = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(prometheus)
        .with_view(|_: &Instrument| Stream::builder().with_cardinality_limit(CARDINALITY).build().ok());
    if let Some(otlp) = otlp {
        let exporter = opentelemetry_otlp::MetricExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/metrics", otlp.endpoint))
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|e| refused(otlp, &e))?;
        let reader = PeriodicReader::builder(Watched::new("metrics", &otlp.endpoint, exporter))
            .with_interval(Duration::from_millis(otlp.interval.as_millis()))
            .build();
        builder = builder.with_reader(reader);
    }
    Ok(builder.build())
}

fn tracers(otlp: &Otlp, resource: Resource) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", otlp.endpoint))
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|e| refused(otlp, &e))?;
    let exporter = Watched::new("traces", &otlp.endpoint, exporter);
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

fn refused(otlp: &Otlp, error: &dyn std::fmt::Display) -> TelemetryError {
    TelemetryError::Otlp { endpoint: otlp.endpoint.clone(), text: error.to_string() }
}

fn subscribe(logs: &Logs, tracers: Option<&SdkTracerProvider>) -> Result<(), TelemetryError> {
    let filter = std::env::var("SPOTFLEET_LOG").unwrap_or_else(|_| logs.level.clone());
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.clone(), text: error.to_string() })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if logs.json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).compact().boxed()
    };
    // Ours only: the spans of an HTTP client that exports spans would make more spans to export.
    let ours = Targets::new()
        .with_targets(["spotfleet", "providers", "policies", "config"].map(|target| (target, LevelFilter::INFO)));
    let spans = tracers.map(|t| tracing_opentelemetry::layer().with_tracer(t.tracer("spotfleet")).with_filter(ours));
    // A second start in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init();
    Ok(())
}
