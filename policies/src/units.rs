//! Integers with units: time, capacity, prices, money, shares, rates.
//!
//! Arithmetic saturates: an absurd input gives an absurd but ordered quantity, never a panic and never a
//! wrapped-around small one. No floating point, so that every platform decides alike.

use core::fmt;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Time(i64);

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Span(u64);

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The moment so many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let ms = self.0.saturating_sub(earlier.0);
        Span(if ms < 0 { 0 } else { ms.unsigned_abs() })
    }

    /// This moment moved later.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This moment moved earlier.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000))
    }

    /// So many minutes.
    #[must_use]
    pub const fn from_mins(m: u64) -> Self {
        Self(m.saturating_mul(60_000))
    }

    /// So many hours.
    #[must_use]
    pub const fn from_hours(h: u64) -> Self {
        Self(h.saturating_mul(3_600_000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The sum of two lengths.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This length so many times over.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

/// `90s`, `5m`, `1h30m`, `2d`: the form of the fleet file, exact to the millisecond.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            let n = rest / ms;
            if n > 0 {
                write!(f, "{n}{unit}")?;
                rest %= ms;
            }
        }
        Ok(())
    }
}

/// Capacity in thousandths of the fleet's unit (instance, vCPU, GPU or weight).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Capacity(u64);

impl Capacity {
    /// No capacity.
    pub const ZERO: Self = Self(0);
    /// One unit.
    pub const ONE: Self = Self(1_000);

    /// Whole units.
    #[must_use]
    pub const fn units(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// The capacity with this printed form: a whole number, or one with up to three decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return None;
        }
        format!("{whole}{part:0<3}").parse().ok().map(Self)
    }

    /// Thousandths of a unit.
    #[must_use]
    pub const fn from_milli(n: u64) -> Self {
        Self(n)
    }

    /// Thousandths of a unit.
    #[must_use]
    pub const fn milli(self) -> u64 {
        self.0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left after taking `other` away; never less than nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many of this.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// How many machines of `each` units cover this, rounded up; 0 when `each` is nothing.
    #[must_use]
    pub const fn machines_of(self, each: Self) -> u64 {
        if each.0 == 0 { 0 } else { self.0.div_ceil(each.0) }
    }

    /// How many machines of `each` units fit into this, rounded down; 0 when `each` is nothing.
    #[must_use]
    pub const fn machines_within(self, each: Self) -> u64 {
        match self.0.checked_div(each.0) {
            Some(n) => n,
            None => 0,
        }
    }

    /// Up to the next whole unit.
    #[must_use]
    pub const fn ceil(self) -> Self {
        Self(self.0.div_ceil(1_000).saturating_mul(1_000))
    }

    /// True when this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl core::iter::Sum for Capacity {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = decimal(self.0, 3, 0);
        f.pad(&text)
    }
}

/// `value / 10^scale` as a decimal with at least `keep` places and no further trailing zeros.
fn decimal(value: u64, scale: u32, keep: usize) -> String {
    let one = 10_u64.pow(scale);
    let mut places = format!("{:0width$}", value % one, width = scale as usize);
    while places.len() > keep && places.ends_with('0') {
        places.pop();
    }
    let whole = value / one;
    if places.is_empty() { whole.to_string() } else { format!("{whole}.{places}") }
}

/// Currency of a price list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Currency {
    /// United States dollar.
    Usd,
    /// Chinese yuan (PPIO, AWS China).
    Cny,
}

impl Currency {
    /// The ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Cny => "CNY",
        }
    }

    /// What stands before an amount: `$` or `¥`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Cny => "¥",
        }
    }
}

/// What a price list says for one machine: millionths of its currency per hour. It is compared or added only
/// after [`crate::cost::Rates::convert`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ListPrice {
    /// Millionths of the currency per machine-hour.
    pub micros: u64,
    /// In which currency.
    pub currency: Currency,
}

impl ListPrice {
    /// A price in US dollars.
    #[must_use]
    pub const fn usd(micros: u64) -> Self {
        Self { micros, currency: Currency::Usd }
    }
}

/// Price of one machine in the reporting currency: millionths per hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct PricePerHour(u64);

impl PricePerHour {
    /// Free.
    pub const ZERO: Self = Self(0);

    /// Millionths of the reporting currency per hour.
    #[must_use]
    pub const fn from_micros(n: u64) -> Self {
        Self(n)
    }

    /// Millionths of the reporting currency per hour.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The price of so many machines.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// Price of one unit when a machine brings `units`, rounded down to a billionth; the dearest price there is
    /// when it brings nothing.
    #[must_use]
    pub fn per_unit(self, units: Capacity) -> UnitPrice {
        if units.is_zero() {
            return UnitPrice(u64::MAX);
        }
        let nanos = u128::from(self.0) * 1_000_000 / u128::from(units.milli());
        UnitPrice(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// What this saves against `whole`, in hundredths of a percent of it, rounded towards zero; negative when it is dearer.
    /// `None`: nothing is saved of nothing.
    #[must_use]
    pub fn saving(self, whole: Self) -> Option<i64> {
        let saved = i128::from(whole.0) - i128::from(self.0);
        let share = (saved * 10_000).checked_div(i128::from(whole.0))?;
        Some(i64::try_from(share).unwrap_or(i64::MIN))
    }

    /// What running for `span` costs, rounded up to a millionth.
    #[must_use]
    pub fn over(self, span: Span) -> Money {
        let micros = (u128::from(self.0) * u128::from(span.as_millis())).div_ceil(3_600_000);
        Money(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl core::iter::Sum for PricePerHour {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::plus)
    }
}

/// At least four places: `0.0310`, `12.0000`.
impl fmt::Display for PricePerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal(self.0, 6, 4))
    }
}

