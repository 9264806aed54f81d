//! The rules of the house that a tool can hold: which crate may use which, what each may depend on, and that the core
//! stays pure. A new dependency is a decision: it gets its line here and its reason in the root manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Our crates, inmost first: each may use what stands above it, never the reverse.
const HOUSE: [&str; 5] =
    ["spotfleet-policies", "spotfleet-providers", "spotfleet-config", "spotfleet", "spotfleet-tests"];

/// What each crate may depend on besides our own (normal dependencies; those of tests and builds are free).
const ALLOWED: &[(&str, &[&str])] = &[
    // The core computes. An error derive is all that it needs.
    ("spotfleet-policies", &["thiserror"]),
    // The only crate that knows SDKs and queues; it serves no HTTP and stores nothing.
    (
        "spotfleet-providers",
        &[
            "async-trait",
            "aws-config",
            "aws-credential-types",
            "aws-sdk-ec2",
            "aws-sdk-pricing",
            "aws-sdk-sqs",
            "azure_core",
            "azure_identity",
            "base64",
            "futures",
            "google-cloud-auth",
            "google-cloud-compute-v1",
            "google-cloud-gax",
            "governor",
            "http",
            "hyper-util",
            "jiff",
            "opentelemetry",
            "percent-encoding",
            "redis",
            "reqwest",
            "secrecy",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    // Text to types: no network, no runtime.
    (
        "spotfleet-config",
        &[
            "annotate-snippets",
            "jiff",
            "saphyr-parser",
            "schemars",
            "secrecy",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
            "yaml_serde",
        ],
    ),
    // The edge: store, HTTP, telemetry, command line. It names no cloud's SDK.
    (
        "spotfleet",
        &[
            "arc-swap",
            "async-trait",
            "axum",
            "clap",
            "comfy-table",
            "crc32fast",
            "futures",
            "hyper",
            "hyper-util",
            "jiff",
            "opentelemetry",
            "opentelemetry-otlp",
            "opentelemetry-prometheus",
            "opentelemetry_sdk",
            "plotters",
            "prometheus",
            "redb",
            "reqwest",
            "rustix",
            "schemars",
            "sd-notify",
            "secrecy",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "sled",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
            "tracing-opentelemetry",
            "tracing-subscriber",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Normal and build dependencies of each workspace member, by package name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let used = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|d| d["kind"].as_str() != Some("dev")).map(name).collect()
    };
    packages.iter().map(|p| (name(p), used(p))).collect()
}

#[test]
fn crates_use_only_what_stands_further_in() {
    let used = dependencies();
    for (place, name) in HOUSE.iter().enumerate() {
        for outer in &HOUSE[place..] {
            assert!(!used[*name].contains(*outer), "{name} uses {outer}");
        }
    }
    for (name, used) in &used {
        assert!(!used.contains("xtask"), "{name} uses xtask");
        assert!(!used.contains("spotfleet-tests"), "{name} uses the tests");
    }
}

#[test]
fn each_crate_keeps_to_its_list_of_dependencies() {
    let used = dependencies();
    for (name, allowed) in ALLOWED {
        let outside = used[*name].iter().filter(|d| !HOUSE.contains(&d.as_str()));
        let foreign: Vec<&String> = outside.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(foreign.is_empty(), "{name} may not use {foreign:?}: see ALLOWED");
        let idle: Vec<_> = allowed.iter().filter(|d| !used[*name].contains(**d)).collect();
        assert!(idle.is_empty(), "{name} does not use {idle:?} any more: shorten ALLOWED");
    }
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("a source folder").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines of code below a folder that name one of these, as `file:line: text`; comments are passed over.
fn naming(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources(folder) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_core_names_nothing_impure() {
    let impure = [
        "std::time",
        "std::fs",
        "std::net",
        "std::env",
        "std::io",
        "std::thread",
        "std::process",
        "std::sync::Mutex",
        "std::sync::atomic",
        "HashMap",
        "HashSet",
        "RandomState",
        "async fn",
        "extern crate",
        "include!",
        "env!",
        "println!",
        "dbg!",
        // The way around the lints that ban the rest.
        "clippy::disallowed",
        "clippy::all",
    ];
    assert_eq!(naming(&root().join("policies/src"), &impure), [""; 0]);
}

#[test]
fn only_the_adapter_of_a_cloud_names_its_sdk() {
    let outside = ["policies/src", "config/src", "daemon/src"];
    let sdks: [(&[&str], &[&str]); 3] = [
        (&["aws_sdk", "aws_config"], &["/src/aws/wire"]),
        (&["azure_core", "azure_identity"], &["/src/azure/wire", "/src/azure/token"]),
        (&["google_cloud"], &["/src/gcp/wire"]),
    ];
    for (names, homes) in sdks {
        for folder in outside {
            assert_eq!(naming(&root().join(folder), names), [""; 0]);
        }
        let found = naming(&root().join("providers/src"), names);
        let strays: Vec<_> = found.iter().filter(|place| homes.iter().all(|home| !place.contains(home))).collect();
        assert!(strays.is_empty(), "{strays:#?}");
    }
}

#[test]
fn core_types_derive_no_format() {
    for crate_name in ["policies", "providers"] {
        let found = naming(&root().join(crate_name).join("src"), &["Serialize", "Deserialize", "JsonSchema"]);
        let own: Vec<_> = found.iter().filter(|place| !place.contains("/wire")).collect();
        assert!(own.is_empty(), "{own:#?}");
    }
}

#[test]
fn the_lint_bans_clocks_and_entropy_in_the_core() {
    let bans = std::fs::read_to_string(root().join("policies/clippy.toml")).expect("the core's clippy.toml");
    for ban in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "std::thread::sleep",
        "std::thread::spawn",
        "std::env::var",
        "std::fs::File",
        "std::net::TcpStream",
        "std::collections::HashMap",
        "std::collections::HashSet",
        "std::hash::RandomState",
        "std::println",
    ] {
        assert!(bans.contains(&format!("\"{ban}\"")), "{ban} is not banned");
    }
}

/// The core alone, as a workspace of its own in a new folder.
fn copy_of_the_core() -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest");
    let alone = manifest.lines().map(|line| match line.split_once(" = ").map(|(key, _)| key) {
        Some(key @ ("members" | "default-members")) => format!("{key} = [\"policies\"]"),
        _ => line.to_owned(),
    });
    let alone = alone.collect::<Vec<_>>().join("\n");
    std::fs::write(copy.path().join("Cargo.toml"), alone).expect("a file written");
    std::fs::copy(root().join("Cargo.lock"), copy.path().join("Cargo.lock")).expect("a file copied");
    let policies = root().join("policies");
    let files = sources(&policies.join("src")).into_iter();
    for file in files.chain([policies.join("Cargo.toml"), policies.join("clippy.toml")]) {
        let target = copy.path().join("policies").join(file.strip_prefix(&policies).expect("a file of the core"));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder made");
        std::fs::copy(&file, target).expect("a file copied");
    }
    copy
}

fn lint(workspace: &Path) -> Output {
    let mut command = cargo();
    // What the caller's build was told must not leak into this one.
    for (key, _) in std::env::vars_os() {
        let key = key.to_string_lossy().into_owned();
        if key.starts_with("CARGO_") && key != "CARGO_HOME" || key.starts_with("CLIPPY_") || key == "RUSTFLAGS" {
            command.env_remove(key);
        }
    }
    command
        .args(["clippy", "--offline", "--quiet", "--package", "spotfleet-policies", "--", "-D", "warnings"])
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        .env("CARGO_TERM_COLOR", "never")
        .current_dir(workspace)
        .output()
        .expect("cargo runs")
}

/// Impure code, each line with the ban that has to name it.
const PLANTED: [(&str, &str); 5] = [
    ("pub fn a() -> i64 { std::time::SystemTime::now().elapsed().map_or(0, |_| 1) }", "std::time::SystemTime::now"),
    ("pub fn b() { std::thread::sleep(core::time::Duration::ZERO); }", "std::thread::sleep"),
    ("pub fn c() -> bool { std::env::var_os(\"HOME\").is_some() }", "std::env::var_os"),
    ("pub fn d() -> usize { std::collections::HashMap::<u8, u8>::new().len() }", "std::collections::HashMap"),
    ("pub fn e() { std::println!(\"f\"); }", "std::println"),
];

#[test]
fn a_planted_clock_read_fails_the_lint_of_the_core() {
    let copy = copy_of_the_core();
    let clean = lint(copy.path());
    assert!(clean.status.success(), "the core as it is:\n{}", String::from_utf8_lossy(&clean.stderr));

    let lib = copy.path().join("policies/src/lib.rs");
    let text = std::fs::read_to_string(&lib).expect("the core's lib.rs");
    let planted = PLANTED.map(|(line, _)| format!("/// Planted.\n{line}\n")).concat();
    std::fs::write(&lib, format!("{text}\n{planted}")).expect("a file written");
    let dirty = lint(copy.path());
    let said = String::from_utf8_lossy(&dirty.stderr);
    assert!(!dirty.status.success(), "planted impurity passes");
    for (line, ban) in PLANTED {
        let named = said.lines().any(|l| l.contains("use of a disallowed") && l.contains(&format!("`{ban}`")));
        assert!(named, "{line} is not found out:\n{said}");
    }
}
