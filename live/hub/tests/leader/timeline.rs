//! Who led when, as a thread sees it that does nothing but look: two at once are a failure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use periplus_git::Leads;
use periplus_live::leader::Leadership;

/// Who led when.
pub(crate) struct Timeline {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    watched: Mutex<Vec<(String, Leads)>>,
    told: Mutex<Vec<String>>,
    twice: AtomicBool,
    over: AtomicBool,
}

const LOOK_EVERY: Duration = Duration::from_millis(1);

impl Timeline {
    pub(crate) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        let looked = Arc::clone(&shared);
        Self { shared, thread: Some(thread::spawn(move || looked.look())) }
    }

    /// Looks at one more from now on.
    pub(crate) fn watch(&self, who: &str, leadership: &Leadership) {
        let name = format!("{who} in epoch {}", leadership.epoch());
        self.shared.watched.lock().unwrap().push((name, leadership.leads()));
    }

    /// Nobody led while another did.
    pub(crate) fn holds(mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        let told = self.shared.told.lock().unwrap().join("\n");
        assert!(!self.shared.twice.load(Ordering::SeqCst), "{told}");
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn look(&self) {
        let began = Instant::now();
        let mut last: Vec<String> = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            let watched = self.watched.lock().unwrap().clone();
            let lead: Vec<_> = watched.into_iter().filter(|(_, leads)| leads()).collect();
            // Who leads no more never does again, so those who still do now did together.
            let still = lead.iter().filter(|(_, leads)| leads()).count();
            let names: Vec<String> = lead.into_iter().map(|(name, _)| name).collect();
            if names != last {
                let line = format!("{:?}: {}", began.elapsed(), names.join(" and "));
                self.told.lock().unwrap().push(line);
                last = names;
            }
            if still > 1 {
                self.twice.store(true, Ordering::SeqCst);
            }
            thread::park_timeout(LOOK_EVERY);
        }
    }
}
