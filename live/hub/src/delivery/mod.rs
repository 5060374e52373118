//! From effects to commits and back: what is asked for goes out in parcels, and how they fared comes back as reports.

pub mod outcome;
pub mod tray;

pub use self::outcome::outcome;
pub use self::tray::{Parcel, Scope, Tray};
