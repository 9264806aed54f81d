//! `fleets[].pools[].launch`: what an EC2 machine is launched with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use policies::model::Zone;
use providers::spec::AwsSpec;

use crate::lower::pools::region_of;
use crate::lower::{At, Lowering, NameRule, PLACE_NAME};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Dict, Field, List};
use crate::raw::value::{Leaf, Text};

/// EC2 takes 16 KiB of user data, counted before it is encoded.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>
pub(super) const MAX_USER_DATA_BYTES: usize = 16 * 1024;

/// EC2 takes 50 tags on a machine; ours and those that AWS may add need room.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>
const MOST_TAGS: usize = 30;

/// EC2's limits of a tag's key and value, in characters (same source).
const LONGEST_TAG_KEY: usize = 128;
const LONGEST_TAG_VALUE: usize = 256;

/// An id or name as EC2 gives them.
const EC2_NAME: NameRule = NameRule {
    what: "id or name on EC2",
    hint: "printable characters without spaces, at most 255",
    longest: 255,
    first: |c| c.is_ascii_graphic(),
    rest: |c| c.is_ascii_graphic(),
};

/// Regions, each with its place.
type Named<'t> = [(At<'t>, String)];

/// That the names look like EC2's, and that prices of China can be converted.
pub(crate) fn check_names(cx: &mut Lowering<'_, '_>, regions: &Named<'_>, types: &Named<'_>, has_cny: bool) {
    for (at, region) in regions {
        if !is_region(region) {
            let hint = if is_region(region.trim_end_matches(|c: char| c.is_ascii_lowercase())) {
                "this is a zone; regions have no letter at the end, such as us-east-1"
            } else {
                "regions are written as us-east-1"
            };
            cx.wrong(at, format!("{} is no region of AWS", quoted(region)), hint);
        } else if region.starts_with("cn-") && !has_cny {
            cx.wrong(
                at,
                "prices of AWS China are in CNY, and there is no rate for that",
                "add `CNY` to `daemon.rates`",
            );
        }
    }
    for (at, name) in types {
        let parts = name.split_once('.');
        if !parts.is_some_and(|(family, size)| !family.is_empty() && !size.is_empty()) {
            cx.wrong(at, format!("{} is no instance type of EC2", quoted(name)), "types are written as g5.xlarge");
        }
    }
}

