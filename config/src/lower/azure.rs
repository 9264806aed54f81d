//! Microsoft Azure: the resource group, and what a machine is launched with.

use std::collections::{BTreeMap, BTreeSet};

use policies::model::Region;
use policies::units::Span;
use providers::spec::AzureSpec;

use crate::lower::daemon::secret;
use crate::lower::providers::endpoint;
use crate::lower::{At, Lowering, NameRule, launch};
use crate::model::{AzureAuth, AzureConfig, AzureCredential};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Dict, Field, List};
use crate::raw::value::{Count, Leaf, Text};

/// Azure takes so much custom data, counted before it is encoded.
/// <https://learn.microsoft.com/azure/virtual-machines/custom-data>
pub(super) const MAX_USER_DATA_BYTES: usize = 65_535;

/// Azure takes 50 tags on a machine, and 2048 characters of them together; ours need room.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>
const MOST_TAGS: usize = 40;
const MOST_TAG_TEXT: usize = 1_600;
const LONGEST_TAG_KEY: usize = 512;
const LONGEST_TAG_VALUE: usize = 256;
const NOT_IN_TAG_KEYS: &str = "<>%&\\?/";
const RESERVED: [&str; 4] = ["microsoft", "azure", "windows", "spotfleet"];

/// Azure's largest system disk, in GiB.
const DISK_GIB: std::ops::RangeInclusive<u64> = 1..=4_095;

/// Ids of subscriptions, tenants and applications.
const GUID: NameRule = NameRule {
    what: "id of Azure",
    hint: "as in 00000000-0000-0000-0000-000000000000",
    longest: 64,
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || c == '-',
};

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
const GROUP: NameRule = NameRule {
    what: "name of a resource group",
    hint: "letters, digits, dashes, underscores, dots and brackets, at most 90",
    longest: 90,
    first: |c| c.is_alphanumeric() || "-_()".contains(c),
    rest: |c| c.is_alphanumeric() || "-_.()".contains(c),
};

/// Ids, image names and the like.
const PRINTABLE: NameRule = NameRule {
    what: "id or name on Azure",
    hint: "printable characters without spaces, at most 1000",
    longest: 1_000,
    first: |c| c.is_ascii_graphic(),
    rest: |c| c.is_ascii_graphic(),
};

