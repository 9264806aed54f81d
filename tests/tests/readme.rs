//! What the README tells people to write must be true.

use std::path::Path;

use config::{Config, FakeHost};

/// The first block of this language in the README.
fn block(language: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(readme).expect("the README");
    let mut lines = text.lines().skip_while(|line| *line != format!("```{language}")).skip(1);
    let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
    assert!(!block.is_empty(), "the README has no block of {language}");
    block.join("\n")
}

#[test]
fn the_first_fleet_file_is_valid() {
    let host = FakeHost::default().with_file("worker.sh", b"#!/bin/sh\n");
    let config = match Config::parse("README.md", &block("yaml"), &host) {
        Ok(config) => config,
        Err(problems) => panic!("{}", problems.render(false)),
    };
    let fleet = &config.fleets.first().expect("one fleet").fleet;
    // One region, two zones, four types, two markets, as the text around it says.
    assert_eq!(fleet.pools.len(), 16);
    assert_eq!(fleet.spot.min_pools, 4);
}
