//! The kind `Application`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{
    CustomizeDraft, DelayDraft, EgressDraft, ExposureDraft, PortDraft, ResourcesDraft,
    RolloutDraft, SelectorDraft, SourceDraft,
};
use crate::values::{
    Duration, LabelKey, LabelValue, Latency, Name, Number, Percentage, Price, Quantity, Rate,
    SignedPrice,
};

/// An app: a graph of components that call each other, gathered into groups that are placed together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Application")]
pub struct ApplicationDraft {
    /// The team that it belongs to.
    #[serde(default = "default_tenant")]
    pub tenant: Name,
    /// Who goes first and who yields where room is scarce: higher wins, as in a Kubernetes
    /// `PriorityClass`.
    #[serde(default)]
    pub priority: i32,
    /// Its microservices, at least one.
    #[schemars(length(min = 1))]
    pub components: Vec<ComponentDraft>,
    /// The component that users call; the first one where it is not given.
    #[serde(default)]
    pub entry: Option<Name>,
    /// Which component calls which. They may call each other in circles, as long as every request ends.
    #[serde(default)]
    pub calls: Vec<CallDraft>,
    /// Components that are placed together. Where none are given, one group `main` holds all; otherwise each
    /// component is in exactly one.
    #[serde(default)]
    pub groups: Vec<GroupDraft>,
    /// Where it may run.
    #[serde(default)]
    pub placement: PlacementDraft,
    /// When a zone's users are enough to be served.
    #[serde(default)]
    pub activation: ActivationDraft,
    /// What its users are promised.
    #[serde(default)]
    pub slo: SloDraft,
    /// What keeping the promise is worth.
    #[serde(default)]
    pub worth: WorthDraft,
    /// How new content comes to the clusters that hold it already.
    #[serde(default)]
    pub rollout: RolloutDraft,
    /// Bytes that leave the serving cluster per user request.
    #[serde(default = "ten_kilobytes")]
    pub response_bytes: Quantity,
    /// The namespace of its objects: that of its tenant where it is not given, or the app's name where its tenant has
    /// none either.
    #[serde(default)]
    pub namespace: Option<Name>,
    /// How users reach it. Where it is not given, no names and no gateways are written.
    #[serde(default)]
    pub exposure: Option<ExposureDraft>,
    /// What it may reach outside of the fleet, where network policies are enforced.
    #[serde(default)]
    pub egress: Vec<EgressDraft>,
    /// What differs from cluster to cluster, in this order.
    #[serde(default)]
    pub customize: Vec<CustomizeDraft>,
}

/// One microservice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Component")]
pub struct ComponentDraft {
    /// Its name.
    pub name: Name,
    /// Where its manifests come from. Where it is not given, they are made from what is said here.
    #[serde(default)]
    pub source: Option<SourceDraft>,
    /// Its image.
    #[serde(default)]
    pub image: String,
    /// The ports that it listens on.
    #[serde(default)]
    pub ports: Vec<PortDraft>,
    /// What one replica asks for. Where CPU or memory are not given, 100m and 200Mi are counted, as the
    /// Kubernetes scheduler does for pods without requests.
    #[serde(default)]
    pub requests: ResourcesDraft,
    /// What one replica may use at most. Does not matter for placement.
    #[serde(default)]
    pub limits: ResourcesDraft,
    /// Who sets the number of replicas.
    #[serde(default)]
    pub scaling: ScalingDraft,
    /// Mean time that one call is worked on by a cluster of speed 1, without waiting. A component without it
    /// does not work on requests: it keeps its least number of replicas whatever the demand, and is never
    /// the bottleneck.
    #[serde(default)]
    pub service_time: Option<Latency>,
    /// How many calls one replica works on at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrency: u32,
    /// What is pulled before its first pod starts on a node, in bytes.
    #[serde(default)]
    pub image_size: Quantity,
    /// From a pulled image to a ready pod.
    #[serde(default = "five_seconds")]
    pub start_time: DelayDraft,
    /// Its part of `slo.wait`. Where it is not given, what other components leave is shared in proportion to
    /// calls per user request times service time.
    #[serde(default)]
    pub wait_share: Option<Percentage>,
    /// The most replicas in one cluster that a staffing table is made for. More demand than they hold is
    /// refused as `above-staffing-table`. With `hpa`, its `max` where this is not given; otherwise 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 4_096))]
    pub max_replicas: Option<u16>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The command that replaces the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Anything else that its manifests are made of. Here, only a change of it matters: the component is
    /// rolled out again.
    #[serde(default)]
    pub content: serde_json::Value,
    /// What must hold before its resources reach git.
    #[serde(default)]
    pub after: Vec<AfterDraft>,
}

