//! The hub: everything that the service is made of, started in order and stopped in the other.
//!
//! Started: the desk with its log, the post, then whoever sees something. Stopped: whoever sees something, then the desk,
//! which takes in what still waits, then the post.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use periplus_git::{Fence, Http, Target, Writer};
use periplus_spec::diagnostic::Diagnostic;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{self, Api, Explain, ServeFault, Situation};
use crate::clusters::Clusters;
use crate::config::{ApplySettings, Mode, Reached, Settings};
use crate::copy::CopyFault;
use crate::delivery::{Direct, Place, PostOptions};
use crate::desk::{Desk, DeskFault, Narrator, Setup};
use crate::intents::{self, Intents, IntentsFrom, ReadFault, Standing};
use crate::leader::{Leadership, Lost, surrender};
use crate::remembered::{RememberedFile, Stale};
use crate::reports::Reports;
use crate::retention::Retention;
use crate::service::{Beside, Clock, Service, Wall};
use crate::signals::{self, Statuses};
use crate::standby::{Lent, Standby};
use crate::traces::Traces;
use crate::watched::{Present, watch_clusters};
use crate::{Feed, apply};

/// What the hub is given by the program around it.
pub struct Parts {
    /// Who tells people what happens. Tick 0 is what it is asked with, in milliseconds since 1970-01-01 UTC.
    pub narrator: fn(i64) -> Box<dyn Narrator>,
    /// What made the log, for people.
    pub made_by: String,
    /// Who speaks HTTP with git's servers.
    pub http: Option<Arc<dyn Http>>,
    /// What becomes of files of ours that repositories hold before the service ever wrote.
    pub found: Found,
    /// Who answers about the log in a folder.
    pub explain: fn(&Path) -> Arc<dyn Explain>,
}

/// What becomes of files of ours that repositories hold before the service ever wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// The service does not start.
    #[default]
    Refuse,
    /// They become what is decided now; those that are not are removed.
    Replace,
}

