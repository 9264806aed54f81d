//! The guard around every provider: deadline, rate limit, metrics and a span for each call. It is the only wrapper,
//! so that an adapter has none of these, and it decides nothing: no retry, no cache, no queue.
//!
//! What a passed deadline means depends on the call. The request of a launch or a terminate may have arrived, and
//! dropping our end of it does not take it back: `Ambiguous`. Reads change nothing: `Unavailable`. A call that does
//! not get a token of the rate limit in time was never made: `Paced`.
//!
//! Cancellation: the future of a guarded call may be dropped at any time. Then the call is counted as `cancelled`, at
//! most a token of the rate limit is lost, and the caller must treat a launch or a terminate as `Ambiguous`.

use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry::metrics::Meter;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{Capabilities, Instance, InstanceId, Notice, Offer, Pool, ProviderName, Region};
use policies::units::{Span, Time};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;
use tracing::field::Empty;

use crate::{Order, PriceHistory, Provider, Signal};

mod meter;
mod rates;

use meter::{Instruments, outcome};
use rates::Buckets;
pub use rates::{CallClass, Rate, Rates};

/// How much longer a call for notices may take than any other, because it may wait for one. The longest wait of a
/// cloud's queue is 20 s (SQS long polling); an adapter that polls waits up to its own interval, which is less than
/// this.
pub const NOTICE_WAIT: Span = Span::from_secs(60);

/// A provider behind deadline, rate limit, metrics and spans.
///
/// Invariant: a call returns within [`Capabilities::call_deadline`] (for notices, [`NOTICE_WAIT`] more), the wait for
/// the rate limit included. That is what lets [`Capabilities::settle_window`] count from the moment a call was given
/// out. It holds as long as the adapter does not block its thread.
pub struct Guarded<P: Provider + ?Sized = dyn Provider> {
    inner: Arc<P>,
    buckets: Buckets,
    instruments: Instruments,
    notice_wait: Duration,
}

impl<P: Provider + ?Sized> Guarded<P> {
    /// Guards this provider with its own [rates](Provider::rates), counting by the global meter. The global meter
    /// provider must be set before, else nothing is counted.
    #[must_use]
    pub fn new(inner: Arc<P>) -> Self {
        Self::metered(inner, &opentelemetry::global::meter("spotfleet"))
    }

    /// The same, counting by this meter.
    #[must_use]
    pub fn metered(inner: Arc<P>, meter: &Meter) -> Self {
        let buckets = Buckets::new(inner.rates());
        let instruments = Instruments::new(meter, inner.name().clone());
        Self { inner, buckets, instruments, notice_wait: Duration::from_millis(NOTICE_WAIT.as_millis()) }
    }

    /// Makes one call: waits for a token, then for the answer, both within the deadline. `work` is not polled before
    /// the token is there, so a call that gets none has not left.
    async fn call<T>(
        &self,
        class: CallClass,
        region: Option<&Region>,
        order: Option<&Order>,
        work: impl Future<Output = Result<T, Failure>> + Send,
        judge: impl Fn(&T) -> &'static str + Send,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let mut deadline = Duration::from_millis(self.inner.capabilities().call_deadline.as_millis());
        if class == CallClass::Notice {
            deadline += self.notice_wait;
        }
        let mut watch = self.instruments.watch(class);
        let span = self.span(class, region, order);
        let result = async {
            self.wait_for_token(class, region, began, deadline).await?;
            tracing::Span::current()
                .record("waited_ms", u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            timeout_at(began + deadline, work).await.unwrap_or_else(|_| Err(no_answer(class, deadline)))
        }
        .instrument(span.clone())
        .await;
        let outcome = match &result {
            Ok(answer) => judge(answer),
            Err(failure) => failure.kind.name(),
        };
        span.record("outcome", outcome);
        watch.ended(outcome);
        result
    }

    /// Waits at most half the deadline: a call that left with less time than that would only time out, and a launch
    /// that timed out costs a whole settle window.
    async fn wait_for_token(
        &self,
        class: CallClass,
        region: Option<&Region>,
        began: Instant,
        deadline: Duration,
    ) -> Result<(), Failure> {
        while let Err(wait) = self.buckets.take(class, region) {
            if began.elapsed() + wait > deadline / 2 {
                let wait = Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1));
                let text = format!("our own limit of {} calls is used up for {wait}; nothing was sent", class.name());
                let mut failure = Failure::new(FailureKind::Paced, class.name(), "rate-limit", &text);
                failure.retry_after = Some(wait);
                return Err(failure);
            }
            sleep(wait).await;
        }
        Ok(())
    }

    /// One span a call. The fields that only some calls have are empty in the others.
    fn span(&self, class: CallClass, region: Option<&Region>, order: Option<&Order>) -> tracing::Span {
        let span = tracing::info_span!(
            "provider_call",
            provider = %self.inner.name(),
            class = class.name(),
            region = Empty,
            pool = Empty,
            token = Empty,
            count = Empty,
            waited_ms = Empty,
            outcome = Empty,
        );
        if let Some(region) = region {
            span.record("region", region.as_str());
        }
        if let Some(order) = order {
            span.record("pool", order.pool.to_string())
                .record("token", order.token.as_str())
                .record("count", order.count);
        }
        span
    }
}