/// The resource group.
pub(crate) fn lower_group(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Azure>) -> Option<AzureConfig> {
    let raw::Azure {
        subscription_id,
        resource_group,
        auth,
        tenant_id,
        client_id,
        client_secret,
        token_file,
        endpoint_url,
        authority_url,
        prices_url,
        allow_http_endpoint,
        call_deadline,
        visibility_lag,
    } = cx.open(at, field)?;
    let subscription_id = named(cx, &at.key("subscription_id"), subscription_id, &GUID);
    let resource_group = named(cx, &at.key("resource_group"), resource_group, &GROUP);
    let auth = cx.value(&at.key("auth"), auth);
    let (has_tenant, has_client) = (!tenant_id.is_absent(), !client_id.is_absent());
    let (has_secret, has_file) = (!client_secret.is_absent(), !token_file.is_absent());
    let tenant_id = if has_tenant { named(cx, &at.key("tenant_id"), tenant_id, &GUID) } else { None };
    let client_id = if has_client { named(cx, &at.key("client_id"), client_id, &GUID) } else { None };
    let client_secret = if has_secret { secret(cx, &at.key("client_secret"), client_secret) } else { None };
    let token_file = if has_file { cx.value(&at.key("token_file"), token_file) } else { None };
    let mut whole = true;
    let mut rule = |cx: &mut Lowering<'_, '_>, key: &str, given: bool, of: Option<AzureAuth>, needed: &[AzureAuth]| {
        let Some(auth) = of else { return };
        if given && !needed.contains(&auth) {
            cx.wrong_unshown(
                &at.key(key),
                format!("`{}` has no use for this", auth.name()),
                "remove it, or change `auth`",
            );
            whole = false;
        }
    };
    rule(cx, "client_secret", has_secret, auth, &[AzureAuth::ClientSecret]);
    rule(cx, "token_file", has_file, auth, &[AzureAuth::WorkloadIdentity]);
    rule(cx, "tenant_id", has_tenant, auth, &[AzureAuth::ClientSecret, AzureAuth::WorkloadIdentity]);
    if auth == Some(AzureAuth::ClientSecret) {
        for (key, given) in [("tenant_id", has_tenant), ("client_id", has_client), ("client_secret", has_secret)] {
            if !given {
                cx.wrong(&at.key(key), "the key is missing: `auth: client-secret` needs it", "add it");
                whole = false;
            }
        }
    }
    let credential = match auth {
        Some(AzureAuth::ManagedIdentity) => Some(AzureCredential::ManagedIdentity { client_id: client_id.clone() }),
        Some(AzureAuth::WorkloadIdentity) => Some(AzureCredential::WorkloadIdentity {
            tenant_id: tenant_id.clone(),
            client_id: client_id.clone(),
            token_file: token_file.clone(),
        }),
        Some(AzureAuth::ClientSecret) => match (tenant_id.clone(), client_id.clone(), client_secret.clone()) {
            (Some(tenant_id), Some(client_id), Some(secret)) => {
                Some(AzureCredential::ClientSecret { tenant_id, client_id, secret })
            }
            _ => None,
        },
        None => None,
    };
    whole &= has_tenant == tenant_id.is_some() && has_client == client_id.is_some();
    whole &= has_secret == client_secret.is_some() && has_file == token_file.is_some();
    let allow_http = cx.value(&at.key("allow_http_endpoint"), allow_http_endpoint);
    let endpoint_url = endpoint(cx, &at.key("endpoint_url"), endpoint_url, allow_http);
    let authority_url = endpoint(cx, &at.key("authority_url"), authority_url, allow_http);
    let prices_url = endpoint(cx, &at.key("prices_url"), prices_url, allow_http);
    let mut span = |name: &str, field, least, most| {
        let at = at.key(name);
        let value = cx.value(&at, field);
        cx.within(&at, value, least, most)
    };
    let call_deadline = span("call_deadline", call_deadline, Span::from_secs(1), Span::from_mins(5));
    let visibility_lag = span("visibility_lag", visibility_lag, Span::ZERO, Span::from_mins(10));
    whole.then_some(AzureConfig {
        subscription_id: subscription_id?,
        resource_group: resource_group?,
        credential: credential?,
        endpoint_url: endpoint_url?,
        authority_url: authority_url?,
        prices_url: prices_url?,
        allow_http: allow_http?,
        call_deadline: call_deadline?,
        visibility_lag: visibility_lag?,
    })
}

fn named(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>, rule: &NameRule) -> Option<String> {
    let name = cx.value(at, field);
    cx.named(at, name, rule)
}

/// That regions and sizes look like Azure's.
pub(crate) fn check_names(cx: &mut Lowering<'_, '_>, regions: &[(At<'_>, String)], types: &[(At<'_>, String)]) {
    for (at, region) in regions {
        if !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            let rule = format!("{} is no region of Azure", quoted(region));
            cx.wrong(at, rule, "regions are written as eastus or westeurope");
        }
    }
    for (at, name) in types {
        if !name.contains('_') {
            cx.wrong(at, format!("{} is no size of Azure", quoted(name)), "sizes are written as Standard_D4s_v5");
        }
    }
}

