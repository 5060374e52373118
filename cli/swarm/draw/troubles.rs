//! The drawn troubles: each kind a few times, at any time, all of them over when the healing begins.

use periplus_core::units::Span;
use periplus_spec::draft::{
    ApplicationDraft, ApproveDraft, CarbonActDraft, CarbonDraft, Document, DriftDraft, Everything,
    FaultDraft, LateReportsDraft, MomentDraft, NodeLossDraft, Object, Oldest, OneOrMany, PinDraft,
    PodFailureDraft, PriceActDraft, RolloutDraft, SelectionDraft, SensorDraft, SurgeDraft,
    UnpinDraft,
};
use periplus_spec::values::{Duration, Name, Number, Price, Quantity};

use super::fleet::{Fleet, percent, prices};
use super::{SETTLING, TROUBLES, Trouble, moment};
use crate::swarm::dice::{Dice, Topic};

/// How often approval is given while everything settles.
const APPROVE_EVERY: Span = Span(5 * Span::MINUTE.0);

struct Draw<'a> {
    dice: Dice,
    fleet: &'a Fleet,
    apps: &'a [Object<ApplicationDraft>],
    moments: Vec<MomentDraft>,
}

pub(super) fn draw(
    seed: u64,
    kinds: &[Trouble],
    fleet: &Fleet,
    apps: &[Object<ApplicationDraft>],
) -> Vec<MomentDraft> {
    let dice = Dice::new(seed, Topic::Troubles);
    let mut draw = Draw { dice, fleet, apps, moments: Vec::new() };
    for kind in kinds {
        let count = 1 + draw.dice.below(3);
        (0..count).for_each(|_| draw.add(*kind));
    }
    draw.heal();
    draw.moments.sort_by_key(|moment| moment.at.0);
    draw.moments
}

