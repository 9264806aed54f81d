//! The kinds of single values: how each is written, and what to say when it is not.

use core::marker::PhantomData;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use policies::budget::AtLimit;
use policies::control::OrphanAction;
use policies::model::{Market, Strategy, Survive, Unit};
use policies::schedule::Cron;
use policies::units::{Capacity, Currency, PerHour, Share, Span, UnitPrice};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::calendar::{self, CalendarError};
use crate::model::{AzureAuth, LaunchApi, LogFormat, LogLevel, StoreEngine};
use crate::problem::quoted;
use crate::raw::field::{Raw, Read, Scalar};

/// A mistake in one value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mistake {
    pub(crate) rule: String,
    pub(crate) hint: Option<String>,
}

impl Mistake {
    fn new(rule: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { rule: rule.into(), hint: Some(hint.into()) }
    }
}

impl From<CalendarError> for Mistake {
    fn from(CalendarError { rule, hint }: CalendarError) -> Self {
        Self::new(rule, hint)
    }
}

/// A kind of single value.
pub(crate) trait Kind {
    /// What it means.
    type Value;

    /// What is wanted, for a message.
    const WANTED: &'static str;

    /// The value, or what is wrong with it.
    fn parse(scalar: &Scalar) -> Result<Self::Value, Mistake>;

    /// Its JSON schema. The title is the type that the reference page names.
    fn schema() -> Schema;
}

/// A single value, parsed when it is lowered: only then is its place known.
pub(crate) struct Leaf<K> {
    pub(crate) scalar: Scalar,
    kind: PhantomData<K>,
}

impl<K> From<Scalar> for Leaf<K> {
    fn from(scalar: Scalar) -> Self {
        Self { scalar, kind: PhantomData }
    }
}

impl<'de, K: Kind> Raw<'de> for Leaf<K> {
    const WANTED: &'static str = K::WANTED;

    fn from_default(text: &'static str) -> Option<Self> {
        let number = text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit());
        Some(Self::from(match text {
            "true" => Scalar::Flag(true),
            "false" => Scalar::Flag(false),
            _ if number => Scalar::Number(text.into()),
            _ => Scalar::Text(text.into()),
        }))
    }

    fn from_scalar(scalar: Scalar) -> Read<Self> {
        if scalar == Scalar::Nothing { Err(scalar.found()) } else { Ok((Self::from(scalar), Vec::new())) }
    }
}

impl<K: Kind> JsonSchema for Leaf<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        K::WANTED.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        K::schema()
    }
}

/// The mistake of a wrong kind of value.
fn wrong(wanted: &str, scalar: &Scalar) -> Mistake {
    let found = scalar.found().name();
    Mistake { rule: format!("expected {wanted}, found {found}"), hint: None }
}

/// Text. A number or a flag must be quoted, so that what is meant is what is read.
pub(crate) enum Text {}

impl Kind for Text {
    type Value = String;
    const WANTED: &'static str = "text";

    fn parse(scalar: &Scalar) -> Result<String, Mistake> {
        match scalar {
            Scalar::Text(text) => Ok(text.clone()),
            Scalar::Number(text) => Err(Mistake::new("expected text, found a number", format!("quote it: \"{text}\""))),
            Scalar::Flag(flag) => {
                Err(Mistake::new(format!("expected text, found {flag}"), format!("quote it: \"{flag}\"")))
            }
            Scalar::Nothing => Err(wrong(Self::WANTED, scalar)),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "text"})
    }
}

/// A path of a file or directory.
pub(crate) enum FilePath {}

impl Kind for FilePath {
    type Value = PathBuf;
    const WANTED: &'static str = "a path";

    fn parse(scalar: &Scalar) -> Result<PathBuf, Mistake> {
        let text = Text::parse(scalar)?;
        if text.is_empty() || text.contains('\0') {
            return Err(Mistake::new("this is no path", "give a path; a relative one starts at the fleet file"));
        }
        Ok(PathBuf::from(text))
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "path", "minLength": 1})
    }
}

/// `true` or `false`.
pub(crate) enum Flag {}

impl Kind for Flag {
    type Value = bool;
    const WANTED: &'static str = "true or false";

