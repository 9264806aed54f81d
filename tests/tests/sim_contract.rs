//! The simulated cloud keeps the contract of every provider, whatever its capabilities.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use policies::failure::FailureKind;
use policies::model::{Capabilities, FleetName, InstanceId, Market, Pool, Shape};
use policies::units::{Span, Time};
use providers::contract::{Fault, Verdict, World, check, report};
use providers::sim::{
    Faults, Happening, Owner, SimCloud, SimMachine, SimProvider, aws_like, azure_like, gcp_like, ppio_like,
};
use providers::{CallClass, LaunchSpec, Provider};

/// Always.
const ALWAYS: u32 = 10_000;

/// Virtual time moves on by this much each time somebody looks at the clock, so that no wait takes long.
const LOOK: i64 = 2_000;

/// Machines that a pool holds.
const ROOM: u32 = 30;

struct Sim {
    provider: SimProvider,
    time: Arc<AtomicI64>,
}

impl Sim {
    fn new(capabilities: Capabilities, seed: u64) -> Self {
        let shape = Shape { vcpus: 4, gpus: 0, memory_mib: 16_384 };
        let cloud = SimCloud::new("sim", capabilities, Time::EPOCH, seed).with_type(
            ("r", "r-a", "t.small"),
            30_000,
            100_000,
            ROOM,
            shape,
        );
        let time = Arc::new(AtomicI64::new(0));
        let clock = time.clone();
        let tell = Arc::new(move || Time::from_millis(clock.fetch_add(LOOK, Ordering::SeqCst)));
        Self { provider: SimProvider::new(Arc::new(Mutex::new(cloud)), tell), time }
    }

    /// The spot pool has room for so many machines in all.
    fn hold(&self, machines: u32) {
        self.provider.cloud().happen(Happening::Capacity { pool: self.spot(), machines });
    }
}

#[async_trait]
impl World for Sim {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn spot(&self) -> Pool {
        Pool::new("sim", "r", "r-a", "t.small", Market::Spot)
    }

    fn on_demand(&self) -> Pool {
        self.spot().in_market(Market::OnDemand)
    }

    fn spec(&self) -> Arc<LaunchSpec> {
        Arc::new(LaunchSpec::Sim)
    }

    async fn inject(&self, class: CallClass, fault: Fault) -> bool {
        let none = Faults::default();
        let faults = match (fault, class) {
            (Fault::LoseRequest, _) => Faults { lost_request: ALWAYS, ..none },
            (Fault::LoseReply, _) => Faults { lost_reply: ALWAYS, ..none },
            (Fault::OneOnly, CallClass::Launch) => {
                let in_pool = |m: &&SimMachine| m.pool == self.spot() && m.is_alive();
                let taken = self.provider.cloud().machines().filter(in_pool).count();
                self.hold(u32::try_from(taken).unwrap_or(u32::MAX) + 1);
                return true;
            }
            (Fault::Refuse(FailureKind::NoCapacity), CallClass::Launch) => Faults { no_capacity: ALWAYS, ..none },
            (Fault::Refuse(FailureKind::PriceAboveCap), CallClass::Launch) => {
                Faults { price_above_cap: ALWAYS, ..none }
            }
            (Fault::Refuse(FailureKind::Throttled), _) => Faults { throttled: ALWAYS, ..none },
            (Fault::Refuse(FailureKind::Unavailable), _) => Faults { unavailable: ALWAYS, ..none },
            _ => return false,
        };
        self.provider.cloud().set_faults(faults);
        true
    }

    async fn calm(&self) {
        self.provider.cloud().set_faults(Faults::default());
        self.hold(ROOM);
    }

    async fn plant_foreign(&self) -> InstanceId {
        self.provider.cloud().plant(&self.spot(), Owner::Other, &FleetName::from("contract"), None)
    }

    async fn foreign_lives(&self, id: &InstanceId) -> bool {
        self.provider.cloud().machine(id).is_some_and(SimMachine::is_alive)
    }

    async fn launch_requests(&self) -> Option<u64> {
        None
    }

    async fn interrupt(&self, id: &InstanceId) {
        self.provider.cloud().interrupt(id);
    }

    async fn pass(&self, span: Span) {
        self.time.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn every_kind_of_simulated_cloud_keeps_the_contract() {
    for (name, capabilities) in
        [("aws", aws_like()), ("gcp", gcp_like()), ("azure", azure_like()), ("ppio", ppio_like())]
    {
        for seed in 0..5 {
            let world = Sim::new(capabilities.clone(), seed);
            let findings = check(&world).await;
            let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
            assert!(!broken, "{name} with seed {seed}:\n{}", report(&findings));
            assert_eq!(world.provider.cloud().misuses(), [], "{name} with seed {seed}");
        }
    }
}
