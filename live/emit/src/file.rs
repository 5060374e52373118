//! Files of objects: where each lies, and that none lies on another.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

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

/// Adds an object's file to a folder. It tells what it was made from, and which record decided it, if one did.
///
/// # Errors
/// Its name could not be a file's, or there is such a file already.
pub(crate) fn add(
    files: &mut Files,
    folder: &str,
    mut object: Object,
    decision: Option<u64>,
) -> Result<(), Fault> {
    let path = FilePath::new(format!("{folder}/{}", name(&object)))?;
    object.annotate(HASH, NO_HASH);
    let bytes = Bytes::from(told(&object.to_yaml(), decision).into_bytes());
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

/// The annotation with the SHA-256 of all that stands in the file but itself and the decision.
const HASH: &str = "periplus.dev/input-hash";
const DECISION: &str = "periplus.dev/decision";
/// What stands in its place until it is known, as long as it is.
const NO_HASH: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Whether two files are the same but for the records that decided them.
#[must_use]
pub fn same_content(one: &[u8], other: &[u8]) -> bool {
    let lines = |bytes| {
        let lines = <[u8]>::split(bytes, |byte| *byte == b'\n');
        lines.filter(|line| !line.trim_ascii_start().starts_with(DECISION.as_bytes()))
    };
    one == other || lines(one).eq(lines(other))
}

/// A file with its hash and its decision. Both are put into the text, which is written only once.
fn told(text: &str, decision: Option<u64>) -> String {
    let hash = hex(&Sha256::digest(text.as_bytes()));
    let line = format!("{HASH}: {NO_HASH}\n");
    let place = text.find(&line).expect("it was just annotated");
    let indent = place - text[..place].rfind('\n').map_or(0, |end| end + 1);
    let mut out = String::with_capacity(text.len() + 48);
    out.push_str(&text[..place]);
    if let Some(decision) = decision {
        let _ = write!(out, "{DECISION}: \"{decision}\"\n{:indent$}", "");
    }
    let _ = writeln!(out, "{HASH}: sha256:{hash}");
    out.push_str(&text[place + line.len()..]);
    out
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
