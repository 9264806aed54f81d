//! What a fleet file means, once every rule of it holds: plain data for the daemon.
//!
//! Every value here is checked. Nothing here knows YAML, and nothing refers to a place in the file any more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use policies::budget::Budget;
use policies::control::OrphanRule;
use policies::cost::Rates;
use policies::model::{Fleet, FleetName, InstanceType, ProviderName, Region, SourceName, SpecName};
use policies::schedule::TimeZone;
use policies::units::{Currency, Share, Span};
use providers::LaunchSpec;

use crate::secret::Secret;

/// A whole, valid configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// How the daemon itself runs.
    pub daemon: DaemonConfig,
    /// The clouds, by name. At least one.
    pub providers: BTreeMap<ProviderName, ProviderConfig>,
    /// The fleets, in the order of the file; their names differ. At least one.
    pub fleets: Vec<FleetConfig>,
}

impl Config {
    /// The fleet of this name.
    #[must_use]
    pub fn fleet(&self, name: &FleetName) -> Option<&FleetConfig> {
        self.fleets.iter().find(|f| f.fleet.name == *name)
    }
}

/// How the daemon itself runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DaemonConfig {
    /// Directory of the store.
    pub state_dir: PathBuf,
    /// Engine of the store.
    pub store: StoreEngine,
    /// Where the HTTP server listens. Loopback, unless there is a token.
    pub listen: SocketAddr,
    /// Bearer token that HTTP clients must send; `None`: none is asked for.
    pub token: Option<Secret>,
    /// Bearer token of the operator; `None`: no orders are taken.
    pub operator_token: Option<Secret>,
    /// Bearer token of the workers; `None`: only the operator tells of them.
    pub worker_token: Option<Secret>,
    /// URL at which machines reach the HTTP API, for their user data.
    pub public_url: Option<String>,
    /// A round is run at least this often.
    pub tick: Span,
    /// Value of the owner tag: machines with another one do not exist for this daemon.
    pub owner: String,
    /// The reporting currency and the rates of the others.
    pub rates: Rates,
    /// What all fleets together may cost.
    pub budget: Option<Budget>,
    /// What is done about machines of fleets that are not configured.
    pub orphans: OrphanRule,
    /// On whose clocks days and months of budgets begin.
    pub time_zone: Arc<TimeZone>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where traces and metrics are pushed to; `None`: nowhere.
    pub otlp: Option<OtlpConfig>,
}

/// Engine of the embedded store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StoreEngine {
    /// `sled`.
    Sled,
    /// `redb`.
    Redb,
}

impl StoreEngine {
    /// The name in the fleet file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }
}

/// What is logged, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// Form of a line.
    pub format: LogFormat,
    /// The least important level that is shown.
    pub level: LogLevel,
}

/// Form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The name in the fleet file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Importance of a log line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// What happens.
    Info,
    /// Each call.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name in the fleet file, which is also the name that `tracing` knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where traces and metrics are pushed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtlpConfig {
    /// Base URL of the collector's OTLP/HTTP receiver, without `/v1/...` and without a slash at the end.
    pub endpoint: String,
    /// How often metrics are pushed.
    pub interval: Span,
}

/// A configured cloud. Its kind is the first part of its name: `aws`, `aws-research`, `sim-a`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderConfig {
    /// Amazon EC2.
    Aws(AwsConfig),
    /// Microsoft Azure.
    Azure(AzureConfig),
    /// Google Compute Engine.
    Gcp(GcpConfig),
    /// PPIO, or Novita AI.
    Ppio(PpioConfig),
    /// A simulated cloud.
    Sim(SimConfig),
}

/// Amazon EC2. Credentials come from the SDK's own chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsConfig {
    /// Endpoints without TLS are allowed.
    pub allow_http: bool,
    /// URL of the EC2 (and SQS and STS) API in place of the region's own; `None`: `AWS_ENDPOINT_URL`, or the region's.
    pub endpoint_url: Option<String>,
    /// URL of the price list API in place of its own; `None`: `endpoint_url`, or its own.
    pub pricing_endpoint_url: Option<String>,
    /// The SQS queues that get EC2's interruption warnings, one a region; none: spot requests are polled.
    pub interruption_queue_urls: Vec<String>,
    /// Which call launches.
    pub launch_api: LaunchApi,
    /// No call may take longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
}

