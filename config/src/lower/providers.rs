//! `providers`: the clouds.

use std::collections::BTreeMap;

use policies::model::{InstanceType, ProviderName};
use policies::units::{Currency, Share, Span};

use crate::hints;
use crate::lower::daemon::url;
use crate::lower::{At, Lowering, NameRule, PLACE_NAME, azure, gcp, ppio};
use crate::model::{AwsConfig, ProviderConfig, SimConfig, SimType};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Field, List};
use crate::raw::value::{Count, Flag, Leaf, Text};

/// A provider's name is part of a pool's printed form and of metrics.
const PROVIDER_NAME: NameRule = NameRule {
    what: "name of a provider",
    hint: "small letters, digits and dashes, at most 63",
    longest: 63,
    first: |c| c.is_ascii_lowercase(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
};

/// The names of all providers, and the valid ones.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Providers>,
    currencies: &[Currency],
) -> (Vec<String>, BTreeMap<ProviderName, ProviderConfig>) {
    let mut names = Vec::new();
    let mut valid = BTreeMap::new();
    let Some(raw::Providers(entries)) = cx.open(at, field) else { return (names, valid) };
    if entries.is_empty() {
        cx.wrong(at, "no provider is configured", "name at least one, such as `aws: {}`");
    }
    for (name, provider) in entries.into_iter().filter(|(name, _)| name != "<<") {
        let at = at.key(&name);
        names.push(name.clone());
        let named = PROVIDER_NAME.allows(&name);
        if !named {
            cx.wrong_unshown(&at, format!("{} is no name of a provider", quoted(&name)), PROVIDER_NAME.hint);
        }
        let lowered = match provider {
            raw::Provider::Aws(table) => lower_aws(cx, &at, table).map(ProviderConfig::Aws),
            raw::Provider::Azure(table) => azure::lower_group(cx, &at, *table).map(ProviderConfig::Azure),
            raw::Provider::Gcp(table) => gcp::lower_project(cx, &at, table).map(ProviderConfig::Gcp),
            raw::Provider::Ppio(table) => {
                ppio::lower_account(cx, &at, table, raw::kind_of(&name), currencies).map(ProviderConfig::Ppio)
            }
            raw::Provider::Sim(table) => lower_sim(cx, &at, table, currencies).map(ProviderConfig::Sim),
            raw::Provider::Unknown if !named => None,
            raw::Provider::Unknown => {
                let rule = format!("unknown kind of provider {}", quoted(raw::kind_of(&name)));
                let hint = match hints::nearest(raw::kind_of(&name), raw::KINDS.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "a name starts with its kind: `aws`, `aws-research`, `azure`, `gcp`, `ppio`, `novita`, `sim`, \
                         `sim-a`"
                            .to_owned()
                    }
                };
                cx.wrong_unshown(&at, rule, hint);
                None
            }
        };
        if let Some(lowered) = lowered.filter(|_| named) {
            valid.insert(ProviderName::from(name), lowered);
        }
    }
    (names, valid)
}

fn lower_aws(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Aws>) -> Option<AwsConfig> {
    let raw::Aws {
        endpoint_url,
        pricing_endpoint_url,
        allow_http_endpoint,
        interruption_queue_urls,
        launch_api,
        call_deadline,
        visibility_lag,
    } = cx.open(at, field)?;
    let allow_http = cx.value::<Flag>(&at.key("allow_http_endpoint"), allow_http_endpoint);
    let endpoint_url = endpoint(cx, &at.key("endpoint_url"), endpoint_url, allow_http);
    let pricing_endpoint_url = endpoint(cx, &at.key("pricing_endpoint_url"), pricing_endpoint_url, allow_http);
    let interruption_queue_urls = queues(cx, &at.key("interruption_queue_urls"), interruption_queue_urls, allow_http);
    let launch_api = cx.value(&at.key("launch_api"), launch_api);
    let deadline_at = at.key("call_deadline");
    let call_deadline = cx.value(&deadline_at, call_deadline);
    let call_deadline = cx.within(&deadline_at, call_deadline, Span::from_secs(1), Span::from_mins(5));
    let lag_at = at.key("visibility_lag");
    let visibility_lag = cx.value(&lag_at, visibility_lag);
    let visibility_lag = cx.within(&lag_at, visibility_lag, Span::ZERO, Span::from_mins(10));
    Some(AwsConfig {
        allow_http: allow_http?,
        endpoint_url: endpoint_url?,
        pricing_endpoint_url: pricing_endpoint_url?,
        interruption_queue_urls: interruption_queue_urls?,
        launch_api: launch_api?,
        call_deadline: call_deadline?,
        visibility_lag: visibility_lag?,
    })
}

/// An endpoint that may be absent; `None` when it is wrong.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
pub(crate) fn endpoint(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Leaf<Text>>,
    allow_http: Option<bool>,
) -> Option<Option<String>> {
    if field.is_absent() {
        return Some(None);
    }
    let text = url(cx, at, field, &["https", "http"])?;
    if text.starts_with("http://") && allow_http == Some(false) {
        let rule = "the endpoint is without TLS: launch data and replies could be read and changed on the way";
        cx.wrong(at, rule, "write `https://`, or set `allow_http_endpoint: true` for a test");
        return None;
    }
    Some(Some(text))
}

