//! Every example is a valid fleet file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::{Config, SourceKind, ThisHost, Url};
use policies::model::Market;

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the examples are there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}

#[test]
fn every_example_loads() {
    let files = examples();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        if let Err(problems) = Config::load(&file, &ThisHost) {
            panic!("{}\n{problems}", file.display());
        }
    }
}

#[test]
fn the_batch_example_means_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/aws-batch.yaml");
    let config = Config::load(&path, &ThisHost).unwrap();
    let fleet = &config.fleets[0];
    // One region, three zones, four types, two markets.
    assert_eq!(fleet.fleet.pools.len(), 24);
    assert_eq!(fleet.fleet.pools.keys().filter(|p| p.market() == Market::Spot).count(), 12);
    assert_eq!(fleet.fleet.spot.max_price_per_unit.unwrap().to_string(), "0.1200");
    let source = fleet.sources.values().next().unwrap();
    let SourceKind::RedisList { url: Url::Secret(secret), list, in_progress } = &source.kind else {
        panic!("{source:?}");
    };
    assert_eq!((secret.to_string().as_str(), list.as_str()), ("credential redis-url", "jobs"));
    assert_eq!(in_progress.as_deref(), Some("jobs-running"));
    let (name, spec) = fleet.specs.first_key_value().unwrap();
    assert_eq!(name.as_str(), "batch/0");
    let providers::LaunchSpec::Aws(spec) = &**spec else { panic!("{spec:?}") };
    assert!(spec.user_data.as_ref().unwrap().starts_with("#!/bin/sh\n"));
    let tags: Vec<&str> = spec.tags.keys().map(String::as_str).collect();
    assert_eq!(tags, ["Application", "cost_center", "team"]);
}

#[test]
fn one_fleet_over_four_clouds_starts_its_workers_as_they_are_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/four-clouds.yaml");
    let config = Config::load(&path, &ThisHost).unwrap();
    let fleet = &config.fleets[0];
    let providers: BTreeSet<&str> = fleet.fleet.pools.keys().map(|pool| pool.provider().as_str()).collect();
    assert_eq!(providers, BTreeSet::from(["aws", "azure", "gcp", "ppio"]));
    let pool = fleet.fleet.pools.keys().next().unwrap();
    for spec in fleet.specs.values() {
        // The URL is that of the file; pool and token are those of the launch.
        let mut before = (**spec).clone();
        let mut after = spec.of_launch(pool, &"sf-1-7".into());
        for ((_, before), (_, after)) in before.texts().into_iter().zip(after.texts()) {
            assert!(before.contains("worker --daemon https://spotfleet.internal.example.com"), "{before}");
            assert!(!after.contains("{{"), "{after}");
            assert_eq!(before.contains("{{spotfleet.pool}}"), after.contains(&pool.to_string()), "{after}");
            assert_eq!(before.contains("{{spotfleet.token}}"), after.contains("sf-1-7"), "{after}");
        }
    }
}

#[test]
fn a_text_is_held_to_the_limit_of_its_own_key() {
    let file = |command: usize, env: usize, more: &str| {
        let text = format!(
            "version: 1\ndaemon: {{rates: {{CNY: 0.14}}}}\nproviders: {{ppio: {{api_key: {{env: KEY}}}}}}\nfleets:\n  \
             - name: a\n    capacity: {{max: 1}}\n    pools:\n      - provider: ppio\n        regions: ['27']\n        \
             instance_types: [4090.16c62g]\n        launch: {{image: i, rootfs_gb: 20, command: '{}', env: {{A: '{}{more}'}}}}\n",
            "c".repeat(command),
            "e".repeat(env)
        );
        Config::parse("fleet.yaml", &text, &ThisHost).is_ok()
    };
    assert!(file(2_047, 4_095, ""));
    assert!(!file(2_048, 1, "") && !file(1, 4_096, ""));
    // What stands for a placeholder may have 256 bytes.
    assert!(file(1, 4_095 - 256, "{{spotfleet.pool}}"));
    assert!(!file(1, 4_095 - 255, "{{spotfleet.pool}}"));
}

#[test]
fn the_default_owner_is_that_of_a_file_that_names_none() {
    let text = "version: 1\nproviders: {sim: {types: {small: {vcpus: 1, on_demand_price: 1, spot_price: 1}}}}\nfleets:\n  \
                - {name: a, capacity: {min: 0, max: 1}, pools: [{provider: sim, regions: [r], zones: [r-1], instance_types: \
                [small]}]}\n";
    let config = Config::parse("fleet.yaml", text, &ThisHost);
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.daemon.owner, config::DEFAULT_OWNER);
}
