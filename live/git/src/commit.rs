//! A commit as it is asked for, and its bytes. Equal commits on equal parents have equal bytes.

use std::fmt::Write;

use git2::Oid;
use periplus_emit::Change;

use crate::fault::Fault;

/// What is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What becomes of files.
    pub change: Change,
    /// The message, without trailers.
    pub message: String,
    /// The trailers, in order. Those that begin with `Periplus-` say which commit this is: one that has landed is not
    /// written again.
    pub trailers: Trailers,
    /// Who wrote it.
    pub author: Author,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: u64,
}

/// Names and values at the end of a message.
pub type Trailers = Vec<(String, String)>;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// The trailer that numbers our commits.
pub(crate) const SEQ: &str = "Periplus-Seq";
/// What the names of our trailers begin with.
const OURS: &str = "Periplus-";
/// The longest message, trailers included, in bytes.
const MESSAGE_MAX: usize = 1 << 20;

impl Commit {
    /// What could not be said to git.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let Self { change: _, message, trailers, author, time: _ } = self;
        let bad = |what: &str, why| {
            Some(Fault::Commit { what: format!("`{}`", what.escape_debug()), why })
        };
        for text in [&author.name, &author.email] {
            if text.trim().is_empty() || text.contains(['<', '>', '\n', '\0']) {
                return bad(
                    text,
                    "an author has a name and an address, without `<`, `>` and line breaks",
                );
            }
        }
        if message.contains('\0') || message.trim().is_empty() || message.len() > MESSAGE_MAX {
            return bad("the message", "it is empty, longer than 1 MiB, or holds a zero byte");
        }
        for (name, value) in trailers {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || name.starts_with('-') || !name.bytes().all(plain) {
                return bad(name, "the name of a trailer has only letters, digits and `-`");
            }
            if value.trim() != value || value.is_empty() || value.contains(char::is_control) {
                return bad(value, "the value of a trailer is one line without blanks around it");
            }
        }
        None
    }

    fn full_message(&self) -> String {
        let mut text = self.message.trim().to_owned();
        text.push('\n');
        for (place, (name, value)) in self.trailers.iter().enumerate() {
            if place == 0 {
                text.push('\n');
            }
            let _ = writeln!(text, "{name}: {value}");
        }
        text
    }

    /// Its bytes, without a signature.
    pub(crate) fn bytes(&self, tree: Oid, parent: Option<Oid>) -> String {
        let Self { author: Author { name, email }, time, .. } = self;
        let mut text = format!("tree {tree}\n");
        if let Some(parent) = parent {
            let _ = writeln!(text, "parent {parent}");
        }
        for role in ["author", "committer"] {
            let _ = writeln!(text, "{role} {} <{}> {time} +0000", name.trim(), email.trim());
        }
        text.push('\n');
        text + &self.full_message()
    }
}

/// Puts a signature where git looks for it: behind the last header.
pub(crate) fn with_signature(bytes: &str, signature: &str) -> String {
    let (headers, message) = bytes.split_once("\n\n").unwrap_or((bytes, ""));
    format!("{headers}\ngpgsig {}\n\n{message}", signature.trim_end().replace('\n', "\n "))
}

/// What is read of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) tree: Oid,
    pub(crate) parents: Vec<Oid>,
    pub(crate) time: i64,
    pub(crate) trailers: Trailers,
}

/// Reads the bytes of a commit, whoever made it.
pub(crate) fn read(bytes: &[u8]) -> Option<Read> {
    let text = String::from_utf8_lossy(bytes);
    let (headers, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let (mut tree, mut parents, mut time) = (None, Vec::new(), 0);
    for line in headers.lines() {
        match line.split_once(' ') {
            Some(("tree", id)) => tree = Oid::from_str(id).ok(),
            Some(("parent", id)) => parents.push(Oid::from_str(id).ok()?),
            Some(("committer", rest)) => {
                let stamp = rest.rsplit_once("> ").and_then(|(_, stamp)| stamp.split(' ').next());
                time = stamp.and_then(|stamp| stamp.parse().ok()).unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(Read { tree: tree?, parents, time, trailers: trailers(message) })
}

/// The trailers of a message: its last paragraph, if every line of it is one.
fn trailers(message: &str) -> Trailers {
    let message = message.trim_end();
    let Some((_, last)) = message.rsplit_once("\n\n") else { return Vec::new() };
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain.then(|| (name.to_owned(), value.trim().to_owned()))
    };
    last.lines().map(pair).collect::<Option<Trailers>>().unwrap_or_default()
}

/// Those of our trailers that say which commit it is; none if it has no number.
pub(crate) fn identity(trailers: &Trailers) -> Option<Trailers> {
    let mut ours: Trailers =
        trailers.iter().filter(|(name, _)| name.starts_with(OURS)).cloned().collect();
    ours.sort();
    ours.iter().any(|(name, _)| name == SEQ).then_some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> Commit {
        Commit {
            change: Change::new(),
            message: "shop: to edge-1\n\nIt was full.\n".to_owned(),
            trailers: vec![
                (SEQ.to_owned(), "7".to_owned()),
                ("Periplus-Digest".to_owned(), "ab".to_owned()),
            ],
            author: Author { name: "Hub".to_owned(), email: "hub@example".to_owned() },
            time: 1_700_000_000,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (tree, parent) = (Oid::ZERO_SHA1, Oid::from_bytes(&[7; 20]).unwrap());
        let bytes = commit().bytes(tree, Some(parent));
        let signed = with_signature(&bytes, "-----BEGIN\nabc\n-----END\n");
        for bytes in [bytes, signed] {
            let read = read(bytes.as_bytes()).unwrap();
            assert_eq!(
                (read.tree, &read.parents[..], read.time),
                (tree, &[parent][..], 1_700_000_000)
            );
            assert_eq!(read.trailers, commit().trailers);
        }
    }

    #[test]
    fn what_git_could_not_hold_is_refused() {
        assert_eq!(commit().fault(), None);
        let with = |change: fn(&mut Commit)| {
            let mut changed = commit();
            change(&mut changed);
            changed.fault()
        };
        assert!(with(|commit| commit.author.name = "a\nb".to_owned()).is_some());
        assert!(with(|commit| commit.author.email = "<x>".to_owned()).is_some());
        assert!(with(|commit| commit.message = " \n".to_owned()).is_some());
        assert!(with(|commit| commit.trailers[0].1 = "7\nPeriplus-Seq: 8".to_owned()).is_some());
        assert!(with(|commit| commit.trailers[0].0 = "a b".to_owned()).is_some());
    }

    #[test]
    fn a_last_paragraph_of_prose_is_no_trailer() {
        assert_eq!(trailers("a: b"), Vec::new());
        assert_eq!(trailers("x\n\nsee: this\nand that\n"), Vec::new());
        assert_eq!(trailers("x\n\ny\n\nA: b\n").len(), 1);
        assert_eq!(identity(&trailers("x\n\nA: b\n")), None);
        assert_eq!(identity(&trailers("x\n\nA: b\nPeriplus-Seq: 4\n")).unwrap().len(), 1);
    }
}