/// The zones of each region: those that are named, else the region's own name, which leaves the choice to Azure.
pub(crate) fn zones_of(
    cx: &mut Lowering<'_, '_>,
    regions: &[(At<'_>, String)],
    named: Option<&Vec<(At<'_>, String)>>,
) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut zones: BTreeMap<String, BTreeSet<String>> =
        regions.iter().map(|(_, region)| (region.clone(), BTreeSet::new())).collect();
    let mut whole = true;
    for (at, zone) in named.into_iter().flatten() {
        let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        let parts = zone.rsplit_once('-').filter(|(_, n)| number(n));
        match parts.and_then(|(region, _)| zones.get_mut(region)) {
            Some(of_region) => drop(of_region.insert(zone.clone())),
            None => {
                cx.wrong(at, "no region of this entry has this zone", "zones are written as eastus-1");
                whole = false;
            }
        }
    }
    for (at, region) in regions {
        let Some(of_region) = zones.get_mut(region).filter(|zones| zones.is_empty()) else { continue };
        if named.is_none() {
            of_region.insert(region.clone());
        } else if whole {
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
    field: Field<raw::AzureLaunch>,
    regions: Option<&[(At<'_>, String)]>,
    labels: Option<&BTreeMap<String, String>>,
) -> Option<AzureSpec> {
    if field.is_absent() {
        let hint = "add `launch: {image: ..., subnets: ..., ssh_public_key: ...}`";
        cx.wrong(at, "the key is missing: Azure needs an image, subnets and an SSH key", hint);
        return None;
    }
    let raw::AzureLaunch {
        image,
        subnets,
        security_groups,
        identities,
        admin_user,
        ssh_public_key,
        user_data,
        user_data_file,
        os_disk_type,
        os_disk_gib,
        max_price,
        tags,
    } = cx.open(at, field)?;
    let image = image_of(cx, &at.key("image"), image);
    let subnets_at = at.key("subnets");
    let subnets = of_regions(cx, &subnets_at, subnets, regions);
    if let (Some(subnets), Some(regions)) = (&subnets, regions) {
        for (at, region) in regions.iter().filter(|(_, region)| !subnets.contains_key(&Region::from(region.as_str()))) {
            cx.wrong(
                at,
                "this region has no subnet",
                format!("add one to `launch.subnets`: `{region}: /subscriptions/...`"),
            );
        }
    }
    let security_groups = of_regions(cx, &at.key("security_groups"), security_groups, regions);
    let identities = identities_of(cx, &at.key("identities"), identities);
    let admin_user = named(cx, &at.key("admin_user"), admin_user, &NameRule::plain("name of a login"));
    let key_at = at.key("ssh_public_key");
    let ssh_public_key = cx.value(&key_at, ssh_public_key).filter(|key| {
        let fits = (key.starts_with("ssh-") || key.starts_with("ecdsa-")) && !key.contains('\n');
        if !fits {
            cx.wrong_unshown(
                &key_at,
                "this is no public SSH key",
                "write the line of the `.pub` file: `ssh-ed25519 ...`",
            );
        }
        fits
    });
    let has_user_data = !user_data.is_absent() || !user_data_file.is_absent();
    let hint = "Azure takes 65,535 bytes; let it fetch the rest";
    let limit = launch::UserDataLimit { bytes: MAX_USER_DATA_BYTES, hint };
    let user_data = launch::user_data_of(cx, at, user_data, user_data_file, limit);
    let os_disk_type = named(cx, &at.key("os_disk_type"), os_disk_type, &PRINTABLE);
    let has_gib = !os_disk_gib.is_absent();
    let os_disk_gib = if has_gib { disk(cx, &at.key("os_disk_gib"), os_disk_gib) } else { None };
    let has_price = !max_price.is_absent();
    let price_at = at.key("max_price");
    let max_price = if has_price { cx.value(&price_at, max_price) } else { None };
    let max_price = max_price.filter(|micros| {
        let fits = *micros >= 10;
        if !fits {
            cx.wrong(&price_at, "this is no price limit", "give dollars an hour, more than nothing, such as 0.09");
        }
        fits
    });
    let tags = tags_of(cx, &at.key("tags"), tags, labels);
    Some(AzureSpec {
        image: image?,
        subnets: subnets?,
        security_groups: security_groups?,
        identities: identities?,
        admin_user: admin_user?,
        ssh_public_key: ssh_public_key?,
        user_data: if has_user_data { Some(user_data?) } else { None },
        os_disk_type: Some(os_disk_type?),
        os_disk_gib: if has_gib { Some(os_disk_gib?) } else { None },
        max_price_micros: if has_price { Some(max_price?) } else { None },
        tags: tags?,
    })
}

fn image_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    named(cx, at, field, &PRINTABLE).filter(|image| {
        let parts: Vec<_> = image.split(':').collect();
        let fits = image.starts_with('/') || (parts.len() == 4 && parts.iter().all(|part| !part.is_empty()));
        if !fits {
            let hint = "write `publisher:offer:sku:version`, or an id that begins with `/`";
            cx.wrong(at, format!("{} is no image", quoted(image)), hint);
        }
        fits
    })
}

/// The id of a thing in each region.
fn of_regions(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
    regions: Option<&[(At<'_>, String)]>,
) -> Option<BTreeMap<Region, String>> {
    let mut ids = BTreeMap::new();
    let mut whole = true;
    for (at, region, id) in cx.entries(at, field)? {
        if regions.is_some_and(|regions| !regions.iter().any(|(_, name)| *name == region)) {
            cx.wrong(&at.itself(), format!("this entry has no region {}", quoted(&region)), "add it, or remove this");
            whole = false;
        }
        match id_of(cx, &at, id) {
            Some(id) => drop(ids.insert(Region::from(region), id)),
            None => whole = false,
        }
    }
    whole.then_some(ids)
}

fn id_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>) -> Option<String> {
    named(cx, at, field, &PRINTABLE).filter(|id| {
        let fits = id.starts_with("/subscriptions/");
        if !fits {
            cx.wrong(at, format!("{} is no id", quoted(id)), "write the whole id: `/subscriptions/...`");
        }
        fits
    })
}

fn identities_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<List<Leaf<Text>>>) -> Option<Vec<String>> {
    let mut ids: Vec<String> = Vec::new();
    let mut whole = true;
    for (at, item) in cx.items(at, field)? {
        match id_of(cx, &at, item) {
            Some(id) if ids.contains(&id) => {
                cx.wrong(&at, "this stands twice in the list", "remove one of the two");
                whole = false;
            }
            Some(id) => ids.push(id),
            None => whole = false,
        }
    }
    whole.then_some(ids)
}

fn disk(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Count>>) -> Option<u32> {
    let gib = cx.value(at, field)?;
    if !DISK_GIB.contains(&gib) {
        let (least, most) = (DISK_GIB.start(), DISK_GIB.end());
        cx.wrong(at, format!("no system disk has {gib} GiB"), format!("give {least} to {most}"));
        return None;
    }
    u32::try_from(gib).ok()
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
        let lower = key.to_lowercase();
        let reserved = RESERVED.iter().find(|prefix| lower.starts_with(**prefix));
        let wrong = if let Some(prefix) = reserved {
            Some(format!("tags that start with `{prefix}` are reserved"))
        } else if tags.keys().any(|other| other.to_lowercase() == lower) {
            Some("this tag or label is there already: Azure does not tell names apart by case".to_owned())
        } else if key.is_empty()
            || key.chars().count() > LONGEST_TAG_KEY
            || key.chars().any(|c| c.is_control() || NOT_IN_TAG_KEYS.contains(c))
        {
            Some(format!("Azure takes names of 1 to {LONGEST_TAG_KEY} characters without {NOT_IN_TAG_KEYS}"))
        } else {
            None
        };
        let value = cx.value(&at, value);
        let too_long =
            value.as_ref().is_some_and(|v| v.chars().count() > LONGEST_TAG_VALUE || v.chars().any(char::is_control));
        if let Some(rule) = &wrong {
            cx.wrong(&at.itself(), rule.clone(), "choose another name");
        }
        if too_long {
            cx.wrong(&at, "this is no value of a tag", "Azure takes up to 256 characters on one line");
        }
        match value {
            Some(value) if wrong.is_none() && !too_long => drop(tags.insert(key, value)),
            _ => whole = false,
        }
    }
    let text: usize = tags.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum();
    if tags.len() > MOST_TAGS || text > MOST_TAG_TEXT {
        let rule = format!("{} tags of {text} characters, with the labels, are too many", tags.len());
        cx.wrong(at, rule, format!("{MOST_TAGS} of {MOST_TAG_TEXT} characters at most: some are spotfleet's own"));
        return None;
    }
    whole.then_some(tags)
}
