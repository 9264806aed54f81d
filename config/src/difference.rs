//! What changed between two configurations, in words, for the log of a reload.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use policies::budget::Budget;
use policies::model::{
    DemandRules, Fleet, MaxShare, MetricRule, MoveRules, Pool, QueueRule, SourceName, SourceRule, Survive,
};
use policies::schedule::{End, Schedule};
use policies::units::{PerHour, PricePerHour};
use providers::LaunchSpec;
use providers::spec::{AwsSpec, AzureSpec, GcpSpec, PpioSpec};

use crate::model::{
    AwsConfig, AzureConfig, AzureCredential, Config, DaemonConfig, FleetConfig, GcpConfig, HookConfig, HookWay,
    HttpServer, LogConfig, OtlpConfig, PpioConfig, ProviderConfig, SimConfig, SimType, SourceConfig, SourceKind, Url,
    WorkersConfig, WorkersKind,
};

/// So many added or removed pools are named; the rest is counted.
const MOST_POOLS_NAMED: usize = 5;

/// Key path and value of everything in a configuration.
type Lines = BTreeMap<String, String>;

impl Config {
    /// What is different in `new`, a line each: `fleets.batch.capacity.max: 60 -> 80`. Empty when they mean the same.
    /// Secrets are not in a configuration, and of user data only its size and a checksum is shown.
    #[must_use]
    pub fn difference(old: &Self, new: &Self) -> Vec<String> {
        let (old_lines, new_lines) = (lines(old), lines(new));
        let mut keys: Vec<&String> = old_lines.keys().chain(new_lines.keys()).collect();
        keys.sort();
        keys.dedup();
        let mut said = Vec::new();
        for key in keys {
            match (old_lines.get(key), new_lines.get(key)) {
                (Some(a), Some(b)) if a != b => said.push(format!("{key}: {a} -> {b}")),
                (Some(a), None) => said.push(format!("{key}: removed, was {a}")),
                (None, Some(b)) => said.push(format!("{key}: added, {b}")),
                _ => {}
            }
        }
        for fleet in &new.fleets {
            if let Some(before) = old.fleet(&fleet.fleet.name) {
                said.extend(pools_difference(&before.fleet, &fleet.fleet));
            }
        }
        said
    }
}

fn pools_difference(old: &Fleet, new: &Fleet) -> Vec<String> {
    let named = |what: &str, pools: Vec<&Pool>| {
        if pools.is_empty() {
            return None;
        }
        let mut names: Vec<String> = pools.iter().take(MOST_POOLS_NAMED).map(ToString::to_string).collect();
        if pools.len() > names.len() {
            names.push(format!("{} more", pools.len() - names.len()));
        }
        Some(format!("fleets.{}.pools: {what} {}", new.name, names.join(", ")))
    };
    let added = new.pools.keys().filter(|pool| !old.pools.contains_key(pool)).collect();
    let removed = old.pools.keys().filter(|pool| !new.pools.contains_key(pool)).collect();
    [named("added", added), named("removed", removed)].into_iter().flatten().collect()
}

/// Writes the lines of one part under its path.
struct Writer<'l> {
    lines: &'l mut Lines,
    path: String,
}

impl Writer<'_> {
    fn line(&mut self, key: &str, value: impl ToString) {
        self.lines.insert(format!("{}.{key}", self.path), value.to_string());
    }

    fn optional<T: ToString>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }

    fn map<K: ToString, V: ToString>(&mut self, key: &str, entries: &BTreeMap<K, V>) {
        for (name, value) in entries {
            self.line(&format!("{key}.{}", name.to_string()), value.to_string());
        }
    }
}

