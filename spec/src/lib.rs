//! What people write, and the border where floats end.

pub mod scenario;
