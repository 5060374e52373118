//! The drawn policy: time constants short enough that all of them pass before everything must be settled.

use periplus_core::units::Permille;
use periplus_spec::draft::{Object, PolicyDraft, PreemptionDraft};
use periplus_spec::values::{Duration, Percentage, Price};

use super::{minutes, name};
use crate::swarm::dice::{Dice, Topic};

pub(super) fn draw(seed: u64) -> Object<PolicyDraft> {
    let mut dice = Dice::new(seed, Topic::Policy);
    let dice = &mut dice;
    let carbon_price = Price::micros(*dice.pick(&[0, 100_000_000, 300_000_000]));
    let mut policy = PolicyDraft { carbon_price, ..PolicyDraft::default() };
    policy.switching.per_move = Price::micros(dice.money(0, 3_000));
    policy.switching.per_start = Price::micros(dice.money(0, 10_000));
    policy.switching.least_gain = Price::micros(dice.money(1, 1_000));
    pace(dice, &mut policy);
    policy.trust.lost_after = minutes(dice.from(3, 6));
    policy.trust.max_lost = percent(dice.tiny(20, 60));
    policy.trust.failback_after = minutes(dice.from(2, 15));
    policy.breaker.max_removal = percent(dice.tiny(5, 50));
    policy.breaker.window = minutes(dice.from(5, 10));
    policy.breaker.floor = dice.small(0, 20);
    policy.traffic.step = percent(*dice.pick(&[100, 100, 50, 20]));
    policy.traffic.step_every = Duration::seconds(dice.from(10, 60));
    policy.traffic.burst_step = percent(*dice.pick(&[5, 10, 25]));
    policy.recovery.retry_after = minutes(dice.from(5, 30));
    policy.recovery.ready_within = minutes(dice.from(8, 15));
    policy.recovery.effect_attempts = *dice.pick(&[3, 8, 20]);
    if dice.happens(20) {
        policy.preemption = PreemptionDraft::Never;
    }
    Object::new(name("drawn"), policy)
}

fn pace(dice: &mut Dice, policy: &mut PolicyDraft) {
    let pace = &mut policy.pace;
    pace.dwell = minutes(dice.from(0, 10));
    pace.scale_in_after = minutes(dice.from(1, 5));
    pace.reconsider_after = minutes(dice.from(1, 10));
    pace.window = minutes(dice.from(10, 30));
    if dice.happens(30) {
        pace.moves_at_once = dice.small(1, 10);
        pace.moves_per_window = dice.small(5, 50);
    }
}

fn percent(percent: u16) -> Percentage {
    Percentage(Permille(percent * 10))
}
