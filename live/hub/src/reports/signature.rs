//! Signatures: how a report says for which cluster it speaks, when it was sent, and that it was sent once.
//!
//! A key is secret between a cluster and the service (`keys`). What is signed begins with a word of its own, so that no other
//! thing that is signed with the same key passes for a report.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::keys::Key;

/// The header of a report: `epoch=…, number=…, at=…, sha256=…`.
pub(crate) const HEADER: &str = "Periplus-Report";
/// The header in which the service says up to where it has taken reports: `epoch=…, number=…`.
pub(crate) const TAKEN: &str = "Periplus-Report-Taken";
/// What everything that is signed as a report begins with.
const WORD: &str = "periplus-report/1";
/// The bytes of a SHA-256.
const DIGEST_BYTES: usize = 32;

/// Where a report stands among all of its cluster. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// When its reporter began, in milliseconds since 1970-01-01 UTC.
    pub(crate) epoch: u64,
    /// How many the reporter has sent before.
    pub(crate) number: u64,
}

/// What is signed of a report besides its cluster and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) mark: Mark,
    /// When it was sent, by the clock of who sent it.
    pub(crate) at_unix_ms: i64,
}

/// What a report's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) stamp: Stamp,
    digest: [u8; DIGEST_BYTES],
}

type Hasher = Hmac<Sha256>;

impl Stamp {
    /// Signs a report.
    pub(crate) fn sign(self, key: &Key, cluster: &str, body: &[u8]) -> Option<Signed> {
        let digest = self.hasher(key, cluster, body)?.finalize().into_bytes();
        Some(Signed { stamp: self, digest: digest.into() })
    }

    /// What is signed, as one text that can be read in one way only: nothing in front of the body has a line break in it.
    fn hasher(self, key: &Key, cluster: &str, body: &[u8]) -> Option<Hasher> {
        let Self { mark: Mark { epoch, number }, at_unix_ms } = self;
        if cluster.contains('\n') {
            return None;
        }
        let mut hasher = Hasher::new_from_slice(key.bytes()).ok()?;
        hasher.update(format!("{WORD}\n{cluster}\n{epoch}\n{number}\n{at_unix_ms}\n").as_bytes());
        hasher.update(body);
        Some(hasher)
    }
}

impl Signed {
    /// Whether one of these keys has signed it. All are tried, in a time that does not tell how near they were.
    pub(crate) fn is_by(&self, keys: &[Key], cluster: &str, body: &[u8]) -> bool {
        let is_by = |key: &Key| {
            let hasher = self.stamp.hasher(key, cluster, body);
            hasher.is_some_and(|hasher| hasher.verify_slice(&self.digest).is_ok())
        };
        keys.iter().fold(false, |known, key| is_by(key) | known)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, number } = self;
        write!(out, "epoch={epoch}, number={number}")
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stamp: Stamp { mark, at_unix_ms }, digest } = self;
        write!(out, "{mark}, at={at_unix_ms}, sha256={}", hex(digest))
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let [epoch, number] = fields(text, ["epoch", "number"]).ok_or(())?;
        let number_of = |text: &str| text.parse().map_err(|_| ());
        Ok(Self { epoch: number_of(epoch)?, number: number_of(number)? })
    }
}

impl FromStr for Signed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let [epoch, number, at, digest] =
            fields(text, ["epoch", "number", "at", "sha256"]).ok_or(())?;
        let number_of = |text: &str| text.parse().map_err(|_| ());
        let mark = Mark { epoch: number_of(epoch)?, number: number_of(number)? };
        let at_unix_ms = at.parse().map_err(|_| ())?;
        let digest = unhex(digest).and_then(|digest| digest.try_into().ok()).ok_or(())?;
        Ok(Self { stamp: Stamp { mark, at_unix_ms }, digest })
    }
}

/// The fields of a header, each there once, in this order.
fn fields<'t, const COUNT: usize>(text: &'t str, names: [&str; COUNT]) -> Option<[&'t str; COUNT]> {
    let mut parts = text.split(',');
    let mut found = [""; COUNT];
    for (found, name) in found.iter_mut().zip(names) {
        let (said, value) = parts.next()?.trim().split_once('=')?;
        if said != name {
            return None;
        }
        *found = value;
    }
    parts.next().is_none().then_some(found)
}

/// Whether one of these keys has signed a body as Flux does, which names the hash: `sha256=…`.
pub(crate) fn is_alert_by(keys: &[Key], said: &str, body: &[u8]) -> bool {
    let Some((hash, digest)) = said.split_once('=') else { return false };
    let Some(digest) = unhex(digest) else { return false };
    let is_by = match hash {
        "sha224" => is_right::<Hmac<Sha224>>,
        "sha256" => is_right::<Hmac<Sha256>>,
        "sha384" => is_right::<Hmac<Sha384>>,
        "sha512" => is_right::<Hmac<Sha512>>,
        _ => return false,
    };
    keys.iter().fold(false, |known, key| is_by(key, &digest, body) | known)
}

