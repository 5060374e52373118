//! What ran when the part begins, and what operators had commanded.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::adoption::{Adopted, Adoption, Sender, Sent};
use periplus_core::ids::{AppId, ClusterId, GroupId};
use periplus_core::state::{Cluster, Health};
use periplus_core::units::{Permille, Tick};
use periplus_spec::draft::{
    CallsDraft, Document, InitialStateDraft, Object, PinDraft, RunningDraft, SelectionDraft,
    UsersDraft,
};
use periplus_spec::values::{Name, Percentage};

use super::Part;
use super::naming::{Naming, name};

impl Part<'_> {
    /// What runs, and who is served by it; nothing where the part is the log's beginning.
    pub(super) fn initial_state(&self, state: &State, naming: &Naming<'_>) -> Option<Document> {
        if self.from == Tick::ZERO {
            return None;
        }
        let Adoption { berths, flows } = state.running();
        let mut draft = commanded(state, naming);
        for Adopted { app, group, cluster, replicas } in berths {
            let components = state.intent(app).group(group).components.iter().zip(replicas);
            draft.running.push(RunningDraft {
                app: naming.app(app),
                group: naming.group(app, group),
                cluster: naming.cluster(cluster),
                replicas: components
                    .map(|(component, count)| (naming.component(app, *component), count))
                    .collect(),
            });
        }
        for Sent { from, to } in flows {
            let to = parts(&to, naming);
            match from {
                Sender::Users(series) => {
                    let app = naming.app(state.series()[series.index()].spec.app);
                    served(&mut draft.users, app, naming.zone_of(series), to);
                }
                Sender::Group { app, cluster, call } => {
                    let call = state.intent(app).calls[usize::from(call)];
                    draft.calls.push(CallsDraft {
                        app: naming.app(app),
                        from: naming.group(app, call.from),
                        cluster: naming.cluster(cluster),
                        group: naming.group(app, call.to)?,
                        to,
                    });
                }
            }
        }
        let begin = Object::new(name("begin"), draft);
        (begin.spec != InitialStateDraft::default()).then_some(Document::InitialState(begin))
    }
}

/// What operators had commanded and still holds.
fn commanded(state: &State, naming: &Naming<'_>) -> InitialStateDraft {
    let chosen = |is: fn(&Cluster) -> bool| -> Option<SelectionDraft> {
        let clusters = state.clusters().iter().enumerate();
        let chosen = clusters.filter(|(_, cluster)| !cluster.is_gone() && is(cluster));
        let ids: Vec<ClusterId> = chosen.map(|(place, _)| ClusterId::from_index(place)).collect();
        (!ids.is_empty()).then(|| naming.clusters(&ids))
    };
    let mut pins = Vec::new();
    for (place, app) in state.apps().iter().enumerate().filter(|(_, app)| !app.withdrawn) {
        let id = AppId::from_index(place);
        for (place, pin) in app.pins.iter().enumerate() {
            let group = GroupId::from_index(place);
            let Some(cluster) = *pin else { continue };
            let own = app.intent.group(group);
            // Its own declaration, or its having been placed, pins it again.
            if !own.stateful && own.pinned != Some(cluster) {
                let (app, group) = (naming.app(id), naming.group(id, group));
                pins.push(PinDraft { app, group, cluster: naming.cluster(cluster) });
            }
        }
    }
    InitialStateDraft {
        cordoned: chosen(|cluster| cluster.marks.cordoned),
        draining: chosen(|cluster| cluster.marks.draining),
        lost: chosen(|cluster| matches!(cluster.health, Health::Lost { .. })),
        pins,
        paused: state.is_paused(),
        ..InitialStateDraft::default()
    }
}

/// The users of one more zone, beside those who are served alike.
fn served(users: &mut Vec<UsersDraft>, app: Name, zone: Name, to: BTreeMap<Name, Percentage>) {
    let alike = users.iter_mut().find(|known| known.app == app && known.to == to);
    match alike.and_then(|known| known.zones.as_mut()) {
        Some(SelectionDraft::Names(zones)) => zones.push(zone),
        Some(SelectionDraft::Labels(_)) | None => {
            let zones = Some(SelectionDraft::Names(vec![zone]));
            users.push(UsersDraft { app, zones, to });
        }
    }
}

fn parts(to: &[(ClusterId, Permille)], naming: &Naming<'_>) -> BTreeMap<Name, Percentage> {
    to.iter().map(|(cluster, part)| (naming.cluster(*cluster), Percentage(*part))).collect()
}
