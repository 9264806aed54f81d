//! The fleet file as it is written: one table for each mapping of it.
//!
//! The doc comments here are for operators. The JSON schema and the reference page are made from them, so each says
//! what the key does, its unit and an example. Nothing here is checked beyond its kind; that is `lower`'s work.

use std::borrow::Cow;
use std::collections::BTreeMap;

use policies::budget::AtLimit;
use policies::control::OrphanAction;
use policies::model::{Market, Strategy, Survive, Unit};
use policies::units::Currency;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{IgnoredAny, MapAccess};

use crate::model::{LaunchApi, LogFormat, LogLevel, StoreEngine};
pub(crate) use azure::{Azure, AzureLaunch};
pub(crate) use demand::{
    Demand, DemandFile, DemandSource, Forecast, HttpJson, Metric, OnMissing, Prometheus, Queue, RabbitMq, Redis,
    Source, Sqs,
};
use field::{Dict, Field, Key, List, Raw, Read, Scalar, table};
pub(crate) use gcp::{Gcp, GcpLaunch};
pub(crate) use launch::Launch;
pub(crate) use ppio::{Ppio, PpioLaunch};
use value::{
    Count, CronText, Duration, FilePath, Flag, Leaf, Listen, Micros, OneOf, Order, PerUnitHour, Percent, Rate, Text,
    Units, Version, ZoneName,
};

mod azure;
mod demand;
mod duration;
pub(crate) mod field;
mod gcp;
pub(crate) mod launch;
mod ppio;
pub(crate) mod value;

