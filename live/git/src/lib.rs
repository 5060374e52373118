//! Files become commits: the one writer of a branch, over the protocols of git.
//!
//! [`Writer`] is where to begin. It keeps a bare repository as a cache, makes trees in memory, and asks the remote to move
//! the branch from what it was to what it becomes; the remote refuses if it was moved meanwhile. What is true stands in the
//! remote: the cache may be lost at any time. HTTP is somebody else's: see [`Http`].

mod bare;
mod bucket;
mod commit;
mod divide;
mod fault;
mod fence;
mod fleet;
mod gather;
mod grow;
mod history;
mod letter;
mod look;
mod options;
mod ownership;
mod pace;
mod pack;
mod protocol;
mod reader;
mod secret;
mod sign;
mod spent;
mod store;
mod target;
mod tree;
mod wire;
mod writer;

pub use git2::Oid;

pub use self::bare::make_bare;
pub use self::bucket::{Bucket, Rate};
pub use self::commit::{Author, Commit, Trailers};
pub use self::divide::Divider;
pub use self::fault::Fault;
pub use self::fence::{EPOCH, Fence, Found, Leads};
pub use self::fleet::{FleetOptions, TargetId, Writers};
pub use self::history::Landed;
pub use self::letter::{Line, RUN, message, trailers};
pub use self::look::files;
pub use self::options::Options;
pub use self::ownership::{Conflict, Edited, Owner, Ownership, owned_among, place};
pub use self::pace::{Pace, Wall};

pub use self::reader::{Read, read, read_all};
pub use self::secret::Secret;
pub use self::sign::Signer;
pub use self::spent::Spent;
pub use self::target::{BadTarget, Remote, Target};
pub use self::wire::{Auth, Http, HttpFault, Method, Request, Response, Sent, Ssh};
pub use self::writer::{Head, Outcome, Writer};
