//! Events: facts, past tense, concrete values only.
//!
//! With its input, an event is all that [`State::apply`](crate::State::apply) takes. What an accepted input
//! carries is never repeated in an event: `DemandAccepted` says that the rates of the input hold now.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::decision::Closing;
use crate::effect::{Alert, EffectKey, Generation};
use crate::ids::{AppId, BerthId, BindingId, ClusterId, ComponentId, GroupId, HoldId, SeriesId};
use crate::input::Fault;
pub use crate::refusal::Refusal;
pub use crate::rollout::RolloutFact;
use crate::state::{Band, FlowId, HoldKind, Marks, Timer};
use crate::units::{Permille, Tick};

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    // What was declared.
    /// The input's names hold.
    Named,
    /// The input's policy holds.
    PolicyDeclared,
    /// The input's tenant is new or changed.
    TenantDeclared,
    /// The input's cluster is new.
    ClusterJoined,
    /// The input's cluster has changed.
    ClusterChanged,
    /// A cluster has left for good; nothing of ours is in it any more.
    ClusterRetired {
        /// Which.
        cluster: ClusterId,
    },
    /// The input's zone is new or changed.
    ZoneDeclared,
    /// The input's series are new.
    SeriesDeclared,
    /// The input's intent is new or changed.
    AppDeclared,
    /// An app's intent was withdrawn.
    AppWithdrawn {
        /// Whose.
        app: AppId,
    },
    /// A group may run in one cluster only, or anywhere again.
    GroupPinned {
        /// Whose group.
        app: AppId,
        /// Which group.
        group: GroupId,
        /// Where.
        to: Option<ClusterId>,
    },
    /// An operator said something about a cluster.
    ClusterMarked {
        /// Which cluster.
        cluster: ClusterId,
        /// What holds for it now.
        marks: Marks,
    },
    /// An operator stopped or restarted all changes.
    PauseSet {
        /// Whether they are stopped.
        paused: bool,
    },
    /// The command could not be carried out; nothing changed.
    CommandRefused {
        /// Why.
        refusal: Refusal,
    },

    // What was seen.
    /// The input's clusters were heard of.
    HeartbeatsAccepted,
    /// A cluster has been silent for too long to be trusted.
    ClusterUnknown {
        /// Which.
        cluster: ClusterId,
    },
    /// A cluster counts as lost.
    ClusterLost {
        /// Which.
        cluster: ClusterId,
    },
    /// A cluster is heard of again.
    ClusterReturned {
        /// Which.
        cluster: ClusterId,
        /// When it counts as stable.
        stable_at: Tick,
    },
    /// The input's capacity holds.
    CapacityAccepted,
    /// The input's rates hold, but for some series that showed only what a saturated cluster served.
    DemandAccepted {
        /// Series whose lower rate was not believed, ascending.
        kept: Vec<SeriesId>,
    },
    /// The input's prices hold.
    PricesAccepted,
    /// The input's carbon intensities hold.
    CarbonAccepted,
    /// The input's round-trip times hold.
    ReachAccepted,
    /// The observation is older than what is known already.
    ObservationOutdated,
    /// A zone's demand has reached its threshold.
    SeriesRising {
        /// Which series.
        series: SeriesId,
        /// When it has stayed there long enough.
        until: Tick,
    },
    /// A zone's users are enough to be served.
    SeriesAwoke {
        /// Which series.
        series: SeriesId,
    },
    /// A zone's demand has fallen below its threshold.
    SeriesIdling {
        /// Which series.
        series: SeriesId,
        /// When it has stayed there long enough.
        until: Tick,
    },
    /// A zone's users are too few to be served.
    SeriesSlept {
        /// Which series.
        series: SeriesId,
    },

    /// A zone's users seem to be too few, but a person must say so first.
    SeriesHeld {
        /// Which series.
        series: SeriesId,
    },

    // What was planned.
    /// An app will be considered as a whole.
    AppStirred {
        /// Which app.
        app: AppId,
        /// When.
        until: Tick,
    },
    /// An app has been considered.
    AppConsidered {
        /// Which app.
        app: AppId,
        /// All of it, or only what had drifted.
        whole: bool,
    },
    /// All of an app will be considered.
    ReviewTimed {
        /// Which app.
        app: AppId,
        /// When.
        until: Tick,
    },
    /// Some of an app's users are, or no longer are, served by nobody.
    AppShort {
        /// Which app.
        app: AppId,
        /// Whether they are.
        short: bool,
    },
    /// An app's voluntary moves were counted.
    MovesCounted {
        /// Whose.
        app: AppId,
        /// When the window began.
        since: Tick,
        /// How many there were in it.
        count: u32,
    },
    /// A group starts in a cluster.
    BerthOpened {
        /// The id that it gets.
        berth: BerthId,
        /// Whose group.
        app: AppId,
        /// Which group.
        group: GroupId,
        /// Where.
        cluster: ClusterId,
    },
    /// A flow is to be taken by these berths.
    Assigned {
        /// Which flow.
        flow: FlowId,
        /// Who takes it, ascending by berth.
        shares: Vec<(BerthId, Permille)>,
    },
    /// A berth is staffed.
    Staffed {
        /// Which.
        berth: BerthId,
        /// For this step of its group's staffing table.
        step: u32,
        /// Which is right for these loads.
        band: Band,
        /// With so many replicas, in the order of its bindings.
        replicas: Vec<u16>,
    },
    /// Less would be enough for a berth.
    ScaleInPending {
        /// Which.
        berth: BerthId,
        /// When that has been so for long enough.
        until: Tick,
    },
    /// A berth needs what it has after all.
    ScaleInDropped {
        /// Which.
        berth: BerthId,
    },
    /// A berth should be ready by a certain time.
    BerthTimed {
        /// Which.
        berth: BerthId,
        /// When.
        until: Tick,
    },
    /// A berth could not grow.
    BerthCapped {
        /// Which.
        berth: BerthId,
        /// The highest step that it can be staffed for.
        step: u32,
        /// Until when.
        until: Tick,
    },
    /// A berth may try to grow again.
    BerthUncapped {
        /// Which.
        berth: BerthId,
    },
    /// A berth has no users any more.
    BerthClosing {
        /// Which.
        berth: BerthId,
        /// Why.
        cause: Closing,
        /// When the last of them are gone.
        until: Tick,
    },
    /// A berth is wanted again before it has gone.
    BerthReopened {
        /// Which.
        berth: BerthId,
    },
    /// A berth's resources are being removed.
    BerthLeaving {
        /// Which.
        berth: BerthId,
        /// Why.
        cause: Closing,
    },
    /// Nothing of a berth is left.
    BerthRemoved {
        /// Which.
        berth: BerthId,
    },
    /// A cluster failed an app and is left alone by it.
    ClusterAvoided {
        /// Whose.
        app: AppId,
        /// Which cluster.
        cluster: ClusterId,
        /// Until when.
        until: Tick,
    },

    // What happened to bindings.
    /// A component joined or left a berth because its intent changed.
    BindingAdded {
        /// To which berth.
        berth: BerthId,
        /// Which component.
        component: ComponentId,
    },
    /// A gate will be looked at again.
    GateTimed {
        /// Who waits.
        binding: BindingId,
        /// When.
        until: Tick,
    },
    /// A gate's deadline has passed, and its binding goes on waiting.
    GateOverdue {
        /// Who waits.
        binding: BindingId,
    },
    /// A gate's deadline has passed, and its binding goes ahead.
    GateWaved {
        /// Who waited.
        binding: BindingId,
    },
    /// A binding's content is to be written as it is declared.
    PrimeIssued {
        /// Which binding.
        binding: BindingId,
        /// The effect's key.
        key: EffectKey,
        /// The version of the content.
        generation: Generation,
    },
    /// Another number of replicas of what was written last is to be written.
    RescaleIssued {
        /// Which binding.
        binding: BindingId,
        /// The effect's key.
        key: EffectKey,
        /// The version of the content.
        generation: Generation,
    },
    /// A binding's content is in git.
    BindingPrimed {
        /// Which binding.
        binding: BindingId,
    },
    /// The cluster's sync agent took it.
    BindingApplied {
        /// Which binding.
        binding: BindingId,
    },
    /// Its cluster reported its ready replicas.
    ReplicasSeen {
        /// Which binding.
        binding: BindingId,
        /// How many are ready.
        replicas: u16,
    },
    /// All of its replicas are ready.
    BindingReady {
        /// Which binding.
        binding: BindingId,
    },
    /// Some of its replicas are no longer ready.
    BindingUnready {
        /// Which binding.
        binding: BindingId,
    },
    /// It failed.
    BindingFailed {
        /// Which binding.
        binding: BindingId,
        /// Why.
        fault: Fault,
    },
    /// A binding's content is to be removed.
    WithdrawIssued {
        /// Which binding.
        binding: BindingId,
        /// The effect's key.
        key: EffectKey,
        /// The version of the content.
        generation: Generation,
    },
    /// Nothing of it is left in its cluster.
    BindingRemoved {
        /// Which binding.
        binding: BindingId,
    },

    // What happened to rollouts.
    /// An app's rollout has moved on.
    Rollout {
        /// Whose.
        app: AppId,
        /// How.
        fact: RolloutFact,
    },

    // What happened to traffic.
    /// A flow's users are to be sent to these berths.
    RouteIssued {
        /// Which flow.
        flow: FlowId,
        /// The effect's key.
        key: EffectKey,
        /// The version of the route.
        generation: Generation,
        /// Where to, ascending by berth.
        weights: Vec<(BerthId, Permille)>,
    },
    /// The route holds.
    RouteDone {
        /// Which flow.
        flow: FlowId,
    },
    /// The next part of a flow moves later.
    RouteTimed {
        /// Which flow.
        flow: FlowId,
        /// When.
        until: Tick,
    },

    // What happened to effects and holds.
    /// An alert is to be raised.
    AlertIssued {
        /// The effect's key.
        key: EffectKey,
        /// The alert.
        alert: Alert,
    },
    /// An effect is done.
    EffectDone {
        /// Which.
        key: EffectKey,
    },
    /// An effect was not done, or nobody knows.
    EffectPostponed {
        /// Which.
        key: EffectKey,
        /// When it is tried again.
        until: Tick,
    },
    /// An effect is tried again.
    EffectRepeated {
        /// Which.
        key: EffectKey,
    },
    /// A report came for an effect that nobody waits for.
    ReportIgnored,
    /// A change waits for a person.
    HoldPlaced {
        /// Its id.
        hold: HoldId,
        /// What kind of change.
        kind: HoldKind,
    },
    /// A person approved what was held.
    HoldApproved {
        /// Which hold.
        hold: HoldId,
    },
    /// There is nothing left to hold.
    HoldLifted {
        /// Which hold.
        hold: HoldId,
    },
    /// Bindings that nobody needs any more were given up.
    RemovalsCounted {
        /// How many.
        bindings: u32,
    },
    /// A deadline of the machine's own has come.
    Rang {
        /// Which.
        timer: Timer,
    },
    /// The next silence is looked for.
    SilenceTimed {
        /// When.
        until: Tick,
    },

    // What ran already.
    /// A berth runs as the input says.
    BerthAdopted {
        /// Which berth.
        berth: BerthId,
        /// Its place among those that the input names.
        place: u32,
    },
    /// A flow's users are where it is assigned to.
    FlowAdopted {
        /// Which flow.
        flow: FlowId,
    },
}
