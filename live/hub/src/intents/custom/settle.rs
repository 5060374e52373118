//! What of the documents of a hub is taken in. Many people write there, so one who is wrong does not hold up the others.
//!
//! A document that is wrong stands as it was declared before, and not at all where it was not. What has gone while others
//! need it stays. Where that does not help, nothing changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use periplus_spec::code::Code;
use periplus_spec::diagnostic::Diagnostic;
use periplus_spec::draft::{Document, Kind};
use periplus_spec::{Bundle, documents_in};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::shelf::Key;
use crate::Feed;
use crate::desk::Desk;
use crate::intents::follow::Teller;
use crate::intents::standing::{Complaint, sentence};
use crate::service::Order;

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is declared.
    Taken,
    /// It is wrong.
    Refused(Wrong),
    /// Something else is wrong, and nothing could be taken in.
    Held(String),
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Documents, and those of them that are wrong.
pub(super) struct Sifted {
    pub(super) bundle: Bundle,
    pub(super) refused: BTreeMap<Key, Wrong>,
}

/// Documents by what stands in them; nothing where a document has gone.
pub(super) type Texts = BTreeMap<Key, Option<String>>;

/// Reads documents as one bundle, in which those that are wrong stand as in `base`, or not at all.
///
/// # Errors
/// What is wrong, if that does not help; and what is wrong with which of them.
pub(super) async fn sift(
    texts: &Texts,
    base: &BTreeMap<Key, String>,
    mut refused: BTreeMap<Key, Wrong>,
) -> Result<Sifted, (Vec<Diagnostic>, BTreeMap<Key, Wrong>)> {
    loop {
        match read(files(texts, base, &refused)).await {
            Ok(bundle) => return Ok(Sifted { bundle, refused }),
            Err(wrong) => {
                let known = refused.len();
                for one in &wrong {
                    if let Some(key) = key_of(one) {
                        refused.entry(key).or_insert_with(|| Wrong::of(one));
                    }
                }
                if refused.len() == known {
                    return Err((wrong, refused));
                }
            }
        }
    }
}

/// Files in which each document stands, or what stands instead of it.
fn files(
    texts: &Texts,
    base: &BTreeMap<Key, String>,
    refused: &BTreeMap<Key, Wrong>,
) -> BTreeMap<String, Arc<[u8]>> {
    let stands = |(key, text): (&Key, &Option<String>)| {
        let stands = if refused.contains_key(key) { base.get(key)? } else { text.as_ref()? };
        let (kind, name) = key;
        Some((format!("{kind}/{name}{END}"), stands.as_bytes().into()))
    };
    texts.iter().filter_map(stands).collect()
}

/// The most changes that are tried one by one: each time, all is loaded.
const CHANGES_MAX: usize = 256;
/// What the files are called at their ends.
const END: &str = ".yaml";

async fn read(files: BTreeMap<String, Arc<[u8]>>) -> Result<Bundle, Vec<Diagnostic>> {
    match spawn_blocking(move || Bundle::read_held(&files, "")).await {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The document that is complained of.
fn key_of(wrong: &Diagnostic) -> Option<Key> {
    let (kind, name) = wrong.source.as_ref()?.name.strip_suffix(END)?.split_once('/')?;
    Some((Kind::from_name(kind)?, name.to_owned()))
}

impl Wrong {
    fn of(wrong: &Diagnostic) -> Self {
        // Where it stands: the line of a text that has one field in each.
        let line = key_of(wrong).and_then(|_| {
            let (source, label) = (wrong.source.as_ref()?, wrong.labels.first()?);
            let (line, _) = source.position(label.span.start);
            let line = source.text.lines().nth(line - 1)?.trim().trim_end_matches(',');
            (line.len() > 2).then(|| format!(" (at `{line}`)"))
        });
        let message = format!("{}{}", sentence(wrong), line.unwrap_or_default());
        Self { code: wrong.code.slug(), message }
    }

    fn first(wrong: &[Diagnostic]) -> Self {
        wrong
            .first()
            .map_or_else(|| Self { code: "", message: "it was not taken in".to_owned() }, Self::of)
    }
}

/// Tells the desk what is declared. `None` if there is no desk any more.
pub(super) async fn settle(
    documents: BTreeMap<Key, String>,
    teller: &Teller,
) -> Option<BTreeMap<Key, Verdict>> {
    let declared = ask(&teller.feed, |desk| desk.intents().declared()).await?;
    let declared: BTreeMap<Key, Document> = declared
        .into_iter()
        .map(|((kind, name), document)| ((kind, name.to_string()), document))
        .collect();
    let text = |document: &Document| serde_json::to_string_pretty(document).ok();
    let base = declared.iter().filter_map(|(key, one)| Some((key.clone(), text(one)?))).collect();
    let mut texts: Texts = declared.keys().map(|key| (key.clone(), None)).collect();
    let there: BTreeSet<Key> = documents.keys().cloned().collect();
    texts.extend(documents.into_iter().map(|(key, text)| (key, Some(text))));
    let mut round = Round { texts, base, teller, refused: BTreeMap::new(), held: Vec::new() };
    round.run(&declared).await?;
    let Round { refused, held, .. } = round;
    let stuck = held.first().map(sentence);
    let mut complaints: Vec<Complaint> = held.iter().map(Complaint::of).collect();
    // Who needs what has gone is told, and not what has gone.
    let wrong = refused.iter().filter(|(key, _)| there.contains(key));
    complaints.extend(wrong.map(|((kind, name), wrong)| Complaint {
        code: wrong.code,
        at: format!("{kind}/{name}"),
        message: wrong.message.clone(),
    }));
    teller.complain(&complaints, None);
    let verdict = |key: &Key| match (refused.get(key), &stuck) {
        (Some(wrong), _) => Verdict::Refused(wrong.clone()),
        (None, Some(why)) => Verdict::Held(why.clone()),
        (None, None) => Verdict::Taken,
    };
    Some(there.into_iter().map(|key| (key.clone(), verdict(&key))).collect())
}

/// Asks the desk. `None` if there is none any more.
pub(super) async fn ask<T: Send + 'static>(
    feed: &Feed<Order>,
    question: impl FnOnce(&Desk) -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    // Who asked may be gone.
    let ask = Box::new(move |desk: &Desk| drop(reply.send(question(desk))));
    feed.ask(Order::Ask(ask)).await;
    answer.await.ok()
}

/// All clusters have gone at once, as when the definition of the kind is deleted.
fn emptied() -> Diagnostic {
    let help = "to take clusters out of the fleet, leave one, or drain and retire them by command";
    let message = "no `Cluster` is left in the hub, which is taken for a mistake";
    Diagnostic::error(Code::NoScenario, message).with_help(help)
}

/// One attempt to take in what stands there.
struct Round<'r> {
    texts: Texts,
    base: BTreeMap<Key, String>,
    teller: &'r Teller,
    refused: BTreeMap<Key, Wrong>,
    /// Why nothing could be taken in.
    held: Vec<Diagnostic>,
}

