//! Asking a remote to move a reference from what it was to what it becomes, and reading its report.
//!
//! The old value in the command is the compare-and-swap: a remote that holds another refuses.

use std::io::Read;

use git2::Oid;

use super::advert::Advert;
use super::pkt::{self, Pkt, PktFault};
use super::{AGENT, Broken, shown};
use crate::secret::SAID_MAX;

/// What is asked of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command<'r> {
    /// Where it is; nowhere if it is to be made.
    pub(crate) old: Option<Oid>,
    /// Where it goes.
    pub(crate) new: Oid,
    /// Its name in full.
    pub(crate) reference: &'r str,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whether it was moved; else the reason.
    pub(crate) moved: Result<(), String>,
    /// What hooks and the server itself said.
    pub(crate) told: Vec<u8>,
}

/// How long a report may be, in bytes.
const REPORT_MAX: u64 = 1 << 20;

/// What is sent before the pack.
pub(crate) fn request(command: &Command<'_>, advert: &Advert) -> Vec<u8> {
    let Command { old, new, reference } = command;
    let wanted = ["report-status", "side-band-64k", "quiet"];
    let able: Vec<&str> = wanted.into_iter().filter(|ability| advert.can(ability)).collect();
    let old = old.unwrap_or(Oid::ZERO_SHA1);
    let text = format!("{old} {new} {reference}\0 {} {AGENT}", able.join(" "));
    let mut out = Vec::new();
    pkt::line(&mut out, text.as_bytes());
    pkt::flush(&mut out);
    out
}

/// Reads the report on `reference`.
pub(crate) fn report(
    from: &mut impl Read,
    reference: &str,
    advert: &Advert,
) -> Result<Report, Broken> {
    let mut told = Vec::new();
    let moved = if advert.can("side-band-64k") {
        let inner = unmixed(from, &mut told)?;
        lines(&mut &inner[..], reference)?
    } else {
        lines(&mut from.take(REPORT_MAX), reference)?
    };
    Ok(Report { moved, told })
}

/// The first band; the second and third are told.
fn unmixed(from: &mut impl Read, told: &mut Vec<u8>) -> Result<Vec<u8>, Broken> {
    let mut inner = Vec::new();
    let mut room = REPORT_MAX;
    loop {
        let bytes = match pkt::next(from)? {
            Some(Pkt::Data(bytes)) => bytes,
            Some(Pkt::Flush) => return Ok(inner),
            None => return Err(PktFault::Ended.into()),
        };
        room = room
            .checked_sub(bytes.len() as u64)
            .ok_or(Broken::Limit { what: "the report", limit: REPORT_MAX })?;
        match bytes.split_first() {
            Some((1, rest)) => inner.extend_from_slice(rest),
            Some((2 | 3, rest)) if told.len() < SAID_MAX => told.extend_from_slice(rest),
            Some((2 | 3, _)) | None => {}
            Some(_) => return Err(Broken::Odd(format!("`{}` is of no band", shown(&bytes)))),
        }
    }
}

fn lines(from: &mut impl Read, reference: &str) -> Result<Result<(), String>, Broken> {
    let mut unpacked = None;
    let mut moved = None;
    loop {
        let bytes = match pkt::next(from)? {
            Some(Pkt::Data(bytes)) => bytes,
            Some(Pkt::Flush) => break,
            None => return Err(PktFault::Ended.into()),
        };
        let line = String::from_utf8_lossy(pkt::trimmed(&bytes)).into_owned();
        if let Some(how) = line.strip_prefix("unpack ") {
            unpacked = Some(how.to_owned());
        } else if line.strip_prefix("ok ") == Some(reference) {
            moved = Some(Ok(()));
        } else if let Some(reason) =
            line.strip_prefix("ng ").and_then(|rest| rest.strip_prefix(reference))
        {
            moved = Some(Err(shown(reason.as_bytes())));
        } else if !line.starts_with("option ") {
            return Err(Broken::Odd(format!("`{}` is no line of a report", shown(&bytes))));
        }
    }
    match (unpacked.as_deref(), moved) {
        (Some("ok"), Some(moved)) => Ok(moved),
        (Some("ok"), None) => Err(Broken::Odd(format!("its report does not name {reference}"))),
        (Some(how), _) => Ok(Err(format!("it could not take the pack: {}", shown(how.as_bytes())))),
        (None, _) => {
            Err(Broken::Odd("its report does not say whether it took the pack".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "refs/heads/main";

    fn plain(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines {
            pkt::line(&mut out, line.as_bytes());
        }
        pkt::flush(&mut out);
        out
    }

    fn advert(abilities: &str) -> Advert {
        let bytes = plain(&[&format!("{} x\0{abilities}", Oid::ZERO_SHA1)]);
        Advert::read(&mut &bytes[..], MAIN).unwrap()
    }

    #[test]
    fn the_old_value_is_part_of_what_is_asked() {
        let command =
            Command { old: None, new: Oid::from_bytes(&[0x22; 20]).unwrap(), reference: MAIN };
        let bytes = request(&command, &advert("report-status quiet atomic"));
        let text = String::from_utf8(bytes).unwrap();
        let old = "0".repeat(40);
        let new = "2".repeat(40);
        assert!(
            text[4..]
                .starts_with(&format!("{old} {new} {MAIN}\0 report-status quiet agent=periplus/")),
            "{text}"
        );
        assert!(text.ends_with("0000"));
    }

    #[test]
    fn reports_are_read_with_and_without_bands() {
        let ok = plain(&["unpack ok\n", "ok refs/heads/main\n"]);
        assert_eq!(report(&mut &ok[..], MAIN, &advert("")).unwrap().moved, Ok(()));
        let no = plain(&["unpack ok\n", "ng refs/heads/main pre-receive hook declined\n"]);
        let mut bands = Vec::new();
        pkt::line(&mut bands, b"\x02no friday deploys\n");
        for piece in no.chunks(9) {
            pkt::line(&mut bands, &[&[1], piece].concat());
        }
        pkt::flush(&mut bands);
        let read = report(&mut &bands[..], MAIN, &advert("side-band-64k")).unwrap();
        assert_eq!(read.moved, Err("pre-receive hook declined".to_owned()));
        assert_eq!(read.told, b"no friday deploys\n");
    }

    #[test]
    fn what_is_no_report_leaves_us_in_doubt() {
        for lines in [&["unpack ok\n"][..], &[], &["ok refs/heads/main\n"], &["hello"]] {
            assert!(report(&mut &plain(lines)[..], MAIN, &advert("")).is_err(), "{lines:?}");
        }
        let cut = &plain(&["unpack ok\n", "ok refs/heads/main\n"])[..20];
        assert!(report(&mut &cut[..], MAIN, &advert("")).is_err());
        let broken =
            plain(&["unpack index-pack abnormal exit\n", "ng refs/heads/main unpacker error\n"]);
        let read = report(&mut &broken[..], MAIN, &advert("")).unwrap();
        assert!(read.moved.unwrap_err().contains("index-pack"));
    }
}
