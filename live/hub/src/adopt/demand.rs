//! How much users may ask for, of a fleet that was adopted and whose demand nobody has measured yet.
//!
//! Silence is not zero: until a signal says how it is, it is taken that users ask for what runs, no more and no less.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::ids::{BerthId, SeriesId};
use periplus_core::staffing::Staffing;
use periplus_core::state::{FlowId, Share};
use periplus_core::units::Permille;

use crate::sighting::{Measures, Rate, Sight};

/// Who tells it. Whatever is measured later takes its place.
const SOURCE: &str = "adopted";

/// The demand that everything that runs is just enough for; nothing where no users are served.
pub(super) fn implied(state: &State) -> Option<Sight> {
    let flows: Vec<(SeriesId, Vec<Share>)> = (0..state.series().len())
        .map(SeriesId::from_index)
        .filter_map(|series| {
            let shares = state.flow(FlowId::Series(series))?.shares.iter();
            let shares: Vec<_> =
                shares.filter(|one| one.routed > Permille::ZERO).copied().collect();
            (!shares.is_empty()).then_some((series, shares))
        })
        .collect();
    // Of each place, which parts of zones come to it.
    let mut parts: BTreeMap<BerthId, u64> = BTreeMap::new();
    for share in flows.iter().flat_map(|(_, shares)| shares) {
        *parts.entry(share.berth).or_default() += u64::from(share.routed.0);
    }
    let rates: Vec<Rate> = flows
        .iter()
        .filter_map(|(series, shares)| {
            // The zone's own part of a place, by as much of it as comes there, is the most that it may ask for.
            let most =
                shares.iter().map(|share| 1_000 * holds(state, share.berth) / parts[&share.berth]);
            let spec = state.series()[series.index()].spec;
            Some(Rate {
                app: state.name(state.intent(spec.app).name).to_owned(),
                zone: state.name(state.zone(spec.zone).spec.name).to_owned(),
                milli_rps: most.min()?,
            })
        })
        .collect();
    let (source, measures) = (SOURCE.to_owned(), Measures::Offered);
    (!rates.is_empty()).then_some(Sight::Demand { source, measures, rates })
}

/// The most for which a group in a cluster would be staffed as it is, in thousandths of a request per second.
fn holds(state: &State, id: BerthId) -> u64 {
    let berth = state.berth(id);
    let kind = state.cluster(berth.cluster).spec.kind;
    let Ok(staffing) = Staffing::merge(state.intent(berth.app), berth.group, kind) else {
        return 0;
    };
    let replicas: Vec<u16> = berth.bindings.iter().map(|binding| binding.seen).collect();
    let held = staffing.step_within(&replicas).map(|step| staffing.steps()[step].up_to);
    held.map_or(0, |rate| rate.lowered(state.policy().headroom.target).0)
}