impl Round<'_> {
    async fn run(&mut self, declared: &BTreeMap<Key, Document>) -> Option<()> {
        let clusters = self.texts.iter().filter(|(key, _)| key.0 == Kind::Cluster);
        let (there, gone): (Vec<_>, Vec<_>) = clusters.partition(|(_, text)| text.is_some());
        if there.is_empty() && !gone.is_empty() {
            self.held = vec![emptied()];
            return Some(());
        }
        let wrong = match self.sift().await {
            Ok(sifted) => {
                self.refused = sifted.refused;
                match self.declare(sifted.bundle).await? {
                    Ok(()) => return Some(()),
                    // Only together with what was declared before is it wrong.
                    Err(wrong) => wrong,
                }
            }
            // Those that are complained of may have been right before others changed.
            Err(wrong) => wrong,
        };
        let mut changed = self.changed(declared);
        changed.extend(self.gone(&wrong).into_keys());
        changed.retain(|key| !self.refused.contains_key(key));
        if changed.len() > CHANGES_MAX {
            self.held = wrong;
            return Some(());
        }
        self.one_by_one(changed, &wrong).await
    }

    /// Sifts what stands there. Something that others need may have gone: it stays until they need it no more.
    async fn sift(&self) -> Result<Sifted, Vec<Diagnostic>> {
        let (wrong, refused) = match sift(&self.texts, &self.base, BTreeMap::new()).await {
            Ok(sifted) => return Ok(sifted),
            Err(stuck) => stuck,
        };
        match sift(&self.texts, &self.base, self.gone(&wrong)).await {
            Ok(mut sifted) => {
                sifted.refused.extend(refused);
                Ok(sifted)
            }
            Err(_) => Err(wrong),
        }
    }

    /// What somebody wrote anew.
    fn changed(&self, declared: &BTreeMap<Key, Document>) -> BTreeSet<Key> {
        let differs = |key: &Key, text: &str| {
            let read = documents_in("one.yaml", text);
            read.ok().and_then(|mut all| all.pop()).as_ref() != declared.get(key)
        };
        let there = self.texts.iter().filter_map(|(key, text)| Some((key, text.as_ref()?)));
        there.filter(|(key, text)| differs(key, text)).map(|(key, _)| key.clone()).collect()
    }

    /// What has gone, and what may be wrong with that.
    fn gone(&self, wrong: &[Diagnostic]) -> BTreeMap<Key, Wrong> {
        let gone = self.texts.iter().filter(|(_, text)| text.is_none());
        gone.map(|(key, _)| (key.clone(), Wrong::first(wrong))).collect()
    }

    async fn one_by_one(&mut self, changed: BTreeSet<Key>, wrong: &[Diagnostic]) -> Option<()> {
        let mut left = changed;
        let all = left.iter().map(|key| (key.clone(), Wrong::first(wrong)));
        self.refused.extend(all);
        if let Err(wrong) = self.attempt(self.refused.clone()).await? {
            self.held = wrong;
            return Some(());
        }
        // A change may need another that comes after it.
        loop {
            let before = left.len();
            for key in left.clone() {
                let mut refused = self.refused.clone();
                refused.remove(&key);
                match self.attempt(refused).await? {
                    Ok(()) => {
                        self.refused.remove(&key);
                        left.remove(&key);
                    }
                    Err(wrong) => {
                        self.refused.insert(key, Wrong::first(&wrong));
                    }
                }
            }
            if left.is_empty() || left.len() == before {
                return Some(());
            }
        }
    }

    /// Tries to take in all but what is refused.
    async fn attempt(&self, refused: BTreeMap<Key, Wrong>) -> Option<Result<(), Vec<Diagnostic>>> {
        match read(files(&self.texts, &self.base, &refused)).await {
            Ok(bundle) => self.declare(bundle).await,
            Err(wrong) => Some(Err(wrong)),
        }
    }

    async fn declare(&self, bundle: Bundle) -> Option<Result<(), Vec<Diagnostic>>> {
        let documents = bundle.documents.len();
        let answer = self.teller.declare(bundle).await?;
        Some(answer.map(|changes| self.teller.accepted(&changes, None, documents)))
    }
}
