//! The one list of metrics: instruments are made from it, and so is the page `daemon/METRICS.md`.

use std::fmt::Write as _;

/// What kind of metric it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// As it is when it is asked for.
    Gauge,
    /// Only rises, and starts at zero with the daemon.
    Counter,
    /// Durations in seconds, by their size.
    Histogram,
}

impl Kind {
    /// Prometheus' name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// As `/metrics` names it. OTLP leaves out what the kind adds: `_total` of a counter, `_seconds` of a histogram.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What it counts.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    /// The name of its instrument.
    pub(crate) fn instrument(&self) -> &'static str {
        let end = match self.kind {
            Kind::Gauge => "",
            Kind::Counter => "_total",
            Kind::Histogram => "_seconds",
        };
        self.name.strip_suffix(end).unwrap_or(self.name)
    }
}

/// Makes a constant of each metric, and the list of all.
macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal in $unit:literal by [$($label:literal),*]: $help:literal;)*) => {
        $(pub(super) const $id: Metric = Metric {
            name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        };)*
        /// Every metric, in the order of the page.
        pub const METRICS: &[Metric] = &[$($id),*];
    };
}

metrics! {
    TARGET = Gauge "spotfleet_target_capacity" in "the fleet's unit" by ["fleet"]:
        "Capacity wanted";
    NEED = Gauge "spotfleet_need_capacity" in "the fleet's unit" by ["fleet"]:
        "Capacity needed before limits";
    MIN = Gauge "spotfleet_min_capacity" in "the fleet's unit" by ["fleet"]:
        "Lower bound of the target";
    MAX = Gauge "spotfleet_max_capacity" in "the fleet's unit" by ["fleet"]:
        "Upper bound of the target and of what is held";
    BACKLOG = Gauge "spotfleet_backlog_jobs" in "jobs" by ["fleet"]:
        "Jobs not finished, when the source tells";
    HELD = Gauge "spotfleet_held_capacity" in "the fleet's unit" by ["fleet", "market"]:
        "Capacity that runs or is promised, and will stay";
    RUNNING = Gauge "spotfleet_running_capacity" in "the fleet's unit" by ["fleet", "market"]:
        "Of what is held, capacity that runs";
    PENDING = Gauge "spotfleet_pending_capacity" in "the fleet's unit" by ["fleet", "market"]:
        "Of what is held, capacity that starts or is promised";
    MACHINES = Gauge "spotfleet_machines" in "machines"
        by ["fleet", "provider", "region", "zone", "instance_type", "market", "standing"]:
        "Machines by pool and standing: promised, starting, running, draining or ending";
    POOLS = Gauge "spotfleet_pools" in "pools" by ["fleet", "market"]:
        "Pools that hold capacity";
    WORKERS = Gauge "spotfleet_workers" in "machines" by ["fleet", "work"]:
        "Running machines by what their workers do, as far as it is told or read: busy, idle or unknown";
    FORECAST_ERROR = Gauge "spotfleet_forecast_error_ratio" in "a share, which may be above 1" by ["fleet"]:
        "Sum of the absolute errors of the median forecast at its horizon over the sum of the need, of the last week";
    FORECAST_COVERED = Gauge "spotfleet_forecast_covered_ratio" in "a share from 0 to 1" by ["fleet"]:
        "Share of the hours of the last week that needed no more than the quantile that was forecast at its horizon";
    OPEN_INTENTS = Gauge "spotfleet_open_intents" in "launches" by ["fleet"]:
        "Launches without a known outcome";
    PRICE = Gauge "spotfleet_price_per_hour" in "the currency, an hour" by ["fleet", "currency"]:
        "Hourly price of what runs and is promised";
    ON_DEMAND_PRICE = Gauge "spotfleet_on_demand_price_per_hour" in "the currency, an hour" by ["fleet", "currency"]:
        "Hourly price of the same machines on demand";
    PROVIDER_PRICE = Gauge "spotfleet_provider_price_per_hour" in "the currency, an hour"
        by ["fleet", "provider", "currency"]:
        "Hourly price of what runs and is promised at a provider, in the reporting currency";
    SAVINGS = Gauge "spotfleet_savings_per_hour" in "the currency, an hour" by ["fleet", "currency"]:
        "What is saved against on-demand; negative when it costs more";
    SAVING = Gauge "spotfleet_saving_ratio" in "a share from 0 to 1" by ["fleet"]:
        "Share saved against on-demand";
    POOL_PRICE = Gauge "spotfleet_pool_price_per_hour" in "the currency, an hour"
        by ["fleet", "provider", "region", "zone", "instance_type", "market", "currency"]:
        "Price of one machine as offered now, of each pool that the fleet holds machines in";
    PRICE_AGE = Gauge "spotfleet_price_age_seconds" in "seconds" by ["provider", "region"]:
        "Time since the prices of a region were read";
    SPENT = Gauge "spotfleet_spent" in "the currency" by ["fleet", "currency", "period"]:
        "Spent in the day and in the month of now";
    BUDGET_LEFT = Gauge "spotfleet_budget_left" in "the currency" by ["fleet", "currency", "of", "period"]:
        "What a budget still allows to be spent, by whose it is and its period";
    BUDGET_USED_UP = Gauge "spotfleet_budget_used_up" in "1 or 0" by ["fleet", "currency", "of", "period"]:
        "1 when a budget is used up, else 0";
    HALTED = Gauge "spotfleet_halted" in "1 or 0" by ["fleet"]:
        "1 while launches are halted because they never run, else 0";
    CLOSURES = Gauge "spotfleet_closures" in "places" by ["fleet", "kind"]:
        "Places that take no launches for a while, by the kind of failure";
    LAUNCHES = Counter "spotfleet_launches_total" in "machines" by ["fleet", "market", "why"]:
        "Machines that decisions launched, by what for: base, spot or bridge";
    LET_GO = Counter "spotfleet_let_go_total" in "machines" by ["fleet", "market", "why"]:
        "Machines that decisions told to go or ended, by cause; interruption: the provider takes them, drained: the end of what was told to go before";
    ROUNDS = Counter "spotfleet_rounds_total" in "decisions" by ["fleet", "kind"]:
        "Decisions, by kind";
    EVENTS = Counter "spotfleet_events_total" in "events" by ["fleet", "what"]:
        "What happened, by the word that `spotfleet events` shows";
    DECIDE = Histogram "spotfleet_decide_duration_seconds" in "seconds" by ["event"]:
        "Time the controller takes for an event, with every decision that the event leads to";
    CALLS = Counter "spotfleet_provider_calls_total" in "calls" by ["provider", "class", "outcome"]:
        "Calls to a provider by class and outcome";
    CALL_DURATION = Histogram "spotfleet_provider_call_duration_seconds" in "seconds" by ["provider", "class"]:
        "Time of a call to a provider, with the wait for the rate limit";
    PROVIDER_READY = Gauge "spotfleet_provider_ready" in "1 or 0" by ["provider"]:
        "1 when every region of a provider is seen, else 0";
    LANE_SEEN = Gauge "spotfleet_lane_seen" in "1 or 0" by ["provider", "region"]:
        "1 when the last listing was complete, else 0";
    OFFERS = Gauge "spotfleet_offers" in "offers" by ["provider", "region"]:
        "Offers known";
    READY = Gauge "spotfleet_ready" in "1 or 0" by []:
        "1 when every lane is seen and nothing is wrong, else 0";
    ORPHANS = Gauge "spotfleet_orphans" in "machines" by []:
        "Machines with our owner tag of a fleet that is not configured";
    ORPHANS_PRICE_PER_HOUR = Gauge "spotfleet_orphans_price_per_hour" in "currency per hour" by ["currency"]:
        "Hourly price of machines with our owner tag of a fleet that is not configured, where it is known";
    BOOTS = Gauge "spotfleet_boots" in "starts" by []:
        "Starts on this store";
    BUILD_INFO = Gauge "spotfleet_build_info" in "1" by ["version"]:
        "Always 1; the version is a label";
}

/// The page of all metrics.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# Metrics\n\n<!-- Made by `cargo xtask gen` from daemon/src/telemetry/table.rs: change it there. -->\n\n\
         `/metrics` gives these as Prometheus text, and `daemon.otlp` sends them to a collector. A gauge of a fleet or pool \
         that is gone leaves no series behind. Capacity is in the fleet's unit. Money is in the currency of the label; \
         spend counts by the providers' billing rules.\n\n| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for Metric { name, kind, unit, labels, help } in METRICS {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{name}` | {} | {unit} | {} | {help} |", kind.name(), labels.join(", "));
    }
    text
}
