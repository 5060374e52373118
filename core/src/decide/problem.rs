//! The problem: flows of one group, the sites that may serve them, and what each pair costs.
//!
//! A site is a candidate cluster in this problem. Indices are local to it. Everything is copied out of the
//! state, so that a solver needs nothing else, and the buffers are kept from problem to problem.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::capacity::Totals;
use crate::decide::eligible::{self, Stance, stance};
use crate::decide::priced::{self, UnitPrices};
use crate::decision::{Guard, Held, Reason};
use crate::explain::Candidate;
use crate::fleet::Place;
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::staffing::Staffing;
use crate::state::{ASSIGNED_MAX, FlowId, State};
use crate::units::{MicrosRtt, MilliRps, Permille, Tick};

/// Flows of one group, the sites that may serve them, and what each pair costs.
#[derive(Debug, Default)]
pub(crate) struct Problem {
    pub(crate) app: Option<(AppId, GroupId)>,
    pub(crate) whole: bool,
    pub(crate) sites: Vec<Site>,
    pub(crate) demands: Vec<Demand>,
    pub(crate) pairs: Vec<Pair>,
    /// Clusters that may not serve the group, whoever asks.
    pub(crate) refused: Vec<(ClusterId, Reason)>,
    pub(crate) least_gain: i64,
    pub(crate) burst_step: u16,
    /// Moves that may still be tried.
    pub(crate) budget: u32,
    /// Flows that may still move without need.
    pub(crate) allowance: u32,
    /// Bindings that may still be given up because nobody is worth serving from them.
    pub(crate) droppable: u32,
    /// What kept something from moving.
    pub(crate) held: Vec<(FlowId, Held)>,
    /// The guard that stands behind `allowance`.
    pub(crate) allowance_guard: Option<Held>,
    /// Flows that moved without need so far.
    pub(crate) moved: u32,
    pub(crate) droppable_before: u32,
    /// Bindings that go with one berth.
    pub(crate) bindings_per_berth: u32,
    /// Berths of others that must yield.
    pub(crate) victims: Vec<BerthId>,
    /// Room for the candidates of one flow.
    pub(crate) candidates: Vec<Candidate>,
    /// For each cluster its site, its place among the refused, or `UNSEEN`.
    place_of: Vec<u32>,
}

/// A candidate cluster.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) cluster: ClusterId,
    pub(crate) berth: Option<BerthId>,
    pub(crate) stance: Stance,
    pub(crate) staffing: Arc<Staffing>,
    pub(crate) prices: UnitPrices,
    pub(crate) headroom: Permille,
    pub(crate) headroom_least: Permille,
    /// Being active, preferences included.
    pub(crate) fixed: i64,
    /// Starting here, spread over the payback; nothing where it runs already.
    pub(crate) opening: i64,
    /// The most that it can take, at its highest step.
    pub(crate) max: MilliRps,
    /// The highest step that it can be staffed for.
    pub(crate) top: usize,
    /// What it takes now.
    pub(crate) load: MilliRps,
    /// How many flows it takes now.
    pub(crate) flows: u32,
    /// What it would take if no flow of this problem were there.
    pub(crate) base: MilliRps,
    /// Until when it must not be left without need.
    pub(crate) dwell: Option<Tick>,
    /// Why `max` is what it is, if not even one replica finds room.
    pub(crate) full: Option<Reason>,
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
}

/// One flow at one site, if the site served all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) site: u32,
    /// Latency and egress.
    pub(crate) way: i64,
    /// Moving there from where it is.
    pub(crate) moving: i64,
}

/// Up to [`ASSIGNED_MAX`] sites of one flow, ascending, and their weights in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalShares {
    len: u8,
    items: [(u32, u16); ASSIGNED_MAX],
}

/// The cluster has not been looked at in this problem.
const UNSEEN: u32 = u32::MAX;
/// The cluster has been looked at and refused: the other bits are its place among the refused.
const REFUSED: u32 = 1 << 31;