/// Who sets the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Scaling")]
pub enum ScalingDraft {
    /// Periplus writes the number.
    Fixed {
        /// The fewest replicas.
        #[schemars(range(min = 1, max = 4_096))]
        min: u16,
    },
    /// Periplus writes the bounds and plans the room; the cluster's autoscaler moves inside them.
    Hpa {
        /// The fewest replicas.
        #[schemars(range(min = 1, max = 4_096))]
        min: u16,
        /// The most replicas.
        #[schemars(range(min = 1, max = 4_096))]
        max: u16,
    },
}

/// A condition on another component that must hold before this one's resources reach git.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "After")]
pub struct AfterDraft {
    /// The app that is waited for; the same one where it is not given.
    #[serde(default)]
    pub app: Option<Name>,
    /// The component that is waited for.
    pub component: Name,
    /// What it must have reached.
    #[serde(default)]
    pub until: UntilDraft,
    /// How long it must have been so.
    #[serde(default)]
    pub hold: Duration,
    /// In which clusters.
    #[serde(default)]
    pub scope: ScopeDraft,
    /// How long to wait, counted from the decision to run here; for ever where it is not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// What to do when the deadline passes.
    #[serde(default)]
    pub otherwise: OtherwiseDraft,
}

/// What a component must have reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Until")]
pub enum UntilDraft {
    /// The cluster's sync agent has taken it.
    Deployed,
    /// All of its replicas are ready.
    #[default]
    Ready,
}

/// In which clusters a condition must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Scope")]
pub enum ScopeDraft {
    /// In the same one.
    #[default]
    Same,
    /// In at least one.
    Any,
    /// In every one that has it, and at least one.
    Every,
    /// In the nearest that has it.
    Nearest,
}

/// What to do when a deadline passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Otherwise")]
pub enum OtherwiseDraft {
    /// Raise an alert and go on waiting.
    #[default]
    Hold,
    /// Give this cluster up and look for another.
    Abort,
    /// Raise an alert and go ahead.
    Proceed,
}

/// Calls from one component to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Call")]
pub struct CallDraft {
    /// Who calls.
    pub from: Name,
    /// Who is called.
    pub to: Name,
    /// How often, for each request that the caller works on. Calls follow each other, so that a user waits
    /// for each of their round trips.
    #[serde(default = "one_number")]
    pub per_request: Number,
    /// Bytes of one call, in both directions together.
    #[serde(default = "two_kibibytes")]
    pub bytes: Quantity,
}

/// Components that are placed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Group")]
pub struct GroupDraft {
    /// Its name.
    pub name: Name,
    /// Its components, at least one.
    #[schemars(length(min = 1))]
    pub components: Vec<Name>,
    /// A narrower selector over cluster labels than the app's own.
    #[serde(default)]
    pub selector: SelectorDraft,
    /// Whether it holds data: it then moves by command only.
    #[serde(default)]
    pub stateful: bool,
    /// How many clusters hold it even when nobody asks for it: 0, or 1 for a stateful group, where it is not
    /// given.
    #[serde(default)]
    pub standing: Option<u16>,
    /// The only cluster that it may run in.
    #[serde(default)]
    pub cluster: Option<Name>,
}

/// Where an app may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Placement")]
pub struct PlacementDraft {
    /// The clusters that can run it, by label.
    pub selector: SelectorDraft,
    /// The taints that it tolerates.
    pub tolerations: Vec<TolerationDraft>,
    /// A label key whose value must be the same on a zone and the clusters that serve it.
    pub residency: Option<LabelKey>,
    /// The farthest a serving cluster may be from its users.
    pub max_rtt: Option<Latency>,
    /// The most clusters that may hold one group at once.
    #[schemars(range(min = 1))]
    pub max_clusters: Option<u16>,
    /// Apps that must not share a cluster with this one.
    pub avoid: Vec<Name>,
    /// Preferences, declared as money.
    pub preferences: Vec<PreferenceDraft>,
}

/// A toleration: taints with this key and value do not keep the app away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Toleration")]
pub struct TolerationDraft {
    /// The taint's key; every taint where it is not given.
    pub key: Option<LabelKey>,
    /// The taint's value; every value where it is not given.
    pub value: Option<LabelValue>,
}

