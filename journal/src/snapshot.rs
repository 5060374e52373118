//! Snapshots: states on disk, so that nobody has to fold from the start. Never needed, and never trusted:
//! what is in one is believed only if length, checksums, position and digest agree.

use std::io::{ErrorKind, Read};
use std::path::Path;

use periplus_core::State;
use periplus_core::digest::Digest;
use periplus_core::ids::Seq;
use periplus_core::record::FORMAT_VERSION;

use crate::checksum::Sum;
use crate::fault::{Fault, Spot, io};
use crate::folder::Kind;
use crate::fs::Staged;
use crate::head::{Body, Head};
use crate::header::{Header, Identity};
use crate::opened::Opened;
use crate::options::Fsync;
use crate::pack::{self, unpacking};

/// Writes the snapshot of a state whose digest is known.
pub(crate) fn write(
    dir: &Path,
    header: &Header,
    state: &State,
    digest: Digest,
    fsync: Fsync,
) -> Result<(), Fault> {
    let seq = state.seq();
    let mut staged = Staged::create(Kind::Snapshot.path(dir, seq))?;
    pack::pack(&mut staged, state.to_snapshot().as_slice(), |packing| Head {
        header: header.clone(),
        seq,
        body: Body::Snapshot { digest, packing },
    })?;
    staged.commit(fsync)?;
    Ok(())
}

/// The state that the snapshot at a position holds.
pub(crate) fn load(dir: &Path, seq: Seq, identity: Identity) -> Result<State, Fault> {
    let Some(opened) = Opened::open(dir, Kind::Snapshot, seq)? else {
        let missing = ErrorKind::NotFound.into();
        return Err(io(&Kind::Snapshot.path(dir, seq), "open the file")(missing));
    };
    let (path, head) = (opened.path.clone(), opened.head.clone());
    identity.check(&head.header, &path)?;
    let Body::Snapshot { digest, packing } = head.body else {
        unreachable!("the head was read as a snapshot's");
    };
    // Records are lifted from format to format, states are not: the log leads to them.
    if head.header.format != FORMAT_VERSION {
        return Err(Fault::UnknownFormat {
            file: path,
            expected: FORMAT_VERSION,
            got: head.header.format,
        });
    }

    let unpacker = pack::unpack(opened, &packing)?;
    let mut bytes = Vec::new();
    let mut limited = unpacker.take(packing.content.bytes.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(unpacking(&path))?;
    let spot = Spot { file: path.clone(), offset: 0, seq };
    let mut sum = Sum::default();
    sum.add(&bytes);
    pack::check_content(sum, packing.content, spot.clone())?;

    let mut state = match State::from_snapshot(&bytes) {
        Ok(state) => state,
        Err(source) => return Err(Fault::Malformed { spot, source }),
    };
    let got = state.digest();
    if got != digest || state.seq() != seq {
        return Err(Fault::SnapshotDiffers { file: path, expected: digest, got });
    }
    Ok(state)
}