    fn parse(scalar: &Scalar) -> Result<bool, Mistake> {
        match scalar {
            Scalar::Flag(flag) => Ok(*flag),
            Scalar::Text(text) => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => "write true",
                    "no" | "off" | "n" | "false" => "write false",
                    _ => "write true or false",
                };
                Err(Mistake::new(format!("expected true or false, found the text {}", quoted(text)), meant))
            }
            Scalar::Number(_) | Scalar::Nothing => Err(wrong(Self::WANTED, scalar)),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "boolean", "title": "true or false"})
    }
}

/// A whole number.
pub(crate) enum Count {}

impl Kind for Count {
    type Value = u64;
    const WANTED: &'static str = "a whole number";

    fn parse(scalar: &Scalar) -> Result<u64, Mistake> {
        decimal(scalar, 0, Self::WANTED)
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer", "title": "number", "minimum": 0})
    }
}

/// Capacity in the fleet's unit, with up to three decimals.
pub(crate) enum Units {}

impl Kind for Units {
    type Value = Capacity;
    const WANTED: &'static str = "a number of units such as 12 or 2.5";

    fn parse(scalar: &Scalar) -> Result<Capacity, Mistake> {
        decimal(scalar, 3, Self::WANTED).map(Capacity::from_milli)
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "title": "units", "minimum": 0})
    }
}

/// A number an hour, with up to three decimals.
pub(crate) enum Hourly {}

impl Kind for Hourly {
    type Value = PerHour;
    const WANTED: &'static str = "a number an hour such as 120 or 0.5";

    fn parse(scalar: &Scalar) -> Result<PerHour, Mistake> {
        decimal(scalar, 3, Self::WANTED).map(PerHour::from_milli)
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "title": "number an hour", "exclusiveMinimum": 0})
    }
}

/// Price of a unit of capacity, with up to nine decimals.
pub(crate) enum PerUnitHour {}

impl Kind for PerUnitHour {
    type Value = UnitPrice;
    const WANTED: &'static str = "an amount of money such as 0.50";

    fn parse(scalar: &Scalar) -> Result<UnitPrice, Mistake> {
        decimal(scalar, 9, Self::WANTED).map(UnitPrice::from_nanos)
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "title": "price", "exclusiveMinimum": 0})
    }
}

/// An amount of money in millionths, with up to six decimals.
pub(crate) enum Micros {}

impl Kind for Micros {
    type Value = u64;
    const WANTED: &'static str = "an amount of money such as 0.031";

    fn parse(scalar: &Scalar) -> Result<u64, Mistake> {
        decimal(scalar, 6, Self::WANTED)
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "title": "price", "exclusiveMinimum": 0})
    }
}

/// What one unit of a currency is worth in another, in millionths.
pub(crate) enum Rate {}

impl Kind for Rate {
    type Value = u64;
    const WANTED: &'static str = "a rate of exchange such as 0.14";

    fn parse(scalar: &Scalar) -> Result<u64, Mistake> {
        decimal(scalar, 6, Self::WANTED)
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "title": "rate", "exclusiveMinimum": 0})
    }
}

/// The number times ten to the power of `places`, exactly: it is read from the digits as written. Quotes around it do
/// no harm.
fn decimal(scalar: &Scalar, places: u32, wanted: &str) -> Result<u64, Mistake> {
    let (Scalar::Number(text) | Scalar::Text(text)) = scalar else { return Err(wrong(wanted, scalar)) };
    let refuse = |hint: &str| Err(Mistake::new(format!("expected {wanted}, found {}", quoted(text)), hint));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if text.starts_with('-') {
        return refuse("it cannot be negative");
    }
    if !digits(whole) || !digits(part) || text.is_empty() || text.ends_with('.') {
        return refuse(hint_for_number(text));
    }
    if whole.is_empty() {
        return refuse("write a zero before the point");
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return refuse("write it without the leading zero: some readers of YAML take it for an octal number");
    }
    let part = part.trim_end_matches('0');
    let width = usize::try_from(places).unwrap_or(usize::MAX);
    if part.len() > width {
        return refuse(&match places {
            0 => "it must be a whole number".to_owned(),
            _ => format!("it can have {places} decimals at most"),
        });
    }
    let value = format!("{whole}{part:0<width$}").parse::<u64>();
    // Quantities stay far below the end of the integers, so that sums of them do too.
    let most = u64::MAX / 1_000;
    value.ok().filter(|v| *v <= most).ok_or_else(|| Mistake {
        rule: format!("{} is too large", quoted(text)),
        hint: Some("is a decimal point missing?".into()),
    })
}