fn is_right<H: KeyInit + Mac>(key: &Key, digest: &[u8], body: &[u8]) -> bool {
    let Ok(mut hasher) = <H as KeyInit>::new_from_slice(key.bytes()) else { return false };
    hasher.update(body);
    hasher.verify_slice(digest).is_ok()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text.as_bytes()).unwrap()
    }

    const ONE: &str = "one-0123456789abcdef0123456789abcdef";
    const OTHER: &str = "other-0123456789abcdef0123456789abcde";

    #[test]
    fn it_is_what_others_compute() {
        // printf 'periplus-report/1\nedge\n7\n3\n1000\n{}' | openssl dgst -sha256 -hmac one-0123456789abcdef0123456789abcdef
        let stamp = Stamp { mark: Mark { epoch: 7, number: 3 }, at_unix_ms: 1_000 };
        let signed = stamp.sign(&key(ONE), "edge", b"{}").unwrap();
        let said = signed.to_string();
        assert!(said.starts_with("epoch=7, number=3, at=1000, sha256="), "{said}");
        assert!(said.ends_with(COMPUTED), "{said}");
        assert_eq!(Mark { epoch: 7, number: 3 }.to_string().parse(), Ok(stamp.mark));
    }

    const COMPUTED: &str = "d5ebc1588cd86a11c2a0f84a257c692bdcaff0b4ae91710df67140cdb957b14a";

    #[test]
    fn alerts_are_signed_as_flux_does() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac one-0123456789abcdef0123456789abcdef, and -sha512
        let keys = [key(OTHER), key(ONE)];
        for said in ALERTS {
            assert!(is_alert_by(&keys, said, br#"{"a":1}"#), "{said}");
            assert!(!is_alert_by(&keys[..1], said, br#"{"a":1}"#), "{said}");
            assert!(!is_alert_by(&keys, said, br#"{"a":2}"#), "{said}");
            assert!(!is_alert_by(&keys, &said[..said.len() - 2], br#"{"a":1}"#), "{said}");
            assert!(!is_alert_by(&[], said, br#"{"a":1}"#));
        }
        for wrong in ["", "sha256", "sha256=", "md5=00", "sha256=zz", "sha256=\u{e9}\u{e9}"] {
            assert!(!is_alert_by(&keys, wrong, br#"{"a":1}"#), "{wrong}");
        }
    }

    const ALERTS: [&str; 2] = [
        "sha256=46dab655734d9967812e11c464d8d5e6a459c92816cbcff9c2996b9b4bf15545",
        "sha512=98ee74f32ab3d443aff2866f887309a7f2fc2d4681f4d53c361583ac75a76a5b75e5a0435ed48a5210bcee6b40096724e43536b08a91e922c169df87a8297955",
    ];

    #[test]
    fn one_of_two_keys_is_enough_and_none_is_not() {
        let stamp = Stamp { mark: Mark { epoch: 1, number: 1 }, at_unix_ms: 1 };
        let signed = stamp.sign(&key(ONE), "edge", b"{}").unwrap();
        assert!(signed.is_by(&[key(OTHER), key(ONE)], "edge", b"{}"));
        assert!(!signed.is_by(&[key(OTHER)], "edge", b"{}"));
        assert!(!signed.is_by(&[], "edge", b"{}"));
        // What is signed cannot be cut elsewhere.
        assert_eq!(stamp.sign(&key(ONE), "edge\n1", b"{}"), None);
    }

    fn stamps() -> impl Strategy<Value = Stamp> {
        (any::<u64>(), any::<u64>(), any::<i64>()).prop_map(|(epoch, number, at_unix_ms)| Stamp {
            mark: Mark { epoch, number },
            at_unix_ms,
        })
    }

    proptest! {
        #[test]
        fn what_is_signed_is_known_and_any_change_of_it_is_not(
            stamp in stamps(),
            other in stamps(),
            cluster in "[a-z0-9-]{1,63}",
            body in proptest::collection::vec(any::<u8>(), 1..200),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let keys = [key(ONE)];
            let signed = stamp.sign(&keys[0], &cluster, &body).unwrap();
            let read: Signed = signed.to_string().parse().unwrap();
            prop_assert_eq!(read, signed);
            prop_assert!(read.is_by(&keys, &cluster, &body));
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert!(!read.is_by(&keys, &cluster, &changed));
            let another = cluster.clone() + "x";
            prop_assert!(!read.is_by(&keys, &another, &body));
            prop_assert!(!read.is_by(&[key(OTHER)], &cluster, &body));
            let restamped = Signed { stamp: other, ..read };
            prop_assert_eq!(restamped.is_by(&keys, &cluster, &body), other == stamp);
            let mut digest = read.digest;
            digest[at.index(DIGEST_BYTES)] ^= 1 << bit;
            let changed = Signed { digest, ..read };
            prop_assert!(!changed.is_by(&keys, &cluster, &body));
        }

        #[test]
        fn no_header_makes_it_panic(text in ".{0,120}", digest in "[0-9a-f]{60,68}") {
            let _ = text.parse::<Signed>();
            let _ = text.parse::<Mark>();
            let _ = is_alert_by(&[key(ONE)], &text, b"{}");
            let said = format!("epoch=1, number=2, at=-3, sha256={digest}");
            prop_assert_eq!(said.parse::<Signed>().is_ok(), digest.len() == 64);
        }
    }
}