/// One resource group of Azure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AzureConfig {
    /// Id of the subscription.
    pub subscription_id: String,
    /// Its name.
    pub resource_group: String,
    /// Who the daemon is.
    pub credential: AzureCredential,
    /// URL of Azure Resource Manager in place of the public cloud's.
    pub endpoint_url: Option<String>,
    /// URL of the token servers in place of Azure's own.
    pub authority_url: Option<String>,
    /// URL of the Retail Prices API in place of its own.
    pub prices_url: Option<String>,
    /// URLs without TLS are allowed.
    pub allow_http: bool,
    /// No call may take longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
}

/// Who the daemon is to Azure, and where that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AzureCredential {
    /// The identity of the VM that it runs on.
    ManagedIdentity {
        /// Of a user-assigned one; `None`: the system-assigned one.
        client_id: Option<String>,
    },
    /// An application with a secret.
    ClientSecret {
        /// Id of the tenant.
        tenant_id: String,
        /// Id of the application.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// An identity federated with a pod's. What is `None` is in the environment.
    WorkloadIdentity {
        /// Id of the tenant.
        tenant_id: Option<String>,
        /// Id of the application.
        client_id: Option<String>,
        /// File with the pod's token.
        token_file: Option<PathBuf>,
    },
}

/// The ways to be somebody to Azure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AzureAuth {
    /// By the identity of the VM.
    ManagedIdentity,
    /// By an application's secret.
    ClientSecret,
    /// By a federated identity.
    WorkloadIdentity,
}

impl AzureAuth {
    /// As in the fleet file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ManagedIdentity => "managed-identity",
            Self::ClientSecret => "client-secret",
            Self::WorkloadIdentity => "workload-identity",
        }
    }
}

/// One project of Google Compute Engine. Credentials are Application Default Credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GcpConfig {
    /// Id of the project.
    pub project: String,
    /// On-demand prices that the operator gives, in millionths of a dollar an hour.
    pub on_demand_micros: BTreeMap<(Region, InstanceType), u64>,
    /// URL of the API in place of Google's own.
    pub endpoint_url: Option<String>,
    /// An endpoint without TLS is allowed.
    pub allow_http: bool,
    /// How often the list of machines is looked at for those that were taken.
    pub watch_every: Span,
    /// No call may take longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
}

/// PPIO, or Novita AI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PpioConfig {
    /// Key of the account.
    pub api_key: Secret,
    /// URL of the interface; `None`: that of PPIO, or of Novita AI.
    pub base_url: Option<String>,
    /// It is Novita AI.
    pub novita: bool,
    /// Currency of its prices.
    pub currency: Currency,
    /// A URL without TLS is allowed.
    pub allow_http: bool,
    /// How often the list of machines is looked at for notices.
    pub watch_every: Span,
    /// No call may take longer.
    pub call_deadline: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
}

/// Which EC2 call launches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LaunchApi {
    /// `CreateFleet` of type `instant`, with a launch template for each launch specification.
    CreateFleet,
    /// `RunInstances`.
    RunInstances,
}

impl LaunchApi {
    /// The name in the fleet file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateFleet => "create-fleet",
            Self::RunInstances => "run-instances",
        }
    }
}

/// A simulated cloud: nothing is launched anywhere. It sells the instance types listed here in every region and zone
/// that the fleets name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimConfig {
    /// Seed of everything random in it: the same seed and calls give the same cloud.
    pub seed: u64,
    /// Currency of its prices.
    pub currency: Currency,
    /// A machine runs so long after its launch.
    pub start_delay: Span,
    /// A machine may be missing from a listing for so long after its launch.
    pub visibility_lag: Span,
    /// A launch repeated with the same token within this time makes nothing new; `None`: it makes a second machine.
    pub token_lifetime: Option<Span>,
    /// How long before an interruption the notice comes.
    pub notice_lead: Span,
    /// Expected share of the spot machines of a pool that is taken back within an hour.
    pub interruptions_per_hour: Share,
    /// What it sells.
    pub types: BTreeMap<InstanceType, SimType>,
}

