//! What changed between two configurations, as the log of a reload tells it.

use config::{Config, FakeHost};

const OLD: &str = "\
version: 1
daemon: {tick: 10s, token: {env: OLD_TOKEN}}
providers:
  aws: {}
fleets:
  - name: batch
    labels: {team: ml}
    capacity: {min: 2, max: 60}
    demand: {queue: {source: {redis: {url: {env: REDIS}, list: jobs}}, jobs_per_unit_hour: 120, drain_within: 10m}}
    pools:
      - provider: aws
        regions: [us-east-1]
        instance_types: [m6i.large]
        launch: {image: ami-1, subnets: {us-east-1a: subnet-1}, user_data: 'key=hunter1'}
";

fn parse(text: &str) -> Config {
    match Config::parse("fleet.yaml", text, &FakeHost::default()) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    }
}

#[test]
fn a_configuration_does_not_differ_from_itself() {
    let spelled_otherwise = OLD.replace("10m", "600s").replace("{}", "{visibility_lag: 1m}");
    assert_eq!(Config::difference(&parse(OLD), &parse(&spelled_otherwise)), [""; 0]);
}

#[test]
fn every_change_is_one_line_without_secrets() {
    let new = OLD
        .replace("tick: 10s", "tick: 5s")
        .replace("OLD_TOKEN", "NEW_TOKEN")
        .replace("{team: ml}", "{cost_center: a17}")
        .replace("max: 60", "max: 80")
        .replace("list: jobs", "list: jobs, in_progress: running")
        .replace("[m6i.large]", "[m6i.large, m6a.large]")
        .replace("hunter1", "hunter2");
    let said = Config::difference(&parse(OLD), &parse(&new));
    let (data, rest): (Vec<&String>, Vec<&String>) = said.iter().partition(|line| line.contains("user_data"));
    assert_eq!(
        rest,
        [
            "daemon.tick: 10s -> 5s",
            "daemon.token: variable OLD_TOKEN -> variable NEW_TOKEN",
            "fleets.batch.capacity.max: 60 -> 80",
            "fleets.batch.demand.queue.source: redis list jobs at variable REDIS -> redis list jobs and running at \
             variable REDIS",
            "fleets.batch.labels.cost_center: added, a17",
            "fleets.batch.labels.team: removed, was ml",
            "fleets.batch.pools[0].launch.tags.cost_center: added, a17",
            "fleets.batch.pools[0].launch.tags.team: removed, was ml",
            // It follows the maximum where the file does not set it.
            "fleets.batch.scale_up.max_launches_per_hour: 240 -> 320",
            "fleets.batch.pools: added aws/us-east-1/us-east-1a/m6a.large/spot, \
             aws/us-east-1/us-east-1a/m6a.large/on-demand",
        ]
    );
    assert_eq!(data.len(), 1, "{said:?}");
    assert!(data[0].starts_with("fleets.batch.pools[0].launch.user_data: 11 bytes, checksum "), "{data:?}");
    assert!(!said.join("\n").contains("hunter"), "{said:?}");
}

#[test]
fn schedules_are_told_by_their_names() {
    let office = "{name: office, from: '0  8 * * mon-fri', until: 0 19 * * mon-fri, time_zone: europe/berlin, min: 5}";
    let with = |schedules: &str| OLD.replace("    demand:", &format!("    schedules: [{schedules}]\n    demand:"));
    let said = Config::difference(&parse(OLD), &parse(&with(office)));
    assert_eq!(
        said,
        [
            "fleets.batch.schedules.office.from: added, 0 8 * * mon-fri",
            "fleets.batch.schedules.office.min: added, 5",
            "fleets.batch.schedules.office.time_zone: added, Europe/Berlin",
            "fleets.batch.schedules.office.until: added, 0 19 * * mon-fri",
        ]
    );
    let longer = office.replace("until: 0 19 * * mon-fri", "lasts: 12h");
    let said = Config::difference(&parse(&with(office)), &parse(&with(&longer)));
    assert_eq!(
        said,
        [
            "fleets.batch.schedules.office.lasts: added, 12h",
            "fleets.batch.schedules.office.until: removed, was 0 19 * * mon-fri",
        ]
    );
}

#[test]
fn a_source_is_told_without_what_it_logs_in_with() {
    let source = |source: &str| OLD.replace("{redis: {url: {env: REDIS}, list: jobs}}", source);
    let sources = [
        (
            "{prometheus: {url: 'https://p', query: \"sum(\\n  jobs)\", token: {env: T}}}",
            "prometheus query sum( jobs) at https://p with token variable T",
        ),
        (
            "{http: {url: 'http://h/a/', pointer: /n, in_flight: /m, arrived_total: /t, allow_http: true}}",
            "http `/n`, in flight `/m`, arrived `/t` at http://h/a/, also without TLS",
        ),
        ("{rabbitmq: {url: {file: /mq}, queue: jobs}}", "rabbitmq queue jobs of vhost / at file /mq"),
        ("{sqs: {queue_url: 'https://q/1/jobs', provider: aws}}", "sqs queue https://q/1/jobs of aws"),
    ];
    let mut old = (OLD.to_owned(), "redis list jobs at variable REDIS");
    for (written, told) in sources {
        let new = source(written);
        let said = Config::difference(&parse(&old.0), &parse(&new));
        assert_eq!(said, [format!("fleets.batch.demand.queue.source: {} -> {told}", old.1)]);
        old = (new, told);
    }
}

#[test]
fn where_workers_are_watched_is_told_without_what_it_logs_in_with() {
    let with = |kind: &str| {
        let rule = format!("    scale_down: {{workers: {{{kind}, every: 1m}}}}\n    demand:");
        OLD.replace("    demand:", &rule)
    };
    let metric = with("prometheus: {url: 'https://p', query: busy, token: {env: T}}");
    let stream = with("redis: {url: {env: REDIS}, stream: jobs, group: workers}");
    let told = "prometheus query busy at https://p with token variable T by instance_id";
    assert_eq!(
        Config::difference(&parse(OLD), &parse(&metric)),
        [
            format!("fleets.batch.scale_down.workers: added, {told}"),
            "fleets.batch.scale_down.workers.every: added, 1m".to_owned(),
            "fleets.batch.scale_down.workers.timeout: added, 5s".to_owned(),
        ]
    );
    let changed = "redis stream jobs, group workers, at variable REDIS";
    let said = Config::difference(&parse(&metric), &parse(&stream));
    assert_eq!(said, [format!("fleets.batch.scale_down.workers: {told} -> {changed}")]);
}

#[test]
fn a_new_fleet_is_told_and_many_pools_are_counted() {
    let second = OLD.replace("name: batch", "name: other").split_once("fleets:\n").map(|(_, fleet)| fleet.to_owned());
    let both = format!("{OLD}{}", second.unwrap_or_default());
    let said = Config::difference(&parse(OLD), &parse(&both));
    assert!(said.contains(&"fleets.other.capacity.max: added, 60".to_owned()), "{said:?}");
    let types: Vec<String> = (0..40).map(|n| format!("m6i.{n}xlarge")).collect();
    let more = OLD.replace("[m6i.large]", &format!("[m6i.large, {}]", types.join(", ")));
    let said = Config::difference(&parse(OLD), &parse(&more));
    assert!(matches!(said.as_slice(), [line] if line.ends_with("75 more")), "{said:?}");
}
