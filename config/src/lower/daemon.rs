//! `daemon`: how the daemon itself runs.

use policies::control::OrphanRule;
use policies::cost::Rates;
use policies::units::{Currency, Span};

use crate::lower::{At, Lowering, NameRule, budget};
use crate::model::{DaemonConfig, LogConfig, OtlpConfig};
use crate::problem::quoted;
use crate::raw;
use crate::raw::field::{Dict, Field};
use crate::raw::value::{Choice, Leaf, Rate};
use crate::secret::{Secret, is_credential_name};

/// The owner is the value of a tag, and part of names in the clouds.
const OWNER: NameRule = NameRule {
    what: "owner",
    hint: "letters, digits, dots, dashes and underscores, at most 63",
    longest: 63,
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c),
};

/// The daemon's part, and the currencies that can be converted.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::Daemon>,
) -> (Option<DaemonConfig>, Vec<Currency>) {
    let Some(table) = cx.open(at, field) else { return (None, vec![Currency::Usd, Currency::Cny]) };
    let raw::Daemon {
        state_dir,
        store,
        listen,
        token,
        operator_token,
        worker_token,
        public_url,
        tick,
        owner,
        currency,
        rates,
        budget,
        orphans,
        time_zone,
        log,
        otlp,
    } = table;

    let state_dir = cx.value(&at.key("state_dir"), state_dir).map(|path| cx.directory.join(path));
    let store = cx.value(&at.key("store"), store);
    let listen = cx.value(&at.key("listen"), listen);
    let has_token = !token.is_absent();
    let token = secret(cx, &at.key("token"), token);
    let has_operator_token = !operator_token.is_absent();
    let operator_token = secret(cx, &at.key("operator_token"), operator_token);
    let has_worker_token = !worker_token.is_absent();
    let worker_token = secret(cx, &at.key("worker_token"), worker_token);
    let has_public_url = !public_url.is_absent();
    let public_url = if has_public_url { url(cx, &at.key("public_url"), public_url, &["http", "https"]) } else { None };
    if let Some(address) = listen
        && !address.ip().is_loopback()
        && !has_token
    {
        let rule = format!("other machines can reach {address}, and no token is set");
        cx.wrong(&at.key("listen"), rule, "set `daemon.token`, or listen on 127.0.0.1");
    }
    let (least, most) = (Span::from_secs(1), Span::from_mins(10));
    let tick_at = at.key("tick");
    let tick = cx.value(&tick_at, tick);
    let tick = cx.within(&tick_at, tick, least, most);
    let owner_at = at.key("owner");
    let owner = cx.value(&owner_at, owner);
    let owner = cx.named(&owner_at, owner, &OWNER);
    let currency = cx.value(&at.key("currency"), currency);
    let rates = rates_of(cx, &at.key("rates"), rates, currency);
    let budget = budget::lower(cx, &at.key("budget"), budget);
    let orphans = orphans_of(cx, &at.key("orphans"), orphans);
    let time_zone = cx.zone(&at.key("time_zone"), time_zone);
    let log = log_of(cx, &at.key("log"), log);
    let has_otlp = !otlp.is_absent();
    let otlp = otlp_of(cx, &at.key("otlp"), otlp);

    // Where the currencies themselves are wrong, nothing else is blamed on them.
    let currencies = match (currency, &rates) {
        (Some(currency), Some(rates)) => rates.iter().map(|(other, _)| *other).chain([currency]).collect(),
        _ => vec![Currency::Usd, Currency::Cny],
    };
    let daemon = || {
        Some(DaemonConfig {
            state_dir: state_dir?,
            store: store?,
            listen: listen?,
            token: if has_token { Some(token?) } else { None },
            operator_token: if has_operator_token { Some(operator_token?) } else { None },
            worker_token: if has_worker_token { Some(worker_token?) } else { None },
            public_url: if has_public_url { Some(public_url?) } else { None },
            tick: tick?,
            owner: owner?,
            rates: Rates::new(currency?, &rates?),
            budget: budget?,
            orphans: orphans?,
            time_zone: time_zone?,
            log: log?,
            otlp: if has_otlp { Some(otlp?) } else { None },
        })
    };
    (daemon(), currencies)
}

/// Where a secret is kept. Neither this nor what it calls shows what stands there: it may be the secret itself.
pub(crate) fn secret(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::SecretRef>) -> Option<Secret> {
    if let Field::Wrong(found) = field {
        let rule = format!("a secret is kept elsewhere and referred to; found {} here", found.name());
        cx.wrong_unshown(at, rule, SECRET_HINT);
        return None;
    }
    let table = cx.open(at, field)?;
    secret_table(cx, at, table)
}

/// How to refer to a secret.
pub(crate) const SECRET_HINT: &str =
    "write `{env: NAME}`, `{file: PATH}` or `{credential: NAME}`, and change the secret if this file was shared";

