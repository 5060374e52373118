//! The drawn demand: several models, all of them constant once the troubles are over.

use periplus_core::units::{MilliRps, Span};
use periplus_spec::draft::{
    ApplicationDraft, DemandDraft, FlashCrowdDraft, ModelDraft, Object, SelectionDraft, ShareDraft,
    SignalDraft, StepDraft,
};
use periplus_spec::values::{Duration, Number, Percentage, Rate, TimeZone};

use super::TROUBLES;
use super::fleet::Fleet;
use crate::swarm::dice::{Dice, Topic};

/// How often a drawn shape changes.
const STEP: Span = Span(10 * Span::MINUTE.0);

pub(super) fn draw(
    seed: u64,
    apps: &[Object<ApplicationDraft>],
    fleet: &Fleet,
) -> Vec<DemandDraft> {
    let mut dice = Dice::new(seed, Topic::Demand);
    let zones = fleet.zone_names();
    let mut demand = Vec::new();
    for app in apps {
        demand.push(DemandDraft {
            app: app.metadata.name.clone(),
            zones: Some(SelectionDraft::Names(dice.some(&zones, zones.len()))),
            share: *dice.pick(&[ShareDraft::Users, ShareDraft::Equal, ShareDraft::Each]),
            model: model(&mut dice),
            growth: Number::thousandths(1_000),
            noise: Percentage::default(),
            signal: if dice.happens(10) { SignalDraft::Served } else { SignalDraft::Offered },
            timezone: TimeZone::default(),
        });
    }
    demand
}

fn model(dice: &mut Dice) -> ModelDraft {
    let peak = dice.from(1, *dice.clone().pick(&[5, 50, 200, 600])) * 1_000;
    match dice.below(5) {
        0 => ModelDraft::Constant(rate(peak)),
        1 => ModelDraft::FlashCrowd(FlashCrowdDraft {
            base: rate(peak / 10),
            peak: rate(peak),
            at: Duration(Span(dice.from(10, 60) * Span::MINUTE.0)),
            rise: Duration::seconds(dice.from(60, 600)),
            stay: Duration::seconds(dice.from(0, 600)),
            // Far below a thousandth of the peak when everything must be settled.
            fall: Duration::seconds(dice.from(60, 240)),
        }),
        2 => steps(|step| if step % 2 == 0 { peak } else { peak / 20 }),
        3 => steps(|step| peak * (1 + step.min(12 - step.min(12))) / 7),
        _ => {
            let values: Vec<u64> = (0..=12).map(|_| dice.from(0, peak)).collect();
            steps(|step| values[usize::try_from(step).unwrap_or(0).min(12)])
        }
    }
}

/// A rate for each step up to the end of all troubles; the last one stays.
fn steps(value: impl Fn(u64) -> u64) -> ModelDraft {
    let count = TROUBLES.0 / STEP.0;
    let step =
        |number: u64| StepDraft { at: Duration(Span(number * STEP.0)), rate: rate(value(number)) };
    ModelDraft::Steps((0..=count).map(step).collect())
}

fn rate(thousandths: u64) -> Rate {
    Rate(MilliRps(thousandths))
}
