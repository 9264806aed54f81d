//! Between PPIO's JSON and our words. Pure.
//!
//! Numbers come as numbers and as text, in both versions of the interface; either is taken everywhere.

use core::fmt;
use std::collections::BTreeMap;

use policies::failure::{Failure, FailureKind};
use policies::model::{
    FleetName, Instance, InstanceId, Market, Notice, NoticeKind, Offer, Phase, Pool, ProviderName, Region, Shape, Token,
};
use policies::units::{Currency, ListPrice, Span, Time};
use serde_json::{Value, json};

use crate::Order;
use crate::spec::PpioSpec;

/// From the notice to the reclaim (PPIO, "Spot instances").
pub(super) const NOTICE_LEAD: Span = Span::from_hours(1);

/// Prices are in hundred-thousandths of the currency: a raw 139000 is CNY 1.39 (seen by clients of PPIO; Novita's own
/// figures agree).
const MICROS_OF_RAW: u64 = 10;

/// Cards of one machine, at most (create, `gpuNum`).
const MOST_CARDS: u32 = 8;

/// The longest name (create, `name`).
const LONGEST_NAME: usize = 255;

/// The word for a market.
pub(super) const fn billing(market: Market) -> &'static str {
    match market {
        Market::Spot => "spot",
        Market::OnDemand => "onDemand",
    }
}

/// A text field.
pub(super) fn text<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str()
}

/// A whole number that is a number or a text.
fn number(object: &Value, key: &str) -> Option<u64> {
    let value = object.get(key)?;
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The name of a machine: whose it is, which launch made it, and where and how it was bought.
///
/// `spotfleet-s-9-spotfleet-5-batch-10-cn-south-1-TOKEN`: `s` for spot and `d` for on-demand, then owner, fleet and
/// cluster, each after its length, then the token. A name of another form is of somebody else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    owner: String,
    pub(super) fleet: String,
    /// The cluster, with all but letters and digits as dashes.
    pub(super) cluster: String,
    pub(super) market: Market,
    pub(super) token: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, fleet, cluster, market, token } = self;
        let market = match market {
            Market::Spot => 's',
            Market::OnDemand => 'd',
        };
        let (o, l, c) = (owner.len(), fleet.len(), cluster.len());
        write!(f, "spotfleet-{market}-{o}-{owner}-{l}-{fleet}-{c}-{cluster}-{token}")
    }
}

/// Names are kept to what no system changes: which characters PPIO takes is not documented.
fn plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A cluster's id in a name.
fn slug(cluster: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    cluster.chars().map(plain).collect()
}

impl Name {
    /// That names can be made for this owner.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_owner(owner: &str) -> Result<(), String> {
        if plain(owner) {
            return Ok(());
        }
        Err(format!(
            "the owner `{owner}` has to be part of each machine's name, which takes small letters, digits and dashes: \
             change `daemon.owner`"
        ))
    }

    /// The name of the machine that this order makes.
    ///
    /// # Errors
    /// What cannot be part of a name.
    pub(super) fn of(owner: &str, order: &Order) -> Result<Self, String> {
        let name = Self {
            owner: owner.to_owned(),
            fleet: order.fleet.to_string(),
            cluster: slug(order.pool.region().as_str()),
            market: order.pool.market(),
            token: order.token.to_string(),
        };
        for part in [&name.fleet, &name.token] {
            if !plain(part) {
                return Err(format!("`{part}` cannot be part of a machine's name: small letters, digits and dashes"));
            }
        }
        let length = name.to_string().len();
        if length > LONGEST_NAME {
            return Err(format!("the machine's name would have {length} characters, {LONGEST_NAME} are the most"));
        }
        Ok(name)
    }

    /// The parts of a name, if it is one of ours of this owner.
    pub(super) fn parse(owner: &str, text: &str) -> Option<Self> {
        let rest = text.strip_prefix("spotfleet-")?;
        let (market, rest) = match rest.split_at_checked(2)? {
            ("s-", rest) => (Market::Spot, rest),
            ("d-", rest) => (Market::OnDemand, rest),
            _ => return None,
        };
        let (of, rest) = part(rest)?;
        let (fleet, rest) = part(rest)?;
        let (cluster, token) = part(rest)?;
        let name = Self {
            owner: of.to_owned(),
            fleet: fleet.to_owned(),
            cluster: cluster.to_owned(),
            market,
            token: token.to_owned(),
        };
        (of == owner && plain(token)).then_some(name)
    }
}

