//! What each call does.

use axum::http::Method;
use serde_json::{Value, json};

use super::check::complaint;
use super::world::{Call, Fate, Machine, Part, World};
use super::{Asked, GROUP, LOGIN, Reply, SUBSCRIPTION, TOKEN, pairs};

/// Sizes with their cores and prices (on-demand, spot) in dollars.
const SIZES: [(&str, u64, f64, f64); 3] =
    [("Standard_D4s_v5", 4, 0.192, 0.0384), ("Standard_D2s_v5", 2, 0.096, 0.0192), ("Standard_B2s", 2, 0.0416, 0.0)];

const LOCATION: &str = "eastus";

/// Which call this is.
pub(super) fn call(asked: &Asked<'_>) -> Call {
    let kind = |n: usize| asked.path.get(n).map_or(String::new(), |part| part.to_lowercase());
    if kind(0) == "api" {
        return Call::Prices;
    }
    if asked.path.iter().any(|part| part == "oauth2") {
        return Call::Token;
    }
    if kind(0) == "operations" {
        return Call::Operation;
    }
    match (kind(6).as_str(), asked.path.len(), asked.method) {
        ("virtualmachines", 7, _) => Call::List,
        ("virtualmachines", 8, &Method::PUT) => Call::Put,
        ("virtualmachines", 8, &Method::GET) => Call::Get,
        ("virtualmachines", 8, &Method::DELETE) => Call::Delete,
        ("networkinterfaces" | "disks", ..) => Call::Leftovers,
        _ if kind(4) == "skus" => Call::Sizes,
        _ => Call::Other,
    }
}

/// Carries out a call that is not disturbed.
pub(super) fn carry_out(world: &mut World, call: Call, asked: &Asked<'_>) -> Reply {
    world.count(call);
    match call {
        Call::Token => return token(world, asked),
        Call::Prices => return prices(world, asked),
        _ => {}
    }
    let bearer = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    let given = bearer.strip_prefix("token-").and_then(|n| n.parse::<u64>().ok());
    if bearer != TOKEN && given.is_none_or(|n| n == 0 || n > world.tokens) {
        return Reply::error(401, "InvalidAuthenticationToken", "The access token is invalid.");
    }
    if call != Call::Operation && asked.query("api-version").is_empty() {
        return Reply::error(400, "MissingApiVersionParameter", "The api-version query parameter is required.");
    }
    let in_subscription = asked.path.first().is_some_and(|part| part == "subscriptions");
    if in_subscription && asked.path.get(1).is_none_or(|id| !id.eq_ignore_ascii_case(SUBSCRIPTION)) {
        return Reply::error(404, "SubscriptionNotFound", "The subscription could not be found.");
    }
    let in_group = asked.path.get(2).is_some_and(|part| part.eq_ignore_ascii_case("resourceGroups"));
    if in_group && asked.path.get(3).is_none_or(|name| !name.eq_ignore_ascii_case(GROUP)) {
        return Reply::error(404, "ResourceGroupNotFound", "Resource group could not be found.");
    }
    match call {
        Call::Put => put(world, asked),
        Call::Get => get(world, asked),
        Call::Delete => delete(world, asked),
        Call::List => list(world, asked),
        Call::Operation => operation(world, asked),
        Call::Leftovers => leftovers(world, asked),
        Call::Sizes => sizes(asked),
        Call::Other => other(world, asked),
        Call::Token | Call::Prices => Reply::empty(500),
    }
}

fn name_of(asked: &Asked<'_>) -> String {
    asked.path.get(7).cloned().unwrap_or_default()
}

/// The same body, as far as it cannot be changed.
fn fixed(body: &Value) -> [&Value; 4] {
    let properties = &body["properties"];
    [
        &body["zones"],
        &properties["priority"],
        &properties["storageProfile"]["imageReference"],
        &properties["osProfile"]["customData"],
    ]
}

