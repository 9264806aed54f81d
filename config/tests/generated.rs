//! The schema and the reference page in the repository are what the code says now.

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
fn the_schema_is_current() {
    is_current("schema.json", &config::generate::schema());
}

#[test]
fn the_reference_page_is_current() {
    is_current("REFERENCE.md", &config::generate::reference());
}
