//! The problem: flows of one group, the sites that may serve them, and what each pair costs.
//!
//! A site is a candidate cluster in this problem. Indices are local to it. `stated` copies everything out of
//! the state, so that a solver needs nothing else; the buffers are kept from problem to problem.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Depth;
use super::assigned::Chain;
use crate::capacity::Totals;
use crate::decide::eligible::Stance;
use crate::decide::priced::Crossings;
use crate::decision::{Guard, Held, Reason};
use crate::explain::Candidate;
use crate::fleet::Place;
use crate::ids::{AppId, BerthId, ClusterId, GroupId, KindId};
use crate::staffing::Staffing;
use crate::state::{ASSIGNED_MAX, FlowId, UnitPrices};
use crate::units::{MicroUsdPerHour, MilliRps, Permille, Tick};

/// Flows of one group, the sites that may serve them, and what each pair costs.
#[derive(Debug, Default)]
pub(crate) struct Problem {
    pub(super) app: Option<(AppId, GroupId)>,
    pub(crate) depth: Depth,
    pub(crate) sites: Vec<Site>,
    pub(crate) demands: Vec<Demand>,
    pub(crate) pairs: Vec<Pair>,
    /// For each site, the demands that have a pair with it or a part at it: `links[starts[s]..starts[s + 1]]`.
    pub(super) links: Vec<Link>,
    pub(super) starts: Vec<u32>,
    /// The group's staffing tables, by kind of cluster.
    pub(crate) tables: Vec<(KindId, Arc<Staffing>)>,
    /// Clusters that may not serve the group, whoever asks.
    pub(super) refused: Vec<(ClusterId, Reason)>,
    /// For each cluster its site, its place among the refused, or `UNSEEN`.
    pub(super) place_of: Vec<u32>,

    pub(super) moving: MicroUsdPerHour,
    pub(super) opening: MicroUsdPerHour,
    pub(crate) headroom: Permille,
    pub(crate) headroom_least: Permille,
    pub(crate) least_gain: i64,
    pub(crate) burst_step: u16,
    /// Bindings that go with one berth.
    pub(crate) bindings_per_berth: u32,

    /// Flows and sites whose surroundings have changed since they were last tried.
    pub(super) look_flow: Vec<bool>,
    pub(super) look_site: Vec<bool>,

    /// Sites that may be opened beside those that run, and how many have been.
    pub(super) openings: u32,
    pub(super) opened: u32,
    /// Room for the search for chains of moves.
    pub(super) chain: Chain,

    /// Moves that may still be tried.
    pub(crate) budget: u64,
    /// Sites that may still be tried in place of others.
    pub(crate) replacements: u32,
    /// Flows that may still move without need, and the guard behind that.
    pub(crate) allowance: u32,
    pub(crate) allowance_guard: Option<Held>,
    /// Bindings that may still be given up because nobody is worth serving from them.
    pub(crate) droppable: u32,
    pub(crate) droppable_before: u32,

    /// Flows that moved without need so far.
    pub(crate) moved: u32,
    /// What kept something from moving.
    pub(crate) held: Vec<(u32, Held)>,
    /// Berths of others that must yield.
    pub(crate) victims: Vec<BerthId>,
    /// Room for the candidates of one flow.
    pub(crate) candidates: Vec<Candidate>,
}

/// A candidate cluster.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) cluster: ClusterId,
    pub(crate) berth: Option<BerthId>,
    /// Whether its berth is wanted as it is: no start is needed.
    pub(crate) runs: bool,
    /// Whether all of it is written: what stands, stays, whatever room there is.
    pub(crate) stands: bool,
    pub(crate) stance: Stance,
    /// Its staffing table, by its place in the problem's.
    pub(crate) table: u32,
    pub(crate) prices: UnitPrices,
    pub(crate) crossings: Crossings,
    /// Being active, preferences included.
    pub(crate) fixed: i64,
    /// Starting here, spread over the payback; nothing where it runs already.
    pub(crate) opening: i64,
    /// Room that its replicas may take.
    pub(super) free: Totals,
    /// The most that it can take and the highest step that it can be staffed for, once that was asked.
    pub(super) limit: Option<Limit>,
    /// The step that must not be exceeded, whatever room there is.
    pub(super) cap: Option<u32>,
    /// What it takes now.
    pub(crate) load: MilliRps,
    /// How many flows it takes now.
    pub(crate) flows: u32,
    /// What it costs now, without what flows pay for their way.
    pub(crate) paid: i64,
    /// Between which loads it costs that: above the first, up to the second.
    pub(super) same: (MilliRps, MilliRps),
    /// What it would take if no flow of this problem were there.
    pub(crate) base: MilliRps,
    /// When it was opened; of two the younger is given up first.
    pub(crate) opened: Tick,
    /// Until when it must not be left without need.
    pub(crate) dwell: Option<Tick>,
    /// Why it can take nothing, if packing or quota is the reason.
    pub(crate) full: Option<Reason>,
}