/// Why the hub does not run, or runs no more.
#[derive(Debug, thiserror::Error)]
pub enum HubFault {
    /// What is declared is wrong.
    #[error("what is declared cannot be used")]
    Declared(Vec<Diagnostic>),
    /// What is declared cannot be read, and nothing is known from before.
    #[error("what is declared cannot be read: {0}")]
    Undeclared(String),
    /// The API cannot listen.
    #[error("the API cannot listen on {at}: {error}")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The API cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeFault),
    /// The desk cannot go on.
    #[error(transparent)]
    Desk(#[from] DeskFault),
    /// The folder of the service cannot be used.
    #[error("{} cannot be used: {error}", .path.display())]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A repository cannot be looked at before the first start.
    #[error("{repository} cannot be looked at: {fault}")]
    Repository {
        /// Which.
        repository: String,
        /// Why.
        fault: periplus_git::Fault,
    },
    /// A repository holds files of ours, and there is no log of them.
    #[error(
        "{repository} holds {files} files that Periplus wrote, and this service has never written"
    )]
    Foreign {
        /// Which.
        repository: String,
        /// How many.
        files: usize,
    },
    /// The copy of the leader's log cannot be used.
    #[error("the copy of the leader's log cannot be gone on with: {0}")]
    Copy(#[from] CopyFault),
    /// Another may lead.
    #[error("this replica leads no more: {0}")]
    Deposed(#[from] Lost),
    /// Another has led.
    #[error("this replica must not lead: {0}")]
    Stale(#[from] Stale),
}

/// Is done when the process is told to stop, by SIGTERM or from the keyboard.
pub async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let told = async |kind| match signal(kind) {
        Ok(mut told) => {
            told.recv().await;
        }
        // Then the process ends as it does without us.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = told(SignalKind::terminate()) => {}
        () = told(SignalKind::interrupt()) => {}
    }
}

/// How long standbys are waited for that do not have everything when the service stops.
const DRAINED_WITHIN: Duration = Duration::from_secs(3);

/// How long it is tried to send what traces are left.
const TRACES_SENT_WITHIN: Duration = Duration::from_secs(2);

/// Runs the service until `stop` is done, or something is wrong that it cannot live with.
///
/// # Errors
/// Why it does not run.
pub async fn run(
    settings: Settings,
    parts: Parts,
    stop: impl Future<Output = ()>,
) -> Result<(), HubFault> {
    let clock: Arc<dyn Clock> = Arc::new(Wall);
    let Settings {
        state,
        keep,
        mode,
        mut intents,
        intents_every,
        git,
        reached,
        mut clusters,
        apply,
        reports,
        signals,
        api,
        leader,
        replication,
        traces,
    } = settings;
    tokio::pin!(stop);
    fs::create_dir_all(&state).map_err(|error| HubFault::Folder { path: state.clone(), error })?;
    let memory = RememberedFile::below(&state);
    let in_memory = |error| HubFault::Folder { path: memory.path().to_owned(), error };
    // Nothing is begun that nobody could ask.
    let listener = TcpListener::bind(api.listen()).await;
    let listener = listener.map_err(|error| HubFault::Listen { at: api.listen(), error })?;
    let traces = Traces::begin(&traces);
    let margin = leader.as_ref().map_or(Duration::ZERO, |leader| leader.spans.margin() / 2);
    let mut leading = match leader {
        None => None,
        Some(leader) => {
            let standby =
                Standby::begin(leader, replication.as_ref(), &memory, (&state, keep), &clock)?;
            let copied = standby.copied();
            tokio::select! {
                led = api::stand_by(&listener, &api, copied, standby.lead()) => Some(led??),
                () = &mut stop => return Ok(()),
            }
        }
    };
    let lent = leading.as_mut().and_then(|leading| leading.lent.take());
    let mut leadership = leading.map(|leading| leading.leadership);
    let remembered = memory.read().map_err(in_memory)?;
    if let IntentsFrom::Repository(repository) = &mut intents {
        repository.access.http.clone_from(&parts.http);
    }

    let now = clock.now_unix_ms();
    let begins = !Desk::has_begun(&state);
    let first = match begins {
        false => None,
        true => Some(while_leading(leadership.as_mut(), declared(&intents, now)).await?),
    };
    let access = periplus_git::Options { http: parts.http, ..git.access };
    let cache = state.join("git");
    let setup = Setup {
        intents: first,
        routes: git.routes,
        window: git.window,
        narrator: Box::new(()),
        made_by: parts.made_by,
    };
    let mut desk = Desk::open(&state, setup, now)?;
    let epoch_unix_ms = desk.intents().scenario().epoch_unix_ms;
    desk.set_narrator((parts.narrator)(epoch_unix_ms));
    let apply = applied(apply, mode);
    if let Some(apply) = &apply {
        for contradiction in desk.apply_to(Direct::new(apply.clusters.clone())) {
            if begins {
                return Err(DeskFault::Undeliverable(contradiction).into());
            }
            // What is declared may be mended only while the service runs.
            tracing::error!("{contradiction}");
        }
        let declared = &desk.intents().scenario().fleet.clusters;
        let is_missed = |name: &&String| declared.iter().all(|one| one.name != **name);
        for cluster in apply.clusters.iter().filter(is_missed) {
            tracing::warn!(cluster, "it is to be applied to directly, and is not declared");
        }
    }
    // Whoever led before has let go of the log: nobody changes this any more.
    let remembered = match &leadership {
        Some(led) => {
            let known = memory.read().map_err(in_memory)?;
            let known = known.lead(led.epoch(), led.began())?;
            memory.write(known).map_err(in_memory)?;
            known
        }
        None => remembered,
    };
    let fence = leadership.as_ref().map(|led| Fence {
        run: desk.identity(),
        epoch: led.epoch(),
        announce_below: remembered.unheard_below,
        leads: led.leads(),
        found: lent.as_ref().map(Lent::found),
    });
    let writes = mode != Mode::Observe;
    if writes && !remembered.wrote && parts.found == Found::Refuse {
        while_leading(leadership.as_mut(), look_for_files(&desk, &cache, &access)).await?;
    }
    let (command, remembered) = remembered.enter(mode, desk.state());
    memory.write(remembered).map_err(in_memory)?;
    if let Some(command) = command {
        desk.command(command, now)?;
    }
    let copies = match lent {
        Some(lent) => Some(while_leading(leadership.as_mut(), lent.copies(&state, &desk)).await?),
        None => None,
    };
    tracing::info!(
        %mode,
        state = %state.display(),
        api = listener.local_addr().ok().map(tracing::field::display),
        records = desk.state().seq().0,
        clusters = desk.intents().scenario().fleet.clusters.len(),
        repositories = desk.targets().places.len(),
        "the service starts"
    );

    let statuses_applied = apply::Statuses::default();
    let apply = apply.map(|ApplySettings { clusters: _, force, every }| {
        let options = apply::Options::new(desk.identity(), reach(reached.clone()));
        let (fence, statuses) = (fence.clone(), statuses_applied.clone());
        apply::Options { force, every, fence, found: parts.found, statuses, ..options }
    });
    let post = PostOptions {
        cache,
        access: periplus_git::Options { fence, ..access },
        fleet: git.fleet,
        author: git.author,
        run: desk.identity(),
        epoch_unix_ms,
    };
    let retention = Retention { keeper: desk.keeper(), keep, epoch_unix_ms };
    let in_folder = |error| HubFault::Folder { path: state.clone(), error };
    let reports = Arc::new(Reports::open(&state, reports).map_err(in_folder)?);
    let present = Present::default();
    present.renew(&desk);
    let known = present.clone();
    clusters.expected = Some(Arc::new(move |cluster| known.of(cluster)));
    let clusters = Arc::new(Clusters::new(clusters));
    let feed = Feed::default();
    let beside = Beside { copies: copies.clone(), apply, traces: traces.clone() };
    let service = Service::start_beside(desk, post, feed.clone(), Arc::clone(&clock), beside);

    let (stopping, stopped) = watch::channel(());
    let over = |mut stopped: watch::Receiver<()>| async move {
        // The other end is gone when everything is to stop.
        let _ = stopped.changed().await;
    };
    let mut tasks = JoinSet::new();
    let standing = Standing::default();
    tasks.spawn(retention.run(Arc::clone(&clock)));
    tasks.spawn(intents::follow(intents, intents_every, feed.clone(), standing));
    tasks.spawn(watch_clusters(
        reached,
        Arc::clone(&reports),
        Arc::clone(&clusters),
        present,
        feed.clone(),
    ));
    {
        let (clusters, feed, over) = (Arc::clone(&clusters), feed.clone(), over(stopped.clone()));
        tasks.spawn(async move { clusters.run(feed, over).await });
    }
    let told = {
        let clock = Arc::clone(&clock);
        signals::Clock::new(move || clock.now_unix_ms())
    };
    let statuses = Statuses::default();
    let (situation, seen) = watch::channel(Situation { mode: mode.to_string(), missing: vec![] });
    let answers = Api::new(api::Parts {
        config: api,
        feed: feed.clone(),
        signals: statuses.clone(),
        clusters: Some(Arc::clone(&clusters)),
        applied: statuses_applied,
        reports,
        clock: Arc::clone(&clock),
        situation: seen,
        explain: (parts.explain)(&Desk::log(&state)),
        copies: copies.clone(),
        traces: traces.clone(),
        limits: api::Limits::default(),
    });
    tasks.spawn(signals::run(signals, feed, told, (statuses, traces.clone()), over(stopped)));
    // Answers are given until the desk is closed, and to standbys until they have all of it.
    let (closing, closed) = watch::channel(());
    let mut serving = tokio::spawn(api::serve(listener, answers, over(closed)));

    let served = tokio::select! {
        lost = deposed(leadership.as_mut()) => {
            // Others wait only so long.
            surrender(move || drop(service.stop()), margin).await;
            return Err(lost.into());
        }
        () = &mut stop => {
            tracing::info!("the service stops");
            None
        }
        () = end_of(&service) => None,
        served = &mut serving => Some(served),
    };
    drop(stopping);
    tasks.shutdown().await;
    let stop = move || tokio::task::spawn_blocking(move || service.stop());
    let (served, ended) = match (served, copies) {
        (Some(served), _) => (served, stop().await),
        (None, None) => {
            drop(closing);
            (serving.await, stop().await)
        }
        (None, Some(copies)) => {
            let ended = stop().await;
            copies.drained(DRAINED_WITHIN).await;
            drop(closing);
            (serving.await, ended)
        }
    };
    drop(situation);
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    if let Some(leadership) = leadership {
        leadership.release().await;
    }
    // Nobody waits for the traces but us.
    traces.finish(TRACES_SENT_WITHIN).await;
    Ok(served.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?)
}

/// Is done when this replica leads no more; never where there is only one.
async fn deposed(leadership: Option<&mut Leadership>) -> Lost {
    match leadership {
        Some(leadership) => leadership.lost().await,
        None => std::future::pending().await,
    }
}

/// Does something that is given up once this replica leads no more.
async fn while_leading<T>(
    leadership: Option<&mut Leadership>,
    act: impl Future<Output = Result<T, HubFault>>,
) -> Result<T, HubFault> {
    tokio::select! {
        lost = deposed(leadership) => Err(lost.into()),
        done = act => done,
    }
}

/// Which clusters are applied to in a mode, and how: what is not to be written to them is not applied either.
fn applied(apply: ApplySettings, mode: Mode) -> Option<ApplySettings> {
    if apply.clusters.is_empty() {
        return None;
    }
    let clusters: Vec<&str> = apply.clusters.iter().map(String::as_str).collect();
    let clusters = clusters.join(", ");
    match mode {
        Mode::Act => {
            tracing::info!(clusters, "these clusters are applied to directly");
            Some(apply)
        }
        Mode::Observe | Mode::Propose => {
            tracing::warn!(%mode, clusters, "clusters are applied to directly in the mode act only");
            None
        }
    }
}

/// How clusters are reached, as the kubeconfig says at each time.
fn reach(reached: Reached) -> apply::Reach {
    Arc::new(move |cluster| {
        let contexts = reached.contexts()?;
        let source = reached.source(cluster, &contexts);
        source.ok_or_else(|| "nothing says how it is reached".to_owned())
    })
}

/// What is declared, for a first start.
async fn declared(intents: &IntentsFrom, now: i64) -> Result<Intents, HubFault> {
    let declared = intents.read().await.map_err(|fault| match fault {
        ReadFault::Wrong(wrong) => HubFault::Declared(wrong),
        ReadFault::Unreachable(why) => HubFault::Undeclared(why),
    })?;
    Intents::begin(declared, now).map_err(HubFault::Declared)
}

/// Is done when the desk has ended by itself.
async fn end_of(service: &Service) {
    while !service.is_over() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Refuses repositories that hold files of ours although we have never written. The first commit would remove them.
async fn look_for_files(
    desk: &Desk,
    cache: &Path,
    access: &periplus_git::Options,
) -> Result<(), HubFault> {
    let places: Vec<Place> = desk.targets().places.values().cloned().collect();
    let (cache, access) = (cache.to_owned(), access.clone());
    let looked = tokio::task::spawn_blocking(move || {
        for Place { repository, base } in places {
            let named = format!("the branch {} of {}", repository.branch, repository.url);
            let access = periplus_git::Options { base, ..access.clone() };
            let fault = |fault| HubFault::Repository { repository: named.clone(), fault };
            let target = Target::new(&repository.url, &repository.branch);
            let target = target.map_err(|bad| fault(bad.into()))?;
            let owned = Writer::open(&cache, target, access).and_then(|mut writer| writer.owned());
            let files = owned.map_err(fault)?.len();
            if files > 0 {
                return Err(HubFault::Foreign { repository: named, files });
            }
        }
        Ok(())
    });
    looked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_applied_to_where_what_is_decided_is_written_to_what_clusters_pull() {
        let settings = |clusters: &[&str]| ApplySettings {
            clusters: clusters.iter().map(|name| (*name).to_owned()).collect(),
            force: apply::Force::No,
            every: Duration::from_mins(10),
        };
        assert!(applied(settings(&["hill"]), Mode::Act).is_some());
        for mode in [Mode::Observe, Mode::Propose] {
            assert_eq!(applied(settings(&["hill"]), mode), None);
        }
        assert_eq!(applied(settings(&[]), Mode::Act), None);
    }
}
