//! Following a log: which parts of a tree a record may change, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::effect::Effect;
use periplus_core::ids::{AppId, ClusterId, TenantId};
use periplus_core::input::Command;
use periplus_core::{Input, RecordRef, State};

use crate::files::{Change, Files, change};
use crate::render::{Part, Pictures, Problem, Renderer, parts};

/// Keeps a tree in step with a log, rendering only what changed.
#[derive(Debug)]
pub struct Follower {
    renderer: Renderer,
    rendered: BTreeMap<Part, Files>,
    dirty: BTreeSet<Part>,
    /// Parts that change with something else, which only the state knows.
    wide: Vec<Wide>,
}

/// What changes more parts than it names.
#[derive(Clone, Copy, Debug)]
enum Wide {
    /// What runs already was told.
    All,
    /// An app was declared anew.
    App(AppId),
    /// A cluster was.
    Cluster(ClusterId),
    /// A tenant was.
    Tenant(TenantId),
    /// Something was written or removed: who waits for it in the same cluster is told so.
    Neighbours(ClusterId, AppId),
    /// An app is elsewhere, or its requests go elsewhere.
    Connected(AppId),
}

impl Follower {
    /// Begins with an empty tree.
    #[must_use]
    pub fn new(renderer: Renderer) -> Self {
        Self { renderer, rendered: BTreeMap::new(), dirty: BTreeSet::new(), wide: Vec::new() }
    }

    /// Begins with the tree of a state.
    ///
    /// # Errors
    /// Something cannot be rendered.
    pub fn of(renderer: Renderer, state: &State) -> Result<Self, Problem> {
        let mut follower = Self::new(renderer);
        follower.dirty.extend(parts(state));
        follower.take(state)?;
        Ok(follower)
    }

    /// All of it may be otherwise: nobody knows what is out.
    pub fn stir(&mut self, state: &State) {
        self.dirty.extend(parts(state));
    }

    /// Something else was declared: a record that says so must be [noted](Self::note) too.
    pub fn renew(&mut self, renderer: Renderer) {
        self.renderer = renderer;
    }

    /// Notes what a record may have changed.
    pub fn note(&mut self, record: &RecordRef<'_>) {
        for issued in record.effects {
            match &issued.effect {
                Effect::Prime { target, .. } | Effect::Withdraw { target, .. } => {
                    let (cluster, app) = (target.cluster, target.app);
                    self.dirty.extend([
                        Part::Namespaces(cluster),
                        Part::App(cluster, app),
                        Part::Decision(app),
                    ]);
                    self.wide.push(Wide::Neighbours(cluster, app));
                    self.connect(app);
                }
                Effect::Route { app, .. } => {
                    self.dirty.insert(Part::Decision(*app));
                    self.connect(*app);
                }
                Effect::Alert(_) => {}
            }
        }
        if let Input::Command(command) = record.input {
            self.wide.extend(changed(command));
        }
    }

    fn connect(&mut self, app: AppId) {
        let known =
            self.wide.iter().any(|wide| matches!(wide, Wide::Connected(other) if *other == app));
        if self.renderer.is_connected() && !known {
            self.wide.push(Wide::Connected(app));
            // Also where it is no more.
            let rendered = self.rendered.keys().filter(|part| match part {
                Part::App(_, other) => *other == app,
                Part::Site(_) => true,
                Part::Root(_) | Part::Namespaces(_) | Part::Decision(_) => false,
            });
            self.dirty.extend(rendered);
        }
    }

    /// Whether anything may have changed since the last [`take`](Self::take).
    #[must_use]
    pub fn is_stirred(&self) -> bool {
        !self.dirty.is_empty() || !self.wide.is_empty()
    }

    /// What changed since this was asked last.
    ///
    /// # Errors
    /// Something cannot be rendered; it is tried again the next time.
    pub fn take(&mut self, state: &State) -> Result<Change, Problem> {
        for wide in std::mem::take(&mut self.wide) {
            self.dirty.extend(reached(state, wide));
        }
        let mut changed = Change::new();
        let mut pictures = Pictures::default();
        while let Some(part) = self.dirty.first().copied() {
            let after = self.renderer.part(state, part, &mut pictures)?;
            let before = self.rendered.remove(&part).unwrap_or_default();
            changed.extend(change(&before, &after));
            if !after.is_empty() {
                self.rendered.insert(part, after);
            }
            self.dirty.remove(&part);
        }
        Ok(changed)
    }

    /// The files of now.
    #[must_use]
    pub fn files(&self) -> Files {
        let parts = self.rendered.values().flatten();
        parts.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    }
}

/// What a command changes beyond its effects.
fn changed(command: &Command) -> Option<Wide> {
    match command {
        Command::Adopt(_) => Some(Wide::All),
        Command::DeclareApp(app, _) => Some(Wide::App(*app)),
        Command::DeclareCluster(cluster, _) | Command::RetireCluster(cluster) => {
            Some(Wide::Cluster(*cluster))
        }
        Command::DeclareTenant(tenant, _) => Some(Wide::Tenant(*tenant)),
        Command::Name { .. }
        | Command::DeclarePolicy(_)
        | Command::DeclareZone(..)
        | Command::DeclareSeries { .. }
        | Command::WithdrawApp(_)
        | Command::Cordon(_)
        | Command::Uncordon(_)
        | Command::Drain(_)
        | Command::Undrain(_)
        | Command::DeclareLost(_)
        | Command::Pin { .. }
        | Command::Unpin { .. }
        | Command::Approve(_)
        | Command::Pause
        | Command::Resume => None,
    }
}

/// The parts that it reaches.
fn reached(state: &State, wide: Wide) -> Vec<Part> {
    let all = parts(state).into_iter();
    match wide {
        Wide::All => all.collect(),
        Wide::App(app) => all
            .filter(|part| match part {
                Part::App(_, other) | Part::Decision(other) => *other == app,
                Part::Namespaces(_) => true,
                Part::Root(_) | Part::Site(_) => false,
            })
            .collect(),
        // One that has left has no parts any more; what stood there for it goes.
        Wide::Cluster(cluster) => std::iter::once(Part::Root(cluster))
            .chain(all.filter(|part| match part {
                Part::App(other, _)
                | Part::Namespaces(other)
                | Part::Root(other)
                | Part::Site(other) => *other == cluster,
                Part::Decision(_) => false,
            }))
            .collect(),
        Wide::Tenant(tenant) => all
            .filter(|part| match part {
                Part::App(_, app) | Part::Decision(app) => state.intent(*app).tenant == tenant,
                Part::Namespaces(_) => true,
                Part::Root(_) | Part::Site(_) => false,
            })
            .collect(),
        Wide::Connected(app) => all
            .filter(|part| match part {
                Part::App(_, other) => *other == app,
                Part::Site(_) => true,
                Part::Root(_) | Part::Namespaces(_) | Part::Decision(_) => false,
            })
            .collect(),
        Wide::Neighbours(cluster, app) => {
            let berths = state.cluster(cluster).berths.iter();
            let others = berths.map(|berth| state.berth(*berth).app).filter(|other| {
                let components = &state.intent(*other).components;
                *other != app
                    && components.iter().any(|one| one.after.iter().any(|gate| gate.app == app))
            });
            others.map(|other| Part::App(cluster, other)).collect()
        }
    }
}
