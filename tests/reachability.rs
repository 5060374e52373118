//! Requests arrive where they are sent: at every commit, and while clusters take one commit after the other.
//!
//! Judged by nothing but the files: a reader of its own follows each request through the objects in them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_core::ids::{AppId, ClusterId};
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::net::reach::{Question, SitePicture, World, arrives, through_steps};
use periplus_emit::net::view::{Service, SiteIndex};
use periplus_emit::net::{Fleet, drivers};
use periplus_emit::{Draft, Files, Follower, Object, Renderer, Repository, Windows, apply};
use periplus_sim::run;
use periplus_spec::scenario::Scenario;

#[test]
fn calls_arrive_where_they_are_sent_at_every_commit_and_between_any_two() {
    let mut asked = 0;
    for file in connected() {
        let scenario = periplus_spec::load(&file).unwrap().scenario;
        let repository =
            Repository { url: "https://git.example.net/fleet.git".into(), branch: "main".into() };
        let renderer = Renderer::new(&scenario.delivery, &repository);
        let windows = Windows::new(Follower::new(renderer.clone()), scenario.world.commit_window);
        let mut followed = Followed {
            file: &file,
            scenario: &scenario,
            renderer,
            windows,
            folded: State::default(),
            tree: Files::new(),
            before: None,
            asked: 0,
        };
        run(&scenario, &mut followed, &mut ()).unwrap();
        assert!(followed.asked > 10, "{}: only {} questions", file.display(), followed.asked);
        asked += followed.asked;
    }
    assert!(asked > 100, "{asked}");
}

/// What was so after the commit before.
struct Before {
    world: World,
    questions: Vec<(Question, Vec<String>)>,
}

/// Follows a run, and asks the objects of each commit.
struct Followed<'d> {
    file: &'d Path,
    scenario: &'d Scenario,
    renderer: Renderer,
    windows: Windows,
    folded: State,
    tree: Files,
    before: Option<Before>,
    asked: usize,
}

impl Followed<'_> {
    fn ask(&mut self, draft: &Draft) {
        apply(&mut self.tree, &draft.change);
        let world = world(self.scenario, &self.folded, &self.tree);
        let file = self.file.display();
        let mut questions = Vec::new();
        for app in (0..self.folded.apps().len()).map(AppId::from_index) {
            let Some(fleet) = self.renderer.network(&self.folded, app) else { continue };
            questions.extend(wanted(&self.folded, &fleet));
            for question in unwanted(&self.folded, &fleet) {
                let answer = arrives(&world, &question);
                assert!(answer.is_err(), "{file} at {}: {question:?} gets to {answer:?}", draft.at);
                self.asked += 1;
            }
        }
        for (question, places) in &questions {
            let reached = arrives(&world, question).unwrap_or_else(|blocked| {
                panic!("{file} at {}: {question:?}: {blocked}", draft.at)
            });
            let reached: Vec<&str> = reached.iter().map(|site| name(&self.folded, *site)).collect();
            let missed = places.iter().find(|place| !reached.contains(&place.as_str()));
            assert!(
                missed.is_none(),
                "{file} at {}: {question:?} gets to {reached:?}, not to {missed:?}",
                draft.at
            );
            self.asked += 1;
        }
        if let Some(before) = &self.before {
            // What went well before and goes well after goes well in between, whoever is first.
            let steps = [before.world.clone(), world.clone()];
            let same =
                |question: &Question| before.questions.iter().any(|(other, _)| other == question);
            for (question, _) in questions.iter().filter(|(question, _)| same(question)) {
                for mix in through_steps(&steps, question) {
                    if let Err(blocked) = &mix.answer {
                        panic!(
                            "{file} before {}: {question:?} where {:?} have changed: {blocked}",
                            draft.at, mix.changed
                        );
                    }
                    self.asked += 1;
                }
            }
        }
        self.before = Some(Before { world, questions });
    }
}

impl Sink for Followed<'_> {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        if let Some(draft) = self.windows.accept(record, state).unwrap() {
            self.ask(&draft);
        }
        self.folded.fold(&record.to_record());
        Ok(())
    }
}

fn name(state: &State, site: SiteIndex) -> &str {
    state.name(state.cluster(ClusterId::from_index(site.0)).spec.name)
}

