//! `spotfleet demo`: the daemon on four simulated clouds, in faster time.
//!
//! It is the same loop, controller, guard and journal as in `spotfleet run`; only the clouds and the queue are
//! simulated, the store is in memory and the clock is scaled. Nothing is launched anywhere and nothing is written.

mod queue;
mod screen;
mod story;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use policies::control::{Controller, Setup};
use policies::cost::Rates;
use policies::model::{
    DemandRules, Fleet, MaxShare, MissingRule, OnDemandRules, Pool, QueueRule, ScaleDown, ScaleUp, SpecName, SpotRules,
    Unit,
};
use policies::units::{Capacity, Currency, ListPrice, Money, PerHour, Share, Span, Time};
use providers::demand::Source;
use providers::sim::{Bill, SimProvider, demo_world};
use providers::{Guarded, LaunchSpec, Provider};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::http;
use crate::pulse::Pulse;
use crate::shell::journal::Journal;
use crate::shell::world::World;
use crate::shell::{Parts, Shell};
use crate::store::{Memory, Watchdog, Writer};
use crate::telemetry::{self, Instruments, Telemetry};
use queue::{JOBS_PER_GPU_HOUR, Queue};
pub use screen::Screen;
use story::Story;

/// When the demo's clocks begin: a Monday morning, the same in every run.
const START: Time = Time::from_millis(1_788_768_000_000);

/// A cycle that has not come to its end after this simulated time never will: it takes about 45 minutes.
const TOO_LONG: Span = Span::from_hours(2);

/// The screen is drawn so often, in real time.
const FRAME: Duration = Duration::from_millis(200);

/// One yuan in dollars, as the demo's operator has configured it.
const CNY_MICROS: u64 = 140_000;

/// How the demo is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// End after one cycle, with a summary.
    pub once_through: bool,
    /// Simulated seconds a second.
    pub speed: u32,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Serve the HTTP API there too.
    pub listen: Option<SocketAddr>,
}

