//! Small packs of the cache put together into one, byte by byte: nothing is unpacked, and nothing is named anew.
//!
//! The formats are those of gitformat-pack(5). Every pack of a cache is whole: bases of its deltas are in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use git2::Oid;
use sha1::{Digest, Sha1};

/// Where an object is chosen from: the pack, and its place there.
type Choice = (usize, usize);

/// How deltas against a place are numbered, and those against a name.
const OFS_DELTA: u8 = 6;
const REF_DELTA: u8 = 7;
/// How long the header of a pack is, and the sum at its end.
const HEADER: usize = 12;
const SUM: usize = 20;

/// Makes one pack of several, and gives its path; none where they hold nothing.
///
/// Of an object that is in several packs, a whole one is taken before a delta, and the first before others: so chains of deltas
/// stay short, and none leads back to where it began.
pub(crate) fn put_together(folder: &Path, packs: &[PathBuf]) -> Result<Option<PathBuf>, String> {
    let mut chosen: BTreeMap<Oid, (Choice, Kind)> = BTreeMap::new();
    for (number, path) in packs.iter().enumerate() {
        let pack = Pack::read(path)?;
        for (id, at) in &pack.places {
            let kind = pack.kind(*at)?;
            let here = ((number, *at), kind);
            let best = chosen.entry(*id).or_insert(here);
            if best.1 == Kind::Delta && kind == Kind::Whole {
                *best = here;
            }
        }
    }
    if chosen.is_empty() {
        return Ok(None);
    }
    let mut out = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let count = u32::try_from(chosen.len()).map_err(|_| "there are too many objects")?;
    out[8..HEADER].copy_from_slice(&count.to_be_bytes());
    let mut index = BTreeMap::new();
    for (number, path) in packs.iter().enumerate() {
        let pack = Pack::read(path)?;
        for (id, at) in &pack.places {
            if chosen[id].0 == (number, *at) {
                let begins = out.len();
                pack.copy(*at, &mut out)?;
                let place = u32::try_from(begins).ok().filter(|place| place >> 31 == 0);
                index.insert(*id, (place.ok_or("the packs are too large")?, crc(&out[begins..])));
            }
        }
    }
    let sum = Sha1::digest(&out);
    out.extend_from_slice(&sum);
    write(folder, &out, &index).map(Some).map_err(|fault| fault.to_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Delta,
}

/// A pack, and where its objects begin.
struct Pack {
    bytes: Vec<u8>,
    /// In the order of their places.
    places: Vec<(Oid, usize)>,
}

impl Pack {
    fn read(path: &Path) -> Result<Self, String> {
        let read = |path: &Path| fs::read(path).map_err(|fault| fault.to_string());
        let (bytes, index) = (read(path)?, read(&path.with_extension("idx"))?);
        let mut places = places(&index).ok_or("the index of a pack is broken")?;
        places.sort_by_key(|(_, at)| *at);
        let end = bytes.len().saturating_sub(SUM);
        if places.iter().any(|(_, at)| *at < HEADER || *at >= end) {
            return Err("the index of a pack is another's".to_owned());
        }
        Ok(Self { bytes, places })
    }

    fn byte(&self, at: usize) -> Result<u8, String> {
        self.bytes.get(at).copied().ok_or_else(|| "a pack ends too early".to_owned())
    }

    fn kind(&self, at: usize) -> Result<Kind, String> {
        let kind = (self.byte(at)? >> 4) & 7;
        Ok(if kind == OFS_DELTA || kind == REF_DELTA { Kind::Delta } else { Kind::Whole })
    }

    /// Copies an object. One that is made of another by its place is made of it by its name.
    fn copy(&self, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let next = self.places.partition_point(|(_, place)| *place <= at);
        let end = self.places.get(next).map_or(self.bytes.len() - SUM, |(_, place)| *place);
        let first = self.byte(at)?;
        if (first >> 4) & 7 != OFS_DELTA {
            out.extend_from_slice(&self.bytes[at..end]);
            return Ok(());
        }
        let mut cursor = at + 1;
        let mut last = first;
        while last & 0x80 != 0 {
            last = self.byte(cursor)?;
            cursor += 1;
        }
        out.push((first & 0x8f) | REF_DELTA << 4);
        out.extend_from_slice(&self.bytes[at + 1..cursor]);
        let mut last = self.byte(cursor)?;
        let mut back = usize::from(last & 0x7f);
        cursor += 1;
        while last & 0x80 != 0 {
            last = self.byte(cursor)?;
            cursor += 1;
            back = (back + 1).checked_mul(128).ok_or("a base is too far away")?
                + usize::from(last & 0x7f);
        }
        let base = at.checked_sub(back).and_then(|base| {
            let place = self.places.binary_search_by_key(&base, |(_, place)| *place).ok()?;
            Some(self.places[place].0)
        });
        out.extend_from_slice(base.ok_or("a base is in no place of its pack")?.as_bytes());
        out.extend_from_slice(self.bytes.get(cursor..end).ok_or("a pack ends too early")?);
        Ok(())
    }
}

/// The objects that an index names, and their places; none where it is not of version 2, or of a pack of gigabytes.
fn places(index: &[u8]) -> Option<Vec<(Oid, usize)>> {
    const FAN_END: usize = 8 + 256 * 4;
    if index.get(..8)? != b"\xfftOc\0\0\0\x02" {
        return None;
    }
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    let count = usize::try_from(number(index.get(FAN_END - 4..FAN_END)?)?).ok()?;
    let names = index.get(FAN_END..FAN_END + count * 20)?;
    let places = index.get(FAN_END + count * 24..FAN_END + count * 28)?;
    names
        .chunks_exact(20)
        .zip(places.chunks_exact(4))
        .map(|(name, place)| {
            let place = number(place).filter(|place| place >> 31 == 0)?;
            Some((Oid::from_bytes(name).ok()?, usize::try_from(place).ok()?))
        })
        .collect()
}

/// Writes a pack whose sum stands at its end, then its index: a pack without one is not there.
fn write(
    folder: &Path,
    pack: &[u8],
    index: &BTreeMap<Oid, (u32, u32)>,
) -> std::io::Result<PathBuf> {
    let sum = &pack[pack.len() - SUM..];
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    let mut below = 0_u32;
    let mut names = index.keys().peekable();
    for first in 0..=u8::MAX {
        while names.next_if(|name| name.as_bytes()[0] == first).is_some() {
            below += 1;
        }
        out.extend_from_slice(&below.to_be_bytes());
    }
    index.keys().for_each(|name| out.extend_from_slice(name.as_bytes()));
    index.values().for_each(|(_, crc)| out.extend_from_slice(&crc.to_be_bytes()));
    index.values().for_each(|(place, _)| out.extend_from_slice(&place.to_be_bytes()));
    out.extend_from_slice(sum);
    let own = Sha1::digest(&out);
    out.extend_from_slice(&own);
    let name: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("pack-{name}.pack"));
    let draft = folder.join(format!("pack-{name}.draft"));
    fs::write(&path, pack)?;
    fs::write(&draft, &out)?;
    fs::rename(&draft, path.with_extension("idx"))?;
    Ok(path)
}

/// The sum that an index keeps of an object: CRC-32 of ISO 3309.
fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0_u32;
        while at < 256 {
            let mut value = at;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at as usize] = value;
            at += 1;
        }
        table
    };
    let step = |sum: u32, byte: &u8| sum >> 8 ^ TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)];
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_sum_is_that_of_everybody_else() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            pack in prop::collection::vec(any::<u8>(), 0..80),
            index in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("a.pack");
            let mut whole = b"\xfftOc\0\0\0\x02".to_vec();
            whole.extend(std::iter::repeat_n(0, 1_020));
            whole.extend_from_slice(&[0, 0, 0, 1]);
            whole.extend_from_slice(&index);
            fs::write(&path, &pack).unwrap();
            fs::write(path.with_extension("idx"), &whole).unwrap();
            let _ = put_together(home.path(), &[path]);
        }
    }
}
