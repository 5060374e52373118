//! Bindings become files: what Flux and Argo CD pull into each cluster.

mod files;
pub mod net;
mod object;
mod path;
pub mod yaml;

pub use self::files::{Bytes, Change, Files, apply, change};
pub use self::object::Object;
pub use self::path::{BadPath, FilePath};
