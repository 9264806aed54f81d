//! A decision's input that can be kept.

use std::collections::BTreeMap;

use crate::budget::Purse;
use crate::cost::Rates;
use crate::demand::{Demand, History};
use crate::model::{Fleet, Lane, Offer};
use crate::plan::{Closure, Holding, Input, LaneState, Memory};
use crate::units::{Span, Time};

/// An [`Input`] that owns what it rests on: everything that one decision was made of, so that it can be written down and
/// made again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// See [`Input::now`].
    pub now: Time,
    /// See [`Input::fleet`].
    pub fleet: Fleet,
    /// See [`Input::paused`].
    pub paused: bool,
    /// See [`Input::memory`].
    pub memory: Memory,
    /// See [`Input::demand`].
    pub demand: Demand,
    /// See [`Input::history`].
    pub history: History,
    /// See [`Input::holdings`].
    pub holdings: Vec<Holding>,
    /// See [`Input::offers`].
    pub offers: Vec<Offer>,
    /// See [`Input::closures`].
    pub closures: Vec<Closure>,
    /// See [`Input::lanes`].
    pub lanes: BTreeMap<Lane, LaneState>,
    /// See [`Input::rates`].
    pub rates: Rates,
    /// See [`Input::purses`].
    pub purses: Vec<Purse>,
    /// See [`Input::lead`].
    pub lead: Span,
}

impl From<&Input<'_>> for Observation {
    fn from(input: &Input<'_>) -> Self {
        let Input {
            now,
            fleet,
            paused,
            memory,
            demand,
            history,
            holdings,
            offers,
            closures,
            lanes,
            rates,
            purses,
            lead,
        } = *input;
        Self {
            now,
            fleet: fleet.clone(),
            paused,
            memory: memory.clone(),
            demand: demand.clone(),
            history: history.clone(),
            holdings: holdings.to_vec(),
            offers: offers.to_vec(),
            closures: closures.to_vec(),
            lanes: lanes.clone(),
            rates: rates.clone(),
            purses: purses.to_vec(),
            lead,
        }
    }
}

impl Observation {
    /// As what a decision takes.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        let Self {
            now,
            fleet,
            paused,
            memory,
            demand,
            history,
            holdings,
            offers,
            closures,
            lanes,
            rates,
            purses,
            lead,
        } = self;
        Input {
            now: *now,
            fleet,
            paused: *paused,
            memory,
            demand,
            history,
            holdings,
            offers,
            closures,
            lanes,
            rates,
            purses,
            lead: *lead,
        }
    }
}
