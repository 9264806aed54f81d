//! Google Compute Engine: the project, and what a machine is launched with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use policies::model::{InstanceType, Region};
use policies::units::Span;
use providers::spec::GcpSpec;

use crate::lower::providers::endpoint;
use crate::lower::{At, Lowering, NameRule, PLACE_NAME, launch};
use crate::model::GcpConfig;
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Dict, Field, List};
use crate::raw::value::{Count, FilePath, Leaf, Text};

/// The longest value of metadata, and the most of all keys and values together, less than which it must be. Source:
/// the discovery document of Compute Engine, `Metadata`.
pub(super) const LONGEST_METADATA: usize = 256 * 1024;
const MOST_METADATA: usize = 512 * 1024;
/// The key of the script in the metadata.
const SCRIPT_KEY: &str = "startup-script";

/// A machine takes 64 labels (Google Cloud, "Requirements for labels"), of which some are ours.
const MOST_LABELS: usize = 60;

/// Source: Compute Engine, "Limit the run time of a VM".
const MAX_RUN: (Span, Span) = (Span::from_secs(30), Span::from_hours(120 * 24));

/// Sizes of disks: 10 GB are the least of public images, 64 TB the most of any kind. Each kind has a range of its own.
const DISK_GB: RangeInclusive<u64> = 10..=65_536;

/// Source: the discovery document, parameter `project`; those with a domain have a colon.
const PROJECT: NameRule = NameRule {
    what: "id of a project",
    hint: "small letters, digits, dashes, and dots and a colon where it has a domain",
    longest: 100,
    first: |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c),
};

/// Source: Google Cloud, "Requirements for labels". What they take beside ASCII is not used here.
pub(crate) const LABEL: NameRule = NameRule {
    what: "value of a label on Compute Engine",
    hint: "small letters, digits, dashes and underscores, at most 63",
    longest: 63,
    first: in_label,
    rest: in_label,
};
const LABEL_KEY: NameRule = NameRule {
    what: "key of a label on Compute Engine",
    hint: "a small letter, then small letters, digits, dashes and underscores, at most 63",
    first: |c| c.is_ascii_lowercase(),
    ..LABEL
};

/// Source: the discovery document, `Metadata` and `Tags`.
const METADATA_KEY: NameRule = NameRule {
    what: "key of metadata",
    hint: "letters, digits, dashes and underscores, at most 127",
    longest: 127,
    first: in_metadata_key,
    rest: in_metadata_key,
};
const NETWORK_TAG: NameRule = NameRule {
    what: "network tag",
    hint: "a small letter, then small letters, digits and dashes, at most 63",
    longest: 63,
    first: |c| c.is_ascii_lowercase(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
};

/// Names of images, networks, disk types and accounts.
const PRINTABLE: NameRule = NameRule {
    what: "name on Compute Engine",
    hint: "printable characters without spaces, at most 1000",
    longest: 1_000,
    first: |c| c.is_ascii_graphic(),
    rest: |c| c.is_ascii_graphic(),
};

fn in_label(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

fn in_metadata_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

type Named<'t> = [(At<'t>, String)];

/// The project.
pub(crate) fn lower_project(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Gcp>) -> Option<GcpConfig> {
    let raw::Gcp {
        project,
        on_demand_prices,
        endpoint_url,
        allow_http_endpoint,
        watch_every,
        call_deadline,
        visibility_lag,
    } = cx.open(at, field)?;
    let project = named(cx, &at.key("project"), project, &PROJECT);
    let on_demand_micros = prices_of(cx, &at.key("on_demand_prices"), on_demand_prices);
    let allow_http = cx.value(&at.key("allow_http_endpoint"), allow_http_endpoint);
    let endpoint_url = endpoint(cx, &at.key("endpoint_url"), endpoint_url, allow_http);
    let mut span = |name: &str, field, least, most| {
        let at = at.key(name);
        let value = cx.value(&at, field);
        cx.within(&at, value, least, most)
    };
    let watch_every = span("watch_every", watch_every, Span::from_secs(1), Span::from_mins(10));
    let call_deadline = span("call_deadline", call_deadline, Span::from_secs(1), Span::from_mins(5));
    let visibility_lag = span("visibility_lag", visibility_lag, Span::ZERO, Span::from_mins(10));
    Some(GcpConfig {
        project: project?,
        on_demand_micros: on_demand_micros?,
        endpoint_url: endpoint_url?,
        allow_http: allow_http?,
        watch_every: watch_every?,
        call_deadline: call_deadline?,
        visibility_lag: visibility_lag?,
    })
}

