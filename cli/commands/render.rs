//! `render`: what is in git at an instant, as files.

use periplus_core::State;
use periplus_emit::{Files, Renderer, change};
use periplus_spec::scenario::Scenario;
use serde::Serialize;
use similar::TextDiff;

use crate::args::{Format, RenderArgs};
use crate::delivery::instant::{Instant, Source};
use crate::delivery::written;
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

/// The files of an instant, of the cluster that was asked for.
fn rendered(args: &RenderArgs, scenario: &Scenario, state: &State) -> Result<Files, Failure> {
    let repository = args.repository.repository();
    let renderer = Renderer::new(&scenario.delivery, &repository);
    let mut files = renderer.tree(state)?;
    if let Some(name) = &args.cluster {
        let known: Vec<&str> =
            scenario.fleet.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            return Err(Failure::no_such("cluster", name, &known));
        }
        let folders = ["clusters", "deploy", "argocd"].map(|folder| format!("{folder}/{name}/"));
        files.retain(|path, _| folders.iter().any(|folder| path.starts_with(folder.as_str())));
    }
    Ok(files)
}

fn differences(
    args: &RenderArgs,
    source: &Source<'_>,
    other: &str,
    files: &Files,
) -> Result<Exit, Failure> {
    let moment: Moment = other.parse().map_err(|message| Failure::Usage {
        message,
        hint: "name an instant with `--diff`, as with `--at`".into(),
    })?;
    let Instant { scenario, state } = source.at(Some(moment))?;
    let before = rendered(args, &scenario, &state)?;
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
