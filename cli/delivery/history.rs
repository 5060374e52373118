//! A run's history in a repository: each window of changes becomes a commit that tells what happened.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use periplus_core::units::Tick;
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::{Change, Draft, Follower, Renderer, Windows};
use periplus_git::{Author, Commit, Conflict, Outcome, TargetId, Trailers};
use periplus_spec::scenario::Scenario;

use crate::delivery::remote::Remotes;
use crate::failure::Failure;
use crate::story::Story;
use crate::wording::clock;

/// Who commits.
const NAME: &str = "Periplus";
const EMAIL: &str = "periplus@localhost";

/// The trailer that tells one run from another.
pub(crate) const RUN: &str = "Periplus-Run";
/// How often a commit is tried again of which nobody knows whether it landed.
const UNKNOWN_MAX: u32 = 3;
/// The most lines of a commit's message.
const LINES_MAX: usize = 60;
/// The most decisions that a commit names.
const DECISIONS_MAX: usize = 32;
/// The longest first line of a commit's message.
const SUBJECT_MAX: usize = 72;

/// Writes a run's history.
pub(crate) struct History<'d> {
    windows: Windows<'d>,
    remotes: Remotes,
    /// What is for people in every repository, and goes with the next commit of each.
    pending: BTreeMap<TargetId, Change>,
    story: Story,
    epoch_unix_ms: i64,
    run: String,
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
    pub(crate) conflicts: Vec<Conflict>,
}

impl<'d> History<'d> {
    /// Begins a history where the branch is empty, holds others' files, or ends in an earlier part of the same run.
    ///
    /// # Errors
    /// The repository cannot be read, or holds another run.
    pub(crate) fn new(
        scenario: &Scenario,
        renderer: Renderer<'d>,
        mut remotes: Remotes,
    ) -> Result<Self, Failure> {
        let run = format!("{:032x}.{}", scenario.hash, scenario.seed);
        for id in remotes.ids() {
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
            pending: BTreeMap::new(),
            story: Story::default(),
            epoch_unix_ms: scenario.epoch_unix_ms,
            run,
            written: Written::default(),
        })
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// It cannot be rendered or written.
    pub(crate) fn finish(&mut self, state: &State) -> Result<(), Failure> {
        match self.windows.finish(state)? {
            Some(draft) => self.commit(&draft),
            None => Ok(()),
        }
    }

    fn commit(&mut self, draft: &Draft) -> Result<(), Failure> {
        let mut lines = Vec::new();
        self.story.take(|at, line| lines.push((at, line.to_owned())));
        let unix_ms = self.epoch_unix_ms.saturating_add_unsigned(draft.at.0);
        let commits: Vec<(TargetId, Commit)> = self
            .divided(&draft.change)
            .into_iter()
            .map(|(id, change)| {
                let commit = Commit {
                    message: message(&lines, &change),
                    change,
                    trailers: self.trailers(draft),
                    author: Author { name: NAME.into(), email: EMAIL.into() },
                    time: u64::try_from(unix_ms / 1_000).unwrap_or(0),
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

    /// A change by the repository that takes it. What is about the whole fleet goes to every one of them, with what is
    /// its own: nobody is woken for it.
    fn divided(&mut self, change: &Change) -> BTreeMap<TargetId, Change> {
        let mut parts: BTreeMap<TargetId, Change> = BTreeMap::new();
        let alone = self.remotes.ids().len() == 1;
        for (path, bytes) in change {
            let place =
                periplus_git::place(path).and_then(|name| self.remotes.of_cluster.get(name));
            match place {
                Some(id) => {
                    parts.entry(id.clone()).or_default().insert(path.clone(), bytes.clone());
                }
                None => {
                    for id in self.remotes.ids() {
                        let kept = if alone { &mut parts } else { &mut self.pending };
                        kept.entry(id).or_default().insert(path.clone(), bytes.clone());
                    }
                }
            }
        }
        for (id, part) in &mut parts {
            part.extend(self.pending.remove(id).unwrap_or_default());
        }
        parts
    }

    fn trailers(&self, draft: &Draft) -> Trailers {
        let mut trailers = vec![
            (RUN.to_owned(), self.run.clone()),
            ("Periplus-At".to_owned(), draft.at.to_string()),
            ("Periplus-Seq".to_owned(), draft.seq.0.to_string()),
        ];
        if let Some((seq, digest)) = draft.digest {
            trailers.push(("Periplus-Digest".to_owned(), format!("{digest}@{}", seq.0)));
        }
        let numbers: Vec<String> =
            draft.decisions.iter().take(DECISIONS_MAX).map(|seq| seq.0.to_string()).collect();
        let mut decisions = numbers.join(" ");
        if let Some(more) = draft.decisions.len().checked_sub(DECISIONS_MAX + 1) {
            let _ = write!(decisions, " and {} more", more + 1);
        }
        if !decisions.is_empty() {
            trailers.push(("Periplus-Decision".to_owned(), decisions));
        }
        trailers
    }
}

impl Sink for History<'_> {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        let boxed = |failure: Failure| SinkFault(Box::new(failure));
        let draft = self.windows.accept(record, state).map_err(|problem| boxed(problem.into()))?;
        if let Some(draft) = draft {
            self.commit(&draft).map_err(boxed)?;
        }
        self.story.accept(record, state)
    }
}

/// A commit's message: the first thing that happened, and under it all of them.
fn message(lines: &[(Tick, String)], change: &Change) -> String {
    let mut text = match lines {
        [] => format!("{} follow what was declared", crate::render::counted(change.len(), "file")),
        [(_, line), rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (+{more})"),
            };
            shortened(line, SUBJECT_MAX.saturating_sub(more.len())) + &more
        }
    };
    text.push_str("\n\n");
    for (at, line) in lines.iter().take(LINES_MAX) {
        let _ = writeln!(text, "{}  {line}", clock(*at));
    }
    if let Some(more) = lines.len().checked_sub(LINES_MAX + 1) {
        let _ = writeln!(text, "… and {} more", more + 1);
    }
    text.truncate(text.trim_end().len());
    text
}

/// A text of at most so many characters, cut between words.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    let end = kept.rfind(' ').unwrap_or(kept.len());
    format!("{}…", kept[..end].trim_end_matches([',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_words() {
        assert_eq!(shortened("a short line", 20), "a short line");
        assert_eq!(
            shortened("shop is sent to cbd, docklands and more", 22),
            "shop is sent to cbd…"
        );
    }
}