/// `5-batch-rest`: what is before and after the dash that follows it.
fn part(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once('-')?;
    let (part, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((part, rest.strip_prefix('-')?))
}

/// A product and how many of its cards: `L40S.22c125g`, `2xL40S.22c125g`.
pub(super) fn cards_of(instance_type: &str) -> (u32, &str) {
    let several = instance_type.split_once('x').and_then(|(cards, product)| {
        let cards: u32 = if cards.len() == 1 { cards.parse().ok()? } else { return None };
        ((1..=MOST_CARDS).contains(&cards) && !product.is_empty()).then_some((cards, product))
    });
    several.unwrap_or((1, instance_type))
}

fn type_of(product: &str, cards: u64) -> String {
    if cards <= 1 { product.to_owned() } else { format!("{cards}x{product}") }
}

/// Names of the clusters by their ids.
pub(super) fn clusters(answer: &Value) -> Result<BTreeMap<String, String>, Failure> {
    let listed = list(answer, "data").ok_or_else(|| unreadable("clusters"))?;
    let named = |cluster: &Value| {
        let id = text(cluster, "id")?.to_owned();
        Some((id, text(cluster, "name").unwrap_or_default().to_owned()))
    };
    Ok(listed.iter().filter_map(named).collect())
}

/// That there is no such cluster, with those that there are.
pub(super) fn unknown_cluster(region: &Region, clusters: &BTreeMap<String, String>) -> Failure {
    let known: Vec<String> = clusters.iter().take(20).map(|(id, name)| format!("{id} ({name})")).collect();
    let text = format!("the account has no cluster `{region}`; it has {}", known.join(", "));
    Failure::new(FailureKind::Invalid, "clusters", "-", &text)
}

/// A product in one cluster for one way of billing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Product {
    /// Price of a card-hour for this way of billing, raw; `None`: not sold so.
    pub(super) raw: [Option<u64>; 2],
    /// Of one card.
    pub(super) shape: Shape,
    /// Something is left.
    pub(super) in_stock: bool,
    /// Ids or names of the clusters where it is sold; empty: everywhere.
    pub(super) clusters: Vec<String>,
}

/// The products of an answer, by id.
pub(super) fn products(answer: &Value) -> Result<BTreeMap<String, Product>, Failure> {
    let listed = list(answer, "data").ok_or_else(|| unreadable("products"))?;
    Ok(listed.iter().filter_map(product).collect())
}

fn product(found: &Value) -> Option<(String, Product)> {
    let id = text(found, "id").or_else(|| text(found, "productId"))?.to_owned();
    // A price of nothing means that it is not sold so.
    let price = |key| number(found, key).filter(|raw| *raw > 0);
    let methods: Vec<&str> =
        found.get("billingMethods").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let sold = |market| methods.is_empty() || methods.contains(&billing(market));
    let raw = [price("spotPrice").filter(|_| sold(Market::Spot)), price("price").filter(|_| sold(Market::OnDemand))];
    let shape = Shape {
        vcpus: number(found, "cpuPerGpu").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        gpus: 1,
        memory_mib: number(found, "memoryPerGpu").unwrap_or(0).saturating_mul(1_024),
    };
    let deployable = found.get("availableDeploy").and_then(Value::as_bool).unwrap_or(true);
    let in_stock = deployable && text(found, "inventoryState") != Some("none");
    let clusters = found.get("regions").and_then(Value::as_array).into_iter().flatten();
    let clusters = clusters.filter_map(Value::as_str).map(str::to_owned).collect();
    Some((id, Product { raw, shape, in_stock, clusters }))
}