fn put(world: &mut World, asked: &Asked<'_>) -> Reply {
    if let Some((status, code, text)) = complaint(&asked.body) {
        return Reply::error(status, code, &text);
    }
    let (name, body) = (name_of(asked), asked.body.clone());
    let key = name.to_lowercase();
    if let Some(there) = world.machines.get(&key) {
        if asked.header("if-none-match") == "*" && !world.behaviour.ignore_precondition {
            return Reply::error(
                412,
                "PreconditionFailed",
                "The condition '*' in the If-None-Match header was not met.",
            );
        }
        if there.state == "Deleting" {
            return Reply::error(409, "Conflict", "The machine is being deleted.");
        }
        if fixed(&there.body) != fixed(&body) {
            let text = "Changing property 'zones' is not allowed.";
            return Reply::error(409, "PropertyChangeNotAllowed", text);
        }
        return Reply::json(200, &shown(world, there));
    }
    let of = |machine: &Machine| {
        (machine.size().to_owned(), machine.body["zones"].clone(), machine.property("priority") == "Spot")
    };
    let spot = body["properties"]["priority"] == "Spot";
    let fate = match (&world.behaviour.fail_launch, world.behaviour.take_away && spot) {
        (Some((code, message)), _) => Fate::Fails(code, message.clone()),
        (None, true) => Fate::TakenAway,
        (None, false) => Fate::Made,
    };
    let machine = Machine {
        name: name.clone(),
        state: "Creating".to_owned(),
        body: body.clone(),
        fate,
        ready_at: world.now() + world.behaviour.create_s,
        visible_at: world.now() + world.behaviour.hidden_s,
        gone_at: None,
        created_at: world.now(),
        incarnation: world.made + 1,
    };
    let Some((_, cores, ..)) = SIZES.iter().find(|(size, ..)| *size == machine.size()) else {
        return Reply::error(400, "InvalidParameter", "The value of parameter vmSize is invalid.");
    };
    let alive = || world.machines.values().filter(|other| other.is_alive());
    if alive().filter(|other| of(other) == of(&machine)).count() >= world.behaviour.room {
        let text = "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions' is currently \
            not available in location 'eastus'.";
        return Reply::error(409, "SkuNotAvailable", text);
    }
    let cores_of =
        |other: &Machine| SIZES.iter().find(|(size, ..)| *size == other.size()).map_or(0, |(_, cores, ..)| *cores);
    let used: u64 = alive().filter(|other| other.property("priority") == "Spot").map(cores_of).sum();
    if spot && used + cores > world.behaviour.spot_cores {
        let text = format!(
            "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. Additional \
             details - Deployment Model: Resource Manager, Location: eastus, Current Limit: {}, Current Usage: {used}, \
             Additional Required: {cores}",
            world.behaviour.spot_cores
        );
        return Reply::error(409, "OperationNotAllowed", &text);
    }
    world.made += 1;
    world.puts.push(body.clone());
    let nic = &body["properties"]["networkProfile"]["networkInterfaceConfigurations"][0];
    let disk = body["properties"]["storageProfile"]["osDisk"]["name"].as_str().unwrap_or_default();
    for (parts, part, tags) in [
        (&mut world.interfaces, nic["name"].as_str().unwrap_or_default(), &nic["tags"]),
        (&mut world.disks, disk, &body["tags"]),
    ] {
        let (part, tags) = (part.to_owned(), tags.clone());
        parts.insert(part.to_lowercase(), Part { name: part, machine: Some(key.clone()), tags });
    }
    let reply = Reply::json(201, &shown(world, &machine));
    world.machines.insert(key.clone(), machine);
    begun(world, asked, reply, key, true)
}

/// An answer that an operation has begun.
fn begun(world: &mut World, asked: &Asked<'_>, mut reply: Reply, key: String, makes: bool) -> Reply {
    world.operations.push((key, makes));
    let number = world.operations.len() - 1;
    let base = if world.behaviour.operations_elsewhere { "https://elsewhere.example.com" } else { &asked.base };
    reply = reply.with("azure-asyncoperation", format!("{base}/operations/{number}?p={}", "x".repeat(2_000)));
    match world.behaviour.retry_after_s {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// A machine as it is told.
fn shown(world: &World, machine: &Machine) -> Value {
    let mut name = machine.name.clone();
    let mut tags = machine.body["tags"].clone();
    if world.behaviour.capitals {
        name = name.to_uppercase();
        if let Value::Object(map) = &tags {
            tags = map
                .iter()
                .map(|(key, value)| (key.to_uppercase(), value.clone()))
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
    }
    let mut properties = machine.body["properties"].clone();
    properties["provisioningState"] = machine.state.as_str().into();
    properties["vmId"] = format!("00000000-0000-0000-0000-{:012}", machine.incarnation).into();
    properties["timeCreated"] = world.moment(machine.created_at).into();
    // What is secret is not told again.
    if let Some(system) = properties["osProfile"].as_object_mut() {
        system.remove("customData");
    }
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/{name}",
            GROUP.to_uppercase()),
        "name": name, "type": "Microsoft.Compute/virtualMachines", "location": machine.body["location"],
        "zones": machine.body["zones"], "tags": tags, "properties": properties,
    })
}

