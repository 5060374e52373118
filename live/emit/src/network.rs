//! Where objects that connect and protect lie, and what tells an agent of their folders.

use periplus_spec::draft::AgentType;
use periplus_spec::scenario::ClusterFacts;

use crate::agent::flux::{Folder, Ready};
use crate::agent::{Repository, argocd, flux};
use crate::component::mark;
use crate::fault::Fault;
use crate::file::add;
use crate::files::Files;
use crate::name::joined;
use crate::net::{NetObject, Owner, Step};
use crate::object::Object;

/// The folders of an app that have something in them.
pub(crate) struct Folders {
    /// The name of the `Kustomization` of what must be there before any pod, if there is any.
    pub(crate) guard: Option<String>,
    /// The same of what sends requests.
    route: Option<String>,
}

/// Adds an app's own objects.
pub(crate) fn add_app(
    files: &mut Files,
    facts: &ClusterFacts,
    app: &str,
    objects: Vec<NetObject>,
) -> Result<Folders, Fault> {
    let place: &str = &facts.name;
    let mut folders = Folders { guard: None, route: None };
    for NetObject { owner, step, mut object } in objects {
        if owner == Owner::Site {
            continue;
        }
        let (name, folder) = match step {
            Step::Guard => ("guard", &mut folders.guard),
            Step::Serve | Step::Call | Step::Enter => ("route", &mut folders.route),
        };
        folder.get_or_insert_with(|| joined(&["net", app, name]));
        mark(&mut object, place, Some(app));
        add(files, &format!("deploy/{place}/_net/{app}/{name}"), object, None)?;
    }
    Ok(folders)
}

impl Folders {
    /// Tells the agent of them. They need the namespace, which the `Kustomization` called `before` makes.
    pub(crate) fn lead(
        &self,
        files: &mut Files,
        facts: &ClusterFacts,
        repository: &Repository,
        (app, namespace): (&str, &str),
        before: Option<String>,
    ) -> Result<(), Fault> {
        let place: &str = &facts.name;
        match facts.agent {
            AgentType::Flux => {
                for (name, folder) in [(&self.guard, "guard"), (&self.route, "route")] {
                    let Some(name) = name else { continue };
                    let path = format!("deploy/{place}/_net/{app}/{folder}");
                    let after = before.iter().cloned().collect();
                    let object = applied(name, &path, after);
                    agent_file(files, &format!("clusters/{place}"), facts, Some(app), object)?;
                }
                Ok(())
            }
            AgentType::Argocd if self.guard.is_none() && self.route.is_none() => Ok(()),
            AgentType::Argocd => {
                let source = argocd::folders(repository, &format!("deploy/{place}/_net/{app}"));
                let name = format!("net.{app}");
                let object = argocd::application(facts, &name, namespace, &source);
                agent_file(files, &format!("argocd/{place}"), facts, Some(app), object)
            }
        }
    }
}

/// The files of what connects and protects a cluster as a whole.
pub(crate) fn site(
    facts: &ClusterFacts,
    repository: &Repository,
    objects: Vec<NetObject>,
) -> Result<Files, Fault> {
    let place: &str = &facts.name;
    let folder = format!("deploy/{place}/_net/_site");
    let mut own: Vec<Object> = Vec::new();
    for NetObject { owner, step: _, object } in objects {
        if owner == Owner::Site && !own.contains(&object) {
            own.push(object);
        }
    }
    let mut files = Files::new();
    if own.is_empty() {
        return Ok(files);
    }
    for mut object in own {
        mark(&mut object, place, None);
        add(&mut files, &folder, object, None)?;
    }
    match facts.agent {
        AgentType::Flux => {
            let object = applied("net.site", &folder, Vec::new());
            agent_file(&mut files, &format!("clusters/{place}"), facts, None, object)?;
        }
        AgentType::Argocd => {
            let source = argocd::folders(repository, &folder);
            let object = argocd::application(facts, "net.site", "default", &source);
            agent_file(&mut files, &format!("argocd/{place}"), facts, None, object)?;
        }
    }
    Ok(files)
}

fn applied(name: &str, path: &str, after: Vec<String>) -> Object {
    flux::kustomization(&Folder { name, path, after, ready: Ready::Applied, sealed: false })
}

fn agent_file(
    files: &mut Files,
    folder: &str,
    facts: &ClusterFacts,
    app: Option<&str>,
    mut object: Object,
) -> Result<(), Fault> {
    mark(&mut object, &facts.name, app);
    add(files, folder, object, None)
}
