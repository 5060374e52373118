//! What must hold of every fleet: drawn ones, put before the checker.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::net::example::{has, site, world};
use crate::net::reach::{Question, arrives, through_steps};
use crate::net::vip::virtual_addresses;
use crate::net::{Calls, Fleet, Port, Service, ServiceIndex, Shares, SiteIndex, findings, objects};
use periplus_spec::draft::Protocol;

const SITES: usize = 3;
/// `web` calls `api` and `log`, `api` calls `store`; `stray` calls nobody.
const NAMES: [&str; 5] = ["web", "api", "log", "store", "stray"];
const CALLS: [Call; 3] = [(0, 1), (0, 2), (1, 3)];

/// What all clusters of a fleet have. `GATE` and `PODS` differ.
const KINDS: [&str; 5] = [
    "mesh: istio, gateway: GATE, trustDomain: DOMAIN",
    "mesh: linkerd, gateway: GATE, podAddresses: PODS",
    "mesh: linkerd, gateway: GATE, podAddresses: PODS, network: flat",
    "mesh: cilium, podAddresses: PODS, network: flat",
    "services: v1beta1, podAddresses: PODS, network: flat",
];

/// Who calls whom: places in [`NAMES`].
type Call = (usize, usize);

/// Where each service is, and where each cluster sends each call.
#[derive(Clone, Debug)]
struct Placement {
    homes: Vec<BTreeSet<usize>>,
    shares: BTreeMap<(usize, Call), Vec<(usize, u16)>>,
}

fn homes() -> impl Strategy<Value = BTreeSet<usize>> {
    let sites: Vec<usize> = (0..SITES).collect();
    subsequence(sites, 1..=SITES).prop_map(BTreeSet::from_iter)
}

fn placements() -> impl Strategy<Value = Placement> {
    let homes = prop::collection::vec(homes(), NAMES.len());
    (homes, prop::collection::vec(0_u16..11, SITES * CALLS.len() * SITES)).prop_map(
        |(homes, drawn)| {
            let mut drawn = drawn.into_iter();
            let mut shares = BTreeMap::new();
            for from in 0..SITES {
                for (caller, callee) in CALLS {
                    let weights: Vec<(usize, u16)> = homes[callee]
                        .iter()
                        .map(|home| (*home, drawn.next().unwrap_or(0)))
                        .collect();
                    let sum: u16 = weights.iter().map(|(_, weight)| weight).sum();
                    let shared = weights.iter().map(|(home, weight)| match sum {
                        0 => (*home, 0),
                        _some => (*home, weight * 100 / sum * 10),
                    });
                    if homes[caller].contains(&from) {
                        shares.insert((from, (caller, callee)), shared.collect());
                    }
                }
            }
            Placement { homes, shares }
        },
    )
}

fn fleet(placement: &Placement, kind: &str, policies: &str) -> Fleet {
    let vips = virtual_addresses(NAMES.map(|name| ("shop", name)));
    let sites = (0..SITES).map(|number| {
        let kind = kind
            .replace("GATE", &format!("203.0.113.{}", number + 1))
            .replace("PODS", &format!("10.{number}.0.0/16"))
            .replace("DOMAIN", &format!("d{number}.example"));
        site(&format!("c{number}"), has(&format!("{{{kind}, policies: {policies}}}")))
    });
    let services = NAMES.iter().enumerate().map(|(place, name)| Service {
        app: "shop".into(),
        component: (*name).into(),
        namespace: "shop".into(),
        account: (*name).into(),
        labels: [("app".to_owned(), (*name).to_owned())].into(),
        ports: vec![Port { name: "http".into(), number: 8080, protocol: Protocol::Tcp }],
        callers: CALLS
            .iter()
            .filter(|(_, callee)| *callee == place)
            .map(|(caller, _)| ServiceIndex(*caller))
            .collect(),
        vip: vips[&("shop", *name)],
        exposure: None,
        egress: Vec::new(),
        homes: placement.homes[place].iter().map(|home| SiteIndex(*home)).collect(),
    });
    let calls = placement.shares.iter().map(|((from, (caller, callee)), shares)| Calls {
        from: SiteIndex(*from),
        caller: ServiceIndex(*caller),
        callee: ServiceIndex(*callee),
        shares: shares.iter().map(|(to, share)| (SiteIndex(*to), *share)).collect::<Shares>(),
    });
    Fleet::new(sites.collect(), services.collect(), calls.collect(), Vec::new())
}

