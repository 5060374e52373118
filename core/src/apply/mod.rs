//! `apply`: the only function that changes the state.
//!
//! Total and without policy: each arm copies what the input and the event say to its place and keeps the
//! sums that depend on it. Which event follows from which input is decided in `step`. The arms stand in
//! files named for what they change.

mod adopted;
mod bindings;
mod declared;
mod loads;
mod planned;
mod rollouts;
mod seen;
mod waiting;

use crate::event::Event;
use crate::input::Input;
use crate::record::Record;
use crate::state::{State, Timer};
use crate::units::Tick;

impl State {
    /// Makes the state follow one event of the record that `input` at `at` led to.
    ///
    /// # Panics
    /// Panics on an event that cannot follow from this state: a bug, or a log that was tampered with.
    pub fn apply(&mut self, at: Tick, input: &Input, event: &Event) {
        match event {
            Event::Named
            | Event::PolicyDeclared
            | Event::TenantDeclared
            | Event::ClusterJoined
            | Event::ClusterChanged
            | Event::ZoneDeclared
            | Event::SeriesDeclared
            | Event::AppDeclared => self.declare(at, input),
            Event::AppWithdrawn { app } => self.apps.edit(app.index()).withdrawn = true,
            Event::ClusterRetired { cluster } => self.retire(*cluster),
            Event::GroupPinned { app, group, to } => {
                self.apps.edit(app.index()).pins[group.index()] = *to;
            }
            Event::ClusterMarked { cluster, marks } => {
                self.clusters.edit(cluster.index()).marks = *marks;
            }
            Event::PauseSet { paused } => self.scalars.paused = *paused,

            Event::HeartbeatsAccepted
            | Event::CapacityAccepted
            | Event::PricesAccepted
            | Event::CarbonAccepted
            | Event::ReachAccepted => self.see(at, input),
            Event::DemandAccepted { kept } => self.take_rates(input, kept),
            Event::ClusterUnknown { cluster } => self.distrust(*cluster, at),
            Event::ClusterLost { cluster } => self.lose(*cluster, at),
            Event::ClusterReturned { cluster, stable_at } => self.welcome(*cluster, *stable_at),
            Event::SeriesRising { series, until } => self.rise(*series, *until),
            Event::SeriesAwoke { series } => self.wake(*series),
            Event::SeriesIdling { series, until } => self.idle(*series, *until),
            Event::SeriesSlept { series } => self.sleep(*series),
            Event::SeriesHeld { series } => self.hold_back(*series),

            Event::AppStirred { app, until } => self.stir(*app, *until),
            Event::AppConsidered { app, whole } => self.consider(*app, *whole),
            Event::ReviewTimed { app, until } => self.timers.arm(Timer::Review(*app), *until),
            Event::AppShort { app, short } => self.mark_short(*app, *short),
            Event::MovesCounted { app, since, count } => self.count_moves(*app, *since, *count),
            Event::BerthOpened { berth, app, group, cluster } => {
                self.open(at, *berth, *app, *group, *cluster);
            }
            Event::Assigned { flow, shares } => self.assign(*flow, shares),
            Event::Staffed { berth, step, band, replicas } => {
                self.staff(*berth, *step, *band, replicas);
            }
            Event::ScaleInPending { berth, until } => self.scale_in_later(*berth, *until),
            Event::ScaleInDropped { berth } => self.keep_scale(*berth),
            Event::BerthTimed { berth, until } => self.timers.arm(Timer::Overdue(*berth), *until),
            Event::BerthCapped { berth, step, until } => self.cap(*berth, *step, *until),
            Event::BerthUncapped { berth } => self.uncap(*berth),
            Event::BerthClosing { berth, cause, until } => self.close(*berth, *cause, *until),
            Event::BerthReopened { berth } => self.reopen(at, *berth),
            Event::BerthLeaving { berth, cause } => self.leave(at, *berth, *cause),
            Event::BerthRemoved { berth } => self.remove(*berth),
            Event::ClusterAvoided { app, cluster, until } => self.avoid(at, *app, *cluster, *until),

            Event::BindingAdded { berth, component } => self.add_binding(at, *berth, *component),
            Event::PrimeIssued { binding, key, generation } => {
                self.issue_prime(at, *binding, *key, *generation);
            }
            Event::RescaleIssued { binding, key, generation } => {
                self.issue_rescale(*binding, *key, *generation);
            }
            Event::BindingPrimed { binding } => self.prime(at, *binding),
            Event::BindingApplied { binding } => self.settle_applied(at, input, *binding),
            Event::ReplicasSeen { binding, replicas } => {
                self.see_replicas(input, *binding, *replicas);
            }
            Event::BindingReady { binding } => self.make_ready(at, *binding),
            Event::BindingUnready { binding } => self.make_unready(at, *binding),
            Event::BindingFailed { binding, fault: _ } => self.fail(at, *binding),
            Event::WithdrawIssued { binding, key, generation } => {
                self.issue_withdraw(at, *binding, *key, *generation);
            }
            Event::BindingRemoved { binding } => self.remove_binding(*binding),

            Event::Rollout { app, fact } => self.roll_out(*app, fact),

            Event::GateTimed { binding, until } => self.time_gate(*binding, *until),
            Event::GateOverdue { binding } => self.lose_patience(*binding),
            Event::GateWaved { binding } => self.wave(*binding),
            Event::RouteIssued { flow, key, generation, weights } => {
                self.route(*flow, *key, *generation, weights);
            }
            Event::RouteDone { flow } => self.route_done(*flow),
            Event::RouteTimed { flow, until } => self.time_route(*flow, *until),
            Event::AlertIssued { key, alert } => self.alert(*key, *alert),
            Event::EffectDone { key } => self.effect_done(*key),
            Event::EffectPostponed { key, until } => self.postpone(*key, *until),
            Event::EffectRepeated { key } => self.repeat(*key),
            Event::HoldPlaced { hold, kind } => self.place_hold(at, *hold, *kind),
            Event::HoldApproved { hold } => self.approve(*hold),
            Event::HoldLifted { hold } => self.lift(*hold),
            Event::RemovalsCounted { bindings } => self.count_removals(at, *bindings),
            Event::Rang { timer } => self.ring(*timer),
            Event::SilenceTimed { until } => self.time_silence(*until),

            Event::BerthAdopted { berth, place } => self.adopt(at, input, *berth, *place),
            Event::FlowAdopted { flow } => self.settle_flow(*flow),

            Event::CommandRefused { .. } | Event::ObservationOutdated | Event::ReportIgnored => {}
        }
    }

    /// Makes the state follow a whole record without deciding anything: the `fold` of law 1.
    ///
    /// # Panics
    /// Panics like [`apply`](Self::apply).
    pub fn fold(&mut self, record: &Record) {
        for event in &record.events {
            self.apply(record.at, &record.input, event);
        }
        self.advance(record.at);
    }

    /// Moves on to the next record. A position is not a fact, so it has no event.
    pub(crate) fn advance(&mut self, at: Tick) {
        assert!(at >= self.scalars.at, "time only goes forward");
        self.scalars.at = at;
        self.scalars.seq = self.scalars.seq.next();
    }
}
