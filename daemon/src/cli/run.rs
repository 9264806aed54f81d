//! `spotfleet run`: the daemon, put together in stages.
//!
//! 1. *Parse*: the fleet file, whole and valid, or exit code 2.
//! 2. *Open*: the store (one process at a time; a newer format is refused; damage is an alarm), then the port.
//! 3. *Look*: every lane and queue once. Then the service manager is told that the start is over.
//! 4. *Act*: rounds, until SIGTERM or SIGINT. Stopping changes no machine.
//!
//! Up to and including stage 2 nothing is launched or ended, whatever goes wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::Args;
use config::{Config, DaemonConfig, LogFormat, ThisHost};
use policies::control::{Controller, View};
use policies::model::Sight;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::{ConfigArg, Done, Fault, files};
use crate::assemble::{self, Assembled, Tidy, assemble};
use crate::clock::Clock;
use crate::http::{self, server};
use crate::pulse::Pulse;
use crate::reload::{self, Fresh, ReloadError};
use crate::shell::journal::Journal;
use crate::shell::{Order, Parts, Shell};
use crate::store::{self, Opened, Watchdog, Writer};
use crate::systemd;
use crate::telemetry::{self, Instruments, Logs, Otlp, Telemetry};

/// Runs the daemon.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Which configuration
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Orders that wait for the loop: signals come one at a time.
const ORDERS: usize = 4;

/// What fleets do not use any more is looked for this often: it is removed after an hour, and costs nothing.
const TIDY_EVERY: Duration = Duration::from_secs(15 * 60);

/// After the loop has ended, answers on their way get this time: each takes milliseconds.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &RunArgs) -> Result<Done, Fault> {
    let path = &args.config.config;
    let config = files::load(path)?;
    let telemetry = start_telemetry(&config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::doing("start the daemon", &e))?;
    let ended = runtime.block_on(daemon(path, config, &telemetry));
    // Long polls may still be on their way; nothing waits for them.
    runtime.shutdown_background();
    if let Err(Fault::Failed(text)) = &ended {
        error!("{text}");
    }
    telemetry.stop();
    ended.map(|()| Done::Well)
}

fn start_telemetry(config: &Config) -> Result<Telemetry, Fault> {
    let log = &config.daemon.log;
    let logs = Logs { json: log.format == LogFormat::Json, level: log.level.name().to_owned() };
    let otlp = config.daemon.otlp.as_ref().map(|o| Otlp { endpoint: o.endpoint.clone(), interval: o.interval });
    Telemetry::start(&logs, otlp.as_ref()).map_err(|e| Fault::Usage(e.to_string()))
}

async fn daemon(path: &Path, config: Config, telemetry: &Telemetry) -> Result<(), Fault> {
    let clock = Clock::wall();
    let signals = Signals::new().map_err(|e| Fault::doing("listen for signals", &e))?;
    info!(config = %path.display(), version = env!("CARGO_PKG_VERSION"), "starting");
    let (token, operator_token) =
        assemble::tokens(&config, &ThisHost).map_err(|e| Fault::doing("read a secret", &e))?;
    let Assembled { mut setup, world, tidy } =
        assemble(&config, &clock).await.map_err(|e| Fault::doing("set up the configuration", &e))?;

    let engine = assemble::engine(config.daemon.store);
    let Opened { store, records, damage } =
        store::open(&config.daemon.state_dir, engine, clock.now()).map_err(|e| Fault::doing("open the store", &e))?;
    info!(state_dir = %config.daemon.state_dir.display(), %engine, records = records.len(), "the store is open");
    if let Some(damage) = &damage {
        error!(what = "alarm", "{damage}");
        setup.rebuilt = true;
    }
    let listener =
        server::bind(config.daemon.listen, token.is_some()).await.map_err(|e| Fault::Failed(e.to_string()))?;
    if let Ok(address) = listener.local_addr() {
        info!(%address, "listening");
    }

    let (writer, acks) = Writer::spawn(store, Watchdog::default()).map_err(|e| Fault::doing("start the store", &e))?;
    let (orders, inbox) = mpsc::channel(ORDERS);
    let pulse = Pulse::default();
    let shell = Shell::new(Parts {
        controller: Controller::recover(setup, records, clock.now()),
        clock: clock.clone(),
        world,
        journal: Journal::store(writer, acks),
        orders: inbox,
        pulse: pulse.clone(),
        instruments: Instruments::global(),
    });
    let view = shell.view();
    telemetry::observe(&opentelemetry::global::meter("spotfleet"), &view);
    let router = http::router(http::Sources {
        view: Arc::clone(&view),
        versions: shell.versions(),
        pulse,
        registry: telemetry.registry(),
        token,
        operator_token,
        orders: orders.clone(),
    });
    let looked = LookedAtAll { view: Arc::clone(&view), versions: shell.versions() };
    let operator = Operator { signals, path: path.to_owned(), config, clock, orders, tidy, looked };
    let (close, closed) = oneshot::channel::<()>();
    let mut served = tokio::spawn(server::serve(listener, router, async { drop(closed.await) }));
    let ended = tokio::select! {
        ended = shell.run() => ended.map_err(|e| Fault::Failed(e.to_string())),
        ended = &mut served => return Err(Fault::Failed(match ended {
            Ok(()) => "the HTTP API ended: the daemon ends to be started again".to_owned(),
            Err(panic) => format!("the HTTP API broke: {panic}"),
        })),
        () = operator.obey() => Ok(()),
    };
    drop(close);
    // What is being answered may be answered; the streams of events have ended with the loop.
    let _ = tokio::time::timeout(LAST_ANSWERS, served).await;
    ended
}

