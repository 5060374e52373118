//! What people write, and the border where floats end.

pub mod border;
pub mod code;
pub mod diagnostic;
pub mod draft;
pub mod scenario;
pub mod schema;
pub mod values;
mod yaml;