/// Where a secret is kept, of a table that is open already.
pub(crate) fn secret_table(cx: &mut Lowering<'_, '_>, at: &At<'_>, table: raw::SecretRef) -> Option<Secret> {
    let raw::SecretRef { env, file, credential } = table;
    let given = [!env.is_absent(), !file.is_absent(), !credential.is_absent()].iter().filter(|g| **g).count();
    if given != 1 {
        let rule =
            if given == 0 { "it does not say where the secret is" } else { "a secret is kept in one place only" };
        cx.wrong_unshown(at, rule, "give exactly one of `env`, `file` and `credential`");
        return None;
    }
    if !env.is_absent() {
        let at = at.key("env");
        let name = cx.secret_value(&at, env)?;
        let fits = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.len() <= 255
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !fits {
            let hint = "give the name, not the value: letters, digits and underscores";
            cx.wrong_unshown(&at, "this is no name of an environment variable", hint);
            return None;
        }
        return Some(Secret::Env(name));
    }
    if !file.is_absent() {
        let path = cx.secret_value(&at.key("file"), file)?;
        return Some(Secret::File(cx.directory.join(path)));
    }
    let at = at.key("credential");
    let name = cx.secret_value(&at, credential)?;
    if !is_credential_name(&name) || name.len() > 255 {
        cx.wrong_unshown(&at, "this is no name of a credential", "give the name that `LoadCredential=` gives it");
        return None;
    }
    Some(Secret::Credential(name))
}

fn rates_of(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Dict<Leaf<Rate>>>,
    reporting: Option<Currency>,
) -> Option<Vec<(Currency, u64)>> {
    let mut rates = Vec::new();
    let mut whole = true;
    for (at, name, rate) in cx.entries(at, field)? {
        let rate = cx.value(&at, rate);
        let Some((_, currency)) = Currency::ALL.iter().find(|(code, _)| *code == name) else {
            cx.wrong(&at.itself(), format!("{} is no known currency", quoted(&name)), "the currencies are USD and CNY");
            whole = false;
            continue;
        };
        if reporting == Some(*currency) {
            cx.wrong(
                &at.itself(),
                "this is the reporting currency itself",
                "remove it; only other currencies need a rate",
            );
            whole = false;
        }
        match rate {
            Some(0) => {
                cx.wrong(&at, "the rate is nothing", "give what one unit of it is worth in `daemon.currency`");
                whole = false;
            }
            Some(rate) => rates.push((*currency, rate)),
            None => whole = false,
        }
    }
    whole.then_some(rates)
}

/// Shorter than a minute, an edit of the file that is mended at once would have cost machines already.
const SHORTEST_GRACE: Span = Span::from_mins(1);
/// As long as anybody keeps something that he has forgotten.
const LONGEST_GRACE: Span = Span::from_hours(90 * 24);

fn orphans_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Orphans>) -> Option<OrphanRule> {
    let raw::Orphans { after, action } = cx.open(at, field)?;
    let after_at = at.key("after");
    let after = cx.value(&after_at, after);
    let after = cx.within(&after_at, after, SHORTEST_GRACE, LONGEST_GRACE);
    let action = cx.value(&at.key("action"), action);
    Some(OrphanRule { after: after?, action: action? })
}

fn log_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Log>) -> Option<LogConfig> {
    let raw::Log { format, level } = cx.open(at, field)?;
    let format = cx.value(&at.key("format"), format);
    let level = cx.value(&at.key("level"), level);
    Some(LogConfig { format: format?, level: level? })
}

fn otlp_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<raw::Otlp>) -> Option<OtlpConfig> {
    let raw::Otlp { endpoint, interval } = cx.open(at, field)?;
    let endpoint = url(cx, &at.key("endpoint"), endpoint, &["http", "https"]);
    let interval_at = at.key("interval");
    let interval = cx.value(&interval_at, interval);
    let interval = cx.within(&interval_at, interval, Span::from_secs(1), Span::from_hours(1));
    if endpoint.as_ref().is_some_and(|e| e.ends_with("/v1/traces") || e.ends_with("/v1/metrics")) {
        cx.wrong(&at.key("endpoint"), "this is the path of one signal", "give the base URL, without `/v1/...`");
        return None;
    }
    Some(OtlpConfig { endpoint: endpoint?, interval: interval? })
}

/// A URL without a password, and without a slash at its end.
pub(crate) fn url(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<Leaf<raw::value::Text>>,
    schemes: &[&str],
) -> Option<String> {
    // It may hold a password, so nothing of it is shown unless it is known to hold none.
    let text = cx.secret_value(at, field)?;
    checked_url(cx, at, &text, schemes, "remove it; the URL of an endpoint holds no secret")
}

/// The URL, when it has one of the schemes, a host, and no password.
pub(crate) fn checked_url(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    text: &str,
    schemes: &[&str],
    password_hint: &str,
) -> Option<String> {
    let names = schemes.iter().map(|s| format!("`{s}://`")).collect::<Vec<_>>().join(" or ");
    let split = text.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
    let Some((_, rest)) = split else {
        cx.wrong_unshown(at, "this is no URL that can be used here", format!("it starts with {names}"));
        return None;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // The URL of a socket has its password behind the path.
    if authority.contains('@') || rest.contains("pass=") {
        cx.wrong_unshown(at, "the URL names a user or a password", password_hint);
        return None;
    }
    let local = text.starts_with("redis+unix:") && rest.starts_with('/') && rest.len() > 1;
    if (host.is_empty() && !local) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        cx.wrong_unshown(at, "the URL names no host", format!("write {names}, a host, and a port if needed"));
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}
