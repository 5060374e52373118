//! What stands between leading and writing the log, and what a leader that has lost does before it ends.

use std::path::Path;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::{Leadership, Lost};

/// How often it is looked whether the log is free.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits until no other process holds the log: who led before may not have ended yet, or stand still.
///
/// # Errors
/// We lead no more.
pub async fn log_is_free(log: &Path, leadership: &mut Leadership) -> Result<(), Lost> {
    let free = async {
        let mut waits = false;
        // What else may be wrong with it is told by who opens it.
        while periplus_journal::is_held(log).unwrap_or(false) {
            if !waits {
                tracing::warn!(
                    log = %log.display(),
                    "another process holds the log, as who led before did; it is waited for"
                );
                waits = true;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        lost = leadership.lost() => Err(lost),
        () = free => Ok(()),
    }
}

/// Ends in order what can be ended in time. What hangs is cut off when the process ends, which must be before others lead.
pub async fn surrender(end: impl FnOnce() + Send + 'static, within: Duration) {
    let (ended, heard) = oneshot::channel();
    // Not one of the runtime's threads: the process waits for none of this one's.
    thread::spawn(move || {
        end();
        // Nobody may listen any more.
        let _ = ended.send(());
    });
    if timeout(within, heard).await.is_err() {
        tracing::warn!(?within, "not everything could be ended in time");
    }
}
