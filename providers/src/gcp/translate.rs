//! Between Google's way of saying things and ours. Pure: no SDK types, no I/O, no clock.

use std::collections::BTreeMap;

use policies::failure::{Failure, FailureKind};
use policies::model::{
    FleetName, Instance, InstanceId, InstanceType, Market, Phase, Pool, ProviderName, Region, Token,
};
use policies::units::{Share, Span, Time};

use crate::Order;
use crate::spec::GcpSpec;

/// Label with the owner: which daemon a machine belongs to.
pub(super) const OWNER_LABEL: &str = "spotfleet-owner";
/// Label with the fleet's name.
const FLEET_LABEL: &str = "spotfleet-fleet";
/// Label with the token of the launch.
pub(super) const INTENT_LABEL: &str = "spotfleet-intent";
/// Label that protects a machine from being let go; put by hand or by the machine itself, never by us.
const PROTECTED_LABEL: &str = "spotfleet-protected";

/// Labels that a machine may have. Source: Google Cloud, "Requirements for labels", the same for every service.
const LABELS: usize = 64;
/// Characters of a label's key and of its value. Same source.
const LABEL_LENGTH: usize = 63;
/// The shortest and the longest life that can be given to a machine. Source: Compute Engine, "Limit the run time of a VM".
const MAX_RUN: (Span, Span) = (Span::from_secs(30), Span::from_hours(120 * 24));
/// Families with GPUs in the machine type, which cannot be moved to another host while they run. Source: the list of
/// machine types with `accelerators`, as karpenter-provider-gcp gives it (`docs/gpu-nodes.md`).
const GPU_FAMILIES: [&str; 6] = ["a2", "a3", "a4", "a4x", "g2", "g4"];

/// A machine as Google lists it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) zone: String,
    /// Tells the incarnations of a name apart.
    pub(super) number: Option<u64>,
    pub(super) machine_type: String,
    pub(super) spot: bool,
    pub(super) status: String,
    /// RFC 3339.
    pub(super) created: String,
    pub(super) labels: BTreeMap<String, String>,
}

impl Machine {
    pub(super) fn id(&self) -> InstanceId {
        id_of(&self.name, &self.zone)
    }

    /// Made by the launch with this token of this owner.
    pub(super) fn is_of(&self, owner: &str, token: &Token) -> bool {
        let says = |label: &str, value: &str| self.labels.get(label).is_some_and(|found| found == value);
        says(OWNER_LABEL, owner) && says(INTENT_LABEL, token.as_str())
    }

    /// It was stopped, or is on its way out.
    pub(super) fn is_ending(&self) -> bool {
        phase(&self.status) == Phase::Ending
    }
}

/// Everything that a launch says. [`super::wire`] writes it in Google's types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: String,
    pub(super) request: String,
    pub(super) zone: &'a str,
    pub(super) machine_type: &'a str,
    pub(super) spot: bool,
    /// The host must not be changed under it.
    pub(super) pinned: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) subnetwork: Option<&'a str>,
    pub(super) spec: &'a GcpSpec,
}

/// What a launch says.
///
/// # Errors
/// `Invalid` for what Google could not take: before anything leaves.
pub(super) fn wanted<'a>(owner: &str, order: &'a Order, spec: &'a GcpSpec) -> Result<Wanted<'a>, String> {
    if order.count != 1 {
        return Err("a launch makes one machine".to_owned());
    }
    let subnetwork = match spec.subnetworks.get(order.pool.region()) {
        Some(subnetwork) => Some(subnetwork.as_str()),
        None if spec.subnetworks.is_empty() => None,
        None => return Err(format!("the launch specification names no subnetwork for {}", order.pool.region())),
    };
    if spec.max_run.is_some_and(|run| run < MAX_RUN.0 || run > MAX_RUN.1) {
        return Err("a machine's longest life is from 30 seconds to 120 days".to_owned());
    }
    let spot = order.pool.market() == Market::Spot;
    let machine_type = order.pool.instance_type().as_str();
    let family = machine_type.split('-').next().unwrap_or_default();
    Ok(Wanted {
        name: machine_name(owner, &order.token),
        request: request_id(owner, &format!("{} {}", order.pool, order.token)),
        zone: order.pool.zone().as_str(),
        machine_type,
        spot,
        pinned: spot || GPU_FAMILIES.contains(&family),
        labels: labels(owner, order, spec)?,
        subnetwork,
        spec,
    })
}

/// The labels of a machine: the operator's first, ours over them.
fn labels(owner: &str, order: &Order, spec: &GcpSpec) -> Result<BTreeMap<String, String>, String> {
    let mut labels = spec.labels.clone();
    labels.extend([
        (OWNER_LABEL.to_owned(), owner.to_owned()),
        (FLEET_LABEL.to_owned(), order.fleet.to_string()),
        (INTENT_LABEL.to_owned(), order.token.to_string()),
    ]);
    if labels.len() > LABELS {
        return Err(format!("{} labels, and Compute Engine takes {LABELS}", labels.len()));
    }
    for (key, value) in &labels {
        if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("the label key {key:?} does not begin with a small letter"));
        }
        for text in [key, value] {
            check_label(text).map_err(|why| format!("the label {key}={value} cannot be expressed: {why}"))?;
        }
    }
    Ok(labels)
}