table! {
    /// A fleet file of spotfleet. Durations are written as `90s`, `5m`, `1h30m` or `1d`, shares as `70%`, money as
    /// plain decimals. Relative paths start at the directory of the fleet file. Anchors, aliases, merge keys and tags
    /// are not supported.
    File {
        /// Version of the format: 1.
        required version: Leaf<Version>,
        /// How the daemon itself runs. A change of it takes effect at the next start, one of `rates`, `budget`, `orphans`
        /// and `public_url` at a reload.
        default("{}") daemon: Daemon,
        /// The clouds. The first part of a name is its kind: `aws`, or `aws-research` for a second account; `sim` or
        /// `sim-a` for a simulated cloud. Example: `aws: {}`.
        required providers: Providers,
        /// The fleets. At least one.
        required fleets: List<Fleet>,
    }

    /// How the daemon itself runs.
    Daemon {
        /// Directory of the embedded store. It is made when it is not there.
        default("/var/lib/spotfleet") state_dir: Leaf<FilePath>,
        /// Engine of the embedded store. To change it, export from the old one and import into the new one.
        default("sled") store: Leaf<OneOf<StoreEngine>>,
        /// IP address and port of the HTTP server. An address that other machines can reach needs a `token`.
        default("127.0.0.1:9464") listen: Leaf<Listen>,
        /// Bearer token that HTTP clients must send to read; `/healthz`, `/readyz` and `/metrics` need none. Example:
        /// `{credential: http-token}`.
        optional token: SecretRef,
        /// Bearer token of the operator, for `pause`, `drain` and the other orders, and to read; another secret
        /// than `token`. Without it, the daemon takes no orders. Example: `{credential: operator-token}`.
        optional operator_token: SecretRef,
        /// Bearer token of the workers, for `POST /api/v1/workers`, by which they say that they are busy or idle; good for
        /// nothing else. Another secret than `token` and `operator_token`: it is on every machine. Without it, only who has
        /// the operator's token says so. Example: `{credential: worker-token}`.
        optional worker_token: SecretRef,
        /// URL at which machines reach the HTTP API, through a proxy or by a name: what `{{spotfleet.url}}` stands for in user
        /// data, startup scripts and commands. Nothing else uses it. Example: `https://spotfleet.internal.example.com`.
        optional public_url: Leaf<Text>,
        /// A round is run at least this often, from 1s to 10m. Events such as interruptions start one at once.
        default("10s") tick: Leaf<Duration>,
        /// Value of the owner tag of every machine. Machines with another one do not exist for this daemon: two daemons
        /// in one account need two owners. Letters, digits, dots, dashes and underscores, at most 63.
        default("spotfleet") owner: Leaf<Text>,
        /// Currency of every price and cap in this file and of every report.
        default("USD") currency: Leaf<OneOf<Currency>>,
        /// What one unit of another currency is worth in `currency`, for price lists in that one. Example:
        /// `{CNY: 0.14}`.
        default("{}") rates: Dict<Leaf<Rate>>,
        /// What all fleets together may cost. Fleets are served in the order of their names.
        optional budget: Budget,
        /// What is done about machines that carry our owner tag and the name of a fleet that is not in this file.
        default("{}") orphans: Orphans,
        /// Time zone in which days and months of budgets begin, as the IANA database names it. Example: `Europe/Berlin`.
        default("UTC") time_zone: Leaf<ZoneName>,
        /// What is logged, and how.
        default("{}") log: Log,
        /// Push traces and metrics to an OpenTelemetry collector.
        optional otlp: Otlp,
    }

    /// What is logged, and how.
    Log {
        /// Lines for people, or a JSON object a line.
        default("text") format: Leaf<OneOf<LogFormat>>,
        /// The least important level that is shown.
        default("info") level: Leaf<OneOf<LogLevel>>,
    }

    /// Where traces and metrics are pushed to.
    Otlp {
        /// Base URL of the collector's OTLP/HTTP receiver, without `/v1/traces`. Example: `http://127.0.0.1:4318`.
        required endpoint: Leaf<Text>,
        /// How often metrics are pushed, from 1s to 1h.
        default("15s") interval: Leaf<Duration>,
    }

    /// Where a secret is kept: exactly one of these. The secret itself never stands in the fleet file.
    SecretRef {
        /// Name of an environment variable. Example: `SPOTFLEET_TOKEN`.
        optional env: Leaf<Text>,
        /// Path of a file that holds nothing else. A line break at its end is ignored.
        optional file: Leaf<FilePath>,
        /// Name of a systemd credential (`LoadCredential=` of the unit).
        optional credential: Leaf<Text>,
    }

    /// Amazon EC2. Credentials come from the SDK's own chain: environment, profile, container or instance role.
    Aws {
        /// URL of the EC2, SQS and STS endpoints in place of the region's own, for tests and private endpoints. Without
        /// it `AWS_ENDPOINT_URL` is used, when set.
        optional endpoint_url: Leaf<Text>,
        /// URL of the price list endpoint in place of its own.
        optional pricing_endpoint_url: Leaf<Text>,
        /// Allow endpoints without TLS (`http://`). For tests.
        default("false") allow_http_endpoint: Leaf<Flag>,
        /// URLs of the SQS queues that get the EventBridge events of EC2 interruptions, one for each region. In a
        /// region without one, spot requests are polled, which sees an interruption later. Example:
        /// `[https://sqs.us-east-1.amazonaws.com/123456789012/spotfleet]`.
        default("[]") interruption_queue_urls: List<Leaf<Text>>,
        /// Which call launches: `create-fleet` (an instant fleet with a launch template kept for each launch
        /// specification), or `run-instances` (needs no right to launch templates).
        default("create-fleet") launch_api: Leaf<OneOf<LaunchApi>>,
        /// A call that takes longer is given up, from 1s to 5m. What it did is then looked up, never guessed.
        default("30s") call_deadline: Leaf<Duration>,
        /// A machine may be missing from listings for so long after its launch, from 0s to 10m. A lost launch is
        /// launched again only after this and the deadline have passed.
        default("60s") visibility_lag: Leaf<Duration>,
    }

    /// A simulated cloud, for demos and tests: nothing is launched anywhere. It sells its types in every region and
    /// zone that the fleets name.
    Sim {
        /// Seed of all that is random in it. The same seed gives the same cloud.
        default("0") seed: Leaf<Count>,
        /// Currency of its prices.
        default("USD") currency: Leaf<OneOf<Currency>>,
        /// A machine runs so long after its launch, up to 1h.
        default("30s") start_delay: Leaf<Duration>,
        /// A machine may be missing from listings for so long after its launch, up to 10m.
        default("2s") visibility_lag: Leaf<Duration>,
        /// A launch that is repeated with the same token within this time makes nothing new. Without it, it makes a
        /// second machine, as on clouds that know no tokens.
        optional token_lifetime: Leaf<Duration>,
        /// How long before an interruption its notice comes, up to 1h.
        default("2m") notice_lead: Leaf<Duration>,
        /// Share of the spot machines that is expected to be interrupted within an hour. Example: `10%`.
        default("0%") interruptions_per_hour: Leaf<Percent>,
        /// What it sells: instance types by name. At least one.
        required types: Dict<SimType>,
    }

    /// An instance type of a simulated cloud.
    SimType {
        /// Virtual CPUs of a machine.
        default("1") vcpus: Leaf<Count>,
        /// GPUs of a machine.
        default("0") gpus: Leaf<Count>,
        /// On-demand price of a machine-hour, in the cloud's `currency`. Example: `0.10`.
        required on_demand_price: Leaf<Micros>,
        /// Mean spot price of a machine-hour, in the cloud's `currency`. Example: `0.031`.
        required spot_price: Leaf<Micros>,
        /// Spot machines that one zone can run at a time.
        default("100") spot_room: Leaf<Count>,
    }

    /// A fleet: what the operator wants.
    Fleet {
        /// Name, unique in the file: small letters, digits and dashes, at most 63. It is a tag of each machine, so
        /// renaming a fleet means a new one. Example: `llm-batch`.
        required name: Leaf<Text>,
        /// Labels, copied to tags of the machines. Keys: small letters, digits and underscores, at most 63; values up to
        /// 255 characters; at most 20. Example: `{team: ml, cost_center: a17}`.
        default("{}") labels: Dict<Leaf<Text>>,
        /// What capacity counts: machines, virtual CPUs or GPUs.
        default("instance") unit: Leaf<OneOf<Unit>>,
        /// Capacity of one machine of these instance types, in place of what `unit` counts. Example:
        /// `{g5.xlarge: 1, g5.2xlarge: 1.5}`.
        default("{}") weights: Dict<Leaf<Units>>,
        /// Limits of the fleet's capacity.
        required capacity: Capacity,
        /// Other limits at times of the calendar, at most 50.
        default("[]") schedules: List<Schedule>,
        /// How much is needed.
        default("{}") demand: Demand,
        /// The part that is not spot.
        default("{}") on_demand: OnDemand,
        /// What spot may cost and how it is spread.
        default("{}") spot: Spot,
        /// How fast the fleet grows.
        default("{}") scale_up: ScaleUp,
        /// How fast the fleet shrinks, and how machines are let go.
        default("{}") scale_down: ScaleDown,
        /// What the fleet may cost.
        optional budget: Budget,
        /// Where to buy: every combination of region, zone, instance type and market of each entry is a pool. At
        /// least one entry.
        required pools: List<Pools>,
    }

    /// Machines that carry our owner tag and the name of a fleet that is not in this file: left behind by a fleet that was
    /// removed or renamed, or by a store that was lost. They are shown in `status`, in the events and in the metrics, with
    /// what they cost. Since when a machine is one is on record; the time begins anew when the store is lost or its fleet
    /// was configured meanwhile.
    Orphans {
        /// So long after it was first seen as one a machine may be ended. From 1m to 90d.
        default("1h") after: Leaf<Duration>,
        /// `report`: they are left alone. `end`: they are ended after that time, without a drain, where they can be seen; not
        /// one that is protected or whose fleet was paused. With `end`, a fleet that is renamed or removed loses its
        /// machines after that time.
        default("report") action: Leaf<OneOf<OrphanAction>>,
    }

    /// What may be spent, in `daemon.currency`. At least one of `per_hour`, `per_day` and `per_month`. Spend is counted from
    /// the launch of a machine until it is known to be gone, by the billing steps and minimum times of its provider. What
    /// `capacity.min` needs is bought and kept whatever it costs.
    Budget {
        /// What all that runs may cost an hour at current prices. Nothing is launched that would pass it.
        optional per_hour: Leaf<Micros>,
        /// What may be spent in a day, from midnight to midnight in `daemon.time_zone`. Example: `250`.
        optional per_day: Leaf<Micros>,
        /// What may be spent in a month of the calendar. Example: `4000`.
        optional per_month: Leaf<Micros>,
        /// From this share of a limit on, an alarm says so.
        default("80%") alert_at: Leaf<Percent>,
        /// What is done at a limit: `alert` says so. `freeze` launches nothing above `capacity.min`, not even for machines
        /// that are lost. `shed-spot` lets spot above it go besides, from the dearest unit on; on-demand stays.
        default("freeze") at_limit: Leaf<OneOf<AtLimit>>,
    }

    /// Limits of the fleet's capacity, in its unit.
    Capacity {
        /// The target is never below this, but for a schedule with a lower `max`.
        default("0") min: Leaf<Units>,
        /// Neither the target nor the machines that run or are promised ever exceed this.
        required max: Leaf<Units>,
        /// Keep `min` outside of any one `zone`, `region` or `provider`: what runs and is promised, less what the place with
        /// the most of it holds, is not below `min`. What lacks for that is launched besides the target, anywhere but
        /// there, at the cheapest: spot, or on-demand in a fleet without spot pools. It gives way to `max` and to budgets.
        optional survive: Leaf<OneOf<Survive>>,
    }

    /// Other limits at times of the calendar. While the schedule is on, its `min` counts beside `capacity.min` and its
    /// `max` beside `capacity.max`. Where several are on, the highest minimum and the lowest maximum hold, and the
    /// maximum wins: a higher minimum is cut to it. So `capacity.max` is never exceeded. Orders win over schedules:
    /// while `set-min` stands no schedule raises the minimum or cuts it, and while `set-max` stands none lowers the
    /// maximum. What a minimum lacks when it begins is launched at once; when it ends, machines go by the rules of
    /// `scale_down`.
    Schedule {
        /// Name, unique in the fleet: small letters, digits and dashes, at most 63. Reports tell it.
        required name: Leaf<Text>,
        /// When it begins: a cron expression of minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or
        /// jan-dec) and day of the week (0-7 or sun-sat; 0 and 7 are Sunday). Each is `*`, a value, a range `8-18`, a
        /// step `*/15` or `8-18/2`, or a list of these. A day must match both day fields; when neither begins with
        /// `*`, one of them is enough. A time that is left out when clocks go forward counts at the end of the gap; one
        /// that comes twice when they go back counts once, the first time. Example: `0 8 * * mon-fri`.
        required from: Leaf<CronText>,
        /// When it ends, as `from`. Exactly one of `until` and `lasts`. A begin and an end at one time make a begin.
        /// Example: `0 19 * * mon-fri`.
        optional until: Leaf<CronText>,
        /// It ends so long after it began, from 1m to 30d, as time passes and not as clocks show. Begun again before
        /// that, it goes on. Example: `11h`.
        optional lasts: Leaf<Duration>,
        /// Whose clocks: a name of the IANA database. Example: `Europe/Berlin`.
        default("UTC") time_zone: Leaf<ZoneName>,
        /// The minimum meanwhile, in the fleet's unit. At least one of `min` and `max`.
        optional min: Leaf<Units>,
        /// The maximum meanwhile, in the fleet's unit.
        optional max: Leaf<Units>,
    }

    /// The part that is not spot.
    OnDemand {
        /// So much of the target is always on-demand, in units.
        default("0") base: Leaf<Units>,
        /// What spot could not give for so long is bridged with on-demand, up to 7d. Without it, never. Example: `5m`.
        optional fallback_after: Leaf<Duration>,
        /// Keep asking for spot while on-demand bridges, and let the bridge go when spot is there.
        default("true") return_to_spot: Leaf<Flag>,
    }

    /// What spot may cost and how it is spread.
    Spot {
        /// Buy no spot above this.
        optional max_price: MaxPrice,
        /// Spread over at least so many pools, from 1 to 1000: no pool gets more than its part of that.
        default("1") min_pools: Leaf<Count>,
        /// How much of the wanted spot capacity one place may hold (or one machine).
        default("{}") max_share: MaxShare,
        /// In what order pools are bought from, within caps and shares. `price-capacity`: by price per unit, where each
        /// failure in a row that a pool is remembered for makes it a quarter dearer, up to twice as dear; it is forgotten
        /// an hour after the pool was open again. `lowest-price`: by price alone. `capacity`: by failures in a row, then
        /// by price. `diversified`: the same capacity in each pool, as far as it goes.
        default("price-capacity") strategy: Leaf<OneOf<Strategy>>,
        /// Replace spot machines by cheaper ones of the same capacity. Without it, a machine stays where it was launched.
        /// `moves: {}` takes the defaults.
        optional moves: Moves,
        /// Buy no spot by prices that were read longer ago, from 5m to 30d. Prices are read each minute; while they
        /// cannot be, an older one has to be further below the caps, by up to a tenth at this age.
        default("1h") max_price_age: Leaf<Duration>,
    }

    /// Moves to cheaper spot. The new machine runs before the old one is told to finish, so there has to be room below
    /// `capacity.max`. Nothing moves while anything else is to be done, while a machine starts or finishes, or while a
    /// region is not seen.
    Moves {
        /// A move saves at least this share of the old machine's price, from 1% to 100%.
        default("20%") min_saving: Leaf<Percent>,
        /// It saves within this time, from 1m to 7d, what both machines cost while the new one starts, as fast as others
        /// did, and the old one finishes.
        default("1h") pays_back_within: Leaf<Duration>,
        /// At most so many machines move in an hour, from 1 to 1000.
        default("6") max_per_hour: Leaf<Count>,
        /// At most this share of the spot machines moves at once, and at least one.
        default("10%") max_share: Leaf<Percent>,
        /// Nothing moves for so long after a machine was interrupted or lost, up to 7d.
        default("30m") calm: Leaf<Duration>,
    }

    /// Caps on the price of spot. With both, both hold.
    MaxPrice {
        /// At most this share of the same type's on-demand price in the same region, up to 200%. Example: `70%`.
        optional of_on_demand: Leaf<Percent>,
        /// At most this price of one unit of capacity for an hour, in `daemon.currency`. Example: `0.50`.
        optional per_unit_hour: Leaf<PerUnitHour>,
    }

    /// How much of the wanted spot capacity one place may hold.
    MaxShare {
        /// One pool: an instance type in a zone.
        default("100%") pool: Leaf<Percent>,
        /// One zone.
        default("100%") zone: Leaf<Percent>,
        /// One region.
        default("100%") region: Leaf<Percent>,
        /// One provider.
        default("100%") provider: Leaf<Percent>,
    }

    /// How fast the fleet grows. Replacing a lost machine is no growth and does not wait for a cooldown.
    ScaleUp {
        /// After the target was raised, it is not raised again for so long, up to 7d.
        default("60s") cooldown: Leaf<Duration>,
        /// One raise adds at most this share of the target, and at least one unit. Without it, there is no limit.
        /// Example: `50%`.
        optional max_step: Leaf<Percent>,
        /// At most so many machines are launched within an hour, replacements included, from 1 to 1000000: a guard
        /// against a circle of launches, from which the daemon is not ready. Without it, four times `capacity.max` in
        /// units, and at least 60.
        optional max_launches_per_hour: Leaf<Count>,
        /// A machine that does not run so long after its launch is given up: it is let go and replaced. From 1m to 1d.
        default("15m") ready_within: Leaf<Duration>,
        /// Halt the fleet when more than this share of its launches of an hour never ran, and at least three: a broken
        /// image or start script would be paid for again and again. Nothing is launched until they are an hour old or an
        /// operator resumes the fleet; then three at a time, until one of them runs. `100%`: never.
        default("50%") halt_above: Leaf<Percent>,
    }

    /// How fast the fleet shrinks, and how machines are let go.
    ScaleDown {
        /// After the target was changed either way, it is not lowered for so long, up to 7d.
        default("10m") cooldown: Leaf<Duration>,
        /// What goes first. `spot-first`: on-demand that a spot machine has replaced, then spot from the dearest, then
        /// on-demand above the base. The base stays. In each of these, machines go whose workers say that they are idle
        /// (`POST /api/v1/workers`, or `workers`) before those that nobody tells of, and busy ones last.
        default("spot-first") order: Leaf<OneOf<Order>>,
        /// Capacity that was needed within this time stays, up to 7d.
        default("15m") idle_grace: Leaf<Duration>,
        /// A machine is told to finish its work so long before it is ended, up to 7d. One whose worker says after that that
        /// it is idle is ended at once: where workers tell, this can be as long as the longest job.
        default("5m") drain_timeout: Leaf<Duration>,
        /// One lowering takes at most this share of the target, and at least one unit. Without it, there is no limit.
        /// Example: `20%`.
        optional max_step: Leaf<Percent>,
        /// A machine lives at least so long before it is let go as surplus or as a bridge that is over, up to 7d: starting
        /// it was paid for. Example: `1h`.
        default("0s") min_life: Leaf<Duration>,
        /// Whom to tell when a machine is told to go. Exactly one of `http` and `command`.
        optional drain_hook: DrainHook,
        /// Where it is read which machines are busy and which are idle. Exactly one of `prometheus` and `redis`.
        optional workers: Workers,
    }

    /// Where it is read which machines are busy and which are idle, for workers that do not say so themselves
    /// (`POST /api/v1/workers`; what they say comes first). It orders who goes first. It does not end the drain time of a
    /// machine early: a worker that does not know that its machine is to go may take work at any moment. A reading that
    /// fails is logged; what was read last is believed for three times `every`.
    Workers {
        /// A metric of each machine.
        optional prometheus: WorkersMetric,
        /// The consumers of a stream's group.
        optional redis: WorkersStream,
        /// How often to read, from 5s to 1h.
        default("30s") every: Leaf<Duration>,
        /// A reading that takes longer fails, from 100ms to 60s.
        default("5s") timeout: Leaf<Duration>,
    }

    /// A query to Prometheus that gives a sample a machine: more than zero is busy, zero is idle, and a machine without a
    /// sample is unknown.
    WorkersMetric {
        /// `http://` or `https://` URL of the server, without `/api/v1`, such as `http://127.0.0.1:9090`. With a user
        /// and password in it, it must be kept elsewhere: `{env: PROMETHEUS_URL}`.
        required url: UrlOrRef,
        /// The query in PromQL. Example: `sum by (instance_id) (worker_jobs_running)`.
        required query: Leaf<Text>,
        /// The label that holds the provider's id of the machine, such as `i-0123456789abcdef0`.
        default("instance_id") label: Leaf<Text>,
        /// Bearer token that is sent. Example: `{credential: prometheus-token}`.
        optional token: SecretRef,
        /// Send token and password without TLS (`http://`) to another machine. Only where nobody can listen.
        default("false") allow_http: Leaf<Flag>,
    }

    /// The consumers of a group of a Redis stream, each named by the provider's id of its machine: one with entries that it
    /// has not acknowledged is busy. A machine that is no consumer is unknown.
    WorkersStream {
        /// `redis://`, `rediss://` or `redis+unix://` URL. With a password in it, it must be kept elsewhere:
        /// `{env: REDIS_URL}`.
        required url: UrlOrRef,
        /// Key of the stream.
        required stream: Leaf<Text>,
        /// Name of the group.
        required group: Leaf<Text>,
    }

    /// Whom to tell when a machine is told to go, so that its worker takes no more work. It is called once that is on disk,
    /// at least once for each machine: a restart of the daemon that does not know what came of it calls again. When it says
    /// that the worker has finished, the machine is ended at once, so it must not say so before. When it fails or takes too
    /// long, that is an event `hook-failed`, and the machine has its drain time as without a hook. It is not called for a
    /// machine that its provider has taken already, nor with a `drain_timeout` of nothing. At most 16 hooks run at a time.
    DrainHook {
        /// A server that is told by `POST`, with a JSON object of `event` (`drain`), `fleet`, `instance`, `pool`,
        /// `provider`, `region`, `zone`, `instance_type`, `market`, `cause` and `until` (RFC 3339: it is ended then at the
        /// latest). 200 or 204: the worker has finished. 202: it was told.
        optional http: HookServer,
        /// A program with its arguments, run without a shell, with the same as `SPOTFLEET_INSTANCE`, `SPOTFLEET_UNTIL` and
        /// so on in its environment, and nothing else of the daemon's but `PATH`. Exit status 0: the worker has finished.
        /// 75: it was told. Example: `[/usr/local/bin/drain, --wait]`.
        optional command: List<Leaf<Text>>,
        /// So long a call may take, from 1s to 7d, and no longer than the machine drains. Without it: as long as that.
        optional timeout: Leaf<Duration>,
    }

    /// A server that is told when a machine is to go.
    HookServer {
        /// `http://` or `https://` URL. With a password or a key in it, it must be kept elsewhere: `{env: HOOK_URL}`.
        /// Redirects to other servers are not followed. Example: `https://jobs.example.com/drain`.
        required url: UrlOrRef,
        /// Bearer token that is sent. Example: `{credential: hook-token}`.
        optional token: SecretRef,
        /// Send token and password without TLS (`http://`) to another machine. Only where nobody can listen.
        default("false") allow_http: Leaf<Flag>,
    }

    /// Places to buy: every combination of region, zone, instance type and market is a pool.
    Pools {
        /// Name of a provider of this file. Example: `aws`.
        required provider: Leaf<Text>,
        /// Regions, as the provider writes them. Example: `[us-east-1]`.
        required regions: List<Leaf<Text>>,
        /// Zones, as the provider writes them; each belongs to the region that its name starts with. Without it: every
        /// zone that has a subnet on AWS, one zone a region on a simulated cloud. Example: `[us-east-1a, us-east-1b]`.
        optional zones: List<Leaf<Text>>,
        /// Instance types, as the provider writes them. Example: `[g5.xlarge, g6.xlarge]`.
        required instance_types: List<Leaf<Text>>,
        /// How to buy.
        default("[spot, on-demand]") markets: List<Leaf<OneOf<Market>>>,
        /// What a machine is launched with. Its keys are those of the provider's kind; needed on every cloud but a simulated
        /// one, which takes none.
        optional launch: Launch,
    }

    /// What an EC2 machine is launched with. Images, subnets and security groups belong to one region, so an entry that
    /// names them by id covers one region; write one entry for each region.
    AwsLaunch {
        /// Image id, or an SSM parameter, which may differ by region. Example: `ami-0abcdef1234567890` or
        /// `resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`.
        required image: Leaf<Text>,
        /// Subnet id of each zone. Example: `{us-east-1a: subnet-0a1, us-east-1b: subnet-0b2}`.
        required subnets: Dict<Leaf<Text>>,
        /// Security group ids. Without any, the default group of the subnet's VPC. Example: `[sg-0c3]`.
        default("[]") security_groups: List<Leaf<Text>>,
        /// Name of the instance profile that the machine gets.
        optional instance_profile: Leaf<Text>,
        /// Name of the SSH key pair that the machine gets.
        optional key_name: Leaf<Text>,
        /// User data as text, at most 16 KiB; not encoded. Put no secret in it: whoever can describe instances can read
        /// it. In it, in Azure's `user_data`, in `startup_script` and `metadata` of Compute Engine and in `command`,
        /// `entrypoint` and `env` of PPIO, `{{spotfleet.fleet}}` stands for the fleet's name, `{{spotfleet.url}}` for
        /// `daemon.public_url`, `{{spotfleet.pool}}` for the pool and `{{spotfleet.token}}` for the launch's token; other
        /// braces are left alone. On EC2 the last two need `launch_api: run-instances`.
        optional user_data: Leaf<Text>,
        /// File with the user data, in place of `user_data`. Example: `worker.sh`.
        optional user_data_file: Leaf<FilePath>,
        /// Further tags of the machine. At most 30 together with the labels; keys must not start with `aws:` or
        /// `spotfleet`.
        default("{}") tags: Dict<Leaf<Text>>,
    }
}

