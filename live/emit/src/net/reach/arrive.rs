//! Through the firewall before a cluster: in, to the gateway that stands behind it, and out.

use std::net::IpAddr;

use super::picture::{SitePicture, port_number};
use super::read::{text, texts};
use super::{Blocked, World};
use crate::Object;
use crate::net::SiteIndex;
use periplus_spec::draft::FirewallDraft;

/// Whether what is sent to a cluster's address comes to `inside`, on the same port. Without a firewall it does.
pub(super) fn passes(
    world: &World,
    site: SiteIndex,
    inside: IpAddr,
    port: u16,
) -> Result<(), Blocked> {
    let picture = world.site(site);
    let Some(firewall) = &picture.facts.infrastructure.firewall else { return Ok(()) };
    zones(picture, firewall)?;
    let configured = |object: &&Object| configures(object, firewall);
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

/// Whether what a cluster's pods send comes out of the firewall before it.
pub(super) fn goes_out(world: &World, site: SiteIndex) -> Result<(), Blocked> {
    let picture = world.site(site);
    let Some(firewall) = &picture.facts.infrastructure.firewall else { return Ok(()) };
    zones(picture, firewall)?;
    let mut forwarded = picture.of_kind("FirewallForwarding");
    let out = forwarded.any(|rule| {
        let spec = &rule.0["spec"];
        configures(rule, firewall)
            && text(spec, &["src"]) == "lan"
            && text(spec, &["dest"]) == "wan"
    });
    if out {
        Ok(())
    } else {
        Err(picture.blocked("FirewallForwarding", "there is none from lan to wan"))
    }
}

fn configures(object: &Object, firewall: &FirewallDraft) -> bool {
    text(&object.0, &["metadata", "labels", "sdewanPurpose"]) == &*firewall.purpose
}

fn zones(picture: &SitePicture, firewall: &FirewallDraft) -> Result<(), Blocked> {
    for (zone, network) in [("wan", &firewall.wan), ("lan", &firewall.lan)] {
        let known = picture.of_kind("FirewallZone").any(|told| {
            configures(told, firewall)
                && text(&told.0, &["spec", "name"]) == zone
                && texts(&told.0, &["spec", "network"]).contains(&&**network)
        });
        if !known {
            let by = format!("FirewallZone {zone}");
            return Err(picture.blocked(by, format!("is missing for network {}", &**network)));
        }
    }
    Ok(())
}
