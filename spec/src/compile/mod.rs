//! Compiling: from drafts that are valid one by one to a scenario that cannot be wrong, or all complaints.
//!
//! Things get their ids in the order of the files, those that come later after those that are there from the
//! start. What is there from the start becomes the setup; every later moment with declarations becomes one
//! [`Act::Inputs`]. Read next: [`app`] and [`component`] for the most of it, and [`border`](crate::border) for the formulas.

mod app;
mod component;
mod context;
mod delivery;
mod demand;
mod ensemble;
mod expect;
mod fleet;
mod gates;
mod graph;
mod initial;
mod labels;
mod names;
mod policy;
mod roll;
mod shape;
mod stage;
mod timeline;
mod trace;
mod ways;
mod world;

use std::sync::Arc;

use periplus_core::Input;
use periplus_core::input::Command;
use periplus_core::policy::Policy;
use periplus_core::units::{Span, Tick};

pub use self::component::REPLICAS_DEFAULT;
pub(crate) use self::context::{Complaints, Coverage};
pub use self::shape::VALUES_MAX;

use self::context::{Context, Kinds, Rolls};
use self::demand::Run;
use self::names::Names;
use self::roll::{APP, By, CLUSTER, Roll, TENANT, Version, When, ZONE};
use self::stage::Stages;
use crate::book::{Book, Page};
use crate::code::Code;
use crate::draft::{Document, Object, PolicyDraft, ScenarioDraft};
use crate::files::Files;
use crate::scenario::{Expectation, Fleet, Moment, Scenario};
use crate::yaml::Cursor;

/// The scenario that a book says, and what looks wrong in it; no scenario where something is wrong.
pub(crate) fn compile(
    book: &Book,
    files: &mut Files,
    coverage: Coverage,
) -> (Option<Scenario>, Complaints) {
    let mut complaints = Complaints::new(coverage);
    let stub = stub();
    let main = book.scenarios.first().unwrap_or(&stub);
    let rolls = rolls(book, main, &mut complaints);
    let kinds = Kinds::of(&rolls.clusters, &mut complaints);
    let mut context =
        Context { names: Names::default(), rolls, kinds, extended: Vec::new(), complaints };
    let draft = &main.object.spec;
    let run = Run { epoch_ms: draft.start.0, until: draft.duration.0 };
    if !book.scenarios.is_empty() {
        check_frame(&mut context, main);
    }

    let said = demands(book, main);
    let asked = demand::demand(&mut context, files, run, &said);
    let (ensemble, ensemble_here, ensemble_path) = said_first(book, main, "ensemble");
    let (world, world_here, _) = said_first(book, main, "world");
    let world = world::world(&mut context, &world.world, world_here);
    let (reach, here, path) = said_first(book, main, "reach");
    let ways = ways::Said { draft: &reach.reach, here, path };
    let policies = policies(book, main, &mut context.complaints);
    let stages = Stages::new(&mut context, files, ways, policies, &asked, run.until);
    let stage::Outcome { mut setup, timeline: declared, clusters, apps, tenants, delivery } =
        stages.run();
    if let Some(policy) = told_policy(&setup) {
        world::compare(&mut context, &world, policy, world_here);
    }

    let series: Vec<_> = asked.into_iter().map(|asked| asked.truth).collect();
    let groups: Vec<_> =
        apps.iter().map(|app| app.as_ref().map(|app| app.groups.clone())).collect();
    let known = timeline::Known { series: &series, groups: &groups, until: run.until };
    let begins = initial::inputs(&mut context, &known, (&clusters, &setup), &book.initial);
    setup.extend(begins);
    let said =
        ensemble::Said { draft: &ensemble.ensemble, here: ensemble_here, path: ensemble_path };
    let ensemble = ensemble::ensemble(&mut context, files, &said, &series);
    let timeline = timeline(&mut context, &known, main, declared);
    let expectations = expectations(&mut context, &known, main);
    let zones = context.rolls.zones.entities.iter();
    let zones = zones.map(fleet::zone_truth).collect();
    let fleet = Fleet {
        clusters,
        zones,
        apps: apps.into_iter().flatten().collect(),
        tenants,
        series,
        extended: context.extended,
        kinds: context.kinds.list.iter().map(|kind| kind.0.to_owned()).collect(),
    };
    let scenario = Scenario {
        name: main.object.metadata.name.to_string(),
        story: draft.story.trim().to_owned(),
        hash: files.fingerprint(),
        seed: draft.seed,
        epoch_unix_ms: draft.start.0,
        duration: run.until,
        setup,
        fleet,
        delivery: Arc::new(delivery),
        world,
        ensemble,
        timeline,
        expectations,
    };
    let sound = !context.complaints.have_errors();
    (sound.then_some(scenario), context.complaints)
}

