//! The JSON schema and the reference page, both from the doc comments of the raw tables.

use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::raw;

/// The JSON schema of the fleet file (draft 2020-12), for editors.
#[must_use]
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&root()).unwrap_or_default();
    text.push('\n');
    text
}

fn root() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::File>();
    schema.insert("title".into(), "spotfleet fleet file".into());
    // Of these tables exactly one key is given.
    for name in ["SecretRef", "Source"] {
        if let Some(Value::Object(table)) = schema.pointer_mut(&format!("/$defs/{name}")) {
            table.insert("minProperties".into(), 1.into());
            table.insert("maxProperties".into(), 1.into());
        }
    }
    sorted(schema.to_value())
}

/// The same value with every object in the order of its keys: the order must not depend on how `serde_json` was built.
#[must_use]
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object
                .into_iter()
                .map(|(key, value)| match value {
                    // Where a line of the code ends is of no meaning.
                    Value::String(text) if key == "description" => (key, text.replace('\n', " ").into()),
                    value => (key, sorted(value)),
                })
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The reference page of the fleet file, in Markdown.
#[must_use]
pub fn reference() -> String {
    let root = root();
    let mut page = Page { root: &root, text: String::new(), shown: Vec::new() };
    page.text.push_str(
        "# Reference of the fleet file\n\n<!-- Made by `cargo xtask gen` from config/src/raw.rs: change it there. \
         -->\n\n",
    );
    page.text.push_str(
        "`spotfleet validate` checks a file and shows every problem of it at once; `spotfleet schema` prints the JSON \
         schema for editors. Examples are in [examples](examples).\n\n",
    );
    page.table("", "File", &root);
    page.text.truncate(page.text.trim_end().len());
    page.text.push('\n');
    page.text
}

struct Page<'r> {
    root: &'r Value,
    text: String,
    /// Tables that have a section already, by name, with the path of it.
    shown: Vec<(String, String)>,
}

impl<'r> Page<'r> {
    /// A section on one table, and on those in it.
    fn table(&mut self, path: &str, name: &str, schema: &'r Value) {
        if !path.is_empty() {
            let _ = writeln!(self.text, "## {path}\n");
        }
        if let Some(about) = text_of(schema, "description") {
            let _ = writeln!(self.text, "{about}\n");
        }
        let properties = in_order(name, schema);
        let required = schema.get("required").and_then(Value::as_array);
        self.text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        for (key, property) in &properties {
            let required = required.is_some_and(|names| names.iter().any(|name| name == *key));
            let default = match property.get("default") {
                _ if required => "required".to_owned(),
                Some(Value::String(text)) => format!("`{text}`"),
                Some(Value::Array(items)) => {
                    let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    format!("`[{}]`", items.join(", "))
                }
                Some(other) => format!("`{other}`"),
                None => String::new(),
            };
            let about = text_of(property, "description").unwrap_or_default();
            let kind = self.kind_of(property);
            let _ = writeln!(self.text, "| `{key}` | {kind} | {default} | {} |", cell(&about));
        }
        self.text.push('\n');
        for (key, property) in properties {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            self.children(&path, property);
        }
    }

    /// Sections on the tables that stand at a key.
    fn children(&mut self, path: &str, property: &'r Value) {
        if let Some(name) = reference_of(property) {
            self.section(path, name);
        }
        if let Some(items) = property.get("items") {
            self.children(&format!("{path}[]"), items);
        }
        if let Some(values) = property.get("additionalProperties") {
            self.children(&format!("{path}.<name>"), values);
        }
        for choice in property.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
            self.children(path, choice);
        }
        for (pattern, schema) in property.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            let kind: String = pattern.chars().skip(1).take_while(char::is_ascii_alphanumeric).collect();
            self.children(&format!("{path}.{kind}"), schema);
        }
    }

    fn section(&mut self, path: &str, name: &'r str) {
        if self.shown.iter().any(|(shown, _)| shown == name) {
            return;
        }
        // Several clouds have a table at one place, or one table at several.
        let shared = ["Ppio", "AwsLaunch", "AzureLaunch", "GcpLaunch", "PpioLaunch"].contains(&name);
        let own = raw::tables().find(|table| shared && table.name == name).map(|table| table.path);
        let path = own.unwrap_or(path);
        self.shown.push((name.to_owned(), path.to_owned()));
        if let Some(table) = self.root.pointer(&format!("/$defs/{name}")) {
            self.table(path, name, table);
        }
    }

    /// The type of a key, as a word.
    fn kind_of(&self, property: &Value) -> String {
        if let Some(title) = text_of(property, "title") {
            return title;
        }
        if let Some(name) = reference_of(property) {
            return if name == "SecretRef" { "secret".into() } else { "mapping".into() };
        }
        if let Some(items) = property.get("items") {
            return format!("list of {}", plural(&self.kind_of(items)));
        }
        match property.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("mapping of names to {}", plural(&self.kind_of(values))),
            _ => "mapping".into(),
        }
    }
}

/// The keys of a table, in the order of the code.
fn in_order<'s>(name: &str, schema: &'s Value) -> Vec<(&'static str, &'s Value)> {
    let keys = raw::tables().find(|table| table.name == name).map(|table| table.keys).unwrap_or_default();
    keys.iter().filter_map(|key| Some((key.name, schema.get("properties")?.get(key.name)?))).collect()
}

fn plural(word: &str) -> String {
    match word {
        "text" | "units" => word.to_owned(),
        _ if word.contains(" or ") => word.to_owned(),
        _ if word.starts_with("mapping of ") => word.replacen("mapping", "mappings", 1),
        _ => format!("{word}s"),
    }
}

fn reference_of(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn text_of(schema: &Value, key: &str) -> Option<String> {
    let schema: &Map<String, Value> = schema.as_object()?;
    Some(schema.get(key)?.as_str()?.replace('\n', " "))
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
