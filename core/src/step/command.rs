//! Commands: what was asked for becomes a fact, or a refusal with its reason.

use alloc::vec::Vec;

use crate::decide::Depth;
use crate::decision::Trigger;
use crate::event::{Event, Refusal};
use crate::ids::{AppId, BerthId, ClusterId, GroupId, HoldId};
use crate::input::{BATCH_MAX, Command};
use crate::intent::Intent;
use crate::state::{Health, HoldKind, Marks};
use crate::step::Step;

impl Step<'_> {
    /// Takes a command.
    pub(super) fn command(&mut self, command: &Command) -> Trigger {
        match self.obey(command) {
            Ok(trigger) => trigger,
            Err(refusal) => {
                self.emit(Event::CommandRefused { refusal });
                Trigger::NOTHING
            }
        }
    }

    fn obey(&mut self, command: &Command) -> Result<Trigger, Refusal> {
        let state = &*self.state;
        match command {
            Command::Name { first, texts } => {
                at_most(texts.len(), BATCH_MAX)?;
                next_in(first.index(), state.names.len())?;
                self.emit(Event::Named);
                Ok(Trigger::NOTHING)
            }
            Command::DeclarePolicy(_) => {
                self.emit(Event::PolicyDeclared);
                self.plan_every_app();
                self.work.silence = true;
                Ok(Trigger::Price)
            }
            Command::DeclareTenant(tenant, _) => {
                known_or_next(tenant.index(), state.tenants.len())?;
                self.emit(Event::TenantDeclared);
                self.plan_every_app();
                Ok(Trigger::Intent)
            }
            Command::DeclareCluster(cluster, _) => self.declare_cluster(*cluster),
            Command::DeclareZone(zone, _) => {
                known_or_next(zone.index(), state.zones.len())?;
                self.emit(Event::ZoneDeclared);
                self.stir_zone(*zone);
                Ok(Trigger::Cluster)
            }
            Command::DeclareApp(app, intent) => self.declare_app(*app, intent),
            Command::DeclareSeries { first, series } => {
                at_most(series.len(), BATCH_MAX)?;
                next_in(first.index(), state.series.len())?;
                for spec in series {
                    known(spec.app.index(), state.apps.len())?;
                    known(spec.zone.index(), state.zones.len())?;
                }
                self.emit(Event::SeriesDeclared);
                Ok(Trigger::NOTHING)
            }
            Command::WithdrawApp(app) => {
                known(app.index(), state.apps.len())?;
                if state.app(*app).withdrawn {
                    return Err(Refusal::Withdrawn { app: *app });
                }
                self.emit(Event::AppWithdrawn { app: *app });
                self.work.releases = true;
                Ok(Trigger::Intent)
            }
            Command::RetireCluster(cluster) => self.retire(*cluster),
            Command::Cordon(cluster) => self.mark(*cluster, |marks| marks.cordoned = true),
            Command::Uncordon(cluster) => self.mark(*cluster, |marks| marks.cordoned = false),
            Command::Drain(cluster) => self.mark(*cluster, |marks| marks.draining = true),
            Command::Undrain(cluster) => self.mark(*cluster, |marks| marks.draining = false),
            Command::DeclareLost(cluster) => {
                self.present(*cluster)?;
                if !self.state.cluster(*cluster).is_gone() {
                    self.lose(*cluster);
                }
                Ok(Trigger::Cluster)
            }
            Command::Pin { app, group, cluster } => {
                self.present(*cluster)?;
                self.pin(*app, *group, Some(*cluster))
            }
            Command::Unpin { app, group } => self.pin(*app, *group, None),
            Command::Approve(hold) => self.approve(*hold),
            Command::Pause => Ok(self.set_paused(true)),
            Command::Resume => Ok(self.set_paused(false)),
            Command::Adopt(adoption) => self.adopt(adoption),
        }
    }

    fn declare_cluster(&mut self, cluster: ClusterId) -> Result<Trigger, Refusal> {
        let declared = self.state.clusters.len();
        known_or_next(cluster.index(), declared)?;
        if cluster.index() == declared {
            self.emit(Event::ClusterJoined);
            if self.state.timers.deadline(crate::state::Timer::Silence).is_none() {
                let until = self.at.after(self.state.policy().trust.stale_after);
                self.emit(Event::SilenceTimed { until });
            }
        } else {
            self.emit(Event::ClusterChanged);
            let berths = &self.state.cluster(cluster).berths;
            let apps = berths.iter().map(|berth| (self.state.berth(*berth).app, Depth::Whole));
            self.work.apps.extend(apps);
        }
        self.stir_every_app();
        Ok(Trigger::Cluster)
    }

    fn declare_app(&mut self, app: AppId, intent: &Intent) -> Result<Trigger, Refusal> {
        known_or_next(app.index(), self.state.apps.len())?;
        known(intent.tenant.index(), self.state.tenants.len())?;
        if !is_well_formed(intent, self.state.clusters.len()) {
            return Err(Refusal::Malformed);
        }
        if let Some(before) = self.state.apps.items().get(app.index()) {
            let (generation, declared) = (intent.generation, before.intent.generation);
            if generation <= declared {
                return Err(Refusal::GenerationOutdated { generation, declared });
            }
            if !keeps_shape(&before.intent, intent) {
                return Err(Refusal::ShapeChanged { app });
            }
        }
        let before = self.state.apps.items().get(app.index());
        let anew = before.is_some_and(|before| !before.intent.has_content_of(intent));
        self.emit(Event::AppDeclared);
        self.begin_rollout(app, anew);
        let berths: Vec<BerthId> =
            self.state.app(app).berths.iter().flatten().map(|held| held.1).collect();
        for berth in &berths {
            if !self.is_kept_back(*berth) {
                self.add_missing_bindings(*berth);
            }
        }
        self.work.contents.extend(berths);
        self.work.apps.push((app, Depth::Whole));
        Ok(Trigger::Intent)
    }

    fn retire(&mut self, cluster: ClusterId) -> Result<Trigger, Refusal> {
        self.present(cluster)?;
        for berth in self.state.cluster(cluster).berths.clone() {
            self.erase(berth);
        }
        self.emit(Event::ClusterRetired { cluster });
        Ok(Trigger::Cluster)
    }

    fn mark(
        &mut self,
        cluster: ClusterId,
        change: impl FnOnce(&mut Marks),
    ) -> Result<Trigger, Refusal> {
        self.present(cluster)?;
        let before = self.state.cluster(cluster).marks;
        let mut marks = before;
        change(&mut marks);
        if marks != before {
            self.emit(Event::ClusterMarked { cluster, marks });
            let berths = &self.state.cluster(cluster).berths;
            if marks.draining {
                self.work.berths.extend(berths);
            }
            self.stir_every_app();
            self.stir_short();
        }
        Ok(Trigger::Cluster)
    }

    fn pin(
        &mut self,
        app: AppId,
        group: GroupId,
        to: Option<ClusterId>,
    ) -> Result<Trigger, Refusal> {
        known(app.index(), self.state.apps.len())?;
        known(group.index(), self.state.intent(app).groups.len())?;
        self.emit(Event::GroupPinned { app, group, to });
        self.work.apps.push((app, Depth::Whole));
        Ok(Trigger::Intent)
    }

    fn approve(&mut self, hold: HoldId) -> Result<Trigger, Refusal> {
        let held = self.state.holds.get(&hold).ok_or(Refusal::NoSuchHold { hold })?;
        let kind = held.kind;
        self.emit(Event::HoldApproved { hold });
        match kind {
            HoldKind::Blind { .. } => self.work.silence = true,
            HoldKind::MassDrain { .. } => self.work.releases = true,
            HoldKind::Rollout { app, .. } => {
                self.emit(Event::HoldLifted { hold });
                self.work.rollouts.push(app);
            }
        }
        Ok(Trigger::Approved)
    }

    fn set_paused(&mut self, paused: bool) -> Trigger {
        if self.state.is_paused() != paused {
            self.emit(Event::PauseSet { paused });
            if !paused {
                self.resume();
            }
        }
        Trigger::Approved
    }

    /// Looks at everything that was left undone during a pause.
    fn resume(&mut self) {
        self.plan_every_app();
        self.work.silence = true;
        self.work.releases = true;
        for app in (0..self.state.apps.len()).map(AppId::from_index) {
            self.work.gates.push(app);
            self.look_at_rollout(app);
        }
        let berths: Vec<BerthId> = self.state.berths().map(|(id, _)| id).collect();
        for berth in berths {
            self.work.routes.extend(&self.state.berth(berth).sources);
            self.look_at(berth);
        }
    }

    /// The cluster is in the fleet.
    fn present(&self, cluster: ClusterId) -> Result<(), Refusal> {
        known(cluster.index(), self.state.clusters.len())?;
        match self.state.cluster(cluster).health {
            Health::Fresh | Health::Unknown { .. } | Health::Lost { .. } => Ok(()),
            Health::Retired => Err(out_of_order(cluster.index(), self.state.clusters.len())),
        }
    }
}

