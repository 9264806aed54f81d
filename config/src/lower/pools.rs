//! `fleets[].pools`: where to buy, and with what to launch there.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policies::model::{Market, OnDemandRules, Pool, ProviderName, SpecName, SpotRules, Survive};
use policies::units::{Capacity, Currency, Share};
use providers::LaunchSpec;
use providers::placeholder::{self, Placeholder};

use crate::hints;
use crate::lower::{At, Known, Lowering, MAX_POOLS, PLACE_NAME, azure, gcp, launch, ppio};
use crate::model::{LaunchApi, ProviderConfig};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Field, List};
use crate::raw::value::{Leaf, Text};

/// No pool and no token is longer than this, in bytes.
const LONGEST_FILLED: usize = 256;

/// The places of a fleet.
pub(crate) struct Places {
    pub(crate) pools: BTreeMap<Pool, SpecName>,
    pub(crate) specs: BTreeMap<SpecName, Arc<LaunchSpec>>,
    /// Every instance type of them.
    pub(crate) types: BTreeSet<String>,
}

/// One entry of the list, before it is multiplied out.
struct Entry {
    provider: String,
    /// The zones of each region.
    zones: BTreeMap<String, BTreeSet<String>>,
    types: Vec<String>,
    markets: Vec<Market>,
    spec: LaunchSpec,
}

impl Entry {
    /// How many pools it makes.
    fn count(&self) -> usize {
        let zones: usize = self.zones.values().map(BTreeSet::len).sum();
        zones.saturating_mul(self.types.len()).saturating_mul(self.markets.len())
    }
}

/// Fills in the placeholders that are the same for every launch; false when there is one that cannot be.
fn fill_in(cx: &mut Lowering<'_, '_>, at: &At<'_>, entry: &mut Entry, fleet: &str, known: &Known<'_>) -> bool {
    let cloud = known.valid.get(&ProviderName::from(entry.provider.as_str()));
    let by_template = matches!(cloud, Some(ProviderConfig::Aws(aws)) if aws.launch_api == LaunchApi::CreateFleet);
    let longest = match &entry.spec {
        LaunchSpec::Aws(_) => launch::MAX_USER_DATA_BYTES,
        LaunchSpec::Azure(_) => azure::MAX_USER_DATA_BYTES,
        LaunchSpec::Gcp(_) => gcp::LONGEST_METADATA,
        LaunchSpec::Ppio(_) => ppio::LONGEST_COMMAND,
        LaunchSpec::Sim => usize::MAX,
    };
    let mut whole = true;
    for (key, text) in entry.spec.texts() {
        let longest = if key == "env" { ppio::LONGEST_VALUE } else { longest };
        let own = at.key(key);
        let at = if own.exists() { own } else { at.key(&format!("{key}_file")) };
        let found = match placeholder::used(text) {
            Ok(found) => found,
            Err(odd) => {
                let all = list_of(Placeholder::ALL.map(Placeholder::text));
                cx.wrong_unshown(&at, format!("{} is no placeholder", quoted(&odd)), format!("there are {all}"));
                whole = false;
                continue;
            }
        };
        // Each text has been held to its own limit already.
        if found.is_empty() {
            continue;
        }
        *text = placeholder::fill(text, Placeholder::Fleet, fleet);
        if found.contains(&Placeholder::Url) {
            match &known.public_url {
                Some(Some(url)) => *text = placeholder::fill(text, Placeholder::Url, url),
                // What is wrong there is said there.
                None => whole = false,
                Some(None) => {
                    let rule =
                        format!("`{}` stands for `daemon.public_url`, which is not set", Placeholder::Url.text());
                    cx.wrong_unshown(&at, rule, "set it to the URL at which machines reach the daemon");
                    whole = false;
                }
            }
        }
        let of_launch = found.iter().find(|placeholder| placeholder.is_of_the_launch());
        if let Some(placeholder) = of_launch.filter(|_| by_template) {
            let rule =
                format!("`{}` is another one for each launch, and `create-fleet` keeps the text", placeholder.text());
            let hint = "set `launch_api: run-instances`, or let the machine read its tags `spotfleet:pool` and \
                `spotfleet:intent`";
            cx.wrong_unshown(&at, rule, hint);
            whole = false;
        }
        // What is filled in at a launch is not known here: as long as it can be.
        let mut filled = text.clone();
        for placeholder in &found {
            filled = placeholder::fill(&filled, *placeholder, &"x".repeat(LONGEST_FILLED));
        }
        if filled.len() > longest {
            let rule = format!("with what stands for its placeholders, up to {} bytes are too many", filled.len());
            cx.wrong_unshown(&at, rule, format!("the cloud takes {longest}"));
            whole = false;
        }
    }
    whole
}

