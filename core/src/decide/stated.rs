//! Stating a problem: what the first two stages, eligible and priced, say about the flows to be planned.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Depth, Plan};
use crate::capacity::Totals;
use crate::decide::eligible::{self, Stance, stance};
use crate::decide::priced;
use crate::decide::problem::{
    Demand, Limit, Link, LocalShares, Pair, Part, Problem, REFUSED, Site, UNSEEN,
};
use crate::decide::staffed;
use crate::decision::Reason;
use crate::fleet::Place;
use crate::ids::{AppId, ClusterId, GroupId, KindId};
use crate::intent::Intent;
use crate::staffing::Staffing;
use crate::state::{Berth, Flow, FlowId, State, Wake};
use crate::units::{MilliRps, Permille, Tick};

impl Problem {
    /// States the problem of serving the flows of a group that are planned now. The solution so far is the present placement.
    pub(crate) fn state_it(
        &mut self,
        state: &State,
        at: Tick,
        app: AppId,
        group: GroupId,
        plan: &Plan,
        depth: Depth,
    ) {
        self.clear(state, app, group, depth);
        for berth in &plan.berths {
            let Some(entry) = state.try_berth(*berth) else { continue };
            if entry.app == app && entry.group == group {
                self.site_of(state, at, entry.cluster);
            }
        }
        for flow in &plan.now {
            self.add(state, at, *flow);
        }
        self.charge();
        self.link();
        self.look_flow.clear();
        self.look_flow.resize(self.demands.len(), true);
        self.look_site.clear();
        self.look_site.resize(self.sites.len(), true);
        let policy = state.policy();
        self.budget = u64::from(policy.search.per_flow) * self.demands.len() as u64;
        self.replacements = if depth == Depth::Whole { policy.search.replacements } else { 0 };
    }

    fn clear(&mut self, state: &State, app: AppId, group: GroupId, depth: Depth) {
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
        self.tables.clear();
        let policy = state.policy();
        let switching = &policy.switching;
        self.app = Some((app, group));
        self.depth = depth;
        self.moving = switching.per_move.spread_over(switching.payback);
        self.opening = switching.per_start.spread_over(switching.payback);
        self.headroom = policy.headroom.target;
        self.headroom_least = policy.headroom.least;
        self.least_gain = switching.least_gain.0;
        self.burst_step = policy.traffic.burst_step.0.clamp(1, 1_000);
        self.moved = 0;
        self.opened = 0;
        self.openings = eligible::openings(state, app, group);
        let components = state.intent(app).group(group).components.len();
        self.bindings_per_berth = u32::try_from(components).expect("components are few");
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
        self.link();
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
        let count = |len: usize| u32::try_from(len).expect("clusters are counted by u32");
        match self.try_site(state, at, cluster, stance) {
            Ok(site) => {
                let place = count(self.sites.len());
                self.place_of[cluster.index()] = place;
                self.sites.push(site);
                Some(place)
            }
            Err(reason) => {
                self.place_of[cluster.index()] = REFUSED | count(self.refused.len());
                self.refused.push((cluster, reason));
                None
            }
        }
    }

