//! Letting go of old records, beside the desk: a log that only grows ends on a full disk.

use std::sync::Arc;
use std::time::Duration;

use periplus_core::units::{Span, Tick};
use periplus_journal::{Fault, Keeper, Let};

use crate::service::Clock;

/// How often it is looked whether anything is old.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// What is let go of.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Who lets go.
    pub keeper: Keeper,
    /// How long records are kept; for ever where nothing is said.
    pub keep: Option<Span>,
    /// Tick 0, in milliseconds since 1970-01-01 UTC.
    pub epoch_unix_ms: i64,
}

impl Retention {
    /// Looks again and again, until it is dropped.
    pub async fn run(self, clock: Arc<dyn Clock>) {
        let mut last_fault = None;
        loop {
            let now = clock.now_unix_ms();
            let retention = self.clone();
            let looked = tokio::task::spawn_blocking(move || retention.look(now)).await;
            let fault = match looked {
                Ok(Ok(let_go)) => {
                    tell(let_go);
                    None
                }
                Ok(Err(fault)) => Some(fault.to_string()),
                Err(panic) => Some(panic.to_string()),
            };
            if let Some(fault) = fault.as_ref().filter(|fault| last_fault.as_ref() != Some(*fault))
            {
                tracing::warn!("the log lets go of nothing more: {fault}");
            }
            last_fault = fault;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets go of what is old at a time.
    ///
    /// # Errors
    /// What stands in the way. Nothing is lost then that should have been kept.
    pub fn look(&self, now_unix_ms: i64) -> Result<Let, Fault> {
        let thinned = self.keeper.thin()?;
        let Some(keep) = self.keep else { return Ok(thinned) };
        let now = u64::try_from(now_unix_ms.saturating_sub(self.epoch_unix_ms)).unwrap_or(0);
        let forgotten = self.keeper.forget(Tick(now.saturating_sub(keep.0)))?;
        Ok(Let {
            segments: forgotten.segments,
            snapshots: thinned.snapshots + forgotten.snapshots,
            bytes: thinned.bytes + forgotten.bytes,
        })
    }
}

fn tell(let_go: Let) {
    let Let { segments, snapshots, bytes } = let_go;
    if segments > 0 {
        tracing::info!(segments, snapshots, bytes, "old records are no longer kept");
    } else if snapshots > 0 {
        tracing::debug!(snapshots, bytes, "spare snapshots are no longer kept");
    }
}
