//! Work on all cores whose results are taken in order, whoever finishes first.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many jobs run at once, if nobody says.
pub(crate) fn jobs(asked: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.unwrap_or(cores).max(1)
}

/// Does `work` for every number below `count` on `jobs` threads, and hands over each result in order.
///
/// Results that wait for an earlier one are held; nothing new is begun for a thread until its own is handed in.
pub(crate) fn in_order<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize) -> T + Sync,
    take: impl FnMut(T) + Send,
) {
    let begun = AtomicUsize::new(0);
    let desk = Mutex::new(Desk { waiting: BTreeMap::new(), next: 0, take });
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = begun.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let done = work(number);
                    desk.lock().expect("nobody panics at the desk").hand_in(number, done);
                }
            });
        }
    });
}

/// Where results wait until it is their turn.
struct Desk<T, F> {
    waiting: BTreeMap<usize, T>,
    next: usize,
    take: F,
}

impl<T, F: FnMut(T)> Desk<T, F> {
    fn hand_in(&mut self, number: usize, done: T) {
        self.waiting.insert(number, done);
        while let Some(done) = self.waiting.remove(&self.next) {
            (self.take)(done);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_finishes_first() {
        for jobs in [1, 2, 7] {
            let mut taken = Vec::new();
            in_order(50, jobs, |number| number * number, |done| taken.push(done));
            assert_eq!(taken, (0..50).map(|number| number * number).collect::<Vec<_>>());
        }
    }
}
