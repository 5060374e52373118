//! Packs as they are sent: whole objects, and trees as deltas against trees that the other side has.
//!
//! Written here and not by libgit2, whose packs hold every object whole: a tree of ten thousand clusters is a third of a
//! megabyte, and its delta a hundred bytes. The format is that of gitformat-pack(5).

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use git2::{ObjectType, Oid};
use miniz_oxide::deflate::compress_to_vec_zlib;
use sha1::{Digest, Sha1};

use crate::tree::Run;

/// An object that is new.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: Oid,
    pub(crate) kind: ObjectType,
    pub(crate) bytes: Arc<[u8]>,
    /// How it is made of another.
    pub(crate) delta: Option<Delta>,
    /// It as it stands whole in a pack: it comes into the remote's and, later, into one of the cache.
    pub(crate) pressed: OnceLock<Arc<[u8]>>,
}

/// How an object is made of another.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    pub(crate) base: Oid,
    pub(crate) base_len: usize,
    pub(crate) runs: Arc<[Run]>,
}

/// Which objects may be sent as deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bases {
    /// Also those whose base the other side has.
    Elsewhere,
    /// Only those whose base is in the pack.
    Within,
}

/// How hard bytes are pressed: more costs more than it saves, on files of a kilobyte.
const LEVEL: u8 = 1;
/// A copy of a delta takes no more at once.
const COPY_MAX: usize = 0x1_0000;
/// An insertion of a delta takes no more at once.
const INSERT_MAX: usize = 127;

const REF_DELTA: u8 = 7;

/// The pack of these objects, each once.
pub(crate) fn pack<'i>(items: impl Iterator<Item = &'i Item>, bases: Bases) -> Vec<u8> {
    let mut within = BTreeSet::new();
    let mut out = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    for item in items {
        if !within.insert(item.id) {
            continue;
        }
        let usable = |delta: &&Delta| bases == Bases::Elsewhere || within.contains(&delta.base);
        match item.delta.as_ref().filter(usable) {
            Some(delta) => {
                let bytes = encode(delta, &item.bytes);
                header(&mut out, REF_DELTA, bytes.len());
                out.extend_from_slice(delta.base.as_bytes());
                out.extend_from_slice(&compress_to_vec_zlib(&bytes, LEVEL));
            }
            None => {
                header(&mut out, number(item.kind), item.bytes.len());
                let press = || compress_to_vec_zlib(&item.bytes, LEVEL).into();
                out.extend_from_slice(item.pressed.get_or_init(press));
            }
        }
    }
    let count = u32::try_from(within.len()).unwrap_or(u32::MAX);
    out[8..12].copy_from_slice(&count.to_be_bytes());
    let sum = Sha1::digest(&out);
    out.extend_from_slice(&sum);
    out
}

fn number(kind: ObjectType) -> u8 {
    match kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Tag => 4,
        ObjectType::Blob | ObjectType::Any => 3,
    }
}

/// The kind and the length of an object, seven bits at a time.
fn header(out: &mut Vec<u8>, kind: u8, len: usize) {
    let low = low_bits(len, 4);
    let mut rest = len >> 4;
    out.push(kind << 4 | low | if rest > 0 { 0x80 } else { 0 });
    while rest > 0 {
        let next = rest >> 7;
        out.push(low_bits(rest, 7) | if next > 0 { 0x80 } else { 0 });
        rest = next;
    }
}

fn low_bits(value: usize, bits: u32) -> u8 {
    u8::try_from(value & ((1 << bits) - 1)).unwrap_or(0)
}

fn encode(delta: &Delta, new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for mut len in [delta.base_len, new.len()] {
        while len >= 0x80 {
            out.push(low_bits(len, 7) | 0x80);
            len >>= 7;
        }
        out.push(low_bits(len, 7));
    }
    let mut place = 0;
    for run in &*delta.runs {
        match *run {
            Run::Copy { at, len } => {
                for from in (at..at + len).step_by(COPY_MAX) {
                    copy(&mut out, from, (at + len - from).min(COPY_MAX));
                }
                place += len;
            }
            Run::Insert { len } => {
                for piece in new[place..place + len].chunks(INSERT_MAX) {
                    out.push(low_bits(piece.len(), 7));
                    out.extend_from_slice(piece);
                }
                place += len;
            }
        }
    }
    assert_eq!(place, new.len(), "a delta makes the whole of what it is for");
    out
}

