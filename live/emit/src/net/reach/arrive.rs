//! Through the firewall before a cluster, to the gateway that stands behind it.

use std::net::IpAddr;

use super::picture::port_number;
use super::read::{text, texts};
use super::{Blocked, World};
use crate::net::SiteIndex;

/// Whether what is sent to a cluster's address comes to `inside`, on the same port. Without a firewall it does.
pub(super) fn passes(
    world: &World,
    site: SiteIndex,
    inside: IpAddr,
    port: u16,
) -> Result<(), Blocked> {
    let picture = world.site(site);
    let Some(firewall) = &picture.facts.infrastructure.firewall else { return Ok(()) };
    let configured = |object: &&crate::Object| {
        text(&object.0, &["metadata", "labels", "sdewanPurpose"]) == &*firewall.purpose
    };
    for (zone, network) in [("wan", &firewall.wan), ("lan", &firewall.lan)] {
        let mut zones = picture.of_kind("FirewallZone").filter(configured);
        let known = zones.any(|told| {
            text(&told.0, &["spec", "name"]) == zone
                && texts(&told.0, &["spec", "network"]).contains(&&**network)
        });
        if !known {
            let by = format!("FirewallZone {zone}");
            return Err(picture.blocked(by, format!("is missing for network {}", &**network)));
        }
    }
    let (outside, inside) = (firewall.address.to_string(), inside.to_string());
    let translated = picture.of_kind("FirewallDNAT").filter(configured).any(|rule| {
        let spec = &rule.0["spec"];
        text(spec, &["src"]) == "wan"
            && text(spec, &["src_dip"]) == outside
            && port_number(spec, &["src_dport"]) == Some(port)
            && text(spec, &["dest_ip"]) == inside
            && port_number(spec, &["dest_port"]) == Some(port)
            && text(spec, &["target"]) == "DNAT"
    });
    if !translated {
        let why = format!("there is none from {outside}:{port} to {inside}:{port}");
        return Err(picture.blocked("FirewallDNAT", why));
    }
    let let_in = picture.of_kind("FirewallRule").filter(configured).any(|rule| {
        let spec = &rule.0["spec"];
        text(spec, &["src"]) == "wan"
            && text(spec, &["dest_ip"]) == inside
            && port_number(spec, &["dest_port"]) == Some(port)
            && text(spec, &["target"]) == "ACCEPT"
    });
    if let_in {
        Ok(())
    } else {
        Err(picture.blocked("FirewallRule", format!("there is none that lets in {inside}:{port}")))
    }
}