/// The place of a cluster of an app's picture in the world, which has all clusters.
fn place(state: &State, fleet: &Fleet, site: SiteIndex) -> SiteIndex {
    let wanted = fleet.site(site).name();
    let mut places = (0..state.clusters().len()).map(SiteIndex);
    places.find(|site| name(state, *site) == wanted).unwrap()
}

fn id(service: &Service) -> (String, String) {
    (service.namespace.clone(), service.component.clone())
}

/// Calls and users that are sent somewhere, and where.
fn wanted(state: &State, fleet: &Fleet) -> Vec<(Question, Vec<String>)> {
    let mut questions = Vec::new();
    let sent = |shares: &[(SiteIndex, u16)]| -> Vec<String> {
        let sent = shares.iter().filter(|(_, share)| *share > 0);
        sent.map(|(site, _)| fleet.site(*site).name().to_owned()).collect()
    };
    for calls in fleet.calls() {
        let places = sent(&calls.shares);
        if places.is_empty() {
            continue;
        }
        let (caller, callee) = (fleet.service(calls.caller), fleet.service(calls.callee));
        for port in &callee.ports {
            let question = Question::Call {
                from: place(state, fleet, calls.from),
                caller: id(caller),
                callee: id(callee),
                port: port.number,
            };
            questions.push((question, places.clone()));
        }
    }
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for users in fleet.users() {
        let service = fleet.service(users.service);
        if let Some(exposure) = &service.exposure {
            hosts.entry(exposure.host.to_string()).or_default().extend(sent(&users.shares));
            let own = format!("{}.{}", users.zone, &*exposure.host);
            hosts.entry(own).or_default().extend(sent(&users.shares));
        }
    }
    let hosts = hosts.into_iter().filter(|(_, places)| !places.is_empty());
    questions.extend(hosts.map(|(host, places)| (Question::Enter { host }, places)));
    questions
}

/// Calls inside a cluster with policies between services of which one does not call the other.
fn unwanted(state: &State, fleet: &Fleet) -> Vec<Question> {
    let mut questions = Vec::new();
    for callee in fleet.services() {
        for (place_of, caller) in fleet.services().iter().enumerate() {
            let calls = callee.callers.iter().any(|known| known.0 == place_of);
            if calls || std::ptr::eq(caller, callee) {
                continue;
            }
            let both = caller.homes.iter().filter(|site| callee.homes.contains(site));
            let guarded = both.filter(|site| {
                let has = fleet.site(**site).has();
                has.policies != periplus_spec::draft::PoliciesDraft::None
            });
            for site in guarded {
                questions.extend(callee.ports.iter().map(|port| Question::Call {
                    from: place(state, fleet, *site),
                    caller: id(caller),
                    callee: id(callee),
                    port: port.number,
                }));
            }
        }
    }
    questions
}

/// All clusters with the objects that lie in their folders.
fn world(scenario: &Scenario, state: &State, tree: &Files) -> World {
    let mut objects: BTreeMap<&str, Vec<Object>> = BTreeMap::new();
    for (path, bytes) in tree {
        let mut parts = path.split('/');
        if let (Some("deploy"), Some(cluster)) = (parts.next(), parts.next()) {
            let text = std::str::from_utf8(bytes).unwrap();
            let object = Object(serde_saphyr::from_str(text).unwrap());
            objects.entry(cluster).or_default().push(object);
        }
    }
    let sites = (0..state.clusters().len()).map(|index| {
        let cluster = ClusterId::from_index(index);
        let facts = scenario.delivery.cluster(cluster, state.at());
        let mine = objects.remove(name(state, SiteIndex(index))).unwrap_or_default();
        Arc::new(SitePicture::all_ready(Arc::clone(facts), mine))
    });
    World { sites: sites.collect() }
}

/// The scenarios of which a cluster connects or protects anything.
fn connected() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found =
        periplus::case::find(&[root.join("scenarios"), root.join("docs/guide")]).unwrap();
    found.retain(|file| {
        let Ok(loaded) = periplus_spec::load(file) else { return false };
        let clusters = loaded.scenario.delivery.clusters.iter().flatten();
        clusters.into_iter().any(|version| !drivers(&version.facts).is_empty())
    });
    assert!(!found.is_empty());
    found
}