fn get(world: &mut World, asked: &Asked<'_>) -> Reply {
    let missing = || Reply::error(404, "ResourceNotFound", "The Resource was not found.");
    if world.behaviour.not_found > 0 {
        world.behaviour.not_found -= 1;
        return missing();
    }
    // Whoever looks again has waited.
    world.pass(1);
    let key = name_of(asked).to_lowercase();
    let Some(machine) = world.machines.get(&key).filter(|machine| machine.visible_at <= world.now()) else {
        return missing();
    };
    let mut value = shown(world, machine);
    if asked.query("$expand") == "instanceView" {
        let status = match (machine.state.as_str(), world.failed.get(&key)) {
            ("Failed", Some((code, message))) => {
                json!({"code": format!("ProvisioningState/failed/{code}"), "level": "Error", "message": message})
            }
            (state, _) => json!({"code": format!("ProvisioningState/{}", state.to_lowercase())}),
        };
        value["properties"]["instanceView"] = json!({"statuses": [status]});
    }
    Reply::json(200, &value)
}

fn delete(world: &mut World, asked: &Asked<'_>) -> Reply {
    let key = name_of(asked).to_lowercase();
    let gone_at = world.now() + world.behaviour.delete_s;
    let Some(machine) = world.machines.get_mut(&key) else { return Reply::empty(204) };
    machine.state = "Deleting".to_owned();
    machine.gone_at.get_or_insert(gone_at);
    begun(world, asked, Reply::empty(202), key, false).with("location", format!("{}/operations/none", asked.base))
}

fn list(world: &mut World, asked: &Asked<'_>) -> Reply {
    let now = world.now();
    let all: Vec<Value> = world.machines.values().filter(|m| m.visible_at <= now).map(|m| shown(world, m)).collect();
    let behaviour = &world.behaviour;
    let from: usize = asked.query("$skiptoken").parse().unwrap_or(0);
    let to = (from + behaviour.page).min(all.len());
    let mut page = json!({"value": all[from.min(to)..to]});
    if to < all.len() {
        let base = if behaviour.pages_elsewhere { "https://elsewhere.example.com" } else { &asked.base };
        let token = if behaviour.endless_pages { 0 } else { to };
        let path = asked.path.join("/");
        let version = asked.query("api-version");
        page["nextLink"] = format!("{base}/{path}?api-version={version}&%24skiptoken={token}").into();
    }
    Reply::json(200, &page)
}

