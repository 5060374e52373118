//! Naming: ids of a scenario as names in documents.

use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, SeriesId};
use periplus_spec::draft::SelectionDraft;
use periplus_spec::scenario::Scenario;
use periplus_spec::values::Name;

/// The names of a scenario's things.
pub(super) struct Naming<'s>(&'s Scenario);

impl<'s> Naming<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        Self(scenario)
    }

    pub(super) fn cluster(&self, id: ClusterId) -> Name {
        name(&self.0.fleet.clusters[id.index()].name)
    }

    pub(super) fn clusters(&self, ids: &[ClusterId]) -> SelectionDraft {
        SelectionDraft::Names(ids.iter().map(|id| self.cluster(*id)).collect())
    }

    pub(super) fn app(&self, id: AppId) -> Name {
        name(&self.0.fleet.apps[id.index()].name)
    }

    pub(super) fn component(&self, app: AppId, id: ComponentId) -> Name {
        name(&self.0.fleet.apps[app.index()].components[id.index()].name)
    }

    /// The group's name, which the front need not have.
    pub(super) fn group(&self, app: AppId, id: GroupId) -> Option<Name> {
        let groups = &self.0.fleet.apps[app.index()].groups;
        (id != GroupId::FRONT).then(|| name(&groups[id.index()]))
    }

    pub(super) fn zone_of(&self, series: SeriesId) -> Name {
        let zone = self.0.fleet.series[series.index()].spec.zone;
        name(&self.0.fleet.zones[zone.index()].name)
    }
}

/// What was read as a name is one.
pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name that was read before")
}
