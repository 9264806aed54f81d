//! Rules of launches: promised first, never doubled, settled only by the truth.

use policies::control::ledger::Intent;
use policies::control::{Key, Launch, Record};
use policies::model::{Market, Token};
use policies::units::UnitPrice;

use super::{Oracle, Rule, Scene, TokenLife, Verdict, broken, cloud_of, fleet, living, record_of, units};

impl Oracle {
    /// An intent was put on record.
    pub(super) fn promised(&mut self, scene: &Scene<'_>, intent: &Intent, old: Option<&Record>) -> Verdict {
        let token = &intent.token;
        if let Some(life) = self.tokens.get(token) {
            let same = old == Some(&Record::Intent(intent.clone())) && !life.settled;
            return if same { Ok(()) } else { broken(Rule::IntentLife, format!("token {token} was made again")) };
        }
        let Some(fleet) = fleet(scene, &intent.fleet) else {
            return broken(Rule::LaunchUnseen, format!("{token}: fleet {} is not configured", intent.fleet));
        };
        if fleet.pools.get(&intent.pool) != Some(&intent.spec) {
            return broken(Rule::LaunchUnseen, format!("{token}: {} is no pool of the fleet", intent.pool));
        }
        let lane = intent.pool.lane();
        if !self.sees(scene, lane) {
            return broken(Rule::LaunchUnseen, format!("{token}: {lane} is not seen"));
        }
        let size = units(scene, fleet, &intent.pool);
        if intent.count == 0 || intent.units != size || size.is_zero() {
            return broken(Rule::LaunchUnseen, format!("{token}: {} machines of {}", intent.count, intent.units));
        }
        self.price_fits(scene, fleet, intent)?;
        self.not_halted(scene, fleet)?;
        self.tokens.insert(
            token.clone(),
            TokenLife { settled: false, calls: 0, first_call: None, out: false, doubtful: false },
        );
        Ok(())
    }

    /// Spot is bought at the price offered, and not above a cap.
    fn price_fits(&self, scene: &Scene<'_>, fleet: &policies::model::Fleet, intent: &Intent) -> Verdict {
        let token = &intent.token;
        let offered = self.offers.get(&intent.pool).and_then(|o| scene.rates.convert(o.price));
        if offered != Some(intent.price) {
            return broken(Rule::OverCap, format!("{token}: promised at {}, offered {offered:?}", intent.price));
        }
        if intent.pool.market() != Market::Spot {
            return Ok(());
        }
        if let Some(oldest) = fleet.spot.max_price_age {
            let age = self.priced.get(intent.pool.lane()).map(|at| scene.clock.since(*at));
            if age.is_none_or(|age| age > oldest) {
                return broken(Rule::OldPrice, format!("{token}: the prices were read {age:?} ago"));
            }
        }
        let price = intent.price.per_unit(intent.units);
        if fleet.spot.max_price_per_unit.is_some_and(|cap| price > cap) {
            return broken(Rule::OverCap, format!("{token}: {price} a unit in {}", intent.pool));
        }
        if let Some(share) = fleet.spot.max_price_of_on_demand {
            let same = |p: &policies::model::Pool| {
                p.market() == Market::OnDemand
                    && p.lane() == intent.pool.lane()
                    && p.instance_type() == intent.pool.instance_type()
            };
            // On-demand costs the same in every zone of the simulated clouds, and never changes by chance.
            let dear: Option<UnitPrice> = self
                .offers
                .values()
                .filter(|o| same(&o.pool))
                .filter_map(|o| scene.rates.convert(o.price))
                .map(|p| p.per_unit(intent.units))
                .max();
            if dear.is_none_or(|dear| price > dear.share(share)) {
                return broken(Rule::OverCap, format!("{token}: {price} a unit, on-demand {dear:?}"));
            }
        }
        Ok(())
    }

    /// A launch call leaves.
    pub(super) fn launch_called(&mut self, scene: &Scene<'_>, launch: &Launch) -> Verdict {
        let token = &launch.token;
        let Some(Record::Intent(intent)) = scene.journal.durable().get(&Key::Intent(token.clone())) else {
            return broken(Rule::PromiseBeforeDeed, format!("{token} is called and not durable"));
        };
        let Launch { token: _, fleet, pool, spec, count } = launch;
        if (fleet, pool, spec, count) != (&intent.fleet, &intent.pool, &intent.spec, &intent.count) {
            return broken(Rule::PromiseBeforeDeed, format!("{token}: called {launch:?}, promised {intent:?}"));
        }
        let lifetime = cloud_of(scene, pool.lane()).and_then(|c| c.capabilities().token_lifetime);
        let Some(life) = self.tokens.get_mut(token) else {
            return broken(Rule::IntentLife, format!("{token} is called and was never promised"));
        };
        if life.settled {
            return broken(Rule::IntentLife, format!("{token} is called and was settled"));
        }
        if life.out {
            return broken(Rule::SentAgain, format!("{token} is called while a call is out"));
        }
        if life.doubtful {
            let first = life.first_call.unwrap_or(scene.at);
            if lifetime.is_none_or(|lifetime| scene.at >= first.plus(lifetime)) {
                return broken(Rule::SentAgain, format!("{token} is called again in {pool}, which makes more"));
            }
        }
        life.calls += 1;
        life.first_call.get_or_insert(scene.at);
        life.out = true;
        Ok(())
    }

    /// An intent was settled: every machine of it that lives is on record, and no more can come.
    pub(super) fn settled(&mut self, scene: &Scene<'_>, token: &Token) -> Verdict {
        let Some(life) = self.tokens.get_mut(token) else {
            return broken(Rule::IntentLife, format!("{token} is settled and was never promised"));
        };
        life.settled = true;
        if scene.clouds.iter().any(|c| c.may_still_make(token)) {
            return broken(Rule::Forgotten, format!("{token} is settled and a call is still on its way"));
        }
        for machine in living(scene).filter(|m| m.token.as_ref() == Some(token)) {
            if record_of(scene.journal.latest(), machine.pool.lane(), &machine.id).is_none() {
                return broken(Rule::Forgotten, format!("{token} is settled and {} lives off the record", machine.id));
            }
        }
        Ok(())
    }
}