impl Problem {
    /// States the problem of serving `flows` of a group. The solution so far is the present placement.
    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    pub(crate) fn state_it(
        &mut self,
        state: &State,
        at: Tick,
        app: AppId,
        group: GroupId,
        flows: &[FlowId],
        berths: &[BerthId],
        whole: bool,
    ) {
        self.clear(state, app, group, whole);
        for berth in berths {
            let entry = state.berth(*berth);
            if entry.app == app && entry.group == group {
                self.site_of(state, at, entry.cluster);
            }
        }
        for flow in flows {
            self.add(state, at, *flow);
        }
        self.charge();
    }

    fn clear(&mut self, state: &State, app: AppId, group: GroupId, whole: bool) {
        for site in &self.sites {
            self.place_of[site.cluster.index()] = UNSEEN;
        }
        for (cluster, _) in &self.refused {
            self.place_of[cluster.index()] = UNSEEN;
        }
        self.place_of.resize(state.clusters.len(), UNSEEN);
        self.sites.clear();
        self.demands.clear();
        self.pairs.clear();
        self.refused.clear();
        self.held.clear();
        let policy = state.policy();
        self.app = Some((app, group));
        self.whole = whole;
        self.least_gain = policy.switching.least_gain.0;
        self.burst_step = policy.traffic.burst_step.0.clamp(1, 1_000);
        self.budget = if whole { policy.search.whole } else { policy.search.local };
        self.moved = 0;
        let components = state.intent(app).group(group).components.len();
        self.bindings_per_berth = u32::try_from(components).expect("components are few");
    }

    /// The site in a cluster; if there is none, why it was refused, if it was looked at.
    pub(crate) fn place_in(&self, cluster: ClusterId) -> Result<u32, Option<Reason>> {
        match self.place_of[cluster.index()] {
            UNSEEN => Err(None),
            site if site < REFUSED => Ok(site),
            refused => Err(Some(self.refused[(refused & !REFUSED) as usize].1)),
        }
    }

    /// Looks at every cluster of the fleet that no standing rule refuses.
    pub(crate) fn add_all_sites(&mut self, state: &State, at: Tick) {
        let (app, group) = self.group();
        for cluster in 0..state.clusters.len() {
            let cluster = ClusterId::from_index(cluster);
            if state.derived.allows(app, group, cluster) {
                self.site_of(state, at, cluster);
            }
        }
    }

    pub(crate) fn group(&self) -> (AppId, GroupId) {
        self.app.expect("a problem is stated before it is read")
    }

    /// The site of `cluster`, made on first sight; `None` if it may not serve and serves nothing.
    fn site_of(&mut self, state: &State, at: Tick, cluster: ClusterId) -> Option<u32> {
        match self.place_of[cluster.index()] {
            UNSEEN => self.make_site(state, at, cluster),
            site if site < REFUSED => Some(site),
            _ => None,
        }
    }

    fn make_site(&mut self, state: &State, at: Tick, cluster: ClusterId) -> Option<u32> {
        let (app, group) = self.group();
        let stance = stance(state, at, app, group, cluster);
        let held = state.app(app).berth_in(group, cluster);
        match self.try_site(state, at, cluster, stance, held) {
            Ok(site) => {
                let place = u32::try_from(self.sites.len()).expect("sites are counted by u32");
                self.place_of[cluster.index()] = place;
                self.sites.push(site);
                Some(place)
            }
            Err(reason) => {
                let place = u32::try_from(self.refused.len()).expect("as above");
                self.place_of[cluster.index()] = REFUSED | place;
                self.refused.push((cluster, reason));
                None
            }
        }
    }

