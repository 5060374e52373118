//! The configuration: what live.yaml says, checked as a whole before anything starts.

mod apply;
mod draft;
mod leader;
mod replication;
mod reports;
mod settings;
mod traces;

pub use self::apply::ApplySettings;
pub use self::draft::{Draft, Mode};
pub use self::settings::{GitSettings, Reached, Settings};