/// The most that a site can take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) max: MilliRps,
    /// The highest step that it can be staffed for.
    pub(crate) top: u32,
}

/// One flow.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) flow: FlowId,
    pub(crate) place: Place,
    pub(crate) rate: MilliRps,
    /// The price of leaving it to nobody.
    pub(crate) unserved: i64,
    /// Its pairs, in the order of the place's reach.
    pub(crate) pairs: core::ops::Range<u32>,
    pub(crate) before: LocalShares,
    pub(crate) now: LocalShares,
    /// It cannot stay as it is: its site shuts, has no room, or is not there.
    pub(crate) forced: bool,
    /// It is about to be released: not worth moving, and the breaker must see it where it is.
    pub(crate) idling: bool,
}

/// One flow at one site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) site: u32,
    /// What the whole flow pays there beside resources: latency, egress, moving.
    pub(crate) way: i64,
    /// The part of it that is paid for moving.
    pub(crate) moving: i64,
}

/// A demand that has to do with a site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) demand: u32,
    /// What the whole flow pays there; `None` where it must not stay.
    pub(crate) way: Option<i64>,
}

/// A part of a flow at one site.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    pub(crate) site: u32,
    /// In thousandths.
    pub(crate) weight: u16,
    /// What the whole flow would pay for its way there.
    pub(crate) way: i64,
}

/// The parts of one flow, ascending by site.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocalShares {
    len: u8,
    parts: [Part; ASSIGNED_MAX],
}

/// How many flows one plan names that a guard kept where they are.
const HELD_MAX: usize = 8;

/// The cluster has not been looked at in this problem.
pub(super) const UNSEEN: u32 = u32::MAX;
/// The cluster has been looked at and refused: the other bits are its place among the refused.
pub(super) const REFUSED: u32 = 1 << 31;

impl Problem {
    pub(crate) fn group(&self) -> (AppId, GroupId) {
        self.app.expect("a problem is stated before it is read")
    }

    /// The site in a cluster; if there is none, why it was refused, if it was looked at.
    pub(crate) fn place_in(&self, cluster: ClusterId) -> Result<u32, Option<Reason>> {
        match self.place_of[cluster.index()] {
            UNSEEN => Err(None),
            site if site < REFUSED => Ok(site),
            refused => Err(Some(self.refused[(refused & !REFUSED) as usize].1)),
        }
    }

