//! What runs: the state as another machine could take it over.

use alloc::vec::Vec;

use super::{ASSIGNED_MAX, Berth, Flow, FlowId, Health, Phase, State};
use crate::adoption::{Adopted, Adoption, Sender, Sent};
use crate::ids::{AppId, BerthId, ClusterId, GroupId, SeriesId};
use crate::units::Permille;

impl State {
    /// What runs where, and where users go, as a machine that knows the same clusters and apps can
    /// [adopt](crate::input::Command::Adopt) it.
    ///
    /// What is on its way in or out is left out, as is what runs in clusters that count as lost.
    #[must_use]
    pub fn running(&self) -> Adoption {
        let berths = self.berths().filter(|(_, berth)| self.runs(berth));
        let adopted = |(_, berth): (BerthId, &Berth)| Adopted {
            app: berth.app,
            group: berth.group,
            cluster: berth.cluster,
            replicas: berth.bindings.iter().map(|binding| binding.seen).collect(),
        };
        let mut berths: Vec<Adopted> = berths.map(adopted).collect();
        berths.sort_unstable_by_key(key);
        let mut flows: Vec<Sent> = Vec::new();
        for (place, series) in self.series().iter().enumerate() {
            let from = Sender::Users(SeriesId::from_index(place));
            flows.extend(self.sent(from, (series.spec.app, GroupId::FRONT), &series.flow, &berths));
        }
        for (id, berth) in self.berths().filter(|(_, berth)| self.runs(berth)) {
            for (call, flow) in &berth.calls {
                let from = Sender::Group { app: berth.app, cluster: berth.cluster, call: *call };
                let (_, app, group) = self.endpoints(FlowId::Call(id, *call));
                flows.extend(self.sent(from, (app, group), flow, &berths));
            }
        }
        flows.sort_unstable_by_key(|sent| sent.from);
        Adoption { berths, flows }
    }

    fn runs(&self, berth: &Berth) -> bool {
        let counts = || berth.bindings.iter().map(|binding| binding.seen).collect::<Vec<u16>>();
        let cluster = self.cluster(berth.cluster);
        let reached = !cluster.is_gone() && !matches!(cluster.health, Health::Lost { .. });
        reached
            && !self.app(berth.app).withdrawn
            && berth.is_serving()
            && berth.bindings.iter().all(|binding| binding.phase == Phase::Ready)
            && self
                .staffing(berth.app, berth.group, berth.cluster)
                .is_ok_and(|staffing| staffing.step_within(&counts()).is_some())
    }

    /// Where requests go: the largest parts, of those that go to what is adopted.
    fn sent(
        &self,
        from: Sender,
        (app, group): (AppId, GroupId),
        flow: &Flow,
        adopted: &[Adopted],
    ) -> Option<Sent> {
        let routed = flow.shares.iter().filter(|share| share.routed > Permille::ZERO);
        let to = routed.map(|share| (self.berth(share.berth).cluster, share.routed));
        let mut to: Vec<(ClusterId, Permille)> = to
            .filter(|(cluster, _)| {
                adopted.binary_search_by_key(&(app, group, *cluster), key).is_ok()
            })
            .collect();
        to.sort_unstable_by_key(|(cluster, part)| (core::cmp::Reverse(*part), *cluster));
        to.truncate(ASSIGNED_MAX);
        to.sort_unstable();
        (!to.is_empty()).then_some(Sent { from, to })
    }
}

fn key(berth: &Adopted) -> (AppId, GroupId, ClusterId) {
    (berth.app, berth.group, berth.cluster)
}
