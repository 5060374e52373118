//! A run's history in a repository: each window of changes becomes a commit that tells what happened.

use std::collections::BTreeSet;

use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::{Change, Draft, Follower, Renderer, Windows};
use periplus_git::{
    Author, Commit, Conflict, Landed, Line, Outcome, RUN, TargetId, message, trailers,
};
use periplus_spec::scenario::Scenario;

use crate::delivery::remote::Remotes;
use crate::failure::Failure;
use crate::story::Story;
use crate::wording::clock;

/// Who commits.
const NAME: &str = "Periplus";
const EMAIL: &str = "periplus@localhost";

/// The trailer that numbers commits.
const SEQ: &str = "Periplus-Seq";
/// How often a commit is tried again of which nobody knows whether it landed.
const UNKNOWN_MAX: u32 = 3;

/// Writes a run's history.
pub(crate) struct History {
    windows: Windows,
    remotes: Remotes,
    story: Story,
    epoch_unix_ms: i64,
    run: String,
    /// When the last commit was made, in seconds since 1970.
    last: u64,
    pub(crate) written: Written,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    /// Commits that were made.
    pub(crate) commits: u64,
    /// Commits that were there already.
    pub(crate) known: u64,
    /// Files that were written or removed.
    pub(crate) files: u64,
    /// Files that somebody else has written or changed, and that were left alone.
    pub(crate) conflicts: BTreeSet<Conflict>,
}

impl History {
    /// Begins a history where the branch is empty, holds others' files, or ends in an earlier part of the same run.
    ///
    /// # Errors
    /// The repository cannot be read, or holds another run.
    pub(crate) fn new(
        scenario: &Scenario,
        renderer: Renderer,
        mut remotes: Remotes,
    ) -> Result<Self, Failure> {
        let run = format!("{:032x}.{}", scenario.hash, scenario.seed);
        for id in remotes.divider.targets() {
            let Some(writer) = remotes.writers.writer(&id) else { continue };
            let head = writer.refresh()?;
            let mut known = head.newest.iter().flat_map(|landed| &landed.trailers);
            if let Some((_, other)) = known.find(|(name, value)| name == RUN && *value != run) {
                return Err(Failure::Usage {
                    message: format!("{id} holds another run ({other})"),
                    hint: "name another branch with `--branch`, or another repository".into(),
                });
            }
        }
        let windows = Windows::new(Follower::new(renderer), scenario.world.commit_window);
        Ok(Self {
            windows,
            remotes,
            story: Story::default(),
            epoch_unix_ms: scenario.epoch_unix_ms,
            run,
            last: u64::try_from(scenario.epoch_unix_ms / 1_000).unwrap_or(0),
            written: Written::default(),
        })
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// It cannot be rendered or written.
    pub(crate) fn finish(&mut self, state: &State) -> Result<(), Failure> {
        if let Some(draft) = self.windows.finish(state)? {
            self.commit(&draft)?;
        }
        self.mend()
    }

    /// Writes what commits of before have left alone, where it may be written now, and what waits for a commit.
    fn mend(&mut self) -> Result<(), Failure> {
        let all = self.windows.follower().files();
        let all: Change = all.into_iter().map(|(path, bytes)| (path, Some(bytes))).collect();
        for (id, change) in self.remotes.divider.divide(&all) {
            let Some(writer) = self.remotes.writers.writer(&id) else { continue };
            let head = writer.refresh()?;
            let at = head.commit.map_or_else(|| "nothing".to_owned(), |commit| commit.to_string());
            let count = crate::render::counted(change.len(), "file");
            let commit = Commit {
                message: format!(
                    "What was left alone before\n\n{count} were compared with what was decided."
                ),
                change,
                // What it stands on tells it from others of its kind.
                trailers: vec![
                    (RUN.to_owned(), self.run.clone()),
                    (SEQ.to_owned(), state_seq(head.newest.as_ref())),
                    ("Periplus-Mends".to_owned(), at),
                ],
                author: Author { name: NAME.into(), email: EMAIL.into() },
                time: self.last,
            };
            match writer.write(&commit) {
                Outcome::Done { .. } => self.written.commits += 1,
                Outcome::Unchanged { conflicts, .. } => self.written.conflicts.extend(conflicts),
                Outcome::Failed(fault) | Outcome::Unknown(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    fn commit(&mut self, draft: &Draft) -> Result<(), Failure> {
        let mut lines = Vec::new();
        self.story.take(|at, line| lines.push(Line { clock: clock(at), text: line.to_owned() }));
        let unix_ms = self.epoch_unix_ms.saturating_add_unsigned(draft.at.0);
        self.last = u64::try_from(unix_ms / 1_000).unwrap_or(0);
        let commits: Vec<(TargetId, Commit)> = self
            .remotes
            .divider
            .divide(&draft.change)
            .into_iter()
            .map(|(id, change)| {
                let commit = Commit {
                    message: message(&lines, change.len()),
                    change,
                    trailers: trailers(&self.run, draft),
                    author: Author { name: NAME.into(), email: EMAIL.into() },
                    time: self.last,
                };
                (id, commit)
            })
            .collect();
        let mut left = commits;
        for attempt in 0..=UNKNOWN_MAX {
            let outcomes = self.remotes.writers.write_all(left.clone());
            let mut unknown = Vec::new();
            for ((id, commit), (_, outcome)) in left.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Unknown(_) if attempt < UNKNOWN_MAX => unknown.push((id, commit)),
                    Outcome::Failed(fault) | Outcome::Unknown(fault) => return Err(fault.into()),
                    Outcome::Done { attempts: 0, .. } => self.written.known += 1,
                    Outcome::Done { conflicts, .. } => {
                        self.written.commits += 1;
                        self.written.files += commit.change.len() as u64;
                        self.written.conflicts.extend(conflicts);
                    }
                    Outcome::Unchanged { conflicts, .. } => {
                        self.written.conflicts.extend(conflicts);
                    }
                }
            }
            left = unknown;
        }
        Ok(())
    }
}

impl Sink for History {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        let boxed = |failure: Failure| SinkFault(Box::new(failure));
        let draft = self.windows.accept(record, state).map_err(|problem| boxed(problem.into()))?;
        if let Some(draft) = draft {
            self.commit(&draft).map_err(boxed)?;
        }
        self.story.accept(record, state)
    }
}

/// The newest number of ours in a repository.
fn state_seq(newest: Option<&Landed>) -> String {
    let trailers = newest.into_iter().flat_map(|landed| &landed.trailers);
    let mut seq = trailers.filter(|(name, _)| name == SEQ).map(|(_, value)| value.clone());
    seq.next_back().unwrap_or_else(|| "0".to_owned())
}