/// `us-east-1`, `us-gov-west-1`: words of small letters, the last a number.
fn is_region(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    let Some((number, words)) = words.split_last() else { return false };
    words.len() >= 2
        && words.iter().all(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

/// What a machine is launched with.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::AwsLaunch>,
    regions: Option<&Named<'_>>,
    labels: Option<&BTreeMap<String, String>>,
) -> Option<AwsSpec> {
    if field.is_absent() {
        cx.wrong(at, "the key is missing: EC2 needs an image and subnets", "add `launch: {image: ..., subnets: ...}`");
        return None;
    }
    let raw::AwsLaunch { image, subnets, security_groups, instance_profile, key_name, user_data, user_data_file, tags } =
        cx.open(at, field)?;
    let several = regions.is_some_and(|r| r.len() > 1);
    let one_region = "write one entry of `pools` for each region";

    let image_at = at.key("image");
    let image = name(cx, &image_at, image);
    if let Some(image) = &image {
        if !image.starts_with("ami-") && !image.starts_with("resolve:ssm:") {
            cx.wrong(&image_at, format!("{} is no image", quoted(image)), "write `ami-...` or `resolve:ssm:/...`");
        } else if several && image.starts_with("ami-") {
            cx.wrong(&image_at, "an image id belongs to one region, and this entry has several", one_region);
        }
    }
    let subnets = subnets_of(cx, &at.key("subnets"), subnets);
    let groups_at = at.key("security_groups");
    let security_groups = groups_of(cx, &groups_at, security_groups);
    if several && security_groups.as_ref().is_some_and(|groups| !groups.is_empty()) {
        cx.wrong(&groups_at, "security groups belong to one region, and this entry has several", one_region);
    }
    let (has_profile, has_key) = (!instance_profile.is_absent(), !key_name.is_absent());
    let instance_profile = name(cx, &at.key("instance_profile"), instance_profile);
    let key_name = name(cx, &at.key("key_name"), key_name);
    let has_user_data = !user_data.is_absent() || !user_data_file.is_absent();
    let limit = UserDataLimit { bytes: MAX_USER_DATA_BYTES, hint: USER_DATA_HINT };
    let user_data = user_data_of(cx, at, user_data, user_data_file, limit);
    let tags = tags_of(cx, &at.key("tags"), tags, labels);
    Some(AwsSpec {
        image: image?,
        subnets: subnets?,
        security_groups: security_groups?,
        instance_profile: if has_profile { Some(instance_profile?) } else { None },
        key_name: if has_key { Some(key_name?) } else { None },
        user_data: if has_user_data { Some(user_data?) } else { None },
        tags: tags?,
    })
}

fn name(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    let name = cx.value(at, field);
    cx.named(at, name, &EC2_NAME)
}

fn subnets_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
) -> Option<BTreeMap<Zone, String>> {
    let entries = cx.entries(at, field)?;
    if entries.is_empty() {
        cx.wrong(at, "no subnet is named", "name one for each zone: `{us-east-1a: subnet-0a1}`");
        return None;
    }
    let mut subnets = BTreeMap::new();
    let mut whole = true;
    for (at, zone, subnet) in entries {
        let zone = cx.named(&at.itself(), Some(zone), &PLACE_NAME);
        let subnet = name(cx, &at, subnet).filter(|subnet| {
            let fits = subnet.starts_with("subnet-");
            if !fits {
                cx.wrong(&at, format!("{} is no subnet", quoted(subnet)), "write its id: `subnet-...`");
            }
            fits
        });
        match (zone, subnet) {
            (Some(zone), Some(subnet)) => {
                subnets.insert(Zone::from(zone), subnet);
            }
            _ => whole = false,
        }
    }
    whole.then_some(subnets)
}

fn groups_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<List<Leaf<Text>>>) -> Option<Vec<String>> {
    let mut groups = Vec::new();
    let mut whole = true;
    for (at, item) in cx.items(at, field)? {
        match name(cx, &at, item) {
            Some(group) if group.starts_with("sg-") && !groups.contains(&group) => groups.push(group),
            Some(group) => {
                let twice = groups.contains(&group);
                let rule = if twice {
                    "this stands twice in the list".into()
                } else {
                    format!("{} is no security group", quoted(&group))
                };
                cx.wrong(&at, rule, if twice { "remove one of the two" } else { "write its id: `sg-...`" });
                whole = false;
            }
            None => whole = false,
        }
    }
    whole.then_some(groups)
}

/// How much user data a cloud takes.
#[derive(Clone, Copy)]
pub(crate) struct UserDataLimit {
    pub(crate) bytes: usize,
    /// What to do with more.
    pub(crate) hint: &'static str,
}

/// The user data, from the file or from the text. None of it is shown: it may hold what it should not.
pub(crate) fn user_data_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    text: Field<Leaf<Text>>,
    file: Field<Leaf<raw::value::FilePath>>,
    limit: UserDataLimit,
) -> Option<String> {
    let (text_at, file_at) = (at.key("user_data"), at.key("user_data_file"));
    if !text.is_absent() && !file.is_absent() {
        cx.wrong_unshown(&file_at, "`user_data` is given too", "keep one of the two");
        return None;
    }
    if file.is_absent() {
        let text = cx.secret_value(&text_at, text)?;
        if text.len() > limit.bytes {
            cx.wrong_unshown(&text_at, format!("{} bytes of user data are too many", text.len()), limit.hint);
            return None;
        }
        return Some(text);
    }
    let path = cx.value(&file_at, file)?;
    read_user_data(cx, &file_at, &path, limit)
}

const USER_DATA_HINT: &str = "EC2 takes 16 KiB; let it fetch the rest";

