//! How a writer writes: who we are, what of the branch is ours, in whose time, and how long anything may take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fence::Fence;
use crate::ownership::{self, Ownership};
use crate::pace::{Pace, Wall};
use crate::sign::Signer;
use crate::target::Target;
use crate::wire::{Auth, Http, Route, Ssh};

/// How a writer writes.
#[derive(Clone)]
pub struct Options {
    /// Who we are for web servers.
    pub auth: Auth,
    /// How OpenSSH is called.
    pub ssh: Ssh,
    /// Who speaks HTTP for us.
    pub http: Option<Arc<dyn Http>>,
    /// Who signs.
    pub signer: Option<Signer>,
    /// Whose files are.
    pub ownership: Ownership,
    /// How often a commit is tried if others are quicker.
    pub attempts_max: u32,
    /// How long one conversation with the remote may take; the first fetch of a large repository is one.
    pub deadline: Duration,
    /// The branch at which ours begins while it is not made yet; without it, ours begins with nothing.
    pub base: Option<String>,
    /// In whose time is written, where there are several who may.
    pub fence: Option<Fence>,
    /// Who waits between attempts.
    pub pace: Arc<dyn Pace>,
}

impl Default for Options {
    /// Nobody for anybody, no signatures, lists of what is ours in the layout of [`crate::place`], edited files stay,
    /// 20 attempts, two minutes.
    fn default() -> Self {
        Self {
            auth: Auth::None,
            ssh: Ssh::default(),
            http: None,
            signer: None,
            ownership: Ownership::Listed {
                owner: ownership::place,
                edited: ownership::Edited::Keep,
            },
            attempts_max: 20,
            deadline: Duration::from_secs(120),
            base: None,
            fence: None,
            pace: Arc::new(Wall::default()),
        }
    }
}

impl Options {
    /// The way to a remote.
    pub(crate) fn route(&self, target: &Target) -> Route {
        Route {
            remote: target.remote.clone(),
            auth: self.auth.clone(),
            ssh: self.ssh.clone(),
            http: self.http.clone(),
            deadline: self.deadline,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            auth,
            ssh,
            http: _,
            signer,
            ownership,
            attempts_max,
            deadline,
            base,
            fence,
            pace: _,
        } = self;
        out.debug_struct("Options")
            .field("auth", auth)
            .field("ssh", ssh)
            .field("signer", signer)
            .field("ownership", ownership)
            .field("attempts_max", attempts_max)
            .field("deadline", deadline)
            .field("base", base)
            .field("fence", fence)
            .finish_non_exhaustive()
    }
}
