//! Names of objects that are put together from others, within what Kubernetes allows.

use sha2::{Digest, Sha256};

/// The longest label value, and so the longest name that agents write into labels.
const NAME_MAX: usize = 63;
/// Digits of the hash that stands for what is cut off.
const HASH_DIGITS: usize = 10;

/// Parts of a name with dots between them. A longer one than 63 characters is cut, and ends in a hash of all of it.
#[must_use]
pub(crate) fn joined(parts: &[&str]) -> String {
    shortened(parts.join("."))
}

fn shortened(name: String) -> String {
    if name.len() <= NAME_MAX {
        return name;
    }
    let hash = hex(&Sha256::digest(name.as_bytes()));
    let kept: String = name.chars().take(NAME_MAX - HASH_DIGITS - 1).collect();
    format!("{}-{}", kept.trim_end_matches(['-', '.']), &hash[..HASH_DIGITS])
}

/// Bytes as hexadecimal digits.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_still_differ() {
        let long = "a".repeat(40);
        let one = joined(&[&long, &long, "x"]);
        let other = joined(&[&long, &long, "y"]);
        assert!(one.len() <= 63 && one != other && one.starts_with("aaaa"));
        assert_eq!(joined(&["shop", "web"]), "shop.web");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
