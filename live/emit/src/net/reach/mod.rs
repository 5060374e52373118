//! Whether requests arrive, judged by nothing but the objects in clusters and what is known of the clusters: an
//! independent reading of what the drivers write.
//!
//! It never calls the drivers. It takes for granted that what clusters have works (Istio's gateways run, meshes trust
//! each other's root, DNS answers); everything that is generated must be there and say the right thing. Read `call` and
//! `enter` for the two questions, `steps` for what happens while clusters change one by one.

mod arrive;
mod call;
mod deliver;
mod enter;
mod istio;
mod linkerd;
mod picture;
mod policy;
mod read;
mod steps;

use std::net::IpAddr;

use crate::net::SiteIndex;

pub use self::picture::{Pod, SitePicture, World};
pub use self::steps::{MIXES_MAX, Mix, through_steps};

/// A question to the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether a pod's calls to a service arrive.
    Call {
        /// Where the caller is.
        from: SiteIndex,
        /// The caller's workload: its namespace, then its name.
        caller: (String, String),
        /// The service: its namespace, then its name.
        callee: (String, String),
        /// The port of the service.
        port: u16,
    },
    /// Whether a pod reaches an address outside of the fleet.
    Leave {
        /// Where the pod is.
        from: SiteIndex,
        /// Its workload: its namespace, then its name.
        caller: (String, String),
        /// The address.
        to: IpAddr,
        /// The port, over TCP.
        port: u16,
    },
    /// Whether users who look a name up arrive at pods.
    Enter {
        /// The name.
        host: String,
    },
}

/// Why requests do not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {by}: {why}")]
pub struct Blocked {
    /// The cluster in which they end.
    pub at: String,
    /// The object that ends them, or the kind of the one that is missing: `Kind namespace/name`.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Where requests end up: every cluster that gets a part of them. It is an error if any part does not arrive.
pub type Answer = Result<Vec<SiteIndex>, Blocked>;

/// Answers a question.
///
/// # Errors
/// A part of the requests does not arrive.
pub fn arrives(world: &World, question: &Question) -> Answer {
    let mut reached = match question {
        Question::Call { from, caller, callee, port } => {
            call::call(world, *from, (&caller.0, &caller.1), (&callee.0, &callee.1), *port)?
        }
        Question::Leave { from, caller, to, port } => {
            call::leave(world, *from, (&caller.0, &caller.1), *to, *port)?
        }
        Question::Enter { host } => enter::enter(world, host)?,
    };
    reached.sort_unstable();
    reached.dedup();
    Ok(reached)
}
