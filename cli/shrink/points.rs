//! Demand in fewer points: whatever says it, as steps of each zone.

use periplus_core::fleet::Signal;
use periplus_core::units::MilliRps;
use periplus_core::units::{Span, Tick};
use periplus_spec::Bundle;
use periplus_spec::draft::{
    DemandDraft, ModelDraft, SelectionDraft, ShareDraft, SignalDraft, StepDraft,
};
use periplus_spec::scenario::{Scenario, SeriesTruth};
use periplus_spec::values::{Duration, Number, Percentage, Rate, TimeZone};

/// The most points that demand may have as steps: more is no reading.
const POINTS_MAX: usize = 2_000;

/// Whether demand is said in another way than by steps.
pub(super) fn is_said_otherwise(bundle: &Bundle) -> bool {
    bundle.scenario.spec.demand.iter().any(|demand| match demand.model {
        ModelDraft::Constant(_) | ModelDraft::Steps(_) => false,
        ModelDraft::Diurnal(_)
        | ModelDraft::FlashCrowd(_)
        | ModelDraft::Commuters(_)
        | ModelDraft::Trace(_) => true,
    })
}

/// The bundle with the demand of its scenario as steps that last `every`, each of the mean rate of that time. Nothing
/// if these are too many.
pub(super) fn stepped(bundle: &Bundle, scenario: &Scenario, every: Span) -> Option<Bundle> {
    let per_series = scenario.duration.0.div_ceil(every.0.max(1));
    let all = usize::try_from(per_series).ok()?.checked_mul(scenario.fleet.series.len())?;
    if all > POINTS_MAX {
        return None;
    }
    let mut bundle = bundle.clone();
    let series = scenario.fleet.series.iter();
    bundle.scenario.spec.demand =
        series.map(|series| said(scenario, series, every)).collect::<Option<_>>()?;
    bundle.drop_tables();
    Some(bundle)
}

fn said(scenario: &Scenario, series: &SeriesTruth, every: Span) -> Option<DemandDraft> {
    let zone = &scenario.fleet.zones[series.spec.zone.index()].name;
    let steps = steps(scenario, series, every);
    let model = match steps.as_slice() {
        [only] => ModelDraft::Constant(only.rate),
        _ => ModelDraft::Steps(steps),
    };
    Some(DemandDraft {
        app: scenario.fleet.apps[series.spec.app.index()].name.parse().ok()?,
        zones: Some(SelectionDraft::Names(vec![zone.parse().ok()?])),
        share: ShareDraft::default(),
        model,
        growth: Number::thousandths(1_000),
        noise: Percentage(series.demand.noise),
        signal: match series.spec.signal {
            Signal::Offered => SignalDraft::Offered,
            Signal::Served => SignalDraft::Served,
        },
        timezone: TimeZone::Utc,
    })
}

/// The steps of a series: one where the rate becomes another.
fn steps(scenario: &Scenario, series: &SeriesTruth, every: Span) -> Vec<StepDraft> {
    let mut steps: Vec<StepDraft> = Vec::new();
    let sample = scenario.world.demand_every.0.clamp(1, every.0.max(1));
    let mut at = 0;
    while at < scenario.duration.0 {
        let until = (at + every.0.max(1)).min(scenario.duration.0);
        let mut sum: u128 = 0;
        let mut count: u128 = 0;
        let mut tick = at;
        while tick < until {
            sum += u128::from(rate(series, Tick(tick)));
            count += 1;
            tick += sample;
        }
        let mean = u64::try_from((sum + count / 2) / count.max(1)).unwrap_or(u64::MAX);
        let rate = Rate(MilliRps(readable(mean)));
        if steps.last().is_none_or(|last| last.rate != rate) {
            steps.push(StepDraft { at: Duration(Span(at)), rate });
        }
        at = until;
    }
    steps
}

/// The rate at a time, in thousandths of a request per second.
fn rate(series: &SeriesTruth, at: Tick) -> u64 {
    let rate = u128::from(series.demand.base.0) * u128::from(series.demand.shape.at(at)) / 1_000;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The rate to whole requests per second, where that changes it little.
const fn readable(rate: u64) -> u64 {
    if rate < 20_000 { rate } else { (rate + 500) / 1_000 * 1_000 }
}