fn lines(config: &Config) -> Lines {
    let Config { daemon, providers, fleets } = config;
    let mut lines = Lines::new();
    daemon_lines(&mut Writer { lines: &mut lines, path: "daemon".into() }, daemon);
    for (name, provider) in providers {
        let mut writer = Writer { lines: &mut lines, path: format!("providers.{name}") };
        match provider {
            ProviderConfig::Aws(aws) => aws_lines(&mut writer, aws),
            ProviderConfig::Azure(azure) => azure_lines(&mut writer, azure),
            ProviderConfig::Gcp(gcp) => gcp_lines(&mut writer, gcp),
            ProviderConfig::Ppio(ppio) => ppio_lines(&mut writer, ppio),
            ProviderConfig::Sim(sim) => sim_lines(&mut writer, sim),
        }
    }
    for FleetConfig { fleet, sources, hook, workers, specs } in fleets {
        let mut writer = Writer { lines: &mut lines, path: format!("fleets.{}", fleet.name) };
        fleet_lines(&mut writer, fleet);
        if let Some(HookConfig { way, timeout }) = hook {
            let way = match way {
                HookWay::Http(server) => format!("http {}", server_line(server)),
                HookWay::Command(argv) => format!("command {}", argv.join(" ")),
            };
            writer.line("scale_down.drain_hook", way);
            writer.optional("scale_down.drain_hook.timeout", *timeout);
        }
        if let Some(WorkersConfig { kind, every, timeout }) = workers {
            let kind = match kind {
                WorkersKind::Metric { server, query, label } => {
                    format!("{} by {label}", query_line(server, query))
                }
                WorkersKind::Stream { url, stream, group } => {
                    format!("redis stream {stream}, group {group}, at {}", place(url))
                }
            };
            writer.line("scale_down.workers", kind);
            writer.line("scale_down.workers.every", every);
            writer.line("scale_down.workers.timeout", timeout);
        }
        for (name, SourceConfig { kind, timeout }) in sources {
            let key = source_key(name, fleet.demand.sources.get(name));
            writer.line(&format!("{key}.source"), source_line(kind));
            writer.line(&format!("{key}.timeout"), timeout);
        }
        for (name, spec) in specs {
            let index = name.as_str().rsplit('/').next().unwrap_or_default();
            writer.path = format!("fleets.{}.pools[{index}].launch", fleet.name);
            match &**spec {
                LaunchSpec::Sim => {}
                LaunchSpec::Aws(spec) => launch_lines(&mut writer, spec),
                LaunchSpec::Azure(spec) => azure_launch_lines(&mut writer, spec),
                LaunchSpec::Gcp(spec) => gcp_launch_lines(&mut writer, spec),
                LaunchSpec::Ppio(spec) => ppio_launch_lines(&mut writer, spec),
            }
        }
    }
    lines
}

/// Where a source stands in the file.
fn source_key(name: &SourceName, rule: Option<&SourceRule>) -> String {
    let kind = match rule {
        Some(SourceRule::Metric(_)) => DemandRules::METRIC,
        _ => DemandRules::QUEUE,
    };
    if DemandRules::is_usual(name) { format!("demand.{kind}") } else { format!("demand.sources.{name}.{kind}") }
}

fn daemon_lines(writer: &mut Writer<'_>, daemon: &DaemonConfig) {
    let DaemonConfig {
        state_dir,
        store,
        listen,
        token,
        operator_token,
        worker_token,
        public_url,
        tick,
        owner,
        rates,
        budget,
        orphans,
        time_zone,
        log,
        otlp,
    } = daemon;
    writer.line("state_dir", state_dir.display());
    writer.line("store", store.name());
    writer.line("listen", listen);
    writer.optional("token", token.as_ref());
    writer.optional("operator_token", operator_token.as_ref());
    writer.optional("worker_token", worker_token.as_ref());
    writer.optional("public_url", public_url.as_ref());
    writer.line("tick", tick);
    writer.line("owner", owner);
    writer.line("currency", rates.reporting().code());
    // One unit of each currency, in the reporting one.
    for currency in [policies::units::Currency::Usd, policies::units::Currency::Cny] {
        let one = policies::units::ListPrice { micros: 1_000_000, currency };
        if currency != rates.reporting() {
            writer.optional(&format!("rates.{}", currency.code()), rates.convert(one));
        }
    }
    budget_lines(writer, *budget);
    writer.line("orphans.after", orphans.after);
    writer.line("orphans.action", orphans.action.name());
    writer.line("time_zone", time_zone.name());
    let LogConfig { format, level } = log;
    writer.line("log.format", format.name());
    writer.line("log.level", level.name());
    if let Some(OtlpConfig { endpoint, interval }) = otlp {
        writer.line("otlp.endpoint", endpoint);
        writer.line("otlp.interval", interval);
    }
}

