//! The state: everything the machine knows. Only [`apply`](State::apply) changes it.
//!
//! Entities live in arenas by dense id. Fields are private so that nothing outside can change them; the
//! accessors below give everything to read. What can be derived from the rest (`derived`) is neither
//! stored in snapshots nor part of the digest.

mod app;
mod arena;
mod berth;
mod cluster;
mod derived;
mod flow;
mod hold;
mod outstanding;
mod prices;
mod rollout;
mod running;
mod timers;
mod zone;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use self::app::{App, Moves};
pub use self::berth::{Band, Berth, Binding, Content, Patience, Phase, ScaleIn, Stage};
pub use self::cluster::{Cluster, Health, Marks, Reach};
pub use self::flow::{ASSIGNED_MAX, Flow, FlowId, SHARES_MAX, Share, Shares};
pub use self::hold::{Hold, HoldKind};
pub use self::outstanding::Outstanding;
pub use self::rollout::{Course, Rollout, Turn};
pub use self::timers::Timer;
pub use self::zone::{Series, Wake, Zone};

pub(crate) use self::arena::Arena;
pub(crate) use self::derived::Derived;
pub(crate) use self::outstanding::OutstandingEffects;
pub(crate) use self::prices::UnitPrices;
pub(crate) use self::timers::Timers;

use crate::codec;
use crate::digest::{Digest, Family};
use crate::effect::{EffectKey, Generation, Issued};
use crate::fleet::{Place, TenantSpec};
use crate::ids::{
    AppId, BerthId, BindingId, ClusterId, GroupId, HoldId, Seq, SeriesId, Symbol, TenantId, ZoneId,
};
use crate::input::SourceId;
use crate::intent::Intent;
use crate::policy::Policy;
use crate::units::{MilliRps, Tick};

/// Everything the machine knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) scalars: Scalars,
    pub(crate) names: Vec<String>,
    pub(crate) tenants: Arena<TenantSpec>,
    pub(crate) clusters: Arena<Cluster>,
    pub(crate) zones: Arena<Zone>,
    pub(crate) apps: Arena<App>,
    pub(crate) series: Arena<Series>,
    pub(crate) berths: Arena<Slot>,
    /// Empty slots of `berths`; the last is used first.
    pub(crate) vacant: Vec<BerthId>,
    pub(crate) outstanding: OutstandingEffects,
    pub(crate) holds: BTreeMap<HoldId, Hold>,
    pub(crate) timers: Timers,
    #[serde(skip)]
    pub(crate) derived: Derived,
    #[serde(skip)]
    settled: Settled,
}

/// What there is one of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scalars {
    /// When the last record was made.
    pub(crate) at: Tick,
    /// The position of the next record.
    pub(crate) seq: Seq,
    pub(crate) policy: Policy,
    pub(crate) paused: bool,
    /// When each source's newest batch was true.
    pub(crate) sources: BTreeMap<SourceId, Tick>,
    /// Removals in the breaker's window, oldest first.
    pub(crate) removals: Vec<(Tick, u32)>,
    /// Bindings that are bound now.
    pub(crate) bindings: u32,
    /// Apps some of whose users are served by nobody, ascending.
    pub(crate) short: Vec<AppId>,
    /// Series that a hold keeps from sleeping, ascending.
    pub(crate) held_back: Vec<SeriesId>,
    /// Holds that were ever placed.
    pub(crate) holds_placed: u32,
}

/// A place for a berth. Generations only grow, also when another berth takes the place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) generation: Generation,
    pub(crate) berth: Option<Berth>,
}

/// What the digest was when it was last brought up to date.
#[derive(Clone, Debug, Default)]
struct Settled {
    entities: Digest,
    names: usize,
    buffer: Vec<u8>,
}

impl State {
    /// When the last record was made.
    #[must_use]
    pub fn at(&self) -> Tick {
        self.scalars.at
    }

