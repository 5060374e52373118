//! What follows from the rest of the state, kept so that a decision need not work it out again.
//!
//! Rebuilt whole from a snapshot, and piecewise by `apply`. Never in a log and never in the digest.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::capacity::Totals;
use crate::decision::Reason;
use crate::ids::{AppId, ClusterId, ComponentId, GroupId, KindId, TenantId};
use crate::staffing::Staffing;
use crate::state::{State, Timer, UnitPrices};

/// What follows from the rest of the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Derived {
    apps: Vec<DerivedApp>,
    /// What each tenant's bindings are charged for.
    tenants: Vec<Totals>,
    /// What a unit of each resource costs, by cluster.
    prices: Vec<UnitPrices>,
}

#[derive(Clone, Debug, Default)]
struct DerivedApp {
    groups: Vec<DerivedGroup>,
    /// Apps with a gate on this one, ascending; an app with gates on itself is among them.
    dependents: Vec<AppId>,
    /// Whether a time is set at which the app is considered as a whole.
    stirred: bool,
    /// Apps that must not share a cluster with this one, whoever of both said so; ascending.
    avoided: Vec<AppId>,
}

#[derive(Clone, Debug, Default)]
struct DerivedGroup {
    /// One bit per cluster: no standing rule refuses it.
    allowed: Vec<u64>,
    /// One table per kind of cluster in the fleet, by kind.
    staffing: Vec<Option<Result<Arc<Staffing>, ComponentId>>>,
}

impl Derived {
    /// Whether no standing rule refuses the cluster to the group.
    #[inline]
    pub(crate) fn allows(&self, app: AppId, group: GroupId, cluster: ClusterId) -> bool {
        let allowed = &self.apps[app.index()].groups[group.index()].allowed;
        allowed
            .get(cluster.index() / 64)
            .is_some_and(|word| word >> (cluster.index() % 64) & 1 == 1)
    }

    /// The group's staffing table for a kind of cluster, or the component that cannot run there.
    pub(crate) fn staffing(
        &self,
        app: AppId,
        group: GroupId,
        kind: KindId,
    ) -> Result<&Arc<Staffing>, ComponentId> {
        let tables = &self.apps[app.index()].groups[group.index()].staffing;
        let table =
            tables[kind.index()].as_ref().expect("every kind in the fleet has been derived");
        table.as_ref().map_err(|component| *component)
    }

    /// Whether a time is set at which the app is considered as a whole.
    #[inline]
    pub(crate) fn is_stirred(&self, app: AppId) -> bool {
        self.apps[app.index()].stirred
    }

    pub(crate) fn set_stirred(&mut self, app: AppId, stirred: bool) {
        self.apps[app.index()].stirred = stirred;
    }

    /// Apps that must not share a cluster with `app`, whoever of both said so.
    pub(crate) fn avoided(&self, app: AppId) -> &[AppId] {
        &self.apps[app.index()].avoided
    }

    /// What a unit of each resource costs in a cluster now.
    #[inline]
    pub(crate) fn prices(&self, cluster: ClusterId) -> UnitPrices {
        self.prices[cluster.index()]
    }

    /// What a tenant's bindings are charged for.
    pub(crate) fn held_by(&self, tenant: TenantId) -> Totals {
        self.tenants.get(tenant.index()).copied().unwrap_or_default()
    }

    pub(crate) fn charge(&mut self, tenant: TenantId, before: &Totals, after: &Totals) {
        if self.tenants.len() <= tenant.index() {
            self.tenants.resize(tenant.index() + 1, Totals::default());
        }
        self.tenants[tenant.index()] -= *before;
        self.tenants[tenant.index()] += *after;
    }

    /// Apps with a gate on `app`.
    pub(crate) fn dependents(&self, app: AppId) -> &[AppId] {
        &self.apps[app.index()].dependents
    }
}

impl State {
    /// Works everything out anew.
    pub(crate) fn derive(&mut self) {
        self.derived = Derived::default();
        self.derive_prices();
        for app in 0..self.apps.len() {
            self.derive_app(AppId::from_index(app));
        }
        for slot in self.berths.items() {
            let Some(berth) = &slot.berth else { continue };
            let tenant = self.apps[berth.app.index()].intent.tenant;
            for binding in &berth.bindings {
                let held = Totals::of(&binding.request, u32::from(binding.charged()));
                self.derived.charge(tenant, &Totals::default(), &held);
            }
        }
    }

    /// Works out anew what depends on the intent of `app`.
    pub(crate) fn derive_app(&mut self, app: AppId) {
        let groups = self.intent(app).groups.len();
        let apps = &mut self.derived.apps;
        if apps.len() <= app.index() {
            apps.resize_with(app.index() + 1, DerivedApp::default);
        }
        apps[app.index()].stirred = self.timers.deadline(Timer::Reconsider(app)).is_some();
        apps[app.index()].groups = Vec::new();
        apps[app.index()].groups.resize_with(groups, DerivedGroup::default);
        for cluster in 0..self.clusters.len() {
            self.derive_pair(app, ClusterId::from_index(cluster));
        }
        for derived in &mut self.derived.apps {
            derived.dependents.retain(|dependent| *dependent != app);
        }
        self.derive_avoided();
        for component in &self.apps[app.index()].intent.components {
            for gate in &component.after {
                // A gate may name an app that is declared later.
                let apps = &mut self.derived.apps;
                if apps.len() <= gate.app.index() {
                    apps.resize_with(gate.app.index() + 1, DerivedApp::default);
                }
                let dependents = &mut apps[gate.app.index()].dependents;
                if let Err(place) = dependents.binary_search(&app) {
                    dependents.insert(place, app);
                }
            }
        }
    }

