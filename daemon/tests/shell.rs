//! The loop over simulated clouds, inside the test's process: what the clouds then hold is looked at directly.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use policies::control::orders::What;
use policies::control::view::FleetView;
use policies::control::{self, Controller, Launched, OrphanRule, Setup, View};
use policies::cost::Rates;
use policies::failure::{Failure, FailureKind};
use policies::model::{
    Capabilities, DemandRules, Fleet, Instance, InstanceId, Market, MissingRule, Notice, Offer, OnDemandRules, Pool,
    ProviderName, Region, ScaleDown, ScaleUp, Shape, SpotRules, Unit,
};
use policies::plan::{Holding, HoldingId, Standing, Work};
use policies::units::{Capacity, Share, Span, Time};
use providers::sim::{Faults, Owner, SimCloud, SimMachine, SimProvider, aws_like};
use providers::workers::Workers;
use providers::{Guarded, LaunchSpec, Provider};
use spotfleet::clock::{Clock, Stopwatch};
use spotfleet::hook::{DrainHook, Way};
use spotfleet::pulse::Pulse;
use spotfleet::shell::dry::{Decided, WhatIf, first_decisions, first_look};
use spotfleet::shell::journal::Journal;
use spotfleet::shell::world::{WorkersWatch, World};
use spotfleet::shell::{Ask, Order, Parts, Reload, Shell};
use spotfleet::store::{Memory, StateStore, Watchdog, Writer, wire};
use spotfleet::telemetry::Instruments;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

const START: Time = Time::from_millis(1_790_000_000_000);
const PATIENCE: Duration = Duration::from_secs(60);

/// Three machines: one on demand, two spot.
fn fleet() -> Fleet {
    let pool = |zone: &str, market| Pool::new("sim", "east", zone, "small", market);
    Fleet {
        name: "web".into(),
        labels: BTreeMap::new(),
        unit: Unit::Instance,
        weights: BTreeMap::new(),
        min: Capacity::units(3),
        max: Capacity::units(6),
        schedules: Vec::new(),
        budget: None,
        survive: None,
        demand: DemandRules {
            sources: BTreeMap::new(),
            forecast: None,
            headroom: Share::default(),
            on_missing: MissingRule { hold: Span::ZERO, then: None },
        },
        on_demand: OnDemandRules { base: Capacity::ONE, fallback_after: None, return_to_spot: true },
        spot: SpotRules::default(),
        scale_up: ScaleUp { max_launches_per_hour: 1_000, ..ScaleUp::default() },
        scale_down: ScaleDown { drain_timeout: Span::from_secs(10), ..ScaleDown::default() },
        pools: ["a", "b"]
            .into_iter()
            .flat_map(|zone| [Market::Spot, Market::OnDemand].map(|m| (pool(zone, m), "web/0".into())))
            .collect(),
    }
}

fn cloud(now: Time) -> SimCloud {
    let shape = Shape { vcpus: 2, gpus: 0, memory_mib: 4_096 };
    SimCloud::new("sim", aws_like(), now, 1).with_type(("east", "a", "small"), 30_000, 100_000, 10, shape).with_type(
        ("east", "b", "small"),
        31_000,
        100_000,
        10,
        shape,
    )
}

/// A loop with all around it.
struct Stage {
    cloud: SimProvider,
    memory: Memory,
    view: Arc<ArcSwap<View>>,
    versions: watch::Receiver<u64>,
    orders: mpsc::Sender<Order>,
    run: JoinHandle<Result<(), spotfleet::shell::ShellError>>,
}

fn setup(provider: &dyn Provider) -> Setup {
    Setup {
        fleets: vec![fleet()],
        providers: BTreeMap::from([(provider.name().clone(), provider.capabilities().clone())]),
        rates: Rates::default(),
        budget: None,
        orphans: OrphanRule::default(),
        zone: Arc::new(policies::schedule::TimeZone::utc()),
        tick: Span::from_secs(1),
        boot_seed: 9,
        rebuilt: false,
    }
}

fn world(provider: Arc<dyn Provider>) -> World {
    World {
        providers: BTreeMap::from([(provider.name().clone(), provider)]),
        sources: BTreeMap::new(),
        hooks: BTreeMap::new(),
        watches: BTreeMap::new(),
        specs: BTreeMap::from([("web/0".into(), Arc::new(LaunchSpec::Sim))]),
    }
}

