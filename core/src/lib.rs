//! The Periplus machine: one deterministic, event-sourced function that decides.
//!
//! # How to drive it
//!
//! ```text
//! loop {
//!     wait for an input, or until state.next_deadline() and feed Input::Timer;
//!     step(&mut state, now, &input, &mut outbox)?;
//!     append outbox.record(…) to the log;              // what was taken and what followed
//!     carry out outbox.effects; report each as Input::Report, once, in any order, however late;
//! }
//! after a crash: fold the log, then carry out state.outstanding() again.
//! ```
//!
//! [`step`] is the only function that decides and [`State::apply`] the only one that changes the state.
//! Time comes in as `at` and never goes backwards. Nothing here reads a clock, draws a number, touches a
//! file or waits; there is no float, no hash map and no `unsafe`.
//!
//! **Law 1**: folding `apply` over input and events gives the state that `step` gave. **Law 2**: equal
//! state, tick and input give equal events, effects and decisions. **Law 3**: replay runs `step` again on
//! every recorded input and compares.
//!
//! Read next: [`input`], [`event`], [`effect`] for the words; `step` and `decide` for what happens.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod apply;
mod decide;
mod guard;
mod progress;
mod refusal;
mod rollout;
mod step;

pub mod adoption;
pub mod capacity;
pub mod codec;
pub mod decision;
pub mod digest;
pub mod effect;
pub mod event;
pub mod explain;
pub mod fleet;
pub mod ids;
pub mod input;
pub mod intent;
pub mod labels;
pub mod policy;
pub mod record;
pub mod replay;
pub mod staffing;
pub mod state;
pub mod units;

pub use crate::input::Input;
pub use crate::record::{Record, RecordRef, Sink, SinkFault};
pub use crate::state::State;
pub use crate::step::{DIGEST_EVERY, Outbox, TickBackwards, step};