fn hint_for_number(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    if text.contains('_') {
        "write it without underscores"
    } else if text.contains(',') {
        "write a point for the decimals, and nothing between thousands"
    } else if text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b") {
        "write it as a decimal number"
    } else if text.contains('e') && text.chars().all(|c| c.is_ascii_digit() || ".e+-".contains(c)) {
        "write it out, without an exponent"
    } else if text.starts_with(['$', '\u{20ac}', '\u{a5}']) || text.ends_with("usd") || text.ends_with("cny") {
        "write the number alone; the currency is `daemon.currency`"
    } else if text.ends_with('%') {
        "a share is not allowed here; write a number"
    } else if text.starts_with('+') {
        "write it without the sign"
    } else {
        "write digits only"
    }
}

/// A share such as `70%`, with up to two decimals.
pub(crate) enum Percent {}

impl Kind for Percent {
    type Value = Share;
    const WANTED: &'static str = "a percentage such as 70%";

    fn parse(scalar: &Scalar) -> Result<Share, Mistake> {
        let text = match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(text) => {
                // A fraction is what many programs want; here it would be a hundredth of what is meant.
                let hint = match decimal(scalar, 2, "") {
                    Ok(hundredths @ 1..100) => format!("write {hundredths}%"),
                    _ => format!("write {text}%"),
                };
                return Err(Mistake::new(format!("expected {}, found the number {text}", Self::WANTED), hint));
            }
            Scalar::Flag(_) | Scalar::Nothing => return Err(wrong(Self::WANTED, scalar)),
        };
        let number = text.strip_suffix('%').map(str::trim_end).ok_or_else(|| {
            Mistake::new(format!("expected {}, found {}", Self::WANTED, quoted(text)), "end it with a percent sign")
        })?;
        let hundredths = decimal(&Scalar::Number(number.to_owned()), 2, Self::WANTED).map_err(|mistake| {
            let rule = format!("expected {}, found {}", Self::WANTED, quoted(text));
            Mistake { rule, ..mistake }
        })?;
        let hundredths = u32::try_from(hundredths)
            .map_err(|_| Mistake::new(format!("{} is too large", quoted(text)), "is a decimal point missing?"))?;
        Ok(Share::from_basis_points(hundredths))
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "percentage", "pattern": r"^[0-9]+(\.[0-9]{1,2})?%$"})
    }
}

/// A length of time such as `90s`, `5m`, `1h30m`, `1d`.
pub(crate) enum Duration {}

impl Kind for Duration {
    type Value = Span;
    const WANTED: &'static str = "a duration such as 90s, 5m or 1h30m";

    fn parse(scalar: &Scalar) -> Result<Span, Mistake> {
        match scalar {
            Scalar::Text(text) => crate::raw::duration::parse(text),
            Scalar::Number(text) => Err(Mistake::new(
                format!("expected {}, found the number {text}", Self::WANTED),
                format!("give it a unit: {text}s is seconds, {text}m is minutes"),
            )),
            Scalar::Flag(_) | Scalar::Nothing => Err(wrong(Self::WANTED, scalar)),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "title": "duration",
            "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
            "minLength": 2
        })
    }
}

/// A cron expression such as `0 8 * * mon-fri`.
pub(crate) enum CronText {}

impl Kind for CronText {
    type Value = Cron;
    const WANTED: &'static str = "a cron expression such as 0 8 * * mon-fri";

    fn parse(scalar: &Scalar) -> Result<Cron, Mistake> {
        let Scalar::Text(text) = scalar else { return Err(wrong(Self::WANTED, scalar)) };
        calendar::cron(text).map_err(Mistake::from)
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "cron expression", "pattern": r"^\s*\S+(\s+\S+){4}\s*$"})
    }
}

/// The name of a time zone.
pub(crate) enum ZoneName {}

