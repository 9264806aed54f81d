use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use policies::control::{Call, Launch, Launched, Reply};
use policies::failure::{Failure, FailureKind};
use policies::model::{Instance, InstanceId, Lane, Market, Phase, Pool, Shape};
use policies::units::{Money, Share, Span, Time};

use super::{
    Ended, Faults, Happening, Misuse, Owner, SimCloud, SimProvider, Weather, aws_like, azure_like, demo_world,
    ppio_like,
};
use crate::Provider;

const START: Time = Time::from_millis(1_000_000);
const SHAPE: Shape = Shape { vcpus: 4, gpus: 1, memory_mib: 1_024 };

fn cloud(faults: Faults) -> SimCloud {
    SimCloud::new("aws", aws_like(), START, 7)
        .with_type(("r", "z", "t"), 100_000, 300_000, 10, SHAPE)
        .with_faults(faults)
}

fn tokenless(faults: Faults) -> SimCloud {
    SimCloud::new("az", azure_like(), START, 7)
        .with_type(("r", "z", "t"), 100_000, 300_000, 10, SHAPE)
        .with_faults(faults)
}

fn spot(cloud: &SimCloud) -> Pool {
    Pool::new(cloud.name().as_str(), "r", "z", "t", Market::Spot)
}

fn order(cloud: &SimCloud, token: &str, count: u32) -> Call {
    Call::Launch(Launch { token: token.into(), fleet: "f".into(), pool: spot(cloud), spec: "s".into(), count })
}

/// Hands a call in and lets time pass up to the deadline.
fn ask(cloud: &mut SimCloud, call: Call) -> Reply {
    let ticket = cloud.submit(call);
    let until = cloud.now().plus(cloud.capabilities().call_deadline);
    while let Some(at) = cloud.next_event().filter(|at| *at <= until) {
        cloud.advance(at);
        if let Some(reply) = cloud.take_answer(ticket) {
            return reply;
        }
    }
    panic!("no answer within the deadline");
}

fn launch(cloud: &mut SimCloud, token: &str, count: u32) -> Result<Launched, Failure> {
    match ask(cloud, order(cloud, token, count)) {
        Reply::Launched(result) => result,
        other => panic!("{other:?}"),
    }
}

fn end(cloud: &mut SimCloud, ids: &[InstanceId]) -> Vec<(InstanceId, Result<(), Failure>)> {
    let lane = spot(cloud).lane().clone();
    match ask(cloud, Call::Terminate { lane, ids: ids.to_vec() }) {
        Reply::Terminated(result) => result.expect("carried out"),
        other => panic!("{other:?}"),
    }
}

fn list(cloud: &mut SimCloud) -> Vec<Instance> {
    let lane = spot(cloud).lane().clone();
    match ask(cloud, Call::List { lane }) {
        Reply::Listed(result) => result.expect("complete"),
        other => panic!("{other:?}"),
    }
}

fn pass(cloud: &mut SimCloud, span: Span) {
    let now = cloud.now().plus(span);
    cloud.advance(now);
}

#[test]
fn a_repeated_token_returns_the_same_machines_where_tokens_are_honoured() {
    let mut cloud = cloud(Faults::default());
    let first = launch(&mut cloud, "a", 2).expect("room");
    let second = launch(&mut cloud, "a", 2).expect("remembered");
    assert_eq!(first.ids, second.ids);
    assert_eq!(cloud.made(&"a".into()), 2);
    pass(&mut cloud, Span::from_hours(25));
    let third = launch(&mut cloud, "a", 2).expect("forgotten");
    assert_ne!(first.ids, third.ids);
    assert!(matches!(cloud.misuses(), [Misuse::TokenDoubled { made: 4, count: 2, .. }]));
}

#[test]
fn a_repeated_token_makes_more_machines_where_it_is_not() {
    let mut cloud = tokenless(Faults::default());
    let first = launch(&mut cloud, "a", 1).expect("room");
    let second = launch(&mut cloud, "a", 1).expect("room");
    assert_ne!(first.ids, second.ids);
    assert!(matches!(cloud.misuses(), [Misuse::TokenDoubled { made: 2, count: 1, .. }]));
}

#[test]
fn a_token_with_other_parameters_is_refused() {
    let mut cloud = cloud(Faults::default());
    launch(&mut cloud, "a", 1).expect("room");
    assert_eq!(launch(&mut cloud, "a", 2).expect_err("mismatch").kind, FailureKind::Invalid);
    assert_eq!(cloud.misuses(), [Misuse::TokenReused("a".into())]);
}

