//! Release: users that nobody seems to need any more are let go, unless that is too much to be believed.
//!
//! The mass-drain breaker. Where one window would remove more than the policy's part of all bindings, the
//! change is held, a person is told, and everything stays as it is until they approve or demand returns.

use alloc::vec::Vec;

use crate::decision::{Closing, Decision, Guard, Held, Subject, Trigger, Verdict};
use crate::effect::Alert;
use crate::event::Event;
use crate::fleet::Place;
use crate::ids::{AppId, BerthId, GroupId, HoldId, SeriesId};
use crate::state::{FlowId, HoldKind, Wake};
use crate::step::{Step, take_sorted};
use crate::units::Permille;

impl Step<'_> {
    /// Lets go of zones that have idled for long enough and of apps that were withdrawn.
    pub(crate) fn release(&mut self) {
        let mut idle = Vec::new();
        take_sorted(&mut self.work.idle, &mut idle);
        if self.state.is_paused() {
            idle.drain(..).for_each(|series| self.emit(Event::SeriesHeld { series }));
            return;
        }
        idle.extend(&self.state.scalars.held_back);
        idle.retain(|series| matches!(self.state.series[series.index()].wake, Wake::Idling { .. }));
        idle.sort_unstable();
        idle.dedup();
        let withdrawn = self.withdrawn_apps();
        let flows = self.flows_of(&idle, &withdrawn);
        let berths = self.emptied_by(&flows);
        let removals: usize =
            berths.iter().map(|berth| self.state.berth(*berth).bindings.len()).sum();
        let removals = u32::try_from(removals).unwrap_or(u32::MAX);
        let hold = self.drain_hold();
        let approved = hold.is_some_and(|(_, approved)| approved);
        if removals > self.state.removals_left(self.at) && !approved {
            self.hold_release(&idle, &withdrawn, removals, hold.map(|(hold, _)| hold));
            return;
        }
        if let Some((hold, _)) = hold {
            self.emit(Event::HoldLifted { hold });
        }
        if removals > 0 {
            self.emit(Event::RemovalsCounted { bindings: removals });
        }
        for series in idle {
            self.emit(Event::SeriesSlept { series });
        }
        for flow in flows {
            self.let_go(flow);
        }
        for app in withdrawn {
            let held = self
                .state
                .app(app)
                .berths
                .iter()
                .flatten()
                .map(|held| (held.1, Closing::Withdrawn));
            self.work.closings.extend(held);
        }
    }

    /// Withdrawn apps that still have berths which are not on their way out.
    fn withdrawn_apps(&self) -> Vec<AppId> {
        let apps = (0..self.state.apps.len()).map(AppId::from_index);
        apps.filter(|app| {
            let entry = self.state.app(*app);
            let mut held = entry.berths.iter().flatten();
            entry.withdrawn && held.any(|(_, berth)| self.state.berth(*berth).is_live())
        })
        .collect()
    }

    fn flows_of(&self, idle: &[SeriesId], withdrawn: &[AppId]) -> Vec<FlowId> {
        let mut flows: Vec<FlowId> = idle.iter().map(|series| FlowId::Series(*series)).collect();
        for app in withdrawn {
            let entry = self.state.app(*app);
            flows.extend(entry.series.iter().map(|series| FlowId::Series(*series)));
            for (_, berth) in entry.berths.iter().flatten() {
                let calls = &self.state.berth(*berth).calls;
                flows.extend(calls.iter().map(|(call, _)| FlowId::Call(*berth, *call)));
            }
        }
        flows.sort_unstable();
        flows.dedup();
        flows
    }

    /// Live berths that would have no flow left without `flows`.
    fn emptied_by(&self, flows: &[FlowId]) -> Vec<BerthId> {
        let mut berths = Vec::new();
        for flow in flows {
            let shares = self.state.flow(*flow).expect("just listed").shares;
            berths.extend(shares.iter().map(|share| share.berth));
        }
        berths.sort_unstable();
        berths.dedup();
        berths.retain(|berth| {
            let entry = self.state.berth(*berth);
            entry.is_live() && entry.sources.iter().all(|flow| flows.binary_search(flow).is_ok())
        });
        berths
    }

    fn let_go(&mut self, flow: FlowId) {
        let shares = self.state.flow(flow).expect("just listed").shares;
        if shares.as_slice().is_empty() {
            return;
        }
        if shares.iter().any(|share| share.assigned > Permille::ZERO) {
            self.emit(Event::Assigned { flow, shares: Vec::new() });
        }
        shares.iter().for_each(|share| {
            self.check_scale_in(share.berth);
            self.work.closings.push((share.berth, Closing::Idle));
        });
        self.work.routes.push(flow);
    }

    /// Keeps everything as it is and tells a person, once.
    fn hold_release(
        &mut self,
        idle: &[SeriesId],
        withdrawn: &[AppId],
        removals: u32,
        hold: Option<HoldId>,
    ) {
        for series in idle {
            if self.state.scalars.held_back.binary_search(series).is_err() {
                self.emit(Event::SeriesHeld { series: *series });
            }
        }
        if hold.is_some() {
            return;
        }
        let hold = HoldId(self.state.scalars.holds_placed);
        let bindings = self.state.bindings();
        self.emit(Event::HoldPlaced { hold, kind: HoldKind::MassDrain { removals, bindings } });
        self.alert(Alert::MassDrain { hold, removals, bindings });
        let held = Some(Held { guard: Guard::MassDrain(hold), until: None });
        let about_zones = idle.iter().map(|series| {
            let spec = self.state.series[series.index()].spec;
            (spec.app, Subject::Flow(Place::Zone(spec.zone)))
        });
        let about_apps = withdrawn.iter().flat_map(|app| {
            let held = self.state.app(*app).berths.iter().flatten();
            held.map(|(cluster, _)| (*app, Subject::Berth(*cluster)))
        });
        for (app, subject) in about_zones.chain(about_apps) {
            self.out.decisions.push(Decision {
                app,
                group: GroupId::FRONT,
                subject,
                trigger: Trigger::Demand,
                verdict: Verdict::Held,
                winner: None,
                runner_up: None,
                held,
                refusals: Vec::new(),
            });
        }
    }

    fn drain_hold(&self) -> Option<(HoldId, bool)> {
        self.state.holds.iter().find_map(|(id, hold)| match hold.kind {
            HoldKind::MassDrain { .. } => Some((*id, hold.approved)),
            HoldKind::Blind { .. } | HoldKind::Rollout { .. } => None,
        })
    }
}
