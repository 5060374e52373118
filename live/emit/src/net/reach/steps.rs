//! What is answered while clusters change: they take what is in git one by one, in any order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Answer, Question, World, arrives};
use crate::net::SiteIndex;

/// The most mixes that are looked at between two steps: all of six clusters. Of more, those in which one cluster is
/// the first or the last to change, and those in which all up to one have.
pub const MIXES_MAX: usize = 64;

/// The answer in one mix of two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// The step from which clusters come; they are all there where `changed` is empty.
    pub step: usize,
    /// The clusters that already have the next one.
    pub changed: BTreeSet<SiteIndex>,
    /// The answer.
    pub answer: Answer,
}

/// The answer at every step, and in the mixes between.
///
/// # Panics
/// Panics where steps differ in how many clusters there are.
#[must_use]
pub fn through_steps(steps: &[World], question: &Question) -> Vec<Mix> {
    let mut mixes = Vec::new();
    for (step, before) in steps.iter().enumerate() {
        let nothing = BTreeSet::new();
        mixes.push(Mix { step, changed: nothing, answer: arrives(before, question) });
        let Some(after) = steps.get(step + 1) else { break };
        assert_eq!(before.sites.len(), after.sites.len(), "steps have the same clusters");
        for changed in between(&differing(before, after)) {
            let answer = arrives(&mixed(before, after, &changed), question);
            mixes.push(Mix { step, changed, answer });
        }
    }
    mixes
}

fn differing(before: &World, after: &World) -> Vec<SiteIndex> {
    let same = |site: &SiteIndex| {
        let (one, other) = (&before.sites[site.0], &after.sites[site.0]);
        Arc::ptr_eq(one, other) || one == other
    };
    before.indices().filter(|site| !same(site)).collect()
}

/// Sets of clusters that have changed while others have not: neither none nor all.
fn between(differing: &[SiteIndex]) -> BTreeSet<BTreeSet<SiteIndex>> {
    let count = differing.len();
    if count < 2 {
        return BTreeSet::new();
    }
    if count <= MIXES_MAX.ilog2() as usize {
        let chosen = |mask: usize| {
            let each = differing.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
            each.map(|(_, site)| *site).collect()
        };
        return (1..(1 << count) - 1).map(chosen).collect();
    }
    let first = differing.iter().map(|site| BTreeSet::from([*site]));
    let last = differing
        .iter()
        .map(|last| differing.iter().copied().filter(|site| site != last).collect::<BTreeSet<_>>());
    let up_to = (1..count).map(|end| differing[..end].iter().copied().collect());
    let all: Vec<BTreeSet<SiteIndex>> = first.chain(last).chain(up_to).collect();
    // From each of the three sorts alike, where they are too many.
    let every = all.len().div_ceil(MIXES_MAX);
    all.into_iter().step_by(every).collect()
}

fn mixed(before: &World, after: &World, changed: &BTreeSet<SiteIndex>) -> World {
    let chosen = |site: SiteIndex| if changed.contains(&site) { after } else { before };
    let sites = before.indices().map(|site| Arc::clone(&chosen(site).sites[site.0]));
    World { sites: sites.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mix_of_few_and_some_of_many_are_looked_at() {
        let sites = |count| (0..count).map(SiteIndex).collect::<Vec<_>>();
        assert!(between(&sites(1)).is_empty());
        assert_eq!(between(&sites(3)).len(), 6);
        assert_eq!(between(&sites(6)).len(), 62);
        let many = between(&sites(200));
        assert!((40..=MIXES_MAX).contains(&many.len()), "{}", many.len());
    }
}
