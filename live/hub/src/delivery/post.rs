//! The post: parcels become commits, on a thread of its own, and answers come back.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use periplus_emit::{Change, Repository};
use periplus_git::{
    Author, Commit, Fault, FleetOptions, Options, Outcome, Spent, Target, TargetId, Writer,
    Writers, message, place, trailers,
};

use super::routes::Place;
use super::tray::{Parcel, Scope};

/// How the post writes.
#[derive(Clone, Debug)]
pub struct PostOptions {
    /// The folder of the writers' caches.
    pub cache: PathBuf,
    /// Who we are for git's servers.
    pub access: Options,
    /// How many are written to at once, and how often.
    pub fleet: FleetOptions,
    /// Who commits.
    pub author: Author,
    /// What tells our commits from those of others: the same over restarts.
    pub run: String,
    /// Tick 0, in milliseconds since 1970-01-01 UTC.
    pub epoch_unix_ms: i64,
}

/// What is to be written, and where.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What.
    pub parcel: Parcel,
    /// Where.
    pub to: Place,
    /// The clusters that pull from there.
    pub clusters: BTreeSet<String>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Post {
    letters: Option<Sender<Vec<Letter>>>,
    thread: Option<JoinHandle<()>>,
}

impl Post {
    /// Starts it. Every letter is answered once, by `answer`, with what it took where it came to be written.
    pub fn start(
        options: PostOptions,
        answer: impl FnMut(TargetId, Outcome, Option<Spent>) + Send + 'static,
    ) -> Self {
        let (letters, received) = channel();
        let thread = thread::spawn(move || work(&options, &received, answer));
        Self { letters: Some(letters), thread: Some(thread) }
    }

    /// Hands letters over. They are written in order, those to different repositories at once.
    pub fn send(&self, letters: Vec<Letter>) {
        if let Some(post) = self.letters.as_ref().filter(|_| !letters.is_empty()) {
            // It ends only with this.
            let _ = post.send(letters);
        }
    }

    /// Waits until everything that was handed over is answered.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.letters = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(
    options: &PostOptions,
    received: &Receiver<Vec<Letter>>,
    mut answer: impl FnMut(TargetId, Outcome, Option<Spent>),
) {
    let mut writers = Writers::new(options.fleet.clone());
    while let Ok(letters) = received.recv() {
        let mut commits = Vec::with_capacity(letters.len());
        for letter in letters {
            let target = letter.parcel.target.clone();
            match commit(&mut writers, options, letter) {
                Ok(commit) => commits.push((target, commit)),
                Err(fault) => answer(target, Outcome::Failed(fault), None),
            }
        }
        for (target, outcome) in writers.write_all(commits) {
            let spent = writers.writer(&target).map(|writer| writer.spent());
            answer(target, outcome, spent);
        }
    }
}

/// The commit that a letter asks for; its writer is opened where it is the first.
fn commit(writers: &mut Writers, options: &PostOptions, letter: Letter) -> Result<Commit, Fault> {
    let Letter { parcel: Parcel { target, draft, scope, lines }, to, clusters } = letter;
    if writers.writer(&target).is_none() {
        let Place { repository: Repository { url, branch }, base } = to;
        let access = Options { base, ..options.access.clone() };
        let writer = Writer::open(&options.cache, Target::new(&url, &branch)?, access)?;
        writers.add(target.clone(), writer);
    }
    let mut change = draft.change.clone();
    if scope == Scope::Whole
        && let Some(writer) = writers.writer(&target)
    {
        clear(&mut change, writer.owned()?, &clusters);
    }
    let at_ms = options.epoch_unix_ms.saturating_add_unsigned(draft.at.0);
    Ok(Commit {
        message: message(&lines, change.len()),
        change,
        trailers: trailers(&options.run, &draft),
        author: options.author.clone(),
        time: u64::try_from(at_ms / 1_000).unwrap_or(0),
    })
}

/// What is ours in clusters of ours and is not said goes.
fn clear(
    change: &mut Change,
    owned: BTreeSet<periplus_emit::FilePath>,
    clusters: &BTreeSet<String>,
) {
    for path in owned {
        let ours = place(&path).is_some_and(|name| name == "fleet" || clusters.contains(name));
        if ours {
            change.entry(path).or_insert(None);
        }
    }
}
