//! The HTTP API over a snapshot made by hand, on a free port.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use policies::control::ledger::{Machine, Note};
use policies::control::orders::{Setting, What};
use policies::control::view::{FleetView, LaneView, ScheduleView};
use policies::control::{Refusal, View};
use policies::failure::{Failure, FailureKind};
use policies::model::{Lane, Market, Pool, Sight, Unit};
use policies::plan::{Holding, HoldingId, Standing};
use policies::schedule::{End, Schedule};
use policies::units::{Capacity, Currency, PricePerHour, Span, Time};
use prometheus::Registry;
use secrecy::SecretString;
use spotfleet::http::server::{BindError, bind, serve};
use spotfleet::http::view::{Events, Fleet, Fleets, Instances, Lanes, Problem, Ready};
use spotfleet::http::{Sources, router};
use spotfleet::pulse::Pulse;
use spotfleet::shell::Order;
use spotfleet::telemetry::observe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const AT: Time = Time::from_millis(1_790_000_000_000);

fn pool() -> Pool {
    Pool::new("sim", "east", "east-1", "small", Market::Spot)
}

/// A schedule on the clocks of Kolkata.
fn office() -> ScheduleView {
    let schedule = Schedule {
        name: "office".into(),
        from: config::calendar::cron("0 8 * * *").unwrap(),
        end: End::After(Span::from_hours(11)),
        zone: Arc::new(config::calendar::time_zone("Asia/Kolkata").unwrap()),
        min: Some(Capacity::units(2)),
        max: None,
    };
    let (active, next_change) = (schedule.active(AT), schedule.next_change(AT));
    ScheduleView { schedule, active, next_change }
}

fn view() -> View {
    let machine = Machine {
        id: "i-1".into(),
        fleet: "web".into(),
        pool: pool(),
        units: Capacity::ONE,
        price: PricePerHour::from_micros(31_000),
        born: AT,
        token: None,
        adopted: true,
        leaving: None,
    };
    let holding = Holding {
        id: HoldingId::Machine("i-1".into()),
        pool: pool(),
        units: Capacity::ONE,
        count: 1,
        standing: Standing::Running,
        born: AT,
        notice: None,
        protected: false,
    };
    let fleet = FleetView {
        name: "web".into(),
        unit: Unit::Instance,
        min: Capacity::ONE,
        max: Capacity::units(10),
        schedules: vec![office()],
        orders: Vec::new(),
        backlog: Some(7),
        decision: None,
        last_step: None,
        holdings: vec![holding],
        machines: vec![machine],
        price: PricePerHour::from_micros(31_000),
        price_on_demand: PricePerHour::from_micros(100_000),
        closures: Vec::new(),
    };
    let lane = LaneView {
        lane: Lane { provider: "sim".into(), region: "east".into() },
        sight: Sight::Lost { last: Some(AT) },
        failure: Some(Failure::new(FailureKind::Unavailable, "List", "503", "try later")),
        offers: 2,
    };
    let note = |number, fleet: Option<&str>| Note {
        number,
        at: AT,
        fleet: fleet.map(Into::into),
        what: "launched",
        text: format!("note {number}"),
    };
    View {
        at: AT,
        boot: 3,
        not_ready: vec!["sim/east cannot be listed".to_owned()],
        currency: Currency::Usd,
        fleets: vec![fleet],
        lanes: vec![lane],
        orphans: Vec::new(),
        notes: vec![note(1, None), note(2, Some("web")), note(3, Some("other")), note(4, Some("web"))],
    }
}

/// An API on a free port; ends with the test's runtime.
struct Api {
    url: String,
    address: SocketAddr,
    view: Arc<ArcSwap<View>>,
    /// Where orders arrive.
    inbox: mpsc::Receiver<Order>,
    /// Keeps the instruments alive.
    _meters: SdkMeterProvider,
}

impl Api {
    async fn new(token: Option<&str>) -> Self {
        Self::with(token, None).await
    }

