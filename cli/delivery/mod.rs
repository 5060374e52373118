//! What is written into git: from runs and logs to trees of files.
//!
//! [`instant`] finds the state of an instant, [`written`] puts files into a folder. What the files say is
//! `periplus-emit`'s matter.

pub(crate) mod instant;
pub(crate) mod written;
