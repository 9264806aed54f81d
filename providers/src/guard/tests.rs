//! A fake provider behind the guard. No test waits for more than a few milliseconds, and none depends on how long
//! something takes: a call either never ends or ends at once.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use policies::model::{Market, Phase};
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::*;
use crate::LaunchSpec;

/// What the fake does with every call.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Never answers.
    Silent,
    /// Answers at once.
    Prompt,
    /// Refuses at once.
    Refusing,
}

struct Fake {
    name: ProviderName,
    capabilities: Capabilities,
    rates: Rates,
    mood: Mood,
    called: AtomicU32,
}

impl Fake {
    fn new(mood: Mood, deadline: Span, rates: Rates) -> Arc<Self> {
        let capabilities = Capabilities {
            token_lifetime: None,
            visibility_lag: Span::ZERO,
            call_deadline: deadline,
            notice_lead: Span::ZERO,
            launch_batch: 1,
            terminate_batch: 1,
            billing_step: Span::from_secs(1),
            billing_minimum: Span::ZERO,
            free_if_taken_within: Span::ZERO,
        };
        Arc::new(Self { name: "fake".into(), capabilities, rates, mood, called: AtomicU32::new(0) })
    }

    async fn answer<T>(&self, answer: T) -> Result<T, Failure> {
        self.called.fetch_add(1, Ordering::SeqCst);
        match self.mood {
            Mood::Silent => pending().await,
            Mood::Prompt => Ok(answer),
            Mood::Refusing => Err(refusal()),
        }
    }
}

fn refusal() -> Failure {
    Failure::new(FailureKind::NoCapacity, "Fake", "Full", "full")
}

#[async_trait]
impl Provider for Fake {
    fn name(&self) -> &ProviderName {
        &self.name
    }
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn rates(&self) -> Rates {
        self.rates
    }
    async fn offers(&self, _: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        self.answer(pools.iter().map(|pool| Err((pool.clone(), refusal()))).collect()).await
    }
    async fn price_history(&self, _: &Region, _: &[Pool], _: Time) -> Result<Option<Vec<PriceHistory>>, Failure> {
        self.answer(Some(Vec::new())).await
    }
    async fn instances(&self, _: &Region) -> Result<Vec<Instance>, Failure> {
        let one = Instance {
            id: "i-1".into(),
            pool: pool(),
            fleet: "f".into(),
            token: None,
            born: Time::EPOCH,
            phase: Phase::Running,
            protected: false,
        };
        self.answer(vec![one]).await
    }
    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        self.answer(Vec::new()).await
    }
    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let shortfall = (order.count > 1).then(refusal);
        self.answer(Launched { ids: vec!["i-1".into()], shortfall }).await
    }
    async fn terminate(
        &self,
        _: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        self.answer(ids.iter().map(|id| (id.clone(), Ok(()))).collect()).await
    }
}

fn pool() -> Pool {
    Pool::new("fake", "r1", "z1", "t1", Market::Spot)
}

fn order(count: u32) -> Order {
    Order { token: "token-1".into(), fleet: "f".into(), pool: pool(), spec: Arc::new(LaunchSpec::Sim), count }
}

/// A deadline that a silent fake surely passes.
const SHORT: Span = Span::from_millis(5);
/// A deadline that a prompt fake surely keeps.
const LONG: Span = Span::from_secs(60);

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime").block_on(test)
}

#[test]
fn a_silent_launch_or_terminate_is_ambiguous_and_a_silent_read_unavailable() {
    run(async {
        let fake = Fake::new(Mood::Silent, SHORT, Rates::UNLIMITED);
        let mut guarded: Guarded = Guarded::new(fake);
        guarded.notice_wait = Duration::ZERO;
        let region = Region::from("r1");
        let launched = guarded.launch(&order(1)).await.expect_err("silent");
        assert_eq!(launched.kind, FailureKind::Ambiguous);
        assert_eq!(launched.code, "deadline");
        assert_eq!(launched.message, "no answer within 5ms; it may have been carried out");
        let ended = guarded.terminate(&region, &["i-1".into()]).await.expect_err("silent");
        assert_eq!(ended.kind, FailureKind::Ambiguous);
        assert_eq!(guarded.instances(&region).await.expect_err("silent").kind, FailureKind::Unavailable);
        assert_eq!(guarded.offers(&region, &[pool()]).await.expect_err("silent").kind, FailureKind::Unavailable);
        assert_eq!(guarded.notices().await.expect_err("silent").kind, FailureKind::Unavailable);
    });
}