fn budget_lines(writer: &mut Writer<'_>, budget: Option<Budget>) {
    if let Some(Budget { per_hour, per_day, per_month, alert_at, at_limit }) = budget {
        writer.optional("budget.per_hour", per_hour);
        writer.optional("budget.per_day", per_day);
        writer.optional("budget.per_month", per_month);
        writer.line("budget.alert_at", alert_at);
        writer.line("budget.at_limit", at_limit.name());
    }
}

fn aws_lines(writer: &mut Writer<'_>, aws: &AwsConfig) {
    let AwsConfig {
        allow_http,
        endpoint_url,
        pricing_endpoint_url,
        interruption_queue_urls,
        launch_api,
        call_deadline,
        visibility_lag,
    } = aws;
    writer.line("allow_http_endpoint", allow_http);
    writer.optional("endpoint_url", endpoint_url.as_ref());
    writer.optional("pricing_endpoint_url", pricing_endpoint_url.as_ref());
    writer.line("interruption_queue_urls", format!("[{}]", interruption_queue_urls.join(", ")));
    writer.line("launch_api", launch_api.name());
    writer.line("call_deadline", call_deadline);
    writer.line("visibility_lag", visibility_lag);
}

fn azure_lines(writer: &mut Writer<'_>, azure: &AzureConfig) {
    let AzureConfig {
        subscription_id,
        resource_group,
        credential,
        endpoint_url,
        authority_url,
        prices_url,
        allow_http,
        call_deadline,
        visibility_lag,
    } = azure;
    writer.line("subscription_id", subscription_id);
    writer.line("resource_group", resource_group);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "default".to_owned());
    writer.line(
        "auth",
        match credential {
            AzureCredential::ManagedIdentity { client_id } => format!("managed-identity {}", text(client_id)),
            AzureCredential::ClientSecret { tenant_id, client_id, secret } => {
                format!("client-secret {client_id} of {tenant_id}, {secret}")
            }
            AzureCredential::WorkloadIdentity { tenant_id, client_id, token_file } => {
                let file = token_file.as_ref().map(|file| file.display().to_string());
                format!("workload-identity {} of {}, {}", text(client_id), text(tenant_id), text(&file))
            }
        },
    );
    writer.optional("endpoint_url", endpoint_url.as_ref());
    writer.optional("authority_url", authority_url.as_ref());
    writer.optional("prices_url", prices_url.as_ref());
    writer.line("allow_http_endpoint", allow_http);
    writer.line("call_deadline", call_deadline);
    writer.line("visibility_lag", visibility_lag);
}

fn gcp_lines(writer: &mut Writer<'_>, gcp: &GcpConfig) {
    let GcpConfig { project, on_demand_micros, endpoint_url, allow_http, watch_every, call_deadline, visibility_lag } =
        gcp;
    writer.line("project", project);
    for ((region, name), micros) in on_demand_micros {
        let price = PricePerHour::from_micros(*micros);
        writer.line(&format!("on_demand_prices.{region}.{name}"), price);
    }
    writer.optional("endpoint_url", endpoint_url.as_ref());
    writer.line("allow_http_endpoint", allow_http);
    writer.line("watch_every", watch_every);
    writer.line("call_deadline", call_deadline);
    writer.line("visibility_lag", visibility_lag);
}

