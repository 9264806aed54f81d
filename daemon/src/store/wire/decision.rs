//! Parts of decisions as JSON. What this says of a type of the core is a mirror of it: see [`crate::mirror`].

use policies::budget::Left;
use policies::control::decisions::{DecisionPart, Head, KeptStep, Part};
use policies::failure::FailureKind;
use policies::model::{FleetName, InstanceId, Lane, Pool, ScheduleName, SourceName, SpecName, Token};
use policies::plan::{Action, Cause, Kind, LaunchWhy};
use policies::report::{Basis, Because, Limit, Refused, Sizing, Wait};
use policies::schedule::Holder;
use policies::units::{Capacity, Currency, PricePerHour, Share, Span, Time, UnitPrice};
use serde::{Deserialize, Serialize};

use super::NOTE_TEXT_BYTES;
use super::line::cut;
use crate::mirror::{
    BasisPoints, Boxed, CurrencyMirror, KindName, LaneMirror, LeftMirror, Many, Maybe, Micros, Milli, Millis, Mirror,
    Name, Nanos, Pair, PoolMirror, mirrors,
};
use crate::store::MAX_VALUE_BYTES;

/// A part with its numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionLine {
    decision: u64,
    number: u32,
    #[serde(with = "PartMirror")]
    part: Part,
}

impl From<&DecisionPart> for DecisionLine {
    fn from(DecisionPart { decision, number, part }: &DecisionPart) -> Self {
        let mut line = Self { decision: *decision, number: *number, part: part.clone() };
        // A reason is for people, and must not stop the store: first the worst alternatives go, then the reason's end.
        while line.is_large() && line.shorten() {}
        line
    }
}

impl From<DecisionLine> for DecisionPart {
    fn from(DecisionLine { decision, number, part }: DecisionLine) -> Self {
        Self { decision, number, part }
    }
}

impl DecisionLine {
    /// Its record would not fit; some room is left for what stands around it.
    fn is_large(&self) -> bool {
        serde_json::to_vec(self).map_or(0, |json| json.len()) > MAX_VALUE_BYTES - 64
    }