    fn derive_avoided(&mut self) {
        for derived in &mut self.derived.apps {
            derived.avoided.clear();
        }
        for (app, known) in self.apps.items().iter().enumerate() {
            let app = AppId::from_index(app);
            for other in &known.intent.rules.avoid {
                for (one, of) in [(app, *other), (*other, app)] {
                    let Some(derived) = self.derived.apps.get_mut(of.index()) else { continue };
                    if let Err(place) = derived.avoided.binary_search(&one) {
                        derived.avoided.insert(place, one);
                    }
                }
            }
        }
    }

    /// Works out anew what every cluster costs.
    pub(crate) fn derive_prices(&mut self) {
        for cluster in 0..self.clusters.len() {
            self.derive_price(ClusterId::from_index(cluster));
        }
    }

    /// Works out anew what a cluster costs.
    pub(crate) fn derive_price(&mut self, cluster: ClusterId) {
        let entry = self.cluster(cluster);
        let micrograms = entry.spec.power.micrograms_per_core_hour(entry.carbon);
        let prices = UnitPrices::new(&entry.prices, self.policy().carbon(micrograms));
        let known = &mut self.derived.prices;
        if known.len() <= cluster.index() {
            known.resize(cluster.index() + 1, UnitPrices::default());
        }
        known[cluster.index()] = prices;
    }

    /// Works out anew what depends on the declaration of `cluster`.
    pub(crate) fn derive_cluster(&mut self, cluster: ClusterId) {
        self.derive_price(cluster);
        for app in 0..self.apps.len() {
            self.derive_pair(AppId::from_index(app), cluster);
        }
    }

    fn derive_pair(&mut self, app: AppId, cluster: ClusterId) {
        let kind = self.cluster(cluster).spec.kind;
        for group in 0..self.intent(app).groups.len() {
            let group = GroupId::from_index(group);
            let allowed = self.standing_refusal(app, group, cluster).is_none();
            let intent = &self.apps[app.index()].intent;
            let derived = &mut self.derived.apps[app.index()].groups[group.index()];
            set_bit(&mut derived.allowed, cluster.index(), allowed);
            if derived.staffing.len() <= kind.index() {
                derived.staffing.resize_with(kind.index() + 1, || None);
            }
            let table = &mut derived.staffing[kind.index()];
            if table.is_none() {
                *table = Some(Staffing::merge(intent, group, kind).map(Arc::new));
            }
        }
    }

    /// The first standing rule that refuses the cluster to the group: one that only a declaration can change.
    pub(crate) fn standing_refusal(
        &self,
        app: AppId,
        group: GroupId,
        cluster: ClusterId,
    ) -> Option<Reason> {
        let intent = self.intent(app);
        let spec = &self.cluster(cluster).spec;
        let tenant = self.tenant(intent.tenant);
        if let Some(unmet) = tenant.clusters.unmet(&spec.labels) {
            return Some(Reason::TenantForbidden {
                key: unmet.key,
                found: spec.labels.value(unmet.key),
            });
        }
        let selectors = [&intent.rules.selector, &intent.group(group).selector];
        if let Some(unmet) = selectors.iter().find_map(|selector| selector.unmet(&spec.labels)) {
            return Some(Reason::SelectorMismatch {
                key: unmet.key,
                found: spec.labels.value(unmet.key),
            });
        }
        let tolerations = &intent.rules.tolerations;
        let tolerated = |taint| tolerations.iter().any(|toleration| toleration.covers(taint));
        if let Some(taint) = spec.taints.iter().find(|taint| !tolerated(taint)) {
            return Some(Reason::TaintNotTolerated { key: taint.key, value: taint.value });
        }
        let components = &intent.group(group).components;
        let unstaffed = |id: &&ComponentId| intent.component(**id).staffing_in(spec.kind).is_none();
        if let Some(component) = components.iter().find(unstaffed) {
            return Some(Reason::KindUnsupported { component: *component, kind: spec.kind });
        }
        None
    }

    /// The staffing table that holds for the group in the cluster, or the component that cannot run there.
    pub(crate) fn staffing(
        &self,
        app: AppId,
        group: GroupId,
        cluster: ClusterId,
    ) -> Result<&Arc<Staffing>, ComponentId> {
        self.derived.staffing(app, group, self.cluster(cluster).spec.kind)
    }
}

fn set_bit(words: &mut Vec<u64>, index: usize, on: bool) {
    if words.len() <= index / 64 {
        words.resize(index / 64 + 1, 0);
    }
    let bit = 1 << (index % 64);
    if on {
        words[index / 64] |= bit;
    } else {
        words[index / 64] &= !bit;
    }
}
