//! Serde for values of the core, which derive none: what the formats share that write such values as they are (decisions
//! in the store, observations in a file). What a record or a file looks like is not here.
//!
//! A mirror of a struct or an enum repeats its definition (`#[serde(remote = "...")]`). A field or a variant that is added
//! in the core then fails to compile in the mirror until somebody has decided what it is in the format.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use policies::budget::{AtLimit, Left, Period, Whose};
use policies::failure::FailureKind;
use policies::model::{
    FleetName, InstanceId, InstanceType, Lane, Market, Pool, ProviderName, Region, ScheduleName, SourceName, SpecName,
    Token, Zone,
};
use policies::units::{Capacity, Currency, Money, PerHour, PricePerHour, Share, Span, Time, UnitPrice};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a `T` is written and read. Named in `#[serde(with = "...")]`, with this trait in scope.
pub(crate) trait Mirror<T> {
    /// Writes it.
    fn serialize<S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error>;
    /// Reads it.
    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<T, D::Error>;
}

/// A mirror that was derived stands for its type.
macro_rules! mirrors {
    ($($mirror:ty => $core:ty),* $(,)?) => {
        $(impl $crate::mirror::Mirror<$core> for $mirror {
            fn serialize<S: serde::Serializer>(value: &$core, to: S) -> Result<S::Ok, S::Error> {
                <$mirror>::serialize(value, to)
            }
            fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<$core, D::Error> {
                <$mirror>::deserialize(from)
            }
        })*
    };
}
pub(crate) use mirrors;

/// A value to be written as `M` does.
struct Shown<'a, T, M>(&'a T, PhantomData<M>);

impl<T, M: Mirror<T>> Serialize for Shown<'_, T, M> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        M::serialize(self.0, to)
    }
}

/// A value that was read as `M` does.
struct Seen<T, M>(T, PhantomData<M>);

impl<'de, T, M: Mirror<T>> Deserialize<'de> for Seen<T, M> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        M::deserialize(from).map(|value| Self(value, PhantomData))
    }
}

/// What may be absent.
pub(crate) struct Maybe<M>(PhantomData<M>);

impl<T, M: Mirror<T>> Mirror<Option<T>> for Maybe<M> {
    fn serialize<S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|value| Shown::<T, M>(value, PhantomData)).serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<Seen<T, M>>::deserialize(from)?.map(|seen| seen.0))
    }
}

/// A list.
pub(crate) struct Many<M>(PhantomData<M>);

impl<T, M: Mirror<T>> Mirror<Vec<T>> for Many<M> {
    fn serialize<S: Serializer>(value: &Vec<T>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(|value| Shown::<T, M>(value, PhantomData)))
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
        Ok(Vec::<Seen<T, M>>::deserialize(from)?.into_iter().map(|seen| seen.0).collect())
    }
}

/// What stands in a box.
pub(crate) struct Boxed<M>(PhantomData<M>);

