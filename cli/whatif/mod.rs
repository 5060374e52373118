//! What if: the same scenario, or the same log, under other settings, over the same seeds.
//!
//! Every variant meets the same luck: a seed draws the same for each entity and purpose whatever else changes,
//! so that differences within a seed are the variant's doing. Runs share nothing, so they are spread over cores
//! and over machines.
//!
//! | file | what it owns |
//! |---|---|
//! | `study` | which variants there are |
//! | `draws` | what the runs of a variant differ in |
//! | `closeness` | how close a simulated world comes to a log |
//! | `runs` | running them |
//! | `shard` | sharing them between machines |
//! | `target`, `store` | where what came out is kept; folders |
//! | `objects` | object stores |
//! | `emit` | a study that a Kubernetes cluster runs |
//! | `answer` | what the variants differ in |
//! | `measures` | the numbers of a run, by name |
//! | `weighed` | means of runs that count for different parts |
//! | `compare` | differences and their intervals |
//! | `rows`, `tables` | which tables there are; CSV and Parquet |
//! | `honesty` | how often answers about real runs are wrong |
//! | `guard` | what must not get worse |
//! | `goal` | what must hold, and which variant holds it for least |
//! | `bar` | the bar on a terminal |

pub(crate) mod answer;
pub(crate) mod bar;
pub(crate) mod closeness;
pub(crate) mod compare;
pub(crate) mod draws;
pub(crate) mod emit;
pub(crate) mod goal;
pub(crate) mod guard;
#[cfg(test)]
mod honesty;
pub(crate) mod measures;
#[cfg(feature = "objects")]
pub(crate) mod objects;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod shard;
pub(crate) mod sites;
pub(crate) mod store;
pub(crate) mod study;
pub(crate) mod tables;
pub(crate) mod target;
pub(crate) mod weighed;
