//! Rendering: from what the machine believes should be in git to the files that say so.
//!
//! A pure function of the state and of what was declared: the same instant gives the same bytes, whoever renders it. A
//! tree is put together from [`Part`]s, each of which changes by itself; [`Follower`](crate::Follower) renders only
//! those that did.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use periplus_core::State;
use periplus_core::ids::{AppId, ClusterId, ComponentId};
use periplus_core::state::{self, Content, Health};
use periplus_spec::draft::{AgentType, SourceDraft};
use periplus_spec::scenario::{AppVersion, ClusterFacts, Delivery};

use crate::agent::flux::{Folder, Ready};
use crate::agent::{Repository, argocd, flux};
use crate::binding::{Binding, Storage};
use crate::component;
use crate::customize;
use crate::decision;
use crate::fault::Fault;
use crate::file::{Placed, add};
use crate::files::Files;
use crate::name::joined;
use crate::net::{Fleet, Owner, drivers, objects, service_notes};
use crate::network;
use crate::object::Object;
use crate::order::{before, wave};
use crate::path::{BadPath, FilePath};
use crate::picture::{self, Addresses, Picture};
use crate::tenant;

/// What renders trees.
#[derive(Clone, Debug)]
pub struct Renderer {
    delivery: Arc<Delivery>,
    repository: Repository,
    /// The addresses of services in meshes; none where no cluster connects or protects anything.
    addresses: Option<Arc<Addresses>>,
}

/// Pictures of the networks of apps, drawn once for all clusters of an instant.
#[derive(Default)]
pub(crate) struct Pictures(BTreeMap<AppId, Option<Picture>>);

/// A part of a tree that changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What is always there for a cluster of the fleet.
    Root(ClusterId),
    /// The namespaces that apps have in a cluster.
    Namespaces(ClusterId),
    /// An app in a cluster.
    App(ClusterId, AppId),
    /// What connects and protects a cluster as a whole.
    Site(ClusterId),
    /// What was decided for an app.
    Decision(AppId),
}

/// Something that cannot be rendered, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The cluster.
    pub cluster: String,
    /// The app; empty where it is no app's.
    pub app: String,
    /// What is wrong.
    pub fault: Box<Fault>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, app, fault } = self;
        if app.is_empty() {
            write!(out, "{cluster}: {fault}")
        } else {
            write!(out, "{app} in {cluster}: {fault}")
        }
    }
}

impl Renderer {
    /// Renders what was declared, to be pulled from a repository.
    #[must_use]
    pub fn new(delivery: &Arc<Delivery>, repository: &Repository) -> Self {
        let connected = picture::is_connected(delivery);
        let addresses = connected.then(|| Arc::new(picture::addresses(delivery)));
        Self { delivery: Arc::clone(delivery), repository: repository.clone(), addresses }
    }