/// An instance type of a simulated cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimType {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// GPUs.
    pub gpus: u32,
    /// On-demand price: millionths of the currency per machine-hour.
    pub on_demand_micros: u64,
    /// Mean spot price: millionths of the currency per machine-hour. The zones differ from it, and it moves.
    pub spot_micros: u64,
    /// Spot machines that one zone can run at a time.
    pub spot_room: u32,
}

/// A fleet with what the daemon needs around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetConfig {
    /// The rules that the core decides by.
    pub fleet: Fleet,
    /// Where each source of `fleet.demand` is read; the same names.
    pub sources: BTreeMap<SourceName, SourceConfig>,
    /// Whom to tell when a machine is to go. There is one exactly when `fleet.scale_down.drain_hook` is set.
    pub hook: Option<HookConfig>,
    /// Where it is read what its workers do.
    pub workers: Option<WorkersConfig>,
    /// Every launch specification that `fleet.pools` names.
    pub specs: BTreeMap<SpecName, Arc<LaunchSpec>>,
}

/// Where it is read what the workers of a fleet do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkersConfig {
    /// Where.
    pub kind: WorkersKind,
    /// How often.
    pub every: Span,
    /// A reading that takes longer fails.
    pub timeout: Span,
}

/// Where it is read what workers do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WorkersKind {
    /// A metric of each machine.
    Metric {
        /// The server.
        server: HttpServer,
        /// A query that gives a sample a machine.
        query: String,
        /// The label that holds the machine's id.
        label: String,
    },
    /// The consumers of a Redis stream's group.
    Stream {
        /// The server.
        url: Url,
        /// Key of the stream.
        stream: String,
        /// Name of the group.
        group: String,
    },
}

/// Whom to tell when a machine is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// Whom.
    pub way: HookWay,
    /// So long a call may take, at most.
    pub timeout: Option<Span>,
}

/// How it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HookWay {
    /// A server is told.
    Http(HttpServer),
    /// A command is run: the program and its arguments.
    Command(Vec<String>),
}

/// Where demand is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceConfig {
    /// What is read.
    pub kind: SourceKind,
    /// A reading that takes longer counts as no data.
    pub timeout: Span,
}

/// What is read for demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceKind {
    /// The length of a Redis list.
    RedisList {
        /// The server.
        url: Url,
        /// Key of the list of waiting jobs.
        list: String,
        /// Key of the list of jobs being worked on, which count as demand too.
        in_progress: Option<String>,
    },
    /// The pending entries and the lag of a Redis stream's consumer group.
    RedisStream {
        /// The server.
        url: Url,
        /// Key of the stream.
        stream: String,
        /// The consumer group.
        group: String,
    },
    /// A file that another program writes.
    File {
        /// Its path.
        path: PathBuf,
        /// A file not written for longer counts as missing; `None`: its age does not matter.
        max_age: Option<Span>,
    },
    /// The value of a query to Prometheus.
    Prometheus {
        /// The server.
        server: HttpServer,
        /// The query.
        query: String,
    },
    /// Numbers in the JSON that an HTTP endpoint answers.
    Http {
        /// The endpoint.
        server: HttpServer,
        /// JSON pointer to the number of waiting jobs.
        pointer: String,
        /// JSON pointer to the number of jobs in work.
        in_flight: Option<String>,
        /// JSON pointer to the count of all jobs that ever arrived.
        arrived_total: Option<String>,
    },
    /// A queue of RabbitMQ.
    RabbitMq {
        /// The management API.
        server: HttpServer,
        /// The virtual host.
        vhost: String,
        /// The queue.
        queue: String,
    },
    /// A queue of Amazon SQS.
    Sqs {
        /// Its URL, without TLS only on this machine.
        queue_url: String,
        /// The provider, of kind `aws`, whose endpoint is used; `None`: the SDK's own settings.
        provider: Option<ProviderName>,
    },
}

/// A server that is asked by HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpServer {
    /// Its URL.
    pub url: Url,
    /// Bearer token that is sent.
    pub token: Option<Secret>,
    /// Secrets may be sent without TLS to another machine.
    pub allow_http: bool,
}

/// A URL that may hold a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Url {
    /// Written in the file; it holds no password.
    Plain(String),
    /// Kept elsewhere, as it may hold one.
    Secret(Secret),
}
