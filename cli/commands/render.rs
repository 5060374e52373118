//! `render`: what is in git at an instant, as files.

use periplus_core::State;
use periplus_core::ids::AppId;
use periplus_emit::net::findings;
use periplus_emit::{Files, Renderer, change};
use periplus_spec::scenario::Scenario;
use serde::Serialize;
use similar::TextDiff;

use crate::args::{Format, RenderArgs};
use crate::delivery::instant::{Instant, Source};
use crate::delivery::written::{self, Revision};
use crate::failure::{Exit, Failure};
use crate::render::{self, counted};
use crate::time::Moment;

/// The version of this answer's shape.
const VERSION: u16 = 1;

#[derive(Serialize)]
struct Answer<'f> {
    version: u16,
    at: String,
    files: Vec<Told<'f>>,
}

#[derive(Serialize)]
struct Told<'f> {
    path: &'f str,
    text: std::borrow::Cow<'f, str>,
}

pub(super) fn run(args: &RenderArgs) -> Result<Exit, Failure> {
    let source = Source::of(&args.source);
    let Instant { scenario, state } = source.at(args.at)?;
    let files = rendered(args, &scenario, &state)?;
    tell_findings(args, &scenario, &state);
    if let Some(other) = &args.diff {
        return differences(args, &source, other, &files);
    }
    let at = state.at().to_string();
    match (&args.out, args.format) {
        (_, Format::Json) => {
            let told = files
                .iter()
                .map(|(path, bytes)| Told { path, text: String::from_utf8_lossy(bytes) });
            render::json(&Answer { version: VERSION, at, files: told.collect() })?;
        }
        (Some(out), Format::Human) => {
            written::folder(out, &files)?;
            let count = counted(files.len(), "file");
            render::line(&format!("{count} of {at} are in {}", out.display()));
        }
        (None, Format::Human) => {
            for (path, bytes) in &files {
                render::line(&format!("# {path}\n{}---", String::from_utf8_lossy(bytes)));
            }
        }
    }
    Ok(Exit::Held)
}

/// Says what the network of an app cannot do.
fn tell_findings(args: &RenderArgs, scenario: &Scenario, state: &State) {
    let repository = args.repository.repository(None);
    let renderer = Renderer::new(&scenario.delivery, &repository);
    for app in (0..state.apps().len()).map(AppId::from_index) {
        let fleet = renderer.network(state, app);
        for finding in fleet.iter().flat_map(findings) {
            render::note(&finding.to_string());
        }
    }
}

/// The files of an instant, of the cluster that was asked for.
fn rendered(args: &RenderArgs, scenario: &Scenario, state: &State) -> Result<Files, Failure> {
    let repository = args.repository.repository(None);
    let renderer = Renderer::new(&scenario.delivery, &repository);
    let mut files = renderer.tree(state)?;
    if let Some(name) = &args.cluster {
        let known: Vec<&str> =
            scenario.fleet.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            return Err(Failure::no_such("cluster", name, &known));
        }
    }
    only(&mut files, args.cluster.as_deref());
    Ok(files)
}

/// Leaves out what other clusters pull.
fn only(files: &mut Files, cluster: Option<&str>) {
    if let Some(name) = cluster {
        let folders = ["clusters", "deploy", "argocd"].map(|folder| format!("{folder}/{name}/"));
        files.retain(|path, _| folders.iter().any(|folder| path.starts_with(folder.as_str())));
    }
}

fn differences(
    args: &RenderArgs,
    source: &Source<'_>,
    other: &str,
    files: &Files,
) -> Result<Exit, Failure> {
    let before = match (other.parse::<Moment>(), other.parse::<Revision>()) {
        (Ok(moment), _) => {
            let Instant { scenario, state } = source.at(Some(moment))?;
            rendered(args, &scenario, &state)?
        }
        (Err(_), Ok(revision)) => {
            let mut files = revision.files()?;
            only(&mut files, args.cluster.as_deref());
            files
        }
        (Err(message), Err(_)) => {
            let hint =
                "name an instant as with `--at`, or a folder and a revision as in `fleet.git@main`";
            return Err(Failure::Usage { message, hint: hint.into() });
        }
    };
    let text = |files: &Files, path: &str| {
        files
            .get(path)
            .map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let changed = change(&before, files);
    for path in changed.keys() {
        let (old, new) = (text(&before, path), text(files, path));
        let named = |text: &str, side: &str| {
            if text.is_empty() { "/dev/null".to_owned() } else { format!("{side}/{path}") }
        };
        let diff = TextDiff::from_lines(&old, &new);
        let mut diff = diff.unified_diff();
        let diff = diff.header(&named(&old, "a"), &named(&new, "b"));
        render::line(diff.to_string().trim_end());
    }
    if changed.is_empty() {
        render::note("nothing differs");
    }
    Ok(Exit::Held)
}
