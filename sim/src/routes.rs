//! Routes: where users really go while they follow what was published.
//!
//! A resolver keeps an answer until its TTL has passed. Resolvers asked at unrelated times, so when a route
//! changes, the ages of their answers lie evenly between nothing and the TTL: of all users, the part that
//! follows the new route grows linearly and is whole after one TTL. A step after one TTL would be right for
//! a single resolver only, and would show outages and floods that a population does not have.
//!
//! A route that is published while users still follow the one before freezes their mixture and fades from
//! that. Integers only, in parts per million: loads decide what autoscalers do, and that is reported.

use periplus_core::units::{Span, Tick};

use crate::desks::DeskId;

/// All of a flow, in parts per million.
pub(crate) const WHOLE: u32 = 1_000_000;

/// Parts of a flow by desk, ascending, none of them nothing, together [`WHOLE`]. What nobody serves goes to
/// [`DeskId::NOBODY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mix(Vec<(DeskId, u32)>);

/// Where the requests of a flow go, and went before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    from: Mix,
    to: Mix,
    /// When `to` was published.
    since: Tick,
}

impl Mix {
    /// All of it to one desk.
    pub(crate) fn all_to(desk: DeskId) -> Self {
        Self(vec![(desk, WHOLE)])
    }

    /// These parts, and the rest to nobody.
    pub(crate) fn new(parts: impl IntoIterator<Item = (DeskId, u32)>) -> Self {
        let mut mix: Vec<_> = parts.into_iter().filter(|part| part.1 > 0).collect();
        let taken: u32 = mix.iter().map(|part| part.1).sum();
        if taken < WHOLE {
            mix.push((DeskId::NOBODY, WHOLE - taken));
        }
        mix.sort_unstable();
        mix.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        debug_assert_eq!(mix.iter().map(|part| part.1).sum::<u32>(), WHOLE);
        Self(mix)
    }

    pub(crate) fn parts(&self) -> &[(DeskId, u32)] {
        &self.0
    }

    /// The desk that all of it goes to, if there is one.
    pub(crate) fn only(&self) -> Option<DeskId> {
        match self.0.as_slice() {
            [(desk, _)] => Some(*desk),
            _ => None,
        }
    }

    /// `amount` in parts by desk; they add up to it exactly.
    pub(crate) fn divide(&self, amount: u64) -> impl Iterator<Item = (DeskId, u64)> + '_ {
        let up_to = move |parts: u32| {
            let product = u128::from(amount) * u128::from(parts) / u128::from(WHOLE);
            u64::try_from(product).expect("a part is not more than the whole")
        };
        self.0.iter().scan(0, move |before, (desk, part)| {
            let (low, high) = (*before, *before + part);
            *before = high;
            Some((*desk, up_to(high) - up_to(low)))
        })
    }

    /// What lies between this mixture and `to`, `way` parts per million of the way.
    fn towards(&self, to: &Self, way: u32) -> Self {
        if way == 0 {
            return self.clone();
        }
        if way == WHOLE || self == to {
            return to.clone();
        }
        let scaled = |part: u32, by: u32| {
            let product = u64::from(part) * u64::from(by) / u64::from(WHOLE);
            u32::try_from(product).expect("a part is not more than the whole")
        };
        let old = self.0.iter().map(|(desk, part)| (*desk, scaled(*part, WHOLE - way)));
        let new = to.0.iter().map(|(desk, part)| (*desk, scaled(*part, way)));
        let mut parts: Vec<_> = old.chain(new).collect();
        // What rounding leaves over goes where most goes.
        let left = WHOLE - parts.iter().map(|part| part.1).sum::<u32>();
        if let Some(largest) = parts.iter_mut().max_by_key(|part| (part.1, part.0)) {
            largest.1 += left;
        }
        Self::new(parts)
    }
}

impl Split {
    /// All of it to one desk, for ever.
    pub(crate) fn all_to(desk: DeskId) -> Self {
        let mix = Mix::all_to(desk);
        Self { from: mix.clone(), to: mix, since: Tick::ZERO }
    }

    /// A new route is published.
    pub(crate) fn publish(&mut self, to: Mix, now: Tick, ttl: Span) {
        self.from = self.mean(now, now, ttl);
        self.to = to;
        self.since = now;
    }

