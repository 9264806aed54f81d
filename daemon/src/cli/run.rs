//! `spotfleet run`: the daemon, put together in stages.
//!
//! 1. *Parse*: the fleet file, whole and valid, or exit code 2.
//! 2. *Open*: the store (one process at a time; a newer format is refused; damage is an alarm), then the port.
//! 3. *Look*: every lane and queue once. Then the service manager is told that the start is over.
//! 4. *Act*: rounds, until SIGTERM or SIGINT. Stopping changes no machine.
//!
//! Up to and including stage 2 nothing is launched or ended, whatever goes wrong.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use config::{Config, LogFormat, ThisHost};
use policies::control::Controller;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::{ConfigArg, Done, Fault, files};
use crate::assemble::{self, Assembled, assemble};
use crate::clock::Clock;
use crate::http::{self, server};
use crate::pulse::Pulse;
use crate::reload;
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
    let token = assemble::token(&config, &ThisHost).map_err(|e| Fault::doing("read a secret", &e))?;
    let Assembled { mut setup, world } =
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
    let router = http::router(http::Sources { view: Arc::clone(&view), pulse, registry: telemetry.registry(), token });
    let served = tokio::spawn(server::serve(listener, router));
    tokio::select! {
        ended = shell.run() => ended.map_err(|e| Fault::Failed(e.to_string())),
        ended = served => Err(Fault::Failed(match ended {
            Ok(Err(error)) => format!("the HTTP API broke: {error}: the daemon ends to be started again"),
            Ok(Ok(())) => "the HTTP API ended: the daemon ends to be started again".to_owned(),
            Err(panic) => format!("the HTTP API broke: {panic}"),
        })),
        () = obey(signals, path, config, clock.clone(), orders) => Ok(()),
    }
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

/// Turns signals into orders, for ever: the loop's end is the daemon's.
async fn obey(mut signals: Signals, path: &Path, mut config: Config, clock: Clock, orders: mpsc::Sender<Order>) {
    loop {
        let name = tokio::select! {
            Some(()) = signals.hangup.recv() => {
                reload(path, &mut config, &clock, &orders).await;
                continue;
            }
            Some(()) = signals.terminate.recv() => "SIGTERM",
            Some(()) = signals.interrupt.recv() => "SIGINT",
            else => return std::future::pending().await,
        };
        info!(signal = name, "asked to stop");
        if orders.send(Order::Stop).await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn reload(path: &Path, config: &mut Config, clock: &Clock, orders: &mpsc::Sender<Order>) {
    systemd::reloading();
    let (file, current) = (path.to_owned(), config.clone());
    let fresh = match tokio::task::spawn_blocking(move || reload::read(&file, &current)).await {
        Ok(fresh) => fresh,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return,
        },
    };
    // Clouds are made here, because that is async; what fails there leaves the old configuration too.
    let fresh = match fresh {
        Ok(mut fresh) => match assemble::renewed(config, &fresh.config, clock).await {
            Ok(clouds) => {
                fresh.reload.world.providers.extend(clouds.providers);
                Ok(fresh)
            }
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error),
    };
    match fresh {
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
            let running = std::mem::replace(config, fresh.config);
            config.daemon = config::DaemonConfig { rates: config.daemon.rates.clone(), ..running.daemon };
            config.providers = running.providers;
            // A closed channel means that the loop has ended; so does the daemon.
            let _ = orders.send(Order::Reload(Box::new(fresh.reload))).await;
        }
        Err(error) => {
            error!("reload refused, the old configuration stays: {error}");
            systemd::ready("reload refused, see the log; the old configuration stays");
        }
    }
}