/// How the demo ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All that was asked for.
    Done,
    /// A whole cycle was asked for and did not complete.
    Stuck,
}

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The HTTP API cannot be served.
    #[error(transparent)]
    Bind(#[from] http::server::BindError),
    /// The loop ended.
    #[error(transparent)]
    Shell(#[from] crate::shell::ShellError),
    /// The store in memory.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The terminal is gone.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Runs the demo until its cycle is over or Ctrl-C is pressed.
///
/// # Errors
/// When it cannot be set up, or the output is gone.
pub async fn run(options: &Options, telemetry: &Telemetry, mut screen: Screen) -> Result<Ending, DemoError> {
    let clock = Clock::scaled(START, options.speed);
    let clouds = clouds(&clock, options.seed);
    let fleet = fleet(&clouds);
    let (world, capabilities) = world(&clouds, &fleet);
    let setup = Setup {
        fleets: vec![fleet],
        providers: capabilities,
        rates: rates(),
        budget: None,
        orphans: policies::control::OrphanRule::default(),
        zone: Arc::new(policies::schedule::TimeZone::utc()),
        tick: Span::from_secs(10),
        boot_seed: options.seed,
        rebuilt: false,
    };
    let (writer, acks) = Writer::spawn(Box::new(Memory::new()), Watchdog::default())?;
    let (orders, inbox) = mpsc::channel(1);
    let pulse = Pulse::default();
    let shell = Shell::new(Parts {
        controller: Controller::recover(setup, Vec::new(), clock.now()),
        clock: clock.clone(),
        world,
        journal: Journal::store(writer, acks),
        orders: inbox,
        pulse: pulse.clone(),
        instruments: Instruments::global(),
    });
    let view = shell.view();
    let mut versions = shell.versions();
    telemetry::observe(&opentelemetry::global::meter("spotfleet"), &view);
    let api = http::Sources {
        view: Arc::clone(&view),
        versions: shell.versions(),
        pulse,
        registry: telemetry.registry(),
        token: None,
        operator_token: None,
        orders,
    };
    let serve = async {
        match options.listen {
            Some(address) => {
                let listener = http::server::bind(address, false).await?;
                http::server::serve(listener, http::router(api), std::future::pending()).await;
                Ok::<_, DemoError>(())
            }
            None => std::future::pending().await,
        }
    };
    let mut story = Story::default();
    let follow = async {
        let mut frames = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                _ = versions.changed() => {}
                _ = frames.tick() => screen.draw(&view.load(), &story, &bills(&clouds), clock.now().since(START))?,
            }
            story.follow(&view.load());
            let late = clock.now().since(START) > TOO_LONG;
            if options.once_through && (story.is_over() || late) {
                return Ok::<_, DemoError>(());
            }
        }
    };
    tokio::select! {
        ended = shell.run() => return Err(ended.map_or_else(DemoError::from, |()| io::Error::other("the loop ended").into())),
        ended = serve => return Err(ended.err().unwrap_or_else(|| io::Error::other("the listener ended").into())),
        ended = follow => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    screen.close(&view.load(), &story, &bills(&clouds), options)?;
    Ok(if options.once_through && !story.is_over() { Ending::Stuck } else { Ending::Done })
}

fn clouds(clock: &Clock, seed: u64) -> Vec<SimProvider> {
    demo_world(START, seed)
        .into_iter()
        .map(|cloud| {
            let clock = clock.clone();
            SimProvider::new(Arc::new(Mutex::new(cloud)), Arc::new(move || clock.now()))
        })
        .collect()
}

type Capabilities = BTreeMap<policies::model::ProviderName, policies::model::Capabilities>;

fn world(clouds: &[SimProvider], fleet: &Fleet) -> (World, Capabilities) {
    let mut world = World::default();
    let mut capabilities = BTreeMap::new();
    for cloud in clouds {
        capabilities.insert(cloud.name().clone(), cloud.capabilities().clone());
        let guarded: Arc<dyn Provider> = Arc::new(Guarded::new(Arc::new(cloud.clone())));
        world.providers.insert(cloud.name().clone(), guarded);
    }
    let source: Arc<dyn Source> = Arc::new(Queue::new(clouds.to_vec(), START));
    world.sources.insert(fleet.name.clone(), source);
    world.specs.extend(fleet.pools.values().map(|spec| (spec.clone(), Arc::new(LaunchSpec::Sim))));
    (world, capabilities)
}

fn rates() -> Rates {
    Rates::new(Currency::Usd, &[(Currency::Cny, CNY_MICROS)])
}

/// The example fleet: GPUs for a queue, a small on-demand base, spot over every pool there is.
fn fleet(clouds: &[SimProvider]) -> Fleet {
    let spec = SpecName::from("gpu-batch/0");
    let pools = |cloud: &SimProvider| cloud.cloud().pools().map(|(p, _)| p.clone()).collect::<Vec<Pool>>();
    Fleet {
        name: "gpu-batch".into(),
        labels: BTreeMap::new(),
        unit: Unit::Gpu,
        weights: BTreeMap::new(),
        min: Capacity::units(2),
        max: Capacity::units(32),
        schedules: Vec::new(),
        budget: None,
        demand: DemandRules {
            queue: Some(QueueRule {
                jobs_per_unit_hour: PerHour::new(JOBS_PER_GPU_HOUR),
                drain_within: Span::from_mins(10),
            }),
            forecast: None,
            headroom: Share::percent(10),
            on_missing: MissingRule { hold: Span::from_mins(15), then: None },
        },
        on_demand: OnDemandRules {
            base: Capacity::units(2),
            fallback_after: Some(Span::from_mins(3)),
            return_to_spot: true,
        },
        spot: SpotRules {
            max_price_of_on_demand: Some(Share::percent(70)),
            max_price_per_unit: None,
            min_pools: 4,
            max_share: MaxShare {
                pool: Share::percent(30),
                zone: Share::percent(50),
                region: Share::percent(60),
                provider: Share::percent(60),
            },
            ..SpotRules::default()
        },
        scale_up: ScaleUp { cooldown: Span::from_secs(30), max_launches_per_hour: 1_000, ..ScaleUp::default() },
        scale_down: ScaleDown {
            cooldown: Span::from_mins(1),
            idle_grace: Span::from_mins(3),
            drain_timeout: Span::from_mins(1),
            max_step: Some(Share::percent(50)),
            ..ScaleDown::default()
        },
        pools: clouds.iter().flat_map(pools).map(|pool| (pool, spec.clone())).collect(),
    }
}

/// What was spent in all clouds, in dollars.
fn bills(clouds: &[SimProvider]) -> Bill {
    let rates = rates();
    let dollars = |amount: Money, currency| {
        // A list price is what the rates convert; an amount of money converts alike.
        let price = ListPrice { micros: amount.micros().unsigned_abs(), currency };
        Money::from_micros(rates.convert(price).map_or(0, |p| i64::try_from(p.micros()).unwrap_or(i64::MAX)))
    };
    clouds.iter().fold(Bill::default(), |sum, provider| {
        let cloud = provider.cloud();
        let currency = cloud.pools().next().map_or(Currency::Usd, |(_, state)| state.price.currency);
        let bill = cloud.bill();
        sum.plus(Bill {
            spent: dollars(bill.spent, currency),
            at_on_demand: dollars(bill.at_on_demand, currency),
            machine_time: bill.machine_time,
        })
    })
}