    /// Everybody goes this way, and always did.
    pub(crate) fn settle(&mut self, to: Mix) {
        self.from = to.clone();
        self.to = to;
    }

    /// Whether everybody follows the newest route.
    pub(crate) fn is_settled(&self, now: Tick, ttl: Span) -> bool {
        self.from == self.to || now >= self.since.after(ttl)
    }

    /// The newest route.
    pub(crate) fn newest(&self) -> &Mix {
        &self.to
    }

    /// The mean mixture between two points in time, or the mixture at one.
    pub(crate) fn mean(&self, from: Tick, until: Tick, ttl: Span) -> Mix {
        let way = followed(from.since(self.since), until.since(self.since), ttl);
        self.from.towards(&self.to, way)
    }
}

/// The mean part of users that follow a route between `from` and `until` after its publication.
fn followed(from: Span, until: Span, ttl: Span) -> u32 {
    let (a, b, ttl) = (u128::from(from.0), u128::from(until.0), u128::from(ttl.0));
    let parts = if b >= ttl && a >= ttl {
        u128::from(WHOLE)
    } else if a == b {
        a * u128::from(WHOLE) / ttl
    } else {
        // The area under the ramp, and the rectangle behind it.
        let end = b.min(ttl);
        let ramp = (end * end - a * a) * u128::from(WHOLE) / (2 * ttl);
        (ramp + (b - end) * u128::from(WHOLE)) / (b - a)
    };
    u32::try_from(parts).expect("a mean part is not more than the whole")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TTL: Span = Span(60_000);

    fn desk(number: u32) -> DeskId {
        DeskId(number)
    }

    #[test]
    fn users_follow_a_new_route_linearly_over_one_ttl() {
        let mut split = Split::all_to(desk(1));
        split.publish(Mix::all_to(desk(2)), Tick(100_000), TTL);
        let at = |at| split.mean(Tick(at), Tick(at), TTL);
        assert_eq!(at(100_000), Mix::all_to(desk(1)));
        assert_eq!(at(115_000), Mix::new([(desk(1), 750_000), (desk(2), 250_000)]));
        assert_eq!(at(160_000), Mix::all_to(desk(2)));
        // Over the first 90 s: half of 60 s and all of 30 s.
        let mean = split.mean(Tick(100_000), Tick(190_000), TTL);
        assert_eq!(mean, Mix::new([(desk(1), 333_334), (desk(2), 666_666)]));
        assert!(!split.is_settled(Tick(159_999), TTL));
        assert!(split.is_settled(Tick(160_000), TTL));
    }

    #[test]
    fn a_route_that_changes_half_way_fades_from_where_users_are() {
        let mut split = Split::all_to(desk(1));
        split.publish(Mix::all_to(desk(2)), Tick(0), TTL);
        split.publish(Mix::all_to(desk(3)), Tick(30_000), TTL);
        let mix = split.mean(Tick(60_000), Tick(60_000), TTL);
        assert_eq!(mix, Mix::new([(desk(1), 250_000), (desk(2), 250_000), (desk(3), 500_000)]));
    }

    #[test]
    fn without_a_ttl_everybody_follows_at_once() {
        let mut split = Split::all_to(DeskId::NOBODY);
        split.publish(Mix::all_to(desk(2)), Tick(5), Span::ZERO);
        assert_eq!(split.mean(Tick(5), Tick(5), Span::ZERO), Mix::all_to(desk(2)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_routes(
            routes in prop::collection::vec(
                (prop::collection::btree_map(0_u32..4, 0_u32..334_000, 0..4), 0_u64..90_000),
                1..6,
            ),
            amount in 0_u64..1_000_000_000_000,
            span in 0_u64..120_000,
        ) {
            let mut split = Split::all_to(DeskId::NOBODY);
            let mut now = Tick(0);
            for (parts, wait) in routes {
                let parts = parts.into_iter().take(3).map(|(number, part)| (desk(number), part));
                split.publish(Mix::new(parts), now, TTL);
                now = now.after(Span(wait));
            }
            let mix = split.mean(now, now.after(Span(span)), TTL);
            prop_assert_eq!(mix.parts().iter().map(|part| part.1).sum::<u32>(), WHOLE);
            prop_assert_eq!(mix.divide(amount).map(|part| part.1).sum::<u64>(), amount);
        }
    }
}