#[test]
fn a_launch_gets_what_room_and_quota_allow() {
    let mut cloud = cloud(Faults::default());
    let eight = launch(&mut cloud, "a", 8).expect("room");
    assert_eq!((eight.ids.len(), eight.shortfall), (8, None));
    let two = launch(&mut cloud, "b", 5).expect("some room");
    assert_eq!(two.ids.len(), 2);
    assert_eq!(two.shortfall.map(|f| f.kind), Some(FailureKind::NoCapacity));
    assert_eq!(launch(&mut cloud, "c", 1).expect_err("full").kind, FailureKind::NoCapacity);

    let mut cloud = self::cloud(Faults::default()).with_quota("r", Market::Spot, 3);
    assert_eq!(launch(&mut cloud, "a", 8).expect("some").ids.len(), 3);
    assert_eq!(launch(&mut cloud, "b", 1).expect_err("quota").kind, FailureKind::Quota);
}

#[test]
fn a_lost_request_makes_nothing_and_a_lost_reply_everything() {
    let mut lost = cloud(Faults { lost_request: 10_000, ..Faults::default() });
    assert_eq!(launch(&mut lost, "a", 2).expect_err("lost").kind, FailureKind::Ambiguous);
    pass(&mut lost, Span::from_mins(1));
    assert_eq!((lost.made(&"a".into()), lost.may_still_make(&"a".into())), (0, false));

    let mut lost = cloud(Faults { lost_reply: 10_000, ..Faults::default() });
    assert_eq!(launch(&mut lost, "a", 2).expect_err("lost").kind, FailureKind::Ambiguous);
    assert_eq!(lost.made(&"a".into()), 2);
}

#[test]
fn a_late_call_is_carried_out_after_the_caller_gave_up() {
    let mut cloud = tokenless(Faults { late: 10_000, ..Faults::default() });
    let called = cloud.now();
    assert_eq!(launch(&mut cloud, "a", 2).expect_err("broken off").kind, FailureKind::Ambiguous);
    assert!(cloud.may_still_make(&"a".into()));
    assert_eq!(cloud.made(&"a".into()), 0);
    let deadline = called.plus(cloud.capabilities().call_deadline);
    cloud.advance(deadline);
    assert_eq!((cloud.made(&"a".into()), cloud.may_still_make(&"a".into())), (2, false));
}

#[test]
fn what_a_dead_caller_handed_in_is_carried_out() {
    let mut cloud = cloud(Faults { latency: Span::from_secs(5), ..Faults::default() });
    let call = order(&cloud, "a", 1);
    cloud.submit(call);
    cloud.reconnect();
    pass(&mut cloud, Span::from_mins(1));
    assert_eq!(cloud.made(&"a".into()), 1);
    assert!(cloud.take_answers().is_empty());
}

#[test]
fn a_listing_may_miss_a_machine_only_within_the_lag() {
    let mut hidden = 0;
    for seed in 0..20 {
        let mut cloud = SimCloud::new("aws", aws_like(), START, seed).with_type(("r", "z", "t"), 1, 2, 10, SHAPE);
        launch(&mut cloud, "a", 1).expect("room");
        hidden += usize::from(list(&mut cloud).is_empty());
        pass(&mut cloud, Span::from_secs(10));
        assert_eq!(list(&mut cloud).len(), 1, "seed {seed}");
    }
    assert!(hidden > 10, "only {hidden} of 20 young machines were hidden");
}

#[test]
fn a_machine_starts_runs_ends_and_stays_listed_as_gone_for_a_while() {
    let mut cloud = cloud(Faults::default());
    let id = launch(&mut cloud, "a", 1).expect("room").ids.remove(0);
    let phase = |cloud: &mut SimCloud| list(cloud).first().map(|i| i.phase);
    pass(&mut cloud, Span::from_secs(12));
    assert_eq!(phase(&mut cloud), Some(Phase::Starting));
    pass(&mut cloud, Span::from_secs(30));
    assert_eq!(phase(&mut cloud), Some(Phase::Running));
    assert!(end(&mut cloud, core::slice::from_ref(&id))[0].1.is_ok());
    assert_eq!(phase(&mut cloud), Some(Phase::Ending));
    pass(&mut cloud, Span::from_secs(20));
    assert_eq!(phase(&mut cloud), Some(Phase::Gone));
    pass(&mut cloud, Span::from_mins(5));
    assert_eq!(phase(&mut cloud), None);
    let again = end(&mut cloud, core::slice::from_ref(&id)).remove(0).1;
    assert_eq!(again.expect_err("no such machine").kind, FailureKind::Gone);
}

