//! PPIO and Novita AI: the account, and what a container is launched with.

use std::collections::BTreeMap;

use policies::units::{Currency, Span};
use providers::spec::PpioSpec;

use crate::lower::daemon::{secret, url};
use crate::lower::providers::check_rate;
use crate::lower::{At, Lowering};
use crate::model::PpioConfig;
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Dict, Field, List};
use crate::raw::value::{Count, Leaf, Text};

/// Limits of the interface. Source: PPIO and Novita API reference, "Create GPU instance".
const LONGEST_IMAGE: usize = 500;
pub(super) const LONGEST_COMMAND: usize = 2_047;
const LONGEST_KEY: usize = 511;
pub(super) const LONGEST_VALUE: usize = 4_095;
const LONGEST_ID: usize = 255;
/// A hundred, without those that are ours.
const MOST_VARIABLES: usize = 97;
const MOST_PORTS: usize = 15;
const MOST_STORAGES: usize = 30;
const ROOTFS_GB: std::ops::RangeInclusive<u64> = 10..=6_144;
/// Ports that the service keeps for itself.
const TAKEN_PORTS: [u16; 3] = [2_222, 2_223, 2_224];
/// Cards of one machine, at most.
const MOST_CARDS: u32 = 8;

/// The account of a provider of this kind (`ppio` or `novita`).
pub(crate) fn lower_account(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Ppio>,
    kind: &str,
    currencies: &[Currency],
) -> Option<PpioConfig> {
    let raw::Ppio { api_key, base_url, currency, allow_http, watch_every, call_deadline, visibility_lag } =
        cx.open(at, field)?;
    let novita = kind == "novita";
    let api_key = secret(cx, &at.key("api_key"), api_key);
    let allow_http = cx.value(&at.key("allow_http"), allow_http);
    let url_at = at.key("base_url");
    let base_url = if base_url.is_absent() {
        Some(None)
    } else {
        let url = url(cx, &url_at, base_url, &["https", "http"]);
        url.filter(|url| {
            let plain = allow_http == Some(false) && providers::is_plaintext(url);
            if plain {
                let rule = "the URL is without TLS: the key could be read on the way";
                cx.wrong(&url_at, rule, "write `https://`, or set `allow_http: true` for a test");
            }
            !plain
        })
        .map(Some)
    };
    let currency_at = at.key("currency");
    let currency = if currency.is_absent() {
        Some(if novita { Currency::Usd } else { Currency::Cny })
    } else {
        cx.value(&currency_at, currency)
    };
    check_rate(cx, &currency_at, currency, currencies);
    let mut span = |name: &str, field, least, most| {
        let at = at.key(name);
        let value = cx.value(&at, field);
        cx.within(&at, value, least, most)
    };
    let watch_every = span("watch_every", watch_every, Span::from_secs(1), Span::from_mins(10));
    let call_deadline = span("call_deadline", call_deadline, Span::from_secs(1), Span::from_mins(5));
    let visibility_lag = span("visibility_lag", visibility_lag, Span::ZERO, Span::from_mins(10));
    Some(PpioConfig {
        api_key: api_key?,
        base_url: base_url?,
        novita,
        currency: currency?,
        allow_http: allow_http?,
        watch_every: watch_every?,
        call_deadline: call_deadline?,
        visibility_lag: visibility_lag?,
    })
}

