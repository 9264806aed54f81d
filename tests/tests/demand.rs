//! Demand sources against a real redis-server.

use std::net::TcpListener;
use std::sync::Arc;

use policies::demand::Sample;
use policies::failure::{Failure, FailureKind};
use policies::plan::Work;
use policies::units::{Span, Time};
use providers::demand::{RedisQueue, RedisSpec, Source, SourceSpec, open};
use providers::workers::WorkersSpec;
use spotfleet_tests::redis::RedisServer;

const AT: Time = Time::from_millis(7);

fn source_at(url: &str, queue: RedisQueue) -> Arc<dyn Source> {
    let spec = RedisSpec { url: url.into(), queue, timeout: Span::from_secs(20) };
    open(&SourceSpec::Redis(spec)).expect("usable")
}

fn list(name: &str, in_progress: Option<&str>) -> RedisQueue {
    RedisQueue::List { list: name.to_owned(), in_progress: in_progress.map(str::to_owned) }
}

fn stream() -> RedisQueue {
    RedisQueue::Stream { stream: "jobs".to_owned(), group: "workers".to_owned() }
}

/// Runs a reading to its end on a runtime of its own, which stays for the next one: connections live on it.
struct Reader(tokio::runtime::Runtime, Arc<dyn Source>);

impl Reader {
    fn new(server: &RedisServer, queue: RedisQueue) -> Self {
        Self::of(source_at(&server.url(), queue))
    }

    fn of(source: Arc<dyn Source>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(runtime.expect("runtime"), source)
    }

    fn read(&self) -> Result<Sample, Failure> {
        self.0.block_on(self.1.measure(AT))
    }

    fn counts(&self) -> (u64, u64, Option<u64>) {
        let sample = self.read().expect("readable");
        assert_eq!(sample.at, AT);
        (sample.waiting, sample.in_flight, sample.arrived_total)
    }

    fn refusal(&self) -> (FailureKind, String) {
        let failure = self.read().expect_err("not readable");
        (failure.kind, failure.to_string())
    }
}