fn operation(world: &mut World, asked: &Asked<'_>) -> Reply {
    world.pass(world.behaviour.retry_after_s.unwrap_or(5));
    let number: Option<usize> = asked.path.get(1).and_then(|part| part.parse().ok());
    let Some((key, makes)) = number.and_then(|number| world.operations.get(number)).cloned() else {
        return Reply::error(404, "NotFound", "The operation was not found.");
    };
    let machine = world.machines.get(&key);
    if world.behaviour.forget_operations || (makes && machine.is_none()) {
        return Reply::error(404, "NotFound", "The operation was not found.");
    }
    let state = machine.map_or("", |machine| machine.state.as_str());
    let mut body = json!({"name": number, "startTime": world.moment(0), "status": match (makes, state) {
        (true, "Creating") | (false, "Deleting") => "InProgress",
        (true, "Failed") => "Failed",
        _ => "Succeeded",
    }});
    if body["status"] == "Failed"
        && let Some((code, message)) = world.failed.get(&key)
    {
        body["error"] = json!({"code": code, "message": message});
    }
    let reply = Reply::json(200, &body);
    match world.behaviour.retry_after_s {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

fn leftovers(world: &mut World, asked: &Asked<'_>) -> Reply {
    let interfaces = asked.path[6].eq_ignore_ascii_case("networkInterfaces");
    let parts = if interfaces { &mut world.interfaces } else { &mut world.disks };
    if asked.method == Method::DELETE {
        return match parts.remove(&name_of(asked).to_lowercase()) {
            Some(_) => Reply::empty(202),
            None => Reply::empty(204),
        };
    }
    let shown = |part: &Part| {
        let machine = part.machine.as_ref().map(|name| format!("/subscriptions/s/virtualMachines/{name}"));
        let mut value = json!({"name": part.name.to_uppercase(), "tags": part.tags, "properties": {}});
        match (interfaces, machine) {
            (true, Some(id)) => value["properties"]["virtualMachine"] = json!({"id": id}),
            (false, Some(id)) => value["managedBy"] = id.into(),
            (_, None) => {}
        }
        value
    };
    Reply::json(200, &json!({"value": parts.values().map(shown).collect::<Vec<_>>()}))
}

fn sizes(asked: &Asked<'_>) -> Reply {
    if !asked.query("$filter").contains(LOCATION) {
        return Reply::json(200, &json!({"value": []}));
    }
    let item = |(name, cores, _, spot): &(&str, u64, f64, f64)| {
        json!({"resourceType": "virtualMachines", "name": name, "family": "standardDSv5Family",
            "locations": [LOCATION], "locationInfo": [{"location": LOCATION, "zones": ["1", "2", "3"]}],
            "capabilities": [{"name": "vCPUs", "value": cores.to_string()},
                {"name": "MemoryGB", "value": (cores * 4).to_string()},
                {"name": "LowPriorityCapable", "value": if *spot > 0.0 { "True" } else { "False" }}],
            "restrictions": []})
    };
    let mut items: Vec<Value> = SIZES.iter().map(item).collect();
    items.push(json!({"resourceType": "disks", "name": "Premium_LRS", "locationInfo": [{"location": LOCATION}]}));
    Reply::json(200, &json!({"value": items}))
}

/// The value of `field eq 'value'` in a filter.
fn equals<'a>(filter: &'a str, field: &str) -> &'a str {
    let rest = filter.split_once(&format!("{field} eq '")).map_or("", |(_, rest)| rest);
    rest.split('\'').next().unwrap_or_default()
}

fn prices(world: &mut World, asked: &Asked<'_>) -> Reply {
    let filter = asked.query("$filter").to_owned();
    world.price_filters.push(filter.clone());
    let (size, region) = (equals(&filter, "armSkuName"), equals(&filter, "armRegionName"));
    let mut items = Vec::new();
    for (name, _, on_demand, spot) in SIZES.iter().filter(|(name, ..)| *name == size && region == LOCATION) {
        let item = |sku: &str, product: &str, price: f64| {
            json!({"currencyCode": "USD", "retailPrice": price, "unitPrice": price, "armRegionName": region,
                "effectiveStartDate": "2024-01-01T00:00:00Z", "meterName": sku, "productName": product, "skuName": sku,
                "serviceName": "Virtual Machines", "unitOfMeasure": "1 Hour", "type": "Consumption", "armSkuName": name})
        };
        items.push(item("D", "Virtual Machines Series", *on_demand));
        items.push(item("D", "Virtual Machines Series Windows", on_demand * 2.0));
        items.push(item("D Low Priority", "Virtual Machines Series", 0.001));
        if *spot > 0.0 {
            items.push(item("D Spot", "Virtual Machines Series", *spot));
        }
    }
    // Two items a page.
    let from: usize = asked.query("$skip").parse().unwrap_or(0);
    let to = (from + 2).min(items.len());
    let next = (to < items.len()).then(|| {
        let (filter, path) = (filter.replace(' ', "%20").replace('\'', "%27"), asked.path.join("/"));
        format!("{}/{path}?api-version=2023-01-01-preview&$filter={filter}&$skip={to}", asked.base)
    });
    let count = to - from.min(to);
    Reply::json(
        200,
        &json!({"BillingCurrency": "USD", "Items": items[from.min(to)..to], "NextPageLink": next, "Count": count}),
    )
}

fn token(world: &mut World, asked: &Asked<'_>) -> Reply {
    let [tenant, client, secret] = LOGIN;
    let managed = asked.path.first().is_some_and(|part| part == "metadata");
    if managed {
        if asked.header("metadata") != "true" {
            return Reply::json(400, &json!({"error": "invalid_request", "error_description": "no metadata header"}));
        }
        world.tokens += 1;
        // Numbers as texts: that is how this server writes them.
        return Reply::json(
            200,
            &json!({"access_token": format!("token-{}", world.tokens), "expires_in": "3599", "expires_on": "4102444800",
                "token_type": "Bearer", "resource": asked.query("resource")}),
        );
    }
    let form = pairs(std::str::from_utf8(asked.raw).unwrap_or_default());
    let field = |key: &str| form.get(key).map_or("", String::as_str);
    let proof = field("client_secret") == secret || field("client_assertion") == "pod-token";
    if asked.path[0] != tenant || field("client_id") != client || !proof {
        return Reply::json(
            401,
            &json!({"error": "invalid_client", "error_codes": [7_000_215], "correlation_id": "c",
                "error_description": format!("AADSTS7000215: Invalid client secret provided: {}", field("client_secret"))}),
        );
    }
    world.tokens += 1;
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": 3_599, "ext_expires_in": 3_599,
            "access_token": format!("token-{}", world.tokens)}),
    )
}

