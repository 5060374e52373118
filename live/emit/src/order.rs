//! Order: which file comes before which, inside one cluster.
//!
//! Gates decide when a component's files reach git. Inside a cluster the agent is told the same order, so that it also
//! holds when a cluster is built anew from what git holds. Only what agrees with the gates is told: conditions of other
//! clusters are not, nor is one that a deadline has waved through.

use periplus_core::State;
use periplus_core::ids::{AppId, ClusterId, ComponentId};
use periplus_core::intent::{Gate, Milestone, Scope};
use periplus_core::state::{Binding, Content, Patience};

/// A component's binding in a cluster, if git holds its files.
#[must_use]
pub(crate) fn present(
    state: &State,
    cluster: ClusterId,
    app: AppId,
    component: ComponentId,
) -> Option<&Binding> {
    let entry = state.apps().get(app.index())?;
    let groups = &entry.intent.groups;
    let group = groups.iter().position(|group| group.components.contains(&component))?;
    let group = periplus_core::ids::GroupId::from_index(group);
    let binding = state.try_berth(entry.berth_in(group, cluster)?)?.binding(component)?;
    (binding.content == Content::Present).then_some(binding)
}

/// The components that must be ready in the same cluster before this one is applied.
pub(crate) fn before(
    state: &State,
    cluster: ClusterId,
    app: AppId,
    component: ComponentId,
) -> Vec<(AppId, ComponentId)> {
    let waved = present(state, cluster, app, component)
        .is_some_and(|binding| binding.patience == Patience::Waved);
    let declared = state.intent(app).components.get(component.index());
    let (Some(declared), false) = (declared, waved) else { return Vec::new() };
    let told = |gate: &&Gate| {
        gate.until == Milestone::Ready
            && gate.scope == Scope::Same
            && present(state, cluster, gate.app, gate.component).is_some()
    };
    declared.after.iter().filter(told).map(|gate| (gate.app, gate.component)).collect()
}

/// How many components of the same app must be ready one after the other before this one.
pub(crate) fn wave(state: &State, cluster: ClusterId, app: AppId, component: ComponentId) -> u16 {
    let own = before(state, cluster, app, component);
    let own = own.into_iter().filter(|(other, _)| *other == app);
    own.map(|(_, other)| wave(state, cluster, app, other) + 1).max().unwrap_or(0)
}

/// Where a kind stands among the files of a folder: what others need comes first.
#[must_use]
pub fn rank(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 5,
        "ResourceQuota" | "LimitRange" => 10,
        "Role" | "ClusterRole" => 15,
        "RoleBinding" | "ClusterRoleBinding" => 16,
        "ServiceAccount" => 20,
        "ExternalSecret" | "SealedSecret" | "Secret" => 25,
        "ConfigMap" => 30,
        "PersistentVolumeClaim" => 35,
        "Server" | "MeshTLSAuthentication" | "NetworkAuthentication" => 38,
        "PeerAuthentication"
        | "AuthorizationPolicy"
        | "NetworkPolicy"
        | "CiliumNetworkPolicy"
        | "CiliumEgressGatewayPolicy"
        | "FirewallZone"
        | "FirewallForwarding"
        | "FirewallRule"
        | "FirewallSNAT"
        | "FirewallDNAT" => 40,
        "HelmRepository" | "OCIRepository" | "GitRepository" => 45,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "HelmRelease"
        | "Kustomization" | "Application" => 50,
        "HorizontalPodAutoscaler" | "PodDisruptionBudget" => 55,
        "Service" => 60,
        "ServiceExport" => 61,
        "Gateway" => 65,
        "ServiceEntry" => 70,
        "DestinationRule" => 71,
        "VirtualService" => 72,
        "Ingress" | "HTTPRoute" => 80,
        "DNSEndpoint" => 85,
        _ => 90,
    }
}
