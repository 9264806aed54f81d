//! Demand sources against a real Prometheus, a real RabbitMQ, and moto's SQS.

use std::sync::Arc;
use std::time::Duration;

use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::units::{Span, Time};
use providers::demand::{HttpEndpoint, PrometheusSpec, RabbitMqSpec, Source, SourceSpec, open};
use providers::workers::WorkersSpec;
use spotfleet_tests::peer::until;
use spotfleet_tests::prometheus::PrometheusServer;
use spotfleet_tests::rabbitmq::RabbitMqServer;

const AT: Time = Time::from_millis(7);

/// A timeout that no test reaches.
const NEVER: Span = Span::from_secs(60);

/// How soon a server that gathers numbers each second has gathered them; it takes a few seconds.
const GATHERED: Duration = Duration::from_secs(60);

/// Runs a reading to its end on a runtime of its own, which stays for the next one: connections live on it.
struct Reader(tokio::runtime::Runtime, Arc<dyn Source>);

impl Reader {
    fn new(spec: &SourceSpec) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(runtime.expect("runtime"), open(spec).expect("usable"))
    }

    fn read(&self) -> Result<Sample, Failure> {
        self.0.block_on(self.1.measure(AT))
    }

    fn counts(&self) -> Result<(u64, u64, Option<u64>), Failure> {
        self.read().map(|sample| (sample.waiting, sample.in_flight, sample.arrived_total))
    }

    fn value(&self) -> Result<u64, Failure> {
        self.0.block_on(self.1.value())
    }

    fn refusal(&self) -> (FailureKind, String) {
        let failure = self.read().expect_err("not readable");
        (failure.kind, failure.to_string())
    }
}

fn endpoint(url: &str) -> HttpEndpoint {
    HttpEndpoint { url: url.into(), token: None, allow_http: false }
}

fn query(server: &PrometheusServer, query: &str) -> Reader {
    let endpoint = endpoint(&server.url());
    Reader::new(&SourceSpec::Prometheus(PrometheusSpec { endpoint, query: query.to_owned(), timeout: NEVER }))
}

#[test]
#[ignore = "needs prometheus: cargo xtask test"]
fn prometheus_gives_the_value_of_a_query() {
    let mut server = PrometheusServer::start();
    // A vector of nothing: nobody exports it yet.
    let sum = query(&server, "sum(jobs_waiting)");
    let (kind, text) = sum.refusal();
    assert_eq!(kind, FailureKind::Gone, "{text}");
    server.export("jobs_waiting{queue=\"a\"} 12.25\njobs_waiting{queue=\"b\"} 3\n");
    until("it is scraped", GATHERED, || sum.read().ok());
    assert_eq!(sum.counts(), Ok((16, 0, None)));
    assert_eq!(sum.value(), Ok(15_250));
    assert_eq!(query(&server, "scalar(sum(jobs_waiting)) * 1e15").value(), Ok(15_250_000_000_000_000_000));
    assert_eq!(query(&server, "sum(jobs_missing) or vector(0)").counts(), Ok((0, 0, None)));
    for (written, kind, part) in [
        ("jobs_waiting", FailureKind::Invalid, "gives 2 samples"),
        ("jobs_missing", FailureKind::Gone, "gives nothing"),
        ("jobs_waiting[5m]", FailureKind::Invalid, "gives a matrix"),
        ("\"many\"", FailureKind::Invalid, "gives a string"),
        ("0 / 0", FailureKind::Invalid, "NaN"),
        ("-1 / 0", FailureKind::Invalid, "not finite"),
        ("scalar(jobs_missing)", FailureKind::Invalid, "NaN"),
        ("vector(-1)", FailureKind::Invalid, "negative"),
        ("sum(", FailureKind::Invalid, "parse error"),
    ] {
        let (found, text) = query(&server, written).refusal();
        assert_eq!(found, kind, "{written}: {text}");
        assert!(text.contains(part), "{written}: {text}");
    }
    server.stop();
    let (kind, text) = sum.refusal();
    assert_eq!(kind, FailureKind::Unavailable, "{text}");
}

