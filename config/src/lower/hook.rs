//! `scale_down.drain_hook`: whom to tell when a machine is to go.

use policies::units::Span;

use crate::lower::source::server_of;
use crate::lower::{At, Lowering, WEEK};
use crate::model::{HookConfig, HookWay};
use crate::raw;
use crate::raw::field::{Field, List};
use crate::raw::value::{Leaf, Text};

/// Longer command lines are refused.
const MOST_WORDS: usize = 100;

/// Whom to tell. `drain_timeout` is what a machine has to finish, where that is known.
pub(crate) fn lower(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    field: Field<raw::DrainHook>,
    drain_timeout: Option<Span>,
) -> Option<HookConfig> {
    let raw::DrainHook { http, command, timeout } = cx.open(at, field)?;
    let (has_http, has_command) = (!http.is_absent(), !command.is_absent());
    if has_http == has_command {
        let rule = if has_http { "a server and a command are named" } else { "nobody is named" };
        cx.wrong(at, rule, "give exactly one of `http` and `command`");
        return None;
    }
    if drain_timeout == Some(Span::ZERO) {
        let hint = "give `scale_down.drain_timeout` some time, or remove the hook";
        cx.wrong(at, "machines have no time to drain, so the hook would never be called", hint);
    }
    let way = if has_http {
        let at = at.key("http");
        let server = cx.open(&at, http).map(|raw::HookServer { url, token, allow_http }| {
            server_of(cx, &at, url, Some(token), allow_http, "HOOK_URL")
        });
        server.flatten().map(HookWay::Http)
    } else {
        command_of(cx, &at.key("command"), command).map(HookWay::Command)
    };
    let timeout_at = at.key("timeout");
    let has_timeout = !timeout.is_absent();
    let timeout = cx.value(&timeout_at, timeout);
    let timeout = cx.within(&timeout_at, timeout, Span::from_secs(1), WEEK);
    Some(HookConfig { way: way?, timeout: if has_timeout { Some(timeout?) } else { None } })
}

/// The program and its arguments. Which program, a search path must not decide: the daemon's may be another than yours.
fn command_of(cx: &mut Lowering<'_, '_>, at: &At<'_>, field: Field<List<Leaf<Text>>>) -> Option<Vec<String>> {
    let items = cx.items(at, field)?;
    if items.is_empty() || items.len() > MOST_WORDS {
        cx.wrong(at, "this is no command", format!("give a program and its arguments, {MOST_WORDS} words at most"));
        return None;
    }
    let count = items.len();
    let mut words = Vec::new();
    for (index, (at, item)) in items.into_iter().enumerate() {
        let Some(word) = cx.value(&at, item) else { continue };
        if index == 0 && !word.starts_with('/') {
            cx.wrong(
                &at,
                "the program is not named by its whole path",
                "write it from the root: `/usr/local/bin/drain`",
            );
            continue;
        }
        if word.contains('\0') {
            cx.wrong(&at, "no program takes this", "remove the NUL character");
            continue;
        }
        words.push(word);
    }
    (words.len() == count).then_some(words)
}
