//! What was planned: berths, their staffing, and who takes which flow.

use alloc::vec::Vec;

use crate::decision::Closing;
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::intent::Scaling;
use crate::state::{
    Band, Berth, Content, FlowId, Moves, Phase, ScaleIn, Share, Slot, Stage, State, Timer,
};
use crate::units::{MilliRps, Permille, Tick};

impl State {
    pub(crate) fn berth_mut(&mut self, berth: BerthId) -> &mut Berth {
        let slot = self.berths.edit(berth.index());
        slot.berth.as_mut().expect("a berth that is referred to exists")
    }

    pub(super) fn stir(&mut self, app: AppId, until: Tick) {
        self.timers.arm(Timer::Reconsider(app), until);
        self.derived.set_stirred(app, true);
    }

    pub(super) fn consider(&mut self, app: AppId, whole: bool) {
        for place in 0..self.app(app).series.len() {
            let id = self.app(app).series[place];
            if whole || self.has_drifted(id) {
                let series = self.series.edit(id.index());
                series.considered = series.flow.rate;
            }
        }
        if whole {
            self.timers.disarm(Timer::Review(app));
        }
    }

    pub(super) fn mark_short(&mut self, app: AppId, short: bool) {
        let place = self.scalars.short.binary_search(&app);
        match (place, short) {
            (Err(place), true) => self.scalars.short.insert(place, app),
            (Ok(place), false) => {
                self.scalars.short.remove(place);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }

    /// A deadline has come.
    pub(super) fn ring(&mut self, timer: Timer) {
        self.timers.disarm(timer);
        if let Timer::Reconsider(app) = timer {
            self.derived.set_stirred(app, false);
        }
    }

    pub(super) fn count_moves(&mut self, app: AppId, since: Tick, count: u32) {
        self.apps.edit(app.index()).moves = Moves { since, count };
    }

    pub(super) fn open(
        &mut self,
        at: Tick,
        berth: BerthId,
        app: AppId,
        group: GroupId,
        cluster: ClusterId,
    ) {
        if berth.index() == self.berths.len() {
            self.berths.push(Slot::default());
        } else {
            let vacant = self.vacant.pop();
            assert_eq!(vacant, Some(berth), "the last vacant slot is used first");
        }
        let calls = self.intent(app).calls.iter().enumerate();
        let calls: Vec<_> = calls
            .filter(|(_, call)| call.from == group)
            .map(|(place, _)| (u16::try_from(place).expect("calls are few"), Default::default()))
            .collect();
        let components = self.intent(app).group(group).components.clone();
        let slot = self.berths.edit(berth.index());
        assert!(slot.berth.is_none(), "a slot holds one berth");
        slot.berth = Some(Berth {
            app,
            group,
            cluster,
            stage: Stage::Live,
            opened: at,
            load: MilliRps::ZERO,
            band: Band::default(),
            step: 0,
            cap: None,
            scale_in: None,
            bindings: Vec::new(),
            calls,
            sources: Vec::new(),
        });
        let held = &mut self.clusters.edit(cluster.index()).berths;
        let place = held.binary_search(&berth).expect_err("a cluster lists a berth once");
        held.insert(place, berth);
        let held = &mut self.apps.edit(app.index()).berths[group.index()];
        let place = held.binary_search_by_key(&cluster, |held| held.0);
        held.insert(place.expect_err("a group has one berth in a cluster"), (cluster, berth));
        for component in components {
            self.add_binding(at, berth, component);
        }
    }

    pub(super) fn assign(&mut self, flow: FlowId, assigned: &[(BerthId, Permille)]) {
        let mut shares = self.flow(flow).expect("a flow that is assigned exists").shares;
        for share in self.flow(flow).expect("as above").shares.iter() {
            shares.set(Share { assigned: Permille::ZERO, ..*share });
        }
        for (berth, weight) in assigned {
            shares.set(Share { assigned: *weight, ..shares.of(*berth) });
        }
        self.set_shares(flow, shares);
    }

    pub(super) fn staff(&mut self, berth: BerthId, step: u32, band: Band, replicas: &[u16]) {
        let entry = self.berth_mut(berth);
        assert_eq!(replicas.len(), entry.bindings.len(), "every binding is staffed");
        entry.step = step;
        entry.band = band;
        entry.scale_in = None;
        for (place, replicas) in replicas.iter().enumerate() {
            let entry = self.berth(berth);
            let binding = &entry.bindings[place];
            let declared = self.intent(entry.app).component(binding.component);
            let required = match declared.scaling {
                Scaling::Fixed { .. } => *replicas,
                // Bounds that are not written yet are not asked for.
                Scaling::Hpa { .. } if binding.content == Content::Present => binding.primed,
                Scaling::Hpa { min, .. } => min,
            };
            self.change_binding(berth, place, |binding| {
                binding.replicas = *replicas;
                binding.required = required;
            });
        }
        self.timers.disarm(Timer::ScaleIn(berth));
    }

    pub(super) fn scale_in_later(&mut self, berth: BerthId, until: Tick) {
        let entry = self.berth_mut(berth);
        entry.scale_in = Some(ScaleIn { until, peak: entry.load });
        self.timers.arm(Timer::ScaleIn(berth), until);
    }

    pub(super) fn keep_scale(&mut self, berth: BerthId) {
        self.berth_mut(berth).scale_in = None;
        self.timers.disarm(Timer::ScaleIn(berth));
    }

    pub(super) fn cap(&mut self, berth: BerthId, step: u32, until: Tick) {
        self.berth_mut(berth).cap = Some(step);
        self.timers.arm(Timer::Uncap(berth), until);
    }

    pub(super) fn uncap(&mut self, berth: BerthId) {
        self.berth_mut(berth).cap = None;
        self.timers.disarm(Timer::Uncap(berth));
    }

    pub(super) fn close(&mut self, berth: BerthId, cause: Closing, until: Tick) {
        let entry = self.berth_mut(berth);
        assert!(entry.sources.is_empty(), "a berth closes once nobody is sent to it");
        entry.stage = Stage::Closing { cause, until };
        entry.scale_in = None;
        self.timers.disarm(Timer::ScaleIn(berth));
        self.timers.arm(Timer::Drained(berth), until);
    }

    pub(super) fn reopen(&mut self, at: Tick, berth: BerthId) {
        self.timers.disarm(Timer::Drained(berth));
        let entry = self.berth_mut(berth);
        entry.stage = Stage::Live;
        for place in 0..entry.bindings.len() {
            self.take_back(at, berth, place);
        }
    }

    pub(super) fn leave(&mut self, at: Tick, berth: BerthId, cause: Closing) {
        for timer in [Timer::Drained, Timer::ScaleIn, Timer::Overdue, Timer::Uncap] {
            self.timers.disarm(timer(berth));
        }
        let entry = self.berth_mut(berth);
        assert!(entry.sources.is_empty(), "a berth leaves once nobody is sent to it");
        entry.stage = Stage::Leaving { cause };
        entry.scale_in = None;
        entry.cap = None;
        for binding in &mut entry.bindings {
            binding.phase = Phase::Draining;
            binding.since = at;
        }
        self.stop_waiting(berth);
    }

    pub(super) fn remove(&mut self, berth: BerthId) {
        for timer in [Timer::Drained, Timer::ScaleIn, Timer::Overdue, Timer::Uncap] {
            self.timers.disarm(timer(berth));
        }
        let slot = self.berths.edit(berth.index());
        let gone = slot.berth.take().expect("a berth that is removed exists");
        assert!(gone.bindings.is_empty(), "a berth goes after its bindings");
        assert!(gone.sources.is_empty(), "a berth goes after its users");
        for (call, flow) in &gone.calls {
            assert!(flow.shares.as_slice().is_empty(), "a berth goes after its calls");
            self.timers.disarm(Timer::Route(FlowId::Call(berth, *call)));
            // Who comes to this place next sends its own.
            if let Some(key) = flow.routing {
                self.forget(key);
            }
        }
        self.clusters.edit(gone.cluster.index()).berths.retain(|held| *held != berth);
        let held = &mut self.apps.edit(gone.app.index()).berths[gone.group.index()];
        held.retain(|held| held.1 != berth);
        self.vacant.push(berth);
    }

    pub(super) fn avoid(&mut self, at: Tick, app: AppId, cluster: ClusterId, until: Tick) {
        let failed = &mut self.apps.edit(app.index()).failed;
        failed.retain(|(other, until)| *other != cluster && *until > at);
        let place = failed.partition_point(|(other, _)| *other < cluster);
        failed.insert(place, (cluster, until));
        self.timers.arm(Timer::Retried(app, cluster), until);
    }
}
