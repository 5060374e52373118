//! A flow: requests for one group that come from one place, and which berths take them.
//!
//! *Assigned* is where the plan wants them, *routed* is where users were last sent. They differ while a
//! flow is on its way. A berth is charged for the larger of both, so it never loses room to users that are
//! still there.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::effect::{EffectKey, Generation};
use crate::ids::{BerthId, SeriesId};
use crate::units::{MilliRps, Permille};

/// The most berths that one flow can be assigned to at once.
pub const ASSIGNED_MAX: usize = 3;
/// The most berths that one flow can involve while it is on its way.
pub const SHARES_MAX: usize = 2 * ASSIGNED_MAX;

/// Which flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FlowId {
    /// A zone's users of an app, entering its front group.
    Series(SeriesId),
    /// The calls that a berth makes, by the call's place in the intent.
    Call(BerthId, u16),
}

/// Requests for one group from one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// How many.
    pub rate: MilliRps,
    /// Who takes them.
    pub shares: Shares,
    /// The version of the last route that was sent.
    pub generation: Generation,
    /// The last route, if it was not yet reported on.
    pub routing: Option<EffectKey>,
}

/// One berth's part in a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Who takes it.
    pub berth: BerthId,
    /// The part that it should take.
    pub assigned: Permille,
    /// The part that it was told to users to take.
    pub routed: Permille,
}

/// The berths of a flow, ascending by id, none of them with nothing.
#[derive(Clone, Copy)]
pub struct Shares {
    len: u8,
    items: [Share; SHARES_MAX],
}

impl Share {
    /// The part that the berth is charged for.
    #[must_use]
    pub fn charged(&self) -> Permille {
        self.assigned.max(self.routed)
    }
}

impl Flow {
    /// Whether users are where the plan wants them.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.shares.iter().all(|share| share.assigned == share.routed)
    }

    /// Whether users have been sent somewhere and are on their way elsewhere.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        !self.is_settled() && self.shares.iter().any(|share| share.routed > Permille::ZERO)
    }

    /// How far users have been sent where the plan wants them: `None` while settled.
    #[must_use]
    pub fn on_its_way(&self) -> Option<Permille> {
        if self.is_settled() {
            return None;
        }
        let there = self.shares.iter().map(|share| share.assigned.min(share.routed)).sum();
        Some(there)
    }

    /// The part that the plan leaves to nobody.
    #[must_use]
    pub fn unassigned(&self) -> Permille {
        Permille::WHOLE - self.shares.iter().map(|share| share.assigned).sum()
    }
}

impl Shares {
    /// The shares in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Share] {
        &self.items[..usize::from(self.len)]
    }

    /// The shares in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Share> {
        self.as_slice().iter()
    }

    /// The share of `berth`; one with nothing if it has none.
    #[must_use]
    pub fn of(&self, berth: BerthId) -> Share {
        let nothing = Share { berth, assigned: Permille::ZERO, routed: Permille::ZERO };
        self.iter().find(|share| share.berth == berth).copied().unwrap_or(nothing)
    }

    /// Puts `share` in its place, or removes it if it has nothing.
    ///
    /// # Panics
    /// Panics beyond [`SHARES_MAX`]: the planner assigns to at most [`ASSIGNED_MAX`], and a route never
    /// keeps more than that beside them.
    pub(crate) fn set(&mut self, share: Share) {
        let place = self.iter().position(|other| other.berth >= share.berth);
        let place = place.unwrap_or(usize::from(self.len));
        let there = self.as_slice().get(place).is_some_and(|other| other.berth == share.berth);
        let len = usize::from(self.len);
        match (there, share.charged() == Permille::ZERO) {
            (true, false) => self.items[place] = share,
            (true, true) => {
                self.items.copy_within(place + 1..len, place);
                self.len -= 1;
            }
            (false, true) => {}
            (false, false) => {
                assert!(len < SHARES_MAX, "a flow involves at most {SHARES_MAX} berths");
                self.items.copy_within(place..len, place + 1);
                self.items[place] = share;
                self.len += 1;
            }
        }
    }
}

impl Default for Shares {
    fn default() -> Self {
        let nothing = Share { berth: BerthId(0), assigned: Permille::ZERO, routed: Permille::ZERO };
        Self { len: 0, items: [nothing; SHARES_MAX] }
    }
}

impl core::fmt::Debug for Shares {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Shares {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Shares {}

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let items = alloc::vec::Vec::<Share>::deserialize(from)?;
        if items.len() > SHARES_MAX {
            return Err(serde::de::Error::custom("a flow with too many shares"));
        }
        let mut shares = Self::default();
        for share in items {
            shares.set(share);
        }
        Ok(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_in_order_and_nothing_is_kept_for_nobody() {
        let share = |id, assigned, routed| Share {
            berth: BerthId(id),
            assigned: Permille(assigned),
            routed: Permille(routed),
        };
        let mut shares = Shares::default();
        for (id, assigned) in [(5, 300), (2, 400), (9, 300)] {
            shares.set(share(id, assigned, 0));
        }
        assert_eq!(
            shares.iter().map(|share| share.berth.0).collect::<alloc::vec::Vec<_>>(),
            [2, 5, 9]
        );
        shares.set(share(5, 0, 0));
        shares.set(share(7, 0, 0));
        shares.set(share(2, 0, 1_000));
        assert_eq!(shares.as_slice(), [share(2, 0, 1_000), share(9, 300, 0)]);
        assert_eq!(shares.of(BerthId(2)).charged(), Permille(1_000));
    }
}
