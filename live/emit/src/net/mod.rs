//! How apps reach each other and are reached: meshes, policies, gateways, firewalls and names, as a pure function of
//! where everything is and of what each cluster has.
//!
//! Nothing here knows the machine's state: [`view`] is the picture that all of it is made from. Read `plan` next, then
//! one driver.
//!
//! What is taken for granted of clusters, because no object of theirs is ours:
//!
//! * Meshes that are to talk to each other trust one root. Istio's gateways are in `istio-system`, with the labels
//!   `istio: eastwestgateway` and `istio: ingressgateway`; the first listens on 15443.
//! * Linkerd's links, and clusters in Cilium's mesh, are named as they are here. Linkerd's gateway is in
//!   `linkerd-multicluster`, on 4143.
//! * DNS of clusters is in `kube-system`, and namespaces have the label `kubernetes.io/metadata.name`.
//! * The CNF of SDEWAN is in `sdewan-system`.
//! * A certificate is good for the name of its app and for `*.` before it.
//!
//! What some cannot do: Linkerd's gateway does not tell callers apart, Cilium and the Multi-Cluster Services API know no
//! weights. [`findings`] says where the latter matters.

mod cilium_mesh;
mod cilium_policies;
mod dns;
mod driver;
mod egress;
mod findings;
mod fleet;
mod gateway_api;
mod istio;
mod link;
mod linkerd;
mod mcs;
mod names;
mod plan;
mod policies;
pub mod reach;
mod rules;
mod sdewan;
mod stub;
pub mod view;
pub mod vip;
pub mod weights;

#[cfg(test)]
mod entrances;
#[cfg(test)]
mod example;
#[cfg(test)]
mod goldens;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod needed;
#[cfg(test)]
mod scenarios;

pub use self::driver::{Driver, NetObject, Owner, ServiceNotes, Step};
pub use self::findings::{Finding, What, findings};
pub use self::fleet::Fleet;
pub use self::link::{Apart, Link, link};
pub use self::plan::{drivers, objects, service_notes};
pub use self::view::{Calls, Port, Service, ServiceIndex, Shares, Site, SiteIndex, Users};