    fn try_site(
        &mut self,
        state: &State,
        at: Tick,
        cluster: ClusterId,
        stance: Stance,
    ) -> Result<Site, Reason> {
        let (app, group) = self.group();
        let held = state.app(app).berth_in(group, cluster);
        let berth = held.map(|berth| state.berth(berth));
        let live = berth.filter(|berth| berth.is_live());
        let kind = state.cluster(cluster).spec.kind;
        let table = self.table_of(state, kind);
        let table = match (table, stance, live) {
            (Some(table), _, Some(_))
            | (Some(table), Stance::Open | Stance::Returning(_), None) => table,
            (_, stance, _) => return Err(stance.refusal().unwrap_or(Reason::Retired)),
        };
        let staffing = &self.tables[table as usize].1;
        let (free, full) = eligible::free(state, app, cluster, berth, &Totals::default());
        let (active, preference) = priced::fixed(state, app, cluster);
        let dwell = live.map(|berth| berth.opened.after(state.policy().pace.dwell));
        Ok(Site {
            cluster,
            berth: held,
            runs: live.is_some(),
            stands: held.is_some_and(|berth| staffed::is_written(state, berth)),
            stance,
            table,
            prices: state.derived.prices(cluster),
            crossings: priced::crossings(state, app, group, cluster),
            fixed: active.0 + preference.0,
            opening: if live.is_some() { 0 } else { self.opening.0 },
            free,
            limit: fixed_limit(stance, live, staffing),
            cap: berth.and_then(|berth| berth.cap),
            load: live.map_or(MilliRps::ZERO, |berth| berth.load),
            flows: live.map_or(0, |berth| u32::try_from(berth.sources.len()).unwrap_or(u32::MAX)),
            paid: 0,
            same: (MilliRps::ZERO, MilliRps::ZERO),
            base: MilliRps::ZERO,
            opened: live.map_or(at, |berth| berth.opened),
            dwell: dwell.filter(|until| *until > at),
            full,
        })
    }

    /// The place of the staffing table for a kind of cluster, if the group can run there.
    fn table_of(&mut self, state: &State, kind: KindId) -> Option<u32> {
        let known = self.tables.iter().position(|table| table.0 == kind);
        let place = match known {
            Some(place) => place,
            None => {
                let (app, group) = self.group();
                let table = state.derived.staffing(app, group, kind).ok()?;
                self.tables.push((kind, Arc::clone(table)));
                self.tables.len() - 1
            }
        };
        Some(u32::try_from(place).expect("kinds are few"))
    }

    fn add(&mut self, state: &State, at: Tick, id: FlowId) {
        let Some(flow) = state.flow(id) else { return };
        let (place, app, group) = state.endpoints(id);
        let (served, idling) = match id {
            FlowId::Series(series) => {
                let wake = state.series[series.index()].wake;
                (wake.is_served(), matches!(wake, Wake::Idling { .. }))
            }
            FlowId::Call(caller, _) => (state.berth(caller).is_live(), false),
        };
        let wanted = served && (flow.rate > MilliRps::ZERO || flow.unassigned() < Permille::WHOLE);
        if (app, group) != self.group() || !wanted {
            return;
        }
        let intent = state.intent(app);
        let narrow = |place: usize| u32::try_from(place).expect("pairs are counted by u32");
        let first = narrow(self.pairs.len());
        self.add_pairs(state, at, intent, id, flow, place);
        let pairs = first..narrow(self.pairs.len());
        let mut before = LocalShares::default();
        for share in flow.shares.iter() {
            let cluster = state.berth(share.berth).cluster;
            let Some(site) = self.site_of(state, at, cluster) else { continue };
            if share.assigned > Permille::ZERO {
                let here = &self.pairs[pairs.start as usize..pairs.end as usize];
                let pair = here.iter().find(|pair| pair.site == site);
                // A flow that must leave a site has no pair with it: nothing is saved by staying.
                let way = pair.map_or(0, |pair| pair.way);
                before.set(Part { site, weight: share.assigned.0, way });
            }
            // What is on its way out is not a reason to keep room.
            let entry = &mut self.sites[site as usize];
            entry.load = entry.load.saturating_sub(flow.rate.part(share.charged()));
            entry.flows = entry.flows.saturating_sub(1);
        }
        self.demands.push(Demand {
            flow: id,
            place,
            rate: flow.rate,
            unserved: priced::unserved(intent, flow.rate).0,
            pairs,
            before,
            now: before,
            forced: before.weight() < 1_000,
            idling,
        });
    }

