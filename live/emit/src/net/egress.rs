//! Through which nodes, and so from which address, apps leave to the outside: Cilium's egress gateway.

use serde_json::{Map, json};

use crate::Object;
use crate::net::names::joined;
use crate::net::{Driver, Fleet, NetObject, SiteIndex, Step};

/// Cilium's egress gateway.
pub(super) struct EgressGateway;

impl Driver for EgressGateway {
    fn name(&self) -> &'static str {
        "egress gateway"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(egress) = &fleet.site(site).has().egress else { return Vec::new() };
        let nodes: Map<_, _> = egress
            .nodes
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string().into()))
            .collect();
        let mut gateway = json!({ "nodeSelector": { "matchLabels": nodes } });
        if let Some(address) = &egress.address {
            gateway["egressIP"] = address.to_string().into();
        }
        let services = fleet.services_at(site).iter().map(|index| fleet.service(*index));
        let written = services.filter_map(|service| {
            // Cilium takes addresses of IPv4 only here.
            let mut ranges: Vec<String> = service
                .egress
                .iter()
                .filter(|rule| rule.to.first().is_ipv4())
                .map(|rule| rule.to.to_string())
                .collect();
            ranges.sort();
            ranges.dedup();
            if ranges.is_empty() {
                return None;
            }
            let mut labels: Map<_, _> = service
                .labels
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            labels.insert(
                "io.kubernetes.pod.namespace".to_owned(),
                service.namespace.as_str().into(),
            );
            let spec = json!({
                "selectors": [{ "podSelector": { "matchLabels": labels } }],
                "destinationCIDRs": ranges,
                "egressGateway": gateway,
            });
            let name = joined(&[&format!("{}.{}", service.component, service.namespace), "egress"]);
            let rest = json!({ "spec": spec });
            let object = Object::new("cilium.io/v2", "CiliumEgressGatewayPolicy", "", &name, rest);
            Some(NetObject::of(&service.app, Step::Guard, object))
        });
        written.collect()
    }
}
