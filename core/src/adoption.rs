//! Adoption: what runs already, when nothing of it is known yet.
//!
//! Who begins with a fleet that exists, or with the state of another time, says what runs where and where users
//! go. The machine takes that for true, as if it had bound it itself and seen it ready; everything after that goes
//! its usual way. Data only.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, ClusterId, GroupId, SeriesId};
use crate::units::Permille;

/// What runs already, and where users go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// Groups in clusters.
    pub berths: Vec<Adopted>,
    /// Users and calls, each of which goes to some of these groups.
    pub flows: Vec<Sent>,
}

/// A group that runs in a cluster, all of it ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Whose group.
    pub app: AppId,
    /// Which group.
    pub group: GroupId,
    /// Where.
    pub cluster: ClusterId,
    /// The ready replicas of each of its components, in their order.
    pub replicas: Vec<u16>,
}

/// Requests that go to groups in clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Which requests.
    pub from: Sender,
    /// Where they go, ascending by cluster, at most the whole of them.
    pub to: Vec<(ClusterId, Permille)>,
}

/// Where requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sender {
    /// From the users of a series.
    Users(SeriesId),
    /// From a group in a cluster.
    Group {
        /// Whose group.
        app: AppId,
        /// Where it runs.
        cluster: ClusterId,
        /// By which call, by its place in the intent.
        call: u16,
    },
}
