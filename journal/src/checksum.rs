//! The running length and checksum of bytes that pass by.

use std::io::{self, Read, Write};

use crc32c::crc32c_append;

/// How many bytes there were, and their CRC-32C.
///
/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) finds every change within 32 neighbouring bits, so every
/// changed byte; and it has its own instruction on the processors that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

impl Sum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc = crc32c_append(self.crc, bytes);
    }

    /// The sum of everything that `source` still gives.
    pub(crate) fn of(source: &mut impl Read) -> io::Result<Self> {
        let mut summed = Summed::new(io::sink());
        io::copy(source, &mut summed)?;
        Ok(summed.sum)
    }
}

/// A reader or writer that sums what passes through it.
#[derive(Debug)]
pub(crate) struct Summed<T> {
    pub(crate) inner: T,
    pub(crate) sum: Sum,
}

impl<T> Summed<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, sum: Sum::default() }
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sum.add(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sum.add(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_parts_is_the_sum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut parts = Sum::default();
        for part in bytes.chunks(777) {
            parts.add(part);
        }
        assert_eq!(parts, Sum::of(&mut bytes.as_slice()).unwrap());
        // The check value of RFC 3720, and of every table of CRCs.
        assert_eq!(Sum::of(&mut b"123456789".as_slice()).unwrap().crc, 0xe306_9283);
    }
}
