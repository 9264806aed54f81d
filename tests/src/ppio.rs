//! PPIO on a free port of the loopback: version 1 of its interface as its pages and its clients describe it, with a clock
//! and a script of faults. Written from the field tables in `tests/src/ppio/fields.rs`, with the source of each; what no
//! page says is marked there.
//!
//! Numbers are given as text where the service was seen to do so, entries of the list appear late, spot is taken back an
//! hour after its notice and stays behind, and a refusal is HTTP 400 with its name in `reason`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use policies::rng::Stream;
use serde_json::{Value, json};

use crate::peer::Served;

pub mod fields;

/// The key that is taken.
pub const KEY: &str = "sk_test_of_the_fake";

/// An hour, in seconds: from the notice to the reclaim, and the protection after creation.
const HOUR: u64 = 3_600;

/// How a request goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// It is refused with this status and this name.
    Refuse(u16, &'static str),
    /// A gateway answers in its place, in HTML.
    Gateway,
    /// It does not arrive.
    LoseRequest,
    /// It is carried out, and the answer breaks off.
    LoseReply,
}

/// A product that is sold.
#[derive(Clone, Debug)]
pub struct Sold {
    /// Its id.
    pub id: &'static str,
    /// On-demand price of a card-hour, in hundred-thousandths.
    pub price: u64,
    /// Spot price, `None`: not sold so.
    pub spot_price: Option<u64>,
    /// Cards that are free in each cluster.
    pub free: u64,
    /// Clusters where it is sold; empty: everywhere.
    pub regions: Vec<&'static str>,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// What it was created with.
    pub body: Value,
    /// When, in seconds of the fake's clock.
    pub created: u64,
    /// Its status, as the list says.
    pub status: &'static str,
    /// Why it could not be created.
    pub error: Option<&'static str>,
    /// When it is taken back, once that is said.
    pub reclaim: Option<u64>,
}

impl Container {
    /// It is there and neither ended nor on its way.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.status, "exited" | "toRemove" | "removing" | "removed")
    }

    /// It is spot.
    #[must_use]
    pub fn is_spot(&self) -> bool {
        self.body["billingMode"] == "spot"
    }

    fn cards(&self) -> u64 {
        self.body["gpuNum"].as_u64().unwrap_or(1)
    }
}

/// What the service holds.
#[derive(Debug, Default)]
pub struct Cloud {
    /// Seconds that were let pass beyond the real ones.
    ahead: u64,
    /// What is sold.
    pub sold: Vec<Sold>,
    /// By id.
    pub instances: BTreeMap<String, Container>,
    /// Trouble of requests whose path ends so.
    troubles: BTreeMap<&'static str, Trouble>,
    /// Requests that arrived, by the end of their path.
    pub requests: BTreeMap<String, u64>,
    /// When each of them arrived.
    pub arrivals: Vec<(String, Instant)>,
    /// Requests that no page allows: what was wrong.
    pub misuses: Vec<String>,
    /// An instance shows in lists so many seconds after its creation.
    pub lag: u64,
    /// An instance runs so many seconds after its creation.
    pub start: u64,
    /// The largest page that is given.
    pub largest_page: usize,
    /// The number of the first page.
    pub first_page: usize,
    /// Of 10,000 creations so many are refused for want of room, and so many answers to creations, deletions and lists
    /// break off.
    pub refused: u32,
    /// See `refused`.
    pub lost: u32,
    /// Draws for both.
    draws: Option<Stream>,
    /// The next creation fails once it was taken.
    pub next_fails: bool,
    next: u64,
}