/// The offer of a pool. Spot that is sold out is none: the pool is not worth an attempt. On-demand that is sold out is
/// one, because shares of its price are caps; a launch finds out.
pub(super) fn offer(
    pool: &Pool,
    products: Option<&BTreeMap<String, Product>>,
    cluster: &str,
    currency: Currency,
    now: Time,
) -> Result<Offer, Failure> {
    let failed = |kind, text: String| Failure::new(kind, "products", "-", &text);
    let (cards, id) = cards_of(pool.instance_type().as_str());
    let region = pool.region().as_str();
    let here = |product: &&Product| {
        let clusters = &product.clusters;
        clusters.is_empty() || clusters.iter().any(|named| named == region || named == cluster)
    };
    let product = products.and_then(|all| all.get(id)).filter(here);
    let product = product
        .ok_or_else(|| failed(FailureKind::Invalid, format!("cluster {region} does not sell product `{id}`")))?;
    let raw = match pool.market() {
        Market::Spot => product.raw[0],
        Market::OnDemand => product.raw[1],
    };
    let way = billing(pool.market());
    let raw = raw.ok_or_else(|| failed(FailureKind::Invalid, format!("product `{id}` is not sold as `{way}`")))?;
    if pool.market() == Market::Spot && !product.in_stock {
        return Err(failed(FailureKind::NoCapacity, format!("product `{id}` is sold out in cluster {region}")));
    }
    let shape = Shape {
        vcpus: product.shape.vcpus.saturating_mul(cards),
        gpus: cards,
        memory_mib: product.shape.memory_mib.saturating_mul(cards.into()),
    };
    let micros = raw.saturating_mul(MICROS_OF_RAW).saturating_mul(cards.into());
    Ok(Offer { pool: pool.clone(), price: ListPrice { micros, currency }, priced_at: now, shape })
}

/// One page of instances.
pub(super) struct Page {
    pub(super) instances: Vec<Value>,
    /// So many there are in all.
    pub(super) total: usize,
}

/// A page, or nothing when it is none: without the total nobody could tell that it is whole.
pub(super) fn page(mut answer: Value) -> Option<Page> {
    let total = usize::try_from(number(&answer, "total")?).ok()?;
    let instances = match answer.get_mut("instances").map(Value::take) {
        Some(Value::Array(instances)) => instances,
        // An empty list may be left out.
        None | Some(Value::Null) if total == 0 => Vec::new(),
        _ => return None,
    };
    Some(Page { instances, total })
}

/// A machine of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Machine {
    pub(super) id: InstanceId,
    pub(super) region: Region,
    name: Name,
    instance_type: String,
    born: Option<Time>,
    phase: Phase,
    spot: Reclaim,
}

/// What the provider has said of taking it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reclaim {
    No,
    /// It will, at this time if it says so.
    Noticed(Option<Time>),
    Done,
}

/// The machine that an entry of the list is; `None` when it is not ours.
pub(super) fn machine(owner: &str, regions: &[Region], found: &Value) -> Option<Machine> {
    let name = Name::parse(owner, text(found, "name")?)?;
    let id = text(found, "id").filter(|id| !id.is_empty())?;
    // A machine stays where it was bought, also when the provider has moved it, or has not said yet where it is.
    let bought = regions.iter().find(|region| slug(region.as_str()) == name.cluster).cloned();
    let region = bought.or_else(|| Some(text(found, "clusterId").filter(|id| !id.is_empty())?.into()));
    let spot = reclaim(found);
    Some(Machine {
        id: id.into(),
        region: region.unwrap_or_else(|| name.cluster.as_str().into()),
        instance_type: type_of(text(found, "productId").unwrap_or("unknown"), number(found, "gpuNum").unwrap_or(1)),
        born: time(found, "createdAt"),
        phase: phase(text(found, "status").unwrap_or_default(), has_failed(found), spot),
        name,
        spot,
    })
}

impl Machine {
    /// As the rest of the program sees it.
    pub(super) fn instance(self, provider: &ProviderName, now: Time) -> Instance {
        let Self { id, region, name, instance_type, born, phase, spot: _ } = self;
        let pool = Pool::new(provider.as_str(), region.as_str(), region.as_str(), &instance_type, name.market);
        Instance {
            id,
            pool,
            fleet: FleetName::from(name.fleet),
            token: Some(Token::from(name.token)),
            born: born.unwrap_or(now),
            phase,
            // There are no tags that an operator could set.
            protected: false,
        }
    }

    /// The provider has said that it will take it.
    pub(super) fn is_noticed(&self) -> bool {
        matches!(self.spot, Reclaim::Noticed(_))
    }

    /// The notice of it, `at` the latest where the provider gives no time.
    pub(super) fn notice(&self, at: Time) -> Notice {
        let at = if let Reclaim::Noticed(Some(said)) = self.spot { said } else { at };
        Notice { instance: self.id.clone(), kind: NoticeKind::Interruption, at }
    }
}

/// Creation failed, or it cannot be used.
fn has_failed(found: &Value) -> bool {
    let error = found.get("statusError");
    let said = |key| error.and_then(|error| text(error, key)).is_some_and(|text| !text.trim().is_empty());
    said("state") || said("message")
}

