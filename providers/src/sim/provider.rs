//! The [`Provider`] face of a simulated cloud: hands in a call, and waits until the caller's clock is far enough.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use policies::control::{Call, Launch, Launched, Reply};
use policies::failure::{Failure, FailureKind};
use policies::model::{Capabilities, Instance, InstanceId, Lane, Notice, Offer, Pool, ProviderName, Region, SpecName};
use policies::units::Time;

use crate::{Order, PriceHistory, Provider};

use super::{SimCloud, Ticket};

/// Tells the time in which a simulated cloud lives; may run faster than a wall clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// An answer is looked for so often. Real time: short against what a person sees, long against what it costs.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A simulated cloud as a provider. Clones and further faces of one cloud share it.
#[derive(Clone)]
pub struct SimProvider {
    name: ProviderName,
    capabilities: Capabilities,
    cloud: Arc<Mutex<SimCloud>>,
    clock: Clock,
}

impl fmt::Debug for SimProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Withdraws a call whose caller has stopped waiting.
struct Waiting<'a> {
    cloud: &'a Mutex<SimCloud>,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(self.cloud).abandon(self.ticket);
    }
}

fn lock(cloud: &Mutex<SimCloud>) -> MutexGuard<'_, SimCloud> {
    // The cloud has no invariant that a panic elsewhere could have broken half-way.
    cloud.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimProvider {
    /// The provider face of this cloud, living in the time of this clock.
    #[must_use]
    pub fn new(cloud: Arc<Mutex<SimCloud>>, clock: Clock) -> Self {
        let (name, capabilities) = {
            let cloud = lock(&cloud);
            (cloud.name().clone(), cloud.capabilities().clone())
        };
        Self { name, capabilities, cloud, clock }
    }

    /// The cloud behind it, up to the clock's time: for its bill and its truth.
    pub fn cloud(&self) -> MutexGuard<'_, SimCloud> {
        let now = (self.clock)();
        let mut cloud = lock(&self.cloud);
        cloud.advance(now);
        cloud
    }

    async fn call(&self, call: Call) -> Reply {
        let ticket = self.cloud().submit(call);
        let waiting = Waiting { cloud: &self.cloud, ticket };
        loop {
            if let Some(reply) = self.cloud().take_answer(waiting.ticket) {
                return reply;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn lane(&self, region: &Region) -> Lane {
        Lane { provider: self.name.clone(), region: region.clone() }
    }
}

/// A reply to another call than was made: cannot happen, and is not worth a panic.
fn mismatched(operation: &str) -> Failure {
    Failure::new(FailureKind::Ambiguous, operation, "Simulated", "the answer belongs to another call")
}

#[async_trait]
impl Provider for SimProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        match self.call(Call::Offers { lane: self.lane(region), pools: pools.to_vec() }).await {
            Reply::Offered(result) => result,
            _ => Err(mismatched("Offers")),
        }
    }

    async fn price_history(
        &self,
        region: &Region,
        pools: &[Pool],
        since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        self.cloud().price_history(&self.lane(region), pools, since).map(Some)
    }

    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        match self.call(Call::List { lane: self.lane(region) }).await {
            Reply::Listed(result) => result,
            _ => Err(mismatched("List")),
        }
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        match self.call(Call::Notices { provider: self.name.clone() }).await {
            Reply::Noticed(result) => result,
            _ => Err(mismatched("Notices")),
        }
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let launch = Launch {
            token: order.token.clone(),
            fleet: order.fleet.clone(),
            pool: order.pool.clone(),
            spec: SpecName::from("sim"),
            count: order.count,
        };
        match self.call(Call::Launch(launch)).await {
            Reply::Launched(result) => result,
            _ => Err(mismatched("Launch")),
        }
    }

    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        match self.call(Call::Terminate { lane: self.lane(region), ids: ids.to_vec() }).await {
            Reply::Terminated(result) => result,
            _ => Err(mismatched("Terminate")),
        }
    }
}
