//! Time for those who wait: between attempts, and for a host that takes only so much.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A clock, and waiting.
pub trait Pace: Send + Sync {
    /// Milliseconds since any moment that stays the same.
    fn now_ms(&self) -> u64;
    /// Waits for so long.
    fn pause(&self, span: Duration);
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Wall(Instant);

impl Default for Wall {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Pace for Wall {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn pause(&self, span: Duration) {
        // Nobody ever sends: what is waited for is the end of the span.
        let (_nobody, nothing) = mpsc::channel::<()>();
        let _ = nothing.recv_timeout(span);
    }
}

/// The first pause between attempts.
const PAUSE_FIRST_MS: u64 = 20;
/// The longest.
const PAUSE_MAX_MS: u64 = 2_000;

/// How long to wait after so many attempts: twice as long each time, up to a limit. Without luck, as tests repeat.
pub(crate) fn pause_after(attempts: u32) -> Duration {
    let factor = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_millis(PAUSE_FIRST_MS.saturating_mul(factor).min(PAUSE_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let ms = |attempts| pause_after(attempts).as_millis();
        assert_eq!([ms(1), ms(2), ms(3), ms(8), ms(1_000)], [20, 40, 80, 2_000, 2_000]);
    }
}
