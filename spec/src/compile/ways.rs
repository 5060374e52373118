//! Ways: which clusters each place reaches, from coordinates and from what was measured.

use std::collections::BTreeMap;

use periplus_core::Input;
use periplus_core::fleet::Place;
use periplus_core::ids::{ClusterId, ZoneId};
use periplus_core::input::{Observation, Sight};
use periplus_core::units::MicrosRtt;

use crate::border::reach::{Origin, Target, Targets};
use crate::border::rounded_u32;
use crate::border::rtt::RttModel;
use crate::border::sphere::Point;
use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::labels::{LabelMap, matches};
use crate::compile::roll::{Noun, When, unknown};
use crate::diagnostic::Diagnostic;
use crate::draft::{ReachDraft, ReachTableDraft};
use crate::files::{Files, relative};
use crate::values::{Bound, LabelKey};
use crate::yaml::Cursor;

/// All ways of a scenario.
pub(crate) struct Ways<'a> {
    draft: &'a ReachDraft,
    measured: Measured,
    /// The ways that the machine knows of.
    told: BTreeMap<Place, Vec<(ClusterId, MicrosRtt)>>,
}

/// Where the draft of the ways stands.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) draft: &'a ReachDraft,
    pub(crate) here: Cursor<'a>,
    /// The file that it stands in.
    pub(crate) path: &'a str,
}

/// Measured round trips between names, and the label whose values may stand for names.
#[derive(Default)]
struct Measured {
    /// By the name they were measured from.
    there: BTreeMap<String, Vec<(String, MicrosRtt)>>,
    /// The same by the name they were measured to.
    back: BTreeMap<String, Vec<(String, MicrosRtt)>>,
    by: Option<LabelKey>,
}

const PLACE: Noun = Noun { name: "cluster or zone", unknown: Code::UnknownPlace };

impl<'a> Ways<'a> {
    pub(crate) fn new(context: &mut Context<'_>, files: &mut Files, said: Said<'a>) -> Self {
        let mut measured = Measured::default();
        if let Some(table) = &said.draft.table {
            let here = said.here.key("table");
            if let Err(wrong) = measured.read(files, table, said.path, here) {
                context.complaints.push(wrong);
            }
        }
        for (index, link) in said.draft.links.iter().enumerate() {
            let here = said.here.key("links").item(index);
            for (field, name) in [("from", &link.from), ("to", &link.to)] {
                if !is_place(context, name) {
                    let rolls = &context.rolls;
                    let clusters = rolls.clusters.entities.iter().map(|cluster| cluster.name);
                    let zones = rolls.zones.entities.iter().map(|zone| zone.name);
                    let names: Vec<&str> = clusters.chain(zones).collect();
                    let wrong = unknown(PLACE, name, names.iter(), here.key(field));
                    context.complaints.push_missing(wrong);
                }
            }
            measured.set(&link.from, &link.to, link.rtt.0);
        }
        if let Some(always) = &said.draft.always {
            // Checked for its form; that nothing matches yet may be meant.
            context.selector(always, said.here.key("always"));
        }
        Self { draft: said.draft, measured, told: BTreeMap::new() }
    }

    /// What the machine must be told of ways at `when`: those that are new or have changed.
    pub(crate) fn tell(&mut self, context: &Context<'_>, when: When) -> Vec<Input> {
        let clusters = context.rolls.clusters.count(when);
        let targets: Vec<Target> =
            (0..clusters).map(|cluster| self.target(context, cluster, when)).collect();
        let model = RttModel::new(self.draft.model.fibre_factor);
        let nearest = usize::try_from(self.draft.nearest).unwrap_or(usize::MAX);
        let reach = Targets::new(&targets, model, nearest);
        let index = self.measured.index(context, clusters, when);
        let mut inputs = Vec::new();
        let zones = (0..context.rolls.zones.count(when)).map(|zone| self.zone(context, zone, when));
        let others = targets.iter().enumerate().map(|(cluster, target)| {
            let id = ClusterId::from_index(cluster);
            let entity = &context.rolls.clusters.entities[cluster];
            let origin = Origin {
                point: target.point,
                access: target.access,
                covered: false,
                itself: Some(id),
            };
            (Place::Cluster(id), entity.name, &entity.version(when).object.metadata.labels, origin)
        });
        let places: Vec<_> = zones.chain(others).collect();
        for (place, name, labels, origin) in places {
            let measured = self.measured.from(name, labels, &index);
            let rtts = reach.from(&origin, &measured);
            if self.told.get(&place) != Some(&rtts) {
                self.told.insert(place, rtts.clone());
                let sight = Sight::Reach { from: place, rtts };
                inputs.push(Input::Observation(Observation { as_of: when.at, sight }));
            }
        }
        inputs
    }