impl Cloud {
    /// Seconds since 1970 by the fake's clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        real + self.ahead
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u64) {
        self.ahead += seconds;
        self.live();
    }

    /// Requests whose path ends so go wrong from now on.
    pub fn trouble(&mut self, path: &'static str, trouble: Trouble) {
        self.troubles.insert(path, trouble);
    }

    /// What goes wrong with this request, by the script or by chance.
    fn mishap(&mut self, end: &str) -> Option<Trouble> {
        if let Some(trouble) = self.troubles.get(end) {
            return Some(*trouble);
        }
        let draws = self.draws.get_or_insert_with(|| Stream::new(1, "ppio"));
        if end == "create" && draws.chance(self.refused) {
            return Some(Trouble::Refuse(400, "INSUFFICIENT_RESOURCE"));
        }
        draws.chance(self.lost).then_some(Trouble::LoseReply)
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        (self.refused, self.lost) = (0, 0);
        self.troubles.clear();
    }

    /// Takes an instance away at once, without a notice.
    pub fn take(&mut self, id: &str) {
        if let Some(found) = self.instances.get_mut(id) {
            found.status = "exited";
        }
    }

    /// Instances that are there and were made by us, by their names.
    #[must_use]
    pub fn ours(&self) -> Vec<Container> {
        let ours =
            |c: &&Container| c.is_alive() && c.body["name"].as_str().is_some_and(|n| n.starts_with("spotfleet-"));
        self.instances.values().filter(ours).cloned().collect()
    }

    /// Says that this instance will be taken back in an hour.
    pub fn notify(&mut self, id: &str) {
        let at = self.now() + HOUR;
        if let Some(found) = self.instances.get_mut(id) {
            found.reclaim = Some(at);
        }
    }

    /// Spot instances past their protection that a shortage would take.
    #[must_use]
    pub fn takeable(&self) -> Vec<String> {
        let old = |c: &&Container| c.is_spot() && c.is_alive() && c.created + HOUR <= self.now() && c.reclaim.is_none();
        self.instances.values().filter(old).map(|c| c.id.clone()).collect()
    }

    /// Puts an instance there that somebody else made.
    pub fn plant(&mut self, name: &str) -> String {
        self.next += 1;
        let id = format!("foreign-{}", self.next);
        let body = json!({"name": name, "productId": "L40S.22c125g", "gpuNum": 1, "clusterId": "cn-south-1",
            "billingMode": "spot"});
        let created = self.now().saturating_sub(HOUR);
        let found = Container { id: id.clone(), body, created, status: "running", error: None, reclaim: None };
        self.instances.insert(id.clone(), found);
        id
    }

    /// What time does to instances.
    fn live(&mut self) {
        let (now, start) = (self.now(), self.start);
        for found in self.instances.values_mut() {
            if found.status == "creating" && found.error.is_none() && found.created + start <= now {
                found.status = "running";
            }
            if found.is_alive() && found.reclaim.is_some_and(|at| at <= now) {
                found.status = "exited";
            }
        }
        self.instances.retain(|_, found| found.status != "removed");
        for found in self.instances.values_mut().filter(|found| found.status == "removing") {
            found.status = "removed";
        }
    }

    fn free(&self, sold: &Sold, cluster: &str) -> u64 {
        let here = |c: &&Container| c.body["productId"] == sold.id && c.body["clusterId"] == cluster && c.is_alive();
        sold.free.saturating_sub(self.instances.values().filter(here).map(Container::cards).sum())
    }

    fn answer(&mut self, method: &Method, path: &str, query: &BTreeMap<String, String>, body: &Value) -> Response {
        self.live();
        match (method.as_str(), path) {
            ("GET", "clusters") => Json(json!({"data": [
                {"id": "cn-south-1", "name": "South 1", "availableGpuType": ["L40S"], "supportNetworkStorage": true},
                {"id": "27", "name": "CN-27 (East)", "availableGpuType": ["4090"], "supportNetworkStorage": false},
            ]}))
            .into_response(),
            ("GET", "products") => self.products(query),
            ("GET", "gpu/instances") => self.list(query),
            ("POST", "gpu/instance/create") => self.create(body),
            ("POST", "gpu/instance/delete") => self.remove(body),
            ("POST", "gpu/instance/stop") => self.stop(body),
            _ => {
                self.misuses.push(format!("{method} {path} is no path"));
                StatusCode::NOT_FOUND.into_response()
            }
        }
    }

    fn products(&mut self, query: &BTreeMap<String, String>) -> Response {
        self.misuses.extend(fields::wrong_query(query, fields::PRODUCTS_QUERY));
        let cluster = query.get("clusterId").cloned().unwrap_or_default();
        let spot = query.get("billingMethod").is_some_and(|method| method == "spot");
        let sold: Vec<Value> = self
            .sold
            .iter()
            .filter(|sold| sold.regions.is_empty() || sold.regions.contains(&cluster.as_str()))
            .filter(|sold| !spot || sold.spot_price.is_some())
            .map(|sold| {
                let free = self.free(sold, &cluster);
                let mut methods = vec!["onDemand", "monthly"];
                methods.extend(sold.spot_price.map(|_| "spot"));
                json!({
                    "id": sold.id, "name": "L40S 48GB", "cpuPerGpu": "22", "memoryPerGpu": 125, "diskPerGpu": "100",
                    "availableDeploy": free > 0, "inventoryState": if free > 0 { "normal" } else { "none" },
                    "minRootFS": 10, "maxRootFS": 400, "regions": sold.regions, "price": sold.price.to_string(),
                    "monthlyPrice": [{"month": 1, "price": sold.price * 500}], "billingMethods": methods,
                    "spotPrice": sold.spot_price.map_or_else(|| "0".to_owned(), |price| price.to_string()),
                })
            })
            .collect();
        Json(json!({"data": sold})).into_response()
    }

    fn list(&mut self, query: &BTreeMap<String, String>) -> Response {
        self.misuses.extend(fields::wrong_query(query, fields::LIST_QUERY));
        let number = |key: &str| query.get(key).and_then(|n| n.parse::<usize>().ok());
        let size = number("pageSize").unwrap_or(10).min(self.largest_page);
        let page = number("pageNum").unwrap_or(self.first_page).max(self.first_page) - self.first_page;
        let name = query.get("name").cloned().unwrap_or_default();
        let now = self.now();
        let shown =
            |c: &&Container| c.created + self.lag <= now && c.body["name"].as_str().unwrap_or_default().contains(&name);
        let found: Vec<&Container> = self.instances.values().filter(shown).collect();
        let entries: Vec<Value> = found.iter().skip(page * size).take(size).map(|c| self.entry(c)).collect();
        Json(json!({"instances": entries, "total": found.len().to_string(), "pageSize": size})).into_response()
    }

    fn entry(&self, found: &Container) -> Value {
        let mut entry = found.body.clone();
        let spot_status = match (found.reclaim, found.status) {
            _ if !found.is_spot() => "",
            (Some(_), "exited") => "terminated",
            (Some(_), _) => "notified",
            (None, _) => "running",
        };
        let more = json!({
            "id": found.id, "status": found.status, "gpuNum": found.cards().to_string(), "cpuNum": "22", "memory": "125",
            "createdAt": found.created.to_string(), "lastStartedAt": "0", "endTime": "-1", "spotStatus": spot_status,
            "spotReclaimTime": found.reclaim.unwrap_or(0).to_string(), "portMappings": [], "clusterName": "South 1",
            "statusError": {"state": found.error.unwrap_or(""), "message": found.error.unwrap_or("")},
        });
        if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
        }
        entry
    }

    fn create(&mut self, body: &Value) -> Response {
        let wrong = fields::wrong_body(body, fields::CREATE);
        if let Some(first) = wrong.first() {
            let answer = refused(400, "VALIDATOR_PARAM", first);
            self.misuses.extend(wrong);
            return answer;
        }
        let Some(sold) = self.sold.iter().find(|sold| body["productId"] == sold.id).cloned() else {
            return refused(400, "RESOURCE_NOT_FOUND", "no such product");
        };
        if body["billingMode"] == "spot" && sold.spot_price.is_none() {
            return refused(400, "UNSUPPORTED_BILLING_MODE", "this product has no spot");
        }
        let cluster = body["clusterId"].as_str().unwrap_or_default().to_owned();
        if self.free(&sold, &cluster) < body["gpuNum"].as_u64().unwrap_or(1) {
            return refused(400, "INSUFFICIENT_RESOURCE", "not enough cards");
        }
        self.next += 1;
        let id = format!("c{:015x}", self.next);
        let error = core::mem::take(&mut self.next_fails).then_some("image cannot be pulled");
        let (body, created) = (body.clone(), self.now());
        let found = Container { id: id.clone(), body, created, status: "creating", error, reclaim: None };
        self.instances.insert(id.clone(), found);
        self.live();
        Json(json!({"id": id})).into_response()
    }

    fn remove(&mut self, body: &Value) -> Response {
        self.misuses.extend(fields::wrong_body(body, fields::ONE));
        let Some(found) = body["instanceId"].as_str().and_then(|id| self.instances.get_mut(id)) else {
            return refused(400, "RESOURCE_NOT_FOUND", "no such instance");
        };
        found.status = "removing";
        // An empty body, as clients have seen.
        StatusCode::OK.into_response()
    }

    fn stop(&mut self, body: &Value) -> Response {
        self.misuses.extend(fields::wrong_body(body, fields::ONE));
        let Some(found) = body["instanceId"].as_str().and_then(|id| self.instances.get_mut(id)) else {
            return refused(404, "RESOURCE_NOT_FOUND", "no such instance");
        };
        found.status = "exited";
        Json(json!({})).into_response()
    }
}

