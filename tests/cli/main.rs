//! The command line, as people and programs meet it.
//!
//! Every command runs in a folder of its own, with an empty environment. Answers are compared whole; only
//! what a clock says is left out. `./bless` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adopt;
mod anonymize;
mod check;
mod damage;
mod diff;
#[cfg(feature = "objects")]
mod emit;
mod expectations;
mod fetch;
mod forgotten;
mod git;
mod help;
mod live;
mod log;
#[cfg(feature = "objects")]
mod objects;
mod packaging;
mod pages;
mod pipelines;
mod place;
mod plan;
mod record;
mod replay;
mod report;
mod scenarios;
#[cfg(feature = "http")]
mod servers;
mod shards;
mod shrink;
mod sim;
mod study;
mod traces;
mod upgrade;
mod whatif;
mod why;