    /// All sites, ascending.
    pub(crate) fn site_ids(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.sites.len()).expect("sites are counted by u32")
    }

    /// Whether some demand is left to nobody.
    pub(crate) fn has_unserved(&self) -> bool {
        self.demands.iter().any(Demand::wants_more)
    }

    /// The pair of a flow and a site, if the flow may go there.
    pub(crate) fn pair(&self, demand: usize, site: u32) -> Option<Pair> {
        self.pairs_of(demand).iter().find(|pair| pair.site == site).copied()
    }

    /// The pairs of a flow, nearest first.
    #[inline]
    pub(crate) fn pairs_of(&self, demand: usize) -> &[Pair] {
        let range = &self.demands[demand].pairs;
        &self.pairs[range.start as usize..range.end as usize]
    }

    /// The demands that have to do with a site, ascending.
    #[inline]
    pub(crate) fn links_of(&self, site: u32) -> core::ops::Range<usize> {
        self.starts[site as usize] as usize..self.starts[site as usize + 1] as usize
    }

    #[inline]
    pub(crate) fn table(&self, site: &Site) -> &Staffing {
        &self.tables[site.table as usize].1
    }

    /// The step that a site would be staffed for at a load, with the headroom that staffing aims at.
    #[inline]
    pub(crate) fn step_for(&self, site: &Site, load: MilliRps) -> usize {
        let table = self.table(site);
        table.step_for(load.raised(self.headroom)).unwrap_or(table.steps().len() - 1)
    }

    /// What a site's replicas cost at a load.
    #[inline]
    pub(crate) fn resources(&self, site: &Site, load: MilliRps) -> i64 {
        site.prices.total(&self.table(site).steps()[self.step_for(site, load)].total)
    }

    /// What a site costs at a load, without what flows pay for their way.
    #[inline]
    pub(crate) fn cost(&self, site: u32, load: MilliRps, flows: u32) -> i64 {
        if flows == 0 {
            return 0;
        }
        let site = &self.sites[site as usize];
        site.fixed + site.opening + self.resources(site, load)
    }

    /// The most that a site can take.
    pub(crate) fn limit(&mut self, site: u32) -> Limit {
        let entry = &self.sites[site as usize];
        if self.is_one_too_many(site) {
            return Limit { max: MilliRps::ZERO, top: 0 };
        }
        if let Some(limit) = entry.limit {
            return limit;
        }
        let table = self.table(entry);
        let fits = |step: &crate::staffing::Step| entry.free.shortage(&step.total).is_none();
        let highest = table.steps().partition_point(fits).checked_sub(1);
        let highest = highest.map(|step| entry.cap.map_or(step, |cap| step.min(cap as usize)));
        let nothing = Limit { max: MilliRps::ZERO, top: 0 };
        let limit = match (highest, entry.stands) {
            (Some(step), _) => self.limit_at(entry, step),
            // Others took its room.
            (None, true) => self.limit_at(entry, 0),
            (None, false) => nothing,
        };
        self.sites[site as usize].limit = Some(limit);
        limit
    }

    /// Whether a site stays closed because the group is, or will be, in as many clusters as it may be.
    pub(crate) fn is_one_too_many(&self, site: u32) -> bool {
        !self.sites[site as usize].is_open() && self.opened >= self.openings
    }

    /// Makes `step` the highest that a site can be staffed for.
    pub(crate) fn set_top(&mut self, site: u32, step: usize) {
        let limit = self.limit_at(&self.sites[site as usize], step);
        self.sites[site as usize].limit = Some(limit);
    }

    fn limit_at(&self, site: &Site, step: usize) -> Limit {
        let max = self.table(site).steps()[step].up_to.lowered(self.headroom_least);
        Limit { max, top: u32::try_from(step).expect("steps are few") }
    }

    /// Whether a site can take `part` more.
    #[inline]
    pub(crate) fn has_room(&mut self, site: u32, part: MilliRps) -> bool {
        let max = self.limit(site).max;
        max > MilliRps::ZERO && self.sites[site as usize].load + part <= max
    }

    /// What a site would cost more with `part` of another flow.
    #[inline]
    pub(crate) fn added(&self, site: u32, part: MilliRps) -> i64 {
        let entry = &self.sites[site as usize];
        let load = entry.load + part;
        // Often the replicas that are paid for anyway hold the part as well.
        if entry.flows > 0 && load <= entry.same.1 {
            return 0;
        }
        self.cost(site, load, entry.flows + 1) - entry.paid
    }

    /// What a site would cost less without `part` of a flow that is all it has there.
    #[inline]
    pub(crate) fn removed(&self, site: u32, part: MilliRps) -> i64 {
        let entry = &self.sites[site as usize];
        let load = entry.load - part;
        if entry.flows > 1 && load > entry.same.0 {
            return 0;
        }
        entry.paid - self.cost(site, load, entry.flows - 1)
    }

    /// What a site costs more with a part of a flow that pays `way` there for the whole of it.
    #[inline]
    pub(crate) fn price_of_joining(&self, demand: usize, site: u32, weight: u16, way: i64) -> i64 {
        let part = self.demands[demand].rate.part(Permille(weight));
        self.added(site, part) + way * i64::from(weight) / 1_000
    }

    /// Gives a flow other shares. Returns by how much the total changes.
    pub(crate) fn assign(&mut self, demand: usize, now: LocalShares) -> i64 {
        let Demand { rate, before, now: old, forced, unserved, .. } = self.demands[demand];
        if !forced {
            self.moved = self.moved + u32::from(now != before) - u32::from(old != before);
        }
        let mut change = unserved * (i64::from(old.weight()) - i64::from(now.weight())) / 1_000;
        for part in old.parts() {
            change -= self.take(rate, *part);
        }
        for part in now.parts() {
            change += self.put(rate, *part);
        }
        self.demands[demand].now = now;
        change
    }

    fn take(&mut self, rate: MilliRps, part: Part) -> i64 {
        let gone = rate.part(Permille(part.weight));
        let entry = &self.sites[part.site as usize];
        let (load, flows) = (entry.load - gone, entry.flows - 1);
        self.opened -= u32::from(!entry.runs && flows == 0);
        part.price() - self.set_load(part.site, load, flows)
    }

    fn put(&mut self, rate: MilliRps, part: Part) -> i64 {
        let more = rate.part(Permille(part.weight));
        let entry = &self.sites[part.site as usize];
        let (load, flows) = (entry.load + more, entry.flows + 1);
        self.opened += u32::from(!entry.runs && flows == 1);
        part.price() + self.set_load(part.site, load, flows)
    }

    /// Gives a site another load. Returns by how much its cost changes.
    pub(super) fn set_load(&mut self, site: u32, load: MilliRps, flows: u32) -> i64 {
        let entry = &mut self.sites[site as usize];
        let used = entry.flows.min(flows) > 0;
        (entry.load, entry.flows) = (load, flows);
        if used && load > entry.same.0 && load <= entry.same.1 {
            return 0;
        }
        let entry = &self.sites[site as usize];
        let (paid, same) = if flows == 0 {
            (0, (MilliRps::ZERO, MilliRps::ZERO))
        } else {
            let step = self.step_for(entry, load);
            let steps = self.table(entry).steps();
            let from = step.checked_sub(1).map_or(MilliRps::ZERO, |below| steps[below].up_to);
            let same = (from.lowered(self.headroom), steps[step].up_to.lowered(self.headroom));
            (entry.fixed + entry.opening + entry.prices.total(&steps[step].total), same)
        };
        let entry = &mut self.sites[site as usize];
        entry.same = same;
        paid - core::mem::replace(&mut entry.paid, paid)
    }

    /// Notes that a guard kept a flow where it is. A few flows are enough to tell.
    pub(crate) fn hold(&mut self, demand: usize, guard: Guard, until: Option<Tick>) {
        let demand = u32::try_from(demand).expect("demands are counted by u32");
        if self.held.len() < HELD_MAX && self.held.iter().all(|held| held.0 != demand) {
            self.held.push((demand, Held { guard, until }));
        }
    }
}