#[test]
fn a_poll_for_notices_outlives_the_deadline_of_other_calls() {
    run(async {
        let guarded: Guarded = Guarded::new(Fake::new(Mood::Silent, SHORT, Rates::UNLIMITED));
        let region = Region::from("r1");
        let read = guarded.instances(&region);
        // The poll began no later than the read; when the read has given up, the poll has not.
        let mut poll = guarded.notices();
        tokio::select! {
            biased;
            answer = &mut poll => panic!("the poll ended first: {answer:?}"),
            answer = read => assert_eq!(answer.expect_err("silent").kind, FailureKind::Unavailable),
        }
    });
}

#[test]
fn answers_and_refusals_pass_unchanged() {
    run(async {
        let region = Region::from("r1");
        let guarded: Guarded = Guarded::new(Fake::new(Mood::Prompt, LONG, Rates::UNLIMITED));
        assert_eq!(guarded.name().as_str(), "fake");
        assert_eq!(guarded.capabilities().call_deadline, LONG);
        assert_eq!(guarded.launch(&order(1)).await.expect("prompt").ids, ["i-1".into()]);
        assert_eq!(guarded.instances(&region).await.expect("prompt").len(), 1);
        let told = guarded.price_history(&region, &[pool()], Time::EPOCH).await.expect("prompt");
        assert_eq!(told, Some(Vec::new()), "what the adapter says, and not what stands for one that tells nothing");
        let refusing: Guarded = Guarded::new(Fake::new(Mood::Refusing, LONG, Rates::UNLIMITED));
        assert_eq!(refusing.launch(&order(1)).await, Err(refusal()));
    });
}

#[test]
fn a_call_without_a_token_in_time_is_held_back_and_never_made() {
    run(async {
        let rates = Rates { launch: Some(Rate::new(1, Span::from_hours(1))), ..Rates::UNLIMITED };
        let fake = Fake::new(Mood::Prompt, LONG, rates);
        let guarded: Guarded = Guarded::new(Arc::clone(&fake) as Arc<dyn Provider>);
        assert!(guarded.launch(&order(1)).await.is_ok());
        let refused = guarded.launch(&order(1)).await.expect_err("the bucket is empty for an hour");
        assert_eq!(refused.kind, FailureKind::Paced);
        assert!(!refused.kind.meaning().may_have_happened);
        let wait = refused.retry_after.expect("it says when");
        assert!(wait > Span::from_mins(50) && wait <= Span::from_millis(3_600_001), "{wait}");
        assert_eq!(fake.called.load(Ordering::SeqCst), 1, "the second call never reached the provider");
        assert!(guarded.terminate(&Region::from("r1"), &[]).await.is_ok(), "other classes go on");
    });
}

