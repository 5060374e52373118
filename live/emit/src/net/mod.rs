//! How apps reach each other and are reached: meshes, policies, gateways, firewalls and names, as a pure function of
//! where everything is and of what each cluster has.
//!
//! Nothing here knows the machine's state: [`view`] is the picture that all of it is made from. Read `plan` next, then
//! one driver.

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
