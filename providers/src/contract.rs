//! The contract: what every provider has to keep, whichever cloud it is, as facts that can be tried.
//!
//! A [`World`] is a provider with a cloud behind it that can be made to misbehave: the simulated cloud, or a test peer
//! on the real wire. [`check`] tries every fact in turn. What a world cannot do is skipped and said so.
//!
//! The controller's safety rests on these facts: an answer is never better than the truth, a listing is whole or a
//! failure, and whatever a launch made can be found by its token.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use policies::control::Launched;
use policies::failure::{Failure, FailureKind};
use policies::model::{FleetName, Instance, InstanceId, NoticeKind, Phase, Pool, Token};
use policies::units::Span;

use crate::{CallClass, LaunchSpec, Order, Provider};

/// How a call goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The cloud refuses it, and nothing happens. The cloud has to say so in a way that means this kind.
    Refuse(FailureKind),
    /// The request does not arrive.
    LoseRequest,
    /// It is carried out, and the answer does not arrive.
    LoseReply,
    /// A launch makes one machine, and says that there is no room for more.
    OneOnly,
}

/// A provider and the cloud behind it. The cloud is not shared: nobody else launches with the provider's owner tag.
#[async_trait]
pub trait World: Send + Sync {
    /// The provider.
    fn provider(&self) -> &dyn Provider;

    /// A spot pool with room for some 20 machines.
    fn spot(&self) -> Pool;

    /// An on-demand pool of the same region with as much room.
    fn on_demand(&self) -> Pool;

    /// What to launch with.
    fn spec(&self) -> Arc<LaunchSpec>;

    /// From now on every call of this class goes so, until [`calm`](Self::calm). False: this world cannot do that.
    async fn inject(&self, class: CallClass, fault: Fault) -> bool;

    /// No call goes wrong any more.
    async fn calm(&self);

    /// A machine of the spot pool that somebody else made, without our owner tag.
    async fn plant_foreign(&self) -> InstanceId;

    /// True when that machine is still there.
    async fn foreign_lives(&self, id: &InstanceId) -> bool;

    /// Launch requests that have reached the cloud so far; `None` where that is not counted.
    async fn launch_requests(&self) -> Option<u64>;

    /// The cloud warns that it takes this machine.
    async fn interrupt(&self, id: &InstanceId);

    /// Lets so much of the cloud's time pass.
    async fn pass(&self, span: Span);
}

/// What came of one fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The fact.
    pub fact: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of trying a fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It holds.
    Kept,
    /// It cannot be tried in this world, or does not apply to this provider.
    Skipped(&'static str),
    /// It does not hold, and what was seen instead.
    Broken(String),
}

