//! Intents: what people declared, and every change of it.
//!
//! All that was ever declared is kept as one scenario: what stood there at first, and a moment in its timeline for each
//! change. So ids are those that a simulation of it would give, a renderer finds every earlier version, and a recorded day
//! can be simulated as it is. A change is kept on disk before the machine is told of it.

pub mod custom;
mod file;
mod follow;
mod repository;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use periplus_core::Input;
use periplus_core::input::{Observation, Sight};
use periplus_core::units::{Span, Tick};
use periplus_spec::Bundle;
use periplus_spec::diagnostic::Diagnostic;
use periplus_spec::draft::{
    DemandDraft, Document, InitialStateDraft, Kind, ModelDraft, MomentDraft, Object, OneOrMany,
    ScenarioDraft, SelectionDraft,
};
use periplus_spec::scenario::{Act, Delivery, Scenario};
use periplus_spec::values::{Duration, Name, Rate, Timestamp};

pub use self::file::{IntentsFile, KeepFault};
pub use self::follow::{IntentsFrom, ReadFault, follow};
pub use self::repository::Repository;
pub use self::standing::{Accepted, Complaint, Standing, Status};

/// What people declared, and every change of it.
#[derive(Clone, Debug)]
pub struct Intents {
    bundle: Bundle,
    scenario: Arc<Scenario>,
}

/// What the machine is to be told.
#[derive(Clone, Debug)]
pub struct Told {
    /// When. No other input has this time.
    pub at: Tick,
    /// What, in order.
    pub inputs: Vec<Input>,
    /// What changed, for people: `app shop is new`.
    pub changes: Vec<String>,
}

/// A document by what it is called.
type Named = BTreeMap<(Kind, Name), Document>;