#[test]
fn machines_of_others_are_not_listed_and_ending_one_is_a_misuse() {
    let mut cloud = cloud(Faults::default());
    let pool = spot(&cloud);
    let theirs = cloud.plant(&pool, Owner::Other, &"f".into(), None);
    let ours = cloud.plant(&pool, Owner::Us, &"f".into(), None);
    pass(&mut cloud, Span::from_mins(1));
    assert_eq!(list(&mut cloud).iter().map(|i| &i.id).collect::<Vec<_>>(), [&ours]);
    end(&mut cloud, core::slice::from_ref(&theirs));
    assert_eq!(cloud.misuses(), [Misuse::ForeignEnded(theirs)]);
}

#[test]
fn an_interruption_gives_notice_and_then_takes_the_machine() {
    let mut cloud = cloud(Faults::default());
    let id = launch(&mut cloud, "a", 1).expect("room").ids.remove(0);
    pass(&mut cloud, Span::from_mins(1));
    let ticket = cloud.submit(Call::Notices { provider: "aws".into() });
    pass(&mut cloud, Span::from_secs(5));
    assert_eq!(cloud.take_answer(ticket), None);
    cloud.interrupt(&id);
    pass(&mut cloud, Span::ZERO);
    let Some(Reply::Noticed(Ok(notices))) = cloud.take_answer(ticket) else { panic!("no notice") };
    assert_eq!((&notices[0].instance, notices[0].at), (&id, cloud.now().plus(Span::from_secs(120))));
    pass(&mut cloud, Span::from_secs(119));
    assert!(cloud.machine(&id).is_some_and(super::SimMachine::is_alive));
    pass(&mut cloud, Span::from_secs(1));
    assert!(matches!(cloud.machine(&id).and_then(|m| m.ended), Some((_, Ended::Taken))));
}