/// The failure of a call that had not been answered at its deadline.
fn no_answer(class: CallClass, deadline: Duration) -> Failure {
    let (kind, end) = if class.changes_machines() {
        (FailureKind::Ambiguous, "it may have been carried out")
    } else {
        (FailureKind::Unavailable, "reading again does no harm")
    };
    let after = Span::from_millis(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    Failure::new(kind, class.name(), "deadline", &format!("no answer within {after}; {end}"))
}

#[async_trait]
impl<P: Provider + ?Sized> Provider for Guarded<P> {
    fn name(&self) -> &ProviderName {
        self.inner.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn rates(&self) -> Rates {
        self.inner.rates()
    }

    async fn offers(&self, region: &Region, pools: &[Pool]) -> Result<Vec<Result<Offer, (Pool, Failure)>>, Failure> {
        let work = self.inner.offers(region, pools);
        self.call(CallClass::Price, Some(region), None, work, |offers| {
            let done = offers.iter().filter(|o| o.is_ok()).count();
            outcome(done, offers.iter().filter_map(|o| o.as_ref().err().map(|(_, failure)| failure)))
        })
        .await
    }

    async fn price_history(
        &self,
        region: &Region,
        pools: &[Pool],
        since: Time,
    ) -> Result<Option<Vec<PriceHistory>>, Failure> {
        let work = self.inner.price_history(region, pools, since);
        self.call(CallClass::Price, Some(region), None, work, |_| "ok").await
    }

    async fn signals(&self, region: &Region, pools: &[Pool]) -> Result<Option<Vec<(Pool, Signal)>>, Failure> {
        self.call(CallClass::Price, Some(region), None, self.inner.signals(region, pools), |_| "ok").await
    }

    async fn instances(&self, region: &Region) -> Result<Vec<Instance>, Failure> {
        self.call(CallClass::Read, Some(region), None, self.inner.instances(region), |_| "ok").await
    }

    async fn notices(&self) -> Result<Vec<Notice>, Failure> {
        self.call(CallClass::Notice, None, None, self.inner.notices(), |_| "ok").await
    }

    async fn launch(&self, order: &Order) -> Result<Launched, Failure> {
        let work = self.inner.launch(order);
        self.call(CallClass::Launch, Some(order.pool.region()), Some(order), work, |launched| {
            outcome(launched.ids.len(), launched.shortfall.iter())
        })
        .await
    }

    async fn terminate(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Result<(), Failure>)>, Failure> {
        let work = self.inner.terminate(region, ids);
        self.call(CallClass::Terminate, Some(region), None, work, |ended| {
            let done = ended.iter().filter(|(_, result)| result.is_ok()).count();
            outcome(done, ended.iter().filter_map(|(_, result)| result.as_ref().err()))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