/// Where a machine is in its life. One that was stopped, taken or never came up does no work, and its disk costs: it is
/// ended. What we do not know is counted, and never taken for gone. Sources: PPIO and Novita, "List instances"; `pending`,
/// `stopped`, `error`, `failed` and `terminated` were seen in clients.
fn phase(status: &str, failed: bool, spot: Reclaim) -> Phase {
    match status {
        "removed" | "terminated" => Phase::Gone,
        "toRemove" | "removing" | "toStop" | "stopping" | "exited" | "stopped" | "freezing" | "error" | "failed" => {
            Phase::Ending
        }
        _ if spot == Reclaim::Done => Phase::Ending,
        "pending" | "toCreate" | "creating" | "pulling" | "toStart" | "starting" | "toRestart" | "restarting"
        | "toReset" | "resetting" | "migrating" => {
            if failed {
                Phase::Ending
            } else {
                Phase::Starting
            }
        }
        _ => Phase::Running,
    }
}

/// `spotStatus` and `spotReclaimTime`. Source: Novita, "List instances"; the times are taken for Unix seconds, as the
/// others of this list are, and milliseconds and RFC 3339 are understood.
fn reclaim(found: &Value) -> Reclaim {
    let at = time(found, "spotReclaimTime");
    match text(found, "spotStatus").unwrap_or_default() {
        "reclaiming" | "terminated" => Reclaim::Done,
        "notified" => Reclaim::Noticed(at),
        _ if at.is_some() => Reclaim::Noticed(at),
        _ => Reclaim::No,
    }
}

/// A moment: Unix seconds or milliseconds, as a number or text, or RFC 3339; zero and less is none.
fn time(found: &Value, key: &str) -> Option<Time> {
    if let Some(n) = number(found, key) {
        let millis = if n > 1_000_000_000_000 { n } else { n.saturating_mul(1_000) };
        return i64::try_from(millis).ok().filter(|millis| *millis > 0).map(Time::from_millis);
    }
    let written: jiff::Timestamp = text(found, key)?.trim().parse().ok()?;
    Some(written.as_millisecond()).filter(|millis| *millis > 0).map(Time::from_millis)
}

/// The body that creates a machine.
///
/// # Errors
/// What cannot be expressed.
pub(super) fn create(name: &Name, order: &Order, spec: &PpioSpec) -> Result<Value, String> {
    let pool = &order.pool;
    let (cards, product) = cards_of(pool.instance_type().as_str());
    let mut envs: Vec<(&str, String)> = vec![
        ("SPOTFLEET_FLEET", order.fleet.to_string()),
        ("SPOTFLEET_POOL", pool.to_string()),
        ("SPOTFLEET_TOKEN", order.token.to_string()),
    ];
    envs.extend(spec.env.iter().map(|(key, value)| (key.as_str(), value.clone())));
    let envs: Vec<Value> = envs.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    // Never `month`: more than none makes it a subscription, whatever `billingMode` says.
    let mut body = json!({
        "name": name.to_string(),
        "productId": product,
        "gpuNum": cards,
        "rootfsSize": spec.rootfs_gb,
        "imageUrl": spec.image,
        "clusterId": pool.region().as_str(),
        "kind": "gpu",
        "billingMode": billing(pool.market()),
        "envs": envs,
    });
    let PpioSpec {
        image: _,
        rootfs_gb: _,
        env: _,
        image_auth_id,
        ports,
        command,
        entrypoint,
        min_cuda,
        network_id,
        network_storages,
    } = spec;
    let optional = [
        ("imageAuthId", image_auth_id),
        ("command", command),
        ("entrypoint", entrypoint),
        ("minCudaVersion", min_cuda),
        ("networkId", network_id),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            body[key] = value.as_str().into();
        }
    }
    if !network_storages.is_empty() {
        // The capital letter is theirs.
        let mounts = network_storages.iter().map(|(id, mount)| json!({"Id": id, "mountPoint": mount}));
        body["networkStorages"] = mounts.collect();
    }
    if !ports.is_empty() {
        body["ports"] = ports.join(", ").into();
    }
    if pool.zone().as_str() != pool.region().as_str() {
        return Err(format!("a cluster has no zones, so no zone `{}`: its zone is called as it is", pool.zone()));
    }
    Ok(body)
}

fn list<'v>(answer: &'v Value, key: &str) -> Option<&'v Vec<Value>> {
    answer.get(key)?.as_array()
}

fn unreadable(operation: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, operation, "-", "the answer has no list in `data`")
}

#[cfg(test)]
mod tests;