fn queues(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<List<Leaf<Text>>>,
    allow_http: Option<bool>,
) -> Option<Vec<String>> {
    let mut urls = Vec::new();
    let mut whole = true;
    for (at, item) in cx.items(at, field)? {
        match endpoint(cx, &at, item, allow_http).flatten() {
            Some(url) if urls.contains(&url) => {
                cx.wrong(&at, "this stands twice in the list", "remove one of the two");
                whole = false;
            }
            Some(url) => urls.push(url),
            None => whole = false,
        }
    }
    whole.then_some(urls)
}

/// That prices in this currency can be converted.
pub(crate) fn check_rate(cx: &mut Lowering<'_, '_>, at: &At<'_>, currency: Option<Currency>, currencies: &[Currency]) {
    if let Some(currency) = currency.filter(|c| !currencies.contains(c)) {
        let rule = format!("its prices are in {}, and there is no rate for that", currency.code());
        cx.wrong(at, rule, format!("add it to `daemon.rates`: {{{}: ...}}", currency.code()));
    }
}

fn lower_sim(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Sim>,
    currencies: &[Currency],
) -> Option<SimConfig> {
    let raw::Sim {
        seed,
        currency,
        start_delay,
        visibility_lag,
        token_lifetime,
        notice_lead,
        interruptions_per_hour,
        types,
    } = cx.open(at, field)?;
    let seed = cx.value(&at.key("seed"), seed);
    let currency_at = at.key("currency");
    let currency = cx.value(&currency_at, currency);
    check_rate(cx, &currency_at, currency, currencies);
    let mut span = |name: &str, field, most| {
        let at = at.key(name);
        let value = cx.value(&at, field);
        cx.within(&at, value, Span::ZERO, most)
    };
    let start_delay = span("start_delay", start_delay, Span::from_hours(1));
    let visibility_lag = span("visibility_lag", visibility_lag, Span::from_mins(10));
    let notice_lead = span("notice_lead", notice_lead, Span::from_hours(1));
    let has_lifetime = !token_lifetime.is_absent();
    let token_lifetime = span("token_lifetime", token_lifetime, crate::lower::MONTH);
    let share_at = at.key("interruptions_per_hour");
    let interruptions_per_hour = cx.value(&share_at, interruptions_per_hour);
    if interruptions_per_hour.is_some_and(|s| s > Share::percent(10_000)) {
        cx.wrong(&share_at, "this is too often", "it can be 10000% at most");
    }
    let types = sim_types(cx, &at.key("types"), types);
    Some(SimConfig {
        seed: seed?,
        currency: currency?,
        start_delay: start_delay?,
        visibility_lag: visibility_lag?,
        token_lifetime: if has_lifetime { Some(token_lifetime?) } else { None },
        notice_lead: notice_lead?,
        interruptions_per_hour: interruptions_per_hour?,
        types: types?,
    })
}

fn sim_types(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::field::Dict<raw::SimType>>,
) -> Option<BTreeMap<InstanceType, SimType>> {
    let entries = cx.entries(at, field)?;
    if entries.is_empty() {
        cx.wrong(at, "it sells nothing", "describe at least one instance type");
        return None;
    }
    let mut types = BTreeMap::new();
    let mut whole = true;
    for (at, name, field) in entries {
        let name = cx.named(&at.itself(), Some(name), &PLACE_NAME);
        let lowered = sim_type(cx, &at, field);
        match (name, lowered) {
            (Some(name), Some(lowered)) => {
                types.insert(InstanceType::from(name), lowered);
            }
            _ => whole = false,
        }
    }
    whole.then_some(types)
}

fn sim_type(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::SimType>) -> Option<SimType> {
    let raw::SimType { vcpus, gpus, on_demand_price, spot_price, spot_room } = cx.open(at, field)?;
    let vcpus = small(cx, &at.key("vcpus"), vcpus);
    let gpus = small(cx, &at.key("gpus"), gpus);
    let on_demand_micros = price(cx, &at.key("on_demand_price"), on_demand_price);
    let spot_micros = price(cx, &at.key("spot_price"), spot_price);
    let spot_room = small(cx, &at.key("spot_room"), spot_room);
    Some(SimType {
        vcpus: vcpus?,
        gpus: gpus?,
        on_demand_micros: on_demand_micros?,
        spot_micros: spot_micros?,
        spot_room: spot_room?,
    })
}

fn price(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<raw::value::Micros>>) -> Option<u64> {
    let micros = cx.value(at, field)?;
    if micros == 0 {
        cx.wrong(at, "nothing is sold for nothing", "give a price above zero");
        return None;
    }
    Some(micros)
}

/// A number up to a million, the most that a simulated cloud takes.
fn small(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<Leaf<Count>>) -> Option<u32> {
    let count = cx.value(at, field)?;
    let small = u32::try_from(count).ok().filter(|n| *n <= 1_000_000);
    if small.is_none() {
        cx.wrong(at, format!("{count} is too large"), "it can be 1000000 at most");
    }
    small
}
