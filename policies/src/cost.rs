//! The one place where a price list's currency becomes the reporting currency.

use std::collections::BTreeMap;

use crate::units::{Currency, ListPrice, PricePerHour};

/// Rates of exchange into the reporting currency, set by the operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rates {
    reporting: Currency,
    /// Millionths of the reporting currency for one of the key's.
    micros: BTreeMap<Currency, u64>,
}

impl Default for Rates {
    /// US dollars, and no other currency.
    fn default() -> Self {
        Self::new(Currency::Usd, &[])
    }
}

impl Rates {
    /// Report in `reporting`; `others` gives, for each further currency, millionths of the reporting currency for one
    /// of it.
    #[must_use]
    pub fn new(reporting: Currency, others: &[(Currency, u64)]) -> Self {
        let mut micros: BTreeMap<_, _> = others.iter().copied().collect();
        micros.insert(reporting, 1_000_000);
        Self { reporting, micros }
    }

    /// The currency that all reported money is in.
    #[must_use]
    pub fn reporting(&self) -> Currency {
        self.reporting
    }

    /// Each other currency, with the millionths of the reporting one for one of it.
    pub fn others(&self) -> impl Iterator<Item = (Currency, u64)> {
        self.micros
            .iter()
            .map(|(currency, rate)| (*currency, *rate))
            .filter(|(currency, _)| *currency != self.reporting)
    }

    /// The price in the reporting currency, rounded up; `None` when no rate for its currency is configured (such an
    /// offer is refused, never guessed).
    #[must_use]
    pub fn convert(&self, price: ListPrice) -> Option<PricePerHour> {
        let rate = *self.micros.get(&price.currency)?;
        let micros = (u128::from(price.micros) * u128::from(rate)).div_ceil(1_000_000);
        Some(PricePerHour::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_without_a_rate_has_no_conversion() {
        let rates = Rates::default();
        assert_eq!(rates.convert(ListPrice::usd(31_000)), Some(PricePerHour::from_micros(31_000)));
        assert_eq!(rates.convert(ListPrice { micros: 1, currency: Currency::Cny }), None);
        let rates = Rates::new(Currency::Usd, &[(Currency::Cny, 140_000)]);
        let price = rates.convert(ListPrice { micros: 2_000_000, currency: Currency::Cny });
        assert_eq!(price, Some(PricePerHour::from_micros(280_000)));
    }
}