/// Checks what frames a scenario: its story and its length.
fn check_frame(context: &mut Context<'_>, main: &Page<ScenarioDraft>) {
    let here = main.here().key("spec");
    let draft = &main.object.spec;
    if draft.duration.0 == Span::ZERO {
        let message = "a scenario must last longer than nothing";
        context.complain(here.key("duration"), Code::OutOfRange, message);
    }
    if draft.story.trim().is_empty() {
        let wrong = here.key("story").error(Code::MissingField, "a scenario needs a story");
        let help = "say in a sentence or two what happens and what it shows";
        context.complaints.push(wrong.with_help(help));
    }
}

/// The policy that the machine is told from the start.
fn told_policy(setup: &[Input]) -> Option<&Policy> {
    setup.iter().find_map(|input| {
        let Input::Command(Command::DeclarePolicy(policy)) = input else { return None };
        Some(&**policy)
    })
}

/// All moments, ascending: `declared` ones before others of the same time, those in the order of the file.
fn timeline(
    context: &mut Context<'_>,
    known: &timeline::Known<'_>,
    main: &Page<ScenarioDraft>,
    declared: Vec<Moment>,
) -> Vec<Moment> {
    let here = main.here().path(&["spec", "timeline"]);
    let mut moments = declared;
    for (index, moment) in main.object.spec.timeline.iter().enumerate() {
        moments.extend(timeline::moments(context, known, moment, here.item(index)));
    }
    moments.sort_by_key(|moment| moment.at);
    moments
}

fn expectations(
    context: &mut Context<'_>,
    known: &timeline::Known<'_>,
    main: &Page<ScenarioDraft>,
) -> Vec<Expectation> {
    let here = main.here().path(&["spec", "expect"]);
    let expected = main.object.spec.expect.iter().enumerate();
    expected
        .filter_map(|(index, draft)| expect::expectation(context, known, draft, here.item(index)))
        .collect()
}

/// A scenario in which nothing happens, for files that hold none.
fn stub() -> Page<ScenarioDraft> {
    let name = "check".parse().expect("a valid name");
    let spec = ScenarioDraft::new("", crate::values::Duration(Span::HOUR));
    Page { object: Object::new(name, spec), place: None }
}

/// All versions of all things, by kind.
fn rolls<'a>(
    book: &'a Book,
    main: &'a Page<ScenarioDraft>,
    complaints: &mut Complaints,
) -> Rolls<'a> {
    let (mut apps, mut clusters) = (pages(&book.applications), pages(&book.clusters));
    let (mut tenants, mut zones) = (pages(&book.tenants), pages(&book.zones));
    for version in &mut clusters {
        version.when.at = Tick(version.object.spec.joins_at.0.0);
    }
    for (at, document, here) in declared(main) {
        let path = main.path();
        match document {
            Document::Application(object) => apps.push(later(at, object, here, path)),
            Document::Cluster(object) => clusters.push(later(at, object, here, path)),
            Document::Tenant(object) => tenants.push(later(at, object, here, path)),
            Document::Zone(object) => zones.push(later(at, object, here, path)),
            Document::InitialState(_) => {
                let message = "what runs already is said for the start, not for a later time";
                complaints.push(here.key("kind").error(Code::OutOfTime, message));
            }
            Document::Policy(_) | Document::Scenario(_) => {}
        }
    }
    Rolls {
        apps: Roll::new(APP, apps, complaints),
        clusters: Roll::new(CLUSTER, clusters, complaints),
        tenants: Roll::new(TENANT, tenants, complaints),
        zones: Roll::new(ZONE, zones, complaints),
    }
}

