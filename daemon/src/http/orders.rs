//! `POST /api/v1/orders`: what the operator tells the running daemon.
//!
//! Without `daemon.operator_token` in the fleet file no orders are taken, on loopback neither: every program and every web
//! page that is open on the host could send them. Whoever comes here has that token: see [`super::guard::operate`].

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use policies::control::Refusal;
use policies::control::orders::{Order, Setting, Slot, What};
use policies::units::{Capacity, Span};
use tokio::sync::oneshot;

use super::{Sources, problem, view};
use crate::shell::{self, Ask};

/// The longest time that an order may stand for: longer is a change of the fleet file.
const LONGEST: Span = Span::from_hours(31 * 24);

/// As in the fleet file: beyond it a unit was mistaken.
const MOST_UNITS: Capacity = Capacity::units(10_000_000);

pub(super) async fn order(
    State(sources): State<Sources>,
    request: Result<Json<view::OrderRequest>, JsonRejection>,
) -> Response {
    let order = match request {
        Ok(Json(request)) => match order_of(request) {
            Ok(order) => order,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error),
        },
        Err(rejection) => return problem(rejection.status(), &rejection.body_text()),
    };
    let (answer, answered) = oneshot::channel();
    if sources.orders.try_send(shell::Order::Ask(Ask { order, answer })).is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many orders at once: ask again in a second");
    }
    match answered.await {
        Ok(Ok(done)) => Json(view::Ordered { done }).into_response(),
        Ok(Err(refusal)) => problem(status(&refusal), &refusal.to_string()),
        Err(_) => {
            let text = "the daemon ended before the order was on disk: ask it again what stands";
            problem(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

pub(super) fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoFleet(_) | Refusal::NoMachine(_) => StatusCode::NOT_FOUND,
        Refusal::Words => StatusCode::BAD_REQUEST,
        Refusal::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::SeveralMachines(..)
        | Refusal::Leaving(..)
        | Refusal::Protected(_)
        | Refusal::NothingToLift(..)
        | Refusal::NotProtected(_)
        | Refusal::MinAboveMax { .. }
        | Refusal::TooMany => StatusCode::CONFLICT,
    }
}

fn order_of(request: view::OrderRequest) -> Result<Order, String> {
    let view::OrderRequest { order, fleet, instance, units, for_s, by, why } = request;
    let name = order.name();
    let length = match for_s {
        None => None,
        Some(seconds) if (1..=LONGEST.as_millis() / 1_000).contains(&seconds) => Some(Span::from_secs(seconds)),
        Some(seconds) => return Err(format!("for_s: {seconds} s is not between 1 s and 31 days")),
    };
    let missing = |key: &str| format!("`{name}` needs `{key}`");
    let fleet = || fleet.clone().map(Into::into).ok_or_else(|| missing("fleet"));
    let instance = || instance.clone().map(Into::into).ok_or_else(|| missing("instance"));
    let units = || {
        let units = units.ok_or_else(|| missing("units"))?;
        capacity(units).ok_or_else(|| format!("units: {units} is no capacity: give a number such as 12 or 2.5"))
    };
    let what = match order {
        view::OrderKind::Pause => What::Set(fleet()?, Setting::Pause, length),
        view::OrderKind::Resume => What::Lift(fleet()?, Slot::Pause),
        view::OrderKind::SetMin => What::Set(fleet()?, Setting::Min(units()?), length),
        view::OrderKind::SetMax => What::Set(fleet()?, Setting::Max(units()?), length),
        view::OrderKind::ClearMin => What::Lift(fleet()?, Slot::Min),
        view::OrderKind::ClearMax => What::Lift(fleet()?, Slot::Max),
        view::OrderKind::Protect => What::Protect(instance()?, length),
        view::OrderKind::Unprotect => What::Unprotect(instance()?),
        view::OrderKind::Drain => What::Drain(instance()?),
    };
    Ok(Order { what, by, why })
}

/// Whole thousandths, as near as a float is to them.
fn capacity(units: f64) -> Option<Capacity> {
    let text = format!("{:.3}", units.abs());
    let near: f64 = text.parse().ok()?;
    let exact = (near - units).abs() <= f64::EPSILON * near.max(1.0);
    Capacity::parse(&text).filter(|capacity| exact && *capacity <= MOST_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_whole_thousandths() {
        for (units, milli) in
            [(0.0, 0), (-0.0, 0), (12.0, 12_000), (2.5, 2_500), (1001.0 * 0.001, 1_001), (1e7, 10_000_000_000)]
        {
            assert_eq!(capacity(units), Some(Capacity::from_milli(milli)), "{units}");
        }
        for wrong in [-1.0, -0.001, 0.0001, 2.000_01, 1e7 + 0.001, 1e300, f64::INFINITY, f64::NAN] {
            assert_eq!(capacity(wrong), None, "{wrong}");
        }
    }
}
