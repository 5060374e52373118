//! What is written into git: from runs and logs to trees of files and commits.
//!
//! [`access`] says how to come to git's servers, [`instant`] finds the state of an instant, [`written`] puts files into a folder, [`history`] makes commits of a run
//! and [`remote`] opens the repository that takes them. What the files say is `periplus-emit`'s matter, how commits get
//! out `periplus-git`'s.

pub(crate) mod access;
pub(crate) mod history;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod instant;
pub(crate) mod remote;
pub(crate) mod written;
