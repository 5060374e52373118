//! What happens when.

use periplus_core::Input;
use periplus_core::ids::{AppId, ClusterId, ComponentId, SeriesId};
use periplus_core::input::{Command, Fault};
use periplus_core::units::{GramsPerKwh, Permille, Span, Tick};

use super::{AppTruth, ClusterTruth};

/// What happens when.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Tick,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Somebody commands something.
    Command(Command),
    /// Somebody approves the oldest hold.
    Approve,
    /// Inputs as they would come with a new or changed cluster, zone, app, tenant or policy. What is new is
    /// in the [fleet](super::Scenario::fleet) already.
    Inputs(Vec<Input>),
    /// An app that was declared again is really something else from now on.
    AppChanged {
        /// Which.
        app: AppId,
        /// What it is now.
        truth: Box<AppTruth>,
    },
    /// A cluster that was declared again is really something else from now on.
    ClusterChanged {
        /// Which.
        cluster: ClusterId,
        /// What it is now.
        truth: Box<ClusterTruth>,
    },
    /// A cluster is down: its pods are dead, it says nothing.
    Outage {
        /// Which.
        clusters: Vec<ClusterId>,
        /// How long; for ever if it is `None`. So for all below.
        lasts: Option<Span>,
    },
    /// A cluster cannot be heard, nor hear; its pods go on serving.
    Partition {
        /// Which.
        clusters: Vec<ClusterId>,
        /// How long.
        lasts: Option<Span>,
    },
    /// Nodes are gone.
    NodeLoss {
        /// Where.
        cluster: ClusterId,
        /// How many.
        nodes: u32,
        /// How long.
        lasts: Option<Span>,
    },
    /// Others use room on every node.
    Drift {
        /// Where.
        clusters: Vec<ClusterId>,
        /// The part of each node that they use.
        used: Permille,
        /// How long.
        lasts: Option<Span>,
    },
    /// Prices change.
    Price {
        /// Where.
        clusters: Vec<ClusterId>,
        /// To what they were before, in thousandths.
        factor: u32,
        /// How long.
        lasts: Option<Span>,
    },
    /// The grid changes.
    Carbon {
        /// Where.
        clusters: Vec<ClusterId>,
        /// To this intensity.
        to: GramsPerKwh,
        /// How long.
        lasts: Option<Span>,
    },
    /// Demand changes by a factor.
    Surge {
        /// Of which series.
        series: Vec<SeriesId>,
        /// To what it was before, in thousandths.
        factor: u32,
        /// How long.
        lasts: Option<Span>,
    },
    /// Sensors report a wrong demand, or nothing.
    Sensor {
        /// Of which series.
        series: Vec<SeriesId>,
        /// Thousandths of the truth; nothing is reported at all if it is `None`.
        shows: Option<u32>,
        /// How long.
        lasts: Option<Span>,
    },
    /// Pushes fail.
    GitOutage {
        /// How long.
        lasts: Option<Span>,
    },
    /// The pods of a component fail.
    PodFailure {
        /// Whose.
        app: AppId,
        /// Which.
        component: ComponentId,
        /// Where; everywhere if it is empty.
        clusters: Vec<ClusterId>,
        /// How.
        fault: Fault,
        /// How long.
        lasts: Option<Span>,
    },
    /// Reports from clusters take longer.
    LateReports {
        /// From which.
        clusters: Vec<ClusterId>,
        /// How much longer.
        by: Span,
        /// How long.
        lasts: Option<Span>,
    },
}
