//! Lines of git's protocol: four digits of length, then bytes. gitprotocol-common(5).

use std::io::{self, Read};

/// The longest line, its length included.
pub(crate) const LINE_MAX: usize = 65_520;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pkt {
    /// Bytes.
    Data(Vec<u8>),
    /// `0000`: the end of a part.
    Flush,
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PktFault {
    /// The connection.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The connection ended where a line was due.
    #[error("the connection ended too early")]
    Ended,
    /// Something else than lines.
    #[error("`{0}` is no length of a line")]
    Length(String),
}

/// Writes bytes as a line.
///
/// They must be shorter than [`LINE_MAX`]: what we write is short.
pub(crate) fn line(out: &mut Vec<u8>, bytes: &[u8]) {
    assert!(bytes.len() + 4 <= LINE_MAX, "a line is not longer than the protocol allows");
    out.extend_from_slice(format!("{:04x}", bytes.len() + 4).as_bytes());
    out.extend_from_slice(bytes);
}

/// Ends a part.
pub(crate) fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// The next line; none where the connection ends before it.
pub(crate) fn next(from: &mut impl Read) -> Result<Option<Pkt>, PktFault> {
    let mut digits = [0; 4];
    let mut have = 0;
    while have < digits.len() {
        match from.read(&mut digits[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(PktFault::Ended),
            Ok(count) => have += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    let odd = || PktFault::Length(String::from_utf8_lossy(&digits).escape_debug().to_string());
    let text = std::str::from_utf8(&digits).map_err(|_| odd())?;
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(odd());
    }
    let len = usize::from_str_radix(text, 16).map_err(|_| odd())?;
    match len {
        0 => Ok(Some(Pkt::Flush)),
        4..=LINE_MAX => {
            let mut bytes = vec![0; len - 4];
            from.read_exact(&mut bytes).map_err(|fault| {
                let ended = fault.kind() == io::ErrorKind::UnexpectedEof;
                if ended { PktFault::Ended } else { fault.into() }
            })?;
            Ok(Some(Pkt::Data(bytes)))
        }
        _ => Err(odd()),
    }
}

/// A line without the break at its end.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_read_as_they_were_written(lines in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..300)), 0..9)) {
            let mut bytes = Vec::new();
            for one in &lines {
                match one {
                    Some(one) => line(&mut bytes, one),
                    None => flush(&mut bytes),
                }
            }
            let mut from = &bytes[..];
            for one in &lines {
                let read = next(&mut from).unwrap().unwrap();
                prop_assert_eq!(read, one.clone().map_or(Pkt::Flush, Pkt::Data));
            }
            prop_assert!(next(&mut from).unwrap().is_none());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut from = &bytes[..];
            while let Ok(Some(_)) = next(&mut from) {}
        }

        #[test]
        fn a_cut_line_is_told(len in 1_usize..200, cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            line(&mut bytes, &vec![b'x'; len]);
            let cut = 1 + cut.index(bytes.len() - 1);
            prop_assert!(matches!(next(&mut &bytes[..cut]), Err(PktFault::Ended)));
        }
    }

    #[test]
    fn lengths_that_no_line_has_are_refused() {
        for bytes in ["0001", "0002", "0003", "fff1", "00g0", "+004", "HTTP"] {
            assert!(matches!(next(&mut bytes.as_bytes()), Err(PktFault::Length(_))), "{bytes}");
        }
        assert_eq!(next(&mut &b"0004"[..]).unwrap(), Some(Pkt::Data(Vec::new())));
    }
}