fn other(world: &mut World, asked: &Asked<'_>) -> Reply {
    let last = asked.path.last().map(String::as_str).unwrap_or_default();
    match last {
        "usages" => {
            let used = |name: &str, now: u64, limit: u64| json!({"name": {"value": name}, "currentValue": now, "limit": limit, "unit": "Count"});
            let spot =
                world.machines.values().filter(|m| m.is_alive() && m.property("priority") == "Spot").count() as u64;
            let value = [
                used("lowPriorityCores", spot * 4, world.behaviour.spot_cores),
                used("cores", 8, 100),
                used("standardDSv5Family", 8, 8),
            ];
            Reply::json(200, &json!({"value": value}))
        }
        "permissions" => {
            let actions: Vec<&str> = world.actions.clone().unwrap_or_else(|| vec!["*"]);
            Reply::json(200, &json!({"value": [{"actions": actions, "notActions": []}]}))
        }
        "resources" => {
            let query = asked.body["query"].as_str().unwrap_or_default();
            let data = if query.contains("skuspotevictionrate") {
                json!([{"skuName": "standard_d4s_v5", "location": LOCATION, "evictionRate": "0-5"},
                    {"skuName": "standard_d2s_v5", "location": LOCATION, "evictionRate": "20+"}])
            } else if query.contains("skuspotpricehistory") {
                // The newest first. Before that, all cost twice as much.
                let points = |price: f64| {
                    json!([{"effectiveDate": world.moment(0), "priceUSD": price},
                        {"effectiveDate": "2026-01-01T00:00:00Z", "priceUSD": 2.0 * price}])
                };
                let rows = SIZES.iter().filter(|(_, _, _, spot)| *spot > 0.0);
                rows.map(|(size, _, _, spot)| json!({"skuName": size.to_lowercase(), "spotPrices": points(*spot)}))
                    .collect()
            } else {
                json!([])
            };
            Reply::json(200, &json!({"totalRecords": 2, "count": 2, "resultTruncated": "false", "data": data}))
        }
        "generate" => {
            let sizes = asked.body["desiredSizes"].as_array().cloned().unwrap_or_default();
            let complete = asked.body["availabilityZones"] == true && asked.body["desiredCount"].as_u64().is_some();
            if sizes.is_empty() || sizes.len() > 5 || !complete {
                return Reply::error(400, "InvalidParameter", "The request for placement scores is invalid.");
            }
            let zones = [("1", "High"), ("2", "Medium"), ("3", "Low")];
            let scores: Vec<Value> = sizes
                .iter()
                .flat_map(|size| {
                    zones.map(|(zone, score)| {
                        json!({"sku": size["sku"], "region": LOCATION, "availabilityZone": zone, "score": score,
                            "isQuotaAvailable": true})
                    })
                })
                .collect();
            let echo = &asked.body;
            Reply::json(
                200,
                &json!({"desiredLocations": echo["desiredLocations"], "desiredSizes": sizes,
                "desiredCount": echo["desiredCount"], "availabilityZones": true, "placementScores": scores}),
            )
        }
        "versions" => match asked.path.iter().any(|part| part == "debian-12") {
            true => Reply::json(200, &json!([{"name": "0.20261101.1", "location": LOCATION}])),
            false => Reply::error(404, "PlatformImageNotFound", "The platform image was not found."),
        },
        name if asked.path.len() == 4 && name.eq_ignore_ascii_case(GROUP) => Reply::json(
            200,
            &json!({"name": GROUP, "location": LOCATION, "properties": {"provisioningState": "Succeeded"}}),
        ),
        "subnet-eastus" => Reply::json(200, &json!({"name": last, "properties": {"provisioningState": "Succeeded"}})),
        _ => Reply::error(404, "ResourceNotFound", "The Resource was not found."),
    }
}