#[test]
#[ignore = "needs prometheus: cargo xtask test"]
fn prometheus_tells_which_machines_are_busy() {
    let server = PrometheusServer::start();
    let workers = |written: &str, label: &str| {
        let query = PrometheusSpec { endpoint: endpoint(&server.url()), query: written.to_owned(), timeout: NEVER };
        let spec = WorkersSpec::Metric { query, label: label.to_owned() };
        providers::workers::open(&spec).expect("usable")
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let running = workers("sum by (machine) (jobs_running)", "machine");
    let read = || runtime.block_on(running.read()).expect("readable");
    assert_eq!(read().len(), 0, "nobody exports it yet");
    server.export("jobs_running{machine=\"i-1\",slot=\"a\"} 0\njobs_running{machine=\"i-1\",slot=\"b\"} 2\njobs_running{machine=\"i-2\"} 0\n");
    let told = until("it is scraped", GATHERED, || Some(read()).filter(|told| !told.is_empty()));
    let told: Vec<_> = told.iter().map(|(id, work)| (id.as_str(), work.name())).collect();
    assert_eq!(told, [("i-1", "busy"), ("i-2", "idle")]);
    for (written, label, part) in [
        ("sum(jobs_running)", "machine", "a sample without the label `machine`"),
        ("jobs_running", "instance_id", "a sample without the label `instance_id`"),
        ("scalar(sum(jobs_running))", "machine", "gives a scalar"),
        ("sum(", "machine", "parse error"),
    ] {
        let failure = runtime.block_on(workers(written, label).read()).expect_err(written);
        assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[test]
#[ignore = "needs rabbitmq: cargo xtask test"]
fn rabbitmq_gives_what_waits_and_what_is_in_work() {
    let server = RabbitMqServer::start();
    server.add_watcher("watcher", "open-sesame");
    server.add_queue("jobs");
    server.add_queue("a%2Fb%20%3F");
    let reader = |login: &str, vhost: &str, queue: &str| {
        let endpoint = endpoint(&server.url(login));
        let (vhost, queue) = (vhost.to_owned(), queue.to_owned());
        Reader::new(&SourceSpec::RabbitMq(RabbitMqSpec { endpoint, vhost, queue, timeout: NEVER }))
    };
    let jobs = reader("watcher:open-sesame", "/", "jobs");
    // The numbers of a new queue are not there at once, and then they are missing and not zero.
    let numbers = |wanted: (u64, u64, Option<u64>)| {
        until("its numbers are gathered", GATHERED, || match jobs.counts() {
            Ok(counts) => (counts == wanted).then_some(()),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
                assert!(failure.message.contains("no numbers of queue `jobs` of vhost `/` yet"), "{failure}");
                None
            }
        });
    };
    numbers((0, 0, None));
    server.publish("jobs", 5);
    numbers((5, 0, Some(5)));
    let held = server.take("jobs", 2);
    numbers((3, 2, Some(5)));
    drop(held);
    numbers((5, 0, Some(5)));
    let odd = reader("watcher:open-sesame", "/", "a/b ?");
    until("its numbers are gathered", GATHERED, || odd.read().ok());
    assert_eq!(odd.counts(), Ok((0, 0, None)));
    for (login, vhost, queue, kind) in [
        ("watcher:open-sesame", "/", "other", FailureKind::Gone),
        ("watcher:open-sesame", "other", "jobs", FailureKind::Gone),
        ("watcher:wrong-sesame", "/", "jobs", FailureKind::Denied),
        ("nobody:wrong-sesame", "/", "jobs", FailureKind::Denied),
    ] {
        let (found, text) = reader(login, vhost, queue).refusal();
        assert_eq!(found, kind, "{login} {vhost} {queue}: {text}");
        assert!(!text.contains("sesame"), "{text}");
    }
}

#[cfg(feature = "aws")]
mod sqs {
    use providers::demand::SqsSpec;
    use providers::spec::AccessKey;
    use serde_json::json;
    use spotfleet_tests::moto::{KEY, Moto, MotoRegion};

    use super::*;

    fn spec(region: &MotoRegion, url: &str) -> SqsSpec {
        SqsSpec {
            queue_url: url.to_owned(),
            region: Some(region.name().into()),
            endpoint_url: Some(Moto::shared().endpoint()),
            key: Some(AccessKey { id: KEY.to_owned(), secret: KEY.into() }),
            timeout: NEVER,
        }
    }

    fn reader(region: &MotoRegion, url: &str) -> Reader {
        Reader::new(&SourceSpec::Sqs(spec(region, url)))
    }

    #[test]
    #[ignore = "needs moto: cargo xtask test"]
    fn sqs_gives_what_waits_and_what_is_in_work() {
        let region = Moto::shared().region("eu-north-1");
        let url = region.queue("jobs");
        let jobs = reader(&region, &url);
        assert_eq!(jobs.counts(), Ok((0, 0, None)));
        for body in ["a", "b", "c"] {
            region.send(body);
        }
        assert_eq!(jobs.counts(), Ok((3, 0, None)));
        assert_eq!(region.receive("jobs", 2), 2);
        assert_eq!(jobs.counts(), Ok((1, 2, None)));
        let failure = jobs.value().expect_err("a queue");
        assert_eq!(failure.kind, FailureKind::Invalid);
    }

    #[test]
    #[ignore = "needs moto: cargo xtask test"]
    fn a_missing_queue_of_sqs_is_missing_data_and_not_zero() {
        let region = Moto::shared().region("eu-west-3");
        let url = region.queue("jobs").replace("/jobs", "/other");
        let (kind, text) = reader(&region, &url).refusal();
        assert_eq!(kind, FailureKind::Gone, "{text}");
        assert!(text.contains(&url), "{text}");
    }

    #[test]
    #[ignore = "needs moto: cargo xtask test"]
    fn a_refusal_of_sqs_is_told_by_its_kind() {
        let region = Moto::shared().region("eu-west-2");
        let url = region.queue("jobs");
        for (code, status, kind) in [
            ("AccessDenied", 403, FailureKind::Denied),
            ("RequestThrottled", 400, FailureKind::Throttled),
            ("InternalError", 500, FailureKind::Unavailable),
        ] {
            let refuse = json!({"action": "GetQueueAttributes", "kind": "refuse", "code": code, "status": status});
            region.clear_rules();
            region.rule(refuse);
            let (found, text) = reader(&region, &url).refusal();
            assert_eq!(found, kind, "{code}: {text}");
        }
    }

    #[test]
    fn a_queue_without_region_or_with_an_open_endpoint_is_refused() {
        let moto = SqsSpec {
            queue_url: "https://queue.example.com/1/jobs".to_owned(),
            region: None,
            endpoint_url: None,
            key: None,
            timeout: NEVER,
        };
        let open_endpoint = SqsSpec {
            queue_url: "https://sqs.us-east-1.amazonaws.com/1/jobs".to_owned(),
            endpoint_url: Some("http://10.0.0.7:4566".to_owned()),
            ..moto.clone()
        };
        for (spec, part) in [(moto, "name a provider"), (open_endpoint, "not https")] {
            let failure = open(&SourceSpec::Sqs(spec)).map(|_| ()).expect_err(part);
            assert_eq!(failure.kind, FailureKind::Invalid);
            assert!(failure.message.contains(part), "{failure}");
        }
    }
}