impl Intents {
    /// Begins with what stands in a bundle; tick 0 is `epoch_unix_ms`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn begin(declared: Bundle, epoch_unix_ms: i64) -> Result<Self, Vec<Diagnostic>> {
        let declared = there(declared.named_by_content());
        let mut bundle = Bundle {
            scenario: stripped(&declared.scenario, epoch_unix_ms),
            documents: declared.documents.into_iter().filter(is_told).collect(),
            tables: declared.tables,
        };
        let apps: Vec<Name> = named(&bundle.documents, Kind::Application).cloned().collect();
        bundle.scenario.spec.demand = demand(&apps, &declared.scenario.spec.demand);
        bundle.drop_tables();
        Self::of(bundle)
    }

    /// The same, with something that runs already when it begins.
    ///
    /// # Errors
    /// What runs does not fit what is declared.
    pub fn beginning_with(mut self, state: InitialStateDraft) -> Result<Self, Vec<Diagnostic>> {
        let name: Name = "adopted".parse().expect("a name");
        self.bundle.documents.push(Document::InitialState(Object::new(name, state)));
        Self::of(self.bundle)
    }

    fn of(bundle: Bundle) -> Result<Self, Vec<Diagnostic>> {
        let scenario = Arc::new(bundle.load()?.scenario);
        Ok(Self { bundle, scenario })
    }

    /// What the machine is told at its very start.
    #[must_use]
    pub fn first(&self) -> Told {
        // What is seen of the world comes from the world; but where something runs already there is room for it, as is declared.
        let told = self.scenario.setup.iter().filter(|input| is_declared(input) || is_room(input));
        let changes = vec!["everything is declared".to_owned()];
        Told { at: Tick::ZERO, inputs: told.cloned().collect(), changes }
    }

    /// Takes in what is declared now. Gives what the machine is to be told at `at`; nothing where nothing changed.
    ///
    /// # Errors
    /// Everything that is wrong; then nothing is taken in.
    pub fn change(
        &self,
        declared: Bundle,
        at: Tick,
    ) -> Result<Option<(Self, Told)>, Vec<Diagnostic>> {
        let declared = there(declared.named_by_content());
        let (before, drained) = self.now();
        let after: Named = declared.documents.iter().filter(|one| is_told(one)).map(key).collect();
        let mut changes = Vec::new();
        let mut declare = Vec::new();
        let (mut withdraw, mut drain, mut undrain) = (Vec::new(), Vec::new(), Vec::new());
        for ((kind, name), document) in &after {
            let back = *kind == Kind::Cluster && drained.contains(name);
            match before.get(&(*kind, name.clone())) {
                None => changes.push(format!("{} {name} is new", noun(*kind))),
                Some(known) if known != document => {
                    changes.push(format!("{} {name} is changed", noun(*kind)));
                }
                Some(_) if back => changes.push(format!("cluster {name} is declared again")),
                Some(_) => continue,
            }
            if back {
                undrain.push(name.clone());
            }
            declare.push(document.clone());
        }
        let gone = before.keys().filter(|key| !after.contains_key(*key));
        for (kind, name) in gone {
            match kind {
                Kind::Application => {
                    changes.push(format!("app {name} is withdrawn"));
                    withdraw.push(name.clone());
                }
                // It may be a slip, and cannot be undone: a cluster leaves for good by command only.
                Kind::Cluster if !drained.contains(name) => {
                    changes.push(format!("cluster {name} is declared no more, and is drained"));
                    drain.push(name.clone());
                }
                // Nobody is served by them or anew: what was said of them stays.
                Kind::Cluster
                | Kind::InitialState
                | Kind::Policy
                | Kind::Scenario
                | Kind::Tenant
                | Kind::Zone => {}
            }
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let mut bundle = self.bundle.clone();
        let spec = &mut bundle.scenario.spec;
        let known: BTreeSet<Name> = spec.demand.iter().map(|said| said.app.clone()).collect();
        let apps = named(&declared.documents, Kind::Application);
        let apps: Vec<Name> = apps.filter(|app| !known.contains(*app)).cloned().collect();
        spec.demand.extend(demand(&apps, &declared.scenario.spec.demand));
        // One entry says one thing.
        let some = |names: Vec<Name>| (!names.is_empty()).then_some(SelectionDraft::Names(names));
        let none = MomentDraft { at: Duration(Span(at.0)), ..MomentDraft::default() };
        let declare = (!declare.is_empty()).then_some(declare);
        let withdraw = (!withdraw.is_empty()).then_some(OneOrMany(withdraw));
        let moments = [
            MomentDraft { declare, ..none.clone() },
            MomentDraft { undrain: some(undrain), ..none.clone() },
            MomentDraft { withdraw, ..none.clone() },
            MomentDraft { drain: some(drain), ..none.clone() },
        ];
        spec.timeline.extend(moments.into_iter().filter(|moment| *moment != none));
        bundle.tables.extend(declared.tables);
        bundle.drop_tables();
        let next = Self::of(bundle)?;
        let told = Told { at, inputs: next.inputs_of(at), changes };
        Ok(Some((next, told)))
    }

    /// What the machine was told last, if it was told anything since its start.
    #[must_use]
    pub fn last(&self) -> Told {
        let Some(moment) = self.bundle.scenario.spec.timeline.last() else { return self.first() };
        let at = Tick(moment.at.0.0);
        Told { at, inputs: self.inputs_of(at), changes: Vec::new() }
    }

    fn inputs_of(&self, at: Tick) -> Vec<Input> {
        let mut inputs = Vec::new();
        for moment in self.scenario.timeline.iter().filter(|moment| moment.at == at) {
            match &moment.act {
                Act::Inputs(told) => {
                    inputs.extend(told.iter().filter(|one| is_declared(one)).cloned());
                }
                Act::Command(command) => inputs.push(Input::Command(command.clone())),
                // What happens to a simulated world.
                Act::Approve
                | Act::AppChanged { .. }
                | Act::ClusterChanged { .. }
                | Act::Outage { .. }
                | Act::Partition { .. }
                | Act::NodeLoss { .. }
                | Act::Drift { .. }
                | Act::Price { .. }
                | Act::Carbon { .. }
                | Act::Surge { .. }
                | Act::Sensor { .. }
                | Act::GitOutage { .. }
                | Act::PodFailure { .. }
                | Act::LateReports { .. } => {}
            }
        }
        inputs
    }

    /// What is declared now, and clusters that are drained because they are not.
    fn now(&self) -> (Named, BTreeSet<Name>) {
        let mut named: Named = self.bundle.documents.iter().map(key).collect();
        let mut drained = BTreeSet::new();
        for moment in &self.bundle.scenario.spec.timeline {
            for name in selected(moment.undrain.as_ref()) {
                drained.remove(name);
            }
            named.extend(moment.declare.iter().flatten().map(key));
            for name in moment.withdraw.iter().flat_map(|withdraw| &withdraw.0) {
                named.remove(&(Kind::Application, name.clone()));
            }
            drained.extend(selected(moment.drain.as_ref()).iter().cloned());
        }
        (named, drained)
    }

    /// What is declared now, by kind and name. What was withdrawn or is drained because nobody declares it is not among it.
    #[must_use]
    pub fn declared(&self) -> BTreeMap<(Kind, Name), Document> {
        let (mut named, drained) = self.now();
        named.retain(|(kind, name), _| *kind != Kind::Cluster || !drained.contains(name));
        named
    }

    /// What a renderer needs, every earlier version with it.
    #[must_use]
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.scenario.delivery
    }

    /// The scenario that it is.
    #[must_use]
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The scenario that it is, as it is written.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }
}