/// Price of one unit of capacity in the reporting currency: billionths per unit-hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct UnitPrice(u64);

impl UnitPrice {
    /// Billionths of the reporting currency per unit-hour.
    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    /// Billionths of the reporting currency per unit-hour.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// A share of this, rounded down.
    #[must_use]
    pub fn share(self, share: Share) -> Self {
        let nanos = u128::from(self.0) * u128::from(share.basis_points()) / 10_000;
        Self(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// At least four places, as [`PricePerHour`].
impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal(self.0 / 1_000, 6, 4))
    }
}

/// An amount in the reporting currency: millionths; may be negative (a saving).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Millionths of the reporting currency.
    #[must_use]
    pub const fn from_micros(n: i64) -> Self {
        Self(n)
    }

    /// Millionths of the reporting currency.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// At least two places: `3.50`, `-0.0042`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}", decimal(self.0.unsigned_abs(), 6, 2)))
    }
}

/// A share in hundredths of a percent; may exceed 100 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(10_000);

    /// So many percent.
    #[must_use]
    pub const fn percent(n: u32) -> Self {
        Self(n.saturating_mul(100))
    }

    /// Hundredths of a percent.
    #[must_use]
    pub const fn from_basis_points(n: u32) -> Self {
        Self(n)
    }

    /// Hundredths of a percent.
    #[must_use]
    pub const fn basis_points(self) -> u32 {
        self.0
    }

    /// This share of a capacity, rounded down to a thousandth.
    #[must_use]
    pub fn of(self, whole: Capacity) -> Capacity {
        let milli = u128::from(whole.milli()) * u128::from(self.0) / 10_000;
        Capacity::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }
}

/// `70%`, `12.5%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", decimal(u64::from(self.0), 2, 0)))
    }
}

/// A rate in thousandths per hour: jobs arriving, or jobs one unit does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct PerHour(u64);

impl PerHour {
    /// Nothing happens.
    pub const ZERO: Self = Self(0);

    /// So many an hour.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// Thousandths an hour.
    #[must_use]
    pub const fn from_milli(n: u64) -> Self {
        Self(n)
    }

    /// Thousandths an hour.
    #[must_use]
    pub const fn milli(self) -> u64 {
        self.0
    }
}

impl fmt::Display for PerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal(self.0, 3, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_print_as_people_write_them() {
        assert_eq!(Capacity::from_milli(12_500).to_string(), "12.5");
        assert_eq!(Capacity::units(12).to_string(), "12");
        assert_eq!(PricePerHour::from_micros(31_000).to_string(), "0.0310");
        assert_eq!(PricePerHour::from_micros(31_005).to_string(), "0.031005");
        assert_eq!(Money::from_micros(-4_200).to_string(), "-0.0042");
        assert_eq!(Share::from_basis_points(1_250).to_string(), "12.5%");
        assert_eq!(Span::from_secs(5_400).to_string(), "1h30m");
        assert_eq!(Span::from_millis(1_500).to_string(), "1s500ms");
    }

    #[test]
    fn a_price_per_unit_keeps_what_a_micro_would_lose() {
        let small = PricePerHour::from_micros(3_600).per_unit(Capacity::units(32));
        assert_eq!(small.nanos(), 112_500);
        assert_eq!(PricePerHour::from_micros(1).per_unit(Capacity::ZERO), UnitPrice::from_nanos(u64::MAX));
    }

    #[test]
    fn machines_cover_or_fit() {
        assert_eq!(Capacity::units(10).machines_of(Capacity::units(4)), 3);
        assert_eq!(Capacity::units(10).machines_within(Capacity::units(4)), 2);
        assert_eq!(Capacity::units(10).machines_of(Capacity::ZERO), 0);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Time::from_millis(5).since(Time::from_millis(9)), Span::ZERO);
        assert_eq!(Capacity::units(1).minus(Capacity::units(2)), Capacity::ZERO);
        assert_eq!(PricePerHour::from_micros(u64::MAX).over(Span::from_hours(2)).micros(), i64::MAX);
    }

    #[test]
    fn a_capacity_reads_back_as_it_prints() {
        for milli in [0, 1, 10, 250, 1_000, 2_500, 10_000_000_000] {
            let capacity = Capacity::from_milli(milli);
            assert_eq!(Capacity::parse(&capacity.to_string()), Some(capacity));
        }
        for bad in ["", ".", "1.", ".5", "-1", "1.0005", "1e3", "99999999999999999999"] {
            assert_eq!(Capacity::parse(bad), None, "{bad}");
        }
    }
}