    /// Leaves something out; false when there is nothing to leave out.
    fn shorten(&mut self) -> bool {
        match &mut self.part {
            Part::Step(step) => {
                if step.refused.pop().is_some() {
                    return true;
                }
                let shorter = cut(&step.reason, NOTE_TEXT_BYTES / 2).len();
                let long = shorter < step.reason.len();
                step.reason.truncate(shorter);
                long
            }
            Part::Wait(Wait::NoOffer { refused, .. }) => refused.pop().is_some(),
            Part::Head(head) => head.sizing.limits.pop().is_some(),
            Part::Wait(_) | Part::Budget(_) => false,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Part", rename_all = "kebab-case")]
enum PartMirror {
    Head(#[serde(with = "Boxed::<HeadMirror>")] Box<Head>),
    Step(#[serde(with = "Boxed::<StepMirror>")] Box<KeptStep>),
    Wait(#[serde(with = "WaitMirror")] Wait),
    Budget(#[serde(with = "LeftMirror")] Left),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Head", deny_unknown_fields)]
struct HeadMirror {
    #[serde(with = "Name")]
    fleet: FleetName,
    #[serde(rename = "at_ms", with = "Millis")]
    at: Time,
    #[serde(with = "KindMirror")]
    kind: Kind,
    #[serde(with = "CurrencyMirror")]
    currency: Currency,
    #[serde(rename = "target_milli", with = "Milli")]
    target: Capacity,
    #[serde(with = "SizingMirror")]
    sizing: Sizing,
    #[serde(rename = "held_milli", with = "Milli")]
    held: Capacity,
    #[serde(rename = "held_on_demand_milli", with = "Milli")]
    held_on_demand: Capacity,
    #[serde(rename = "price_before_micros", with = "Micros")]
    price_before: PricePerHour,
    #[serde(rename = "price_after_micros", with = "Micros")]
    price_after: PricePerHour,
    #[serde(rename = "wake_ms", with = "Maybe::<Millis>")]
    wake_at: Option<Time>,
    steps: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Kind", rename_all = "kebab-case")]
enum KindMirror {
    Rest,
    Repair,
    Grow,
    Shrink,
    Move,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Sizing", deny_unknown_fields)]
struct SizingMirror {
    #[serde(rename = "need_milli", with = "Milli")]
    need: Capacity,
    #[serde(with = "BasisMirror")]
    basis: Basis,
    #[serde(
        rename = "others_milli",
        with = "Many::<Pair<Name, Milli>>",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    others: Vec<(SourceName, Capacity)>,
    #[serde(rename = "forecast_milli", with = "Maybe::<Milli>")]
    forecast: Option<Capacity>,
    #[serde(with = "Many::<LimitMirror>")]
    limits: Vec<Limit>,
    #[serde(rename = "target_milli", with = "Milli")]
    target: Capacity,
    #[serde(rename = "previous_milli", with = "Maybe::<Milli>")]
    previous: Option<Capacity>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Basis", rename_all = "kebab-case", deny_unknown_fields)]
enum BasisMirror {
    Queue(#[serde(with = "Name")] SourceName),
    Metric(#[serde(with = "Name")] SourceName),
    Learning(#[serde(with = "Name")] SourceName),
    Forecast,
    Minimum,
    Unread(#[serde(with = "Name")] SourceName),
    MissingHold {
        #[serde(with = "Name")]
        source: SourceName,
        #[serde(rename = "since_ms", with = "Millis")]
        since: Time,
    },
    MissingFallback {
        #[serde(with = "Name")]
        source: SourceName,
        #[serde(rename = "since_ms", with = "Millis")]
        since: Time,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limit", rename_all = "kebab-case")]
enum LimitMirror {
    Headroom(#[serde(with = "BasisPoints")] Share),
    RateUnknown,
    Min,
    Max,
    ScheduleMin(#[serde(with = "HolderMirror")] Holder),
    ScheduleMax(#[serde(with = "HolderMirror")] Holder),
    StepUp,
    StepDown,
    CooldownUp(#[serde(with = "Millis")] Time),
    CooldownDown(#[serde(with = "Millis")] Time),
    IdleGrace(#[serde(with = "Millis")] Time),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Holder", deny_unknown_fields)]
struct HolderMirror {
    #[serde(with = "Name")]
    schedule: ScheduleName,
    #[serde(rename = "until_ms", with = "Maybe::<Millis>")]
    until: Option<Time>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "KeptStep", deny_unknown_fields)]
struct StepMirror {
    #[serde(with = "ActionMirror")]
    action: Action,
    reason: String,
    #[serde(rename = "adds_micros", with = "Micros")]
    adds: PricePerHour,
    #[serde(rename = "saves_micros", with = "Micros")]
    saves: PricePerHour,
    #[serde(with = "Many::<RefusedMirror>")]
    refused: Vec<Refused>,
    #[serde(with = "Maybe::<Name>")]
    token: Option<Token>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Action", rename_all = "kebab-case", deny_unknown_fields)]
enum ActionMirror {
    Launch {
        #[serde(with = "PoolMirror")]
        pool: Pool,
        #[serde(with = "Name")]
        spec: SpecName,
        count: u32,
        #[serde(rename = "units_milli", with = "Milli")]
        units: Capacity,
        #[serde(rename = "price_micros", with = "Micros")]
        price: PricePerHour,
        #[serde(with = "LaunchWhyMirror")]
        why: LaunchWhy,
    },
    Drain {
        #[serde(with = "Name")]
        instance: InstanceId,
        #[serde(with = "PoolMirror")]
        pool: Pool,
        #[serde(rename = "until_ms", with = "Millis")]
        until: Time,
        #[serde(with = "CauseMirror")]
        why: Cause,
    },
    End {
        #[serde(with = "Name")]
        instance: InstanceId,
        #[serde(with = "PoolMirror")]
        pool: Pool,
        #[serde(with = "CauseMirror")]
        why: Cause,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LaunchWhy", rename_all = "kebab-case")]
enum LaunchWhyMirror {
    Base,
    Spot,
    Bridge,
    Survive,
    Move,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Cause", rename_all = "kebab-case")]
enum CauseMirror {
    Interruption,
    Surplus,
    BridgeOver,
    PoolRemoved,
    NeverReady,
    Budget,
    Ordered,
    Orphaned,
    Drained,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Refused", deny_unknown_fields)]
struct RefusedMirror {
    #[serde(with = "PoolMirror")]
    pool: Pool,
    #[serde(rename = "per_unit_nanos", with = "Maybe::<Nanos>")]
    per_unit: Option<UnitPrice>,
    #[serde(with = "BecauseMirror")]
    because: Because,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Because", rename_all = "kebab-case", deny_unknown_fields)]
enum BecauseMirror {
    Worse,
    FailedLately(u32),
    Survive,
    PriceTooOld(#[serde(with = "Millis")] Span),
    Closed {
        #[serde(with = "KindName")]
        kind: FailureKind,
        #[serde(rename = "until_ms", with = "Millis")]
        until: Time,
    },
    AboveCap(#[serde(with = "Nanos")] UnitPrice),
    AboveShareOfOnDemand(#[serde(with = "Nanos")] UnitPrice),
    NoOnDemandPrice,
    NoOffer,
    NoRate,
    PoolFull,
    ZoneFull,
    RegionFull,
    ProviderFull,
    OverMax,
    Unseen,
    NoUnits,
    Base,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Wait", rename_all = "kebab-case", deny_unknown_fields)]
enum WaitMirror {
    Paused,
    LaunchLimit {
        machines: u32,
        limit: u32,
        #[serde(rename = "at_ms", with = "Millis")]
        at: Time,
    },
    Budget {
        machines: u32,
        #[serde(with = "LeftMirror")]
        by: Left,
    },
    Halted {
        failed: u32,
        of: u32,
        #[serde(rename = "at_ms", with = "Millis")]
        at: Time,
    },
    Trial {
        machines: u32,
    },
    Settling {
        machines: u32,
    },
    Unseen(#[serde(with = "LaneMirror")] Lane),
    NoOffer {
        #[serde(with = "LaunchWhyMirror")]
        why: LaunchWhy,
        #[serde(rename = "missing_milli", with = "Milli")]
        missing: Capacity,
        #[serde(with = "Many::<RefusedMirror>")]
        refused: Vec<Refused>,
    },
    Fallback {
        #[serde(rename = "missing_milli", with = "Milli")]
        missing: Capacity,
        #[serde(rename = "at_ms", with = "Millis")]
        at: Time,
    },
    Moves {
        machines: u32,
        #[serde(rename = "at_ms", with = "Millis")]
        at: Time,
    },
    Young {
        machines: u32,
        #[serde(rename = "at_ms", with = "Millis")]
        at: Time,
    },
    Draining {
        machines: u32,
        #[serde(rename = "first_ms", with = "Millis")]
        first: Time,
    },
}

mirrors! {
    HeadMirror => Head,
    StepMirror => KeptStep,
    LimitMirror => Limit,
    RefusedMirror => Refused,
}
