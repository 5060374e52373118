//! YAML as a tree that remembers where everything stood.
//!
//! [`parse`] turns text into documents, [`Cursor`] walks a tree to say where a complaint belongs, and
//! [`deserialize`] hands a tree to serde. Scalars keep their text: numbers are read by
//! [`values`](crate::values), exactly and without floats.

mod cursor;
mod de;
mod node;
mod parse;

pub(crate) use self::cursor::{Cursor, Origin};
pub(crate) use self::de::{Misfit, deserialize};
pub(crate) use self::node::{Entry, Node, Scalar, Style, Value};
pub(crate) use self::parse::parse;
pub use self::parse::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