impl Kind for ZoneName {
    type Value = String;
    const WANTED: &'static str = "the name of a time zone such as Europe/Berlin";

    fn parse(scalar: &Scalar) -> Result<String, Mistake> {
        let Scalar::Text(text) = scalar else { return Err(wrong(Self::WANTED, scalar)) };
        Ok(text.clone())
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "time zone"})
    }
}

/// An address to listen on.
pub(crate) enum Listen {}

impl Kind for Listen {
    type Value = SocketAddr;
    const WANTED: &'static str = "an IP address with a port such as 127.0.0.1:9464";

    fn parse(scalar: &Scalar) -> Result<SocketAddr, Mistake> {
        let text = Text::parse(scalar)?;
        text.parse().map_err(|_| {
            let hint = match text.as_bytes() {
                [b':', ..] => "name the address too: 127.0.0.1 for this machine only",
                _ if text.starts_with("localhost") => "write 127.0.0.1 for localhost",
                _ if text.parse::<std::net::IpAddr>().is_ok() => "add a port, such as :9464",
                _ => "host names are not looked up here; write the IP address",
            };
            Mistake::new(format!("expected {}, found {}", Self::WANTED, quoted(&text)), hint)
        })
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "title": "address", "pattern": ":[0-9]+$"})
    }
}

/// The version of the format.
pub(crate) enum Version {}

impl Kind for Version {
    type Value = ();
    const WANTED: &'static str = "the version of the format, 1";

    fn parse(scalar: &Scalar) -> Result<(), Mistake> {
        match scalar {
            Scalar::Number(text) if text == "1" => Ok(()),
            Scalar::Number(text) => Err(Mistake::new(
                format!("version {text} of the format is not known"),
                "this spotfleet reads version 1; a newer one may be needed",
            )),
            _ => Err(Mistake::new(format!("expected {}, found {}", Self::WANTED, scalar.found().name()), "write 1")),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer", "title": "1", "const": 1})
    }
}

/// One of a few words.
pub(crate) trait Choice: Copy + 'static {
    const WANTED: &'static str;
    const ALL: &'static [(&'static str, Self)];
}

/// A word of `T`.
pub(crate) struct OneOf<T>(PhantomData<T>);

impl<T: Choice> Kind for OneOf<T> {
    type Value = T;
    const WANTED: &'static str = T::WANTED;

    fn parse(scalar: &Scalar) -> Result<T, Mistake> {
        let Scalar::Text(text) = scalar else { return Err(wrong(T::WANTED, scalar)) };
        if let Some((_, value)) = T::ALL.iter().find(|(name, _)| name == text) {
            return Ok(*value);
        }
        let rule = format!("expected {}, found {}", T::WANTED, quoted(text));
        let near = crate::hints::nearest(text, T::ALL.iter().map(|(name, _)| *name));
        Err(Mistake { rule, hint: near.map(|name| format!("did you mean `{name}`?")) })
    }

    fn schema() -> Schema {
        let names: Vec<&str> = T::ALL.iter().map(|(name, _)| *name).collect();
        let title = match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.join(""),
        };
        json_schema!({"type": "string", "title": title, "enum": names})
    }
}

macro_rules! choices {
    ($( $name:ty, $wanted:literal: $( $text:literal => $value:expr ),+; )*) => { $(
        impl Choice for $name {
            const WANTED: &'static str = $wanted;
            const ALL: &'static [(&'static str, Self)] = &[$( ($text, $value) ),+];
        }
    )* };
}

/// The order in which machines go: there is one in this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    SpotFirst,
}