#[test]
fn an_unconfirmed_notice_comes_again_after_a_restart() {
    let mut cloud = cloud(Faults::default());
    let id = launch(&mut cloud, "a", 1).expect("room").ids.remove(0);
    cloud.interrupt(&id);
    let notices = |cloud: &mut SimCloud| {
        let ticket = cloud.submit(Call::Notices { provider: "aws".into() });
        pass(cloud, Span::from_secs(20));
        match cloud.take_answer(ticket) {
            Some(Reply::Noticed(Ok(notices))) => notices.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(notices(&mut cloud), 1);
    cloud.reconnect();
    assert_eq!(notices(&mut cloud), 1);
    assert_eq!(notices(&mut cloud), 0);
}

#[test]
fn an_outage_refuses_everything_in_its_region() {
    let mut cloud = cloud(Faults::default());
    cloud.happen(Happening::Outage { region: None, kind: FailureKind::Denied, lasts: Span::from_mins(1) });
    assert_eq!(launch(&mut cloud, "a", 1).expect_err("denied").kind, FailureKind::Denied);
    pass(&mut cloud, Span::from_mins(1));
    assert!(launch(&mut cloud, "a", 1).is_ok());
}

#[test]
fn a_fall_of_room_takes_the_youngest() {
    let mut cloud = cloud(Faults::default());
    let old = launch(&mut cloud, "a", 1).expect("room").ids.remove(0);
    pass(&mut cloud, Span::from_mins(1));
    let young = launch(&mut cloud, "b", 1).expect("room").ids.remove(0);
    let pool = spot(&cloud);
    cloud.happen(Happening::Capacity { pool, machines: 1 });
    assert!(cloud.machine(&young).is_some_and(|m| m.noticed_at.is_some()));
    assert!(cloud.machine(&old).is_some_and(|m| m.noticed_at.is_none()));
}

#[test]
fn the_bill_follows_the_price_and_the_steps() {
    let hour = Span::from_hours(1);
    let mut cloud = cloud(Faults::default());
    launch(&mut cloud, "a", 2).expect("room");
    pass(&mut cloud, hour);
    let pool = spot(&cloud);
    cloud.happen(Happening::Price { pool, share: Share::percent(200) });
    pass(&mut cloud, hour);
    let bill = cloud.bill();
    assert_eq!(bill.spent, Money::from_micros(600_000));
    assert_eq!(bill.at_on_demand, Money::from_micros(1_200_000));
    assert_eq!(bill.machine_time, Span::from_hours(4));

    let mut by_hour = SimCloud::new("p", ppio_like(), START, 7).with_type(("r", "z", "t"), 100_000, 300_000, 10, SHAPE);
    let id = launch(&mut by_hour, "a", 1).expect("room").ids.remove(0);
    pass(&mut by_hour, Span::from_mins(90));
    end(&mut by_hour, &[id]);
    assert_eq!(by_hour.bill().spent, Money::from_micros(200_000));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let faults = Faults { latency: Span::from_secs(3), lost_reply: 2_000, partial: 3_000, ..Faults::default() };
        let mut cloud = SimCloud::new("aws", aws_like(), START, seed)
            .with_type(("r", "z", "t"), 100_000, 300_000, 10, SHAPE)
            .with_faults(faults)
            .with_weather(Weather { storm: 500, ..Weather::mild() });
        let mut text = String::new();
        for n in 0..20 {
            text += &format!("{:?}\n", launch(&mut cloud, &n.to_string(), 1 + n % 3));
            pass(&mut cloud, Span::from_mins(3));
        }
        text + &format!("{:?}", cloud.machines().collect::<Vec<_>>())
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

fn course(cloud: &mut SimCloud, pool: &Pool, since: Time) -> Vec<(Time, u64)> {
    let told = cloud.price_history(pool.lane(), core::slice::from_ref(pool), since).expect("no outage");
    told.iter().flat_map(|history| &history.prices).map(|(at, price)| (*at, price.micros)).collect()
}

#[test]
fn past_prices_are_what_happened_and_before_that_the_same_days_however_far_one_looks() {
    let mut cloud = cloud(Faults::default());
    let pool = spot(&cloud);
    let later = START.plus(Span::from_hours(2));
    cloud.advance(later);
    cloud.happen(Happening::Price { pool: pool.clone(), share: Share::percent(140) });
    assert_eq!(course(&mut cloud, &pool, START), [(START, 100_000), (later, 140_000)]);
    assert_eq!(course(&mut cloud, &pool, later), [(later, 140_000)]);
    let week = course(&mut cloud, &pool, START.minus(Span::from_hours(168)));
    let day = course(&mut cloud, &pool, START.minus(Span::from_hours(24)));
    assert!(week.len() > 40 && week.is_sorted_by(|(a, _), (b, _)| a < b), "{week:?}");
    assert!(week.iter().all(|(_, micros)| (50_000..=150_000).contains(micros)), "{week:?}");
    assert!(week.ends_with(&day[1..]), "{day:?} is no end of {week:?}");
    let on_demand = pool.in_market(Market::OnDemand);
    assert_eq!(course(&mut cloud, &on_demand, Time::EPOCH), [(START, 300_000)]);
    assert_eq!(course(&mut cloud, &Pool::new("aws", "r", "z", "none", Market::Spot), START), []);
    cloud.happen(Happening::Outage { region: None, kind: FailureKind::Unavailable, lasts: Span::from_mins(1) });
    let told = cloud.price_history(pool.lane(), core::slice::from_ref(&pool), START);
    assert_eq!(told.map_err(|failure| failure.kind), Err(FailureKind::Unavailable));
}

#[tokio::test]
async fn the_provider_face_waits_in_the_callers_time() {
    let clouds = demo_world(START, 1);
    assert_eq!(clouds.iter().map(|c| c.name().as_str()).collect::<Vec<_>>(), ["aws", "gcp", "azure", "ppio"]);
    let aws = clouds
        .into_iter()
        .next()
        .expect("aws")
        .with_faults(Faults { latency: Span::from_secs(9), ..Faults::default() });
    let time = Arc::new(AtomicI64::new(START.as_millis()));
    let clock = {
        let time = time.clone();
        // Each look at the clock lets a second pass.
        Arc::new(move || Time::from_millis(time.fetch_add(1_000, Ordering::Relaxed)))
    };
    let provider = SimProvider::new(Arc::new(Mutex::new(aws)), clock);
    let pool = Pool::new("aws", "us-east-1", "us-east-1a", "g6.xlarge", Market::Spot);
    let order = crate::Order {
        token: "t".into(),
        fleet: "f".into(),
        pool: pool.clone(),
        spec: Arc::new(crate::LaunchSpec::Sim),
        count: 2,
    };
    let launched = provider.launch(&order).await.expect("room");
    assert_eq!(launched.ids.len(), 2);
    let offers = provider.offers(pool.region(), core::slice::from_ref(&pool)).await.expect("offers");
    assert!(offers[0].as_ref().is_ok_and(|o| o.price.micros == 322_000));
    let ended = provider.terminate(pool.region(), &launched.ids[..1]).await.expect("ended");
    assert!(ended[0].1.is_ok());
    time.fetch_add(15_000, Ordering::Relaxed);
    let seen = provider.instances(&Lane::clone(pool.lane()).region).await.expect("listing");
    assert_eq!(seen.len(), 2);
    assert!(provider.notices().await.expect("none").is_empty());
    assert_eq!(provider.cloud().launched(), 2);
}