/// A table with known keys.
pub(crate) struct Table {
    /// The name of its type, which is its name in the schema.
    pub(crate) name: &'static str,
    /// Where it stands.
    pub(crate) path: &'static str,
    /// Its keys, in the order of the reference page.
    pub(crate) keys: &'static [Key],
}

/// Every table, for the hint that a key belongs elsewhere and for the order of the reference page.
pub(crate) fn tables() -> impl Iterator<Item = Table> {
    macro_rules! all {
        ($( $table:ident $path:literal, )*) => {
            [$( Table { name: stringify!($table), path: $path, keys: $table::KEYS } ),*]
        };
    }
    all! {
        File "the file",
        Daemon "daemon",
        Log "daemon.log",
        Otlp "daemon.otlp",
        Orphans "daemon.orphans",
        SecretRef "a secret",
        Aws "providers.aws",
        Azure "providers.azure",
        Gcp "providers.gcp",
        Ppio "providers.ppio and providers.novita",
        Sim "providers.sim",
        SimType "providers.sim.types.<name>",
        Fleet "fleets[]",
        Budget "fleets[].budget",
        Capacity "fleets[].capacity",
        Schedule "fleets[].schedules[]",
        Demand "fleets[].demand",
        Metric "fleets[].demand.metric",
        DemandSource "fleets[].demand.sources[]",
        Queue "fleets[].demand.queue",
        Source "fleets[].demand.queue.source",
        Redis "fleets[].demand.queue.source.redis",
        DemandFile "fleets[].demand.queue.source.file",
        Prometheus "fleets[].demand.queue.source.prometheus",
        HttpJson "fleets[].demand.queue.source.http",
        RabbitMq "fleets[].demand.queue.source.rabbitmq",
        Sqs "fleets[].demand.queue.source.sqs",
        Forecast "fleets[].demand.forecast",
        OnMissing "fleets[].demand.on_missing",
        OnDemand "fleets[].on_demand",
        Spot "fleets[].spot",
        Moves "fleets[].spot.moves",
        MaxPrice "fleets[].spot.max_price",
        MaxShare "fleets[].spot.max_share",
        ScaleUp "fleets[].scale_up",
        ScaleDown "fleets[].scale_down",
        DrainHook "fleets[].scale_down.drain_hook",
        HookServer "fleets[].scale_down.drain_hook.http",
        Workers "fleets[].scale_down.workers",
        WorkersMetric "fleets[].scale_down.workers.prometheus",
        WorkersStream "fleets[].scale_down.workers.redis",
        Pools "fleets[].pools[]",
        AwsLaunch "fleets[].pools[].launch of aws",
        AzureLaunch "fleets[].pools[].launch of azure",
        GcpLaunch "fleets[].pools[].launch of gcp",
        PpioLaunch "fleets[].pools[].launch of ppio and novita",
    }
    .into_iter()
}

