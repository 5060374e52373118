//! States on disk: snapshots, so that nobody has to fold from the start, and the beginning of a log whose first records are
//! no longer kept. Never trusted: what is in one is believed only if length, checksums, position and digest agree.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::digest::Digest;
use periplus_core::ids::Seq;
use periplus_core::record::FORMAT_VERSION;

use crate::checksum::Sum;
use crate::fault::{Fault, Spot, io};
use crate::folder::Kind;
use crate::fs::Staged;
use crate::head::{Body, Head, Packing};
use crate::header::{Header, Identity};
use crate::opened::Opened;
use crate::options::Fsync;
use crate::pack::{self, unpacking};

/// Which of the states that stand beside records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// One that the records lead to.
    Snapshot,
    /// The one that they begin with.
    Beginning,
}

impl Role {
    fn kind(self) -> Kind {
        match self {
            Self::Snapshot => Kind::Snapshot,
            Self::Beginning => Kind::Beginning,
        }
    }

    pub(crate) fn path(self, dir: &Path, seq: Seq) -> PathBuf {
        self.kind().path(dir, seq)
    }

    fn body(self, digest: Digest, packing: Packing) -> Body {
        match self {
            Self::Snapshot => Body::Snapshot { digest, packing },
            Self::Beginning => Body::Beginning { digest, packing },
        }
    }
}

/// Writes a state whose digest is known.
pub(crate) fn write(
    role: Role,
    dir: &Path,
    header: &Header,
    state: &State,
    digest: Digest,
    fsync: Fsync,
) -> Result<(), Fault> {
    let seq = state.seq();
    let mut staged = Staged::create(role.path(dir, seq))?;
    pack::pack(&mut staged, state.to_snapshot().as_slice(), |packing| Head {
        header: header.clone(),
        seq,
        body: role.body(digest, packing),
    })?;
    staged.commit(fsync)?;
    Ok(())
}

/// The state at a position.
pub(crate) fn load(role: Role, dir: &Path, seq: Seq, identity: Identity) -> Result<State, Fault> {
    let Some(opened) = Opened::open(dir, role.kind(), seq)? else {
        let missing = ErrorKind::NotFound.into();
        return Err(io(&role.path(dir, seq), "open the file")(missing));
    };
    let (path, head) = (opened.path.clone(), opened.head.clone());
    identity.check(&head.header, &path)?;
    let (Body::Snapshot { digest, packing } | Body::Beginning { digest, packing }) = head.body
    else {
        unreachable!("the head was read as a state's");
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
