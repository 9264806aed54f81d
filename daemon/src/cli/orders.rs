//! What the operator tells a running daemon: pause, resume, drain, protect, another minimum or maximum.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use config::{Host, Secret, ThisHost};
use secrecy::SecretString;

use super::client::{DaemonArgs, block_on};
use super::out::Out;
use super::{Done, Fault};
use crate::http::view::{OrderKind, OrderRequest, Ordered};

/// Who orders, and why.
#[derive(Clone, Debug, Args)]
pub struct WhyArgs {
    /// Why, for the next person who wonders; it stands in the events
    #[arg(long, value_name = "TEXT")]
    pub why: String,

    /// Who says so [default: the user of this shell]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,

    /// File with the operator's token; else the variable SPOTFLEET_OPERATOR_TOKEN holds it
    #[arg(long, value_name = "FILE")]
    pub operator_token_file: Option<PathBuf>,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// How long an order stands.
#[derive(Clone, Debug, Args)]
pub struct LengthArgs {
    /// Only for so long, such as 90s, 45m, 2h or 3d; without it, until it is lifted
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    pub length: Option<Duration>,
}

/// Pauses a fleet.
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// The fleet
    pub fleet: String,
    /// How long
    #[command(flatten)]
    pub length: LengthArgs,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// Ends a pause.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The fleet
    pub fleet: String,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// Drains a machine.
#[derive(Clone, Debug, Args)]
pub struct DrainArgs {
    /// The provider's id of the machine
    pub instance: String,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// Protects a machine.
#[derive(Clone, Debug, Args)]
pub struct ProtectArgs {
    /// The provider's id of the machine
    pub instance: String,
    /// How long
    #[command(flatten)]
    pub length: LengthArgs,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// Lifts a protection.
#[derive(Clone, Debug, Args)]
pub struct UnprotectArgs {
    /// The provider's id of the machine
    pub instance: String,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// Sets or clears a limit.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// The fleet
    pub fleet: String,
    /// The limit, in the fleet's unit
    #[arg(required_unless_present = "clear")]
    pub units: Option<f64>,
    /// The limit of the fleet file again
    #[arg(long, conflicts_with_all = ["units", "length"])]
    pub clear: bool,
    /// How long
    #[command(flatten)]
    pub length: LengthArgs,
    /// Who and why
    #[command(flatten)]
    pub why: WhyArgs,
}

/// `90s`, `45m`, `2h`, `3d`, or several of them: `1h30m`.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as 90s, 45m, 2h, 3d or 1h30m".to_owned();
    let (mut total, mut digits) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        digits.clear();
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    if total == 0 || !digits.is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(total))
}

pub(crate) fn pause(args: &PauseArgs, out: &Out) -> Result<Done, Fault> {
    send(Subject::Fleet(&args.fleet), OrderKind::Pause, None, &args.length, &args.why, out)
}

pub(crate) fn resume(args: &ResumeArgs, out: &Out) -> Result<Done, Fault> {
    send(Subject::Fleet(&args.fleet), OrderKind::Resume, None, &LengthArgs { length: None }, &args.why, out)
}

pub(crate) fn drain(args: &DrainArgs, out: &Out) -> Result<Done, Fault> {
    send(Subject::Instance(&args.instance), OrderKind::Drain, None, &LengthArgs { length: None }, &args.why, out)
}

pub(crate) fn protect(args: &ProtectArgs, out: &Out) -> Result<Done, Fault> {
    send(Subject::Instance(&args.instance), OrderKind::Protect, None, &args.length, &args.why, out)
}

pub(crate) fn unprotect(args: &UnprotectArgs, out: &Out) -> Result<Done, Fault> {
    send(Subject::Instance(&args.instance), OrderKind::Unprotect, None, &LengthArgs { length: None }, &args.why, out)
}

pub(crate) fn limit(args: &LimitArgs, set: OrderKind, clear: OrderKind, out: &Out) -> Result<Done, Fault> {
    let order = if args.clear { clear } else { set };
    send(Subject::Fleet(&args.fleet), order, args.units, &args.length, &args.why, out)
}

/// What an order is about.
enum Subject<'a> {
    Fleet(&'a str),
    Instance(&'a str),
}

fn send(
    subject: Subject<'_>,
    order: OrderKind,
    units: Option<f64>,
    length: &LengthArgs,
    why: &WhyArgs,
    out: &Out,
) -> Result<Done, Fault> {
    let user = || ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| ThisHost.variable(name));
    let by =
        why.by.clone().or_else(user).ok_or_else(|| Fault::Usage("nobody says who orders: give --by".to_owned()))?;
    let (fleet, instance) = match subject {
        Subject::Fleet(name) => (Some(name.to_owned()), None),
        Subject::Instance(id) => (None, Some(id.to_owned())),
    };
    let for_s = length.length.map(|length| length.as_secs());
    let request = OrderRequest { order, fleet, instance, units, for_s, by, why: why.why.clone() };
    let token = operator_token(why)?;
    let done: Ordered = block_on(async { why.daemon.post("/api/v1/orders", &request, &token).await })??;
    out.value(&done, |done| format!("{}\n", done.done))?;
    Ok(Done::Well)
}

/// Not an argument: those can be seen by everybody on the machine.
fn operator_token(args: &WhyArgs) -> Result<SecretString, Fault> {
    if let Some(file) = &args.operator_token_file {
        return Secret::File(file.clone())
            .resolve(&ThisHost)
            .map_err(|e| Fault::doing("read the operator's token", &e));
    }
    ThisHost.variable("SPOTFLEET_OPERATOR_TOKEN").map(SecretString::from).ok_or_else(|| {
        let text = "an order needs the operator's token: give --operator-token-file or SPOTFLEET_OPERATOR_TOKEN \
                    (`daemon.operator_token` of the fleet file says where the daemon has it)";
        Fault::Usage(text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for (text, seconds) in [("90s", 90), ("45m", 2_700), ("1h30m", 5_400), ("3d", 259_200)] {
            assert_eq!(length(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "0s", "90", "h", "1x", "-5m", "99999999999999999999s", "9999999999999999999d"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
