//! Small fleets put before the checker: how users come in.

use serde_json::json;

use crate::net::example::{
    CORE, EDGE, Example, asked, broken, call, users, with_users, without, world,
};
use crate::net::reach::{Question, arrives};
use crate::net::scenarios::{cilium, ended, services};
use crate::net::{What, findings, objects};
use periplus_spec::draft::IngressType;

#[test]
fn a_sender_outside_of_the_mesh_is_not_let_in() {
    let mut example = Example::of("{mesh: istio}", "{}");
    example.edge = with_users(example.edge, IngressType::Gateway, "nginx");
    let fleet = example.fleet();
    assert!(findings(&fleet).iter().any(|found| found.what == What::EntranceOutsideMesh));
    let world = world(&fleet);
    ended(&world, &users(), "edge: PeerAuthentication shop/shop-strict");
    let open = without(&world, EDGE, "PeerAuthentication", "shop-strict");
    ended(&open, &users(), "edge: AuthorizationPolicy shop/web-clients");
}

#[test]
fn users_find_every_kind_of_gateway() {
    for (mesh, ingress, class, route) in [
        ("istio", IngressType::Istio, "istio", "VirtualService"),
        ("istio", IngressType::Gateway, "istio", "HTTPRoute"),
        ("none", IngressType::Gateway, "istio", "HTTPRoute"),
        ("none", IngressType::Gateway, "nginx", "HTTPRoute"),
        ("linkerd", IngressType::Gateway, "nginx", "HTTPRoute"),
    ] {
        let edge = format!("{{mesh: {mesh}, policies: kubernetes}}");
        let mut example = Example::of(&edge, "{}");
        example.edge = with_users(example.edge, ingress, class);
        let world = world(&example.fleet());
        assert_eq!(arrives(&world, &users()), Ok(vec![EDGE]), "{mesh} {class}");
        let zone = Question::Enter { host: "bay.shop.example.net".into() };
        assert_eq!(arrives(&world, &zone), Ok(vec![EDGE]), "{mesh} {class}");
        ended(&without(&world, EDGE, "DNSEndpoint", "shop"), &users(), "DNS: DNSEndpoint");
        ended(&without(&world, EDGE, "Gateway", "shop-edge"), &users(), "edge: Gateway");
        ended(&without(&world, EDGE, route, "shop-edge"), &users(), &format!("edge: {route}"));
        let guard = ("NetworkPolicy", "web-allow");
        let shut = broken(&world, EDGE, guard, "/spec/ingress", json!([]));
        ended(&shut, &users(), "edge: NetworkPolicy shop/web-allow");
        let target = broken(
            &world,
            EDGE,
            ("DNSEndpoint", "shop"),
            "/spec/endpoints/0/targets/0",
            json!("198.51.100.8"),
        );
        ended(&target, &users(), "edge: DNSEndpoint shop/shop");
        if mesh == "istio" {
            let rules = "/spec/rules";
            let shut =
                broken(&world, EDGE, ("AuthorizationPolicy", "web-clients"), rules, json!([]));
            ended(&shut, &users(), "edge: AuthorizationPolicy shop/web-clients");
        }
    }
}

#[test]
fn users_find_ciliums_gateway() {
    let mut example = cilium();
    example.edge = with_users(example.edge, IngressType::Gateway, "cilium");
    let world = world(&example.fleet());
    assert_eq!(arrives(&world, &users()), Ok(vec![EDGE]));
    let shut =
        broken(&world, EDGE, ("CiliumNetworkPolicy", "web-allow"), "/spec/ingress", json!([{}]));
    ended(&shut, &users(), "edge: CiliumNetworkPolicy shop/web-allow");
}

#[test]
fn a_gateway_sends_users_on_to_an_import() {
    let mut example = services();
    example.edge = with_users(example.edge, IngressType::Gateway, "istio");
    let both =
        Example { web_homes: vec![EDGE, CORE], gateway: vec![(EDGE, 600), (CORE, 400)], ..example };
    let world = world(&both.fleet());
    assert_eq!(arrives(&world, &users()), Ok(vec![EDGE, CORE]));
    let gone = without(&world, CORE, "ServiceExport", "web");
    ended(&gone, &users(), "edge: HTTPRoute shop/shop-edge");
    let shut = broken(&world, CORE, ("NetworkPolicy", "web-allow"), "/spec/ingress", json!([]));
    ended(&shut, &users(), "core: NetworkPolicy shop/web-allow");
    let left = Example { web_homes: vec![CORE], gateway: vec![(CORE, 1_000)], ..both };
    assert_eq!(asked(&left.fleet(), &users()), Ok(vec![CORE]), "while resolvers still say so");
}

