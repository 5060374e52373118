//! Names by which users find an app: one for all, weighted, and one for each zone with exactly its users' parts.
//!
//! Every serving cluster writes its own record of each name. `setIdentifier` tells them apart.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::Object;
use crate::net::weights::relative;
use crate::net::{Driver, Fleet, NetObject, ServiceIndex, SiteIndex, Step, Users};
use periplus_spec::draft::ExposureDraft;

/// `ExternalDNS`.
pub(super) struct ExternalDns;

impl Driver for ExternalDns {
    fn name(&self) -> &'static str {
        "external-dns"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(address) = fleet.site(site).address_for_users() else { return Vec::new() };
        let written = fleet.known_at(site).into_iter().filter_map(|index| {
            let service = fleet.service(index);
            let exposure = service.exposure.as_ref()?;
            let records = records(fleet, site, index, exposure, address);
            (!records.is_empty()).then(|| {
                let spec = json!({ "spec": { "endpoints": records } });
                let object = Object::new(
                    "externaldns.k8s.io/v1alpha1",
                    "DNSEndpoint",
                    &service.namespace,
                    &service.app,
                    spec,
                );
                NetObject::of(&service.app, Step::Enter, object)
            })
        });
        written.collect()
    }
}

/// The names of an app: its own, and whatever stands before it.
pub(super) fn hosts(exposure: &ExposureDraft) -> [String; 2] {
    [exposure.host.to_string(), format!("*.{}", &*exposure.host)]
}

fn records(
    fleet: &Fleet,
    site: SiteIndex,
    service: ServiceIndex,
    exposure: &ExposureDraft,
    address: IpAddr,
) -> Vec<Value> {
    let all = fleet.entries(service).get(&site).copied().unwrap_or(0);
    let zones = fleet.users_at(site, service).map(|users| {
        let name = format!("{}.{}", users.zone, &*exposure.host);
        (name, weight(site, users))
    });
    let names = std::iter::once((exposure.host.to_string(), all)).chain(zones);
    let written = names.filter(|(_, weight)| *weight > 0);
    let cluster = fleet.site(site).name();
    written.map(|(name, weight)| record(cluster, &name, address, weight, exposure)).collect()
}

/// What a cluster's record weighs among those of one zone.
fn weight(site: SiteIndex, users: &Users) -> u32 {
    let shares: Vec<u32> = users.shares.iter().map(|(_, share)| u32::from(*share)).collect();
    let own = users.shares.iter().zip(relative(&shares)).filter(|((of, _), _)| *of == site);
    own.map(|(_, weight)| weight).sum()
}

fn record(
    cluster: &str,
    name: &str,
    address: IpAddr,
    weight: u32,
    exposure: &ExposureDraft,
) -> Value {
    let record = match address {
        IpAddr::V4(_) => "A",
        IpAddr::V6(_) => "AAAA",
    };
    json!({
        "dnsName": name,
        "recordType": record,
        "targets": [address.to_string()],
        "recordTTL": exposure.ttl.0.0.div_ceil(1_000),
        "setIdentifier": cluster,
        "providerSpecific": [{ "name": "aws/weight", "value": weight.to_string() }],
    })
}