fn refused(status: u16, name: &str, text: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(json!({"code": status.as_u16(), "reason": name, "message": text, "metadata": {}}))).into_response()
}

/// The service. It ends with its handle.
#[derive(Debug)]
pub struct Ppio {
    served: Served,
    cloud: Arc<Mutex<Cloud>>,
}

impl Ppio {
    /// Starts it, with some products in two clusters.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let sold = |id, price, spot_price, regions: &[&'static str]| Sold {
            id,
            price,
            spot_price,
            free: 40,
            regions: regions.to_vec(),
        };
        let cloud = Cloud {
            sold: vec![
                sold("L40S.22c125g", 600_000, Some(300_000), &[]),
                sold("4090.16c62g", 219_000, Some(110_000), &["CN-27 (East)", "27", "cn-south-1"]),
                sold("A100-80GB.14c240g", 900_000, None, &["cn-south-1"]),
            ],
            largest_page: 100,
            first_page: 1,
            ..Cloud::default()
        };
        let cloud = Arc::new(Mutex::new(cloud));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&cloud));
        Self { served: Served::start(routes), cloud }
    }

    /// The base of its interface.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/gpu-instance/openapi/v1", self.served.origin())
    }

    /// What it holds.
    pub fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(cloud): State<Arc<Mutex<Cloud>>>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path().trim_start_matches("/gpu-instance/openapi/v1/").to_owned();
    let end = path.rsplit('/').next().unwrap_or_default().to_owned();
    *cloud.requests.entry(end.clone()).or_default() += 1;
    cloud.arrivals.push((end.clone(), Instant::now()));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&format!("Bearer {KEY}")) {
        return refused(401, "UNAUTHORIZED", "no key, or a wrong one");
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    match cloud.mishap(&end) {
        Some(Trouble::Refuse(status, name)) => refused(status, name, "by the script of faults"),
        Some(Trouble::Gateway) => (StatusCode::BAD_GATEWAY, "<html><body>bad gateway</body></html>").into_response(),
        Some(Trouble::LoseRequest) => broken_off(),
        Some(Trouble::LoseReply) => {
            drop(cloud.answer(&method, &path, &query, &body));
            broken_off()
        }
        None => cloud.answer(&method, &path, &query, &body),
    }
}

/// An answer that ends before it is whole, as when the connection is cut.
fn broken_off() -> Response {
    let cut = futures::stream::iter([
        Ok::<_, std::io::Error>(Bytes::from_static(b"{")),
        Err(std::io::ErrorKind::BrokenPipe.into()),
    ]);
    Body::from_stream(cut).into_response()
}