/// Says why a text is no label key or value. What Google takes beside ASCII (small letters of other scripts) is not
/// used here.
pub(super) fn check_label(text: &str) -> Result<(), String> {
    if text.len() > LABEL_LENGTH {
        return Err(format!("{text:?} has more than {LABEL_LENGTH} characters"));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match text.chars().find(|c| !fits(*c)) {
        Some(odd) => Err(format!("{odd:?} in {text:?} is not a small letter, a digit, a dash or an underscore")),
        None => Ok(()),
    }
}

/// The name of the machine of a launch: the same for the same token, so that a second machine of it cannot be.
pub(super) fn machine_name(owner: &str, token: &Token) -> String {
    format!("sf-{:032x}", hash(&["name", owner, token.as_str()]))
}

/// A request id, as the same request has it: a UUID of version 8 (RFC 9562, "custom"), never all zero.
fn request_id(owner: &str, launch: &str) -> String {
    let number = hash(&["request", owner, launch]);
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let text = format!("{number:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// FNV-1a in 128 bits (Fowler, Noll, Vo): stable over versions and platforms, and wide enough that two launches do not
/// meet by chance. Each part goes in with its length, so that parts cannot run into each other.
fn hash(parts: &[&str]) -> u128 {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in parts {
        for byte in part.len().to_le_bytes().iter().chain(part.as_bytes()) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    hash
}

/// An id as we give it: name and zone, since both are needed to name a machine. Neither may hold a dot.
fn id_of(name: &str, zone: &str) -> InstanceId {
    InstanceId::from(format!("{name}.{zone}"))
}

/// The id of the machine of a launch.
pub(super) fn launched_id(wanted: &Wanted<'_>) -> InstanceId {
    id_of(&wanted.name, wanted.zone)
}

/// Name and zone of an id; `None` when it is none of ours.
pub(super) fn parts_of(id: &InstanceId) -> Option<(&str, &str)> {
    let (name, zone) = id.as_str().split_once('.')?;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    (plain(name) && plain(zone)).then_some((name, zone))
}

/// The region of a zone: what stands before its last dash. Source: Compute Engine, "Regions and zones".
pub(super) fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

/// The last part of a resource's URL.
pub(super) fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// A listed machine as we see it; `None` when it is not this owner's or of another region. One without a time of birth
/// was born now.
pub(super) fn instance(
    owner: &str,
    provider: &ProviderName,
    region: &Region,
    machine: &Machine,
    now: Time,
) -> Option<Instance> {
    if machine.labels.get(OWNER_LABEL).map(String::as_str) != Some(owner) || region_of(&machine.zone) != region.as_str()
    {
        return None;
    }
    let market = if machine.spot { Market::Spot } else { Market::OnDemand };
    Some(Instance {
        id: machine.id(),
        pool: Pool::new(provider.as_str(), region.as_str(), &machine.zone, &machine.machine_type, market),
        fleet: FleetName::from(machine.labels.get(FLEET_LABEL).map_or("", String::as_str)),
        token: machine.labels.get(INTENT_LABEL).map(|token| Token::from(token.as_str())),
        born: time_of(&machine.created).unwrap_or(now),
        phase: phase(&machine.status),
        protected: machine
            .labels
            .get(PROTECTED_LABEL)
            .is_some_and(|value| !["", "0", "false"].contains(&value.as_str())),
    })
}

/// Where a machine is in its life. A stopped one does no work and its disk costs: it is ended like one that goes.
fn phase(status: &str) -> Phase {
    match status {
        "PENDING" | "PROVISIONING" | "STAGING" => Phase::Starting,
        "PENDING_STOP" | "STOPPING" | "STOPPED" | "SUSPENDING" | "SUSPENDED" | "TERMINATED" | "DEPROVISIONING" => {
            Phase::Ending
        }
        // `RUNNING`, `REPAIRING`, and whatever Google may add: a machine that may be there is counted.
        _ => Phase::Running,
    }
}

/// What a listing left out that may concern a region: places that could not be asked and are not known to be elsewhere.
pub(super) fn unseen<'a>(region: &Region, missing: &'a [String]) -> Option<&'a str> {
    let elsewhere = |place: &&String| {
        let last = last(place);
        let known = place.contains("zones/") || place.contains("regions/");
        known && last != region.as_str() && region_of(last) != region.as_str()
    };
    missing.iter().find(|place| !elsewhere(place)).map(String::as_str)
}

/// A moment in RFC 3339.
pub(super) fn time_of(text: &str) -> Option<Time> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(moment.as_millisecond()))
}

/// The failure of a pool whose type its zone does not have.
pub(super) fn unknown_type(operation: &str, kind: &InstanceType, zone: &str) -> Failure {
    let text = format!("{zone} has no machine type {kind}");
    Failure::new(FailureKind::Invalid, operation, "-", &text)
}

/// A share of one as Google tells it, to the hundredth of a percent.
pub(super) fn share(rate: f64) -> Option<Share> {
    let fits = (0.0..=1.0).contains(&rate);
    fits.then(|| format!("{:.0}", rate * 10_000.0).parse().ok()).flatten().map(Share::from_basis_points)
}

#[cfg(test)]
mod tests;
