//! The fields of each request, with their kinds and limits, as the pages of the interface give them. What is sent is held
//! against them: a misspelt field, a word that is none of its words, or a number out of its range is a misuse.
//!
//! Sources: PPIO, "Create GPU instance", "List instances", "List GPU products" (P); Novita AI, the same pages (N); fields
//! that only PPIO's clients send (U).

use std::collections::BTreeMap;

use serde_json::Value;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text of so many characters.
    Text(usize, usize),
    /// A whole number within these.
    Whole(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of objects with these fields, at most so many.
    Objects(usize, &'static [Field]),
}

/// A field of a request.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// It must be there.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
}

const fn field(name: &'static str, required: bool, kind: Kind) -> Field {
    Field { name, required, kind }
}

/// `POST /gpu/instance/create`.
pub const CREATE: &[Field] = &[
    // P
    field("name", false, Kind::Text(0, 255)),
    field("productId", true, Kind::Text(1, 255)),
    field("gpuNum", true, Kind::Whole(1, 8)),
    field("rootfsSize", true, Kind::Whole(10, 6_144)),
    field("imageUrl", true, Kind::Text(1, 500)),
    field("imageAuthId", false, Kind::Text(0, 255)),
    field("ports", false, Kind::Text(0, 1_000)),
    field("clusterId", false, Kind::Text(0, 255)),
    field("networkId", false, Kind::Text(0, 255)),
    field("networkStorages", false, Kind::Objects(30, MOUNT)),
    // P, limits N
    field("envs", false, Kind::Objects(100, ENV)),
    field("command", false, Kind::Text(0, 2_047)),
    // N, U
    field("entrypoint", false, Kind::Text(0, 2_047)),
    field("kind", true, Kind::Word(&["gpu", "cpu"])),
    field("billingMode", false, Kind::Word(&["onDemand", "monthly", "spot"])),
    field("minCudaVersion", false, Kind::Text(0, 255)),
];

const ENV: &[Field] = &[field("key", true, Kind::Text(0, 511)), field("value", true, Kind::Text(0, 4_095))];

const MOUNT: &[Field] = &[field("Id", true, Kind::Text(1, 255)), field("mountPoint", false, Kind::Text(0, 255))];

/// `POST /gpu/instance/delete` and `stop` (P).
pub const ONE: &[Field] = &[field("instanceId", true, Kind::Text(1, 255))];

/// `GET /gpu/instances` (P): in a query numbers are text.
pub const LIST_QUERY: &[&str] = &["pageSize", "pageNum", "name", "productName", "status"];

/// `GET /products` (P).
pub const PRODUCTS_QUERY: &[&str] =
    &["clusterId", "gpuNum", "productName", "minCpuPerGpu", "minMemoryPerGpu", "minRootFSSize", "billingMethod"];

/// Names of a query that no page has.
#[must_use]
pub fn wrong_query(query: &BTreeMap<String, String>, known: &[&str]) -> Vec<String> {
    query.keys().filter(|name| !known.contains(&name.as_str())).map(|name| format!("unknown query `{name}`")).collect()
}

/// What is wrong with a body.
#[must_use]
pub fn wrong_body(body: &Value, fields: &[Field]) -> Vec<String> {
    let Some(object) = body.as_object() else { return vec!["the body is no object".to_owned()] };
    let mut wrong: Vec<String> = object
        .keys()
        .filter(|name| fields.iter().all(|field| field.name != name.as_str()))
        .map(|name| format!("unknown field `{name}`"))
        .collect();
    for Field { name, required, kind } in fields {
        match object.get(*name) {
            None if *required => wrong.push(format!("`{name}` is missing")),
            None => {}
            Some(value) => wrong.extend(wrong_value(name, value, *kind)),
        }
    }
    wrong
}

fn wrong_value(name: &str, value: &Value, kind: Kind) -> Vec<String> {
    let fits = match kind {
        Kind::Text(least, most) => value.as_str().is_some_and(|text| (least..=most).contains(&text.chars().count())),
        Kind::Whole(least, most) => value.as_u64().is_some_and(|n| (least..=most).contains(&n)),
        Kind::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Kind::Objects(most, fields) => {
            let Some(items) = value.as_array().filter(|items| items.len() <= most) else {
                return vec![format!("`{name}` is no list of at most {most}: {value}")];
            };
            return items.iter().flat_map(|item| wrong_body(item, fields)).collect();
        }
    };
    if fits { Vec::new() } else { vec![format!("`{name}` is not as {kind:?}: {value}")] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_planted_mistake_is_seen() {
        let good = json!({"name": "a", "productId": "p", "gpuNum": 2, "rootfsSize": 60, "imageUrl": "i", "kind": "gpu",
            "billingMode": "spot", "envs": [{"key": "A", "value": "b"}]});
        assert_eq!(wrong_body(&good, CREATE), Vec::<String>::new());
        let with = |key: &str, value: Value| {
            let mut bad = good.clone();
            bad[key] = value;
            wrong_body(&bad, CREATE)
        };
        for (key, value) in [
            ("billingmode", json!("spot")),
            ("billingMode", json!("Spot")),
            ("gpuNum", json!("2")),
            ("gpuNum", json!(9)),
            ("rootfsSize", json!(5)),
            ("envs", json!([{"name": "A", "value": "b"}])),
            ("envs", json!("A=b")),
            ("month", json!(1)),
        ] {
            assert!(!with(key, value.clone()).is_empty(), "{key}: {value}");
        }
        let query = BTreeMap::from([("pageNum".to_owned(), "1".to_owned()), ("page".to_owned(), "1".to_owned())]);
        assert_eq!(wrong_query(&query, LIST_QUERY), ["unknown query `page`"]);
    }
}