/// A preference declared as money: what running in such a cluster is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Preference")]
pub struct PreferenceDraft {
    /// The clusters that are meant.
    pub selector: SelectorDraft,
    /// US dollars per hour that are added to the bill of each active group there; negative where the clusters
    /// are preferred.
    pub per_hour: SignedPrice,
}

/// When a zone's users are enough to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Activation")]
pub struct ActivationDraft {
    /// The demand at which a zone wakes.
    pub above: Rate,
    /// How long it must stay at or above that.
    pub dwell: Duration,
    /// The demand below which an awake zone idles: at most `above`, and the same where it is not given.
    pub idle_below: Option<Rate>,
    /// How long it must stay below that before it sleeps.
    pub idle_after: Duration,
}

/// What users are promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Slo")]
pub struct SloDraft {
    /// From a user's request to the answer, waiting included.
    pub latency: Latency,
    /// The part of it that waiting for free servers may take: a fifth where it is not given.
    pub wait: Option<Latency>,
    /// The part of all requests for which `wait` must hold.
    pub wait_quantile: Percentage,
}

/// What keeping the promise is worth, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Worth")]
pub struct WorthDraft {
    /// The latency up to which users do not mind, without waiting: `slo.latency` less `slo.wait` where it is
    /// not given.
    pub latency_target: Option<Latency>,
    /// Lost per thousand requests and millisecond above the target. The default loses 1 % of `unservedPrice`
    /// per 100 ms, as Amazon measured it (Linden, 2006).
    pub latency_price: Price,
    /// Lost per thousand requests that nobody serves. The default is what a thousand page views earn on a
    /// modest site.
    pub unserved_price: Price,
}

impl ComponentDraft {
    /// A component with this name and service time, and defaults for the rest.
    #[must_use]
    pub fn new(name: Name, service_time: Latency) -> Self {
        Self {
            name,
            source: None,
            image: String::new(),
            ports: Vec::new(),
            requests: ResourcesDraft::default(),
            limits: ResourcesDraft::default(),
            scaling: ScalingDraft::default(),
            service_time: Some(service_time),
            concurrency: one(),
            image_size: Quantity::default(),
            start_time: five_seconds(),
            wait_share: None,
            max_replicas: None,
            env: BTreeMap::new(),
            command: Vec::new(),
            args: Vec::new(),
            content: serde_json::Value::Null,
            after: Vec::new(),
        }
    }
}

impl ApplicationDraft {
    /// An app of these components, and defaults for the rest.
    #[must_use]
    pub fn new(components: Vec<ComponentDraft>) -> Self {
        Self {
            tenant: default_tenant(),
            priority: 0,
            components,
            entry: None,
            calls: Vec::new(),
            groups: Vec::new(),
            placement: PlacementDraft::default(),
            activation: ActivationDraft::default(),
            slo: SloDraft::default(),
            worth: WorthDraft::default(),
            rollout: RolloutDraft::default(),
            response_bytes: ten_kilobytes(),
            namespace: None,
            exposure: None,
            egress: Vec::new(),
            customize: Vec::new(),
        }
    }
}

impl Default for ScalingDraft {
    fn default() -> Self {
        Self::Fixed { min: 1 }
    }
}

impl Default for ActivationDraft {
    /// Any user wakes a zone; five minutes without one let it sleep.
    fn default() -> Self {
        Self {
            above: Rate(periplus_core::units::MilliRps(1)),
            dwell: Duration::default(),
            idle_below: None,
            idle_after: Duration::seconds(300),
        }
    }
}

impl Default for SloDraft {
    fn default() -> Self {
        Self {
            latency: Latency::millis(250),
            wait: None,
            wait_quantile: Percentage(periplus_core::units::Permille(950)),
        }
    }
}

impl Default for WorthDraft {
    fn default() -> Self {
        Self {
            latency_target: None,
            latency_price: Price::micros(100),
            unserved_price: Price::micros(1_000_000),
        }
    }
}

fn default_tenant() -> Name {
    "default".parse().expect("a valid name")
}

const fn one() -> u32 {
    1
}

const fn one_number() -> Number {
    Number::thousandths(1_000)
}

const fn two_kibibytes() -> Quantity {
    Quantity::whole(2_048)
}

const fn ten_kilobytes() -> Quantity {
    Quantity::whole(10_000)
}

const fn five_seconds() -> DelayDraft {
    DelayDraft::Always(Duration::seconds(5))
}