/// That instance types can be bought there: a product, or `2xPRODUCT` for two of its cards.
pub(crate) fn check_types(cx: &mut Lowering<'_, '_>, types: &[(At<'_>, String)]) {
    for (at, name) in types {
        let cards = name.split_once('x').and_then(|(cards, _)| cards.parse::<u32>().ok());
        if cards.is_some_and(|cards| cards == 0 || (cards > MOST_CARDS && cards < 100)) {
            let rule = format!("{} is not a number of cards that a machine can have", quoted(name));
            cx.wrong(at, rule, format!("write `2x` to `{MOST_CARDS}x` before the product"));
        }
    }
}

/// What a container is launched with.
pub(crate) fn lower(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::PpioLaunch>) -> Option<PpioSpec> {
    if field.is_absent() {
        let hint = "add `launch: {image: ..., rootfs_gb: ...}`";
        cx.wrong(at, "the key is missing: a container needs an image and a disk", hint);
        return None;
    }
    let raw::PpioLaunch {
        image,
        rootfs_gb,
        image_auth_id,
        ports,
        env,
        command,
        entrypoint,
        min_cuda,
        network_id,
        network_storages,
    } = cx.open(at, field)?;
    let image = text(cx, &at.key("image"), image, LONGEST_IMAGE);
    let rootfs_gb = rootfs(cx, &at.key("rootfs_gb"), rootfs_gb);
    let ports = ports_of(cx, &at.key("ports"), ports);
    let env = env_of(cx, &at.key("env"), env);
    let mut optional = |key: &str, field: Field<Leaf<Text>>, longest| {
        if field.is_absent() { Some(None) } else { text(cx, &at.key(key), field, longest).map(Some) }
    };
    let image_auth_id = optional("image_auth_id", image_auth_id, LONGEST_ID);
    let command = optional("command", command, LONGEST_COMMAND);
    let entrypoint = optional("entrypoint", entrypoint, LONGEST_COMMAND);
    let min_cuda = optional("min_cuda", min_cuda, LONGEST_ID);
    let network_id = optional("network_id", network_id, LONGEST_ID);
    let network_storages = storages(cx, &at.key("network_storages"), network_storages);
    Some(PpioSpec {
        image: image?,
        rootfs_gb: rootfs_gb?,
        image_auth_id: image_auth_id?,
        ports: ports?,
        env: env?,
        command: command?,
        entrypoint: entrypoint?,
        min_cuda: min_cuda?,
        network_id: network_id?,
        network_storages: network_storages?,
    })
}

/// Text of a length that the interface takes. What it says is not shown.
fn text(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Text>>, longest: usize) -> Option<String> {
    let text = cx.value(at, field)?;
    let count = text.chars().count();
    if text.trim().is_empty() || count > longest {
        cx.wrong_unshown(at, format!("text of {count} characters does not do"), format!("give 1 to {longest}"));
        return None;
    }
    Some(text)
}

fn rootfs(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Count>>) -> Option<u32> {
    let size = cx.value(at, field)?;
    if !ROOTFS_GB.contains(&size) {
        let (least, most) = (ROOTFS_GB.start(), ROOTFS_GB.end());
        cx.wrong(at, format!("no product has a disk of {size} GB"), format!("give {least} to {most}"));
        return None;
    }
    u32::try_from(size).ok()
}

fn ports_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<List<Leaf<Text>>>) -> Option<Vec<String>> {
    let items = cx.items(at, field)?;
    if items.len() > MOST_PORTS {
        cx.wrong(at, format!("{} ports are too many", items.len()), format!("{MOST_PORTS} at most"));
        return None;
    }
    let mut ports: Vec<String> = Vec::new();
    let mut whole = true;
    for (at, item) in items {
        let Some(port) = cx.value(&at, item) else {
            whole = false;
            continue;
        };
        let twice = ports.contains(&port);
        let fits = port.split_once('/').is_some_and(|(number, kind)| {
            let number: Option<u16> = number.parse().ok();
            matches!(kind, "tcp" | "http") && number.is_some_and(|n| n > 0 && !TAKEN_PORTS.contains(&n))
        });
        if !fits {
            let hint = "write `80/http` or `3306/tcp`; 2222 to 2224 are taken";
            cx.wrong(&at, format!("{} is no port that can be mapped", quoted(&port)), hint);
        } else if twice {
            cx.wrong(&at, "this stands twice in the list", "remove one of the two");
        }
        whole &= fits && !twice;
        ports.push(port);
    }
    whole.then_some(ports)
}

fn env_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Dict<Leaf<Text>>>) -> Option<BTreeMap<String, String>> {
    let entries = cx.entries(at, field)?;
    if entries.len() > MOST_VARIABLES {
        cx.wrong(at, format!("{} variables are too many", entries.len()), format!("{MOST_VARIABLES} at most"));
        return None;
    }
    let mut env = BTreeMap::new();
    let mut whole = true;
    for (at, key, value) in entries {
        let value = cx.secret_value(&at, value);
        let named = !key.is_empty() && key.len() <= LONGEST_KEY && !key.contains('=') && !key.starts_with("SPOTFLEET_");
        if !named {
            let hint = format!("1 to {LONGEST_KEY} characters without `=`, and not ours (`SPOTFLEET_`)");
            cx.wrong_unshown(&at, format!("{} is no variable that can be set", quoted(&key)), hint);
        }
        let value = value.filter(|value| {
            let fits = value.chars().count() <= LONGEST_VALUE;
            if !fits {
                cx.wrong_unshown(&at, "the value is too long", format!("{LONGEST_VALUE} characters at most"));
            }
            fits
        });
        match value.filter(|_| named) {
            Some(value) => drop(env.insert(key, value)),
            None => whole = false,
        }
    }
    whole.then_some(env)
}

fn storages(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Text>>>,
) -> Option<BTreeMap<String, String>> {
    let entries = cx.entries(at, field)?;
    if entries.len() > MOST_STORAGES {
        cx.wrong(at, format!("{} storages are too many", entries.len()), format!("{MOST_STORAGES} at most"));
        return None;
    }
    let mut storages = BTreeMap::new();
    let mut whole = true;
    for (at, id, mount) in entries {
        let mount = cx.value(&at, mount).filter(|mount| {
            let fits = mount.starts_with('/') && mount.len() <= LONGEST_ID;
            if !fits {
                cx.wrong(&at, format!("{} is no mount point", quoted(mount)), "write a path from the root: `/network`");
            }
            fits
        });
        match mount {
            Some(mount) => drop(storages.insert(id, mount)),
            None => whole = false,
        }
    }
    whole.then_some(storages)
}