    fn try_site(
        &self,
        state: &State,
        at: Tick,
        cluster: ClusterId,
        stance: Stance,
        held: Option<BerthId>,
    ) -> Result<Site, Reason> {
        let (app, group) = self.group();
        let berth = held.map(|berth| state.berth(berth));
        let live = berth.filter(|berth| berth.is_live());
        let staffing = match (state.staffing(app, group, cluster), stance, live) {
            (Ok(staffing), _, Some(_))
            | (Ok(staffing), Stance::Open | Stance::Returning(_), None) => Arc::clone(staffing),
            (_, stance, _) => return Err(stance.refusal().unwrap_or(Reason::Retired)),
        };
        let policy = state.policy();
        let least = policy.headroom.least;
        let steps = staffing.steps();
        let now = live.map_or(0, |berth| (berth.step as usize).min(steps.len() - 1));
        let mut full = None;
        let (top, max) = match stance {
            Stance::Shut(_) => (now, MilliRps::ZERO),
            // What cannot be seen, or must not grow, keeps what it has.
            Stance::Keep(_) => (now, live.map_or(MilliRps::ZERO, |berth| berth.band.high)),
            Stance::Open | Stance::Returning(_) => {
                let nothing = Totals::default();
                let step = eligible::highest_step(state, app, cluster, &staffing, berth, &nothing);
                match (step, live) {
                    (Ok(step), _) => {
                        let cap = berth.and_then(|berth| berth.cap);
                        let step = cap.map_or(step, |cap| step.min(cap as usize));
                        (step, steps[step].up_to.lowered(least))
                    }
                    // Others took its room, but what runs, runs.
                    (Err(_), Some(_)) => (0, steps[0].up_to.lowered(least)),
                    (Err(reason), None) => {
                        full = Some(reason);
                        (0, MilliRps::ZERO)
                    }
                }
            }
        };
        if live.is_none()
            && full.is_none()
            && let Some(reason) = eligible::exceeds_nodes(state, app, group, cluster)
        {
            return Err(reason);
        }
        let (active, preference) = priced::fixed(state, app, cluster);
        let start = policy.switching.per_start.spread_over(policy.switching.payback).0;
        let opened = live.map(|berth| berth.opened.after(policy.pace.dwell));
        Ok(Site {
            cluster,
            berth: held,
            stance,
            staffing,
            prices: UnitPrices::of(state, cluster),
            headroom: policy.headroom.target,
            headroom_least: least,
            fixed: active.0 + preference.0,
            opening: if live.is_some() { 0 } else { start },
            max,
            top,
            load: live.map_or(MilliRps::ZERO, |berth| berth.load),
            flows: live.map_or(0, |berth| u32::try_from(berth.sources.len()).unwrap_or(u32::MAX)),
            base: MilliRps::ZERO,
            dwell: opened.filter(|until| *until > at),
            full,
        })
    }

    fn add(&mut self, state: &State, at: Tick, id: FlowId) {
        let Some(flow) = state.flow(id) else { return };
        let (place, app, group) = state.endpoints(id);
        let served = match id {
            FlowId::Series(series) => state.series[series.index()].wake.is_served(),
            FlowId::Call(caller, _) => state.berth(caller).is_live(),
        };
        let wanted = served && (flow.rate > MilliRps::ZERO || flow.unassigned() < Permille::WHOLE);
        if (app, group) != self.group() || !wanted {
            return;
        }
        let intent = state.intent(app);
        let moving =
            state.policy().switching.per_move.spread_over(state.policy().switching.payback).0;
        let assigned = Permille::WHOLE - flow.unassigned();
        let first = self.pairs.len();
        let mut nearest = MicrosRtt::MAX;
        for (rtt, cluster) in priced::reach(state, place) {
            nearest = nearest.min(rtt);
            if eligible::refuses_place(state, intent, place, cluster, rtt).is_some() {
                continue;
            }
            let Some(site) = self.site_of(state, at, cluster) else { continue };
            let entry = &self.sites[site as usize];
            let here = entry.berth.map_or(Permille::ZERO, |berth| flow.shares.of(berth).assigned);
            let closed_to_it = match entry.stance {
                Stance::Open => false,
                Stance::Returning(_) => assigned > Permille::ZERO,
                Stance::Keep(_) => here == Permille::ZERO,
                Stance::Shut(_) => true,
            };
            if closed_to_it {
                continue;
            }
            let way = match place {
                Place::Zone(_) => {
                    let crossings = priced::crossings(state, app, group, cluster);
                    priced::way_of_users(state, intent, flow.rate, cluster, rtt, crossings)
                }
                Place::Cluster(_) => {
                    priced::way_of_calls(state, intent, id, flow.rate, cluster, rtt)
                }
            };
            let stays = here > Permille::ZERO || assigned == Permille::ZERO;
            self.pairs.push(Pair {
                site,
                way: way.latency.0 + way.egress.0,
                moving: if stays { 0 } else { moving },
            });
        }
        let narrow = |place: usize| u32::try_from(place).expect("pairs are counted by u32");
        let mut before = LocalShares::default();
        for share in flow.shares.iter().filter(|share| share.assigned > Permille::ZERO) {
            let cluster = state.berth(share.berth).cluster;
            if let Some(site) = self.site_of(state, at, cluster) {
                before.set(site, share.assigned.0);
            }
        }
        self.demands.push(Demand {
            flow: id,
            place,
            rate: flow.rate,
            unserved: priced::unserved(intent, flow.rate).0,
            pairs: narrow(first)..narrow(self.pairs.len()),
            before,
            now: before,
            forced: before.weight() < 1_000,
        });
        for share in flow.shares.iter() {
            let cluster = state.berth(share.berth).cluster;
            if let Some(site) = self.site_of(state, at, cluster) {
                // What is on its way out is not a reason to keep room.
                let entry = &mut self.sites[site as usize];
                let charged = flow.rate.part(share.charged());
                entry.load = entry.load.saturating_sub(charged);
                entry.flows = entry.flows.saturating_sub(1);
            }
        }
    }

