//! The drawn fleet: clusters of several kinds and sizes, zones between them, tenants.

use periplus_core::units::Permille;
use periplus_spec::draft::{
    AgentDraft, AgentType, AutoscalerDraft, CarbonDraft, ClusterDraft, LocationDraft, Object,
    PricesDraft, QuotaDraft, SelectorDraft, TaintDraft, TaintEffectDraft, TenantDraft, ZoneDraft,
};
use periplus_spec::values::{
    Duration, Latitude, Longitude, Name, Number, Percentage, Price, Quantity,
};

use super::{minutes, name, numbered};
use crate::swarm::dice::{Dice, Topic};

/// What was drawn of places.
pub(super) struct Fleet {
    pub(super) clusters: Vec<Object<ClusterDraft>>,
    pub(super) zones: Vec<Object<ZoneDraft>>,
    pub(super) tenants: Vec<Object<TenantDraft>>,
}

/// The kinds of clusters and how fast they are, in thousandths.
const KINDS: [(&str, u32); 3] = [("edge", 800), ("metro", 1_000), ("region", 1_500)];
/// What residency rules compare.
pub(super) const REGIONS: [&str; 3] = ["north", "middle", "south"];
/// The key of the label with the kind, and of that with the region.
pub(super) const KIND: &str = "kind";
pub(super) const REGION: &str = "region";
/// The key of the only taint.
pub(super) const TAINT: &str = "dedicated";

pub(super) fn draw(seed: u64, clusters: usize, zones: usize) -> Fleet {
    let mut dice = Dice::new(seed, Topic::Fleet);
    let tainted = dice.happens(40);
    Fleet {
        clusters: (0..clusters).map(|number| cluster(&mut dice, number, tainted)).collect(),
        zones: (0..zones).map(|number| zone(&mut dice, number)).collect(),
        tenants: if dice.happens(40) { vec![tenant(&mut dice)] } else { Vec::new() },
    }
}

impl Fleet {
    pub(super) fn cluster_names(&self) -> Vec<Name> {
        self.clusters.iter().map(|cluster| cluster.metadata.name.clone()).collect()
    }

    pub(super) fn zone_names(&self) -> Vec<Name> {
        self.zones.iter().map(|zone| zone.metadata.name.clone()).collect()
    }
}

fn cluster(dice: &mut Dice, number: usize, tainted: bool) -> Object<ClusterDraft> {
    let (kind, speed) = *dice.pick(&KINDS);
    let cpu = Quantity::whole(*dice.pick(&[2, 4, 8, 16]));
    let memory = Quantity::mebi(*dice.pick(&[4_096, 8_192, 32_768]));
    let mut draft = ClusterDraft::new(dice.small(1, 4), cpu, memory);
    draft.kind = name(kind);
    draft.speed = Number::thousandths(speed);
    draft.location = Some(location(dice));
    let pool = &mut draft.node_pools[0];
    pool.capacity.pods = *dice.pick(&[12, 30, 110]);
    if dice.happens(15) {
        let max = pool.nodes + dice.small(1, 3);
        pool.autoscaler = Some(AutoscalerDraft {
            max,
            delay: minutes(dice.from(1, 4)),
            idle_after: minutes(dice.from(5, 10)),
        });
    }
    draft.prices = prices(dice);
    draft.power.carbon = CarbonDraft::GramsPerKwh(dice.small(0, 900));
    draft.agent = AgentDraft {
        agent: *dice.pick(&[AgentType::Flux, AgentType::Argocd]),
        interval: dice.happens(50).then(|| Duration::seconds(dice.from(10, 120))),
        webhook: dice.happens(50),
        apply: None,
    };
    if tainted && dice.happens(30) {
        draft.taints.push(TaintDraft {
            key: TAINT.parse().expect("a valid key"),
            value: None,
            effect: *dice.pick(&[TaintEffectDraft::NoSchedule, TaintEffectDraft::NoExecute]),
        });
    }
    let region = dice.pick(&REGIONS);
    numbered("cluster", number, draft).with_label(KIND, kind).with_label(REGION, region)
}

pub(super) fn prices(dice: &mut Dice) -> PricesDraft {
    PricesDraft {
        core_hour: Price::micros(dice.money(10_000, 80_000)),
        gib_hour: Price::micros(dice.money(1_000, 8_000)),
        active_hour: Price::micros(*dice.pick(&[0, 2_000, 20_000])),
        egress_gb: Price::micros(dice.money(0, 120_000)),
        ..PricesDraft::default()
    }
}

fn zone(dice: &mut Dice, number: usize) -> Object<ZoneDraft> {
    let draft = ZoneDraft {
        location: Some(location(dice)),
        access_delay: None,
        users: dice.from(1, 1_000),
    };
    let region = dice.pick(&REGIONS);
    numbered("zone", number, draft).with_label(REGION, region)
}

/// Somewhere in a land of about 500 km.
fn location(dice: &mut Dice) -> LocationDraft {
    let hundredths = |dice: &mut Dice| f64::from(dice.small(0, 500)) / 100.0;
    LocationDraft {
        latitude: Latitude::new(46.0 + hundredths(dice)),
        longitude: Longitude::new(8.0 + hundredths(dice)),
    }
}

/// A team with a quota, perhaps without rights over every kind of cluster.
fn tenant(dice: &mut Dice) -> Object<TenantDraft> {
    let mut clusters = SelectorDraft::default();
    if dice.happens(30) {
        let kind = dice.pick(&KINDS).0;
        let key = KIND.parse().expect("a valid key");
        clusters.match_labels.insert(key, kind.parse().expect("a valid value"));
    }
    let quota = QuotaDraft {
        cpu: Some(Quantity::whole(dice.from(2, 30))),
        memory: dice.happens(50).then(|| Quantity::mebi(dice.from(2, 40) * 1_024)),
        ..QuotaDraft::default()
    };
    Object::new(
        name("team"),
        TenantDraft { clusters, quota: Some(quota), ..TenantDraft::default() },
    )
}

/// A part of everything.
pub(super) fn percent(percent: u16) -> Percentage {
    Percentage(Permille(percent * 10))
}
