//! Demand sources of the fleet file.

use std::sync::Arc;

use config::{
    Config, HookConfig, HookWay, Host, HttpServer, ProviderConfig, Secret, SourceConfig, SourceKind, Url,
    WorkersConfig, WorkersKind,
};
use providers::demand::{
    FileSpec, HttpEndpoint, HttpSpec, PrometheusSpec, RabbitMqSpec, RedisQueue, RedisSpec, Source, SourceSpec, SqsSpec,
};
use providers::hook::HttpHook;
use providers::workers::{Workers, WorkersSpec};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{AssembleError, regions};
use crate::hook::{DrainHook, Way};

/// Makes the source of a fleet. Connects to nothing.
pub(super) fn open(
    fleet: &str,
    source: &SourceConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<Arc<dyn Source>, AssembleError> {
    let SourceConfig { kind, timeout } = source;
    let timeout = *timeout;
    let secrets = Secrets { of: "demand source", fleet, host };
    let spec = match kind {
        SourceKind::RedisList { url, list, in_progress } => SourceSpec::Redis(RedisSpec {
            url: secrets.url(url)?,
            queue: RedisQueue::List { list: list.clone(), in_progress: in_progress.clone() },
            timeout,
        }),
        SourceKind::RedisStream { url, stream, group } => SourceSpec::Redis(RedisSpec {
            url: secrets.url(url)?,
            queue: RedisQueue::Stream { stream: stream.clone(), group: group.clone() },
            timeout,
        }),
        SourceKind::File { path, max_age } => {
            SourceSpec::File(FileSpec { path: path.clone(), max_age: *max_age, timeout })
        }
        SourceKind::Prometheus { server, query } => SourceSpec::Prometheus(PrometheusSpec {
            endpoint: secrets.endpoint(server)?,
            query: query.clone(),
            timeout,
        }),
        SourceKind::Http { server, pointer, in_flight, arrived_total } => SourceSpec::Http(HttpSpec {
            endpoint: secrets.endpoint(server)?,
            pointer: pointer.clone(),
            in_flight: in_flight.clone(),
            arrived_total: arrived_total.clone(),
            timeout,
        }),
        SourceKind::RabbitMq { server, vhost, queue } => SourceSpec::RabbitMq(RabbitMqSpec {
            endpoint: secrets.endpoint(server)?,
            vhost: vhost.clone(),
            queue: queue.clone(),
            timeout,
        }),
        SourceKind::Sqs { queue_url, provider } => {
            let endpoint_url = provider.as_ref().and_then(|name| match config.providers.get(name) {
                Some(ProviderConfig::Aws(aws)) => aws.endpoint_url.clone(),
                _ => None,
            });
            let region = provider.as_ref().and_then(|name| regions(name, config).into_iter().next());
            SourceSpec::Sqs(SqsSpec { queue_url: queue_url.clone(), region, endpoint_url, key: None, timeout })
        }
    };
    let failed = |failure| AssembleError::Source { fleet: fleet.to_owned(), failure };
    providers::demand::open(&spec).map_err(failed)
}

/// Makes the drain hook of a fleet. Connects to nothing and runs nothing.
pub(super) fn hook(
    fleet: &str,
    hook: &HookConfig,
    turns: &Arc<Semaphore>,
    host: &dyn Host,
) -> Result<DrainHook, AssembleError> {
    let HookConfig { way, timeout } = hook;
    let way = match way {
        HookWay::Command(argv) => Way::Command(argv.clone()),
        HookWay::Http(server) => {
            let endpoint = Secrets { of: "drain hook", fleet, host }.endpoint(server)?;
            let failed = |failure| AssembleError::Hook { fleet: fleet.to_owned(), failure: Box::new(failure) };
            Way::Http(Box::new(HttpHook::new(&endpoint).map_err(failed)?))
        }
    };
    Ok(DrainHook::new(way, *timeout, Arc::clone(turns)))
}

/// Makes the reader of what the workers of a fleet do. Connects to nothing.
pub(super) fn workers(
    fleet: &str,
    workers: &WorkersConfig,
    host: &dyn Host,
) -> Result<Arc<dyn Workers>, AssembleError> {
    let WorkersConfig { kind, every: _, timeout } = workers;
    let timeout = *timeout;
    let secrets = Secrets { of: "workers' source", fleet, host };
    let spec = match kind {
        WorkersKind::Metric { server, query, label } => {
            let endpoint = secrets.endpoint(server)?;
            let query = PrometheusSpec { endpoint, query: query.clone(), timeout };
            WorkersSpec::Metric { query, label: label.clone() }
        }
        WorkersKind::Stream { url, stream, group } => {
            let url = secrets.url(url)?;
            WorkersSpec::Stream { url, stream: stream.clone(), group: group.clone(), timeout }
        }
    };
    let failed = |failure| AssembleError::Workers { fleet: fleet.to_owned(), failure: Box::new(failure) };
    providers::workers::open(&spec).map_err(failed)
}

/// What is kept elsewhere for the sources or the hook of a fleet.
struct Secrets<'a> {
    of: &'static str,
    fleet: &'a str,
    host: &'a dyn Host,
}