    /// Whether any cluster connects or protects anything: then a route changes files too.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.addresses.is_some()
    }

    /// The network of an app as drivers see it; none where no cluster connects or protects, or the app is nowhere.
    #[must_use]
    pub fn network(&self, state: &State, app: AppId) -> Option<Fleet> {
        let addresses = self.addresses.as_ref()?;
        Picture::of(state, &self.delivery, addresses, app).map(|picture| picture.fleet)
    }

    /// All files of an instant.
    ///
    /// # Errors
    /// Something cannot be rendered.
    pub fn tree(&self, state: &State) -> Result<Files, Problem> {
        let mut files = Files::new();
        let mut pictures = Pictures::default();
        for part in parts(state) {
            for (path, bytes) in self.part(state, part, &mut pictures)? {
                if let Some(_before) = files.insert(path.clone(), bytes) {
                    let fault = Box::new(Fault::Path(BadPath {
                        path: path.to_string(),
                        why: "two objects would lie there",
                    }));
                    return Err(Problem {
                        cluster: "all clusters".into(),
                        app: String::new(),
                        fault,
                    });
                }
            }
        }
        Ok(files)
    }

    /// The files of one part, none where there is nothing of it.
    ///
    /// # Errors
    /// Something in it cannot be rendered.
    pub(crate) fn part(
        &self,
        state: &State,
        part: Part,
        pictures: &mut Pictures,
    ) -> Result<Files, Problem> {
        let (cluster, app) = match part {
            Part::Root(cluster) | Part::Namespaces(cluster) | Part::Site(cluster) => {
                (Some(cluster), None)
            }
            Part::App(cluster, app) => (Some(cluster), Some(app)),
            Part::Decision(app) => (None, Some(app)),
        };
        let named = |fault: Fault| Problem {
            cluster: cluster
                .map_or_else(|| "all clusters".into(), |cluster| self.cluster_name(state, cluster)),
            app: app.map_or_else(String::new, |app| state.name(state.intent(app).name).to_owned()),
            fault: Box::new(fault),
        };
        let files = match part {
            Part::Root(cluster) => self.root(state, cluster),
            Part::Namespaces(cluster) => self.namespaces(state, cluster),
            Part::App(cluster, app) => self.app(state, cluster, app, pictures),
            Part::Site(cluster) => self.site(state, cluster, pictures),
            Part::Decision(app) => decision::file(state, app),
        };
        files.map_err(named)
    }

    fn cluster_name(&self, state: &State, cluster: ClusterId) -> String {
        self.delivery.cluster(cluster, state.at()).name.to_string()
    }

    /// The version of an app that a binding was written from.
    fn version(&self, state: &State, app: AppId, binding: &state::Binding) -> Option<&AppVersion> {
        let at = state.at();
        let known = self.delivery.component(app, binding.component, binding.revision, at);
        known.or_else(|| self.delivery.app(app, at))
    }

    /// The bindings of an app in a cluster whose files git holds.
    fn bindings(
        &self,
        state: &State,
        cluster: ClusterId,
        app: AppId,
    ) -> Vec<(ComponentId, Binding<'_>)> {
        let facts = self.delivery.cluster(cluster, state.at());
        let berths = state.cluster(cluster).berths.iter().map(|berth| state.berth(*berth));
        let mut bindings = Vec::new();
        for berth in berths.filter(|berth| berth.app == app) {
            let stateful = state.intent(app).group(berth.group).stateful;
            let present = berth.bindings.iter().filter(|one| one.content == Content::Present);
            for binding in present {
                let Some(version) = self.version(state, app, binding) else { continue };
                let index = binding.component.index();
                let Some(declared) = version.draft.components.get(index) else { continue };
                bindings.push((
                    binding.component,
                    Binding {
                        cluster: facts,
                        app: version,
                        component: declared,
                        manifests: &version.manifests[index],
                        namespace: customize::namespace(version, &declared.name, facts),
                        tenant: &self.delivery.tenant(version.tenant, version.from).name,
                        storage: if stateful { Storage::Stateful } else { Storage::None },
                        replicas: binding.primed,
                        decision: binding.cause.map(|cause| cause.seq.0),
                        wave: wave(state, cluster, app, binding.component),
                    },
                ));
            }
        }
        bindings
    }

    /// The picture of an app, if it is to be drawn for a cluster.
    fn picture<'p>(
        &self,
        state: &State,
        facts: &ClusterFacts,
        app: AppId,
        pictures: &'p mut Pictures,
    ) -> Option<&'p Picture> {
        let addresses = self.addresses.as_ref().filter(|_| !drivers(facts).is_empty())?;
        let drawn = || Picture::of(state, &self.delivery, addresses, app);
        pictures.0.entry(app).or_insert_with(drawn).as_ref()
    }

    fn app(
        &self,
        state: &State,
        cluster: ClusterId,
        app: AppId,
        pictures: &mut Pictures,
    ) -> Result<Files, Fault> {
        let bindings = self.bindings(state, cluster, app);
        let mut files = Files::new();
        let Some((_, first)) = bindings.first() else { return Ok(files) };
        let facts = first.cluster;
        let repository = self.repository.of(facts)?;
        let (place, name) = (&*facts.name, &*first.app.name);
        let picture = self.picture(state, facts, app, pictures);
        let site = picture.and_then(|picture| Some((picture, picture.site(cluster)?)));
        let connected = site.map_or_else(Vec::new, |(picture, site)| objects(&picture.fleet, site));
        let site_first = connected.iter().any(|object| object.owner == Owner::Site);
        let folders = network::add_app(&mut files, facts, name, connected)?;
        let mut sealed = Vec::new();
        for (id, binding) in &bindings {
            let folder = format!("deploy/{place}/{name}/{}", binding.component.name);
            for placed in component::objects(binding)? {
                match placed {
                    Placed::Payload(mut object) => {
                        if let Some((picture, site)) = site
                            && object.kind() == "Service"
                            && object.name() == &*binding.component.name
                            && let Some(service) = picture.service(*id)
                        {
                            service_notes(&picture.fleet, site, service).write_on(&mut object);
                        }
                        if object.0.get("sops").is_some() {
                            sealed.push(*id);
                        }
                        add(&mut files, &folder, object, binding.decision)?;
                    }
                    Placed::Agent(object) => {
                        add(&mut files, &format!("argocd/{place}"), object, binding.decision)?;
                    }
                }
            }
        }
        let made = self.namespace_before(state, first);
        folders.lead(&mut files, facts, &repository, (name, first.namespace), made.as_deref())?;
        match facts.agent {
            AgentType::Flux => {
                for (id, binding) in &bindings {
                    let mut after = Vec::new();
                    after.extend(self.namespace_before(state, binding));
                    after.extend(site_first.then(|| network::SITE.to_owned()));
                    after.extend(folders.guard.clone());
                    let others = before(state, cluster, app, *id).into_iter();
                    after.extend(
                        others.map(|(app, component)| kustomization(state, app, component)),
                    );
                    let folder = Folder {
                        name: &kustomization(state, app, *id),
                        path: &format!("deploy/{place}/{name}/{}", binding.component.name),
                        after,
                        ready: Ready::Healthy,
                        sealed: sealed.contains(id),
                    };
                    agent_file(&mut files, place, flux::kustomization(&folder), binding)?;
                }
            }
            AgentType::Argocd => {
                let payload = |binding: &&(ComponentId, Binding<'_>)| {
                    !matches!(
                        binding.1.component.source,
                        Some(SourceDraft::Helm(_) | SourceDraft::Kustomize(_))
                    )
                };
                if let Some((_, binding)) = bindings.iter().find(payload) {
                    let path = format!("deploy/{place}/{name}");
                    let source = argocd::folders(&repository, &path);
                    let object = argocd::application(facts, name, binding.namespace, &source);
                    agent_file(&mut files, place, object, binding)?;
                }
            }
        }
        Ok(files)
    }

    /// A file that is there as long as the cluster is: an agent that finds no folder removes nothing, so that the last
    /// app would run on.
    fn root(&self, state: &State, cluster: ClusterId) -> Result<Files, Fault> {
        let facts = self.delivery.cluster(cluster, state.at());
        let place: &str = &facts.name;
        let mut files = Files::new();
        if state.cluster(cluster).health == Health::Retired {
            return Ok(files);
        }
        let mut object = match facts.agent {
            AgentType::Flux => flux::root(facts),
            AgentType::Argocd => argocd::root(facts),
        };
        component::mark(&mut object, place, None);
        add(&mut files, &agent_folder(facts.agent, place), object, None)?;
        Ok(files)
    }

    /// What makes the namespace of a binding; nothing where it is there without us.
    fn namespace(&self, state: &State, binding: &Binding<'_>) -> Vec<Object> {
        let owner = self.delivery.tenant(binding.app.tenant, state.at());
        let mesh = binding.cluster.infrastructure.mesh;
        tenant::namespace(binding.namespace, (&owner.name, &owner.draft), mesh)
    }

    /// The name of the `Kustomization` that makes the namespace of a binding, if we do.
    fn namespace_before(&self, state: &State, binding: &Binding<'_>) -> Option<String> {
        let made = !self.namespace(state, binding).is_empty();
        made.then(|| joined(&["ns", binding.namespace]))
    }

    /// What connects and protects a cluster as a whole, for any of its apps.
    fn site(
        &self,
        state: &State,
        cluster: ClusterId,
        pictures: &mut Pictures,
    ) -> Result<Files, Fault> {
        let facts = self.delivery.cluster(cluster, state.at());
        let mut wanted = Vec::new();
        if facts.infrastructure.firewall.is_some() {
            for berth in &state.cluster(cluster).berths {
                let picture = self.picture(state, facts, state.berth(*berth).app, pictures);
                if let Some((picture, site)) =
                    picture.and_then(|one| Some((one, one.site(cluster)?)))
                {
                    wanted.extend(objects(&picture.fleet, site));
                }
            }
        }
        network::site(facts, &self.repository.of(facts)?, wanted)
    }

    fn namespaces(&self, state: &State, cluster: ClusterId) -> Result<Files, Fault> {
        let facts = self.delivery.cluster(cluster, state.at());
        let repository = self.repository.of(facts)?;
        let place: &str = &facts.name;
        let mut apps: Vec<AppId> =
            state.cluster(cluster).berths.iter().map(|berth| state.berth(*berth).app).collect();
        apps.sort_unstable();
        apps.dedup();
        let mut files = Files::new();
        let mut known: Vec<&str> = Vec::new();
        for app in apps {
            for (_, binding) in self.bindings(state, cluster, app) {
                let name = binding.namespace;
                if known.contains(&name) {
                    continue;
                }
                known.push(name);
                let folder = format!("deploy/{place}/_namespaces/{name}");
                let wanted = self.namespace(state, &binding);
                if wanted.is_empty() {
                    continue;
                }
                for mut object in wanted {
                    component::mark(&mut object, place, None);
                    add(&mut files, &folder, object, None)?;
                }
                let mut object = match facts.agent {
                    AgentType::Flux => flux::kustomization(&Folder {
                        name: &joined(&["ns", name]),
                        path: &folder,
                        after: Vec::new(),
                        ready: Ready::Healthy,
                        sealed: false,
                    }),
                    AgentType::Argocd => {
                        let source = argocd::folders(&repository, &folder);
                        let mut object =
                            argocd::application(facts, &format!("ns.{name}"), name, &source);
                        object.annotate(argocd::WAVE, "-2");
                        object
                    }
                };
                component::mark(&mut object, place, None);
                add(&mut files, &agent_folder(facts.agent, place), object, None)?;
            }
        }
        Ok(files)
    }
}