/// The signals that the daemon obeys.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// Who obeys the signals: turns them into orders to the loop.
struct Operator {
    signals: Signals,
    path: PathBuf,
    config: Config,
    clock: Clock,
    orders: mpsc::Sender<Order>,
    tidy: Tidy,
    /// Looks at lanes until each was looked at once.
    looked: LookedAtAll,
}

/// Waits for the first look at everything.
struct LookedAtAll {
    view: Arc<ArcSwap<View>>,
    versions: watch::Receiver<u64>,
}

impl LookedAtAll {
    async fn wait(&mut self) {
        while self.view.load().lanes.iter().any(|lane| matches!(lane.sight, Sight::Unseen)) {
            if self.versions.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

impl Operator {
    /// For ever: the loop's end is the daemon's.
    async fn obey(mut self) {
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = false;
        loop {
            let name = tokio::select! {
                Some(()) = self.signals.hangup.recv() => {
                    self.reload().await;
                    continue;
                }
                Some(()) = self.signals.terminate.recv() => "SIGTERM",
                Some(()) = self.signals.interrupt.recv() => "SIGINT",
                () = self.looked.wait(), if !looked => {
                    looked = true;
                    // The first tick is at once.
                    tidy.reset_immediately();
                    continue;
                }
                _ = tidy.tick(), if looked => {
                    self.tidy_up();
                    continue;
                }
            };
            info!(signal = name, "asked to stop");
            if self.orders.send(Order::Stop).await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// In the background: nothing waits for it.
    fn tidy_up(&self) {
        let (tidy, config, now) = (self.tidy.clone(), self.config.clone(), self.clock.now());
        tokio::spawn(async move { tidy.up(&config, now).await });
    }

    async fn reload(&mut self) {
        systemd::reloading();
        match self.read().await {
            Ok(fresh) => {
                for line in &fresh.differences {
                    info!("reload: {line}");
                }
                if fresh.differences.is_empty() {
                    info!("reload: nothing has changed");
                }
                if !fresh.later.is_empty() {
                    warn!("reload: takes effect at the next start: {}", fresh.later.join(", "));
                }
                // What waits for the next start still differs then.
                let running = std::mem::replace(&mut self.config, fresh.config);
                let DaemonConfig { rates, budget, orphans, .. } = self.config.daemon.clone();
                self.config.daemon = DaemonConfig { rates, budget, orphans, ..running.daemon };
                self.config.providers = running.providers;
                // A closed channel means that the loop has ended; so does the daemon.
                let _ = self.orders.send(Order::Reload(Box::new(fresh.reload))).await;
                self.tidy_up();
            }
            Err(error) => {
                error!("reload refused, the old configuration stays: {error}");
                systemd::ready("reload refused, see the log; the old configuration stays");
            }
        }
    }

    /// The file as it is now, with clouds for what is new in it.
    async fn read(&mut self) -> Result<Fresh, ReloadError> {
        let (file, current) = (self.path.clone(), self.config.clone());
        let mut fresh = match tokio::task::spawn_blocking(move || reload::read(&file, &current)).await {
            Ok(fresh) => fresh?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and everything with it.
                Err(_) => return std::future::pending().await,
            },
        };
        let (clouds, tidy) = assemble::renewed(&self.config, &fresh.config, &self.clock).await?;
        fresh.reload.world.providers.extend(clouds.providers);
        self.tidy.extend(tidy);
        Ok(fresh)
    }
}
