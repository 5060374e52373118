//! `fetch`: bring the manifests that apps have in git repositories to the files that name them.

use std::collections::{BTreeMap, BTreeSet};

use periplus_git::{Remote, Target};
use periplus_spec::draft::GitDraft;
use periplus_spec::fetched::{Found, Needs, is_commit, needs};

use crate::args::FetchArgs;
use crate::delivery::access::{self, Cache};
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run(args: &FetchArgs) -> Result<Exit, Failure> {
    let all = needs(&args.source).map_err(Failure::Files)?;
    let options = access::options(&args.access)?;
    let mut targets = BTreeMap::new();
    for (git, _, _) in all.iter().flat_map(Needs::wanted) {
        targets.insert(git.clone(), access::target(&git.repository, &git.revision)?);
    }
    if args.access.git_token.is_some() {
        one_host(targets.values())?;
    }
    if targets.is_empty() {
        render::line("no app has manifests in a repository");
        return Ok(Exit::Held);
    }
    let cache = Cache::open(&args.access)?;
    for needs in &all {
        let mut found = Vec::new();
        for (git, paths, locked) in needs.wanted() {
            let kept = locked.filter(|_| !args.update || is_commit(&git.revision));
            if kept.is_some_and(|commit| needs.has(commit, paths)) {
                tell(git, kept, "it is here already");
                continue;
            }
            // What was fetched before stays what it was, also where files are missing.
            let target = match kept {
                Some(commit) => access::target(&git.repository, commit)?,
                None => targets[git].clone(),
            };
            let read = periplus_git::read(cache.path(), &target, &options, paths)?;
            let commit = read.commit.to_string();
            tell(git, Some(&commit), &files(paths.len()));
            let files = read.files.into_iter();
            let files = files.map(|(path, bytes)| (path, bytes.to_vec())).collect();
            found.push(Found { origin: git.clone(), commit, files });
        }
        needs.write(&found).map_err(|error| Failure::io("write", &needs.fetched(), &error))?;
    }
    Ok(Exit::Held)
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn tell(git: &GitDraft, commit: Option<&str>, what: &str) {
    let GitDraft { repository, revision } = git;
    let is = match commit {
        Some(commit) if commit != revision => format!(" ({commit})"),
        Some(_) | None => String::new(),
    };
    render::line(&format!("{repository} {revision}{is}: {what}"));
}

/// A token is for one server: documents do not decide who gets it.
fn one_host<'t>(targets: impl Iterator<Item = &'t Target>) -> Result<(), Failure> {
    let web = targets.filter(|target| matches!(target.remote, Remote::Http(_)));
    let hosts: BTreeSet<&str> = web.map(|target| target.remote.host()).collect();
    if hosts.len() <= 1 {
        return Ok(());
    }
    let hosts: Vec<&str> = hosts.into_iter().collect();
    Err(Failure::Usage {
        message: format!("one token cannot be for all of {}", hosts.join(", ")),
        hint: "use `--git-helper`, which has one for each".into(),
    })
}