fn ppio_lines(writer: &mut Writer<'_>, ppio: &PpioConfig) {
    let PpioConfig { api_key, base_url, novita: _, currency, allow_http, watch_every, call_deadline, visibility_lag } =
        ppio;
    writer.line("api_key", api_key);
    writer.optional("base_url", base_url.as_ref());
    writer.line("currency", currency.code());
    writer.line("allow_http", allow_http);
    writer.line("watch_every", watch_every);
    writer.line("call_deadline", call_deadline);
    writer.line("visibility_lag", visibility_lag);
}

fn sim_lines(writer: &mut Writer<'_>, sim: &SimConfig) {
    let SimConfig {
        seed,
        currency,
        start_delay,
        visibility_lag,
        token_lifetime,
        notice_lead,
        interruptions_per_hour,
        types,
    } = sim;
    writer.line("seed", seed);
    writer.line("currency", currency.code());
    writer.line("start_delay", start_delay);
    writer.line("visibility_lag", visibility_lag);
    writer.optional("token_lifetime", *token_lifetime);
    writer.line("notice_lead", notice_lead);
    writer.line("interruptions_per_hour", interruptions_per_hour);
    for (name, SimType { vcpus, gpus, on_demand_micros, spot_micros, spot_room }) in types {
        let price = |micros| PricePerHour::from_micros(micros);
        writer.line(&format!("types.{name}.vcpus"), vcpus);
        writer.line(&format!("types.{name}.gpus"), gpus);
        writer.line(&format!("types.{name}.on_demand_price"), price(*on_demand_micros));
        writer.line(&format!("types.{name}.spot_price"), price(*spot_micros));
        writer.line(&format!("types.{name}.spot_room"), spot_room);
    }
}

fn fleet_lines(writer: &mut Writer<'_>, fleet: &Fleet) {
    // Pools are compared apart: there may be thousands.
    let Fleet {
        name: _,
        labels,
        unit,
        weights,
        min,
        max,
        schedules,
        budget,
        survive,
        demand,
        on_demand,
        spot,
        scale_up,
        scale_down,
        pools: _,
    } = fleet;
    writer.map("labels", labels);
    writer.line("unit", unit.name());
    writer.map("weights", weights);
    budget_lines(writer, *budget);
    writer.line("capacity.min", min);
    writer.line("capacity.max", max);
    writer.optional("capacity.survive", survive.map(Survive::name));
    for schedule in schedules {
        schedule_lines(writer, schedule);
    }
    for (name, rule) in &demand.sources {
        let key = source_key(name, Some(rule));
        match rule {
            SourceRule::Queue(QueueRule { jobs_per_unit_hour, drain_within }) => {
                writer.optional(&format!("{key}.jobs_per_unit_hour"), *jobs_per_unit_hour);
                writer.line(&format!("{key}.drain_within"), drain_within);
            }
            SourceRule::Metric(MetricRule { target_milli }) => {
                writer.line(&format!("{key}.target_per_unit"), PerHour::from_milli(*target_milli));
            }
        }
    }
    if let Some(forecast) = demand.forecast {
        writer.line("demand.forecast.horizon", forecast.horizon);
        writer.line("demand.forecast.quantile", forecast.quantile);
    }
    writer.line("demand.headroom", demand.headroom);
    writer.line("demand.on_missing.hold", demand.on_missing.hold);
    writer.optional("demand.on_missing.then", demand.on_missing.then);
    writer.line("on_demand.base", on_demand.base);
    writer.optional("on_demand.fallback_after", on_demand.fallback_after);
    writer.line("on_demand.return_to_spot", on_demand.return_to_spot);
    writer.optional("spot.max_price.of_on_demand", spot.max_price_of_on_demand);
    writer.optional("spot.max_price.per_unit_hour", spot.max_price_per_unit);
    writer.line("spot.min_pools", spot.min_pools);
    let MaxShare { pool, zone, region, provider } = spot.max_share;
    writer.line("spot.max_share.pool", pool);
    writer.line("spot.max_share.zone", zone);
    writer.line("spot.max_share.region", region);
    writer.line("spot.max_share.provider", provider);
    writer.line("spot.strategy", spot.strategy.name());
    if let Some(MoveRules { min_saving, pays_back_within, max_per_hour, max_share, calm }) = spot.moves {
        writer.line("spot.moves.min_saving", min_saving);
        writer.line("spot.moves.pays_back_within", pays_back_within);
        writer.line("spot.moves.max_per_hour", max_per_hour);
        writer.line("spot.moves.max_share", max_share);
        writer.line("spot.moves.calm", calm);
    }
    writer.optional("spot.max_price_age", spot.max_price_age);
    writer.line("scale_up.cooldown", scale_up.cooldown);
    writer.optional("scale_up.max_step", scale_up.max_step);
    writer.line("scale_up.max_launches_per_hour", scale_up.max_launches_per_hour);
    writer.optional("scale_up.ready_within", scale_up.ready_within);
    writer.optional("scale_up.halt_above", scale_up.halt_above);
    writer.line("scale_down.cooldown", scale_down.cooldown);
    writer.line("scale_down.idle_grace", scale_down.idle_grace);
    writer.line("scale_down.drain_timeout", scale_down.drain_timeout);
    writer.optional("scale_down.max_step", scale_down.max_step);
    writer.line("scale_down.min_life", scale_down.min_life);
}

