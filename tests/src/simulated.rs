//! A fleet file for the real program on simulated clouds: nothing of it is outside the process.

use std::fmt::Write as _;
use std::path::Path;

/// Lines of the section `daemon` besides the directory, a free port and a tick of a second (the log has to be JSON); and fleets, each a name and
/// the source of its demand as YAML. Each fleet keeps two machines at least.
#[must_use]
pub fn fleet_file(home: &Path, daemon: &[&str], fleets: &[(&str, &str)]) -> String {
    let mut text = format!(
        "version: 1
daemon:
  state_dir: {}/state
  listen: 127.0.0.1:0
  tick: 1s
",
        home.display()
    );
    // Writing to a string cannot fail.
    for line in daemon {
        writeln!(text, "  {line}").ok();
    }
    text.push_str(
        "providers:
  sim-a:
    start_delay: 1s
    visibility_lag: 1s
    interruptions_per_hour: 0%
    types:
      small: {vcpus: 2, on_demand_price: 0.10, spot_price: 0.03}
fleets:
",
    );
    for (name, source) in fleets {
        writeln!(
            text,
            "  - name: {name}
    capacity: {{min: 2, max: 10}}
    demand:
      queue:
        source: {source}
        jobs_per_unit_hour: 60
        drain_within: 10m
    on_demand: {{base: 1}}
    pools:
      - provider: sim-a
        regions: [east, west]
        instance_types: [small]"
        )
        .ok();
    }
    text
}
