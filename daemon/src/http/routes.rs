//! The table of all routes: the router and the OpenAPI document are both made from it.

use std::collections::BTreeMap;

use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::guard::{BODY_BYTES, WORKERS};
use super::stream::{self, STREAMS};
use super::{EVENTS, Sources, openapi, orders, view, workers};

/// Which token a route needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// None, ever.
    Open,
    /// `daemon.token` when it is set, or the operator's.
    Reader,
    /// `daemon.operator_token`.
    Operator,
    /// `daemon.worker_token`, or the operator's.
    Worker,
}

/// Adds a type to the schemas, and gives the reference to it.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a status means, and the bodies it comes with: media type and schema.
pub(super) struct Answer {
    pub(super) means: String,
    pub(super) bodies: Vec<(&'static str, SchemaOf)>,
}

/// A parameter of the path, the query or the head.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) means: &'static str,
    pub(super) schema: Value,
}

/// A path with its method.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) token: Token,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<SchemaOf>,
    pub(super) answers: BTreeMap<u16, Answer>,
    pub(super) handler: MethodRouter<Sources>,
}

impl Route {
    fn new(
        (method, path): (&'static str, &'static str),
        (id, summary): (&'static str, &'static str),
        token: Token,
        handler: MethodRouter<Sources>,
    ) -> Self {
        let (parameters, body, answers) = (Vec::new(), None, BTreeMap::new());
        let route = Self { method, path, id, summary, token, parameters, body, answers, handler };
        let route = route
            .problem(413, &format!("the body has more than {BODY_BYTES} bytes"))
            .problem(503, "too many requests at once, or no answer in time");
        match token {
            Token::Open => route,
            Token::Reader | Token::Operator | Token::Worker => route.problem(401, "no token, or a wrong one"),
        }
    }

    fn get<H: Handler<T, Sources>, T: 'static>(
        path: &'static str,
        name: (&'static str, &'static str),
        token: Token,
        handler: H,
    ) -> Self {
        Self::new(("get", path), name, token, routing::get(handler))
    }

    fn parameter(mut self, name: &'static str, place: &'static str, means: &'static str, schema: Value) -> Self {
        self.parameters.push(Parameter { name, place, means, schema });
        self
    }

    /// A status more, or a meaning and a body more of one.
    fn answer(mut self, status: u16, means: &str, media: &'static str, schema: SchemaOf) -> Self {
        let answer = self.answers.entry(status).or_insert(Answer { means: String::new(), bodies: Vec::new() });
        if !answer.means.is_empty() {
            answer.means.push_str("; or ");
        }
        answer.means.push_str(means);
        let body = (media, schema);
        if !answer.bodies.iter().any(|(m, s)| *m == media && std::ptr::fn_addr_eq(*s, schema)) {
            answer.bodies.push(body);
        }
        self
    }

    fn json<T: JsonSchema>(self, status: u16, means: &str) -> Self {
        self.answer(status, means, "application/json", |schemas| schemas.subschema_for::<T>())
    }

    fn text(self, status: u16, means: &str, media: &'static str) -> Self {
        self.answer(status, means, media, |_| schemars::json_schema!({"type": "string"}))
    }

    fn problem(self, status: u16, means: &str) -> Self {
        self.json::<view::Problem>(status, means)
    }

    fn of_fleet(self) -> Self {
        self.parameter("name", "path", "the fleet's name", json!({"type": "string"}))
            .problem(400, "the name is not UTF-8")
            .problem(404, "there is no such fleet; the error names those that there are")
    }

    /// Which events.
    fn of_events(self) -> Self {
        let number = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
        self.parameter("fleet", "query", "only of this fleet", json!({"type": "string"}))
            .parameter("after", "query", "only those after this number", number)
            .problem(400, "a parameter is not known or makes no sense")
    }
}

