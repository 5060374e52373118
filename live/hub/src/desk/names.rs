//! Names: which of the machine's ids something has that is called so outside.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::ids::{AppId, BindingId, ClusterId, ComponentId, SeriesId, Symbol, ZoneId};

/// Which ids things have by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    clusters: BTreeMap<String, ClusterId>,
    zones: BTreeMap<String, ZoneId>,
    apps: BTreeMap<String, AppId>,
    series: BTreeMap<(AppId, ZoneId), SeriesId>,
    symbols: BTreeMap<String, Symbol>,
}

impl Names {
    /// The names of everything that was declared.
    pub(crate) fn read(&mut self, state: &State) {
        let name = |symbol| state.name(symbol).to_owned();
        let clusters = state.clusters().iter().enumerate();
        self.clusters = clusters
            .map(|(place, cluster)| (name(cluster.spec.name), ClusterId::from_index(place)))
            .collect();
        let zones = state.zones().iter().enumerate();
        self.zones =
            zones.map(|(place, zone)| (name(zone.spec.name), ZoneId::from_index(place))).collect();
        let apps = (0..state.apps().len()).map(AppId::from_index);
        self.apps = apps.map(|app| (name(state.intent(app).name), app)).collect();
        let series = state.series().iter().enumerate();
        self.series = series
            .map(|(place, series)| {
                ((series.spec.app, series.spec.zone), SeriesId::from_index(place))
            })
            .collect();
        let symbols = state.names().iter().enumerate();
        self.symbols =
            symbols.map(|(place, text)| (text.clone(), Symbol::from_index(place))).collect();
    }

    pub(crate) fn cluster(&self, name: &str) -> Option<ClusterId> {
        self.clusters.get(name).copied()
    }

    pub(crate) fn app(&self, name: &str) -> Option<AppId> {
        self.apps.get(name).copied()
    }

    pub(crate) fn series(&self, app: &str, zone: &str) -> Option<SeriesId> {
        let (app, zone) = (self.apps.get(app)?, self.zones.get(zone)?);
        self.series.get(&(*app, *zone)).copied()
    }

    pub(crate) fn symbol(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text).copied()
    }

    /// The binding of a component in a cluster.
    pub(crate) fn binding(
        &self,
        state: &State,
        cluster: ClusterId,
        app: &str,
        component: &str,
    ) -> Option<BindingId> {
        let app = self.app(app)?;
        let symbol = self.symbol(component)?;
        let components = &state.intent(app).components;
        let place = components.iter().position(|one| one.name == symbol)?;
        let component = ComponentId::from_index(place);
        let groups = state.app(app).berths.iter();
        let mut berths = groups.flatten().filter(|(at, _)| *at == cluster).map(|(_, berth)| *berth);
        berths.find_map(|berth| {
            let id = BindingId { berth, component };
            state.binding(id).map(|_| id)
        })
    }
}