fn pages<D>(pages: &[Page<D>]) -> Vec<Version<'_, D>> {
    let versions = pages.iter().map(|page| Version {
        when: When::START,
        object: &page.object,
        here: page.here(),
        path: page.path(),
    });
    versions.collect()
}

fn later<'a, D>(
    at: Tick,
    object: &'a Object<D>,
    here: Cursor<'a>,
    path: &'a str,
) -> Version<'a, D> {
    Version { when: When { at, by: By::Timeline }, object, here, path }
}

/// The documents that the timeline declares.
fn declared(main: &Page<ScenarioDraft>) -> impl Iterator<Item = (Tick, &Document, Cursor<'_>)> {
    let timeline = main.here().path(&["spec", "timeline"]);
    main.object.spec.timeline.iter().enumerate().flat_map(move |(index, moment)| {
        let here = timeline.item(index).key("declare");
        let documents = moment.declare.iter().flatten().enumerate();
        documents.map(move |(place, document)| (Tick(moment.at.0.0), document, here.item(place)))
    })
}

/// All versions of the policy. A fleet has one, so that two in files are one too many.
fn policies<'a>(
    book: &'a Book,
    main: &'a Page<ScenarioDraft>,
    complaints: &mut Complaints,
) -> Vec<Version<'a, PolicyDraft>> {
    let mut versions = pages(&book.policies);
    if let [first, second, ..] = versions.as_slice() {
        let wrong = second
            .here
            .key("metadata")
            .error(Code::DuplicateName, "a fleet has one policy; this is the second");
        complaints.push(first.here.key("metadata").remark(wrong, "first here"));
    }
    versions.truncate(1);
    for (at, document, here) in declared(main) {
        if let Document::Policy(object) = document {
            versions.push(later(at, object, here, main.path()));
        }
    }
    versions.sort_by_key(|version| version.when);
    versions
}

/// All demand drafts: those of included scenarios first, but for apps that the scenario has its own for.
pub(crate) fn demands<'a>(book: &'a Book, main: &'a Page<ScenarioDraft>) -> Vec<demand::Said<'a>> {
    let said = |page: &'a Page<ScenarioDraft>| {
        let here = page.here().path(&["spec", "demand"]);
        let drafts = page.object.spec.demand.iter().enumerate();
        drafts.map(move |(index, draft)| demand::Said {
            draft,
            here: here.item(index),
            path: page.path(),
        })
    };
    let has_own = |said: &demand::Said<'a>| {
        main.object.spec.demand.iter().any(|own| own.app == said.draft.app)
    };
    let included = book.scenarios.iter().skip(1).flat_map(said);
    included.filter(|said| !has_own(said)).chain(said(main)).collect()
}

/// The scenario whose `field` holds: the main one if it says it, or the first included one that does.
pub(crate) fn said_first<'a>(
    book: &'a Book,
    main: &'a Page<ScenarioDraft>,
    field: &str,
) -> (&'a ScenarioDraft, Cursor<'a>, &'a str) {
    let says = |page: &&Page<ScenarioDraft>| {
        let tree = page.place.as_ref().map(|place| &place.tree);
        tree.and_then(|tree| tree.get("spec")?.get(field)).is_some()
    };
    let page = book.scenarios.iter().find(says).unwrap_or(main);
    (&page.object.spec, page.here().path(&["spec", field]), page.path())
}
