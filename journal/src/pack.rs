//! Compressed files: a head that says what is in them, then one zstd frame.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zstd::stream::{read::Decoder, write::Encoder};

use crate::checksum::{Sum, Summed};
use crate::fault::{Fault, Part, Spot, io};
use crate::fs::Staged;
use crate::head::{Head, Packing};
use crate::opened::Opened;

/// On demand batches level 3 takes twice as long as this one and saves seven bytes in a hundred.
const LEVEL: i32 = 1;

/// What unpacks the bytes of a compressed file.
pub(crate) type Unpacker = Decoder<'static, BufReader<File>>;

/// Writes `content`, compressed, behind the head that `head` makes of what is then known about it.
pub(crate) fn pack(
    staged: &mut Staged,
    content: impl Read,
    head: impl Fn(Packing) -> Head,
) -> Result<Packing, Fault> {
    let Staged { file, temporary, .. } = staged;
    let write = || {
        // Its length does not depend on what is known, so its place can be kept free.
        file.write_all(&head(Packing::default()).encode())?;
        let mut content = Summed::new(content);
        let mut encoder = Encoder::new(Summed::new(&mut *file), LEVEL)?;
        io::copy(&mut content, &mut encoder)?;
        let packing = Packing { content: content.sum, packed: encoder.finish()?.sum };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head(packing).encode())?;
        Ok(packing)
    };
    write().map_err(io(temporary, "compress into the file"))
}

/// Checks the compressed bytes, then unpacks them.
///
/// All of them are read twice, but the checksum is found wrong before zstd sees a byte and before the
/// first record is given out.
pub(crate) fn unpack(opened: Opened, packing: &Packing) -> Result<Unpacker, Fault> {
    check_length(&opened, packing)?;
    let Opened { path, head, head_bytes, mut file } = opened;
    let got = Sum::of(&mut file).map_err(io(&path, "read"))?;
    if got != packing.packed {
        return Err(Fault::Checksum {
            spot: Spot { file: path, offset: head_bytes, seq: head.seq },
            part: Part::Packed,
            expected: packing.packed.crc,
            got: got.crc,
        });
    }
    file.seek(SeekFrom::Start(head_bytes))
        .and_then(|_| Decoder::new(file))
        .map_err(io(&path, "read"))
}

/// Checks that a compressed file was neither cut nor added to.
pub(crate) fn check_length(opened: &Opened, packing: &Packing) -> Result<(), Fault> {
    let Opened { path, head_bytes, file, .. } = opened;
    let got = file.metadata().map_err(io(path, "read"))?.len();
    let expected = head_bytes.saturating_add(packing.packed.bytes);
    if got == expected {
        return Ok(());
    }
    Err(Fault::Length { file: path.clone(), expected, got })
}

/// Checks that what was unpacked is what was packed.
pub(crate) fn check_content(got: Sum, expected: Sum, spot: Spot) -> Result<(), Fault> {
    if got.bytes != expected.bytes {
        return Err(Fault::Miscounted {
            spot,
            unit: "bytes",
            expected: expected.bytes,
            got: got.bytes,
        });
    }
    if got.crc != expected.crc {
        return Err(Fault::Checksum {
            spot,
            part: Part::Content,
            expected: expected.crc,
            got: got.crc,
        });
    }
    Ok(())
}

/// For `map_err`: what to make of an error that came out of an [`Unpacker`].
pub(crate) fn unpacking(path: &Path) -> impl FnOnce(io::Error) -> Fault + use<'_> {
    move |source| match source.raw_os_error() {
        Some(_) => io(path, "read")(source),
        None => Fault::Unpack { file: path.to_owned(), source },
    }
}
