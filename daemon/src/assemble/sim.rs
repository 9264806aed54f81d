//! A simulated cloud of the fleet file: nothing is launched anywhere.

use std::sync::{Arc, Mutex};

use config::{Config, SimConfig, SimType};
use policies::model::{Capabilities, Market, Pool, ProviderName, Shape};
use policies::units::{Share, Span};
use providers::Provider;
use providers::sim::{SimCloud, SimProvider, Weather};

use crate::clock::Clock;

/// The longest time a call to a simulated cloud may take; they take none.
const CALL_DEADLINE: Span = Span::from_secs(30);

/// Machines per call: as EC2.
const BATCH: u32 = 100;

/// Chance is asked so often.
const WEATHER_EVERY: Span = Span::from_mins(1);

/// Zones differ in price by up to this share of the mean.
const ZONES_DIFFER: u64 = 10;

pub(super) fn cloud(name: &ProviderName, sim: &SimConfig, config: &Config, clock: &Clock) -> Arc<dyn Provider> {
    let capabilities = Capabilities {
        token_lifetime: sim.token_lifetime,
        visibility_lag: sim.visibility_lag,
        call_deadline: CALL_DEADLINE,
        notice_lead: sim.notice_lead,
        launch_batch: BATCH,
        terminate_batch: BATCH,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::ZERO,
        free_if_taken_within: Span::ZERO,
    };
    let mut cloud = SimCloud::new(name.as_str(), capabilities, clock.now(), sim.seed)
        .in_currency(sim.currency)
        .starting_within(sim.start_delay, sim.start_delay);
    let named = config.fleets.iter().flat_map(|f| f.fleet.pools.keys()).filter(|p| p.provider() == name);
    for pool in named.flat_map(|p| [p.in_market(Market::Spot), p.in_market(Market::OnDemand)]) {
        let Some(kind) = sim.types.get(pool.instance_type()) else { continue };
        let SimType { vcpus, gpus, on_demand_micros, spot_micros, spot_room } = *kind;
        let (micros, room) = match pool.market() {
            Market::Spot => (zone_price(spot_micros, &pool), spot_room),
            // On demand there is room for what anybody may want here.
            Market::OnDemand => (on_demand_micros, u32::MAX),
        };
        // Nothing is decided by memory; it is what general-purpose machines have.
        let memory_mib = u64::from(vcpus) * 4_096;
        cloud = cloud.with_pool(pool, micros, room, Shape { vcpus, gpus, memory_mib });
    }
    let cloud = cloud.with_weather(weather(sim.interruptions_per_hour));
    let clock = clock.clone();
    Arc::new(SimProvider::new(Arc::new(Mutex::new(cloud)), Arc::new(move || clock.now())))
}

/// The mean, moved by a share that depends on the zone's name.
fn zone_price(mean: u64, pool: &Pool) -> u64 {
    let text = format!("{}/{}", pool.region(), pool.zone());
    let spread = text.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let percent = 100 - ZONES_DIFFER + spread % (2 * ZONES_DIFFER + 1);
    mean.saturating_mul(percent) / 100
}

/// Prices move a little, and machines are taken at about the stated rate. The chance of a round is that of the hour
/// divided among its rounds; one machine a pool and round is taken at most.
fn weather(interruptions_per_hour: Share) -> Weather {
    let rounds = u32::try_from(3_600_000 / WEATHER_EVERY.as_millis().max(1)).unwrap_or(1).max(1);
    Weather { every: WEATHER_EVERY, interruption: interruptions_per_hour.basis_points() / rounds, ..Weather::mild() }
}
