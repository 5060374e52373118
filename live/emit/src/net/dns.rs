//! Names by which users find an app: one for all, weighted, and one for each zone with exactly its users' parts.
//!
//! Every serving cluster writes its own record of each name. `setIdentifier` tells them apart.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::Object;
use crate::net::weights::{OF_RECORDS, divided};
use crate::net::{Driver, Fleet, NetObject, ServiceIndex, SiteIndex, Step};
use periplus_spec::draft::ExposureDraft;

/// `ExternalDNS`.
pub(super) struct ExternalDns;

impl Driver for ExternalDns {
    fn name(&self) -> &'static str {
        "external-dns"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(address) = fleet.site(site).address_for_users() else { return Vec::new() };
        let written = fleet.services_at(site).iter().filter_map(|index| {
            let service = fleet.service(*index);
            let exposure = service.exposure.as_ref()?;
            let records = records(fleet, site, *index, exposure, address);
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

/// The names of an app: that of its exposure, then one for each zone that has users.
pub(super) fn hosts(fleet: &Fleet, service: ServiceIndex, exposure: &ExposureDraft) -> Vec<String> {
    let zones = fleet.users_of(service).map(|users| zone_host(&users.zone, exposure));
    std::iter::once(exposure.host.to_string()).chain(zones).collect()
}

fn zone_host(zone: &str, exposure: &ExposureDraft) -> String {
    format!("{zone}.{}", &*exposure.host)
}

fn records(
    fleet: &Fleet,
    site: SiteIndex,
    service: ServiceIndex,
    exposure: &ExposureDraft,
    address: IpAddr,
) -> Vec<Value> {
    let all: Vec<(SiteIndex, u32)> = fleet.entries(service).into_iter().collect();
    let mut names = vec![(exposure.host.to_string(), all)];
    for users in fleet.users_of(service) {
        let shares = users.shares.iter().filter(|(_, share)| *share > 0);
        let shares = shares.map(|(site, share)| (*site, u32::from(*share))).collect();
        names.push((zone_host(&users.zone, exposure), shares));
    }
    let each = names.into_iter().filter_map(|(name, shares)| {
        let weight = weight(fleet, site, &shares, &name);
        (weight > 0).then(|| record(fleet.site(site).name(), &name, address, weight, exposure))
    });
    each.collect()
}

/// What a cluster's record weighs among those of one name.
fn weight(fleet: &Fleet, site: SiteIndex, shares: &[(SiteIndex, u32)], name: &str) -> u32 {
    let told: Vec<(&str, u32)> =
        shares.iter().map(|(site, share)| (fleet.site(*site).name(), *share)).collect();
    let weights = divided(&told, OF_RECORDS, name);
    let own = shares.iter().zip(weights).filter(|((of, _), _)| *of == site);
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
