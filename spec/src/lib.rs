//! What people write, and the border where floats end.
//!
//! Three steps, each of which collects everything that is wrong before the next one begins:
//!
//! 1. **Read** ([`load`]): YAML becomes trees that remember where everything stood, checked against the forms
//!    of the kinds ([`schema`]), then [`draft`]s whose values are valid one by one ([`values`]).
//! 2. **Compile**: names become ids; the [`border`] turns distances into round trips, queues into staffing
//!    tables, call graphs into visits, distributions into quantiles. Integers leave it, floats do not.
//! 3. **Give** a [`Scenario`](scenario::Scenario) that cannot be wrong: what the machine is told, what there
//!    really is, what happens, what must come out.
//!
//! What is wrong is a [`Diagnostic`](diagnostic::Diagnostic) with a stable [`Code`](code::Code), places and a
//! cure. This package reads files and nothing else of its surroundings: no clock, no network, no environment.
//! It must not know the simulator, git or Kubernetes' API; of the core it knows the words and no decision.

mod anonymous;
mod book;
pub mod border;
mod builder;
mod bundle;
pub mod code;
mod compile;
pub mod diagnostic;
pub mod draft;
pub mod fetched;
mod files;
mod gathered;
mod load;
mod parts;
pub mod scenario;
pub mod schema;
mod setting;
mod sheet;
mod table;
pub mod values;
mod write;
mod yaml;

pub use self::anonymous::Hiding;
pub use self::builder::ScenarioBuilder;
pub use self::bundle::Bundle;
pub use self::load::{
    Forked, Loaded, check, check_text, delivery, documents, documents_in, load, load_forked,
    load_with, load_within,
};
pub use self::parts::{PARTS_DEPTH_MAX, Part, Sort};
pub use self::schema::nearest;
pub use self::setting::Setting;
pub use self::sheet::Sheet;
pub use self::write::{to_json, to_yaml};

/// How much of everything there may be, each with its name.
pub mod limits {
    pub use crate::compile::{REPLICAS_DEFAULT, VALUES_MAX};
    pub use crate::diagnostic::DIAGNOSTICS_MAX;
    pub use crate::files::ROWS_MAX;
    pub use crate::load::INCLUDES_MAX;
    pub use crate::yaml::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
}
