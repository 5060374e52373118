//! What people write, and the border where floats end.

mod book;
pub mod border;
mod builder;
pub mod code;
mod compile;
pub mod diagnostic;
pub mod draft;
mod files;
mod load;
pub mod scenario;
pub mod schema;
mod table;
pub mod values;
mod yaml;

pub use self::builder::ScenarioBuilder;
pub use self::load::{Loaded, check, check_text, documents, load, load_within};

/// How much of everything there may be, each with its name.
pub mod limits {
    pub use crate::compile::{REPLICAS_DEFAULT, VALUES_MAX};
    pub use crate::diagnostic::DIAGNOSTICS_MAX;
    pub use crate::files::ROWS_MAX;
    pub use crate::load::INCLUDES_MAX;
    pub use crate::yaml::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
}