fn copy(out: &mut Vec<u8>, at: usize, len: usize) {
    let mark = out.len();
    out.push(0x80);
    for byte in 0..4 {
        let bits = low_bits(at >> (8 * byte), 8);
        if bits != 0 {
            out[mark] |= 1 << byte;
            out.push(bits);
        }
    }
    // No length at all is 0x10000.
    for byte in 0..2 {
        let bits = low_bits((len % COPY_MAX) >> (8 * byte), 8);
        if bits != 0 {
            out[mark] |= 0x10 << byte;
            out.push(bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn item(kind: ObjectType, bytes: &[u8]) -> Item {
        Item {
            id: Oid::hash_object(kind, bytes).unwrap(),
            kind,
            bytes: bytes.into(),
            delta: None,
            pressed: OnceLock::new(),
        }
    }

    /// Bytes, and others that are made of them.
    fn made(old: &[u8], cuts: &[(usize, usize, Vec<u8>)]) -> (Vec<u8>, Vec<Run>) {
        let (mut new, mut runs) = (Vec::new(), Vec::new());
        for (at, len, inserted) in cuts {
            let at = at % old.len();
            let len = len % (old.len() - at);
            if len > 0 {
                new.extend_from_slice(&old[at..at + len]);
                runs.push(Run::Copy { at, len });
            }
            if !inserted.is_empty() {
                new.extend_from_slice(inserted);
                runs.push(Run::Insert { len: inserted.len() });
            }
        }
        (new, runs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn git_reads_every_object_as_it_was_packed(
            size in 1_usize..300_000,
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..5),
            cuts in prop::collection::vec((any::<usize>(), any::<usize>(), prop::collection::vec(any::<u8>(), 0..300)), 1..5),
        ) {
            let old: Vec<u8> = (0..size).map(|at| low_bits(at.wrapping_mul(2_654_435_761) >> 13, 8)).collect();
            let (new, runs) = made(&old, &cuts);
            let base = item(ObjectType::Blob, &old);
            let mut next = item(ObjectType::Blob, &new);
            next.delta = Some(Delta { base: base.id, base_len: old.len(), runs: runs.into() });
            for bases in [Bases::Elsewhere, Bases::Within] {
                let home = tempfile::tempdir().unwrap();
                let repository = git2::Repository::init_bare(home.path()).unwrap();
                let odb = repository.odb().unwrap();
                odb.write(ObjectType::Blob, &old).unwrap();
                let mut items: Vec<Item> = texts.iter().map(|text| item(ObjectType::Blob, text)).collect();
                items.push(next.clone());
                items.push(next.clone());
                let mut writer = odb.packwriter().unwrap();
                writer.write_all(&pack(items.iter(), bases)).unwrap();
                writer.commit().unwrap();
                odb.refresh().unwrap();
                for item in &items {
                    let read = odb.read(item.id).unwrap();
                    prop_assert_eq!(read.data(), &*item.bytes);
                }
            }
        }
    }

    #[test]
    fn an_edited_tree_of_thousands_is_sent_in_a_hundred_bytes() {
        let old: Vec<u8> = (0..9_000_u32).flat_map(|at| Sha1::digest(at.to_be_bytes())).collect();
        let (new, runs) = made(&old, &[(0, 90_000, vec![7; 20]), (90_020, usize::MAX, Vec::new())]);
        let mut item = item(ObjectType::Blob, &new);
        item.delta = Some(Delta { base: Oid::ZERO_SHA1, base_len: old.len(), runs: runs.into() });
        assert!(pack([item.clone()].iter(), Bases::Elsewhere).len() < 150);
        assert!(pack([item].iter(), Bases::Within).len() > 100_000);
    }
}