/// The clouds by name. The kind is the first part of the name, so that an entry can be read as what it is.
pub(crate) struct Providers(pub(crate) BTreeMap<String, Provider>);

/// One cloud.
pub(crate) enum Provider {
    Aws(Field<Aws>),
    Azure(Box<Field<Azure>>),
    Gcp(Field<Gcp>),
    /// Of kind `ppio` or `novita`.
    Ppio(Field<Ppio>),
    Sim(Field<Sim>),
    /// No kind that is known.
    Unknown,
}

/// The kinds of clouds that this version knows.
pub(crate) const KINDS: [&str; 6] = ["aws", "azure", "gcp", "ppio", "novita", "sim"];

/// The first part of a provider's name.
pub(crate) fn kind_of(name: &str) -> &str {
    name.split_once('-').map_or(name, |(kind, _)| kind)
}

impl<'de> Raw<'de> for Providers {
    const WANTED: &'static str = "a mapping";

    fn from_default(_: &'static str) -> Option<Self> {
        None
    }

    fn from_mapping<A: MapAccess<'de>>(mut mapping: A) -> Result<Read<Self>, A::Error> {
        let mut providers = BTreeMap::new();
        while let Some(name) = mapping.next_key::<String>()? {
            let provider = match kind_of(&name) {
                "aws" => Provider::Aws(mapping.next_value()?),
                "azure" => Provider::Azure(Box::new(mapping.next_value()?)),
                "gcp" => Provider::Gcp(mapping.next_value()?),
                "ppio" | "novita" => Provider::Ppio(mapping.next_value()?),
                "sim" => Provider::Sim(mapping.next_value()?),
                _ => {
                    mapping.next_value::<IgnoredAny>()?;
                    Provider::Unknown
                }
            };
            providers.entry(name).or_insert(provider);
        }
        Ok(Ok((Self(providers), Vec::new())))
    }
}

