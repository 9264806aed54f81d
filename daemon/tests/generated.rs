//! The OpenAPI document and the page of metrics in the repository are what the code says now.

use std::path::Path;

fn is_current(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(on_disk == text, "{file} is not current; run `cargo xtask gen`");
}

#[test]
fn the_openapi_document_is_current() {
    is_current("openapi.json", &spotfleet::http::openapi::document());
}

#[test]
fn the_page_of_metrics_is_current() {
    is_current("METRICS.md", &spotfleet::telemetry::table::page());
}