fn question(from: usize, caller: usize, callee: usize) -> Question {
    Question::Call {
        from: SiteIndex(from),
        caller: ("shop".into(), NAMES[caller].into()),
        callee: ("shop".into(), NAMES[callee].into()),
        port: 8080,
    }
}

/// A way from one placement to another that loses nothing: everything is written and opened, then calls go over, then
/// what is not needed goes.
fn way(before: &Placement, after: &Placement) -> [Placement; 4] {
    let homes: Vec<BTreeSet<usize>> =
        before.homes.iter().zip(&after.homes).map(|(one, other)| one | other).collect();
    let opened = |by: &Placement| {
        let mut shares = by.shares.clone();
        for (key, others) in before.shares.iter().chain(&after.shares) {
            let shares = shares.entry(*key).or_insert_with(|| others.clone());
            for (site, _) in others {
                if !shares.iter().any(|(known, _)| known == site) {
                    shares.push((*site, 0));
                }
            }
        }
        Placement { homes: homes.clone(), shares }
    };
    [before.clone(), opened(before), opened(after), after.clone()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn where_nothing_is_found_calls_arrive_where_they_are_sent_and_nobody_else_calls(
        placement in placements(),
        kind in prop::sample::select(KINDS.as_slice()),
        policies in prop::sample::select(["none", "kubernetes", "cilium"].as_slice()),
    ) {
        let fleet = fleet(&placement, kind, policies);
        if !findings(&fleet).is_empty() {
            return Ok(());
        }
        let world = world(&fleet);
        for ((from, (caller, callee)), shares) in &placement.shares {
            let sent: Vec<SiteIndex> = shares
                .iter()
                .filter(|(_, share)| *share > 0)
                .map(|(to, _)| SiteIndex(*to))
                .collect();
            let answer = arrives(&world, &question(*from, *caller, *callee));
            if !sent.is_empty() {
                prop_assert_eq!(answer, Ok(sent));
            }
        }
        // Behind Linkerd's gateway, only policies where the callers are tell them apart.
        let told = kind.contains("istio") || kind == KINDS[2];
        let guarded = policies != "none" || told;
        for from in placement.homes[4].iter().filter(|_| guarded) {
            for callee in 0..4 {
                prop_assert!(arrives(&world, &question(*from, 4, callee)).is_err());
            }
        }
    }

    #[test]
    fn moves_that_open_the_way_first_lose_no_call_in_any_mix(
        before in placements(),
        after in placements(),
        kind in prop::sample::select(KINDS[..3].as_ref()),
        policies in prop::sample::select(["none", "kubernetes"].as_slice()),
    ) {
        let way = way(&before, &after);
        let steps: Vec<_> =
            way.iter().map(|placement| world(&fleet(placement, kind, policies))).collect();
        for (key, shares) in &before.shares {
            let sent = |shares: &[(usize, u16)]| shares.iter().any(|(_, share)| *share > 0);
            let stays = after.shares.get(key).is_some_and(|shares| sent(shares));
            if stays && sent(shares) {
                let (from, (caller, callee)) = *key;
                let mixes = through_steps(&steps, &question(from, caller, callee));
                let lost = mixes.iter().find(|mix| mix.answer.is_err());
                prop_assert!(lost.is_none(), "{:?}", lost);
            }
        }
    }

    #[test]
    fn the_same_picture_told_in_another_order_is_written_the_same(
        placement in placements(), kind in prop::sample::select(KINDS.as_slice()),
    ) {
        let one = fleet(&placement, kind, "kubernetes");
        let calls: Vec<Calls> = one.calls().iter().rev().cloned().collect();
        let mut services = one.services().to_vec();
        for service in &mut services {
            service.callers.reverse();
            service.homes.reverse();
        }
        let other = Fleet::new(one.sites().to_vec(), services, calls, Vec::new());
        for site in one.site_indices() {
            prop_assert_eq!(objects(&one, site), objects(&other, site));
        }
    }
}