    async fn with(token: Option<&str>, operator_token: Option<&str>) -> Self {
        let view = Arc::new(ArcSwap::from_pointee(view()));
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        observe(&meters.meter("test"), &view);
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = token.map(SecretString::from);
        let (orders, inbox) = mpsc::channel(1);
        let sources = Sources {
            view: Arc::clone(&view),
            pulse: Pulse::default(),
            registry,
            token,
            operator_token: operator_token.map(SecretString::from),
            orders,
        };
        tokio::spawn(serve(listener, router(sources)));
        Self { url: format!("http://{address}"), address, view, inbox, _meters: meters }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, None).await
    }

    async fn get_with(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = reqwest::Client::new().get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[tokio::test]
async fn what_is_published_is_what_is_served() {
    let api = Api::new(None).await;
    let fleets: Fleets = api.json("/api/v1/fleets").await;
    assert_eq!((fleets.at.as_str(), fleets.boot, fleets.ready), ("2026-09-21T14:13:20Z", 3, false));
    let fleet: Fleet = api.json("/api/v1/fleets/web").await;
    assert_eq!(fleet, fleets.fleets[0]);
    assert_eq!((fleet.held, fleet.held_running, fleet.held_on_demand), (1.0, 1.0, 0.0));
    assert_eq!((fleet.price_per_hour, fleet.on_demand_price_per_hour, fleet.saving), (0.031, 0.1, Some(0.69)));
    assert_eq!((fleet.target, fleet.backlog), (None, Some(7)));
    let office = &fleet.schedules[0];
    assert_eq!((office.name.as_str(), office.active, office.min, office.max), ("office", false, Some(2.0), None));
    assert_eq!(office.next_change.as_deref(), Some("2026-09-22T08:00:00+05:30"));
    let instances: Instances = api.json("/api/v1/instances").await;
    let only = &instances.instances[0];
    assert_eq!((only.id.as_str(), only.standing.as_str(), only.adopted), ("i-1", "running", true));
    assert_eq!(only.pool, "sim/east/east-1/small/spot");
    let lanes: Lanes = api.json("/api/v1/lanes").await;
    assert_eq!((lanes.lanes[0].sight.as_str(), lanes.lanes[0].offers), ("lost", 2));
    assert_eq!(lanes.lanes[0].failure.as_ref().unwrap().kind, "unavailable");

    let mut next = view();
    next.fleets.clear();
    next.not_ready.clear();
    api.view.store(Arc::new(next));
    let fleets: Fleets = api.json("/api/v1/fleets").await;
    assert!(fleets.fleets.is_empty() && fleets.ready);
}

#[tokio::test]
async fn events_are_chosen_by_fleet_and_number() {
    let api = Api::new(None).await;
    for (query, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("?fleet=web", vec![2, 4]),
        ("?after=2", vec![3, 4]),
        ("?limit=1", vec![4]),
        ("?fleet=web&after=2&limit=5", vec![4]),
        ("?fleet=none", vec![]),
    ] {
        let events: Events = api.json(&format!("/api/v1/events{query}")).await;
        assert_eq!(events.events.iter().map(|e| e.number).collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["?after=x", "?limit=-1", "?colour=red"] {
        let (status, body) = api.get(&format!("/api/v1/events{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(!serde_json::from_str::<Problem>(&body).unwrap().error.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let api = Api::new(None).await;
    for (path, expected, says) in [
        ("/api/v1/fleets/nope", 404, "there are web"),
        ("/api/v1/fleets/nope/plan", 404, "there are web"),
        ("/api/v1/fleets/web/plan", 503, "nothing was decided"),
        ("/api/v1/secrets", 404, "no such path"),
        ("/", 404, "no such path"),
    ] {
        let (status, body) = api.get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(serde_json::from_str::<Problem>(&body).unwrap().error.contains(says), "{path}: {body}");
    }
}

#[tokio::test]
async fn readiness_gives_its_reasons_and_life_does_not_depend_on_it() {
    let api = Api::new(None).await;
    let (status, body) = api.get("/readyz").await;
    assert_eq!(status, 503);
    let ready: Ready = serde_json::from_str(&body).unwrap();
    assert_eq!((ready.ready, ready.reasons), (false, vec!["sim/east cannot be listed".to_owned()]));
    assert_eq!(api.get("/healthz").await, (200, "ok\n".to_owned()));
    let mut next = view();
    next.not_ready.clear();
    api.view.store(Arc::new(next));
    assert_eq!(api.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn metrics_follow_the_snapshot_and_leave_nothing_stale() {
    let api = Api::new(None).await;
    let (status, text) = api.get("/metrics").await;
    assert_eq!(status, 200);
    let series = |name: &str| text.lines().filter(|l| l.starts_with(name)).map(str::to_owned).collect::<Vec<_>>();
    for (name, value) in [
        ("spotfleet_price_per_hour", "0.031"),
        ("spotfleet_on_demand_price_per_hour", "0.1"),
        ("spotfleet_saving_ratio", "0.69"),
        ("spotfleet_backlog_jobs", "7"),
        ("spotfleet_machines{", "1"),
        ("spotfleet_lane_seen", "0"),
        ("spotfleet_ready", "0"),
        ("spotfleet_open_intents", "0"),
    ] {
        let found = series(name);
        assert_eq!(found.len(), 1, "{name}: {text}");
        assert!(found[0].ends_with(&format!(" {value}")), "{found:?}");
    }
    let mut next = view();
    next.fleets.clear();
    api.view.store(Arc::new(next));
    let (_, text) = api.get("/metrics").await;
    assert!(!text.contains("fleet=\"web\""), "{text}");
}

#[tokio::test]
async fn the_token_guards_the_api_and_nothing_else() {
    let api = Api::new(Some("correct-horse")).await;
    for (token, expected) in [
        (None, 401),
        (Some("Bearer correct-hors"), 401),
        (Some("Bearer correct-horsf"), 401),
        (Some("Bearer correct-horse2"), 401),
        (Some("correct-horse"), 401),
        (Some("Bearer "), 401),
        (Some("Bearer correct-horse"), 200),
    ] {
        let (status, body) = api.get_with("/api/v1/fleets", token).await;
        assert_eq!(status, expected, "{token:?}");
        assert!(!body.contains("correct-horse"), "{body}");
    }
    assert_eq!(api.get("/api/v1/nothing").await.0, 401, "not even which paths there are");
    assert_eq!(api.get("/healthz").await.0, 200);
    assert_eq!(api.get("/metrics").await.0, 200);
}

#[tokio::test]
async fn a_request_with_a_large_body_or_another_method_is_refused() {
    let api = Api::new(None).await;
    let client = reqwest::Client::new();
    let url = format!("{}/api/v1/fleets", api.url);
    let large = client.get(&url).body(vec![b'x'; 100_000]).send().await.unwrap();
    assert_eq!(large.status().as_u16(), 413);
    let post = client.post(&url).send().await.unwrap();
    assert_eq!(post.status().as_u16(), 405);
}

#[tokio::test]
async fn what_is_no_http_gets_an_end() {
    let api = Api::new(None).await;
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01 this is no request\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400") || answer.is_empty());
}

#[tokio::test]
async fn an_address_that_others_reach_wants_a_token_before_anything_is_opened() {
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464"] {
        let error = bind(open.parse().unwrap(), false).await.unwrap_err();
        assert!(matches!(error, BindError::Open(_)), "{open}");
        assert!(error.to_string().contains("set `daemon.token`"), "{error}");
    }
    assert!(bind("0.0.0.0:0".parse().unwrap(), true).await.is_ok());
    let taken = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address, false).await.unwrap_err();
    assert!(matches!(error, BindError::Taken(a) if a == address));
}

/// Sends an order, with this token.
fn order(api: &Api, body: &str, token: &str) -> impl Future<Output = (u16, String)> + use<> {
    let request = reqwest::Client::new().post(format!("{}/api/v1/orders", api.url));
    let request = request.header("Content-Type", "application/json").header("Authorization", format!("Bearer {token}"));
    let request = request.body(body.to_owned());
    async {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

const PAUSE: &str = r#"{"order":"pause","fleet":"web","for_s":600,"by":"operator","why":"a look at the workers"}"#;

#[tokio::test]
async fn orders_need_the_operators_token() {
    let none = Api::new(None).await;
    let (status, body) = order(&none, PAUSE, "reader").await;
    assert_eq!(status, 403);
    assert!(body.contains("set `daemon.operator_token`"), "{body}");
    let mut api = Api::with(Some("reader"), Some("operator")).await;
    for token in ["", "reader", "operato", "operator2"] {
        let (status, body) = order(&api, PAUSE, token).await;
        assert_eq!(status, 401, "{token}");
        assert!(!body.contains("operator2"), "{body}");
    }
    assert!(api.inbox.try_recv().is_err(), "no order came through");
    // It is good for reading too.
    let (status, _) = api.get_with("/api/v1/fleets", Some("Bearer operator")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_order_is_answered_when_it_is_done() {
    let mut api = Api::with(None, Some("operator")).await;
    let asked = tokio::spawn(order(&api, PAUSE, "operator"));
    let Some(Order::Ask(ask)) = api.inbox.recv().await else { panic!("no order came") };
    let length = Some(Span::from_mins(10));
    assert_eq!(ask.order.what, What::Set("web".into(), Setting::Pause, length));
    assert_eq!((ask.order.by.as_str(), ask.order.why.as_str()), ("operator", "a look at the workers"));
    assert!(!asked.is_finished());
    ask.answer.send(Ok("paused for 10m".to_owned())).unwrap();
    assert_eq!(asked.await.unwrap(), (200, r#"{"done":"paused for 10m"}"#.to_owned()));

    let asked = tokio::spawn(order(&api, r#"{"order":"drain","instance":"i-9","by":"o","why":"w"}"#, "operator"));
    let Some(Order::Ask(ask)) = api.inbox.recv().await else { panic!("no order came") };
    ask.answer.send(Err(Refusal::NoMachine("i-9".into()))).unwrap();
    assert_eq!(asked.await.unwrap(), (404, r#"{"error":"no machine `i-9` is on record"}"#.to_owned()));

    // The daemon ends before the order is on disk.
    let asked = tokio::spawn(order(&api, PAUSE, "operator"));
    drop(api.inbox.recv().await);
    assert_eq!(asked.await.unwrap().0, 503);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_reaches_nobody() {
    let mut api = Api::with(None, Some("operator")).await;
    for (body, status, says) in [
        ("", 400, "EOF"),
        ("[]", 422, "expected struct"),
        (r#"{"order":"pause","by":"o","why":"w"}"#, 400, "`pause` needs `fleet`"),
        (r#"{"order":"drain","fleet":"web","by":"o","why":"w"}"#, 400, "`drain` needs `instance`"),
        (r#"{"order":"set-min","fleet":"web","by":"o","why":"w"}"#, 400, "`set-min` needs `units`"),
        (r#"{"order":"set-min","fleet":"web","units":-1,"by":"o","why":"w"}"#, 400, "-1 is no capacity"),
        (r#"{"order":"set-max","fleet":"web","units":1e12,"by":"o","why":"w"}"#, 400, "is no capacity"),
        (r#"{"order":"pause","fleet":"web","for_s":0,"by":"o","why":"w"}"#, 400, "not between 1 s and 31 days"),
        (r#"{"order":"explode","fleet":"web","by":"o","why":"w"}"#, 422, "unknown variant"),
        (r#"{"order":"pause","fleet":"web","by":"o","why":"w","who":"x"}"#, 422, "unknown field"),
    ] {
        let (got, text) = order(&api, body, "operator").await;
        assert_eq!(got, status, "{body}: {text}");
        assert!(text.contains(says), "{body}: {text}");
    }
    assert!(api.inbox.try_recv().is_err());
    let large = format!(r#"{{"order":"pause","fleet":"{}","by":"o","why":"w"}}"#, "x".repeat(100_000));
    assert_eq!(order(&api, &large, "operator").await.0, 413);
}
