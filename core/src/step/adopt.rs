//! Adopting: what runs already becomes what was bound, after all of it has been looked at.

use alloc::vec::Vec;

use crate::adoption::{Adopted, Adoption, Sender, Sent};
use crate::capacity::{PodCount, packs};
use crate::decide::band;
use crate::decision::Trigger;
use crate::event::{Event, Refusal};
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::input::BATCH_MAX;
use crate::state::{ASSIGNED_MAX, FlowId, State};
use crate::step::Step;
use crate::units::Permille;

impl Step<'_> {
    /// Takes over what runs already, or nothing of it.
    pub(super) fn adopt(&mut self, adoption: &Adoption) -> Result<Trigger, Refusal> {
        let entries = adoption.berths.len() + adoption.flows.len();
        if entries > BATCH_MAX {
            let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            return Err(Refusal::TooLarge { entries: narrow(entries), limit: narrow(BATCH_MAX) });
        }
        if !is_sound(self.state, adoption) {
            return Err(Refusal::Malformed);
        }
        let mut apps: Vec<AppId> = Vec::new();
        for (place, adopted) in (0..).zip(&adoption.berths) {
            self.adopt_berth(place, adopted);
            apps.push(adopted.app);
        }
        for sent in &adoption.flows {
            self.adopt_flow(sent);
        }
        apps.sort_unstable();
        apps.dedup();
        let until = self.at.after(self.state.policy().pace.reconsider_after);
        apps.into_iter().for_each(|app| self.stir(app, until));
        Ok(Trigger::Intent)
    }

    fn adopt_berth(&mut self, place: u32, adopted: &Adopted) {
        let Adopted { app, group, cluster, replicas } = adopted;
        let next = BerthId::from_index(self.state.berths.len());
        let berth = self.state.vacant.last().copied().unwrap_or(next);
        self.emit(Event::BerthOpened { berth, app: *app, group: *group, cluster: *cluster });
        let staffing = self.state.staffing(*app, *group, *cluster).expect("looked at before");
        let step = staffing.step_within(replicas).expect("looked at before");
        let band = band(self.state, staffing, step);
        let step = u32::try_from(step).expect("steps are few");
        self.emit(Event::Staffed { berth, step, band, replicas: replicas.clone() });
        self.emit(Event::BerthAdopted { berth, place });
    }

    fn adopt_flow(&mut self, sent: &Sent) {
        let flow = flow_of(self.state, sent.from).expect("looked at before");
        let (_, app, group) = self.state.endpoints(flow);
        let share = |(cluster, weight): &(ClusterId, Permille)| {
            (berth_in(self.state, app, group, *cluster).expect("looked at before"), *weight)
        };
        let mut shares: Vec<(BerthId, Permille)> = sent.to.iter().map(share).collect();
        shares.sort_unstable();
        if let FlowId::Series(series) = flow
            && !self.state.series()[series.index()].wake.is_served()
        {
            self.emit(Event::SeriesAwoke { series });
        }
        self.emit(Event::Assigned { flow, shares });
        self.emit(Event::FlowAdopted { flow });
    }
}

/// Whether everything that is to be adopted can run as it is said to, and nothing of it is known already.
fn is_sound(state: &State, adoption: &Adoption) -> bool {
    let mut berths: Vec<(AppId, GroupId, ClusterId)> = Vec::new();
    for adopted in &adoption.berths {
        let Adopted { app, group, cluster, replicas: _ } = adopted;
        if !may_run(state, adopted) {
            return false;
        }
        berths.push((*app, *group, *cluster));
    }
    let count = berths.len();
    berths.sort_unstable();
    berths.dedup();
    let mut senders: Vec<Sender> = adoption.flows.iter().map(|sent| sent.from).collect();
    senders.sort_unstable();
    senders.dedup();
    berths.len() == count
        && have_room(state, adoption)
        && senders.len() == adoption.flows.len()
        && adoption.flows.iter().all(|sent| may_go(state, &berths, sent))
}