    /// Adds to each site's base what the flows of this problem bring to it now.
    fn charge(&mut self) {
        for site in &mut self.sites {
            site.base = site.load;
        }
        for demand in &self.demands {
            for (site, weight) in demand.before.iter() {
                let site = &mut self.sites[site as usize];
                site.load += demand.rate.part(Permille(weight));
                site.flows += 1;
            }
        }
    }

    /// Whether some demand is left to nobody.
    pub(crate) fn has_unserved(&self) -> bool {
        let short = |demand: &Demand| demand.rate > MilliRps::ZERO && demand.now.weight() < 1_000;
        self.demands.iter().any(short)
    }

    /// The pair of a flow and a site, if the flow may go there.
    pub(crate) fn pair(&self, demand: usize, site: u32) -> Option<Pair> {
        self.pairs_of(demand).iter().find(|pair| pair.site == site).copied()
    }

    /// The pairs of a flow, nearest first.
    pub(crate) fn pairs_of(&self, demand: usize) -> &[Pair] {
        let range = &self.demands[demand].pairs;
        &self.pairs[range.start as usize..range.end as usize]
    }

    /// What a site costs at a load, without what flows pay for their way.
    #[inline]
    pub(crate) fn cost(&self, site: u32, load: MilliRps, flows: u32) -> i64 {
        if flows == 0 {
            return 0;
        }
        let site = &self.sites[site as usize];
        site.fixed + site.opening + site.resources(load)
    }

    /// What a site would cost more with `part` of another flow.
    #[inline]
    pub(crate) fn added(&self, site: u32, part: MilliRps) -> Option<i64> {
        let entry = &self.sites[site as usize];
        if entry.load + part > entry.max {
            return None;
        }
        Some(
            self.cost(site, entry.load + part, entry.flows + 1)
                - self.cost(site, entry.load, entry.flows),
        )
    }