    fn add_pairs(
        &mut self,
        state: &State,
        at: Tick,
        intent: &Intent,
        id: FlowId,
        flow: &Flow,
        place: Place,
    ) {
        let assigned = flow.unassigned() < Permille::WHOLE;
        for (rtt, cluster) in priced::reach(state, place) {
            if eligible::refuses_place(state, intent, place, cluster, rtt).is_some() {
                continue;
            }
            let Some(site) = self.site_of(state, at, cluster) else { continue };
            let entry = &self.sites[site as usize];
            let here = entry.berth.map_or(Permille::ZERO, |berth| flow.shares.of(berth).assigned);
            let stays = here > Permille::ZERO;
            let closed_to_it = match entry.stance {
                Stance::Open => false,
                Stance::Returning(_) => assigned && !stays,
                Stance::Keep(_) => !stays,
                Stance::Shut(_) => true,
            };
            if closed_to_it {
                continue;
            }
            let way = match place {
                Place::Zone(_) => {
                    priced::way_of_users(state, intent, flow.rate, cluster, rtt, entry.crossings)
                }
                Place::Cluster(_) => {
                    priced::way_of_calls(state, intent, id, flow.rate, cluster, rtt)
                }
            };
            let moving = if assigned && !stays { self.moving.0 } else { 0 };
            self.pairs.push(Pair { site, way: way.latency.0 + way.egress.0 + moving, moving });
        }
    }

    /// Adds to each site's base what the flows of this problem bring to it now.
    fn charge(&mut self) {
        for site in &mut self.sites {
            site.base = site.load;
        }
        for demand in &self.demands {
            for part in demand.before.parts() {
                let site = &mut self.sites[part.site as usize];
                site.load += demand.rate.part(Permille(part.weight));
                site.flows += 1;
            }
        }
        for site in self.site_ids() {
            let entry = &self.sites[site as usize];
            let (load, flows) = (entry.load, entry.flows);
            self.set_load(site, load, flows);
        }
    }

    /// Lists for each site the demands that have to do with it.
    fn link(&mut self) {
        self.starts.clear();
        self.starts.resize(self.sites.len() + 1, 0);
        let strays = |demand: &Demand, pairs: &[Pair]| -> Vec<u32> {
            let parts = demand.before.parts().iter();
            let lost = parts.filter(|part| pairs.iter().all(|pair| pair.site != part.site));
            lost.map(|part| part.site).collect()
        };
        let mut links: Vec<(u32, Link)> = Vec::new();
        for (place, demand) in self.demands.iter().enumerate() {
            let place = u32::try_from(place).expect("demands are counted by u32");
            let pairs = &self.pairs[demand.pairs.start as usize..demand.pairs.end as usize];
            links.extend(
                pairs.iter().map(|pair| (pair.site, Link { demand: place, way: Some(pair.way) })),
            );
            links.extend(
                strays(demand, pairs)
                    .into_iter()
                    .map(|site| (site, Link { demand: place, way: None })),
            );
        }
        for (site, _) in &links {
            self.starts[*site as usize + 1] += 1;
        }
        for place in 1..self.starts.len() {
            self.starts[place] += self.starts[place - 1];
        }
        let mut next = self.starts.clone();
        self.links.clear();
        self.links.resize(links.len(), Link { demand: 0, way: None });
        for (site, link) in links {
            let slot = &mut next[site as usize];
            self.links[*slot as usize] = link;
            *slot += 1;
        }
    }
}

/// The limit of a site that must not take more than it has, whatever room there is.
fn fixed_limit(stance: Stance, live: Option<&Berth>, staffing: &Staffing) -> Option<Limit> {
    let steps = u32::try_from(staffing.steps().len()).expect("steps are few");
    let top = live.map_or(0, |berth| berth.step.min(steps - 1));
    match stance {
        Stance::Open | Stance::Returning(_) => None,
        // What cannot be seen, or must not grow, keeps what it has.
        Stance::Keep(_) => {
            Some(Limit { top, max: live.map_or(MilliRps::ZERO, |berth| berth.band.high) })
        }
        Stance::Shut(_) => Some(Limit { top, max: MilliRps::ZERO }),
    }
}
