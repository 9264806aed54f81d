//! What the pages tell people to write must work, and what they name must be there.

use std::path::{Path, PathBuf};

use clap::Parser;
use config::{Config, FakeHost};
use spotfleet::cli::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The block of the README that begins with this line, without its fences.
fn block(first: &str) -> String {
    let readme = read("README.md");
    let lines: Vec<&str> =
        readme.lines().skip_while(|line| !line.starts_with(first)).take_while(|l| *l != "```").collect();
    assert!(!lines.is_empty(), "the README has no block that begins with {first}");
    lines.join("\n")
}

#[test]
fn the_first_fleet_file_is_valid() {
    let host = FakeHost::default().with_file("worker.sh", b"#!/bin/sh\n");
    let config = match Config::parse("README.md", &block("version: 1"), &host) {
        Ok(config) => config,
        Err(problems) => panic!("{}", problems.render(false)),
    };
    let fleet = &config.fleets.first().expect("one fleet").fleet;
    // One region, two zones, four types, two markets, as the text around it says.
    assert_eq!(fleet.pools.len(), 16);
    assert_eq!(fleet.spot.min_pools, 4);
}

#[test]
fn every_command_of_the_tour_is_one() {
    let tour = block("spotfleet validate");
    assert!(tour.lines().count() >= 8, "{tour}");
    for line in tour.lines() {
        let command = line.split("  ").next().expect("a line has a beginning");
        if let Err(error) = Cli::try_parse_from(command.split(' ')) {
            panic!("{command}: {error}");
        }
    }
}

#[test]
fn the_unit_starts_the_daemon() {
    let unit = read("packaging/systemd/spotfleet.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    if let Err(error) = Cli::try_parse_from(start.split(' ')) {
        panic!("{start}: {error}");
    }
    assert!(start.starts_with("/usr/bin/spotfleet run "), "{start}");
}

/// What a page names in backticks or links that looks like a path of ours.
fn paths(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let linked = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = ["policies/", "providers/", "config/", "daemon/", "tests/", "packaging/", ".ci/"];
    let is_path = |text: &&str| {
        let known = ours.iter().any(|dir| text.starts_with(dir)) || text.ends_with(".md");
        known && !text.contains([' ', '<', '*', ':'])
    };
    quoted.chain(linked).filter(is_path).collect()
}

#[test]
fn every_file_that_a_page_names_is_there() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(page);
        let missing: Vec<&str> = paths(&text).into_iter().filter(|path| !root().join(path).exists()).collect();
        assert_eq!(missing, [""; 0], "{page} names what is not there");
    }
    assert!(paths(&read("ARCHITECTURE.md")).len() > 10, "paths are found at all");
}
