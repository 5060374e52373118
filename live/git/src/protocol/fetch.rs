//! Asking a remote for what leads to a commit, and reading the pack that it sends.

use std::io::Read;

use git2::Oid;

use super::advert::Advert;
use super::pkt::{self, Pkt, PktFault};
use super::{AGENT, Broken, shown};

/// How many bytes of a pack are taken.
const PACK_MAX: u64 = 16 << 30;
/// How many lines may stand before the pack.
const ANSWERS_MAX: usize = 1_000;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'q> {
    /// The commits or tags.
    pub(crate) wants: &'q [Oid],
    /// What we have, with all that leads to it.
    pub(crate) have: &'q [Oid],
    /// How much of what leads to them.
    pub(crate) past: Past,
}

/// How much of the past of a commit is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// All of it.
    Whole,
    /// None of it, where the remote is able to leave it out.
    None,
}

impl Question<'_> {
    fn is_shallow(&self, advert: &Advert) -> bool {
        self.past == Past::None && advert.can("shallow")
    }
}

/// The bytes of a question.
pub(crate) fn request(question: &Question<'_>, advert: &Advert) -> Vec<u8> {
    let wanted = ["side-band-64k", "ofs-delta", "thin-pack", "no-progress"];
    let able: Vec<&str> = wanted.into_iter().filter(|ability| advert.can(ability)).collect();
    let mut out = Vec::new();
    for (place, want) in question.wants.iter().enumerate() {
        let able = if place == 0 { format!(" {} {AGENT}", able.join(" ")) } else { String::new() };
        pkt::line(&mut out, format!("want {want}{able}\n").as_bytes());
    }
    if question.is_shallow(advert) {
        pkt::line(&mut out, b"deepen 1\n");
    }
    pkt::flush(&mut out);
    for id in question.have {
        pkt::line(&mut out, format!("have {id}\n").as_bytes());
    }
    pkt::line(&mut out, b"done\n");
    out
}