    /// The position of the next record.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.scalars.seq
    }

    /// The fleet's policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.scalars.policy
    }

    /// Whether an operator stopped all changes.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.scalars.paused
    }

    /// The number of bindings there are, in any phase.
    #[must_use]
    pub fn bindings(&self) -> u32 {
        self.scalars.bindings
    }

    /// The text of a name; a question mark for one that was never given.
    #[must_use]
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.index()).map_or("?", String::as_str)
    }

    /// All names, by symbol.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All tenants, by id.
    #[must_use]
    pub fn tenants(&self) -> &[TenantSpec] {
        self.tenants.items()
    }

    /// All clusters, by id.
    #[must_use]
    pub fn clusters(&self) -> &[Cluster] {
        self.clusters.items()
    }

    /// All zones, by id.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        self.zones.items()
    }

    /// All apps, by id, also withdrawn ones.
    #[must_use]
    pub fn apps(&self) -> &[App] {
        self.apps.items()
    }

    /// All series, by id.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        self.series.items()
    }

    /// All berths with their ids, ascending.
    pub fn berths(&self) -> impl Iterator<Item = (BerthId, &Berth)> {
        let slots = self.berths.items().iter().enumerate();
        slots.filter_map(|(index, slot)| Some((BerthId::from_index(index), slot.berth.as_ref()?)))
    }

    /// The berth with this id, if there is one.
    #[must_use]
    pub fn try_berth(&self, berth: BerthId) -> Option<&Berth> {
        self.berths.items().get(berth.index())?.berth.as_ref()
    }

    /// The cluster with this id.
    ///
    /// # Panics
    /// Panics if it was never declared. So do the accessors of the other kinds.
    #[must_use]
    #[inline]
    pub fn cluster(&self, cluster: ClusterId) -> &Cluster {
        &self.clusters[cluster.index()]
    }

    /// The zone with this id.
    #[must_use]
    #[inline]
    pub fn zone(&self, zone: ZoneId) -> &Zone {
        &self.zones[zone.index()]
    }

    /// The app with this id.
    #[must_use]
    #[inline]
    pub fn app(&self, app: AppId) -> &App {
        &self.apps[app.index()]
    }

    /// The app's intent.
    #[must_use]
    #[inline]
    pub fn intent(&self, app: AppId) -> &Intent {
        &self.apps[app.index()].intent
    }

    /// The tenant with this id.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> &TenantSpec {
        &self.tenants[tenant.index()]
    }

    /// The berth with this id.
    #[must_use]
    #[inline]
    pub fn berth(&self, berth: BerthId) -> &Berth {
        self.berths[berth.index()].berth.as_ref().expect("a berth that is referred to exists")
    }

    /// The binding with this id, if there is one.
    #[must_use]
    pub fn binding(&self, binding: BindingId) -> Option<&Binding> {
        self.try_berth(binding.berth)?.binding(binding.component)
    }

    /// The flow with this id, if there is one.
    #[must_use]
    pub fn flow(&self, flow: FlowId) -> Option<&Flow> {
        match flow {
            FlowId::Series(series) => Some(&self.series.items().get(series.index())?.flow),
            FlowId::Call(berth, call) => {
                let calls = &self.try_berth(berth)?.calls;
                Some(&calls.iter().find(|made| made.0 == call)?.1)
            }
        }
    }

    /// Where a flow comes from, and which group of which app it asks for.
    ///
    /// # Panics
    /// Panics if there is no such flow.
    #[must_use]
    pub fn endpoints(&self, flow: FlowId) -> (Place, AppId, GroupId) {
        match flow {
            FlowId::Series(series) => {
                let spec = self.series[series.index()].spec;
                (Place::Zone(spec.zone), spec.app, GroupId::FRONT)
            }
            FlowId::Call(berth, call) => {
                let berth = self.berth(berth);
                let call = self.intent(berth.app).calls[usize::from(call)];
                (Place::Cluster(berth.cluster), berth.app, call.to)
            }
        }
    }

    /// Effects that were not yet reported on, oldest first: a restart emits them again.
    pub fn outstanding(&self) -> impl Iterator<Item = Issued> + '_ {
        self.outstanding
            .iter()
            .map(|(key, outstanding)| Issued { key: *key, effect: outstanding.effect.clone() })
    }

    /// Whether an effect was not yet reported on.
    #[must_use]
    pub fn is_outstanding(&self, key: EffectKey) -> bool {
        self.outstanding.contains_key(&key)
    }

    /// Changes that wait for a person.
    pub fn holds(&self) -> impl Iterator<Item = (HoldId, &Hold)> {
        self.holds.iter().map(|(id, hold)| (*id, hold))
    }

    /// When the shell must feed a [`TimerFired`](crate::input::TimerFired), at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.timers.next().map(|(at, _)| at)
    }

    /// When `timer` fires, if it is set.
    #[must_use]
    pub fn deadline(&self, timer: Timer) -> Option<Tick> {
        self.timers.deadline(timer)
    }

    /// The demand for an app from all zones.
    #[must_use]
    pub fn demand(&self, app: AppId) -> MilliRps {
        let series = self.app(app).series.iter();
        series.map(|series| self.series[series.index()].flow.rate).sum()
    }

    /// Whether the demand of a served zone has drifted since it was last considered.
    pub(crate) fn has_drifted(&self, series: SeriesId) -> bool {
        let series = &self.series[series.index()];
        series.wake.is_served() && series.has_drifted(self.policy().pace.drift)
    }

    /// The digest of the whole state: only what changed since the last call is looked at.
    pub fn digest(&mut self) -> Digest {
        let Settled { entities, names, buffer } = &mut self.settled;
        self.tenants.settle(Family::Tenant, entities, buffer);
        self.clusters.settle(Family::Cluster, entities, buffer);
        self.zones.settle(Family::Zone, entities, buffer);
        self.apps.settle(Family::App, entities, buffer);
        self.series.settle(Family::Series, entities, buffer);
        self.berths.settle(Family::Berth, entities, buffer);
        for (index, name) in self.names.iter().enumerate().skip(*names) {
            entities.add(Digest::of(Family::Name, index as u64, name, buffer));
        }
        *names = self.names.len();

        let mut digest = *entities;
        digest.add(self.timers.digest());
        digest.add(self.outstanding.digest());
        digest.add(Digest::of(Family::Scalars, 0, &(&self.scalars, &self.vacant), buffer));
        for (id, hold) in &self.holds {
            digest.add(Digest::of(Family::Hold, u64::from(id.0), hold, buffer));
        }
        digest
    }

    /// This state as bytes, to be read by [`from_snapshot`](Self::from_snapshot).
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec::encode(self, &mut bytes);
        bytes
    }

    /// The state that a snapshot holds.
    ///
    /// # Errors
    /// [`DecodeFault`](codec::DecodeFault) if the bytes are not a snapshot of this format.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, codec::DecodeFault> {
        let mut state: Self = codec::decode(bytes)?;
        state.derive();
        Ok(state)
    }
}

impl PartialEq for State {
    /// Equal in everything that is not derived.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            scalars,
            names,
            tenants,
            clusters,
            zones,
            apps,
            series,
            berths,
            vacant,
            outstanding,
            holds,
            timers,
            derived: _,
            settled: _,
        } = self;
        *scalars == other.scalars
            && *names == other.names
            && *tenants == other.tenants
            && *clusters == other.clusters
            && *zones == other.zones
            && *apps == other.apps
            && *series == other.series
            && *berths == other.berths
            && *vacant == other.vacant
            && *outstanding == other.outstanding
            && *holds == other.holds
            && *timers == other.timers
    }
}
