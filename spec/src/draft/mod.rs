//! Drafts: what people write, kind by kind, in the types that serde reads and schemars describes.
//!
//! The comments on the fields are the reference that users read: each says what the field means and in which
//! unit. A draft holds only values that are valid one by one; whether they fit together is checked when it is
//! compiled.

mod application;
mod cluster;
mod common;
mod delivery;
mod demand;
mod document;
mod ensemble;
mod expect;
mod infrastructure;
mod initial;
mod policy;
mod port;
mod rollout;
mod scenario;
mod tenant;
mod timeline;
mod zone;

pub use self::application::{
    ActivationDraft, AfterDraft, ApplicationDraft, CallDraft, ComponentDraft, GroupDraft,
    OtherwiseDraft, PlacementDraft, PreferenceDraft, ScalingDraft, ScopeDraft, SloDraft,
    TolerationDraft, UntilDraft, WorthDraft,
};
pub use self::cluster::{
    AgentDraft, AgentType, AutoscalerDraft, CarbonDraft, CarbonTraceDraft, ClusterDraft,
    InvestmentDraft, NodePoolDraft, PowerDraft, PricesDraft, ScheduledPricesDraft, TaintDraft,
    TaintEffectDraft,
};
pub use self::common::{
    CapacityDraft, DelayDraft, ExpressionDraft, LocationDraft, OneOrMany, OperatorDraft,
    ResourcesDraft, SelectionDraft, SelectorDraft,
};
pub use self::delivery::{
    CustomizeDraft, CustomizeTargetDraft, EgressDraft, ExposureDraft, FilesDraft, GitDraft,
    HelmDraft, ImageDraft, KustomizeDraft, MemberDraft, MemberRole, SourceDraft,
};
pub use self::demand::{
    CommutersDraft, DemandDraft, DiurnalDraft, FlashCrowdDraft, ModelDraft, ShareDraft,
    SignalDraft, StepDraft, TraceDraft, TraceUnit,
};
pub use self::document::{API_VERSION, Document, Kind, Metadata, Object};
pub use self::ensemble::{
    BlocksDraft, EnsembleDraft, FailureDraft, GrowthDraft, LastsDraft, RecordedDraft, SpareDraft,
};
pub use self::expect::{BeforeDraft, ExpectDraft, RefusalDraft, StateDraft};
pub use self::infrastructure::{
    DnsDraft, EgressGatewayDraft, FirewallDraft, InfrastructureDraft, IngressDraft, IngressType,
    MeshDraft, PoliciesDraft, ServicesDraft,
};
pub use self::initial::{CallsDraft, InitialStateDraft, RunningDraft, UsersDraft};
pub use self::policy::{
    BreakerDraft, HeadroomDraft, PaceDraft, PolicyDraft, PreemptionDraft, RecoveryDraft,
    SearchDraft, SwitchingDraft, TrafficDraft, TrustDraft,
};
pub use self::port::{PortDraft, Protocol};
pub use self::rollout::{ApproveDraft, RolloutDraft};
pub use self::scenario::{
    LinkDraft, ReachDraft, ReachModelDraft, ReachTableDraft, ScenarioDraft, TableDraft, TableKind,
    WorldDraft,
};
pub use self::tenant::{QuotaDraft, TenantDraft};
pub use self::timeline::{
    CarbonActDraft, DriftDraft, Everything, FaultDraft, LateReportsDraft, MomentDraft,
    NodeLossDraft, Oldest, PinDraft, PodFailureDraft, PriceActDraft, SensorDraft, SurgeDraft,
    UnpinDraft,
};
pub use self::zone::ZoneDraft;
