//! Files of objects: where each lies, and that none lies on another.

use crate::fault::Fault;
use crate::files::{Bytes, Files};
use crate::name::hex;
use crate::object::Object;
use crate::order::rank;
use crate::path::FilePath;

/// An object, and whose it is to apply.
pub(crate) enum Placed {
    /// It lies in the component's folder.
    Payload(Object),
    /// It tells the agent of something that lies elsewhere.
    Agent(Object),
}

/// Adds an object's file to a folder.
///
/// # Errors
/// Its name could not be a file's, or there is such a file already.
pub(crate) fn add(files: &mut Files, folder: &str, object: &Object) -> Result<(), Fault> {
    let path = FilePath::new(format!("{folder}/{}", name(object)))?;
    let bytes = Bytes::from(object.to_yaml().into_bytes());
    match files.insert(path, bytes) {
        None => Ok(()),
        Some(_) => Err(Fault::Twice {
            kind: object.kind().into(),
            name: object.name().into(),
            namespace: object.namespace().into(),
            first: folder.into(),
            second: folder.into(),
        }),
    }
}

/// The name of an object's file: its rank, kind and name.
fn name(object: &Object) -> String {
    let kind = object.kind().to_ascii_lowercase();
    let name = object.name();
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' }
    };
    let plain: String = name.chars().map(plain).collect();
    let rank = rank(object.kind());
    if plain == name {
        return format!("{rank:02}-{kind}-{name}.yaml");
    }
    // Names that differ only in what cannot stand in a path lie in different files.
    let hash = xxhash_rust::xxh3::xxh3_64(name.as_bytes()).to_be_bytes();
    format!("{rank:02}-{kind}-{plain}-{}.yaml", &hex(&hash)[..8])
}
