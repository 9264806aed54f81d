//! Large fleets for measurements: every figure follows from the sizes and one seed.

use policies::demand::{Demand, Reading, Sample};
use policies::model::{DemandRules, Market, MaxShare, MoveRules, Offer, Pool, Shape, Survive, Unit};
use policies::plan::{Holding, HoldingId, Memory, Standing, Work};
use policies::rng::Stream;
use policies::units::{Capacity, ListPrice, Share, Span};

use crate::scenario::{START, World};

/// How large.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Providers; each has five regions of five zones.
    pub providers: usize,
    /// Instance types of each provider; each is offered in every zone, as spot and on-demand.
    pub types: usize,
    /// Machines that run.
    pub machines: usize,
}

impl Size {
    /// 500 pools with 1,000 machines.
    pub const SMALL: Self = Self { providers: 2, types: 5, machines: 1_000 };
    /// 5,000 pools with 10,000 machines.
    pub const LARGE: Self = Self { providers: 4, types: 25, machines: 10_000 };

    /// Pools of both markets.
    #[must_use]
    pub const fn pools(self) -> usize {
        self.providers * 25 * self.types * 2
    }
}

/// What there is to decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// The need is what runs.
    Rest,
    /// A tenth of the machines is about to be taken.
    Repair,
    /// The need is a fifth above what runs.
    Grow,
    /// The need is a fifth below what runs.
    Shrink,
}

impl Task {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Rest, Self::Repair, Self::Grow, Self::Shrink];

    /// `rest`, `repair`, `grow` or `shrink`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Repair => "repair",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
        }
    }
}

/// A fleet of this size with this task before it: capacity counted in vCPUs of machines of 2 to 32, one in ten
/// on-demand and base, shares at every level, a price cap, and prices from 0.008 to 0.015 a vCPU on spot.
#[must_use]
pub fn world(size: Size, task: Task) -> World {
    let mut world = World::default();
    let mut draws = Stream::new(1, "large");
    world.fleet.unit = Unit::Vcpu;
    let (mut spot, mut on_demand) = (Vec::new(), Vec::new());
    for pool in pools(size) {
        let vcpus = vcpus(&pool);
        // Millionths of a dollar a vCPU-hour.
        let each = if pool.market() == Market::Spot { 8_000 + draws.below(7_000) } else { 24_000 };
        let shape = Shape { vcpus, gpus: 0, memory_mib: 4_096 * u64::from(vcpus) };
        let price = ListPrice::usd(each * u64::from(vcpus));
        world.lanes.entry(pool.lane().clone()).or_insert(policies::plan::LaneState {
            seen: true,
            launch_batch: 100,
            priced_at: Some(START),
        });
        world.fleet.pools.insert(Pool::parse(&pool.to_string()).unwrap_or_else(|| pool.clone()), "web/0".into());
        world.offers.push(Offer { pool: pool.clone(), price, priced_at: START, shape });
        let market = if pool.market() == Market::Spot { &mut spot } else { &mut on_demand };
        market.push(pool);
    }
    for number in 0..size.machines {
        let place = if number % 10 == 0 { &on_demand } else { &spot };
        let drawn = usize::try_from(draws.below(place.len() as u64)).ok().and_then(|at| place.get(at));
        // Told anew for each machine, as a listing does: equal to the offer's, not the same in memory.
        let Some(pool) = drawn.and_then(|pool| Pool::parse(&pool.to_string())) else { continue };
        let notice = (task == Task::Repair && number % 10 == 5).then(|| START.plus(Span::from_mins(2)));
        world.holdings.push(Holding {
            id: HoldingId::Machine(format!("i-{number:08x}").into()),
            units: Capacity::units(u64::from(vcpus(&pool))),
            pool,
            count: 1,
            standing: Standing::Running,
            born: START.minus(Span::from_mins(draws.below(100_000))),
            notice,
            protected: false,
            work: Work::Unknown,
            ran: true,
            paid: policies::units::PricePerHour::ZERO,
        });
    }
    set_need(&mut world, task);
    world
}

fn pools(size: Size) -> impl Iterator<Item = Pool> {
    let places = (0..size.providers).flat_map(|p| (0..5).flat_map(move |r| (0..5).map(move |z| (p, r, z))));
    places.flat_map(move |(p, r, z)| {
        (0..size.types).flat_map(move |t| {
            let (provider, region) = (format!("cloud-{p}"), format!("region-{r}"));
            let (zone, kind) = (format!("{region}-{z}"), format!("t{t}.v{}", 2 << (t % 5)));
            [Market::Spot, Market::OnDemand].map(|market| Pool::new(&provider, &region, &zone, &kind, market))
        })
    })
}

/// The vCPUs of a type are in its name.
fn vcpus(pool: &Pool) -> u32 {
    pool.instance_type().as_str().rsplit('v').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Rules that the running machines keep, and a queue that needs what the task says.
fn set_need(world: &mut World, task: Task) {
    let all: Capacity = world.holdings.iter().map(Holding::capacity).sum();
    let need = match task {
        Task::Rest | Task::Repair => all,
        Task::Grow => all.plus(Share::percent(20).of(all)).ceil(),
        Task::Shrink => Share::percent(80).of(all).ceil(),
    };
    world.fleet.max = all.times(2);
    world.fleet.on_demand.base = world.counted(Market::OnDemand);
    world.fleet.spot.min_pools = 20;
    world.fleet.spot.max_price_of_on_demand = Some(Share::percent(60));
    world.fleet.spot.max_share = MaxShare {
        pool: Share::percent(5),
        zone: Share::percent(20),
        region: Share::percent(40),
        provider: Share::percent(60),
    };
    // Every rule has something to weigh; none of them changes what the task asks for.
    world.fleet.min = Share::percent(30).of(all).ceil();
    world.fleet.survive = Some(Survive::Zone);
    world.fleet.spot.max_price_age = Some(Span::from_hours(1));
    world.fleet.spot.moves = Some(MoveRules {
        min_saving: Share::percent(90),
        pays_back_within: Span::from_hours(1),
        max_per_hour: 100,
        max_share: Share::percent(10),
        calm: Span::from_mins(30),
    });
    world.fleet.scale_up.max_launches_per_hour = 40_000;
    world.fleet.scale_up.ready_within = Some(Span::from_mins(10));
    world.fleet.scale_up.halt_above = Some(Share::percent(50));
    world.fleet.scale_down.min_life = Span::from_mins(5);
    let long_ago = Some(START.minus(Span::from_hours(24)));
    world.memory = Memory { target: Some(all), raised_at: long_ago, watched_since: long_ago, ..Memory::default() };
    // A unit works off ten jobs in the ten minutes that a plain fleet gives it.
    let waiting = need.milli() / 100;
    world.demand = Demand::default();
    // Two readings, so that a rate of arrival is known: none arrive.
    for at in [START.minus(Span::from_mins(10)), START] {
        let sample = Sample { at, waiting, in_flight: 0, arrived_total: Some(0) };
        world.demand.of_mut(&DemandRules::QUEUE.into()).record(Reading::Jobs(sample), Capacity::ZERO);
    }
}