/// The places of a fleet, when every entry is valid.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<List<raw::Pools>>,
    fleet: &str,
    labels: Option<&BTreeMap<String, String>>,
    known: &Known<'_>,
    room: &mut usize,
) -> Option<Places> {
    let items = cx.items(at, field)?;
    if items.is_empty() {
        cx.wrong(at, "the list is empty", "name at least one place to buy");
        return None;
    }
    let mut places = Places { pools: BTreeMap::new(), specs: BTreeMap::new(), types: BTreeSet::new() };
    let mut whole = true;
    for (index, (at, item)) in items.into_iter().enumerate() {
        let Some(mut entry) = lower_entry(cx, &at, item, labels, known) else {
            whole = false;
            continue;
        };
        whole &= fill_in(cx, &at.key("launch"), &mut entry, fleet, known);
        // Counted before they are made: a small file can ask for a billion.
        let count = entry.count();
        let Some(left) = room.checked_sub(count) else {
            let rule = format!("{count} more pools make more than {MAX_POOLS} in all fleets");
            cx.wrong(&at, rule, "name fewer regions, zones or instance types");
            return None;
        };
        *room = left;
        let name = SpecName::from(format!("{fleet}/{index}"));
        if let Some(twice) = add(&mut places, &entry, &name) {
            let rule = format!("{twice} is a pool of an entry before already");
            cx.wrong(&at, rule, "name each combination of region, zone, type and market once");
            whole = false;
        }
        places.specs.insert(name, Arc::new(entry.spec));
    }
    whole.then_some(places)
}

/// Multiplies the entry out. Gives a pool that was there before, if one was.
fn add(places: &mut Places, entry: &Entry, name: &SpecName) -> Option<Pool> {
    let mut twice = None;
    for (region, zones) in &entry.zones {
        for zone in zones {
            for instance_type in &entry.types {
                for market in &entry.markets {
                    let pool = Pool::new(&entry.provider, region, zone, instance_type, *market);
                    match places.pools.entry(pool) {
                        MapEntry::Vacant(place) => {
                            place.insert(name.clone());
                        }
                        MapEntry::Occupied(before) => {
                            twice.get_or_insert_with(|| before.key().clone());
                        }
                    }
                }
            }
        }
    }
    places.types.extend(entry.types.iter().cloned());
    twice
}

