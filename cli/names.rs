//! Names of what a state holds.

use periplus_core::State;
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, ZoneId};

/// Names of what a state holds.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a>(pub &'a State);

impl<'a> Names<'a> {
    pub(crate) fn cluster(self, cluster: ClusterId) -> &'a str {
        self.0.clusters().get(cluster.index()).map_or("?", |entry| self.0.name(entry.spec.name))
    }

    pub(crate) fn zone(self, zone: ZoneId) -> &'a str {
        self.0.zones().get(zone.index()).map_or("?", |entry| self.0.name(entry.spec.name))
    }

    pub(crate) fn app(self, app: AppId) -> &'a str {
        self.0.apps().get(app.index()).map_or("?", |entry| self.0.name(entry.intent.name))
    }

    pub(crate) fn component(self, app: AppId, component: ComponentId) -> &'a str {
        let intent = self.0.apps().get(app.index()).map(|entry| &entry.intent);
        let declared = intent.and_then(|intent| intent.components.get(component.index()));
        declared.map_or("?", |declared| self.0.name(declared.name))
    }

    /// The app, with the group's name behind it if it has several.
    pub(crate) fn group(self, app: AppId, group: GroupId) -> String {
        let name = self.app(app);
        let Some(entry) = self.0.apps().get(app.index()) else { return name.into() };
        match entry.intent.groups.as_slice() {
            [_] => name.into(),
            groups => {
                let group = groups.get(group.index());
                format!("{name}/{}", group.map_or("?", |group| self.0.name(group.name)))
            }
        }
    }

    pub(crate) fn place(self, place: Place) -> &'a str {
        match place {
            Place::Cluster(cluster) => self.cluster(cluster),
            Place::Zone(zone) => self.zone(zone),
        }
    }

    /// The cluster called `name`.
    pub(crate) fn find_cluster(self, name: &str) -> Option<ClusterId> {
        let clusters = (0..self.0.clusters().len()).map(ClusterId::from_index);
        clusters.into_iter().find(|cluster| self.cluster(*cluster) == name)
    }

    /// The zone called `name`.
    pub(crate) fn find_zone(self, name: &str) -> Option<ZoneId> {
        let zones = (0..self.0.zones().len()).map(ZoneId::from_index);
        zones.into_iter().find(|zone| self.zone(*zone) == name)
    }

    /// The app called `name`.
    pub(crate) fn find_app(self, name: &str) -> Option<AppId> {
        let apps = (0..self.0.apps().len()).map(AppId::from_index);
        apps.into_iter().find(|app| self.app(*app) == name)
    }
}