/// Reads the pack, piece by piece.
pub(crate) fn pack(
    from: &mut impl Read,
    question: &Question<'_>,
    advert: &Advert,
    mut piece: impl FnMut(&[u8]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    if question.is_shallow(advert) {
        skip_shallow(from)?;
    }
    for _ in 0..ANSWERS_MAX {
        let Some(Pkt::Data(bytes)) = pkt::next(from)? else { return Err(PktFault::Ended.into()) };
        if let Some(told) = bytes.strip_prefix(b"ERR ") {
            return Err(Broken::Told(shown(told)));
        }
        if bytes.starts_with(b"NAK") || bytes.starts_with(b"ACK ") {
            let continues = [&b" continue"[..], b" common", b" ready"];
            if continues.iter().any(|end| pkt::trimmed(&bytes).ends_with(end)) {
                continue;
            }
            let mut room = PACK_MAX;
            let mut bounded = |bytes: &[u8]| {
                room = room
                    .checked_sub(bytes.len() as u64)
                    .ok_or(Broken::Limit { what: "the pack", limit: PACK_MAX })?;
                piece(bytes)
            };
            return if advert.can("side-band-64k") {
                banded(from, &mut bounded)
            } else {
                plain(from, &mut bounded)
            };
        }
        return Err(Broken::Odd(format!("`{}` stands where the pack should begin", shown(&bytes))));
    }
    Err(Broken::Limit { what: "the number of lines before the pack", limit: ANSWERS_MAX as u64 })
}

/// Reads past the commits whose past is left out.
fn skip_shallow(from: &mut impl Read) -> Result<(), Broken> {
    for _ in 0..ANSWERS_MAX {
        match pkt::next(from)? {
            Some(Pkt::Flush) => return Ok(()),
            Some(Pkt::Data(bytes)) if bytes.starts_with(b"shallow ") => {}
            Some(Pkt::Data(bytes)) => {
                return Err(match bytes.strip_prefix(b"ERR ") {
                    Some(told) => Broken::Told(shown(told)),
                    None => Broken::Odd(format!("`{}` tells of no commit", shown(&bytes))),
                });
            }
            None => return Err(PktFault::Ended.into()),
        }
    }
    Err(Broken::Limit { what: "the number of shallow commits", limit: ANSWERS_MAX as u64 })
}

fn banded(
    from: &mut impl Read,
    piece: &mut impl FnMut(&[u8]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    loop {
        let bytes = match pkt::next(from)? {
            Some(Pkt::Data(bytes)) => bytes,
            Some(Pkt::Flush) => return Ok(()),
            None => return Err(PktFault::Ended.into()),
        };
        match bytes.split_first() {
            Some((1, rest)) => piece(rest)?,
            // Progress, or a second answer to what we have.
            Some((2 | b'N' | b'A', _)) | None => {}
            Some((3, rest)) => return Err(Broken::Told(shown(rest))),
            Some(_) => return Err(Broken::Odd(format!("`{}` is of no band", shown(&bytes)))),
        }
    }
}

fn plain(
    from: &mut impl Read,
    piece: &mut impl FnMut(&[u8]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut room = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut room).map_err(PktFault::from)?;
        if count == 0 {
            return Ok(());
        }
        piece(&room[..count])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advert(abilities: &str) -> Advert {
        let mut bytes = Vec::new();
        pkt::line(&mut bytes, format!("{} x\0{abilities}", Oid::ZERO_SHA1).as_bytes());
        pkt::flush(&mut bytes);
        Advert::read(&mut &bytes[..], "refs/heads/main").unwrap()
    }

    fn read(bytes: &[u8], advert: &Advert) -> Result<Vec<u8>, Broken> {
        asked(Past::Whole, bytes, advert)
    }

    fn asked(past: Past, bytes: &[u8], advert: &Advert) -> Result<Vec<u8>, Broken> {
        let mut got = Vec::new();
        let question = Question { wants: &[Oid::ZERO_SHA1], have: &[], past };
        pack(&mut &bytes[..], &question, advert, |piece| {
            got.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(got)
    }

    #[test]
    fn the_pack_is_read_with_and_without_bands() {
        let mut bytes = Vec::new();
        pkt::line(&mut bytes, b"NAK\n");
        let plain = [&bytes[..], b"PACK..."].concat();
        assert_eq!(read(&plain, &advert("")).unwrap(), b"PACK...");
        pkt::line(&mut bytes, b"\x01PA");
        pkt::line(&mut bytes, b"\x02counting");
        pkt::line(&mut bytes, b"\x01CK");
        let cut = bytes.clone();
        pkt::flush(&mut bytes);
        assert_eq!(read(&bytes, &advert("side-band-64k")).unwrap(), b"PACK");
        assert!(read(&cut, &advert("side-band-64k")).is_err());
    }

    #[test]
    fn the_past_is_left_out_where_the_remote_can() {
        let question = Question { wants: &[Oid::ZERO_SHA1], have: &[], past: Past::None };
        let asks = |abilities| {
            String::from_utf8(request(&question, &advert(abilities))).unwrap().contains("deepen 1")
        };
        assert!(asks("shallow") && !asks(""));
        let mut bytes = Vec::new();
        pkt::line(&mut bytes, format!("shallow {}", Oid::ZERO_SHA1).as_bytes());
        pkt::flush(&mut bytes);
        pkt::line(&mut bytes, b"NAK\n");
        bytes.extend_from_slice(b"PACK...");
        assert_eq!(asked(Past::None, &bytes, &advert("shallow")).unwrap(), b"PACK...");
        let mut refused = Vec::new();
        pkt::line(&mut refused, b"ERR upload-pack: not our ref\n");
        let told = asked(Past::None, &refused, &advert("shallow")).unwrap_err().to_string();
        assert!(told.contains("not our ref"), "{told}");
    }

    #[test]
    fn errors_of_the_server_are_told() {
        let mut early = Vec::new();
        pkt::line(&mut early, b"ERR upload-pack: not our ref\n");
        assert!(read(&early, &advert("")).unwrap_err().to_string().contains("not our ref"));
        let mut late = Vec::new();
        pkt::line(&mut late, b"NAK\n");
        pkt::line(&mut late, b"\x03out of memory\n");
        assert!(
            read(&late, &advert("side-band-64k"))
                .unwrap_err()
                .to_string()
                .contains("out of memory")
        );
    }
}
