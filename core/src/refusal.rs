//! Refusals: why a command could not be carried out. Data for whoever asked, not an error.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, HoldId};

/// Why a command could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The hold does not exist any more.
    NoSuchHold {
        /// Which.
        hold: HoldId,
    },
    /// An id was used that was never declared, or a new one is not the next.
    OutOfOrder {
        /// The id that was used.
        id: u32,
        /// How many there are.
        declared: u32,
    },
    /// What was declared contradicts itself.
    Malformed,
    /// Too many entries at once.
    TooLarge {
        /// How many.
        entries: u32,
        /// How many there may be.
        limit: u32,
    },
    /// The intent moves a component to another group, or drops a group: withdraw it first.
    ShapeChanged {
        /// Whose.
        app: AppId,
    },
    /// The intent is not newer than the one that is declared.
    GenerationOutdated {
        /// Its generation.
        generation: u32,
        /// The declared one's.
        declared: u32,
    },
    /// The app is withdrawn already.
    Withdrawn {
        /// Which.
        app: AppId,
    },
}
