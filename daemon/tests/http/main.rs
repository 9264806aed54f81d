//! The HTTP API over a snapshot made by hand, on a free port.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod limits;
mod orders;
mod read;
mod stream;
mod tokens;
mod workers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use policies::budget::{AtLimit, Left, Period, Whose};
use policies::control::View;
use policies::control::decisions::{Decisions, EndedMachines};
use policies::control::ledger::{Machine, Note};
use policies::control::view::{Bill, FleetView, LaneView, ScheduleView};
use policies::failure::{Failure, FailureKind};
use policies::forecast::Accuracy;
use policies::model::{Lane, Market, Pool, Sight, Unit};
use policies::plan::{Holding, HoldingId, Standing, Work};
use policies::schedule::{End, Schedule};
use policies::units::{Capacity, Currency, ListPrice, Money, PricePerHour, Share, Span, Time};
use prometheus::Registry;
use secrecy::SecretString;
use spotfleet::assemble::Tokens;
use spotfleet::http::server::{bind, serve};
use spotfleet::http::{Sources, router};
use spotfleet::pulse::Pulse;
use spotfleet::shell::Order;
use spotfleet::telemetry::observe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

const AT: Time = Time::from_millis(1_790_000_000_000);

fn pool() -> Pool {
    Pool::new("sim", "east", "east-1", "small", Market::Spot)
}

fn note(number: u64, fleet: Option<&str>) -> Note {
    Note {
        number,
        at: AT,
        fleet: fleet.map(Into::into),
        what: "launched",
        text: format!("note {number}"),
        decision: None,
    }
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

/// The fleet's own budget of a day, near its end, and that of all fleets for an hour, which is passed.
fn budgets() -> Vec<Left> {
    let left = |whose, period, limit, spent, ends| Left {
        whose,
        period,
        limit: Money::from_micros(limit),
        spent: Money::from_micros(spent),
        alert_at: Share::percent(75),
        at_limit: AtLimit::Freeze,
        ends,
    };
    vec![
        left(Whose::Fleet, Period::Day, 2_000_000, 1_500_000, Some(AT.plus(Span::from_hours(9)))),
        left(Whose::All, Period::Hour, 30_000, 31_000, None),
    ]
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
        ready: None,
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
        work: Work::Unknown,
        ran: true,
        paid: PricePerHour::ZERO,
    };
    let fleet = FleetView {
        name: "web".into(),
        unit: Unit::Instance,
        min: Capacity::ONE,
        max: Capacity::units(10),
        schedules: vec![office()],
        orders: Vec::new(),
        spent: (Money::from_micros(1_500_000), Money::from_micros(42_000_000)),
        budgets: budgets(),
        backlog: Some(7),
        forecast: Some(Accuracy { error: Share::percent(12), covered: Share::percent(91), hours: 168 }),
        decision: None,
        last_step: None,
        holdings: vec![holding],
        machines: vec![machine],
        price: PricePerHour::from_micros(31_000),
        price_on_demand: PricePerHour::from_micros(100_000),
        bills: vec![Bill {
            provider: "sim".into(),
            machines: 1,
            price: PricePerHour::from_micros(31_000),
            price_on_demand: PricePerHour::from_micros(100_000),
            list: Some(ListPrice { micros: 221_429, currency: Currency::Cny }),
        }],
        pool_prices: BTreeMap::from([(pool(), PricePerHour::from_micros(32_000))]),
        closures: Vec::new(),
    };
    let lane = LaneView {
        priced_at: Some(AT.minus(Span::from_secs(90))),
        lane: Lane { provider: "sim".into(), region: "east".into() },
        sight: Sight::Lost { last: Some(AT) },
        failure: Some(Failure::new(FailureKind::Unavailable, "List", "503", "try later")),
        offers: 2,
    };
    View {
        at: AT,
        boot: 3,
        not_ready: vec!["sim/east cannot be listed".to_owned()],
        currency: Currency::Usd,
        fleets: vec![fleet],
        lanes: vec![lane],
        orphans: Vec::new(),
        decisions: Decisions::default(),
        ended: EndedMachines::default(),
        notes: vec![note(1, None), note(2, Some("web")), note(3, Some("other")), note(4, Some("web"))],
    }
}

/// An API on a free port; ends with the test's runtime.
struct Api {
    url: String,
    address: SocketAddr,
    view: Arc<ArcSwap<View>>,
    /// Tells the streams of events that there is another snapshot; taken when the loop ends.
    versions: Option<watch::Sender<u64>>,
    /// Ends the serving when it is dropped.
    close: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
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
        Self::with_all(token, operator_token, None).await
    }

    async fn with_all(token: Option<&str>, operator_token: Option<&str>, worker_token: Option<&str>) -> Self {
        let view = Arc::new(ArcSwap::from_pointee(view()));
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        observe(&meters.meter("test"), &view);
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let secret = |token: Option<&str>| token.map(SecretString::from);
        let tokens = Tokens { reader: secret(token), operator: secret(operator_token), worker: secret(worker_token) };
        let (orders, inbox) = mpsc::channel(1);
        let (versions, changed) = watch::channel(0);
        let sources =
            Sources { view: Arc::clone(&view), versions: changed, pulse: Pulse::default(), registry, tokens, orders };
        let (close, closed) = oneshot::channel();
        let served = tokio::spawn(serve(listener, router(sources), async { drop(closed.await) }));
        let (versions, close) = (Some(versions), Some(close));
        Self { url: format!("http://{address}"), address, view, versions, close, served, inbox, _meters: meters }
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
    /// Publishes the snapshot with one note more.
    fn happens(&self, number: u64, fleet: Option<&str>) {
        let mut next = View::clone(&self.view.load());
        next.notes.push(note(number, fleet));
        self.view.store(Arc::new(next));
        self.versions.as_ref().unwrap().send_modify(|version| *version += 1);
    }

    /// Sends these bytes on a connection of their own, and gives status and whole answer.
    async fn raw(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }
}
