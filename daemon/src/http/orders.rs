//! `POST /api/v1/orders`: what the operator tells the running daemon.
//!
//! Without `daemon.operator_token` in the fleet file no orders are taken, on loopback neither: every program and every web
//! page that is open on the host could send them.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use policies::control::Refusal;
use policies::control::orders::{Order, Setting, Slot, What};
use policies::units::{Capacity, Span};
use tokio::sync::oneshot;

use super::{Sources, bears, problem, unauthorised, view};
use crate::shell::{self, Ask};

/// The longest time that an order may stand for: longer is a change of the fleet file.
const LONGEST: Span = Span::from_hours(31 * 24);

/// As in the fleet file: beyond it a unit was mistaken.
const MOST_UNITS: Capacity = Capacity::units(10_000_000);

pub(super) async fn order(
    State(sources): State<Sources>,
    headers: HeaderMap,
    request: Result<Json<view::OrderRequest>, JsonRejection>,
) -> Response {
    let Some(token) = &sources.operator_token else {
        let text = "this daemon takes no orders: set `daemon.operator_token` in its fleet file, and start it again";
        return problem(StatusCode::FORBIDDEN, text);
    };
    if !bears(&headers, token) {
        return unauthorised("orders need the operator's token: send `Authorization: Bearer <operator token>`");
    }
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

fn status(refusal: &Refusal) -> StatusCode {
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
        // The text of a float is the shortest that reads back as it.
        let capacity = Capacity::parse(&units.to_string()).filter(|c| *c <= MOST_UNITS);
        capacity.ok_or_else(|| format!("units: {units} is no capacity: give a number such as 12 or 2.5"))
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