choices! {
    AtLimit, "`alert`, `freeze` or `shed-spot`":
        "alert" => AtLimit::Alert, "freeze" => AtLimit::Freeze, "shed-spot" => AtLimit::ShedSpot;
    Strategy, "`price-capacity`, `lowest-price`, `capacity` or `diversified`":
        "price-capacity" => Self::PriceCapacity, "lowest-price" => Self::LowestPrice, "capacity" => Self::Capacity,
        "diversified" => Self::Diversified;
    Survive, "`zone`, `region` or `provider`":
        "zone" => Self::Zone, "region" => Self::Region, "provider" => Self::Provider;
    OrphanAction, "`report` or `end`": "report" => Self::Report, "end" => Self::End;
    Unit, "`instance`, `vcpu` or `gpu`":
        "instance" => Self::Instance, "vcpu" => Self::Vcpu, "gpu" => Self::Gpu;
    Market, "`spot` or `on-demand`": "spot" => Self::Spot, "on-demand" => Self::OnDemand;
    Currency, "`USD` or `CNY`": "USD" => Self::Usd, "CNY" => Self::Cny;
    StoreEngine, "`sled` or `redb`": "sled" => Self::Sled, "redb" => Self::Redb;
    LogFormat, "`text` or `json`": "text" => Self::Text, "json" => Self::Json;
    LogLevel, "`error`, `warn`, `info`, `debug` or `trace`":
        "error" => Self::Error, "warn" => Self::Warn, "info" => Self::Info, "debug" => Self::Debug,
        "trace" => Self::Trace;
    LaunchApi, "`create-fleet` or `run-instances`":
        "create-fleet" => Self::CreateFleet, "run-instances" => Self::RunInstances;
    AzureAuth, "`managed-identity`, `client-secret` or `workload-identity`":
        "managed-identity" => Self::ManagedIdentity, "client-secret" => Self::ClientSecret,
        "workload-identity" => Self::WorkloadIdentity;
    Order, "`spot-first`": "spot-first" => Self::SpotFirst;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Scalar {
        Scalar::Number(text.into())
    }

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.into())
    }

    #[test]
    fn money_is_read_from_its_digits() {
        assert_eq!(Micros::parse(&number("0.031")), Ok(31_000));
        assert_eq!(Micros::parse(&text("12")), Ok(12_000_000));
        assert_eq!(Micros::parse(&number("0.1000000")), Ok(100_000));
        assert_eq!(PerUnitHour::parse(&number("0.000000001")), Ok(UnitPrice::from_nanos(1)));
        assert_eq!(Units::parse(&number("2.5")), Ok(Capacity::from_milli(2_500)));
    }

    #[test]
    fn a_number_that_is_none_gets_a_fitting_hint() {
        for (written, expected) in [
            ("1_000", "write it without underscores"),
            ("1,5", "write a point for the decimals, and nothing between thousands"),
            ("010", "write it without the leading zero: some readers of YAML take it for an octal number"),
            ("0x10", "write it as a decimal number"),
            ("1e3", "write it out, without an exponent"),
            ("-1", "it cannot be negative"),
            ("1.5", "it must be a whole number"),
            (".5", "write a zero before the point"),
            ("5.", "write digits only"),
            ("", "write digits only"),
            ("many", "write digits only"),
            ("99999999999999999999", "is a decimal point missing?"),
        ] {
            assert_eq!(Count::parse(&number(written)).unwrap_err().hint.as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn a_percentage_needs_its_sign() {
        assert_eq!(Percent::parse(&text("70%")), Ok(Share::percent(70)));
        assert_eq!(Percent::parse(&text("12.5 %")), Ok(Share::from_basis_points(1_250)));
        for (scalar, hint) in [
            (number("0.7"), "write 70%"),
            (number("70"), "write 70%"),
            (text("70"), "end it with a percent sign"),
            (text("7e1%"), "write it out, without an exponent"),
        ] {
            assert_eq!(Percent::parse(&scalar).unwrap_err().hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn a_word_that_is_nearly_right_is_suggested() {
        assert_eq!(OneOf::<Market>::parse(&text("on-demand")), Ok(Market::OnDemand));
        let mistake = OneOf::<Market>::parse(&text("ondemand")).unwrap_err();
        assert_eq!(mistake.rule, "expected `spot` or `on-demand`, found `ondemand`");
        assert_eq!(mistake.hint.as_deref(), Some("did you mean `on-demand`?"));
    }

    #[test]
    fn text_that_yaml_takes_for_something_else_must_be_quoted() {
        assert_eq!(Text::parse(&text("no")), Ok("no".into()));
        assert_eq!(Text::parse(&number("1.10")).unwrap_err().hint.as_deref(), Some("quote it: \"1.10\""));
        assert_eq!(Flag::parse(&text("yes")).unwrap_err().hint.as_deref(), Some("write true"));
    }
}