impl Demand {
    /// Whether some of it is left to nobody.
    #[inline]
    pub(crate) fn wants_more(&self) -> bool {
        self.rate > MilliRps::ZERO && self.now.weight() < 1_000
    }
}

impl Site {
    /// Whether a berth runs here or flows are here already.
    pub(crate) fn is_open(&self) -> bool {
        self.runs || self.flows > 0
    }
}

impl Part {
    /// What it pays for its way.
    #[inline]
    pub(crate) fn price(&self) -> i64 {
        self.way * i64::from(self.weight) / 1_000
    }
}

impl LocalShares {
    pub(crate) fn only(site: u32, way: i64) -> Self {
        let mut shares = Self::default();
        shares.set(Part { site, weight: 1_000, way });
        shares
    }

    #[inline]
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts[..usize::from(self.len)]
    }

    pub(crate) fn weight(&self) -> u16 {
        self.parts().iter().map(|part| part.weight).sum()
    }

    pub(crate) fn of(&self, site: u32) -> u16 {
        self.parts().iter().find(|part| part.site == site).map_or(0, |part| part.weight)
    }

    /// Whether a part can be put at `site`.
    pub(crate) fn takes(&self, site: u32) -> bool {
        usize::from(self.len) < ASSIGNED_MAX || self.of(site) > 0
    }

    /// Sets the part at its site; no weight removes it.
    ///
    /// # Panics
    /// Panics beyond [`ASSIGNED_MAX`]: whoever adds a site asks [`takes`](Self::takes) first.
    pub(crate) fn set(&mut self, part: Part) {
        let len = usize::from(self.len);
        let place = self.parts().partition_point(|other| other.site < part.site);
        let there = self.parts().get(place).is_some_and(|other| other.site == part.site);
        match (there, part.weight) {
            (true, 0) => {
                self.parts.copy_within(place + 1..len, place);
                self.len -= 1;
            }
            (true, _) => self.parts[place] = part,
            (false, 0) => {}
            (false, _) => {
                assert!(len < ASSIGNED_MAX, "a flow is assigned to at most {ASSIGNED_MAX} sites");
                self.parts.copy_within(place..len, place + 1);
                self.parts[place] = part;
                self.len += 1;
            }
        }
    }

    /// These shares without their part at `site`.
    pub(crate) fn without(mut self, site: u32) -> Self {
        self.set(Part { site, weight: 0, way: 0 });
        self
    }

    /// These shares with `weight` more at `site`, if a part can be put there.
    pub(crate) fn with(mut self, site: u32, weight: u16, way: i64) -> Option<Self> {
        if !self.takes(site) {
            return None;
        }
        self.set(Part { site, weight: self.of(site) + weight, way });
        Some(self)
    }
}

impl PartialEq for LocalShares {
    /// Equal sites and weights; what they pay follows from them.
    fn eq(&self, other: &Self) -> bool {
        let ends = |part: &Part| (part.site, part.weight);
        self.len == other.len && self.parts().iter().map(ends).eq(other.parts().iter().map(ends))
    }
}