/// The folder of what tells an agent of its folders.
fn agent_folder(agent: AgentType, place: &str) -> String {
    match agent {
        AgentType::Flux => format!("clusters/{place}"),
        AgentType::Argocd => format!("argocd/{place}"),
    }
}

fn agent_file(
    files: &mut Files,
    place: &str,
    mut object: Object,
    binding: &Binding<'_>,
) -> Result<(), Fault> {
    component::mark(&mut object, place, Some(&binding.app.name));
    add(files, &agent_folder(binding.cluster.agent, place), object, None)
}

/// The name of a component's `Kustomization`.
fn kustomization(state: &State, app: AppId, component: ComponentId) -> String {
    let intent = state.intent(app);
    let component = intent.components.get(component.index());
    joined(&[state.name(intent.name), component.map_or("", |component| state.name(component.name))])
}

/// All parts that there may be something of.
#[must_use]
pub fn parts(state: &State) -> Vec<Part> {
    let mut parts = Vec::new();
    for index in 0..state.clusters().len() {
        let cluster = ClusterId::from_index(index);
        if state.cluster(cluster).health != Health::Retired {
            parts.push(Part::Root(cluster));
        }
        let berths = &state.cluster(cluster).berths;
        if berths.is_empty() {
            continue;
        }
        parts.extend([Part::Namespaces(cluster), Part::Site(cluster)]);
        parts.extend(berths.iter().map(|berth| Part::App(cluster, state.berth(*berth).app)));
    }
    parts.extend((0..state.apps().len()).map(|app| Part::Decision(AppId::from_index(app))));
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// The path of a file.
///
/// # Errors
/// It could not be one.
pub(crate) fn path(text: String) -> Result<FilePath, Fault> {
    Ok(FilePath::new(text)?)
}
