//! `adopt`: a fleet that runs already gets a log.

use std::path::Path;

use periplus_live::adopt::{AdoptFault, Adopted, Adoption, Unfit};
use periplus_live::config::Settings;
use periplus_live::intents::{Intents, ReadFault};
use periplus_live::service::{Clock, Wall};
use serde::Serialize;

use crate::args::{AdoptArgs, Format};
use crate::delivery::access;
use crate::failure::{Exit, Failure};
use crate::render::{self, counted, grouped, table};

/// The version of this answer's shape.
const VERSION: u16 = 1;

/// How many files people are told of each kind.
const TOLD: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    /// By repository, how many of its files are ours.
    repositories: std::collections::BTreeMap<String, usize>,
    /// By app, the clusters that it runs in.
    apps: std::collections::BTreeMap<String, Vec<String>>,
    unfit: Vec<NotAdopted>,
    files: Files,
}

/// What runs and was not adopted.
#[derive(Serialize)]
struct NotAdopted {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    why: String,
}

/// What becomes of files once `resume` is said.
#[derive(Serialize)]
struct Files {
    removed: Vec<String>,
    changed: Vec<String>,
    added: Vec<String>,
    foreign: Vec<String>,
    renumbered: usize,
    same: usize,
}

pub(super) fn run(args: &AdoptArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&args.config).map_err(Failure::Files)?;
    let Settings { state, mut intents, git, .. } = settings;
    let http = access::http()?;
    if let periplus_live::intents::IntentsFrom::Repository(repository) = &mut intents {
        repository.access.http.clone_from(&http);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Environment {
        message: format!("cannot begin to wait: {error}"),
        hint: None,
    })?;
    let declared = runtime.block_on(intents.read()).map_err(|fault| match fault {
        ReadFault::Wrong(wrong) => Failure::Files(wrong),
        ReadFault::Unreachable(why) => Failure::Environment {
            message: format!("what is declared cannot be read: {why}"),
            hint: Some("look at `intents` in the configuration".into()),
        },
    })?;
    let now = Wall.now_unix_ms();
    let adoption = Adoption {
        intents: Intents::begin(declared, now).map_err(Failure::Files)?,
        routes: git.routes,
        access: periplus_git::Options { http, ..git.access },
        made_by: concat!("periplus ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let cache = state.join("git");
    let adopted = if args.check {
        let aside = tempfile::tempdir();
        let aside = aside.map_err(|error| Failure::io("make", &std::env::temp_dir(), &error))?;
        if periplus_live::desk::Desk::has_begun(&state) {
            return Err(failed(AdoptFault::Begun(state)));
        }
        adoption.adopt(&aside.path().join("state"), &aside.path().join("git"), now)
    } else {
        adoption.adopt(&state, &cache, now)
    };
    let answer = answer(adopted.map_err(failed)?);
    match args.format {
        Format::Json => render::json(&answer)?,
        Format::Human => tell(&answer, args.check, &args.config),
    }
    Ok(Exit::Held)
}

fn answer(adopted: Adopted) -> Answer {
    let Adopted { repositories, apps, unfit, changes } = adopted;
    let not_adopted = |Unfit { app, cluster, why }| NotAdopted { app, cluster, why };
    Answer {
        version: VERSION,
        repositories,
        apps,
        unfit: unfit.into_iter().map(not_adopted).collect(),
        files: Files {
            removed: changes.removed,
            changed: changes.changed,
            added: changes.added,
            foreign: changes.foreign,
            renumbered: changes.renumbered,
            same: changes.same,
        },
    }
}

fn tell(answer: &Answer, only_looked: bool, config: &Path) {
    for (repository, files) in &answer.repositories {
        render::line(&format!("{} of Periplus in {repository}", counted(*files, "file")));
    }
    let rows = answer.apps.iter().map(|(app, clusters)| vec![app.clone(), clusters.join(", ")]);
    render::line(&format!("\n{}", table(&["app", "runs in"], rows.collect()).trim_end()));
    for NotAdopted { app, cluster, why } in &answer.unfit {
        let place = cluster.as_ref().map_or_else(String::new, |cluster| format!(" in {cluster}"));
        render::line(&format!("not adopted: {app}{place}: {why}"));
    }
    let Files { removed, changed, added, foreign, renumbered, same } = &answer.files;
    render::line("\nonce `periplus resume` is said, of its files");
    for (what, paths) in [
        ("removed", removed),
        ("changed", changed),
        ("added", added),
        ("somebody else's, where ours would be: they stay", foreign),
    ] {
        if paths.is_empty() {
            continue;
        }
        render::line(&format!("  {} {what}", grouped(paths.len() as u64)));
        for path in paths.iter().take(TOLD) {
            render::line(&format!("    {path}"));
        }
        if paths.len() > TOLD {
            render::line(&format!("    … and {} more", grouped((paths.len() - TOLD) as u64)));
        }
    }
    let alike = *renumbered as u64;
    render::line(&format!(
        "  {} changed only in the number of the record that decided them\n  {} the same",
        grouped(alike),
        grouped(*same as u64)
    ));
    let config = config.display();
    render::line(&if only_looked {
        "\nnothing was adopted: this only looked. Without `--check` a log begins, paused".to_owned()
    } else {
        format!(
            "\nits log has begun, paused: nothing is written. Next: `periplus live --config {config}`, look at \
             `periplus get apps`, then `periplus resume`"
        )
    });
}

fn failed(fault: AdoptFault) -> Failure {
    let message = fault.to_string();
    let hint = match fault {
        AdoptFault::Unfit(wrong) => {
            render::error(&message);
            render::hint(
                "declare apps as they were when they were written, adopt, and change them after that",
            );
            return Failure::Files(wrong);
        }
        AdoptFault::Begun(_) => {
            "a service with a log needs no adopting: start it. To begin anew all the same, move its folder away first"
        }
        AdoptFault::Nothing(_) => {
            "then there is nothing to adopt: start `periplus live`. Look at `git` in the configuration if there should be"
        }
        AdoptFault::Repository { .. } => "look at `git` in the configuration",
        AdoptFault::Garbled { .. } => {
            "somebody has edited it: restore it from an earlier commit, then try again"
        }
        AdoptFault::Folder { .. } => "give the service a folder of its own that it may write to",
        AdoptFault::Desk(_) => "nothing was written to any repository",
    };
    Failure::Environment { message, hint: Some(hint.to_owned()) }
}
