//! The simulated world: virtual time, clusters, sync agents, users that move, faults and metering.
//!
//! The world owns the truth. The machine sees only reports of it, late, lossy and in a real order, and acts
//! only through effects, which take their time and may fail. [`run`] is the loop between the two; [`World`]
//! can also be driven step by step, by a tester that restarts the hub or checks beliefs against the truth.
//!
//! Equal scenarios give equal inputs, on every machine: all luck comes from the scenario's seed through
//! [`luck`], all time from one [`queue`] with exact order, and floats only serve to meter. There is no
//! clock, no thread, no file, no hash map and no log here.
//!
//! | file | what it owns |
//! |---|---|
//! | `world` | the order in which things happen, sensors, effects, faults |
//! | `kube` | one cluster: nodes, scheduler, sync agent, pods, autoscalers |
//! | `git`, `routes` | what effects become before anybody sees them |
//! | `users`, `desks` | who asks for how much, and who serves them |
//! | `service`, `meter` | how long that takes, what it costs |
//! | `past` | what a log says, and a run that begins as it does |
//! | `chronicle`, `summary`, `rows`, `breakdown` | what came out |

#![expect(
    clippy::cast_precision_loss,
    reason = "the meter turns counts into floats that people read; what the machine is told is integer"
)]

mod catalog;
mod chronicle;
mod desks;
mod git;
mod happening;
mod intents;
mod kube;
mod meter;
mod reports;
mod routes;
mod rows;
mod run;
mod service;
mod slab;
mod tariffs;
mod users;
mod world;

pub mod breakdown;
pub mod ensemble;
pub mod luck;
pub mod past;
pub mod queue;
pub mod summary;

pub use crate::breakdown::{Breakdown, Dimension, Part, Spent};
pub use crate::git::{PUSH_UNKNOWN, UNKNOWN_LANDED};
pub use crate::kube::PodCounts;
pub use crate::past::{Fork, Past};
pub use crate::rows::Row;
pub use crate::run::{Outcome, RunFault, Watch, rerun, run};
pub use crate::summary::Summary;
pub use crate::world::{Tape, Twins, Whereabouts, World};