impl JsonSchema for Providers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Providers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "patternProperties": {
                "^aws(-[a-z0-9-]+)?$": generator.subschema_for::<Aws>(),
                "^azure(-[a-z0-9-]+)?$": generator.subschema_for::<Azure>(),
                "^gcp(-[a-z0-9-]+)?$": generator.subschema_for::<Gcp>(),
                "^novita(-[a-z0-9-]+)?$": generator.subschema_for::<Ppio>(),
                "^ppio(-[a-z0-9-]+)?$": generator.subschema_for::<Ppio>(),
                "^sim(-[a-z0-9-]+)?$": generator.subschema_for::<Sim>(),
            },
            "additionalProperties": false,
            "minProperties": 1
        })
    }
}

/// A URL, or where one with a password is kept.
pub(crate) enum UrlOrRef {
    Plain(String),
    Ref(SecretRef),
}

impl<'de> Raw<'de> for UrlOrRef {
    const WANTED: &'static str = "a URL, or a mapping that says where it is kept";

    fn from_default(_: &'static str) -> Option<Self> {
        None
    }

    fn keys() -> &'static [Key] {
        SecretRef::KEYS
    }

    fn from_scalar(scalar: Scalar) -> Read<Self> {
        match scalar {
            Scalar::Text(text) => Ok((Self::Plain(text), Vec::new())),
            other => Err(other.found()),
        }
    }

    fn from_mapping<A: MapAccess<'de>>(mapping: A) -> Result<Read<Self>, A::Error> {
        Ok(SecretRef::from_mapping(mapping)?.map(|(secret, strays)| (Self::Ref(secret), strays)))
    }
}

impl JsonSchema for UrlOrRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "UrlOrRef".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "URL or secret",
            "anyOf": [{"type": "string"}, generator.subschema_for::<SecretRef>()]
        })
    }
}