pub(crate) fn read_user_data(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    path: &Path,
    limit: UserDataLimit,
) -> Option<String> {
    let path = cx.directory.join(path);
    match cx.host.read_file(&path, limit.bytes) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Some(text),
            Err(_) => cx.wrong(at, format!("{} is not UTF-8 text", path.display()), "user data is text here"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            let rule = match limit.bytes {
                MAX_USER_DATA_BYTES => format!("{} has more than 16 KiB", path.display()),
                bytes => format!("{} has more than {bytes} bytes", path.display()),
            };
            cx.wrong(at, rule, limit.hint);
        }
        Err(error) => {
            let hint = "a relative path starts at the directory of the fleet file";
            cx.wrong(at, format!("cannot read {}: {error}", path.display()), hint);
        }
    }
    None
}

/// The labels and the further tags.
fn tags_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
    labels: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let mut tags = labels.cloned().unwrap_or_default();
    let mut whole = true;
    for (at, key, value) in cx.entries(at, field)? {
        let reserved = ["aws:", "spotfleet"].iter().find(|p| key.to_ascii_lowercase().starts_with(**p));
        let wrong = if let Some(prefix) = reserved {
            Some((format!("tags that start with `{prefix}` are reserved"), "choose another key"))
        } else if labels.is_some_and(|labels| labels.contains_key(&key)) {
            Some(("a label of the fleet is this tag already".to_owned(), "remove one of the two"))
        } else if key.is_empty() || key.chars().count() > LONGEST_TAG_KEY || key.chars().any(char::is_control) {
            Some(("this is no key of a tag".to_owned(), "EC2 takes 1 to 128 characters"))
        } else {
            None
        };
        let value = cx.value(&at, value);
        let too_long =
            value.as_ref().is_some_and(|v| v.chars().count() > LONGEST_TAG_VALUE || v.chars().any(char::is_control));
        if let Some((rule, hint)) = &wrong {
            cx.wrong(&at.itself(), rule.clone(), *hint);
        }
        if too_long {
            cx.wrong(&at, "this is no value of a tag", "EC2 takes up to 256 characters on one line");
        }
        match value {
            Some(value) if wrong.is_none() && !too_long => {
                tags.insert(key, value);
            }
            _ => whole = false,
        }
    }
    if tags.len() > MOST_TAGS {
        let rule = format!("{} tags, with the labels, are too many", tags.len());
        cx.wrong(at, rule, format!("{MOST_TAGS} at most: EC2 takes 50, and some are spotfleet's own"));
        return None;
    }
    whole.then_some(tags)
}

/// The zones of each region: those that have a subnet and, when zones are named, are named.
pub(crate) fn zones_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    regions: &Named<'_>,
    named: Option<&Vec<(At<'_>, String)>>,
    subnets: &BTreeMap<Zone, String>,
) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut zones: BTreeMap<String, BTreeSet<String>> =
        regions.iter().map(|(_, region)| (region.clone(), BTreeSet::new())).collect();
    let mut whole = true;
    for zone in subnets.keys() {
        let Some(region) = region_of(regions, zone.as_str()) else {
            let at = at.key("launch").key("subnets").key(zone.as_str()).itself();
            cx.wrong(&at, "no region of this entry has this zone", "a zone's name starts with its region's");
            whole = false;
            continue;
        };
        if named.is_none_or(|named| named.iter().any(|(_, name)| name == zone.as_str()))
            && let Some(of_region) = zones.get_mut(region)
        {
            of_region.insert(zone.to_string());
        }
    }
    for (at, zone) in named.into_iter().flatten() {
        if !subnets.contains_key(&Zone::from(zone.as_str())) {
            cx.wrong(at, "this zone has no subnet", "add one to `launch.subnets`");
            whole = false;
        }
    }
    for (region_at, region) in regions {
        if whole && zones.get(region).is_some_and(BTreeSet::is_empty) {
            let rule = "no zone of this region has a subnet";
            cx.wrong(region_at, rule, format!("add one to `launch.subnets`: `{region}a: subnet-...`"));
            whole = false;
        }
    }
    whole.then_some(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_zones() {
        for good in ["us-east-1", "ap-southeast-3", "us-gov-west-1", "cn-north-1", "us-isob-east-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["us-east-1a", "us-east", "east-1", "US-EAST-1", "us--1", "", "no", "us-east-100"] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
