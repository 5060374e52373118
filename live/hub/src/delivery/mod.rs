//! From effects to commits and back: what is asked for goes out in parcels, and how they fared comes back as reports.

mod direct;
mod outcome;
mod outgoing;
mod post;
mod routes;
mod tray;

pub use self::direct::{Direct, Part};
pub use self::outcome::{Answer, outcome};
pub(crate) use self::outgoing::Outgoing;
pub use self::post::{Letter, Post, PostOptions};
pub use self::routes::{Place, Routes, Targets};
pub use self::tray::{Parcel, Scope, Tray};
