//! One component in one cluster: all that its objects are made of.

use periplus_spec::draft::{ComponentDraft, ScalingDraft};
use periplus_spec::scenario::{AppVersion, ClusterFacts, Manifest};

/// One component in one cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'d> {
    /// Where.
    pub(crate) cluster: &'d ClusterFacts,
    /// The app, as it was declared with this content.
    pub(crate) app: &'d AppVersion,
    /// Which of its components.
    pub(crate) component: &'d ComponentDraft,
    /// The files of its manifests, if they come from files.
    pub(crate) manifests: &'d [Manifest],
    /// The namespace of its objects.
    pub(crate) namespace: &'d str,
    /// The tenant's name.
    pub(crate) tenant: &'d str,
    /// Whether its group holds data.
    pub(crate) storage: Storage,
    /// The replicas that git says: where an autoscaler sets them, the fewest.
    pub(crate) replicas: u16,
    /// The record that wrote it last, if one did.
    pub(crate) decision: Option<u64>,
    /// Its place in the order of what waits for what in its cluster: 0 waits for nothing.
    pub(crate) wave: u16,
}

/// Whether a component holds data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// It can be thrown away: a `Deployment`.
    None,
    /// It moves by command only: a `StatefulSet`.
    Stateful,
}

impl Binding<'_> {
    /// The bounds of the cluster's own autoscaler, if that sets the replicas.
    #[must_use]
    pub(crate) fn bounds(&self) -> Option<(u16, u16)> {
        match self.component.scaling {
            ScalingDraft::Fixed { .. } => None,
            ScalingDraft::Hpa { min, max } => Some((min, max)),
        }
    }
}