fn lower_entry(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Pools>,
    labels: Option<&BTreeMap<String, String>>,
    known: &Known<'_>,
) -> Option<Entry> {
    let raw::Pools { provider, regions, zones, instance_types, markets, launch } = cx.open(at, field)?;
    let provider_at = at.key("provider");
    let provider = cx.value(&provider_at, provider);
    let is_known = provider.as_ref().is_none_or(|name| known.names.contains(name));
    if let Some(name) = provider.as_ref().filter(|_| !is_known) {
        let near = hints::nearest(name, known.names.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it to `providers`, which has {}", list_of(&known.names)),
        };
        cx.wrong(&provider_at, format!("unknown provider {}", quoted(name)), hint);
    }
    let regions_at = at.key("regions");
    let regions = place_names(cx, &regions_at, regions);
    let zones_at = at.key("zones");
    let has_zones = !zones.is_absent();
    let zones = place_names(cx, &zones_at, zones);
    let types_at = at.key("instance_types");
    let types = place_names(cx, &types_at, instance_types);
    let markets = cx.distinct(&at.key("markets"), markets);
    let launch_at = at.key("launch");

    // Which rules hold depends on the cloud. Of one that is not known or not valid, only the rest is checked.
    let name = provider.filter(|_| is_known)?;
    let cloud = known.valid.get(&ProviderName::from(name.as_str()));
    let named = zones.as_ref().filter(|_| has_zones);
    let kind = raw::kind_of(&name);
    let (zones, spec) = if kind == "aws" {
        if let (Some(regions), Some(types)) = (&regions, &types) {
            launch::check_names(cx, regions, types, known.currencies.contains(&Currency::Cny));
        }
        let spec = launch::lower(cx, &launch_at, raw::launch::read(launch), regions.as_deref(), labels);
        let spec = spec.zip(regions.as_ref());
        match spec {
            Some((spec, regions)) => {
                (launch::zones_of(cx, at, regions, named, &spec.subnets), Some(LaunchSpec::Aws(spec)))
            }
            None => (None, None),
        }
    } else if kind == "azure" {
        if let (Some(regions), Some(types)) = (&regions, &types) {
            azure::check_names(cx, regions, types);
        }
        let spec = azure::lower(cx, &launch_at, raw::launch::read(launch), regions.as_deref(), labels);
        let zones = regions.as_ref().and_then(|regions| azure::zones_of(cx, regions, named));
        (zones, spec.map(LaunchSpec::Azure))
    } else if kind == "gcp" {
        if let (Some(regions), Some(types)) = (&regions, &types) {
            gcp::check_names(cx, regions, types);
        }
        let spec = gcp::lower(cx, &launch_at, raw::launch::read(launch), regions.as_deref(), labels);
        let named = named.filter(|_| has_zones);
        let zones = match &regions {
            Some(regions) if !has_zones || named.is_some() => gcp::zones_of(cx, &zones_at, regions, named),
            _ => None,
        };
        (zones, spec.map(LaunchSpec::Gcp))
    } else if matches!(kind, "ppio" | "novita") {
        if has_zones {
            cx.wrong(&zones_at, "a cluster has no zones", "remove it");
        }
        ppio::check_types(cx, types.as_deref().unwrap_or_default());
        let spec = ppio::lower(cx, &launch_at, raw::launch::read(launch)).map(LaunchSpec::Ppio);
        let own = |(_, region): &(At<'_>, String)| (region.clone(), BTreeSet::from([region.clone()]));
        let zones = regions.as_ref().filter(|_| !has_zones).map(|regions| regions.iter().map(own).collect());
        (zones, spec)
    } else {
        if !launch.is_absent() {
            cx.wrong(&launch_at, "a simulated cloud launches nothing", "remove it");
        }
        if let (Some(types), Some(ProviderConfig::Sim(sim))) = (&types, cloud) {
            for (at, name) in types.iter().filter(|(_, name)| !sim.types.contains_key(&name.as_str().into())) {
                let near = hints::nearest(name, sim.types.keys().map(|t| t.as_str()));
                let hint = near.map_or_else(
                    || format!("it sells {}", list_of(sim.types.keys())),
                    |near| format!("did you mean `{near}`?"),
                );
                cx.wrong(at, format!("the cloud does not sell {}", quoted(name)), hint);
            }
        }
        let zones = regions.as_ref().and_then(|regions| sim_zones(cx, regions, named));
        (zones, launch.is_absent().then_some(LaunchSpec::Sim))
    };
    if has_zones && named.is_none() {
        return None;
    }
    let types = types?.into_iter().map(|(_, name)| name).collect();
    let markets = markets?.into_iter().map(|(_, market)| market).collect();
    Some(Entry { provider: name, zones: zones?, types, markets, spec: spec? })
}

fn list_of<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().take(8).map(|name| quoted(&name.to_string())).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn place_names<'t>(
    cx: &mut Lowering<'_, '_>,
    at: &At<'t>,
    field: Field<List<Leaf<Text>>>,
) -> Option<Vec<(At<'t>, String)>> {
    let names = cx.distinct(at, field)?;
    let mut whole = true;
    for (at, name) in &names {
        whole &= cx.named(at, Some(name.clone()), &PLACE_NAME).is_some();
    }
    whole.then_some(names)
}

