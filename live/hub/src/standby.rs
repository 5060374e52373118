//! What a replica does until it leads: it waits for the lease and, where it has a folder of its own, keeps a copy of the leader's
//! log. Then it has all that is needed to open its desk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_core::units::Span;
use periplus_git::Found;
use tokio::sync::oneshot;

use crate::copy::{
    Copies, Copy, CopyFault, Ledger, Peers, Replica, ReplicaFile, Replication, Standing, Strays,
    follow,
};
use crate::desk::Desk;
use crate::hub::HubFault;
use crate::leader::{Board, Election, Elector, Leadership, Marks, log_is_free};
use crate::remembered::RememberedFile;
use crate::service::Clock;

/// A replica that does not lead yet.
pub(crate) struct Standby {
    elector: Elector,
    state: PathBuf,
    own: Option<Own>,
}

/// What a replica has that has a folder of its own.
struct Own {
    copy: Copy,
    replication: Replication,
    standing: Standing,
    board: Board,
}

/// What it takes to lead.
pub(crate) struct Leading {
    pub(crate) leadership: Leadership,
    /// What it takes to give copies, where others have folders of their own.
    pub(crate) lent: Option<Lent>,
}

/// What it takes to give copies.
pub(crate) struct Lent {
    replication: Replication,
    replica: Replica,
    board: Board,
    epoch: u64,
    strays: Strays,
}

impl Standby {
    /// Opens the copy, if one is kept.
    pub(crate) fn begin(
        election: Election,
        replication: Option<&Replication>,
        memory: &RememberedFile,
        (state, keep): (&Path, Option<Span>),
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, CopyFault> {
        let memory = memory.clone();
        let floor = Arc::new(move || memory.read().map_or(0, |known| known.epoch));
        let identity = election.identity.clone();
        let mut elector = Elector::new(election, floor, Arc::clone(clock));
        let mut own = None;
        if let Some(replication) = replication.cloned() {
            let (standing, board) = (Standing::default(), Board::default());
            let copy = Copy::open(state, &identity, &standing)?.keeping(keep);
            elector = elector.marked(board.clone(), standing.may(replication.confirm));
            own = Some(Own { copy, replication, standing, board });
        }
        Ok(Self { elector, state: state.to_owned(), own })
    }

    /// Tells how its copy stands, if it keeps one.
    pub(crate) fn copied(&self) -> Option<Standing> {
        Some(self.own.as_ref()?.standing.clone())
    }

    /// Waits until this replica leads, and nobody else writes the log.
    pub(crate) async fn lead(self) -> Result<Leading, HubFault> {
        let Self { elector, state, own } = self;
        let log = Desk::log(&state);
        let Some(Own { copy, replication, standing, board }) = own else {
            let mut leadership = elector.run().await;
            log_is_free(&log, &mut leadership).await?;
            return Ok(Leading { leadership, lent: None });
        };
        let (told, stop) = oneshot::channel();
        let peers = Peers::new(&replication);
        let mut following = tokio::spawn(follow(copy, peers, standing, stop));
        let mut leadership = tokio::select! {
            leadership = elector.run() => leadership,
            // It ends by itself only if it cannot go on.
            ended = &mut following => {
                ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
                std::future::pending().await
            }
        };
        drop(told);
        let copy = following.await;
        let copy = copy.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let (records, mut replica) = (copy.records(), copy.replica().clone());
        drop(copy);
        log_is_free(&log, &mut leadership).await?;
        let epoch = leadership.epoch();
        tracing::info!(epoch, records, "the log is gone on with from here");
        // Before the first record of this epoch.
        replica.epochs.begin(epoch, records);
        let file = ReplicaFile::below(&state);
        let written = file.write(&replica);
        written.map_err(|error| HubFault::Folder { path: file.path(), error })?;
        let strays = Strays::new(records);
        let lent = Lent { replication, replica, board, epoch, strays };
        Ok(Leading { leadership, lent: Some(lent) })
    }
}

impl Lent {
    /// Who is told of commits of earlier leaders.
    pub(crate) fn found(&self) -> Found {
        self.strays.hears()
    }

    /// Begins to give copies of a desk's log. The lease says of which log, before anything of it shows.
    pub(crate) async fn copies(self, state: &Path, desk: &Desk) -> Result<Arc<Copies>, HubFault> {
        let Self { replication, replica, board, epoch, strays } = self;
        let Replication { confirm, alone_after, .. } = replication;
        board.want(Marks { log: Some(desk.identity()), ..board.wanted() });
        let ledger =
            Ledger::new(confirm, alone_after, &replica.id, board.clone(), desk.state().seq().0);
        let copies = Copies::begin(state, replica, epoch, ledger, desk).map_err(CopyFault::from)?;
        let copies = copies.beside(strays);
        board.stands().await;
        tracing::info!(confirm = confirm.as_str(), "standbys get copies of the log");
        Ok(Arc::new(copies))
    }
}