/// Every route.
pub(super) fn all() -> Vec<Route> {
    use Token::{Open, Operator, Reader, Worker};
    let plain = "text/plain";
    let limit = json!({"type": "integer", "minimum": 1, "maximum": EVENTS, "default": EVENTS});
    vec![
        Route::get("/healthz", ("isAlive", "Whether the loop turns"), Open, super::healthz)
            .text(200, "it does", plain)
            .text(503, "it does not", plain),
        Route::get("/readyz", ("isReady", "Whether every lane is seen and nothing is wrong"), Open, super::readyz)
            .json::<view::Ready>(200, "ready")
            .json::<view::Ready>(503, "not ready, with the reasons"),
        Route::get("/metrics", ("getMetrics", "All metrics, in the text form of Prometheus"), Open, super::metrics)
            .text(200, "the metrics", plain)
            .problem(500, "they cannot be written"),
        Route::get("/api/v1/openapi.json", ("getDocument", "This document"), Reader, openapi::get).answer(
            200,
            "this document",
            "application/json",
            |_| schemars::json_schema!({"type": "object"}),
        ),
        Route::get("/api/v1/fleets", ("getFleets", "Every fleet as it is"), Reader, super::fleets)
            .json::<view::Fleets>(200, "the fleets"),
        Route::get("/api/v1/fleets/{name}", ("getFleet", "One fleet as it is"), Reader, super::fleet)
            .json::<view::Fleet>(200, "the fleet")
            .of_fleet(),
        Route::get(
            "/api/v1/fleets/{name}/plan",
            ("getPlan", "The last decision of a fleet, with every reason"),
            Reader,
            super::plan,
        )
        .json::<view::Plan>(200, "the decision")
        .of_fleet()
        .problem(503, "nothing was decided since the start yet"),
        Route::get("/api/v1/instances", ("getInstances", "Every machine on record"), Reader, super::instances)
            .json::<view::Instances>(200, "the machines"),
        Route::get("/api/v1/events", ("getEvents", "What happened lately, oldest first"), Reader, super::events)
            .of_events()
            .parameter("limit", "query", "at most so many, the newest", limit)
            .json::<view::Events>(200, "the events"),
        Route::get(
            "/api/v1/events/stream",
            ("followEvents", "What happens, as it happens: server-sent events"),
            Reader,
            stream::follow,
        )
        .of_events()
        .parameter(
            "Last-Event-ID",
            "header",
            "the number of the last event that was seen: those after it follow, before `after`",
            json!({"type": "string", "pattern": "^[0-9]{1,19}$"}),
        )
        .text(
            200,
            "a stream without end; the data of each event is one `Event` as JSON, its id the number",
            "text/event-stream",
        )
        .problem(503, &format!("{STREAMS} streams are open already")),
        Route::get(
            "/api/v1/explain/{what}",
            ("explain", "Why: a fleet's target and pools, a machine's launch and end, or an event"),
            Reader,
            super::explain,
        )
        .parameter(
            "what",
            "path",
            "a fleet's name, a machine's id (or `provider/region/id`), or an event's number",
            json!({"type": "string"}),
        )
        .json::<view::Explanation>(200, "why, from what is on record; a restart changes nothing of it")
        .problem(400, "the name is not UTF-8")
        .problem(404, "nothing on record is called so")
        .problem(409, "several machines are; the error says how to name each"),
        Route::get("/api/v1/lanes", ("getLanes", "How each provider's region was last seen"), Reader, super::lanes)
            .json::<view::Lanes>(200, "the lanes"),
        Route {
            body: Some(|schemas| schemas.subschema_for::<view::OrderRequest>()),
            ..Route::new(
                ("post", "/api/v1/orders"),
                ("giveOrder", "Pauses, limits, protects, drains; answered when it is on disk"),
                Operator,
                routing::post(orders::order),
            )
        }
        .json::<view::Ordered>(200, "done, and on disk")
        .problem(400, "the order makes no sense")
        .problem(403, "the token only reads, or the daemon takes no orders")
        .problem(404, "there is no such fleet or machine")
        .problem(409, "what stands already does not let it be done")
        .problem(415, "the body is not said to be JSON")
        .problem(422, "the body is JSON, but no order")
        .problem(503, "the daemon is stopping"),
        Route {
            body: Some(|schemas| schemas.subschema_for::<view::WorkerRequest>()),
            ..Route::new(
                ("post", WORKERS),
                ("tellWork", "A worker is busy or idle; answered with whether its machine was told to go"),
                Worker,
                routing::post(workers::word),
            )
        }
        .json::<view::WorkerAnswer>(200, "heard")
        .problem(400, "what is said makes no sense")
        .problem(403, "the token only reads, or the daemon takes no words of workers")
        .problem(404, "there is no such machine")
        .problem(409, "there are several such machines")
        .problem(415, "the body is not said to be JSON")
        .problem(422, "the body is JSON, but says nothing of a worker")
        .problem(503, "the daemon is stopping"),
    ]
}