/// The region of this list that the zone's name starts with; the longest, as one region's name may start another's.
pub(crate) fn region_of<'r>(regions: &'r [(At<'_>, String)], zone: &str) -> Option<&'r str> {
    let fits = regions.iter().map(|(_, name)| name.as_str()).filter(|region| zone.starts_with(region));
    fits.max_by_key(|region| region.len())
}

/// The zones of each region of a simulated cloud: those that are named, else one that has the region's own name.
fn sim_zones(
    cx: &mut Lowering<'_, '_>,
    regions: &[(At<'_>, String)],
    named: Option<&Vec<(At<'_>, String)>>,
) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut zones: BTreeMap<String, BTreeSet<String>> =
        regions.iter().map(|(_, region)| (region.clone(), BTreeSet::new())).collect();
    let mut whole = true;
    for (at, zone) in named.into_iter().flatten() {
        match region_of(regions, zone).and_then(|region| zones.get_mut(region)) {
            Some(of_region) => {
                of_region.insert(zone.clone());
            }
            None => {
                cx.wrong(at, "no region of this entry has this zone", "a zone's name starts with its region's");
                whole = false;
            }
        }
    }
    for (at, region) in regions {
        let Some(of_region) = zones.get_mut(region).filter(|z| z.is_empty()) else { continue };
        if named.is_none() {
            of_region.insert(region.clone());
        } else if whole {
            cx.wrong(at, "no zone of this region is named", "name one, or remove the region");
            whole = false;
        }
    }
    whole.then_some(zones)
}

/// That each market which the rules count on has a pool.
pub(crate) fn check_markets(
    cx: &mut Lowering<'_, '_>,
    on_demand_at: &At<'_>,
    pools_at: &At<'_>,
    places: &Places,
    rules: &OnDemandRules,
    max: Capacity,
) {
    let has = |market| places.pools.keys().any(|pool| pool.market() == market);
    let hint = "add `on-demand` to the `markets` of an entry, or remove this";
    if !has(Market::OnDemand) {
        if !rules.base.is_zero() {
            cx.wrong(&on_demand_at.key("base"), "no pool sells on-demand", hint);
        }
        if rules.fallback_after.is_some() {
            cx.wrong(&on_demand_at.key("fallback_after"), "no pool sells on-demand", hint);
        }
    }
    if !has(Market::Spot) && rules.base < max && rules.fallback_after.is_none() {
        let rule = format!("no pool sells spot, and only {} units are bought on-demand", rules.base);
        cx.wrong(pools_at, rule, format!("add `spot` to `markets`, or set `on_demand.base` to {max}"));
    }
}

/// That the fleet has places of this kind to survive in.
pub(crate) fn check_survival(cx: &mut Lowering<'_, '_>, at: &At<'_>, places: &Places, survive: Survive) {
    let place = |pool: &Pool| match survive {
        Survive::Zone => format!("{}/{}", pool.lane(), pool.zone()),
        Survive::Region => pool.lane().to_string(),
        Survive::Provider => pool.provider().to_string(),
    };
    if places.pools.keys().map(place).collect::<BTreeSet<_>>().len() < 2 {
        let name = survive.name();
        let rule = format!("all pools are in one {name}: nothing survives its loss");
        cx.wrong(at, rule, format!("name pools in another {name}, or remove this"));
    }
}

/// That the spread which is asked for is possible in these pools.
pub(crate) fn check_spread(cx: &mut Lowering<'_, '_>, at: &At<'_>, places: &Places, rules: &SpotRules) {
    let spot: Vec<&Pool> = places.pools.keys().filter(|pool| pool.market() == Market::Spot).collect();
    if spot.is_empty() {
        if rules.min_pools > 1 {
            cx.wrong(&at.key("min_pools"), "no pool sells spot", "add `spot` to the `markets` of an entry");
        }
        return;
    }
    if usize::try_from(rules.min_pools).is_ok_and(|n| n > spot.len()) {
        let rule = format!("there are {} spot pools only", spot.len());
        cx.wrong(&at.key("min_pools"), rule, "name more zones or instance types, or ask for fewer");
    }
    let distinct = |part: fn(&Pool) -> String| spot.iter().map(|pool| part(pool)).collect::<BTreeSet<_>>().len();
    let levels: [(&str, Share, usize); 4] = [
        ("pool", rules.max_share.pool, spot.len()),
        ("zone", rules.max_share.zone, distinct(|p| format!("{}/{}", p.lane(), p.zone()))),
        ("region", rules.max_share.region, distinct(|p| p.lane().to_string())),
        ("provider", rules.max_share.provider, distinct(|p| p.provider().to_string())),
    ];
    for (level, share, count) in levels {
        let placed = u64::from(share.basis_points()).saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
        if placed >= u64::from(Share::WHOLE.basis_points()) {
            continue;
        }
        let placed = Share::from_basis_points(u32::try_from(placed).unwrap_or(u32::MAX));
        let least = u32::try_from(10_000_usize.div_ceil(count)).unwrap_or(u32::MAX);
        let rule = format!("{share} in each of {count} spot {level}s makes {placed}: the rest has no place");
        let hint = format!("raise it to {}, or name more {level}s", Share::from_basis_points(least));
        cx.wrong(&at.key("max_share").key(level), rule, hint);
    }
}