fn may_run(state: &State, adopted: &Adopted) -> bool {
    let Adopted { app, group, cluster, replicas } = adopted;
    let known = app.index() < state.apps().len()
        && cluster.index() < state.clusters().len()
        && group.index() < state.intent(*app).groups.len();
    known
        && !state.cluster(*cluster).is_gone()
        && !state.app(*app).withdrawn
        && berth_in(state, *app, *group, *cluster).is_none()
        && replicas.len() == state.intent(*app).group(*group).components.len()
        && state
            .staffing(*app, *group, *cluster)
            .is_ok_and(|staffing| staffing.step_within(replicas).is_some())
}

/// Whether what is adopted packs onto the nodes beside what is there, where those are known.
fn have_room(state: &State, adoption: &Adoption) -> bool {
    let mut clusters: Vec<ClusterId> =
        adoption.berths.iter().map(|adopted| adopted.cluster).collect();
    clusters.sort_unstable();
    clusters.dedup();
    clusters.into_iter().all(|cluster| {
        let entry = state.cluster(cluster);
        let mut pods = Vec::new();
        for berth in entry.berths.iter().map(|berth| state.berth(*berth)) {
            pods.extend(berth.bindings.iter().map(|binding| PodCount {
                request: binding.request,
                pods: u32::from(binding.charged()),
            }));
        }
        for adopted in adoption.berths.iter().filter(|adopted| adopted.cluster == cluster) {
            let intent = state.intent(adopted.app);
            let components = &intent.group(adopted.group).components;
            pods.extend(components.iter().zip(&adopted.replicas).map(|(component, replicas)| {
                let request = intent.component(*component).request;
                PodCount { request, pods: u32::from(*replicas) }
            }));
        }
        entry.nodes.is_empty() || packs(&entry.nodes, &mut pods, &mut Vec::new())
    })
}

fn may_go(state: &State, berths: &[(AppId, GroupId, ClusterId)], sent: &Sent) -> bool {
    let runs = |app, group, cluster| {
        berths.binary_search(&(app, group, cluster)).is_ok()
            || berth_in(state, app, group, cluster)
                .is_some_and(|berth| state.berth(berth).is_ready())
    };
    let (app, group) = match sent.from {
        Sender::Users(series) => {
            let Some(series) = state.series().get(series.index()) else { return false };
            (series.spec.app, GroupId::FRONT)
        }
        Sender::Group { app, cluster, call } => {
            let Some(known) = state.apps().get(app.index()) else { return false };
            let Some(call) = known.intent.calls.get(usize::from(call)) else { return false };
            if !runs(app, call.from, cluster) {
                return false;
            }
            (app, call.to)
        }
    };
    let flow = flow_of(state, sent.from).and_then(|flow| state.flow(flow));
    let weight: u32 = sent.to.iter().map(|(_, weight)| u32::from(weight.0)).sum();
    flow.is_none_or(|flow| flow.shares.as_slice().is_empty())
        && (1..=ASSIGNED_MAX).contains(&sent.to.len())
        && sent.to.is_sorted_by(|one, next| one.0 < next.0)
        && sent.to.iter().all(|(cluster, weight)| weight.0 > 0 && runs(app, group, *cluster))
        && weight <= u32::from(Permille::WHOLE.0)
}

fn berth_in(state: &State, app: AppId, group: GroupId, cluster: ClusterId) -> Option<BerthId> {
    let held = &state.app(app).berths[group.index()];
    let place = held.binary_search_by_key(&cluster, |held| held.0).ok()?;
    Some(held[place].1)
}

fn flow_of(state: &State, sender: Sender) -> Option<FlowId> {
    match sender {
        Sender::Users(series) => Some(FlowId::Series(series)),
        Sender::Group { app, cluster, call } => {
            let from = state.intent(app).calls[usize::from(call)].from;
            Some(FlowId::Call(berth_in(state, app, from, cluster)?, call))
        }
    }
}