    /// Gives a flow other shares. Returns by how much the total changes.
    pub(crate) fn assign(&mut self, demand: usize, now: LocalShares) -> i64 {
        let Demand { rate, before, now: old, forced, unserved, .. } = self.demands[demand];
        let was_moved = old != before && !forced;
        let is_moved = now != before && !forced;
        self.moved = self.moved + u32::from(is_moved) - u32::from(was_moved);
        let mut change = unserved * (i64::from(old.weight()) - i64::from(now.weight())) / 1_000;
        for (site, weight) in old.iter() {
            let part = rate.part(Permille(weight));
            let entry = &self.sites[site as usize];
            let (load, flows) = (entry.load, entry.flows);
            change -= self.cost(site, load, flows) - self.cost(site, load - part, flows - 1);
            change -= self.way(demand, site, weight);
            let entry = &mut self.sites[site as usize];
            entry.load -= part;
            entry.flows -= 1;
        }
        for (site, weight) in now.iter() {
            let part = rate.part(Permille(weight));
            let entry = &self.sites[site as usize];
            let (load, flows) = (entry.load, entry.flows);
            change += self.cost(site, load + part, flows + 1) - self.cost(site, load, flows);
            change += self.way(demand, site, weight);
            let entry = &mut self.sites[site as usize];
            entry.load += part;
            entry.flows += 1;
        }
        self.demands[demand].now = now;
        change
    }

    /// What a flow pays for its way to a site, at a weight.
    pub(crate) fn way(&self, demand: usize, site: u32, weight: u16) -> i64 {
        // A flow that must leave a site has no pair with it: nothing is saved by staying.
        let pair = self.pair(demand, site);
        pair.map_or(0, |pair| (pair.way + pair.moving) * i64::from(weight) / 1_000)
    }

    /// Notes that a guard kept a flow where it is.
    pub(crate) fn hold(&mut self, demand: usize, guard: Guard, until: Option<Tick>) {
        let flow = self.demands[demand].flow;
        if !self.held.iter().any(|(other, _)| *other == flow) {
            self.held.push((flow, Held { guard, until }));
        }
    }
}

impl Site {
    /// Makes `step` the highest that it can be staffed for.
    pub(crate) fn set_top(&mut self, step: usize, least: Permille) {
        self.top = step;
        self.max = self.staffing.steps()[step].up_to.lowered(least);
    }

    /// What its replicas cost at a load, with the headroom that staffing aims at.
    #[inline]
    pub(crate) fn resources(&self, load: MilliRps) -> i64 {
        self.prices.total(&self.staffing.steps()[self.step_for(load)].total)
    }

    /// The step that it would be staffed for; the last that holds `max` if the room ends there.
    #[inline]
    pub(crate) fn step_for(&self, load: MilliRps) -> usize {
        let steps = self.staffing.steps().len();
        self.staffing.step_for(load.raised(self.headroom)).unwrap_or(steps - 1)
    }

    /// Whether a berth runs here or flows are here already.
    pub(crate) fn is_open(&self) -> bool {
        self.opening == 0 || self.flows > 0
    }
}

impl LocalShares {
    pub(crate) fn only(site: u32) -> Self {
        let mut shares = Self::default();
        shares.set(site, 1_000);
        shares
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u16)> + use<> {
        let Self { len, items } = *self;
        items.into_iter().take(usize::from(len))
    }

    pub(crate) fn weight(&self) -> u16 {
        self.iter().map(|(_, weight)| weight).sum()
    }

    pub(crate) fn of(&self, site: u32) -> u16 {
        self.iter().find(|(other, _)| *other == site).map_or(0, |(_, weight)| weight)
    }

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.len) == ASSIGNED_MAX
    }

    /// Sets a site's weight; zero removes it.
    ///
    /// # Panics
    /// Panics beyond [`ASSIGNED_MAX`]: whoever adds a site asks [`is_full`](Self::is_full) first.
    pub(crate) fn set(&mut self, site: u32, weight: u16) {
        let len = usize::from(self.len);
        let place = self.items[..len].partition_point(|(other, _)| *other < site);
        let there = self.items[..len].get(place).is_some_and(|(other, _)| *other == site);
        match (there, weight) {
            (true, 0) => {
                self.items.copy_within(place + 1..len, place);
                self.len -= 1;
                self.items[len - 1] = (0, 0);
            }
            (true, weight) => self.items[place].1 = weight,
            (false, 0) => {}
            (false, weight) => {
                assert!(len < ASSIGNED_MAX, "a flow is assigned to at most {ASSIGNED_MAX} sites");
                self.items.copy_within(place..len, place + 1);
                self.items[place] = (site, weight);
                self.len += 1;
            }
        }
    }
}
