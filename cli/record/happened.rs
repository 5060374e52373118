//! Commands, and what befell the world.

use periplus_core::ids::ClusterId;
use periplus_core::input::Command;
use periplus_core::units::{Span, Tick};
use periplus_sim::past::Origin;
use periplus_spec::draft::{
    Everything, MomentDraft, Oldest, OneOrMany, PinDraft, ScenarioDraft, SelectionDraft, UnpinDraft,
};
use periplus_spec::scenario::{Act, Moment};

use super::Part;
use super::naming::Naming;

impl Part<'_> {
    /// What operators command in the part.
    pub(super) fn commanded(
        &self,
        commands: &[(Tick, Command)],
        naming: &Naming<'_>,
    ) -> Vec<MomentDraft> {
        let mut moments: Vec<MomentDraft> = Vec::new();
        for (at, command) in commands {
            let Some(moment) = self.command(*at, command, naming) else { continue };
            if let Some(last) = moments.last_mut()
                && join(last, &moment)
            {
                continue;
            }
            moments.push(moment);
        }
        moments
    }

    fn command(&self, at: Tick, command: &Command, naming: &Naming<'_>) -> Option<MomentDraft> {
        let mut moment = MomentDraft { at: self.shifted(at), ..MomentDraft::default() };
        let one = |cluster: &ClusterId| Some(naming.clusters(&[*cluster]));
        match command {
            Command::Cordon(cluster) => moment.cordon = one(cluster),
            Command::Uncordon(cluster) => moment.uncordon = one(cluster),
            Command::Drain(cluster) => moment.drain = one(cluster),
            Command::Undrain(cluster) => moment.undrain = one(cluster),
            Command::DeclareLost(cluster) => moment.lost = one(cluster),
            Command::RetireCluster(cluster) => moment.retire = one(cluster),
            Command::Pin { app, group, cluster } => {
                moment.pin = Some(PinDraft {
                    app: naming.app(*app),
                    group: naming.group(*app, *group),
                    cluster: naming.cluster(*cluster),
                });
            }
            Command::Unpin { app, group } => {
                let (app, group) = (naming.app(*app), naming.group(*app, *group));
                moment.unpin = Some(UnpinDraft { app, group });
            }
            Command::Approve(_) => moment.approve = Some(Oldest::Oldest),
            Command::Pause => moment.pause = Some(Everything::All),
            Command::Resume => moment.resume = Some(Everything::All),
            Command::WithdrawApp(app) => moment.withdraw = Some(OneOrMany(vec![naming.app(*app)])),
            // Documents say these.
            Command::Name { .. }
            | Command::DeclarePolicy(_)
            | Command::DeclareTenant(..)
            | Command::DeclareCluster(..)
            | Command::DeclareZone(..)
            | Command::DeclareApp(..)
            | Command::DeclareSeries { .. }
            | Command::Adopt(_) => return None,
        }
        Some(moment)
    }

    /// What befell the world: what its own scenario says, or, where that says nothing, what the log shows.
    pub(super) fn befell(&self, recorded: &ScenarioDraft, naming: &Naming<'_>) -> Vec<MomentDraft> {
        if recorded.timeline.iter().any(is_of_world) {
            let own = recorded.timeline.iter().filter(|moment| is_of_world(moment));
            let own = own.filter(|moment| !is_measured(moment));
            let within = |moment: &MomentDraft| {
                let lasts = moment.lasts.map(|lasts| lasts.0);
                let (at, lasts) = self.within(Tick(moment.at.0.0), lasts)?;
                Some(MomentDraft { at, lasts, ..moment.clone() })
            };
            return own.filter_map(within).collect();
        }
        let timeline = self.fork.scenario.timeline.iter().zip(&self.fork.origins);
        let shown = timeline.filter(|(_, origin)| **origin == Origin::Recorded);
        let mut moments: Vec<MomentDraft> = Vec::new();
        for (Moment { at, act }, _) in shown {
            let Some(moment) = self.shown(*at, act, naming) else { continue };
            // A region that falls silent does so at once.
            if let Some(known) = moments.iter_mut().find(|known| is_joined(known, &moment)) {
                join(known, &moment);
                continue;
            }
            moments.push(moment);
        }
        moments
    }

    fn shown(&self, at: Tick, act: &Act, naming: &Naming<'_>) -> Option<MomentDraft> {
        let during = |lasts: &Option<Span>| -> Option<MomentDraft> {
            let (at, lasts) = self.within(at, *lasts)?;
            Some(MomentDraft { at, lasts, ..MomentDraft::default() })
        };
        match act {
            Act::Outage { clusters, lasts } => {
                let outage = Some(naming.clusters(clusters));
                Some(MomentDraft { outage, ..during(lasts)? })
            }
            Act::Partition { clusters, lasts } => {
                let partition = Some(naming.clusters(clusters));
                Some(MomentDraft { partition, ..during(lasts)? })
            }
            Act::GitOutage { lasts } => {
                Some(MomentDraft { git_outage: Some(Everything::All), ..during(lasts)? })
            }
            Act::Command(_)
            | Act::Approve
            | Act::Inputs(_)
            | Act::AppChanged { .. }
            | Act::ClusterChanged { .. }
            | Act::NodeLoss { .. }
            | Act::Drift { .. }
            | Act::Price { .. }
            | Act::Carbon { .. }
            | Act::Surge { .. }
            | Act::Sensor { .. }
            | Act::PodFailure { .. }
            | Act::LateReports { .. } => None,
        }
    }
}

/// Whether a moment befalls the world.
fn is_of_world(moment: &MomentDraft) -> bool {
    is_measured(moment)
        || moment.outage.is_some()
        || moment.partition.is_some()
        || moment.node_loss.is_some()
        || moment.drift.is_some()
        || moment.git_outage.is_some()
        || moment.pod_failure.is_some()
        || moment.late_reports.is_some()
}

/// Whether what was reported has a moment in it already.
fn is_measured(moment: &MomentDraft) -> bool {
    moment.price.is_some()
        || moment.carbon.is_some()
        || moment.surge.is_some()
        || moment.sensor.is_some()
}

/// The clusters that a moment is about, if it only names them.
fn named(moment: &mut MomentDraft) -> [&mut Option<SelectionDraft>; 8] {
    let MomentDraft { cordon, uncordon, drain, undrain, lost, retire, outage, partition, .. } =
        moment;
    [cordon, uncordon, drain, undrain, lost, retire, outage, partition]
}

/// Whether two moments do the same to different clusters.
fn is_joined(one: &MomentDraft, other: &MomentDraft) -> bool {
    let verbs = |moment: &MomentDraft| {
        let mut moment = moment.clone();
        named(&mut moment).map(|selection| selection.is_some())
    };
    (one.at, one.lasts) == (other.at, other.lasts)
        && verbs(one) == verbs(other)
        && verbs(one).contains(&true)
}

/// Lets `one` be about the clusters of `other` as well, if both do the same.
fn join(one: &mut MomentDraft, other: &MomentDraft) -> bool {
    if !is_joined(one, other) {
        return false;
    }
    let mut other = other.clone();
    for (ours, theirs) in named(one).into_iter().zip(named(&mut other)) {
        if let (Some(SelectionDraft::Names(ours)), Some(SelectionDraft::Names(theirs))) =
            (ours, theirs)
        {
            ours.append(theirs);
        }
    }
    true
}