#[test]
fn a_call_waits_for_a_token_that_comes_soon() {
    run(async {
        let rates = Rates { read: Some(Rate::new(1, Span::from_millis(5))), ..Rates::UNLIMITED };
        let fake = Fake::new(Mood::Prompt, LONG, rates);
        let guarded: Guarded = Guarded::new(Arc::clone(&fake) as Arc<dyn Provider>);
        for _ in 0..4 {
            assert!(guarded.instances(&Region::from("r1")).await.is_ok());
        }
        assert_eq!(fake.called.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_token_that_comes_after_half_the_deadline_is_not_waited_for() {
    run(async {
        // The token comes after 36 s of a 60 s deadline. Were it waited for, the test would hang for that long.
        let rates = Rates { launch: Some(Rate::new(1, Span::from_secs(36))), ..Rates::UNLIMITED };
        let guarded: Guarded = Guarded::new(Fake::new(Mood::Prompt, LONG, rates));
        assert!(guarded.launch(&order(1)).await.is_ok());
        assert_eq!(guarded.launch(&order(1)).await.expect_err("too late").kind, FailureKind::Paced);
    });
}

#[test]
fn every_way_out_of_a_call_is_counted_once() {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .expect("exporter");
    let meters = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(exporter).build();
    let meter = opentelemetry::metrics::MeterProvider::meter(&meters, "test");
    let region = Region::from("r1");
    run(async {
        let prompt: Guarded = Guarded::metered(Fake::new(Mood::Prompt, LONG, Rates::UNLIMITED), &meter);
        prompt.launch(&order(1)).await.expect("whole");
        prompt.launch(&order(2)).await.expect("in part");
        prompt.offers(&region, &[pool()]).await.expect("an answer, of refusals only");
        let silent: Guarded = Guarded::metered(Fake::new(Mood::Silent, SHORT, Rates::UNLIMITED), &meter);
        silent.launch(&order(1)).await.expect_err("silent");
        let given_up: Guarded = Guarded::metered(Fake::new(Mood::Silent, LONG, Rates::UNLIMITED), &meter);
        tokio::select! {
            biased;
            _ = given_up.terminate(&region, &[]) => panic!("it never answers"),
            () = std::future::ready(()) => {}
        }
    });
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("spotfleet_provider_calls_total{")).collect();
    assert_eq!(
        lines,
        [
            r#"spotfleet_provider_calls_total{class="launch",outcome="ambiguous",provider="fake"} 1"#,
            r#"spotfleet_provider_calls_total{class="launch",outcome="ok",provider="fake"} 1"#,
            r#"spotfleet_provider_calls_total{class="launch",outcome="partial",provider="fake"} 1"#,
            r#"spotfleet_provider_calls_total{class="price",outcome="no-capacity",provider="fake"} 1"#,
            r#"spotfleet_provider_calls_total{class="terminate",outcome="cancelled",provider="fake"} 1"#,
        ],
        "{text}"
    );
    let timed = r#"spotfleet_provider_call_duration_seconds_count{class="launch",provider="fake"} 3"#;
    assert!(text.lines().any(|l| l == timed), "{text}");
}

/// Collects the fields of each span.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Fields>>>);

/// The fields of a span as text.
#[derive(Default, Debug)]
struct Fields(BTreeMap<String, String>);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn core::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, id: &tracing::Id, _: Context<'_, S>) {
        let mut spans = self.0.lock().expect("no panic inside");
        let fields = spans.entry(id.into_u64()).or_default();
        fields.0.insert("name".to_owned(), attributes.metadata().name().to_owned());
        attributes.record(fields);
    }
    fn on_record(&self, id: &tracing::Id, values: &tracing::span::Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().expect("no panic inside");
        values.record(spans.entry(id.into_u64()).or_default());
    }
}

#[test]
fn each_call_is_one_span_that_names_what_was_asked_and_how_it_ended() {
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    tracing::subscriber::with_default(subscriber, || {
        run(async {
            let guarded: Guarded = Guarded::new(Fake::new(Mood::Refusing, LONG, Rates::UNLIMITED));
            guarded.launch(&order(3)).await.expect_err("refusing");
        });
    });
    let spans = spans.0.lock().expect("no panic inside");
    assert_eq!(spans.len(), 1);
    let fields = &spans.values().next().expect("one").0;
    for (name, value) in [
        ("name", "provider_call"),
        ("provider", "fake"),
        ("class", "launch"),
        ("region", "r1"),
        ("pool", "fake/r1/z1/t1/spot"),
        ("token", "token-1"),
        ("count", "3"),
        ("outcome", "no-capacity"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name} in {fields:?}");
    }
    assert!(fields.contains_key("waited_ms"));
}