fn sim(clock: &Clock) -> SimProvider {
    let clock = clock.clone();
    SimProvider::new(Arc::new(Mutex::new(cloud(clock.now()))), Arc::new(move || clock.now()))
}

impl Stage {
    fn new(clock: &Clock) -> Self {
        let cloud = sim(clock);
        Self::with(clock, &cloud, Arc::new(Guarded::new(Arc::new(cloud.clone()))))
    }

    fn with(clock: &Clock, cloud: &SimProvider, provider: Arc<dyn Provider>) -> Self {
        let memory = Memory::new();
        let (writer, acks) = Writer::spawn(Box::new(memory.clone()), Watchdog::default()).unwrap();
        let (orders, inbox) = mpsc::channel(1);
        let shell = Shell::new(Parts {
            controller: Controller::recover(setup(&*provider), Vec::new(), clock.now()),
            clock: clock.clone(),
            world: world(provider),
            journal: Journal::store(writer, acks),
            orders: inbox,
            pulse: Pulse::default(),
            instruments: Instruments::global(),
        });
        let (view, versions) = (shell.view(), shell.versions());
        Self { cloud: cloud.clone(), memory, view, versions, orders, run: tokio::spawn(shell.run()) }
    }

    /// Waits until a snapshot shows this.
    async fn until(&mut self, what: &str, shown: impl Fn(&FleetView) -> bool) {
        let wait = async {
            while !self.view.load().fleets.iter().any(&shown) {
                self.versions.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("never came to it: {what}: {:#?}", self.view.load());
        }
    }

    async fn stop(self) -> (SimProvider, Memory) {
        self.orders.send(Order::Stop).await.unwrap();
        tokio::time::timeout(PATIENCE, self.run).await.unwrap().unwrap().unwrap();
        (self.cloud, self.memory)
    }

    fn truth(&self) -> MutexGuard<'_, SimCloud> {
        self.cloud.cloud()
    }
}

fn running(fleet: &FleetView) -> usize {
    fleet.holdings.iter().filter(|h: &&Holding| h.counts() && h.standing == Standing::Running).count()
}

fn alive(cloud: &SimCloud) -> Vec<&SimMachine> {
    cloud.machines().filter(|m| m.is_alive()).collect()
}

#[tokio::test]
async fn stopping_leaves_every_machine_and_every_record() {
    let clock = Clock::scaled(START, 100);
    let mut stage = Stage::new(&clock);
    stage.until("three run", |f| running(f) == 3).await;
    let (cloud, memory) = stage.stop().await;
    let cloud = cloud.cloud();
    assert_eq!(alive(&cloud).len(), 3);
    assert!(cloud.misuses().is_empty());
    let mut machines = 0;
    memory
        .scan(&[], &mut |key, value| {
            let record = wire::decode(key, value).unwrap();
            machines += usize::from(matches!(record, control::Record::Machine(_)));
        })
        .unwrap();
    assert_eq!((machines, memory.unsynced()), (3, 0));
}

#[tokio::test]
async fn a_replacement_leaves_within_a_second_of_the_notice() {
    // Real time: the second is a promise to the operator.
    let clock = Clock::wall();
    let cloud = sim(&clock);
    let mut stage = Stage::with(&clock, &cloud, Arc::new(Guarded::new(Arc::new(cloud.clone()))));
    stage.until("three are known", |f| f.machines.len() == 3).await;
    let (id, before) = {
        let cloud = stage.truth();
        let machines = alive(&cloud);
        let spot = machines.iter().find(|m| m.pool.market() == Market::Spot).unwrap();
        (spot.id.clone(), machines.len())
    };
    let watch = Stopwatch::start();
    stage.truth().interrupt(&id);
    stage.until("a fourth is known", |f| f.machines.len() == before + 1).await;
    let took = watch.elapsed();
    assert!(took < Duration::from_secs(1), "from the notice to the answered launch: {took:?}");
    stage
        .until("the lost one drains", |f| {
            f.holdings.iter().any(|h| h.notice.is_some() && matches!(h.standing, Standing::Draining { .. }))
        })
        .await;
    stage.stop().await;
}

