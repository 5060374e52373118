//! What all generated objects have in common: how they are named, and hashes that stay the same in every release.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::Object;

/// The longest name that every kind of object, and every label that repeats it, can have.
const NAME_MAX: usize = 63;

/// An object that says nothing but its `spec`.
pub(super) fn specified(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    spec: Value,
) -> Object {
    let rest = Map::from_iter([("spec".to_owned(), spec)]);
    Object::new(api_version, kind, namespace, name, rest.into())
}

/// The parts with hyphens between them; cut, with a hash of them at its end, where that is too long.
pub(super) fn joined(parts: &[&str]) -> String {
    let whole = parts.join("-");
    if whole.len() <= NAME_MAX {
        return whole;
    }
    let mark = format!("{:08x}", hash(parts) >> 32);
    let kept = whole[..NAME_MAX - mark.len() - 1].trim_end_matches('-');
    format!("{kept}-{mark}")
}

/// A hash of texts, each told from its neighbours.
pub(super) fn hash(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_cut_and_stays_its_own() {
        assert_eq!(joined(&["shop", "edge"]), "shop-edge");
        let long = "a".repeat(60);
        let (edge, other) = (joined(&[&long, "edge"]), joined(&[&long, "other"]));
        assert!(edge.len() <= NAME_MAX && other.len() <= NAME_MAX && edge != other, "{edge}");
    }

    #[test]
    fn where_a_text_ends_matters() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