impl Secrets<'_> {
    fn url(&self, url: &Url) -> Result<SecretString, AssembleError> {
        match url {
            Url::Plain(text) => Ok(SecretString::from(text.as_str())),
            Url::Secret(secret) => self.resolve(secret, "address"),
        }
    }

    fn endpoint(&self, server: &HttpServer) -> Result<HttpEndpoint, AssembleError> {
        let HttpServer { url, token, allow_http } = server;
        let token = token.as_ref().map(|token| self.resolve(token, "token")).transpose()?;
        Ok(HttpEndpoint { url: self.url(url)?, token, allow_http: *allow_http })
    }

    fn resolve(&self, secret: &Secret, what: &str) -> Result<SecretString, AssembleError> {
        secret.resolve(self.host).map_err(|error| AssembleError::Secret {
            what: format!("the {what} of the {} of fleet {}", self.of, self.fleet),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use config::FakeHost;

    use super::*;

    /// Opens the source that is written so.
    fn opened(source: &str, host: &FakeHost) -> Result<Arc<dyn Source>, AssembleError> {
        let text = format!(
            "version: 1\nproviders: {{sim: {{types: {{small: {{on_demand_price: 1, spot_price: 1}}}}}}}}\nfleets:\n  - \
             name: batch\n    capacity: {{max: 9}}\n    demand: {{queue: {{source: {source}, jobs_per_unit_hour: 1, \
             drain_within: 1m}}}}\n    pools: [{{provider: sim, regions: [east], instance_types: [small]}}]\n"
        );
        let config = Config::parse("fleet.yaml", &text, host).unwrap_or_else(|problems| panic!("{problems}"));
        let source = config.fleets[0].sources.values().next().expect("a source");
        open("batch", source, &config, host)
    }

    fn host() -> FakeHost {
        FakeHost::default()
            .with_variable("TOKEN", "sesame")
            .with_variable("NEAR", "http://reader:sesame@127.0.0.1:15672")
            .with_variable("FAR", "http://reader:sesame@10.0.0.7:15672")
    }

    #[test]
    fn every_kind_of_source_is_opened() {
        for source in [
            "{redis: {url: 'redis://127.0.0.1', list: jobs}}",
            "{redis: {url: 'redis://127.0.0.1', stream: jobs, group: workers}}",
            "{file: {path: jobs}}",
            "{prometheus: {url: 'http://10.0.0.7:9090', query: up}}",
            "{prometheus: {url: 'http://127.0.0.1:9090', query: up, token: {env: TOKEN}}}",
            "{http: {url: 'http://10.0.0.7/', pointer: /n, token: {env: TOKEN}, allow_http: true}}",
            "{rabbitmq: {url: {env: NEAR}, queue: jobs}}",
            "{rabbitmq: {url: {env: FAR}, queue: jobs, allow_http: true}}",
        ] {
            if let Err(error) = opened(source, &host()) {
                panic!("{source}: {error}");
            }
        }
        let sqs = opened("{sqs: {queue_url: 'https://sqs.us-east-1.amazonaws.com/1/jobs'}}", &host());
        if cfg!(feature = "aws") {
            assert!(sqs.is_ok());
        } else {
            let error = sqs.map(|_| ()).expect_err("no SDK").to_string();
            assert!(error.contains("built without AWS (feature `aws`)"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_opened_says_whose_it_is_and_shows_no_secret() {
        for (source, part) in [
            (
                "{http: {url: 'https://h', pointer: /n, token: {env: NO}}}",
                "the token of the demand source of fleet batch",
            ),
            ("{rabbitmq: {url: {env: NO}, queue: jobs}}", "the address of the demand source of fleet batch"),
            ("{rabbitmq: {url: {env: FAR}, queue: jobs}}", "the demand source of fleet batch: connect: invalid"),
            ("{prometheus: {url: {env: TOKEN}, query: up}}", "the demand source of fleet batch: connect: invalid"),
            ("{prometheus: {url: {env: NEAR}, token: {env: TOKEN}, query: up}}", "one of the two"),
        ] {
            let error = opened(source, &host()).map(|_| ()).expect_err(source);
            assert!(error.to_string().contains(part), "{source}: {error}");
            assert!(!format!("{error} {error:?}").contains("sesame"), "{error:?}");
        }
    }
}
