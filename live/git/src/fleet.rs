//! Several writers at once: each on a thread of its own, so many at a time, and each host as often as it takes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::bucket::{Bucket, Rate};
use crate::commit::Commit;
use crate::fault::Fault;
use crate::pace::{Pace, Wall};
use crate::writer::{Outcome, Writer};

/// The name of a writer among others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub String);

impl fmt::Display for TargetId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How several writers write.
#[derive(Clone)]
pub struct FleetOptions {
    /// How many push at the same time.
    pub at_once: usize,
    /// How many pushes each host takes; all of them if it is none. Folders of this machine take all.
    pub rate: Option<Rate>,
    /// Who waits for a host.
    pub pace: Arc<dyn Pace>,
}

impl Default for FleetOptions {
    /// Eight at once, and ten pushes, then one a second, to each host.
    fn default() -> Self {
        Self {
            at_once: 8,
            rate: Some(Rate { burst: 10, per_minute: 60 }),
            pace: Arc::new(Wall::default()),
        }
    }
}

impl fmt::Debug for FleetOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_once, rate, pace: _ } = self;
        out.debug_struct("FleetOptions")
            .field("at_once", at_once)
            .field("rate", rate)
            .finish_non_exhaustive()
    }
}

/// Several writers.
#[derive(Debug, Default)]
pub struct Writers {
    writers: BTreeMap<TargetId, Writer>,
    options: FleetOptions,
    hosts: Mutex<BTreeMap<String, Bucket>>,
}

/// What one writer has to write: where each stood in the list, and what it is.
struct Job<'w> {
    writer: &'w mut Writer,
    commits: Vec<(usize, Commit)>,
}

impl Writers {
    /// No writers yet.
    #[must_use]
    pub fn new(options: FleetOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Adds a writer, in place of one of the same name.
    pub fn add(&mut self, id: TargetId, writer: Writer) {
        self.writers.insert(id, writer);
    }

    /// A writer.
    pub fn writer(&mut self, id: &TargetId) -> Option<&mut Writer> {
        self.writers.get_mut(id)
    }

    /// Writes commits: those of one writer in their order, those of different ones at once.
    ///
    /// Once a writer's remote cannot be reached, what stands behind in its list is not tried. The outcomes stand in the
    /// order of the commits.
    pub fn write_all(&mut self, commits: Vec<(TargetId, Commit)>) -> Vec<(TargetId, Outcome)> {
        let ids: Vec<TargetId> = commits.iter().map(|(id, _)| id.clone()).collect();
        let mut by_target: BTreeMap<TargetId, Vec<(usize, Commit)>> = BTreeMap::new();
        for (place, (id, commit)) in commits.into_iter().enumerate() {
            by_target.entry(id).or_default().push((place, commit));
        }
        let Self { writers, options, hosts } = self;
        let mut jobs: Vec<Job<'_>> = writers
            .iter_mut()
            .filter_map(|(id, writer)| Some(Job { writer, commits: by_target.remove(id)? }))
            .collect();
        // Taken from the end.
        jobs.reverse();
        let threads = options.at_once.clamp(1, jobs.len().max(1));
        let (jobs, done) = (Mutex::new(jobs), Mutex::new(BTreeMap::new()));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(job) = job else { break };
                        let outcomes = work(job, options, hosts);
                        done.lock().unwrap_or_else(PoisonError::into_inner).extend(outcomes);
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unknown = |id: &TargetId| {
            let what = format!("a commit for `{id}`");
            Outcome::Failed(Fault::Commit { what, why: "there is no writer of this name" })
        };
        ids.into_iter()
            .enumerate()
            .map(|(place, id)| {
                let outcome = done.remove(&place).unwrap_or_else(|| unknown(&id));
                (id, outcome)
            })
            .collect()
    }
}

fn work(
    job: Job<'_>,
    options: &FleetOptions,
    hosts: &Mutex<BTreeMap<String, Bucket>>,
) -> Vec<(usize, Outcome)> {
    let Job { writer, commits } = job;
    let mut outcomes = Vec::with_capacity(commits.len());
    let mut away: Option<Fault> = None;
    for (place, commit) in commits {
        let outcome = match &away {
            Some(fault) => Outcome::Failed(fault.clone()),
            None => {
                turn(writer.target().remote.host(), options, hosts);
                writer.write(&commit)
            }
        };
        if let Outcome::Failed(fault) | Outcome::Unknown(fault) = &outcome
            && is_away(fault)
        {
            away = Some(fault.clone());
        }
        outcomes.push((place, outcome));
    }
    outcomes
}

fn is_away(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Unreachable { .. }
            | Fault::Deadline { .. }
            | Fault::HostKey { .. }
            | Fault::Denied { .. }
            | Fault::Missing { .. }
    )
}

/// Waits until a host takes one more.
fn turn(host: &str, options: &FleetOptions, hosts: &Mutex<BTreeMap<String, Bucket>>) {
    let Some(rate) = options.rate.filter(|_| !host.is_empty()) else { return };
    loop {
        let now = options.pace.now_ms();
        let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = hosts.entry(host.to_owned()).or_insert_with(|| Bucket::new(rate, now));
        let taken = bucket.take(now);
        drop(hosts);
        match taken {
            Ok(()) => return,
            Err(wait_ms) => options.pace.pause(Duration::from_millis(wait_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that moves only while somebody waits.
    #[derive(Default)]
    struct Still(AtomicU64);

    impl Pace for Still {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
        fn pause(&self, span: Duration) {
            self.0.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
        }
    }

    #[test]
    fn each_host_is_pushed_to_as_often_as_it_takes() {
        let pace = Arc::new(Still::default());
        let rate = Some(Rate { burst: 2, per_minute: 60 });
        let options = FleetOptions { at_once: 1, rate, pace: Arc::clone(&pace) as Arc<dyn Pace> };
        let hosts = Mutex::default();
        for _ in 0..5 {
            turn("a", &options, &hosts);
        }
        assert_eq!(pace.now_ms(), 3_000);
        turn("b", &options, &hosts);
        turn("", &options, &hosts);
        assert_eq!(pace.now_ms(), 3_000);
    }
}
