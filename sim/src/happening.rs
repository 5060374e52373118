//! What can happen in the world at a point in time: the entries of its queue.
//!
//! Small and `Copy`. A serial tells an entry that has been overtaken: the pod or node it is about has since
//! gone another way, and the entry then does nothing.

use periplus_core::ids::ClusterId;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An act of the timeline begins.
    Act(u32),
    /// An act of the timeline is over.
    ActEnds(u32),
    /// A report reaches the hub.
    Report(u32),
    /// Demand is measured and changes.
    Demand,
    /// It is seen which clusters live.
    Heartbeats,
    /// The world is metered.
    Meter,
    /// Prices or carbon intensities change.
    Tariffs,
    /// Gathered effects are committed.
    Commit,
    /// A push is over.
    Pushed,
    /// A route is published.
    Route(u32),
    /// A cluster reports its room.
    Capacity(ClusterId),
    /// What a log says will happen.
    Script(u32),
    /// Something inside a cluster.
    In(ClusterId, Turn),
}

/// What happens inside a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The sync agent looks at git.
    Look,
    /// The sync agent has applied what it found.
    Applied { serial: u32 },
    /// What changed in this tick is reported.
    Publish,
    /// A pod is ready, or fails to be.
    Started { pod: u32, serial: u32 },
    /// A pod is gone.
    Stopped { pod: u32, serial: u32 },
    /// A pod has found no room for too long.
    Overdue { pod: u32, serial: u32 },
    /// The horizontal pod autoscaler looks at its metrics.
    Scale,
    /// It is noticed that a node does not answer.
    NodeMissed { node: u32, serial: u32 },
    /// A node has not answered for so long that its pods are replaced.
    NodeEvicted { node: u32, serial: u32 },
    /// A node that the autoscaler ordered is there.
    NodeArrives { pool: u32 },
    /// A node that the autoscaler ordered has been empty for long enough.
    NodeIdle { node: u32, serial: u32 },
}

const _: () = assert!(size_of::<Happening>() <= 16, "entries of the queue stay small");
