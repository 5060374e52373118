//! Copies: how a standby that has a folder of its own comes to have what the leader's has.
//!
//! A standby asks the leader again and again for what follows what it has ([`follow`]); who asks from a record on has all before
//! it on its disk, so every question is an acknowledgement as well. The leader answers from its log ([`Copies`]) and keeps in
//! mind how far each standby is ([`Ledger`]), on which depends what may show outside. What a standby does with an answer
//! is [`struct@Copy`]'s matter: checked as a whole, written by the journal's own writer, and told as had only once it is on the disk.
//! [`Epochs`] tell whose record is whose: a log that has records that the leader has not is set aside whole.
//! What must not be in here: who leads. That is [`leader`](crate::leader)'s.

mod aside;
mod batch;
mod epochs;
mod files;
mod follow;
mod ledger;
mod lend;
mod options;
mod replica;
mod standing;
mod strays;
mod taken;
mod wire;

pub use self::epochs::Epochs;
pub use self::follow::{Peers, follow};
pub use self::ledger::{Known, Ledger};
pub use self::lend::Copies;
pub use self::options::{Confirm, Replication};
pub use self::replica::{Replica, ReplicaFile};
pub use self::standing::{Standing, Stands};
pub use self::strays::Strays;
pub use self::taken::{Copy, CopyFault, Refused, Taken};
pub use self::wire::{Asked, MEDIA_TYPE};
