//! `POST /api/v1/workers`: what workers say of themselves.
//!
//! The loop answers, and not the last snapshot: a worker that is told that its machine stays may take work.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use policies::control::Word;
use policies::control::workers::WORD_LASTS;
use policies::plan::Work;
use policies::units::Span;
use tokio::sync::oneshot;

use super::orders::status;
use super::{Sources, problem, view};
use crate::shell::{self, Tell};

/// The longest time that a word is believed: beyond it a machine that nobody hears of would pass for busy.
const LONGEST: Span = Span::from_hours(24);

pub(super) async fn word(
    State(sources): State<Sources>,
    request: Result<Json<view::WorkerRequest>, JsonRejection>,
) -> Response {
    let word = match request {
        Ok(Json(request)) => match word_of(request) {
            Ok(word) => word,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error),
        },
        Err(rejection) => return problem(rejection.status(), &rejection.body_text()),
    };
    let (answer, answered) = oneshot::channel();
    if sources.orders.try_send(shell::Order::Tell(Tell { word, answer })).is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many words at once: say it again in a second");
    }
    match answered.await {
        Ok(Ok(leaving)) => Json(view::WorkerAnswer::from(leaving)).into_response(),
        Ok(Err(refusal)) => problem(status(&refusal), &refusal.to_string()),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the daemon ended: say it again"),
    }
}

fn word_of(request: view::WorkerRequest) -> Result<Word, String> {
    let view::WorkerRequest { instance, state, ttl_s } = request;
    let lasts = match ttl_s {
        None => WORD_LASTS,
        Some(seconds) if (1..=LONGEST.as_millis() / 1_000).contains(&seconds) => Span::from_secs(seconds),
        Some(seconds) => return Err(format!("ttl_s: {seconds} s is not between 1 s and one day")),
    };
    if !(1..=200).contains(&instance.chars().count()) {
        return Err("instance: give the provider's id of the machine".to_owned());
    }
    let work = match state {
        view::Work::Unknown => Work::Unknown,
        view::Work::Idle => Work::Idle,
        view::Work::Busy => Work::Busy,
    };
    Ok(Word { instance: instance.into(), work, lasts })
}