#[test]
fn every_zone_has_a_name_with_exactly_its_parts() {
    let mut example = Example::of("{}", "{}");
    for (has, address) in [(&mut example.edge, "198.51.100.7"), (&mut example.core, "198.51.100.8")]
    {
        *has = with_users(has.clone(), IngressType::Gateway, "nginx");
        has.ingress.as_mut().unwrap().address = address.parse().unwrap();
    }
    let example = Example {
        web_homes: vec![EDGE, CORE],
        api_homes: vec![EDGE, CORE],
        shares: vec![(EDGE, 1_000)],
        users: [vec![(EDGE, 700), (CORE, 300)], vec![(CORE, 1_000)]],
        ..example
    };
    let fleet = example.fleet();
    let records = fleet.site_indices().flat_map(|site| objects(&fleet, site));
    let records = records.filter(|written| written.object.kind() == "DNSEndpoint");
    let told = records.flat_map(|written| {
        let each = written.object.0["spec"]["endpoints"].as_array().unwrap().clone();
        each.into_iter().map(|record| {
            let weight = &record["providerSpecific"][0]["value"];
            format!("{} {} {weight}", record["dnsName"], record["setIdentifier"]).replace('"', "")
        })
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "shop.example.net edge 7",
            "bay.shop.example.net edge 7",
            "shop.example.net core 13",
            "bay.shop.example.net core 3",
            "city.shop.example.net core 1",
        ],
    );
    let host = |host: &str| Question::Enter { host: host.into() };
    assert_eq!(asked(&fleet, &host("bay.shop.example.net")), Ok(vec![EDGE, CORE]));
    assert_eq!(asked(&fleet, &host("city.shop.example.net")), Ok(vec![CORE]));
    assert!(asked(&fleet, &host("hill.shop.example.net")).is_err(), "nobody lives there");
}

#[test]
fn what_comes_through_a_firewall_needs_every_object_of_it() {
    let mut example = Example::of(
        "{mesh: istio, firewall: {wan: wan0, lan: lan0, address: 192.0.2.33}}",
        "{mesh: istio, gateway: 10.0.0.5, firewall: {wan: wan0, lan: lan0, address: 192.0.2.44}}",
    );
    example.edge = with_users(example.edge, IngressType::Istio, "istio");
    let world = world(&example.fleet());
    assert_eq!(arrives(&world, &call("web")), Ok(vec![CORE]));
    assert_eq!(arrives(&world, &users()), Ok(vec![EDGE]));
    for (kind, name) in [
        ("FirewallZone", "wan"),
        ("FirewallZone", "lan"),
        ("FirewallDNAT", "shop"),
        ("FirewallRule", "shop"),
    ] {
        let by = format!("core: {kind}");
        ended(&without(&world, CORE, kind, name), &call("web"), &by);
        ended(&without(&world, EDGE, kind, name), &users(), &by.replace("core", "edge"));
    }
    let shut = without(&world, EDGE, "FirewallForwarding", "lan-to-wan");
    ended(&shut, &call("web"), "edge: FirewallForwarding");
    let dnat = ("FirewallDNAT", "shop-sites");
    let astray = broken(&world, CORE, dnat, "/spec/dest_ip", json!("10.0.0.6"));
    ended(&astray, &call("web"), "core: FirewallDNAT");
}

#[test]
fn without_a_gateway_the_firewall_leads_users_to_the_service() {
    let example = Example::of(
        "{policies: kubernetes, dns: externaldns, firewall: {wan: wan0, lan: lan0, address: 192.0.2.33}}",
        "{}",
    );
    let world = world(&example.fleet());
    assert_eq!(arrives(&world, &users()), Ok(vec![EDGE]));
    ended(&without(&world, EDGE, "CNFService", "shop"), &users(), "edge: CNFService");
}

/// What is found is what the checker finds, for users as for calls.
#[test]
fn findings_and_objects_agree_on_users() {
    let ingresses = [
        "",
        "ingress: {type: istio, address: 198.51.100.7}",
        "ingress: {class: istio, address: 198.51.100.7}",
        "ingress: {class: cilium, address: 198.51.100.7}",
        "ingress: {class: nginx, address: 198.51.100.7}",
    ];
    let walls = ["", "firewall: {wan: wan0, lan: lan0, address: 192.0.2.33}"];
    let mut seen = [0, 0];
    for mesh in ["none", "istio", "linkerd", "cilium"] {
        for policies in ["none", "kubernetes", "cilium"] {
            for ingress in ingresses {
                for wall in walls {
                    for dns in ["none", "externaldns"] {
                        let parts = [
                            &format!("mesh: {mesh}, policies: {policies}, dns: {dns}"),
                            ingress,
                            wall,
                        ];
                        let said: Vec<&str> =
                            parts.into_iter().filter(|part| !part.is_empty()).collect();
                        let edge = format!("{{{}}}", said.join(", "));
                        let example = Example::of(&edge, "{}").divided();
                        let fleet = Example { shares: vec![(EDGE, 1_000)], ..example }.fleet();
                        let (found, arrives) = (findings(&fleet), asked(&fleet, &users()));
                        assert_eq!(
                            arrives.is_ok(),
                            found.is_empty(),
                            "{edge}: {arrives:?} {found:?}"
                        );
                        seen[usize::from(arrives.is_ok())] += 1;
                    }
                }
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 50), "{seen:?}");
}
