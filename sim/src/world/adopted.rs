//! Adopting: what the machine was told to take for running does run, and users are where it was told.

use periplus_core::State;
use periplus_core::effect::{EffectKey, Scale, Target};
use periplus_core::fleet::Place;
use periplus_core::ids::{BindingId, Seq, SeriesId};
use periplus_core::intent::Scaling;
use periplus_core::state::{Content, FlowId};
use periplus_core::units::{MicrosRtt, Permille};

use super::World;
use super::effects::{WayOut, rtt};
use crate::desks::DeskId;
use crate::git::Manifest;
use crate::routes::Mix;

/// Keys of what was adopted start here, far above those of what the same record asked for.
const FIRST: u32 = 1 << 31;

/// The bindings that `state` has adopted in its last record, each with the key that stands for whatever wrote it.
pub(crate) fn adopted(state: &State) -> impl Iterator<Item = (EffectKey, BindingId)> + '_ {
    let seq = Seq(state.seq().0 - 1);
    let bindings = state.berths().flat_map(|(berth, entry)| {
        entry
            .bindings
            .iter()
            .filter(|binding| {
                binding.content == Content::Present
                    && binding.cause.is_none()
                    && binding.as_of == state.at()
            })
            .map(move |binding| BindingId { berth, component: binding.component })
    });
    (FIRST..).map(move |ordinal| EffectKey { seq, ordinal }).zip(bindings)
}

impl World<'_> {
    /// Everything that `state` has adopted in its last record is so.
    pub(super) fn adopt(&mut self, state: &State) {
        for (key, id) in adopted(state) {
            self.adopt_binding(key, id, state);
        }
        // Only now do all desks exist that anybody can be sent to.
        for (id, berth) in state.berths() {
            for (call, _) in &berth.calls {
                self.adopt_flow(FlowId::Call(id, *call), state);
            }
        }
        for series in 0..state.series().len() {
            self.adopt_flow(FlowId::Series(SeriesId::from_index(series)), state);
        }
    }

    fn adopt_binding(&mut self, cause: EffectKey, id: BindingId, state: &State) {
        let Some(binding) = state.binding(id) else { return };
        let berth = state.berth(id.berth);
        let (app, component, cluster) = (berth.app, id.component, berth.cluster);
        if self.clusters[cluster.index()].has(id) {
            return;
        }
        let target = Target { binding: id, app, component, cluster };
        let scale = match state.intent(app).component(component).scaling {
            Scaling::Fixed { .. } => Scale::Replicas(binding.seen),
            Scaling::Hpa { min, max } => Scale::Bounds { min, max },
        };
        let body = Some(self.body(&target, binding.revision, scale, state));
        let (generation, replicas) = (binding.generation, binding.seen);
        let manifest = Manifest { target, generation, cause, body };
        self.git.know(&manifest);
        self.in_cluster(cluster, |cluster, around| cluster.adopt(&manifest, replicas, around));
        self.follow_adopted(cause, (id, generation), cluster);
    }

    fn adopt_flow(&mut self, id: FlowId, state: &State) {
        let Some(flow) = state.flow(id) else { return };
        let routed: Vec<_> =
            flow.shares.iter().filter(|share| share.routed > Permille::ZERO).collect();
        if routed.is_empty() {
            return;
        }
        let (from, app, group) = state.endpoints(id);
        let parts = routed.into_iter().filter_map(|share| {
            let cluster = state.berth(share.berth).cluster;
            let desk = self.desk(app, group, cluster, state);
            Some((desk, rtt(state, from, cluster)?, u32::from(share.routed.0)))
        });
        let parts: Vec<_> = parts.collect();
        match (self.way_out(id, app, from, state), from) {
            (WayOut::Series(series), _) => {
                self.users.put(series, &parts, self.now, &mut self.desks);
            }
            (WayOut::Call(desk, call), Place::Cluster(_)) => self.put_call(desk, call, &parts),
            (WayOut::Call(..), Place::Zone(_)) => unreachable!("calls come from clusters"),
        }
    }

    fn put_call(&mut self, desk: DeskId, call: usize, parts: &[(DeskId, MicrosRtt, u32)]) {
        let calls = &mut self.desks.get_mut(desk).calls;
        if let Some((_, split)) = calls.iter_mut().find(|known| known.0 == call) {
            split.settle(Mix::new(parts.iter().map(|(desk, _, part)| (*desk, part * 1_000))));
        }
    }
}
