//! What a remote says first: its references, and what it is able to do.

use std::io::Read;

use git2::Oid;

use super::pkt::{self, Pkt, PktFault};
use super::{Broken, shown};

/// What a remote says first, as far as one reference is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advert {
    /// Where the reference is.
    pub(crate) at: Option<Oid>,
    /// Where every branch and tag is.
    pub(crate) tips: Vec<Oid>,
    abilities: Vec<String>,
}

/// How many references a remote may have.
const REFERENCES_MAX: u64 = 1_000_000;
/// How many bytes all of it may have.
const BYTES_MAX: u64 = 256 << 20;
/// How long the list of what a remote is able to do may be.
const ABILITIES_MAX: usize = 256;

impl Advert {
    /// Of a remote that is asked without its protocol.
    pub(crate) fn of(at: Option<Oid>) -> Self {
        Self { at, ..Self::default() }
    }

    /// Reads what a remote says of `reference`.
    pub(crate) fn read(from: &mut impl Read, reference: &str) -> Result<Self, Broken> {
        let from = &mut from.take(BYTES_MAX);
        let mut advert = Self::default();
        let mut count = 0;
        loop {
            let Some(pkt) = pkt::next(from)? else { return Err(PktFault::Ended.into()) };
            let Pkt::Data(bytes) = pkt else { break };
            count += 1;
            if count > REFERENCES_MAX {
                return Err(Broken::Limit {
                    what: "the number of references",
                    limit: REFERENCES_MAX,
                });
            }
            advert.take(pkt::trimmed(&bytes), reference, count)?;
        }
        match advert.value("object-format") {
            None | Some("sha1") => Ok(advert),
            Some(other) => {
                Err(Broken::Odd(format!("its objects are named by {other}, not by sha1")))
            }
        }
    }

    fn take(&mut self, bytes: &[u8], reference: &str, count: u64) -> Result<(), Broken> {
        if let Some(told) = bytes.strip_prefix(b"ERR ") {
            return Err(Broken::Told(shown(told)));
        }
        let zero = bytes.iter().position(|byte| *byte == 0);
        let (line, abilities) = match zero {
            Some(zero) if count == 1 => (&bytes[..zero], &bytes[zero + 1..]),
            Some(_) | None => (bytes, &b""[..]),
        };
        let abilities = String::from_utf8_lossy(abilities);
        self.abilities
            .extend(abilities.split_ascii_whitespace().take(ABILITIES_MAX).map(str::to_owned));
        if line.starts_with(b"shallow ") || line.starts_with(b"version ") {
            return Ok(());
        }
        let odd = || Broken::Odd(format!("`{}` is no reference", shown(line)));
        let id = line.get(..40).and_then(|id| std::str::from_utf8(id).ok()).ok_or_else(odd)?;
        let id = Oid::from_str(id).map_err(|_| odd())?;
        let name = line.get(40..).and_then(|rest| rest.strip_prefix(b" ")).ok_or_else(odd)?;
        if name == reference.as_bytes() && !id.is_zero() {
            self.at = Some(id);
        }
        // What a tag leads to is told beside it, as `^{}`.
        if name.starts_with(b"refs/") && !name.ends_with(b"^{}") && !id.is_zero() {
            self.tips.push(id);
        }
        Ok(())
    }

    /// Whether the remote is able to do this.
    pub(crate) fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|one| one == ability)
    }

    /// What the remote says of an ability.
    fn value(&self, ability: &str) -> Option<&str> {
        self.abilities.iter().find_map(|one| one.strip_prefix(ability)?.strip_prefix('='))
    }
}

/// Reads past what a web server says before the advert.
pub(crate) fn skip_service(from: &mut impl Read, service: &str) -> Result<(), Broken> {
    let said = |pkt: Option<Pkt>| match pkt {
        Some(Pkt::Data(bytes)) => shown(&bytes),
        Some(Pkt::Flush) | None => String::new(),
    };
    let first = said(pkt::next(from)?);
    if first != format!("# service={service}") {
        return Err(Broken::Odd(format!("`{first}` is no answer of {service}")));
    }
    match pkt::next(from)? {
        Some(Pkt::Flush) => Ok(()),
        other => {
            Err(Broken::Odd(format!("`{}` stands where the references should begin", said(other))))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines {
            pkt::line(&mut out, line.as_bytes());
        }
        pkt::flush(&mut out);
        out
    }

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn the_reference_is_found_and_so_is_what_the_remote_can_do() {
        let lines = [
            format!(
                "{ONE} refs/heads/a\0report-status  ofs-delta object-format=sha1 agent=git/2\n"
            ),
            format!("{TWO} refs/heads/main\n"),
        ];
        let bytes = said(&[&lines[0], &lines[1]]);
        let advert = Advert::read(&mut &bytes[..], "refs/heads/main").unwrap();
        assert_eq!(advert.at, Some(Oid::from_str(TWO).unwrap()));
        assert!(advert.can("ofs-delta") && !advert.can("no-thin"));
        let empty = said(&[&format!("{ZERO} capabilities^{{}}\0report-status\n")]);
        assert_eq!(Advert::read(&mut &empty[..], "refs/heads/main").unwrap().at, None);
        assert_eq!(Advert::read(&mut &b"0000"[..], "refs/heads/main").unwrap(), Advert::default());
    }

    #[test]
    fn what_is_no_advert_is_told() {
        let other = said(&[&format!("{ONE} refs/heads/a\0object-format=sha256")]);
        for (bytes, told) in [
            (said(&["ERR access denied\n"]), "access denied"),
            (said(&["<html>"]), "is no reference"),
            (other, "sha256"),
            (b"<!DOCTYPE html>".to_vec(), "`<!DO` is no length"),
            (b"00".to_vec(), "ended too early"),
        ] {
            let fault = Advert::read(&mut &bytes[..], "refs/heads/main").unwrap_err().to_string();
            assert!(fault.contains(told), "{fault}");
        }
        assert!(
            skip_service(&mut &said(&["# service=git-upload-pack\n"])[..], "git-upload-pack")
                .is_ok()
        );
        assert!(skip_service(&mut &said(&["x"])[..], "git-upload-pack").is_err());
    }

    proptest! {
        #[test]
        fn no_lines_make_the_reader_panic(lines in prop::collection::vec("[0-9a-f]{0,41}[ \0a-z/]{0,12}", 0..5)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let _ = Advert::read(&mut &said(&lines)[..], "refs/heads/main");
        }
    }
}