fn named(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>, rule: &NameRule) -> Option<String> {
    let name = cx.value(at, field);
    cx.named(at, name, rule)
}

fn prices_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Dict<Leaf<raw::value::Micros>>>>,
) -> Option<BTreeMap<(Region, InstanceType), u64>> {
    let mut prices = BTreeMap::new();
    let mut whole = true;
    for (at, region, types) in cx.entries(at, field)? {
        whole &= check_region(cx, &at.itself(), &region);
        let Some(types) = cx.entries(&at, types) else {
            whole = false;
            continue;
        };
        for (at, name, price) in types {
            let name = cx.named(&at.itself(), Some(name), &PLACE_NAME);
            let micros = cx.value(&at, price);
            if micros == Some(0) {
                cx.wrong(&at, "nothing is sold for nothing", "give a price above zero");
            }
            match (name, micros.filter(|micros| *micros > 0)) {
                (Some(name), Some(micros)) => {
                    prices.insert((region.as_str().into(), name.into()), micros);
                }
                _ => whole = false,
            }
        }
    }
    whole.then_some(prices)
}

/// That regions and machine types look like Google's.
pub(crate) fn check_names(cx: &mut Lowering<'_, '_>, regions: &Named<'_>, types: &Named<'_>) {
    for (at, region) in regions {
        check_region(cx, at, region);
    }
    for (at, name) in types {
        if !name.contains('-') || name.contains('.') {
            let rule = format!("{} is no machine type of Compute Engine", quoted(name));
            cx.wrong(at, rule, "types are written as n2-standard-4");
        }
    }
}

fn check_region(cx: &mut Lowering<'_, '_>, at: &At<'_>, region: &str) -> bool {
    let fits = is_region(region);
    if !fits {
        let hint = match region.rsplit_once('-') {
            Some((before, _)) if is_region(before) => "this is a zone; regions have no letter at the end",
            _ => "regions are written as us-central1",
        };
        cx.wrong(at, format!("{} is no region of Compute Engine", quoted(region)), hint);
    }
    fits
}

/// `us-central1`, `northamerica-northeast2`: two words of small letters, and a number.
fn is_region(name: &str) -> bool {
    let Some((continent, place)) = name.split_once('-') else { return false };
    let word = place.trim_end_matches(|c: char| c.is_ascii_digit());
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    letters(continent) && letters(word) && word.len() < place.len()
}

/// The zones of each region. They have to be named: which of them there are differs from region to region.
pub(crate) fn zones_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    regions: &Named<'_>,
    named: Option<&Vec<(At<'_>, String)>>,
) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let Some(named) = named else {
        let hint = "name those to buy in: `zones: [us-central1-a, us-central1-b]`";
        cx.wrong(at, "the key is missing: a machine of Compute Engine is made in a zone", hint);
        return None;
    };
    let mut zones: BTreeMap<String, BTreeSet<String>> =
        regions.iter().map(|(_, region)| (region.clone(), BTreeSet::new())).collect();
    let mut whole = true;
    for (at, zone) in named {
        match zone.rsplit_once('-').and_then(|(region, _)| zones.get_mut(region)) {
            Some(of_region) => {
                of_region.insert(zone.clone());
            }
            None => {
                cx.wrong(at, "no region of this entry has this zone", "zones are written as us-central1-a");
                whole = false;
            }
        }
    }
    for (at, region) in regions {
        if whole && zones.get(region).is_some_and(BTreeSet::is_empty) {
            cx.wrong(at, "no zone of this region is named", "name one, or remove the region");
            whole = false;
        }
    }
    whole.then_some(zones)
}