impl<T, M: Mirror<T>> Mirror<Box<T>> for Boxed<M> {
    fn serialize<S: Serializer>(value: &Box<T>, to: S) -> Result<S::Ok, S::Error> {
        M::serialize(value, to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<T>, D::Error> {
        M::deserialize(from).map(Box::new)
    }
}

/// A pair, as a list of two.
pub(crate) struct Pair<A, B>(PhantomData<(A, B)>);

impl<T, U, A: Mirror<T>, B: Mirror<U>> Mirror<(T, U)> for Pair<A, B> {
    fn serialize<S: Serializer>(value: &(T, U), to: S) -> Result<S::Ok, S::Error> {
        (Shown::<T, A>(&value.0, PhantomData), Shown::<U, B>(&value.1, PhantomData)).serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(T, U), D::Error> {
        let (a, b) = <(Seen<T, A>, Seen<U, B>)>::deserialize(from)?;
        Ok((a.0, b.0))
    }
}

/// A map, as a list of pairs.
pub(crate) struct Map<K, V>(PhantomData<(K, V)>);

impl<T: Ord, U, K: Mirror<T>, V: Mirror<U>> Mirror<BTreeMap<T, U>> for Map<K, V> {
    fn serialize<S: Serializer>(value: &BTreeMap<T, U>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(|(k, v)| (Shown::<T, K>(k, PhantomData), Shown::<U, V>(v, PhantomData))))
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<T, U>, D::Error> {
        let pairs = Vec::<(Seen<T, K>, Seen<U, V>)>::deserialize(from)?;
        Ok(pairs.into_iter().map(|(k, v)| (k.0, v.0)).collect())
    }
}

/// A value as a number.
macro_rules! numbers {
    ($($(#[$doc:meta])* $mirror:ident { $($core:ty: $number:ty = $to:path, $from:path;)* })*) => {
        $($(#[$doc])*
        pub(crate) struct $mirror;
        $(impl Mirror<$core> for $mirror {
            fn serialize<S: Serializer>(value: &$core, to: S) -> Result<S::Ok, S::Error> {
                $to(*value).serialize(to)
            }
            fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$core, D::Error> {
                <$number>::deserialize(from).map($from)
            }
        })*)*
    };
}

numbers! {
    /// Milliseconds.
    Millis {
        Time: i64 = Time::as_millis, Time::from_millis;
        Span: u64 = Span::as_millis, Span::from_millis;
    }
    /// Thousandths.
    Milli {
        Capacity: u64 = Capacity::milli, Capacity::from_milli;
        PerHour: u64 = PerHour::milli, PerHour::from_milli;
    }
    /// Millionths of the currency.
    Micros {
        PricePerHour: u64 = PricePerHour::micros, PricePerHour::from_micros;
        Money: i64 = Money::micros, Money::from_micros;
    }
    /// Thousand-millionths of the currency.
    Nanos {
        UnitPrice: u64 = UnitPrice::nanos, UnitPrice::from_nanos;
    }
    /// Ten-thousandths.
    BasisPoints {
        Share: u32 = Share::basis_points, Share::from_basis_points;
    }
}

/// A name, as text.
pub(crate) struct Name;

macro_rules! names {
    ($($core:ty),* $(,)?) => {
        $(impl Mirror<$core> for Name {
            fn serialize<S: Serializer>(value: &$core, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(value.as_str())
            }
            fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$core, D::Error> {
                String::deserialize(from).map(<$core>::from)
            }
        })*
    };
}

names!(FleetName, InstanceId, InstanceType, ProviderName, Region, ScheduleName, SourceName, SpecName, Token, Zone,);

/// Provider and region.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Lane", deny_unknown_fields)]
pub(crate) struct LaneMirror {
    #[serde(with = "Name")]
    provider: ProviderName,
    #[serde(with = "Name")]
    region: Region,
}

/// A pool, as a list: provider, region, zone, instance type, market.
pub(crate) struct PoolMirror;

#[derive(Serialize, Deserialize)]
struct PoolParts(String, String, String, String, #[serde(with = "MarketMirror")] Market);

impl Mirror<Pool> for PoolMirror {
    fn serialize<S: Serializer>(pool: &Pool, to: S) -> Result<S::Ok, S::Error> {
        PoolParts(
            pool.provider().as_str().to_owned(),
            pool.region().as_str().to_owned(),
            pool.zone().as_str().to_owned(),
            pool.instance_type().as_str().to_owned(),
            pool.market(),
        )
        .serialize(to)
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pool, D::Error> {
        let PoolParts(provider, region, zone, kind, market) = PoolParts::deserialize(from)?;
        Ok(Pool::new(&provider, &region, &zone, &kind, market))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Market", rename_all = "kebab-case")]
pub(crate) enum MarketMirror {
    Spot,
    OnDemand,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Currency", rename_all = "UPPERCASE")]
pub(crate) enum CurrencyMirror {
    Usd,
    Cny,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Whose", rename_all = "kebab-case")]
pub(crate) enum WhoseMirror {
    Fleet,
    All,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Period", rename_all = "kebab-case")]
pub(crate) enum PeriodMirror {
    Hour,
    Day,
    Month,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AtLimit", rename_all = "kebab-case")]
pub(crate) enum AtLimitMirror {
    Alert,
    Freeze,
    ShedSpot,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Left", deny_unknown_fields)]
pub(crate) struct LeftMirror {
    #[serde(with = "WhoseMirror")]
    whose: Whose,
    #[serde(with = "PeriodMirror")]
    period: Period,
    #[serde(rename = "limit_micros", with = "Micros")]
    limit: Money,
    #[serde(rename = "spent_micros", with = "Micros")]
    spent: Money,
    #[serde(rename = "alert_at_bp", with = "BasisPoints")]
    alert_at: Share,
    #[serde(with = "AtLimitMirror")]
    at_limit: AtLimit,
    #[serde(rename = "ends_ms", with = "Maybe::<Millis>")]
    ends: Option<Time>,
}

/// A failure kind, by its name.
pub(crate) struct KindName;

impl Mirror<FailureKind> for KindName {
    fn serialize<S: Serializer>(kind: &FailureKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.name())
    }

    fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FailureKind, D::Error> {
        let name = String::deserialize(from)?;
        FailureKind::from_name(&name)
            .ok_or_else(|| serde::de::Error::custom(format_args!("unknown failure kind {name:?}")))
    }
}

mirrors! {
    LaneMirror => Lane,
    MarketMirror => Market,
    CurrencyMirror => Currency,
    WhoseMirror => Whose,
    PeriodMirror => Period,
    AtLimitMirror => AtLimit,
    LeftMirror => Left,
}