fn known(index: usize, declared: usize) -> Result<(), Refusal> {
    if index < declared { Ok(()) } else { Err(out_of_order(index, declared)) }
}

fn known_or_next(index: usize, declared: usize) -> Result<(), Refusal> {
    if index <= declared { Ok(()) } else { Err(out_of_order(index, declared)) }
}

fn next_in(index: usize, declared: usize) -> Result<(), Refusal> {
    if index == declared { Ok(()) } else { Err(out_of_order(index, declared)) }
}

fn out_of_order(index: usize, declared: usize) -> Refusal {
    let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Refusal::OutOfOrder { id: narrow(index), declared: narrow(declared) }
}

fn at_most(entries: usize, limit: usize) -> Result<(), Refusal> {
    let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let too_large = Refusal::TooLarge { entries: narrow(entries), limit: narrow(limit) };
    if entries <= limit { Ok(()) } else { Err(too_large) }
}

/// Whether everything that the intent refers to is in it, and no table is empty or falls.
fn is_well_formed(intent: &Intent, clusters: usize) -> bool {
    let components = intent.components.len();
    let mut placed = Vec::new();
    for group in &intent.groups {
        placed.extend_from_slice(&group.components);
    }
    let listed = placed.len();
    placed.sort_unstable();
    placed.dedup();
    let groups_hold = !intent.groups.is_empty()
        && placed.len() == listed
        && placed.iter().all(|component| component.index() < components)
        && intent.groups.iter().all(|group| {
            !group.components.is_empty()
                && group.components.is_sorted()
                && group.pinned.is_none_or(|cluster| cluster.index() < clusters)
        });
    let calls_hold = intent.calls.iter().all(|call| {
        call.from < call.to && call.to.index() < intent.groups.len() && call.share.0 <= 1_000
    });
    let tables_hold = intent.components.iter().all(|component| {
        component.staffing.is_sorted_by(|a, b| a.0 < b.0)
            && component
                .staffing
                .iter()
                .all(|(_, table)| !table.is_empty() && table.is_sorted_by(|a, b| a < b))
    });
    groups_hold && calls_hold && tables_hold && intent.rollout.max_unavailable > 0
}

/// Whether no component moves to another group, no group goes, and calls join the same groups.
fn keeps_shape(before: &Intent, after: &Intent) -> bool {
    let ends = |intent: &Intent| -> Vec<_> {
        intent.calls.iter().map(|call| (call.from, call.to)).collect()
    };
    let stays = |(place, group): (usize, &crate::intent::Group)| {
        let others = after.groups.iter().enumerate().filter(|(other, _)| *other != place);
        let mut elsewhere = others.flat_map(|(_, other)| &other.components);
        !elsewhere.any(|component| group.components.contains(component))
    };
    before.groups.len() <= after.groups.len()
        && before.components.len() <= after.components.len()
        && ends(before) == ends(after)
        && before.groups.iter().enumerate().all(stays)
}