fn schedule_lines(writer: &mut Writer<'_>, schedule: &Schedule) {
    let Schedule { name, from, end, zone, min, max } = schedule;
    writer.line(&format!("schedules.{name}.from"), from.as_str());
    match end {
        End::At(until) => writer.line(&format!("schedules.{name}.until"), until.as_str()),
        End::After(length) => writer.line(&format!("schedules.{name}.lasts"), length),
    }
    writer.line(&format!("schedules.{name}.time_zone"), zone.name());
    writer.optional(&format!("schedules.{name}.min"), *min);
    writer.optional(&format!("schedules.{name}.max"), *max);
}

fn source_line(source: &SourceKind) -> String {
    match source {
        SourceKind::RedisList { url, list, in_progress } => {
            let running = in_progress.as_ref().map(|key| format!(" and {key}")).unwrap_or_default();
            format!("redis list {list}{running} at {}", place(url))
        }
        SourceKind::RedisStream { url, stream, group } => {
            format!("redis stream {stream}, group {group}, at {}", place(url))
        }
        SourceKind::File { path, max_age } => {
            let age = max_age.map(|age| format!(", at most {age} old")).unwrap_or_default();
            format!("file {}{age}", path.display())
        }
        SourceKind::Prometheus { server, query } => query_line(server, query),
        SourceKind::Http { server, pointer, in_flight, arrived_total } => {
            let more = |name, pointer: &Option<String>| {
                pointer.as_ref().map(|pointer| format!(", {name} `{pointer}`")).unwrap_or_default()
            };
            let (running, arrived) = (more("in flight", in_flight), more("arrived", arrived_total));
            format!("http `{pointer}`{running}{arrived} at {}", server_line(server))
        }
        SourceKind::RabbitMq { server, vhost, queue } => {
            format!("rabbitmq queue {queue} of vhost {vhost} at {}", server_line(server))
        }
        SourceKind::Sqs { queue_url, provider } => {
            let of = provider.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            format!("sqs queue {queue_url}{of}")
        }
    }
}

fn place(url: &Url) -> String {
    match url {
        Url::Plain(text) => text.clone(),
        Url::Secret(secret) => secret.to_string(),
    }
}

/// A query on one line, however it was written.
fn query_line(server: &HttpServer, query: &str) -> String {
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("prometheus query {query} at {}", server_line(server))
}

