//! Need at future moments, as quantiles.

use crate::demand::History;
use crate::units::{Capacity, Share, Span, Time};

/// Need at horizons, as quantiles. Made by one or several methods; the reader does not know which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// The method that made it, for reports.
    pub method: &'static str,
    /// One per horizon asked for, in the order asked.
    pub points: Vec<Point>,
}

/// The forecast for one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// How far ahead.
    pub ahead: Span,
    /// The value of each quantile asked for, in the order asked.
    pub quantiles: Vec<(Share, Capacity)>,
}

/// The forecast from hours seen so far; `None` while there are fewer than two days of them.
#[must_use]
pub fn forecast(history: &History, now: Time, ahead: &[Span], quantiles: &[Share]) -> Option<Forecast> {
    let _ = (history, now, ahead, quantiles);
    None
}
