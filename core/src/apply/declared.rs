//! What people declare.

use alloc::vec::Vec;

use crate::ids::{AppId, ClusterId, SeriesId};
use crate::input::{Command, Input};
use crate::state::{App, Cluster, Flow, Health, Moves, Reach, Series, State, Timer, Wake, Zone};
use crate::units::{MilliRps, Tick};

impl State {
    /// Takes over what the command in `input` declares.
    pub(super) fn declare(&mut self, at: Tick, input: &Input) {
        let Input::Command(command) = input else { panic!("only a command declares anything") };
        match command {
            Command::Name { first, texts } => {
                assert_eq!(first.index(), self.names.len(), "names are numbered in order");
                self.names.extend_from_slice(texts);
            }
            Command::DeclarePolicy(policy) => {
                self.scalars.policy = (**policy).clone();
                self.derive_prices();
            }
            Command::DeclareTenant(tenant, spec) => {
                if tenant.index() < self.tenants.len() {
                    *self.tenants.edit(tenant.index()) = spec.clone();
                } else {
                    self.tenants.push(spec.clone());
                }
                self.derive();
            }
            Command::DeclareCluster(cluster, spec) => {
                if cluster.index() < self.clusters.len() {
                    let known = self.clusters.edit(cluster.index());
                    known.prices = spec.prices;
                    known.carbon = spec.power.carbon;
                    known.spec = (**spec).clone();
                } else {
                    self.clusters.push(Cluster::new((**spec).clone(), at));
                }
                self.derive_cluster(*cluster);
            }
            Command::DeclareZone(zone, spec) => {
                if zone.index() < self.zones.len() {
                    self.zones.edit(zone.index()).spec = spec.clone();
                } else {
                    let reach = Reach::default();
                    self.zones.push(Zone { spec: spec.clone(), reach, series: Vec::new() });
                }
            }
            Command::DeclareApp(app, intent) => {
                if app.index() < self.apps.len() {
                    if !self.intent(*app).has_content_of(intent) {
                        self.forgive(*app);
                    }
                    let known = self.apps.edit(app.index());
                    let added = intent.groups.iter().skip(known.intent.groups.len());
                    known.pins.extend(added.map(|group| group.pinned));
                    known.berths.resize_with(intent.groups.len(), Vec::new);
                    known.intent.clone_from(intent);
                    known.withdrawn = false;
                    known.moves = Moves::default();
                } else {
                    self.apps.push(App::new(intent.clone()));
                }
                self.derive_app(*app);
            }
            Command::DeclareSeries { first, series } => {
                assert_eq!(first.index(), self.series.len(), "series are numbered in order");
                for spec in series {
                    let id = SeriesId::from_index(self.series.len());
                    self.series.push(Series {
                        flow: Flow::default(),
                        wake: Wake::Asleep,
                        considered: MilliRps::ZERO,
                        spec: *spec,
                    });
                    self.zones.edit(spec.zone.index()).series.push(id);
                    self.apps.edit(spec.app.index()).series.push(id);
                }
            }
            Command::WithdrawApp(_)
            | Command::RetireCluster(_)
            | Command::Cordon(_)
            | Command::Uncordon(_)
            | Command::Drain(_)
            | Command::Undrain(_)
            | Command::DeclareLost(_)
            | Command::Pin { .. }
            | Command::Unpin { .. }
            | Command::Approve(_)
            | Command::Pause
            | Command::Resume
            | Command::Adopt(_) => panic!("this command declares nothing"),
        }
    }

    /// What clusters failed is no longer declared: none is left alone for it.
    fn forgive(&mut self, app: AppId) {
        let failed = core::mem::take(&mut self.apps.edit(app.index()).failed);
        for (cluster, _) in failed {
            self.timers.disarm(Timer::Retried(app, cluster));
        }
    }

    /// A cluster that holds nothing of ours leaves.
    pub(super) fn retire(&mut self, cluster: ClusterId) {
        let known = self.clusters.edit(cluster.index());
        assert!(known.berths.is_empty(), "a cluster that retires holds nothing of ours");
        known.health = Health::Retired;
        self.timers.disarm(Timer::Stable(cluster));
    }
}
