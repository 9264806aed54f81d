//! The API as an OpenAPI 3.1 document, from the table of routes and the types of [`view`](super::view).

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::routes::{self, Answer, Parameter, Route, Token};

/// The document, as the file `daemon/openapi.json` holds it.
#[must_use]
pub fn document() -> String {
    let mut text = serde_json::to_string_pretty(&config::generate::sorted(root())).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) async fn get() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(document);
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

fn root() -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    // What is sent may leave out what has a default; what is answered leaves nothing out.
    let mut sent = settings().into_generator();
    let mut answered = settings().for_serialize().into_generator();
    let mut paths = Map::new();
    for route in routes::all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(&route, &mut sent, &mut answered);
    }
    let mut schemas = sent.take_definitions(true);
    schemas.extend(answered.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "spotfleet",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The HTTP API of the spotfleet daemon",
            "description": "Times are RFC 3339 in UTC. Money is in the currency named beside it, per hour. Capacity \
                is in the fleet's unit. A field may be added in any release; none is renamed or removed without \
                another path version. Every error answer that is made here is a `Problem`: of any path 404 when it \
                is not there, and 405 when it is there for other methods, which `Allow` names. A request that is \
                no HTTP is answered without a body.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "reader": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`daemon.token` of the fleet file. Without one, everybody who reaches the port reads.",
                },
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`daemon.operator_token` of the fleet file: reads and gives orders. Without one, no \
                        orders are taken.",
                },
                "worker": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`daemon.worker_token` of the fleet file: says what workers do, and nothing else.",
                },
            },
        },
    })
}

fn operation(route: &Route, sent: &mut SchemaGenerator, answered: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "security": match route.token {
            Token::Open => json!([]),
            Token::Reader => json!([{"reader": []}, {"operator": []}]),
            Token::Operator => json!([{"operator": []}]),
            Token::Worker => json!([{"worker": []}, {"operator": []}]),
        },
        "responses": route.answers.iter().map(|(status, a)| (status.to_string(), answer(a, answered))).collect::<Map<_, _>>(),
    });
    if !route.parameters.is_empty() {
        operation["parameters"] = route.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = route.body {
        let schema = body(sent);
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, place, means, schema } = parameter;
    json!({"name": name, "in": place, "description": means, "required": *place == "path", "schema": schema})
}

fn answer(answer: &Answer, schemas: &mut SchemaGenerator) -> Value {
    let mut content: Map<String, Value> = Map::new();
    for (media, schema) in &answer.bodies {
        let schema = schema(schemas).to_value();
        let both = match content.remove(*media) {
            None => schema,
            Some(other) => json!({"anyOf": [other["schema"], schema]}),
        };
        content.insert((*media).to_owned(), json!({"schema": both}));
    }
    json!({"description": answer.means, "content": content})
}
