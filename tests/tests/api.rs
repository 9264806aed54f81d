//! The HTTP API is what its OpenAPI document says: schemathesis makes requests from the document, good ones and bad ones,
//! and judges the answers of the real program.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use spotfleet_tests::daemon::Daemon;
use spotfleet_tests::moto::python;
use spotfleet_tests::simulated::fleet_file;

/// Long enough for a loaded machine; reached only by a failure.
const LIMIT: Duration = Duration::from_secs(90);

/// Requests to each operation, besides those for each rule of the document.
const EXAMPLES: &str = "30";

/// What is drawn is drawn from this.
const SEED: &str = "1";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: cargo xtask test"]
async fn the_api_is_what_its_document_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path();
    let file = home.join("fleet.yaml");
    let queue = home.join("queue");
    fs::write(&queue, "100").expect("the queue is written");
    let source = format!("{{file: {{path: {}}}}}", queue.display());
    let lines = [
        "log: {format: json}",
        "token: {env: READER}",
        "operator_token: {env: OPERATOR}",
        "worker_token: {env: WORKER}",
    ];
    fs::write(&file, fleet_file(home, &lines, &[("web", &source)])).expect("the fleet file is written");
    let environment = [("READER", "reader"), ("OPERATOR", "operator"), ("WORKER", "worker")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    let daemon = Daemon::start(&file, &environment).unwrap_or_else(|(status, log)| panic!("{status}:\n{log}"));
    // Before the first decision a plan is answered with 503, which is right, but what a broken server says too.
    daemon.until("/readyz", LIMIT, |ready| ready["ready"] == json!(true)).await;

    let run = |token: &str| {
        let output = Command::new(python())
            .args(["-m", "schemathesis.cli", "run", "--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED])
            // A stream does not end; its tests are beside the code.
            .args(["--exclude-path", "/api/v1/events/stream", "--no-color"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .arg(format!("{}/api/v1/openapi.json", daemon.url()))
            // It keeps notes where it is started.
            .current_dir(home)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .output()
            .expect("Python can be run");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "with the token of the {token}:\n{said}\n{errors}");
        assert!(said.contains("Selected: 12/13") && said.contains("Tested: 12"), "{said}");
    };
    run("operator");
    // Who only reads is refused whatever the order is.
    run("reader");
}