fn server_line(server: &HttpServer) -> String {
    let HttpServer { url, token, allow_http } = server;
    let token = token.as_ref().map(|token| format!(" with token {token}")).unwrap_or_default();
    format!("{}{token}{}", place(url), if *allow_http { ", also without TLS" } else { "" })
}

fn launch_lines(writer: &mut Writer<'_>, spec: &AwsSpec) {
    let AwsSpec { image, subnets, security_groups, instance_profile, key_name, user_data, tags } = spec;
    writer.line("image", image);
    writer.map("subnets", subnets);
    writer.line("security_groups", format!("[{}]", security_groups.join(", ")));
    writer.optional("instance_profile", instance_profile.as_ref());
    writer.optional("key_name", key_name.as_ref());
    writer.optional("user_data", user_data.as_deref().map(unshown));
    writer.map("tags", tags);
}

fn azure_launch_lines(writer: &mut Writer<'_>, spec: &AzureSpec) {
    let AzureSpec {
        image,
        subnets,
        security_groups,
        identities,
        admin_user,
        ssh_public_key,
        user_data,
        os_disk_type,
        os_disk_gib,
        max_price_micros,
        tags,
    } = spec;
    writer.line("image", image);
    writer.map("subnets", subnets);
    writer.map("security_groups", security_groups);
    writer.line("identities", format!("[{}]", identities.join(", ")));
    writer.line("admin_user", admin_user);
    writer.line("ssh_public_key", ssh_public_key);
    writer.optional("user_data", user_data.as_deref().map(unshown));
    writer.optional("os_disk_type", os_disk_type.as_ref());
    writer.optional("os_disk_gib", *os_disk_gib);
    writer.optional("max_price", max_price_micros.map(PricePerHour::from_micros));
    writer.map("tags", tags);
}

fn gcp_launch_lines(writer: &mut Writer<'_>, spec: &GcpSpec) {
    let GcpSpec {
        image,
        disk_gb,
        disk_type,
        network,
        subnetworks,
        external_ip,
        service_account,
        network_tags,
        startup_script,
        metadata,
        max_run,
        labels,
    } = spec;
    writer.line("image", image);
    writer.optional("disk_gb", disk_gb.as_ref());
    writer.optional("disk_type", disk_type.as_ref());
    writer.optional("network", network.as_ref());
    writer.map("subnetworks", subnetworks);
    writer.line("external_ip", external_ip);
    writer.optional("service_account", service_account.as_ref());
    writer.line("network_tags", format!("[{}]", network_tags.join(", ")));
    writer.optional("startup_script", startup_script.as_deref().map(unshown));
    writer.map("metadata", &metadata.iter().map(|(key, value)| (key.clone(), unshown(value))).collect());
    writer.optional("max_run", max_run.as_ref());
    writer.map("labels", labels);
}

fn ppio_launch_lines(writer: &mut Writer<'_>, spec: &PpioSpec) {
    let PpioSpec {
        image,
        rootfs_gb,
        image_auth_id,
        ports,
        env,
        command,
        entrypoint,
        min_cuda,
        network_id,
        network_storages,
    } = spec;
    writer.line("image", image);
    writer.line("rootfs_gb", rootfs_gb);
    writer.optional("image_auth_id", image_auth_id.as_ref());
    writer.line("ports", format!("[{}]", ports.join(", ")));
    writer.map("env", &env.iter().map(|(key, value)| (key.clone(), unshown(value))).collect());
    writer.optional("command", command.as_deref().map(unshown));
    writer.optional("entrypoint", entrypoint.as_ref());
    writer.optional("min_cuda", min_cuda.as_ref());
    writer.optional("network_id", network_id.as_ref());
    writer.map("network_storages", network_storages);
}

/// Text that may hold what it should not: only that it changed is told.
fn unshown(text: &str) -> String {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    format!("{} bytes, checksum {:016x}", text.len(), hash.finish())
}