/// What a machine is launched with.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::GcpLaunch>,
    regions: Option<&Named<'_>>,
    fleet_labels: Option<&BTreeMap<String, String>>,
) -> Option<GcpSpec> {
    if field.is_absent() {
        cx.wrong(at, "the key is missing: Compute Engine needs an image", "add `launch: {image: ...}`");
        return None;
    }
    let raw::GcpLaunch {
        image,
        disk_gb,
        disk_type,
        network,
        subnetworks,
        external_ip,
        service_account,
        network_tags,
        startup_script,
        startup_script_file,
        metadata,
        max_run,
        labels,
    } = cx.open(at, field)?;
    let image = image_of(cx, &at.key("image"), image);
    let has_disk = !disk_gb.is_absent();
    let disk_gb = if has_disk { disk(cx, &at.key("disk_gb"), disk_gb) } else { None };
    let mut optional = |key: &str, field: Field<Leaf<Text>>| {
        if field.is_absent() { Some(None) } else { named(cx, &at.key(key), field, &PRINTABLE).map(Some) }
    };
    let disk_type = optional("disk_type", disk_type);
    let network = optional("network", network);
    let service_account = optional("service_account", service_account);
    let subnetworks = subnetworks_of(cx, &at.key("subnetworks"), subnetworks, regions);
    let external_ip = cx.value(&at.key("external_ip"), external_ip);
    let network_tags = tags_of(cx, &at.key("network_tags"), network_tags);
    let has_script = !startup_script.is_absent() || !startup_script_file.is_absent();
    let startup_script = script_of(cx, at, startup_script, startup_script_file);
    let script_bytes = startup_script.as_ref().map_or(0, String::len);
    let metadata = metadata_of(cx, &at.key("metadata"), metadata, script_bytes);
    let has_run = !max_run.is_absent();
    let run_at = at.key("max_run");
    let max_run = if has_run { cx.value(&run_at, max_run) } else { None };
    let max_run = cx.within(&run_at, max_run, MAX_RUN.0, MAX_RUN.1);
    let labels = labels_of(cx, &at.key("labels"), labels, fleet_labels);
    Some(GcpSpec {
        image: image?,
        disk_gb: if has_disk { Some(disk_gb?) } else { None },
        disk_type: disk_type?,
        network: network?,
        subnetworks: subnetworks?,
        external_ip: external_ip?,
        service_account: service_account?,
        network_tags: network_tags?,
        startup_script: if has_script { Some(startup_script?) } else { None },
        metadata: metadata?,
        max_run: if has_run { Some(max_run?) } else { None },
        labels: labels?,
    })
}

fn image_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    named(cx, at, field, &PRINTABLE).filter(|image| {
        let fits = image.contains("global/images/");
        if !fits {
            let hint = "write `projects/PROJECT/global/images/family/FAMILY`, or `.../global/images/IMAGE`";
            cx.wrong(at, format!("{} is no image", quoted(image)), hint);
        }
        fits
    })
}

fn disk(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Count>>) -> Option<u32> {
    let gb = cx.value(at, field)?;
    if !DISK_GB.contains(&gb) {
        let (least, most) = (DISK_GB.start(), DISK_GB.end());
        cx.wrong(at, format!("no disk has {gb} GB"), format!("give {least} to {most}"));
        return None;
    }
    u32::try_from(gb).ok()
}

fn subnetworks_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
    regions: Option<&Named<'_>>,
) -> Option<BTreeMap<Region, String>> {
    let mut subnetworks = BTreeMap::new();
    let mut whole = true;
    for (at, region, subnetwork) in cx.entries(at, field)? {
        if regions.is_some_and(|regions| !regions.iter().any(|(_, name)| *name == region)) {
            cx.wrong(&at.itself(), format!("this entry has no region {}", quoted(&region)), "add it, or remove this");
            whole = false;
        }
        let subnetwork = named(cx, &at, subnetwork, &PRINTABLE).filter(|subnetwork| {
            let fits = subnetwork.contains(&format!("regions/{region}/subnetworks/"));
            if !fits {
                let rule = format!("{} is no subnetwork of this region", quoted(subnetwork));
                cx.wrong(&at, rule, format!("write `regions/{region}/subnetworks/NAME`"));
            }
            fits
        });
        match subnetwork {
            Some(subnetwork) => {
                subnetworks.insert(Region::from(region), subnetwork);
            }
            None => whole = false,
        }
    }
    let lacks = |region: &str| whole && !subnetworks.is_empty() && !subnetworks.contains_key(&Region::from(region));
    if let Some((at, region)) = regions.into_iter().flatten().find(|(_, region)| lacks(region)) {
        let hint = format!("add one to `launch.subnetworks`: `{region}: regions/{region}/subnetworks/NAME`");
        cx.wrong(at, "other regions have a subnetwork, and this has none", hint);
        return None;
    }
    whole.then_some(subnetworks)
}

fn tags_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<List<Leaf<Text>>>) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    let mut whole = true;
    for (at, tag) in cx.items(at, field)? {
        match named(cx, &at, tag, &NETWORK_TAG) {
            Some(tag) if tags.contains(&tag) => {
                cx.wrong(&at, "this stands twice in the list", "remove one of the two");
                whole = false;
            }
            Some(tag) => tags.push(tag),
            None => whole = false,
        }
    }
    whole.then_some(tags)
}

