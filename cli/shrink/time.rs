//! Shorter scenarios: without their end, or without their beginning.

use periplus_core::units::Span;
use periplus_spec::Bundle;
use periplus_spec::draft::{
    CarbonDraft, ClusterDraft, Document, ModelDraft, MomentDraft, StepDraft,
};
use periplus_spec::values::{Duration, Timestamp};

/// The scenario that ends after `span`.
pub(super) fn until(bundle: &Bundle, span: Span) -> Bundle {
    let mut bundle = bundle.clone();
    let spec = &mut bundle.scenario.spec;
    spec.duration = Duration(span);
    spec.timeline.retain(|moment| moment.at.0 < span);
    bundle.drop_tables();
    bundle
}

/// The scenario that begins `span` later. Nothing if an expectation looks at what was before, or a crowd begins there.
pub(super) fn from(bundle: &Bundle, span: Span) -> Option<Bundle> {
    let mut bundle = bundle.clone();
    let spec = &mut bundle.scenario.spec;
    spec.start = Timestamp(spec.start.0.checked_add(i64::try_from(span.0).ok()?)?);
    spec.duration = earlier(spec.duration, span)?;
    spec.timeline = spec.timeline.drain(..).filter_map(|one| moment(one, span)).collect();
    for expectation in &mut spec.expect {
        for at in [&mut expectation.at, &mut expectation.quiet_from].into_iter().flatten() {
            *at = earlier(*at, span)?;
        }
    }
    for demand in &mut spec.demand {
        match &mut demand.model {
            ModelDraft::Trace(trace) => trace.skip = later(trace.skip, span),
            ModelDraft::FlashCrowd(crowd) => crowd.at = earlier(crowd.at, span)?,
            ModelDraft::Steps(steps) => *steps = steps_from(steps, span),
            ModelDraft::Constant(_) | ModelDraft::Diurnal(_) | ModelDraft::Commuters(_) => {}
        }
    }
    let declared = spec.timeline.iter_mut().filter_map(|moment| moment.declare.as_mut()).flatten();
    for document in bundle.documents.iter_mut().chain(declared) {
        if let Document::Cluster(object) = document {
            cluster(&mut object.spec, span);
        }
    }
    bundle.drop_tables();
    Some(bundle)
}

fn earlier(at: Duration, span: Span) -> Option<Duration> {
    at.0.0.checked_sub(span.0).map(|millis| Duration(Span(millis)))
}

fn later(at: Duration, span: Span) -> Duration {
    Duration(Span(at.0.0.saturating_add(span.0)))
}

/// What is left of something that happens.
fn moment(mut moment: MomentDraft, span: Span) -> Option<MomentDraft> {
    if let Some(at) = earlier(moment.at, span) {
        moment.at = at;
        return Some(moment);
    }
    let end = later(moment.at, moment.lasts?.0);
    let left = earlier(end, span).filter(|left| left.0.0 > 0)?;
    (moment.at, moment.lasts) = (Duration::default(), Some(left));
    Some(moment)
}

fn steps_from(steps: &[StepDraft], span: Span) -> Vec<StepDraft> {
    let past = steps.iter().take_while(|step| step.at.0 <= span).count();
    let begun = steps[..past].last().map(|step| StepDraft { at: Duration::default(), ..*step });
    let rest = steps[past..].iter();
    let rest = rest.filter_map(|step| Some(StepDraft { at: earlier(step.at, span)?, ..*step }));
    begun.into_iter().chain(rest).collect()
}

fn cluster(cluster: &mut ClusterDraft, span: Span) {
    cluster.joins_at = earlier(cluster.joins_at, span).unwrap_or_default();
    if let CarbonDraft::Trace(trace) = &mut cluster.power.carbon {
        trace.skip = later(trace.skip, span);
    }
    let mut schedule = std::mem::take(&mut cluster.price_schedule);
    let past = schedule.iter().take_while(|prices| prices.at.0 <= span).count();
    if let Some(now) = schedule.drain(..past).next_back() {
        cluster.prices = now.prices;
    }
    for prices in &mut schedule {
        prices.at = earlier(prices.at, span).unwrap_or_default();
    }
    cluster.price_schedule = schedule;
}
