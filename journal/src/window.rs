//! A window on a stream: the next bytes in one piece, without a copy for those who look at them.

use std::io::{self, Read};

/// How much is read at once. Larger than a record of 4,096 observations by far, so that few records lie
/// across two reads and have to be moved.
const WINDOW_BYTES: usize = 256 << 10;

/// The bytes of a stream that were read but not yet consumed.
#[derive(Debug)]
pub(crate) struct Window<R> {
    source: R,
    /// Grows to the largest record, and is reused.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Consumes the next `count` bytes, which must be there.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let taken = self.start..self.start + count;
        assert!(taken.end <= self.end, "only what is there");
        self.start = taken.end;
        &self.buffer[taken]
    }

    /// Reads until there are `wanted` bytes; false if the stream ends before. A stream that has ended may
    /// have grown at the next call.
    pub(crate) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.start < wanted || self.start == self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() < wanted.max(WINDOW_BYTES) {
                self.buffer.resize(wanted.max(WINDOW_BYTES), 0);
            }
        }
        while self.end - self.start < wanted {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// If there are only zeros up to the end of the stream, how many: consumes them. Otherwise none, and
    /// what was read is gone.
    pub(crate) fn zeros_to_the_end(&mut self) -> io::Result<Option<u64>> {
        let mut zeros = 0;
        loop {
            if self.bytes().iter().any(|byte| *byte != 0) {
                return Ok(None);
            }
            zeros += self.bytes().len() as u64;
            self.start = self.end;
            if !self.fill(1)? {
                return Ok(Some(zeros));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(7);
            self.0.read(&mut buffer[..count])
        }
    }

    #[test]
    fn pieces_come_out_whole_however_the_stream_comes_in() {
        let bytes: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut window = Window::new(Drip(&bytes));
        let mut seen: Vec<u8> = Vec::new();
        for size in (1..).map(|step| step * 13 % 997 + 1) {
            if !window.fill(size).unwrap() {
                break;
            }
            seen.extend(window.take(size));
        }
        seen.extend(window.bytes());
        assert_eq!(seen, bytes);
    }

    #[test]
    fn zeros_are_counted_only_if_nothing_else_follows() {
        let zeros = vec![0; 3 * WINDOW_BYTES + 5];
        let mut window = Window::new(zeros.as_slice());
        assert!(window.fill(8).unwrap());
        assert_eq!(window.zeros_to_the_end().unwrap(), Some(zeros.len() as u64));

        let followed = [zeros.as_slice(), &[1]].concat();
        let mut window = Window::new(followed.as_slice());
        assert_eq!(window.zeros_to_the_end().unwrap(), None);
    }
}