/// Connections that others have open to the server.
fn connections(server: &RedisServer) -> usize {
    // The test's own connections are told by their last command; the server may not have seen yet that one was closed.
    let own = ["cmd=client", "cmd=rpush"];
    let clients = server.command::<String>(&["CLIENT", "LIST"]);
    clients.lines().filter(|client| !own.iter().any(|cmd| client.contains(cmd))).count()
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn the_length_of_a_list_waits_and_its_companion_is_in_flight() {
    let server = RedisServer::start();
    let (one, two) = (Reader::new(&server, list("jobs", None)), Reader::new(&server, list("jobs", Some("busy"))));
    assert_eq!(one.counts(), (0, 0, None), "an empty list and a missing one are the same to Redis");
    server.command::<()>(&["RPUSH", "jobs", "a", "b", "c"]);
    server.command::<()>(&["LMOVE", "jobs", "busy", "LEFT", "RIGHT"]);
    assert_eq!(one.counts(), (2, 0, None));
    assert_eq!(two.counts(), (2, 1, None));
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn the_lag_of_a_group_waits_and_what_it_was_given_is_in_flight() {
    let server = RedisServer::start();
    let reader = Reader::new(&server, stream());
    server.command::<()>(&["XGROUP", "CREATE", "jobs", "workers", "$", "MKSTREAM"]);
    assert_eq!(reader.counts(), (0, 0, Some(0)));
    for id in ["1-0", "2-0", "3-0", "4-0", "5-0"] {
        server.command::<()>(&["XADD", "jobs", id, "k", "v"]);
    }
    server.command::<()>(&["XREADGROUP", "GROUP", "workers", "w1", "COUNT", "2", "STREAMS", "jobs", ">"]);
    assert_eq!(reader.counts(), (3, 2, Some(5)));
    server.command::<()>(&["XACK", "jobs", "workers", "1-0"]);
    assert_eq!(reader.counts(), (3, 1, Some(5)), "acknowledged is done, and arrivals only rise");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn the_consumers_of_a_group_are_busy_until_they_acknowledge() {
    let server = RedisServer::start();
    let spec = WorkersSpec::Stream {
        url: server.url().into(),
        stream: "jobs".to_owned(),
        group: "workers".to_owned(),
        timeout: Span::from_secs(20),
    };
    let workers = providers::workers::open(&spec).expect("usable");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let read = || runtime.block_on(workers.read());
    let told = || -> Vec<(String, Work)> {
        let all = read().expect("readable");
        all.into_iter().map(|(id, work)| (id.to_string(), work)).collect()
    };
    let none = read().expect_err("no stream");
    assert_eq!((none.kind, none.operation.as_ref()), (FailureKind::Gone, "XINFO CONSUMERS"), "{none}");
    server.command::<()>(&["XADD", "jobs", "1-0", "k", "v"]);
    let none = read().expect_err("no group");
    assert_eq!(none.kind, FailureKind::Gone, "{none}");
    assert!(none.message.contains("XGROUP CREATE"), "{none}");

    server.command::<()>(&["XGROUP", "CREATE", "jobs", "workers", "0"]);
    assert_eq!(told(), []);
    server.command::<()>(&["XGROUP", "CREATECONSUMER", "jobs", "workers", "i-2"]);
    server.command::<()>(&["XREADGROUP", "GROUP", "workers", "i-1", "COUNT", "1", "STREAMS", "jobs", ">"]);
    assert_eq!(told(), [("i-1".to_owned(), Work::Busy), ("i-2".to_owned(), Work::Idle)]);
    server.command::<()>(&["XACK", "jobs", "workers", "1-0"]);
    assert_eq!(told(), [("i-1".to_owned(), Work::Idle), ("i-2".to_owned(), Work::Idle)]);
    server.command::<()>(&["SET", "jobs", "7"]);
    assert_eq!(read().expect_err("no stream").kind, FailureKind::Invalid);
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn a_lag_that_the_server_does_not_know_is_counted() {
    let server = RedisServer::start();
    let reader = Reader::new(&server, stream());
    for n in 1..=6 {
        server.command::<()>(&["XADD", "jobs", &format!("{n}-0"), "k", "v"]);
    }
    server.command::<()>(&["XGROUP", "CREATE", "jobs", "workers", "0"]);
    server.command::<()>(&["XREADGROUP", "GROUP", "workers", "w1", "COUNT", "2", "STREAMS", "jobs", ">"]);
    // A deletion in the middle of what the group was not given yet: from here on the server says nil.
    server.command::<()>(&["XDEL", "jobs", "4-0"]);
    let groups: redis::Value = server.command(&["XINFO", "GROUPS", "jobs"]);
    assert!(format!("{groups:?}").contains("nil"), "the case is not the one that is meant: {groups:?}");
    assert_eq!(reader.counts(), (3, 2, Some(6)), "3-0, 5-0 and 6-0 wait");
    // More than are counted one by one: all that are not pending, which here is exact but for the two given.
    let mut fill = redis::pipe();
    for n in 7..2_007 {
        fill.cmd("XADD").arg("jobs").arg(format!("{n}-0")).arg("k").arg("v").ignore();
    }
    let mut connection = redis::Client::open(server.url()).and_then(|c| c.get_connection()).expect("up");
    fill.query::<()>(&mut connection).expect("filled");
    assert_eq!(reader.counts(), (2_003, 2, Some(2_006)));
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn a_missing_stream_or_group_is_missing_data_and_not_zero() {
    let server = RedisServer::start();
    let reader = Reader::new(&server, stream());
    let (kind, text) = reader.refusal();
    assert_eq!(kind, FailureKind::Gone, "{text}");
    assert!(text.contains("stream `jobs`") && text.contains("MKSTREAM"), "{text}");
    server.command::<()>(&["XADD", "jobs", "*", "k", "v"]);
    let (kind, text) = reader.refusal();
    assert_eq!(kind, FailureKind::Gone, "{text}");
    assert!(text.contains("no group `workers`"), "{text}");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn a_key_of_another_type_is_invalid() {
    let server = RedisServer::start();
    server.command::<()>(&["SET", "jobs", "7"]);
    for queue in [list("jobs", None), list("jobs", Some("busy")), stream()] {
        let (kind, text) = Reader::new(&server, queue.clone()).refusal();
        assert_eq!(kind, FailureKind::Invalid, "{queue:?}: {text}");
        assert!(text.contains("WRONGTYPE") && text.contains("`jobs`"), "{queue:?}: {text}");
    }
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn passwords_and_rights_are_checked_and_never_shown() {
    let server = RedisServer::start_with_password("open-sesame");
    for queue in [list("jobs", None), list("jobs", Some("busy")), stream()] {
        let (kind, text) =
            Reader::of(source_at(&format!("redis://127.0.0.1:{}", server.port()), queue.clone())).refusal();
        assert_eq!(kind, FailureKind::Denied, "no password, {queue:?}: {text}");
        let wrong = format!("redis://:wrong-sesame@127.0.0.1:{}", server.port());
        let (kind, text) = Reader::of(source_at(&wrong, queue.clone())).refusal();
        assert_eq!(kind, FailureKind::Denied, "wrong password, {queue:?}: {text}");
        assert!(!text.contains("sesame"), "{text}");
    }
    assert_eq!(Reader::new(&server, list("jobs", None)).counts(), (0, 0, None));
    // A user who may do exactly what the documentation names, and one who may not.
    server.command::<()>(&["ACL", "SETUSER", "reader", "on", ">r-secret", "~jobs", "+llen", "+multi", "+exec"]);
    server.command::<()>(&["ACL", "SETUSER", "nobody", "on", ">n-secret", "~other", "+ping"]);
    let url = |user: &str, password: &str| format!("redis://{user}:{password}@127.0.0.1:{}", server.port());
    assert_eq!(Reader::of(source_at(&url("reader", "r-secret"), list("jobs", None))).counts(), (0, 0, None));
    let (kind, text) = Reader::of(source_at(&url("nobody", "n-secret"), list("jobs", None))).refusal();
    assert_eq!(kind, FailureKind::Denied, "{text}");
    assert!(text.contains("NOPERM") && !text.contains("n-secret"), "{text}");
    let (kind, text) = Reader::of(source_at(&url("nobody", "n-secret"), stream())).refusal();
    assert_eq!(kind, FailureKind::Denied, "{text}");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn one_connection_serves_all_readings_and_a_restart_costs_none() {
    let mut server = RedisServer::start();
    let reader = Reader::new(&server, list("jobs", None));
    for _ in 0..5 {
        reader.counts();
    }
    assert_eq!(connections(&server), 1);
    server.stop();
    let (kind, text) = reader.refusal();
    assert_eq!(kind, FailureKind::Unavailable, "{text}");
    assert!(text.contains(&format!("127.0.0.1:{}", server.port())), "{text}");
    server.start_again();
    server.command::<()>(&["RPUSH", "jobs", "a"]);
    assert_eq!(reader.counts(), (1, 0, None), "the first reading after the server is back");
    // Restarted unnoticed between two readings: the kept connection is dead, and no reading is lost by it.
    server.start_again();
    server.command::<()>(&["RPUSH", "jobs", "a", "b"]);
    assert_eq!(reader.counts(), (2, 0, None));
    assert_eq!(connections(&server), 1);
}

#[test]
fn a_server_that_takes_the_connection_and_says_nothing_is_given_up() {
    // Listens and never accepts: the connection is made by the kernel, and no answer comes.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("redis://127.0.0.1:{}", silent.local_addr().expect("bound").port());
    let spec = RedisSpec { url: url.as_str().into(), queue: list("jobs", None), timeout: Span::from_millis(50) };
    let reader = Reader::of(open(&SourceSpec::Redis(spec)).expect("usable"));
    let (kind, text) = reader.refusal();
    assert_eq!(kind, FailureKind::Unavailable, "{text}");
    assert!(text.contains("no answer within 50ms"), "{text}");
}
