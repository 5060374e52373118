//! Ids: dense `u32` indices into the arenas of [`State`](crate::State), handed out by the border.
//!
//! A name is interned once as a [`Symbol`] and never compared again as text.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The place in the arena that this id stands for.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of the arena's entry at `index`. Panics beyond the arena's limit.
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                Self(<$inner>::try_from(index).expect("an arena holds at most as many entries as its id can count"))
            }
        }
    };
}

id! {
    /// An interned name: of a cluster, zone, app, component, label key or value.
    Symbol(u32)
}
id! {
    /// A cluster of the fleet.
    ClusterId(u32)
}
id! {
    /// A population of users at a place.
    ZoneId(u32)
}
id! {
    /// A declared application.
    AppId(u32)
}
id! {
    /// A team with quotas and rights.
    TenantId(u32)
}
id! {
    /// The demand of one app from one zone.
    SeriesId(u32)
}
id! {
    /// A component of one app, in the order of its declaration.
    ComponentId(u16)
}
id! {
    /// A group of one app, in the order of its declaration; group 0 is the front that users enter.
    GroupId(u16)
}
id! {
    /// A kind of cluster: one staffing table per component holds for all clusters of a kind.
    KindId(u16)
}
id! {
    /// A group in a cluster. Ids are reused after removal; binding generations never are.
    BerthId(u32)
}
id! {
    /// A change that waits for a person.
    HoldId(u32)
}

/// The position of a record in its log, counted from zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl GroupId {
    /// The group that users enter.
    pub const FRONT: Self = Self(0);
}

/// One component committed to one cluster: a berth and the component's place in its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BindingId {
    /// The group in the cluster.
    pub berth: BerthId,
    /// The component, counted within its app.
    pub component: ComponentId,
}