#[tokio::test]
async fn a_machine_whose_hook_says_that_it_has_finished_does_not_wait_for_its_drain_time() {
    let clock = Clock::scaled(START, 100);
    let mut stage = Stage::new(&clock);
    stage.until("three run", |f| running(f) == 3).await;
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("told");
    let script = format!("printf '%s' \"$SPOTFLEET_INSTANCE $SPOTFLEET_CAUSE\" > {}", told.display());
    let way = Way::Command(["/bin/sh", "-c", &script].map(str::to_owned).into());
    let hook = DrainHook::new(way, None, Arc::new(Semaphore::new(1)));
    let mut wanted = fleet();
    wanted.scale_down = ScaleDown { drain_timeout: Span::from_hours(7 * 24), drain_hook: true, ..wanted.scale_down };
    let world = World { hooks: BTreeMap::from([("web".into(), Arc::new(hook))]), ..World::default() };
    let reload =
        Reload { fleets: vec![wanted], rates: Rates::default(), budget: None, orphans: OrphanRule::default(), world };
    stage.orders.send(Order::Reload(Box::new(reload))).await.unwrap();
    let id = stage.view.load().fleets[0].machines[0].id.clone();
    let (answer, answered) = oneshot::channel();
    let order = control::Order { what: What::Drain(id.clone()), by: "operator".to_owned(), why: "a test".to_owned() };
    stage.orders.send(Order::Ask(Ask { order, answer })).await.unwrap();
    answered.await.unwrap().unwrap();
    stage.until("it is gone", |f| f.machines.iter().all(|m| m.id != id)).await;
    assert_eq!(std::fs::read_to_string(&told).unwrap(), format!("{id} ordered"));
    stage.stop().await;
}

/// Reads that one machine is busy; every second reading fails.
#[derive(Debug)]
struct OneBusy(InstanceId, AtomicU32);

#[async_trait]
impl Workers for OneBusy {
    async fn read(&self) -> Result<BTreeMap<InstanceId, Work>, Failure> {
        if self.1.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return Err(Failure::new(FailureKind::Unavailable, "query", "503", "try later"));
        }
        Ok(BTreeMap::from([(self.0.clone(), Work::Busy)]))
    }
}