/// Why a fact was not kept.
enum Stop {
    Skip(&'static str),
    Break(String),
}

type Fact = Result<(), Stop>;

/// Tries every fact, in order.
pub async fn check(world: &dyn World) -> Vec<Finding> {
    let mut findings = Vec::new();
    macro_rules! try_facts {
        ($($fact:ident),* $(,)?) => {$({
            let verdict = match $fact(world).await {
                Ok(()) => Verdict::Kept,
                Err(Stop::Skip(why)) => Verdict::Skipped(why),
                Err(Stop::Break(what)) => Verdict::Broken(what),
            };
            world.calm().await;
            findings.push(Finding { fact: stringify!($fact), verdict });
        })*};
    }
    try_facts!(
        an_offer_names_its_price_and_shape,
        an_unknown_type_fails_its_own_pool_only,
        a_history_rises_in_time_and_ends_with_the_price_of_now,
        signals_are_of_spot_pools_that_were_asked_for,
        a_launch_carries_its_tags,
        a_listing_shows_every_machine,
        the_same_token_makes_nothing_new,
        a_refusal_makes_nothing_and_is_asked_once,
        a_lost_request_is_ambiguous_and_leaves_nothing,
        a_lost_reply_is_ambiguous_and_found_by_its_token,
        a_partial_launch_says_why,
        a_lost_listing_is_a_failure,
        foreign_machines_do_not_exist,
        ending_is_idempotent_and_gone_is_done,
        one_unknown_id_does_not_save_the_rest,
        a_lost_reply_to_an_end_is_ambiguous,
        a_warning_comes_with_the_machine_and_its_time,
    );
    findings
}

/// The findings that are not [`Kept`](Verdict::Kept), for people.
#[must_use]
pub fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { fact, verdict } in findings {
        match verdict {
            Verdict::Kept => {}
            Verdict::Skipped(why) => text.push_str(&format!("skipped {fact}: {why}\n")),
            Verdict::Broken(what) => text.push_str(&format!("BROKEN  {fact}: {what}\n")),
        }
    }
    text
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Fact {
    if holds { Ok(()) } else { Err(Stop::Break(what())) }
}

fn order(world: &dyn World, pool: &Pool, token: &str, count: u32) -> Order {
    Order {
        token: Token::from(token),
        fleet: FleetName::from("contract"),
        pool: pool.clone(),
        spec: world.spec(),
        count,
    }
}

/// Launches, and expects machines.
async fn launch(world: &dyn World, order: &Order) -> Result<Launched, Stop> {
    let answer = world.provider().launch(order).await;
    answer.map_err(|failure| Stop::Break(format!("launch {}: {failure}", order.token)))
}

/// Launches, and expects a failure of this kind.
async fn refused(world: &dyn World, order: &Order, kind: FailureKind) -> Fact {
    match world.provider().launch(order).await {
        Err(failure) if failure.kind == kind => Ok(()),
        answer => Err(Stop::Break(format!("expected {kind}, got {answer:?}"))),
    }
}

async fn list(world: &dyn World) -> Result<Vec<Instance>, Stop> {
    let listed = world.provider().instances(world.spot().region()).await;
    listed.map_err(|failure| Stop::Break(format!("listing: {failure}")))
}

/// Machines with this token that are not gone or going.
async fn alive(world: &dyn World, token: &str) -> Result<Vec<Instance>, Stop> {
    let token = Some(Token::from(token));
    let lives = |i: &Instance| i.token == token && matches!(i.phase, Phase::Starting | Phase::Running);
    Ok(list(world).await?.into_iter().filter(lives).collect())
}

/// Waits until this many machines with the token are listed: at most the visibility lag, in ten looks.
async fn appear(world: &dyn World, token: &str, count: usize) -> Result<Vec<Instance>, Stop> {
    let lag = world.provider().capabilities().visibility_lag;
    let step = Span::from_millis(lag.as_millis() / 10 + 50);
    let mut found = alive(world, token).await?;
    for _ in 0..10 {
        if found.len() >= count {
            break;
        }
        world.pass(step).await;
        found = alive(world, token).await?;
    }
    ensure(found.len() == count, || format!("{} machines with token {token} instead of {count}", found.len()))?;
    Ok(found)
}

/// Passes the whole settle window and expects no machine with the token.
async fn nothing_appears(world: &dyn World, token: &str) -> Fact {
    world.pass(world.provider().capabilities().settle_window()).await;
    let found = alive(world, token).await?;
    ensure(found.is_empty(), || format!("{} machines with token {token} where none may be", found.len()))
}

type Ended = Vec<(InstanceId, Result<(), Failure>)>;

async fn end(world: &dyn World, ids: &[InstanceId]) -> Result<Ended, Stop> {
    let mut results = Vec::new();
    // The caller keeps to the batch limit; so does this one.
    for batch in ids.chunks(world.provider().capabilities().terminate_batch.max(1) as usize) {
        let ended = world.provider().terminate(world.spot().region(), batch).await;
        results.extend(ended.map_err(|failure| Stop::Break(format!("terminate: {failure}")))?);
    }
    Ok(results)
}

/// Ends machines and expects that each is said to be done, or gone already.
async fn end_all(world: &dyn World, ids: &[InstanceId]) -> Fact {
    let ended = end(world, ids).await?;
    let named: BTreeSet<_> = ended.iter().map(|(id, _)| id).collect();
    ensure(ids.iter().all(|id| named.contains(id)), || format!("not every id is in the answer: {ended:?}"))?;
    let done = |result: &Result<(), Failure>| result.as_ref().map_or_else(|f| f.kind == FailureKind::Gone, |()| true);
    ensure(ended.iter().all(|(_, result)| done(result)), || format!("{ended:?}"))
}

fn ids(instances: &[Instance]) -> Vec<InstanceId> {
    instances.iter().map(|instance| instance.id.clone()).collect()
}

fn capped(world: &dyn World, count: u32) -> u32 {
    count.min(world.provider().capabilities().launch_batch)
}

async fn inject(world: &dyn World, class: CallClass, fault: Fault) -> Fact {
    if world.inject(class, fault).await { Ok(()) } else { Err(Stop::Skip("this world cannot make that fault")) }
}

async fn an_offer_names_its_price_and_shape(world: &dyn World) -> Fact {
    let pools = [world.spot(), world.on_demand()];
    let offers = world.provider().offers(pools[0].region(), &pools).await;
    let offers = offers.map_err(|failure| Stop::Break(failure.to_string()))?;
    ensure(offers.len() == pools.len(), || format!("{} answers for {} pools", offers.len(), pools.len()))?;
    for pool in &pools {
        let offer = offers.iter().flatten().find(|offer| offer.pool == *pool);
        ensure(offer.is_some_and(|o| o.price.micros > 0 && o.shape.vcpus > 0), || format!("{pool}: {offers:?}"))?;
    }
    Ok(())
}

async fn an_unknown_type_fails_its_own_pool_only(world: &dyn World) -> Fact {
    let (known, spot) = (world.on_demand(), world.spot());
    let unknown = Pool::new(
        spot.provider().as_str(),
        spot.region().as_str(),
        spot.zone().as_str(),
        "no-such-type",
        spot.market(),
    );
    let offers = world.provider().offers(spot.region(), &[unknown.clone(), known.clone()]).await;
    let offers = offers.map_err(|failure| Stop::Break(failure.to_string()))?;
    let good = offers.iter().flatten().any(|offer| offer.pool == known);
    let bad = offers.iter().any(|offer| offer.as_ref().is_err_and(|(pool, _)| *pool == unknown));
    ensure(good && bad, || format!("{offers:?}"))
}

async fn a_history_rises_in_time_and_ends_with_the_price_of_now(world: &dyn World) -> Fact {
    let spot = world.spot();
    let broken = |failure: Failure| Stop::Break(failure.to_string());
    let offers = world.provider().offers(spot.region(), std::slice::from_ref(&spot)).await.map_err(broken)?;
    let Some(offer) = offers.iter().flatten().next() else { return Err(Stop::Break(format!("{offers:?}"))) };
    let since = offer.priced_at.minus(Span::from_hours(1));
    let told = world.provider().price_history(spot.region(), std::slice::from_ref(&spot), since).await;
    let Some(told) = told.map_err(broken)? else { return Err(Stop::Skip("this cloud tells no past prices")) };
    let [history] = &told[..] else { return Err(Stop::Break(format!("{} histories of one pool", told.len()))) };
    let times: Vec<_> = history.prices.iter().map(|(at, _)| *at).collect();
    ensure(history.pool == spot && times.is_sorted_by(|a, b| a < b), || format!("{history:?}"))?;
    ensure(times.first().is_some_and(|first| *first <= since), || {
        format!("nothing is told of {since:?}: {history:?}")
    })?;
    let last = history.prices.last().map(|(_, price)| *price);
    ensure(last == Some(offer.price), || format!("offered for {:?}, and the history ends {last:?}", offer.price))
}

async fn signals_are_of_spot_pools_that_were_asked_for(world: &dyn World) -> Fact {
    let (spot, on_demand) = (world.spot(), world.on_demand());
    let told = world.provider().signals(spot.region(), &[spot.clone(), on_demand]).await;
    let told = told.map_err(|failure| Stop::Break(failure.to_string()))?;
    let Some(told) = told else {
        return Err(Stop::Skip("this cloud says nothing of how likely machines are to be had"));
    };
    ensure(!told.is_empty() && told.iter().all(|(pool, _)| *pool == spot), || format!("{told:?}"))
}

async fn a_launch_carries_its_tags(world: &dyn World) -> Fact {
    for (pool, token) in [(world.spot(), "tags-spot"), (world.on_demand(), "tags-on-demand")] {
        let count = capped(world, 2);
        let launched = launch(world, &order(world, &pool, token, count)).await?;
        ensure(launched.ids.len() == count as usize && launched.shortfall.is_none(), || format!("{launched:?}"))?;
        let found = appear(world, token, count as usize).await?;
        let (made, listed): (BTreeSet<_>, BTreeSet<_>) =
            (launched.ids.into_iter().collect(), ids(&found).into_iter().collect());
        ensure(made == listed, || format!("answered {made:?}, listed {listed:?}"))?;
        for machine in &found {
            ensure(machine.pool == pool && machine.fleet.as_str() == "contract", || format!("{machine:?}"))?;
        }
        end_all(world, &ids(&found)).await?;
    }
    Ok(())
}

async fn a_listing_shows_every_machine(world: &dyn World) -> Fact {
    let mut made = BTreeSet::new();
    for n in 0..7 {
        let launched = launch(world, &order(world, &world.spot(), &format!("listing-{n}"), 1)).await?;
        made.extend(launched.ids);
    }
    world.pass(world.provider().capabilities().visibility_lag).await;
    let listed: Vec<_> = list(world).await?.into_iter().map(|instance| instance.id).collect();
    let once: BTreeSet<_> = listed.iter().collect();
    ensure(once.len() == listed.len(), || format!("a machine is listed twice: {listed:?}"))?;
    ensure(made.iter().all(|id| once.contains(id)), || format!("made {made:?}, listed {listed:?}"))?;
    end_all(world, &made.into_iter().collect::<Vec<_>>()).await
}

async fn the_same_token_makes_nothing_new(world: &dyn World) -> Fact {
    if world.provider().capabilities().token_lifetime.is_none() {
        return Err(Stop::Skip("the provider honours no tokens"));
    }
    let count = capped(world, 2);
    let order = order(world, &world.spot(), "same", count);
    let first = launch(world, &order).await?;
    let second = launch(world, &order).await?;
    ensure(first.ids == second.ids, || format!("{first:?}, then {second:?}"))?;
    world.pass(world.provider().capabilities().visibility_lag).await;
    let found = appear(world, "same", count as usize).await?;
    end_all(world, &ids(&found)).await
}

async fn a_refusal_makes_nothing_and_is_asked_once(world: &dyn World) -> Fact {
    let mut tried = 0;
    for kind in FailureKind::ALL {
        if kind == FailureKind::Ambiguous || !world.inject(CallClass::Launch, Fault::Refuse(kind)).await {
            continue;
        }
        tried += 1;
        let token = format!("refused-{kind}");
        let order = order(world, &world.spot(), &token, 1);
        let before = world.launch_requests().await;
        refused(world, &order, kind).await?;
        let after = world.launch_requests().await;
        let hidden = before.zip(after).is_some_and(|(before, after)| after != before + 1);
        ensure(!hidden, || format!("{kind}: the cloud was asked {before:?} to {after:?} times for one call"))?;
        world.calm().await;
        let found = alive(world, &token).await?;
        ensure(found.is_empty(), || format!("{kind}: {found:?}"))?;
    }
    if tried == 0 {
        return Err(Stop::Skip("this world refuses nothing"));
    }
    // A refusal leaves nothing behind that closes the pool: that is the controller's to decide.
    let launched = launch(world, &order(world, &world.spot(), "after-refusals", 1)).await?;
    end_all(world, &launched.ids).await
}

async fn a_lost_request_is_ambiguous_and_leaves_nothing(world: &dyn World) -> Fact {
    inject(world, CallClass::Launch, Fault::LoseRequest).await?;
    refused(world, &order(world, &world.spot(), "lost-request", 1), FailureKind::Ambiguous).await?;
    world.calm().await;
    nothing_appears(world, "lost-request").await
}

async fn a_lost_reply_is_ambiguous_and_found_by_its_token(world: &dyn World) -> Fact {
    inject(world, CallClass::Launch, Fault::LoseReply).await?;
    let count = capped(world, 2);
    let order = order(world, &world.spot(), "lost-reply", count);
    refused(world, &order, FailureKind::Ambiguous).await?;
    world.calm().await;
    let found = appear(world, "lost-reply", count as usize).await?;
    if world.provider().capabilities().token_lifetime.is_some() {
        let repeated = launch(world, &order).await?;
        let (made, listed): (BTreeSet<_>, BTreeSet<_>) =
            (repeated.ids.into_iter().collect(), ids(&found).into_iter().collect());
        ensure(made == listed, || format!("repeated {made:?}, listed {listed:?}"))?;
    }
    end_all(world, &ids(&found)).await
}

async fn a_partial_launch_says_why(world: &dyn World) -> Fact {
    let count = capped(world, 3);
    if count < 2 {
        return Err(Stop::Skip("one machine a call"));
    }
    inject(world, CallClass::Launch, Fault::OneOnly).await?;
    let launched = launch(world, &order(world, &world.spot(), "partial", count)).await?;
    let short = launched.shortfall.as_ref().map(|failure| failure.kind);
    ensure(launched.ids.len() == 1 && short == Some(FailureKind::NoCapacity), || format!("{launched:?}"))?;
    world.calm().await;
    appear(world, "partial", 1).await?;
    end_all(world, &launched.ids).await
}

async fn a_lost_listing_is_a_failure(world: &dyn World) -> Fact {
    inject(world, CallClass::Read, Fault::LoseReply).await?;
    let listed = world.provider().instances(world.spot().region()).await;
    ensure(listed.is_err(), || format!("{} machines", listed.map_or(0, |l| l.len())))
}

async fn foreign_machines_do_not_exist(world: &dyn World) -> Fact {
    let foreign = world.plant_foreign().await;
    world.pass(world.provider().capabilities().visibility_lag).await;
    let listed = list(world).await?;
    ensure(listed.iter().all(|instance| instance.id != foreign), || format!("{foreign} is listed"))?;
    ensure(world.foreign_lives(&foreign).await, || format!("{foreign} was ended"))
}

async fn ending_is_idempotent_and_gone_is_done(world: &dyn World) -> Fact {
    let launched = launch(world, &order(world, &world.spot(), "end-twice", 1)).await?;
    appear(world, "end-twice", 1).await?;
    end_all(world, &launched.ids).await?;
    let left = alive(world, "end-twice").await?;
    ensure(left.is_empty(), || format!("still alive: {left:?}"))?;
    end_all(world, &launched.ids).await?;
    end_all(world, &[InstanceId::from("i-0123456789abcdef0")]).await
}

async fn one_unknown_id_does_not_save_the_rest(world: &dyn World) -> Fact {
    let count = capped(world, 3);
    let launched = launch(world, &order(world, &world.spot(), "batch", count)).await?;
    let mut batch = ids(&appear(world, "batch", count as usize).await?);
    batch.insert(batch.len() / 2, InstanceId::from("i-0123456789abcdef0"));
    end_all(world, &batch).await?;
    let left = alive(world, "batch").await?;
    ensure(left.is_empty(), || format!("of {:?} still alive: {left:?}", launched.ids))
}

async fn a_lost_reply_to_an_end_is_ambiguous(world: &dyn World) -> Fact {
    let launched = launch(world, &order(world, &world.spot(), "end-lost", 1)).await?;
    appear(world, "end-lost", 1).await?;
    inject(world, CallClass::Terminate, Fault::LoseReply).await?;
    let kind = match world.provider().terminate(world.spot().region(), &launched.ids).await {
        Err(failure) => Some(failure.kind),
        Ok(ended) => ended.first().and_then(|(_, result)| result.as_ref().err()).map(|failure| failure.kind),
    };
    ensure(kind == Some(FailureKind::Ambiguous), || format!("{kind:?}"))?;
    world.calm().await;
    end_all(world, &launched.ids).await
}

async fn a_warning_comes_with_the_machine_and_its_time(world: &dyn World) -> Fact {
    if world.provider().capabilities().notice_lead == Span::ZERO {
        return Err(Stop::Skip("the provider gives no notice"));
    }
    let launched = launch(world, &order(world, &world.spot(), "warned", 1)).await?;
    let machine = appear(world, "warned", 1).await?.remove(0);
    world.interrupt(&machine.id).await;
    // A poll may end without news; three of them are longer than any interval.
    for _ in 0..3 {
        let notices = world.provider().notices().await.map_err(|failure| Stop::Break(failure.to_string()))?;
        if let Some(notice) = notices.iter().find(|notice| notice.instance == machine.id) {
            ensure(notice.kind == NoticeKind::Interruption && notice.at >= machine.born, || format!("{notice:?}"))?;
            return end_all(world, &launched.ids).await;
        }
    }
    Err(Stop::Break(format!("no notice for {}", machine.id)))
}