impl Draw<'_> {
    fn add(&mut self, kind: Trouble) {
        match kind {
            Trouble::Echoes | Trouble::Unknowns | Trouble::Restart => {}
            Trouble::Cordon
            | Trouble::Drain
            | Trouble::Pin
            | Trouble::Lost
            | Trouble::Pause
            | Trouble::Withdraw
            | Trouble::Redeclare
            | Trouble::Retire => self.command(kind),
            Trouble::Outage
            | Trouble::Partition
            | Trouble::NodeLoss
            | Trouble::Drift
            | Trouble::GitOutage
            | Trouble::PodFailure
            | Trouble::LateReports
            | Trouble::Price
            | Trouble::Carbon
            | Trouble::Surge
            | Trouble::Sensor => self.happening(kind),
        }
    }

    fn happening(&mut self, kind: Trouble) {
        let at = self.dice.from(0, TROUBLES.0 - Span::MINUTE.0);
        let most = (TROUBLES.0 - at).min(*self.dice.pick(&[60_000, 600_000, 3_600_000]));
        let lasts = Some(Duration(Span(self.dice.from(1_000, most))));
        let mut moment = MomentDraft { lasts, ..moment(Span(at)) };
        let clusters = self.clusters();
        match kind {
            Trouble::Outage => moment.outage = Some(clusters),
            Trouble::Partition => moment.partition = Some(clusters),
            Trouble::NodeLoss => {
                moment.node_loss = Some(NodeLossDraft { clusters, nodes: self.dice.small(1, 3) });
            }
            Trouble::Drift => {
                let used = percent(self.dice.tiny(10, 100));
                moment.drift = Some(DriftDraft { clusters, used });
            }
            Trouble::GitOutage => moment.git_outage = Some(Everything::All),
            Trouble::PodFailure => moment.pod_failure = Some(self.pod_failure(clusters)),
            Trouble::LateReports => {
                let by = Duration(Span(self.dice.from(1_000, 300_000)));
                moment.late_reports = Some(LateReportsDraft { clusters, by });
            }
            Trouble::Price => {
                let factor = Number::thousandths(*self.dice.pick(&[0, 100, 500, 3_000, 20_000]));
                moment.price = Some(PriceActDraft { clusters, factor });
            }
            Trouble::Carbon => {
                moment.carbon = Some(CarbonActDraft { clusters, to: self.dice.small(0, 2_000) });
            }
            Trouble::Surge => {
                let factor = Number::thousandths(*self.dice.pick(&[0, 200, 2_000, 10_000]));
                let (apps, zones) = (self.some_apps(), SelectionDraft::default());
                moment.surge = Some(SurgeDraft { apps, zones, factor });
            }
            Trouble::Sensor => {
                let shows = [None, Some(percent(0)), Some(percent(30))];
                let (apps, zones) = (self.some_apps(), SelectionDraft::default());
                moment.sensor = Some(SensorDraft { apps, zones, shows: *self.dice.pick(&shows) });
            }
            Trouble::Echoes
            | Trouble::Unknowns
            | Trouble::Restart
            | Trouble::Cordon
            | Trouble::Drain
            | Trouble::Pin
            | Trouble::Lost
            | Trouble::Pause
            | Trouble::Withdraw
            | Trouble::Redeclare
            | Trouble::Retire => return,
        }
        self.moments.push(moment);
    }

    fn command(&mut self, kind: Trouble) {
        let mut moment = moment(Span(self.dice.from(Span::MINUTE.0, TROUBLES.0 - 1)));
        match kind {
            Trouble::Cordon => moment.cordon = Some(self.clusters()),
            Trouble::Drain => moment.drain = Some(self.clusters()),
            Trouble::Lost => moment.lost = Some(self.clusters()),
            Trouble::Retire => moment.retire = Some(self.clusters()),
            Trouble::Pause => moment.pause = Some(Everything::All),
            Trouble::Withdraw => moment.withdraw = Some(self.some_apps()),
            Trouble::Redeclare => moment.declare = Some(vec![self.declaration()]),
            Trouble::Pin => {
                let app = self.dice.pick(self.apps);
                let group = app.spec.groups.first().filter(|_| self.dice.happens(50));
                let cluster = self.dice.pick(&self.fleet.clusters).metadata.name.clone();
                moment.pin = Some(PinDraft {
                    app: app.metadata.name.clone(),
                    group: group.map(|group| group.name.clone()),
                    cluster,
                });
            }
            Trouble::Echoes
            | Trouble::Unknowns
            | Trouble::Restart
            | Trouble::Outage
            | Trouble::Partition
            | Trouble::NodeLoss
            | Trouble::Drift
            | Trouble::GitOutage
            | Trouble::PodFailure
            | Trouble::LateReports
            | Trouble::Price
            | Trouble::Carbon
            | Trouble::Surge
            | Trouble::Sensor => return,
        }
        self.moments.push(moment);
    }

    /// A cluster with other prices, or an app with other resources, images or priority, rolled out in some way.
    fn declaration(&mut self) -> Document {
        let dice = &mut self.dice;
        if dice.happens(50) {
            let mut cluster = dice.pick(&self.fleet.clusters).clone();
            cluster.spec.prices = prices(dice);
            cluster.spec.power.carbon = CarbonDraft::GramsPerKwh(dice.small(0, 900));
            return Document::Cluster(cluster);
        }
        let mut app = dice.pick(self.apps).clone();
        for component in &mut app.spec.components {
            match dice.below(4) {
                0 => component.image = "another".into(),
                1 => component.requests.cpu = Some(Quantity::milli(dice.from(1, 20) * 100)),
                2 => component.requests.memory = Some(Quantity::mebi(dice.from(64, 4_096))),
                _ => {}
            }
        }
        app.spec.priority += i32::from(dice.tiny(0, 1));
        app.spec.worth.latency_price = Price::micros(dice.money(0, 100));
        app.spec.rollout = RolloutDraft {
            max_unavailable_clusters: dice.tiny(1, 3),
            soak: Duration::seconds(*dice.pick(&[0, 0, 90])),
            approve: *dice.pick(&[
                ApproveDraft::Never,
                ApproveDraft::Never,
                ApproveDraft::AfterFirst,
            ]),
            paused: dice.happens(10),
        };
        Document::Application(app)
    }

    fn pod_failure(&mut self, clusters: SelectionDraft) -> PodFailureDraft {
        let faults = [
            FaultDraft::ApplyFailed,
            FaultDraft::ImagePull,
            FaultDraft::PodFailed,
            FaultDraft::TimedOut,
        ];
        let app = self.dice.pick(self.apps);
        PodFailureDraft {
            app: app.metadata.name.clone(),
            component: self.dice.pick(&app.spec.components).name.clone(),
            clusters: self.dice.happens(70).then_some(clusters),
            fault: *self.dice.pick(&faults),
        }
    }

    fn clusters(&mut self) -> SelectionDraft {
        let names: Vec<Name> = self.fleet.cluster_names();
        let most = *self.dice.pick(&[1, 1, 2, names.len()]);
        SelectionDraft::Names(self.dice.some(&names, most))
    }

    fn some_apps(&mut self) -> OneOrMany {
        let names: Vec<Name> = self.apps.iter().map(|app| app.metadata.name.clone()).collect();
        OneOrMany(self.dice.some(&names, names.len()))
    }

    /// Operators take back what they said; whatever is held is let go again and again.
    fn heal(&mut self) {
        let all = Some(SelectionDraft::default());
        let mut at = TROUBLES;
        self.moments.push(MomentDraft { resume: Some(Everything::All), ..moment(at) });
        self.moments.push(MomentDraft { uncordon: all.clone(), ..moment(at) });
        self.moments.push(MomentDraft { undrain: all, ..moment(at) });
        for app in self.apps.iter().filter(|_| self.dice.clone().happens(50)) {
            let unpin = UnpinDraft { app: app.metadata.name.clone(), group: None };
            self.moments.push(MomentDraft { unpin: Some(unpin), ..moment(at) });
        }
        while at < TROUBLES.saturating_add(SETTLING) {
            self.moments.push(MomentDraft { approve: Some(Oldest::Oldest), ..moment(at) });
            at = at.saturating_add(APPROVE_EVERY);
        }
    }
}
