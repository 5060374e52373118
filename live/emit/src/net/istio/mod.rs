//! Istio with sidecars, on several networks and without a control plane in common.
//!
//! A service has a second name, `<service>.<namespace>.global`, that exists in every cluster which calls it from
//! elsewhere (`client`) and at the gateway of every cluster which serves others (`server`). Both sides need it: the
//! gateway routes by the name that the caller used. Apps never see it; their calls are routed there.

mod client;
mod entry;
mod security;
mod server;

use crate::Object;
use crate::net::names::specified;
use crate::net::{Driver, Fleet, NetObject, SiteIndex};

/// What is spoken to gateways of other clusters.
pub(super) const CROSS_NETWORK_PORT: u16 = 15_443;
/// Where Istio itself is.
pub(super) const SYSTEM: &str = "istio-system";
/// The label of the pods of its east-west gateway.
pub(super) const EAST_WEST: (&str, &str) = ("istio", "eastwestgateway");
/// The label of the pods of its gateway for users.
pub(super) const INGRESS: (&str, &str) = ("istio", "ingressgateway");
/// Who the gateway for users is.
const INGRESS_ACCOUNT: &str = "istio-ingressgateway-service-account";

const NETWORKING: &str = "networking.istio.io/v1";
const SECURITY: &str = "security.istio.io/v1";

/// Istio.
pub(super) struct Istio;

impl Driver for Istio {
    fn name(&self) -> &'static str {
        "istio"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let mut objects = security::objects(fleet, site);
        objects.extend(server::objects(fleet, site));
        objects.extend(client::objects(fleet, site));
        objects
    }
}

/// Istio's gateway for users.
pub(super) struct IstioIngress;

impl Driver for IstioIngress {
    fn name(&self) -> &'static str {
        "istio ingress"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        entry::objects(fleet, site)
    }
}

fn networking(kind: &str, namespace: &str, name: &str, spec: serde_json::Value) -> Object {
    specified(NETWORKING, kind, namespace, name, spec)
}
