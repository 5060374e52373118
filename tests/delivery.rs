//! What is written into git is what was decided: at every commit, and nothing but that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use periplus_core::units::{Span, Tick};
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::{Draft, Files, Follower, Renderer, Repository, Windows, apply};
use periplus_sim::{Watch, World, run};

/// Trees of larger fleets are rendered whole only at some commits, to be compared.
const CLUSTERS_SMALL: usize = 20;
const SAMPLED: usize = 101;

#[test]
fn what_drafts_come_to_is_what_rendering_the_instant_gives() {
    for file in scenarios() {
        let scenario = periplus_spec::load(&file).unwrap().scenario;
        let repository = repository();
        let renderer = Renderer::new(&scenario.delivery, &repository);
        let small = scenario.fleet.clusters.len() <= CLUSTERS_SMALL;
        let window = scenario.world.commit_window;
        let mut compared = Compared {
            file: &file,
            renderer: renderer.clone(),
            windows: Windows::new(Follower::new(renderer.clone()), window),
            folded: State::default(),
            tree: Files::new(),
            drafts: 0,
            every: if small { 1 } else { SAMPLED },
        };
        let outcome = run(&scenario, &mut compared, &mut ()).unwrap();
        let last = compared.windows.finish(&outcome.state).unwrap();
        if let Some(draft) = last {
            apply(&mut compared.tree, &draft.change);
        }
        assert_eq!(compared.tree, renderer.tree(&outcome.state).unwrap(), "{}", file.display());
        assert_eq!(compared.windows.follower().files(), compared.tree);
    }
}

/// Three real apps, each in a cluster with Flux and in one with Argo CD.
#[test]
fn real_apps_come_to_the_trees_that_are_kept_here() {
    for (name, clusters) in [
        ("bookinfo", ["hill-library", "sea-library"]),
        ("boutique", ["cbd", "st-kilda"]),
        ("sock-shop", ["core", "west"]),
    ] {
        let file = root().join(format!("scenarios/delivery/{name}.yaml"));
        let scenario = periplus_spec::load(&file).unwrap().scenario;
        let repository = repository();
        let renderer = Renderer::new(&scenario.delivery, &repository);
        let outcome = run(&scenario, &mut (), &mut ()).unwrap();
        let files = renderer.tree(&outcome.state).unwrap();
        for cluster in clusters {
            let mut text = String::new();
            for (path, bytes) in &files {
                if path.split('/').nth(1) == Some(cluster) {
                    let bytes = String::from_utf8_lossy(bytes);
                    text.push_str(&format!("## {path}\n{bytes}\n"));
                }
            }
            insta::assert_snapshot!(format!("{name}_in_{cluster}"), text);
        }
    }
}

/// While a newer image is rolled out, clusters that wait have the files of the former one.
#[test]
fn until_its_turn_a_cluster_has_the_files_that_it_had() {
    let scenario =
        periplus_spec::load(&root().join("scenarios/order/rollout-soak.yaml")).unwrap().scenario;
    let repository = repository();
    let renderer = Renderer::new(&scenario.delivery, &repository);
    let mut midway = Midway { renderer, images: Vec::new() };
    run(&scenario, &mut (), &mut midway).unwrap();
    let image = |site: &str, tag: u32| (site.to_owned(), format!("image: towns/shop:{tag}"));
    let then = [("elm", 1), ("fir", 2), ("oak", 2), ("yew", 1)];
    assert_eq!(midway.images, then.map(|(site, tag)| image(&format!("site-{site}"), tag)));
}

/// Looks at the images that are in git when two of four sites had their turn.
struct Midway {
    renderer: Renderer,
    images: Vec<(String, String)>,
}

impl Watch for Midway {
    fn probes(&self) -> Vec<Tick> {
        vec![Tick(35 * Span::MINUTE.0)]
    }

    fn probe(&mut self, _: Tick, state: &State, _: &World<'_>) {
        for (path, bytes) in self.renderer.tree(state).unwrap() {
            let site = path.strip_prefix("deploy/").and_then(|rest| rest.split('/').next());
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let image = text.lines().find_map(|line| line.trim().strip_prefix("- image: "));
            if let (Some(site), Some(image)) = (site, image) {
                self.images.push((site.to_owned(), format!("image: {image}")));
            }
        }
    }
}

/// Follows a run, and renders it anew whenever a draft is over.
struct Compared<'d> {
    file: &'d Path,
    renderer: Renderer,
    windows: Windows,
    /// The state before the record that is being taken.
    folded: State,
    tree: Files,
    drafts: usize,
    every: usize,
}

impl Compared<'_> {
    fn compare(&mut self, draft: &Draft) {
        assert!(!draft.change.is_empty(), "{}: a draft of nothing", self.file.display());
        apply(&mut self.tree, &draft.change);
        self.drafts += 1;
        if !self.drafts.is_multiple_of(self.every) {
            return;
        }
        let rendered = self.renderer.tree(&self.folded).unwrap();
        let file = self.file.display();
        for (path, bytes) in &rendered {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let drafted = self.tree.get(path).map(|bytes| text(bytes)).unwrap_or_default();
            assert!(
                drafted == text(bytes),
                "{file} at {}: {path}\n{drafted}\n{}",
                draft.at,
                text(bytes)
            );
        }
        let left = self.tree.keys().find(|path| !rendered.contains_key(*path));
        assert!(left.is_none(), "{file} at {}: {} was left", draft.at, left.unwrap());
    }
}

impl Sink for Compared<'_> {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        if let Some(draft) = self.windows.accept(record, state).unwrap() {
            self.compare(&draft);
        }
        self.folded.fold(&record.to_record());
        Ok(())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn repository() -> Repository {
    Repository { url: "https://git.example.net/fleet.git".into(), branch: "main".into() }
}

/// Every scenario of the project but those of `scenarios/quality`, which take long and show nothing else here.
fn scenarios() -> Vec<PathBuf> {
    let mut found =
        periplus::case::find(&[root().join("scenarios"), root().join("docs/guide")]).unwrap();
    found.retain(|file| !file.starts_with(root().join("scenarios/quality")));
    found
}