/// The script, from the file or from the text. None of it is shown: it may hold what it should not.
fn script_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    text: Field<Leaf<Text>>,
    file: Field<Leaf<FilePath>>,
) -> Option<String> {
    let (text_at, file_at) = (at.key("startup_script"), at.key("startup_script_file"));
    let hint = "Compute Engine takes 256 KiB; let it fetch the rest";
    cx.hide(&text_at);
    if !text.is_absent() && !file.is_absent() {
        cx.wrong_unshown(&file_at, "`startup_script` is given too", "keep one of the two");
        return None;
    }
    if !file.is_absent() {
        let path = cx.value(&file_at, file)?;
        let limit = launch::UserDataLimit { bytes: LONGEST_METADATA, hint };
        return launch::read_user_data(cx, &file_at, &path, limit);
    }
    if text.is_absent() {
        return None;
    }
    let text = cx.secret_value(&text_at, text)?;
    if text.len() > LONGEST_METADATA {
        cx.wrong_unshown(&text_at, format!("a script of {} bytes is too long", text.len()), hint);
        return None;
    }
    Some(text)
}

/// The metadata. No value is shown.
fn metadata_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
    script_bytes: usize,
) -> Option<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::new();
    let mut whole = true;
    cx.hide(at);
    let mut bytes = script_bytes + SCRIPT_KEY.len();
    for (at, key, value) in cx.entries(at, field)? {
        let key = cx.named(&at.itself(), Some(key), &METADATA_KEY).filter(|key| {
            let ours = key == SCRIPT_KEY;
            if ours {
                cx.wrong_unshown(&at.itself(), "this key has a place of its own", "write `launch.startup_script`");
            }
            !ours
        });
        let value = cx.secret_value(&at, value).filter(|value| {
            let fits = value.len() <= LONGEST_METADATA;
            if !fits {
                let rule = format!("{} bytes are too many", value.len());
                cx.wrong_unshown(&at, rule, "Compute Engine takes 256 KiB for a value");
            }
            fits
        });
        match (key, value) {
            (Some(key), Some(value)) => {
                bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
                metadata.insert(key, value);
            }
            _ => whole = false,
        }
    }
    if whole && bytes >= MOST_METADATA {
        let rule = format!("{bytes} bytes of metadata, with the script, are too many");
        cx.wrong_unshown(at, rule, "Compute Engine takes less than 512 KiB in all");
        return None;
    }
    whole.then_some(metadata)
}

/// The labels of the fleet and the further ones.
fn labels_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
    fleet: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    let mut whole = true;
    for (key, value) in fleet.into_iter().flatten() {
        if LABEL_KEY.allows(key) && (value.is_empty() || LABEL.allows(value)) {
            labels.insert(key.clone(), value.clone());
        } else {
            let rule = format!("the label {}={} of the fleet cannot be one here", quoted(key), quoted(value));
            cx.wrong(at, rule, format!("Compute Engine takes {}", LABEL.hint));
            whole = false;
        }
    }
    for (at, key, value) in cx.entries(at, field)? {
        let wrong = if key.starts_with("spotfleet") {
            Some(("labels that start with `spotfleet` are reserved", "choose another key"))
        } else if fleet.is_some_and(|fleet| fleet.contains_key(&key)) {
            Some(("a label of the fleet is this already", "remove one of the two"))
        } else {
            None
        };
        if let Some((rule, hint)) = wrong {
            cx.wrong(&at.itself(), rule, hint);
        }
        let key = cx.named(&at.itself(), Some(key), &LABEL_KEY).filter(|_| wrong.is_none());
        let value = cx.value(&at, value);
        let value = if value.as_ref().is_some_and(String::is_empty) { value } else { cx.named(&at, value, &LABEL) };
        match (key, value) {
            (Some(key), Some(value)) => {
                labels.insert(key, value);
            }
            _ => whole = false,
        }
    }
    if labels.len() > MOST_LABELS {
        let rule = format!("{} labels, with those of the fleet, are too many", labels.len());
        cx.wrong(at, rule, format!("{MOST_LABELS} at most: Compute Engine takes 64, and some are spotfleet's own"));
        return None;
    }
    whole.then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_zones() {
        for good in ["us-central1", "northamerica-northeast2", "me-west1", "africa-south1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["us-central1-a", "us-central", "us-east-1", "eastus", "US-CENTRAL1", "us-1", ""] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
