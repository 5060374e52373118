//! A clock that is never set, and that goes on while the machine sleeps.

use std::time::Duration;

/// The time since the machine was started.
#[cfg(target_os = "linux")]
pub(super) fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The time since this was asked first. It may stand while the machine sleeps.
#[cfg(not(target_os = "linux"))]
pub(super) fn now() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}
