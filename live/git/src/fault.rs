//! What can fail on the way to a remote. No text here holds a secret.

use std::path::PathBuf;

use git2::Oid;

use crate::target::BadTarget;

/// Why something did not work: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The URL or the branch.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// Nobody answers there, or the connection broke.
    #[error("{remote} cannot be reached: {why}. Look at the network, then try again.")]
    Unreachable {
        /// The remote.
        remote: String,
        /// What is known.
        why: String,
    },
    /// The answer took too long.
    #[error("{remote} did not answer within {after_ms} ms. Try again, or allow more time.")]
    Deadline {
        /// The remote.
        remote: String,
        /// How long we waited.
        after_ms: u64,
    },
    /// Somebody else answers under the name of the host, or we do not know who it is.
    #[error(
        "{remote} could not prove who it is: {why}. If its key was changed on purpose, ask who runs it for the new one and put it into the known_hosts file."
    )]
    HostKey {
        /// The remote.
        remote: String,
        /// What OpenSSH said.
        why: String,
    },
    /// We may not.
    #[error(
        "{remote} does not let us in: {why}. Give the token, the key or its owner the right to write."
    )]
    Denied {
        /// The remote.
        remote: String,
        /// What the server said.
        why: String,
    },
    /// There is no such repository.
    #[error("{remote} is no repository: {why}. Make it first, or mend the URL.")]
    Missing {
        /// The remote.
        remote: String,
        /// What the server said.
        why: String,
    },
    /// There is no such branch, tag or commit, or no such file in it.
    #[error("{remote} has no {what}. Look for the right name there.")]
    Absent {
        /// The remote.
        remote: String,
        /// What was looked for.
        what: String,
    },
    /// The remote does not want this commit.
    #[error(
        "{remote} refuses to move {reference}: {reason}. It says: {told}. Mend what its rules ask for."
    )]
    Refused {
        /// The remote.
        remote: String,
        /// The reference.
        reference: String,
        /// The reason in its report.
        reason: String,
        /// What its hooks said.
        told: String,
    },
    /// Others were quicker each time.
    #[error(
        "others moved or held {reference} of {remote} in each of our {attempts} attempts, the last time: {why}. Try again, or give us a branch of our own."
    )]
    Contended {
        /// The remote.
        remote: String,
        /// The reference.
        reference: String,
        /// How often we tried.
        attempts: u32,
        /// How the last attempt ended.
        why: String,
    },
    /// An answer that git would not give.
    #[error("{remote} does not speak git as we know it: {what}")]
    Protocol {
        /// The remote.
        remote: String,
        /// What was odd.
        what: String,
    },
    /// More than we take.
    #[error("{remote} sends more than we take: {what} is beyond {limit}")]
    Limit {
        /// The remote.
        remote: String,
        /// What.
        what: &'static str,
        /// How much we take.
        limit: u64,
    },
    /// The folder of the cache.
    #[error("the cache {} cannot be used: {why}. It may be deleted: it is made again from the remote.", .path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What is known.
        why: String,
    },
    /// Another process writes there.
    #[error("another process writes to {target} (it holds {}). Stop one of them.", .lock.display())]
    Taken {
        /// The target.
        target: String,
        /// The lock.
        lock: PathBuf,
    },
    /// An object that the remote should have sent.
    #[error(
        "object {0} is missing or broken in the cache, and after it was made again too. Run `git fsck` in the remote."
    )]
    Object(Oid),
    /// A token or a key.
    #[error("{} cannot be read: {why}. Put the secret there, readable by us only.", .path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What is known.
        why: String,
    },
    /// No credential helper had an answer.
    #[error(
        "no credential helper of git knows who may write to {remote}. Set `credential.helper`, or name a token file."
    )]
    NoCredentials {
        /// The remote.
        remote: String,
    },
    /// The signature.
    #[error("the commit could not be signed with {}: {why}. The key must be an SSH key without a passphrase, or one that an agent holds.", .key.display())]
    Sign {
        /// The key file.
        key: PathBuf,
        /// What ssh-keygen said.
        why: String,
    },
    /// A program that is not there, or could not be run.
    #[error("`{program}` could not be run: {why}. Install it, or say where it is.")]
    Program {
        /// Its name.
        program: String,
        /// What is known.
        why: String,
    },
    /// What was asked makes no commit.
    #[error("{what} cannot be committed: {why}")]
    Commit {
        /// The path, the trailer or the name.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another leads, or may lead.
    #[error(
        "epoch {epoch} is over at {reference} of {remote}: {why}. It is not pushed. End this process; who leads now writes."
    )]
    Deposed {
        /// The remote.
        remote: String,
        /// The reference.
        reference: String,
        /// The epoch that is over.
        epoch: u64,
        /// How that is known.
        why: String,
    },
    /// The list of what we own is not what we wrote.
    #[error(
        "{path} in the branch is no list of ours: {why}. Restore it from the last commit that we made."
    )]
    Manifest {
        /// The list.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}