    /// Zones that reach nothing, as far as the machine was told.
    pub(crate) fn stranded(&self) -> impl Iterator<Item = ZoneId> + '_ {
        self.told.iter().filter(|(_, rtts)| rtts.is_empty()).filter_map(|(place, _)| match place {
            Place::Zone(zone) => Some(*zone),
            Place::Cluster(_) => None,
        })
    }

    fn target(&self, context: &Context<'_>, cluster: usize, when: When) -> Target {
        let version = context.rolls.clusters.entities[cluster].version(when);
        let draft = &version.object.spec;
        let always = self.draft.always.as_ref();
        Target {
            point: draft.location.map(Point::new),
            access: draft.access_delay.unwrap_or(self.draft.model.cluster_access).0,
            coverage: draft.coverage.map(crate::values::Distance::in_metres),
            always: always.is_some_and(|always| matches(always, &version.object.metadata.labels)),
        }
    }

    fn zone<'c>(
        &self,
        context: &'c Context<'_>,
        zone: usize,
        when: When,
    ) -> (Place, &'c str, &'c LabelMap, Origin) {
        let entity = &context.rolls.zones.entities[zone];
        let version = entity.version(when);
        let draft = &version.object.spec;
        let origin = Origin {
            point: draft.location.map(Point::new),
            access: draft.access_delay.unwrap_or(self.draft.model.zone_access).0,
            covered: true,
            itself: None,
        };
        let place = Place::Zone(ZoneId::from_index(zone));
        (place, entity.name, &version.object.metadata.labels, origin)
    }
}

fn is_place(context: &Context<'_>, name: &str) -> bool {
    context.rolls.clusters.index(name).is_some() || context.rolls.zones.index(name).is_some()
}

/// The clusters that each name stands for.
type Index<'a> = BTreeMap<&'a str, Vec<ClusterId>>;

impl Measured {
    fn set(&mut self, from: &str, to: &str, rtt: MicrosRtt) {
        self.there.entry(from.to_owned()).or_default().push((to.to_owned(), rtt));
        self.back.entry(to.to_owned()).or_default().push((from.to_owned(), rtt));
    }

    fn read(
        &mut self,
        files: &mut Files,
        draft: &ReachTableDraft,
        path: &str,
        here: Cursor<'_>,
    ) -> Result<(), Diagnostic> {
        let named = here.key("file");
        let path = relative(path, &draft.file, named)?;
        let table = files.table(&path, named)?;
        let from = table.column(&draft.from, here.key("from"))?;
        let to = table.column(&draft.to, here.key("to"))?;
        let ms = table.column(&draft.ms, here.key("ms"))?;
        for (row, cells) in table.rows.iter().enumerate() {
            let cell = |column: usize| cells.get(column).unwrap_or("");
            if cell(ms).is_empty() {
                continue;
            }
            let Ok(Bound(millis)) = cell(ms).parse() else {
                let what = format!("`{}` is not a time in milliseconds", cell(ms));
                return Err(table.bad_row(row, &what, named));
            };
            self.set(cell(from), cell(to), MicrosRtt(rounded_u32(millis * 1_000.0)));
        }
        self.by.clone_from(&draft.by);
        Ok(())
    }

    fn label<'l>(&self, labels: &'l LabelMap) -> Option<&'l str> {
        let value = labels.get(self.by.as_ref()?)?;
        Some(value)
    }

    fn index<'c>(&self, context: &'c Context<'_>, clusters: usize, when: When) -> Index<'c> {
        let mut index = Index::new();
        if self.there.is_empty() {
            return index;
        }
        for (cluster, entity) in context.rolls.clusters.entities[..clusters].iter().enumerate() {
            let id = ClusterId::from_index(cluster);
            index.entry(entity.name).or_default().push(id);
            let labels = &entity.version(when).object.metadata.labels;
            if let Some(value) = self.label(labels).filter(|value| *value != entity.name) {
                index.entry(value).or_default().push(id);
            }
        }
        index
    }

    /// The measured ways from a place, ascending by cluster. A name says more than a label, and the same
    /// direction more than the other one.
    fn from(
        &self,
        name: &str,
        labels: &LabelMap,
        index: &Index<'_>,
    ) -> Vec<(ClusterId, MicrosRtt)> {
        if self.there.is_empty() {
            return Vec::new();
        }
        let own = [self.label(labels), Some(name)];
        let mut found: BTreeMap<ClusterId, MicrosRtt> = BTreeMap::new();
        for own in own.into_iter().flatten() {
            for rtts in [&self.back, &self.there] {
                for (other, rtt) in rtts.get(own).into_iter().flatten() {
                    let clusters = index.get(other.as_str()).into_iter().flatten();
                    found.extend(clusters.map(|cluster| (*cluster, *rtt)));
                }
            }
        }
        found.into_iter().collect()
    }
}
