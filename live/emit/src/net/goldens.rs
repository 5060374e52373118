//! What is written for small fleets, to be read; and what must hold of all of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::example::{Example, has, told, with_users};
use crate::net::{Fleet, findings, objects};
use periplus_spec::draft::IngressType;

pub(super) fn fleets() -> Vec<(&'static str, Fleet)> {
    let istio_core =
        "{mesh: istio, gateway: 203.0.113.9, trustDomain: core.example, policies: kubernetes}";
    let mut istio = Example::of("{mesh: istio, policies: kubernetes}", istio_core).divided();
    istio.edge = with_users(istio.edge, IngressType::Istio, "istio");
    let linkerd = Example::of(
        "{mesh: linkerd, policies: kubernetes}",
        "{mesh: linkerd, policies: kubernetes, gateway: 203.0.113.9}",
    );
    let cilium =
        |name| format!("{{mesh: cilium, policies: cilium, network: flat, podAddresses: {name}}}");
    let (edge, core) = (cilium("10.1.0.0/16"), cilium("10.2.0.0/16"));
    let mut cilium = Example::of(&edge, &core).reaching("[{to: 203.0.113.0/24, ports: [443]}]");
    cilium.edge = with_users(cilium.edge, IngressType::Gateway, "cilium");
    cilium.edge.egress =
        has("{egress: {nodes: {egress: yes-it-is}, address: 198.51.100.99}}").egress;
    let mcs = |version, pods| {
        format!(
            "{{services: {version}, policies: kubernetes, network: flat, podAddresses: {pods}}}"
        )
    };
    let (edge, core) = (mcs("v1alpha1", "10.1.0.0/16"), mcs("v1beta1", "10.2.0.0/16"));
    let mut services = Example::of(&edge, &core);
    services.edge = with_users(services.edge, IngressType::Gateway, "istio");
    services.certificate = true;
    let firewall = "firewall: {wan: wan0, lan: lan0, address: 192.0.2.33}";
    let mut walled = Example::of(
        &format!("{{mesh: istio, {firewall}}}"),
        "{mesh: istio, gateway: 10.0.0.5, firewall: {wan: wan0, lan: lan0, address: 192.0.2.44}}",
    );
    walled.edge = with_users(walled.edge, IngressType::Istio, "istio");
    vec![
        ("istio", istio.fleet()),
        ("linkerd_gateway", linkerd.divided().fleet()),
        ("cilium", cilium.fleet()),
        ("multi_cluster_services", services.fleet()),
        ("sdewan", walled.fleet()),
    ]
}

#[test]
fn what_is_written_reads_well() {
    for (name, fleet) in fleets() {
        insta::assert_snapshot!(name, told(&fleet));
    }
}

#[test]
fn nothing_is_written_twice_in_one_cluster_and_everything_is_the_same_again() {
    for (name, fleet) in fleets() {
        for site in fleet.site_indices() {
            let written = objects(&fleet, site);
            assert_eq!(written, objects(&fleet.clone(), site), "{name}");
            let mut seen = BTreeSet::new();
            for written in &written {
                let object = &written.object;
                let told = [object.api_version(), object.kind(), object.namespace(), object.name()];
                assert!(seen.insert(told.map(str::to_owned)), "{name}: {told:?}");
            }
        }
    }
}

#[test]
fn virtual_addresses_are_those_of_one_host_each_in_the_whole_fleet() {
    for (name, fleet) in fleets() {
        let mut hosts: BTreeMap<String, String> = BTreeMap::new();
        for written in fleet.site_indices().flat_map(|site| objects(&fleet, site)) {
            let spec = &written.object.0["spec"];
            if let (Some(address), Some(host)) =
                (spec["addresses"][0].as_str(), spec["hosts"][0].as_str())
            {
                let other = hosts.insert(address.to_owned(), host.to_owned());
                assert!(other.is_none_or(|other| other == host), "{name}: {address}");
            }
        }
    }
}

#[test]
fn no_object_holds_a_key_or_a_secret() {
    for (name, fleet) in fleets() {
        let told = told(&fleet);
        for word in ["kind: Secret", "pre_shared_key", "private", "kind: Ipsec"] {
            assert!(!told.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn fleets_that_work_have_nothing_found_in_them() {
    for (name, fleet) in fleets() {
        let found: Vec<_> = findings(&fleet)
            .into_iter()
            .map(|found| format!("{:?} {}", found.what, found.place))
            .collect();
        let expected: &[&str] = match name {
            // Its edge has no record keeper and takes in no users.
            "linkerd_gateway" => &["NoEntrance edge of shop/web"],
            _other => &[],
        };
        assert_eq!(found, expected, "{name}");
    }
}