/// What is declared in files or in a folder.
///
/// # Errors
/// Everything that is wrong, by file and place.
pub fn read(path: &Path) -> Result<Bundle, Vec<Diagnostic>> {
    if path.is_dir() { Bundle::read_folder(path) } else { Bundle::read(path) }
}

/// A scenario in which nothing happens but what will be declared.
fn stripped(said: &Object<ScenarioDraft>, epoch_unix_ms: i64) -> Object<ScenarioDraft> {
    let mut spec = ScenarioDraft::new("What was declared.", LONG);
    spec.start = Timestamp(epoch_unix_ms);
    spec.reach = said.spec.reach.clone();
    spec.world = said.spec.world.clone();
    Object { metadata: said.metadata.clone(), spec }
}

/// A scenario must end; this one does after a hundred years.
const LONG: Duration = Duration(Span(36_500 * 24 * Span::HOUR.0));

/// Which demand there may be: from the zones that are said, or from all. How much there is comes from signals.
fn demand(apps: &[Name], said: &[DemandDraft]) -> Vec<DemandDraft> {
    let nothing = || ModelDraft::Constant(Rate::default());
    let mut drafts = Vec::new();
    for app in apps {
        let mine: Vec<&DemandDraft> = said.iter().filter(|one| one.app == *app).collect();
        if mine.is_empty() {
            drafts.push(DemandDraft::new(app.clone(), nothing()));
        }
        for one in mine {
            let mut draft = DemandDraft::new(app.clone(), nothing());
            (draft.zones, draft.signal) = (one.zones.clone(), one.signal);
            drafts.push(draft);
        }
    }
    drafts
}

/// What is declared is there: only in a simulation is it known when a cluster will join.
fn there(mut declared: Bundle) -> Bundle {
    for document in &mut declared.documents {
        if let Document::Cluster(cluster) = document {
            cluster.spec.joins_at = Duration::default();
        }
    }
    declared
}

/// Whether it is the machine's matter. What runs already is found in the clusters.
fn is_told(document: &Document) -> bool {
    !matches!(document, Document::Scenario(_) | Document::InitialState(_))
}

/// Whether it was declared rather than seen: also what a place reaches is declared.
fn is_declared(input: &Input) -> bool {
    match input {
        Input::Command(_) => true,
        Input::Observation(Observation { sight, .. }) => matches!(sight, Sight::Reach { .. }),
        Input::Report(_) | Input::Timer(_) => false,
    }
}

/// Whether it says how much room a cluster has.
fn is_room(input: &Input) -> bool {
    matches!(input, Input::Observation(Observation { sight: Sight::Capacity { .. }, .. }))
}

fn key(document: &Document) -> ((Kind, Name), Document) {
    ((document.kind(), document.metadata().name.clone()), document.clone())
}

fn named(documents: &[Document], kind: Kind) -> impl Iterator<Item = &Name> {
    let of_kind = documents.iter().filter(move |one| one.kind() == kind);
    of_kind.map(|document| &document.metadata().name)
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "app",
        Kind::Cluster => "cluster",
        Kind::InitialState => "state",
        Kind::Policy => "policy",
        Kind::Scenario => "scenario",
        Kind::Tenant => "tenant",
        Kind::Zone => "zone",
    }
}

fn selected(selection: Option<&SelectionDraft>) -> &[Name] {
    match selection {
        Some(SelectionDraft::Names(names)) => names,
        Some(SelectionDraft::Labels(_)) | None => &[],
    }
}