#[tokio::test]
async fn what_is_read_of_workers_is_known_until_nobody_reads_it() {
    let clock = Clock::scaled(START, 100);
    let mut stage = Stage::new(&clock);
    stage.until("three run", |f| running(f) == 3).await;
    let id = stage.view.load().fleets[0].machines[1].id.clone();
    let reload = |watches| {
        let world = World { watches, ..World::default() };
        let (rates, orphans) = (Rates::default(), OrphanRule::default());
        Order::Reload(Box::new(Reload { fleets: vec![fleet()], rates, budget: None, orphans, world }))
    };
    let reader = Arc::new(OneBusy(id.clone(), AtomicU32::new(0)));
    let watch = WorkersWatch { reader: reader.clone(), every: Span::from_secs(5) };
    stage.orders.send(reload(BTreeMap::from([("web".into(), watch)]))).await.unwrap();
    let busy = |f: &FleetView| f.holdings.iter().filter(|h| h.work == Work::Busy).count();
    let this = HoldingId::Machine(id);
    stage.until("it is busy", |f| f.holdings.iter().all(|h| (h.work == Work::Busy) == (h.id == this))).await;
    // It stays so over readings that fail, and is forgotten once nobody reads any more.
    while reader.1.load(Ordering::Relaxed) < 6 {
        stage.versions.changed().await.unwrap();
        assert_eq!(busy(&stage.view.load().fleets[0]), 1);
    }
    stage.orders.send(reload(BTreeMap::new())).await.unwrap();
    stage.until("nobody knows", |f| busy(f) == 0).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_dry_run_decides_and_does_nothing() {
    let clock = Clock::scaled(START, 100);
    let cloud = sim(&clock);
    let controller = Controller::recover(setup(&cloud), Vec::new(), clock.now());
    let decided = first_decisions(controller, &world(Arc::new(cloud.clone())), &clock, &WhatIf::default()).await;
    assert_eq!(decided.len(), 1);
    let Decided { plan, report, observation } = &decided[0];
    assert!(!plan.actions.is_empty());
    assert!(policies::report::render(plan, report).contains("launch"));
    assert_eq!(policies::decide(&observation.input()), (plan.clone(), report.clone()));
    assert_eq!(cloud.cloud().machines().count(), 0);
}

#[tokio::test]
async fn what_may_be_bought_is_told_also_when_the_size_of_a_machine_is_not() {
    let clock = Clock::scaled(START, 100);
    // Old enough to be in every listing.
    let mut old = cloud(START.minus(Span::from_hours(1)));
    old.plant(&Pool::new("sim", "east", "a", "small", Market::Spot), Owner::Us, &"web".into(), None);
    old.set_faults(Faults { price_missing: 10_000, ..Faults::default() });
    let now = clock.clone();
    let cloud = SimProvider::new(Arc::new(Mutex::new(old)), Arc::new(move || now.now()));
    let look = async |nothing_held| {
        let mut setup = setup(&cloud);
        setup.fleets.iter_mut().for_each(|fleet| fleet.unit = Unit::Vcpu);
        let controller = Controller::recover(setup, Vec::new(), clock.now());
        let what_if = WhatIf { nothing_held, ..WhatIf::default() };
        first_look(controller, &world(Arc::new(cloud.clone())), &clock, &what_if).await
    };
    let (decided, _) = look(false).await;
    assert_eq!(decided.len(), 0, "a decision waits until it is known what the machine brings");
    let (decided, unread) = look(true).await;
    assert_eq!((decided.len(), unread.pools.len()), (1, 4), "{unread:?}");
    assert!(decided[0].observation.holdings.is_empty());
}

/// A cloud whose adapter has a bug.
struct Buggy(SimProvider);

#[async_trait]
impl Provider for Buggy {
    fn name(&self) -> &ProviderName {
        self.0.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        self.0.offers(region, pools).await
    }

    async fn instances(&self, _: &Region) -> Result<Vec<Instance>, Failure> {
        panic!("a bug in the adapter")
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        self.0.notices().await
    }

    async fn launch(&self, order: &providers::Order) -> Result<Launched, Failure> {
        self.0.launch(order).await
    }

    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        self.0.terminate(region, ids).await
    }
}

#[tokio::test]
async fn a_panic_in_a_call_is_the_end_and_no_answer() {
    let clock = Clock::scaled(START, 100);
    let cloud = sim(&clock);
    let stage = Stage::with(&clock, &cloud, Arc::new(Buggy(cloud.clone())));
    let ended = tokio::time::timeout(PATIENCE, stage.run).await.unwrap();
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(cloud.cloud().machines().count(), 0);
}

#[tokio::test]
async fn a_store_that_ends_ends_the_loop_before_anything_is_launched() {
    struct Broken;
    impl StateStore for Broken {
        fn apply(&mut self, _: &spotfleet::store::Batch) -> Result<(), spotfleet::store::StoreError> {
            Err(spotfleet::store::StoreError::Damaged {
                engine: spotfleet::store::Engine::Sled,
                text: "no space left".to_owned(),
            })
        }
        fn commit(&mut self) -> Result<(), spotfleet::store::StoreError> {
            Ok(())
        }
        fn scan(&self, _: &[u8], _: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), spotfleet::store::StoreError> {
            Ok(())
        }
        fn bytes_on_disk(&self) -> Result<u64, spotfleet::store::StoreError> {
            Ok(0)
        }
    }
    let clock = Clock::scaled(START, 100);
    let cloud = sim(&clock);
    let provider: Arc<dyn Provider> = Arc::new(cloud.clone());
    let (writer, acks) = Writer::spawn(Box::new(Broken), Watchdog::default()).unwrap();
    let (_orders, inbox) = mpsc::channel(1);
    let shell = Shell::new(Parts {
        controller: Controller::recover(setup(&*provider), Vec::new(), clock.now()),
        clock,
        world: world(provider),
        journal: Journal::store(writer, acks),
        orders: inbox,
        pulse: Pulse::default(),
        instruments: Instruments::global(),
    });
    let error = tokio::time::timeout(PATIENCE, shell.run()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(cloud.cloud().machines().count(), 0);
}
