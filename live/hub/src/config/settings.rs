//! Settings: what the service needs to run, made of what was written, with everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use periplus_core::units::Span;
use periplus_emit::Repository;
use periplus_git::{
    Auth, Author, Edited, FleetOptions, Options, Ownership, Rate, Signer, Ssh, Target,
};
use periplus_spec::Sheet;
use periplus_spec::diagnostic::Diagnostic;
use periplus_spec::values;

use super::apply::ApplySettings;
use super::draft::{
    self, AccessDraft, Draft, GitDraft, IntentsDraft, IntentsGitDraft, IntentsHubDraft, LogDraft,
    Mode, ProfilesDraft,
};
use crate::clusters::{self, Source};
use crate::copy::Replication;
use crate::delivery::Routes;
use crate::intents::custom::{Hub, Profiles};
use crate::intents::{self, IntentsFrom};
use crate::leader::Election;
use crate::reports::KeyFolders;
use crate::signals::{self, Signal};
use crate::{Complaint, api, traces};

/// How the service runs.
#[derive(Debug)]
pub struct Settings {
    /// The folder of everything that must outlive the service.
    pub state: PathBuf,
    /// How long records are kept; for ever where nothing is said.
    pub keep: Option<Span>,
    /// What becomes of decisions.
    pub mode: Mode,
    /// Where things are declared.
    pub intents: IntentsFrom,
    /// How often it is looked at.
    pub intents_every: Duration,
    /// How what is decided gets into repositories.
    pub git: GitSettings,
    /// How clusters are reached.
    pub reached: Reached,
    /// How clusters are watched.
    pub clusters: clusters::Options,
    /// Which clusters are applied to directly.
    pub apply: ApplySettings,
    /// Who may speak for clusters that cannot be reached.
    pub reports: KeyFolders,
    /// What demand and carbon are read from.
    pub signals: Vec<Signal>,
    /// Where the API listens, and who may ask.
    pub api: api::Config,
    /// How it is settled which of several replicas leads; none where there is one only.
    pub leader: Option<Election>,
    /// How replicas with folders of their own keep copies of the leader's; none where they share one.
    pub replication: Option<Replication>,
    /// Where traces go.
    pub traces: traces::Options,
}

/// How what is decided gets into repositories.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// Where it goes.
    pub routes: Routes,
    /// How long changes are gathered.
    pub window: Span,
    /// Who we are for git's servers. Who speaks HTTP is not said here.
    pub access: Options,
    /// How many repositories are written to at once, and how often.
    pub fleet: FleetOptions,
    /// Who commits.
    pub author: Author,
}

/// How clusters are reached.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    kubeconfig: Option<PathBuf>,
    contexts: BTreeMap<String, String>,
    in_cluster: Option<String>,
}

const INTENTS_EVERY: Duration = Duration::from_secs(10);
const WINDOW: Span = Span(5_000);
/// What to write where a repository is meant.
const URL_HELP: &str = "name a folder, or a URL such as `ssh://git@git.example.net/fleet.git`";
const BRANCH: &str = "main";
const PROPOSALS: &str = "periplus";
/// How many pushes to one server may follow each other at once.
const BURST: u32 = 10;
const PUSHES_PER_MINUTE: u32 = 60;
/// People look for reasons at least on the next day.
const KEEP_MIN: Span = Span(24 * Span::HOUR.0);
const EVERY_MIN: Duration = Duration::from_millis(100);
const EVERY_MAX: Duration = Duration::from_hours(24);

impl Settings {
    /// Reads live.yaml. Files that it names are looked for from its folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::of(&Sheet::read(path)?, folder)
    }

    /// Makes settings of a sheet whose files are looked for from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn of(sheet: &Sheet<Draft>, folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let mut checker = Checker { sheet, folder, wrong: Vec::new() };
        let Draft { state, log, mode, intents, git, clusters, apply, signals, api, leader, traces } =
            &sheet.says;
        let keep = checker.keep(log);
        let intents_every = checker.every("intents.every", intents.every, INTENTS_EVERY);
        let declared = checker.intents(intents, git, clusters, &folder.join(state));
        let replication = checker.replication(leader.as_ref());
        let leader = leader.as_ref().and_then(|leader| checker.leader(leader, clusters));
        let traces = checker.traces(traces.as_ref());
        let git = checker.git(git, *mode);
        let reports = checker.reports(clusters);
        let (reached, clusters) = checker.clusters(clusters);
        let apply = checker.apply(apply, &reached);
        let api = api::read(api, folder).map_err(|complaints| checker.complain_all(complaints));
        let signals = signals::read(signals, folder);
        let signals = signals.map_err(|complaints| checker.complain_all(complaints));
        let Checker { wrong, .. } = checker;
        let (Some(declared), Ok(signals), Ok(api), true) =
            (declared, signals, api, wrong.is_empty())
        else {
            return Err(wrong);
        };
        Ok(Self {
            state: folder.join(state),
            keep,
            mode: *mode,
            intents: declared,
            intents_every,
            git,
            reached,
            clusters,
            apply,
            reports,
            signals,
            api,
            leader,
            replication,
            traces,
        })
    }
}

pub(super) struct Checker<'a> {
    sheet: &'a Sheet<Draft>,
    pub(super) folder: &'a Path,
    wrong: Vec<Diagnostic>,
}

impl Checker<'_> {
    pub(super) fn complain(
        &mut self,
        place: &str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.wrong.push(self.sheet.complaint(place, what, help));
    }

    fn complain_all(&mut self, complaints: Vec<Complaint>) {
        for Complaint { place, what, help } in complaints {
            self.complain(&place, what, help);
        }
    }

    fn keep(&mut self, log: &LogDraft) -> Option<Span> {
        let values::Duration(keep) = log.keep?;
        if keep < KEEP_MIN {
            let what = "what is decided would be forgotten within a day";
            self.complain("log.keep", what, "write `24h` or more, such as `720h`");
        }
        Some(keep)
    }

    pub(super) fn every(
        &mut self,
        place: &str,
        said: Option<values::Duration>,
        otherwise: Duration,
    ) -> Duration {
        let Some(values::Duration(Span(ms))) = said else { return otherwise };
        let said = Duration::from_millis(ms);
        if !(EVERY_MIN..=EVERY_MAX).contains(&said) {
            let what = format!("{ms} ms is not between 100 ms and 24 h");
            self.complain(place, what, "write a duration such as `10s`");
        }
        said
    }

    pub(super) fn file(&mut self, place: &str, said: Option<&PathBuf>) -> Option<PathBuf> {
        let path = self.folder.join(said?);
        if !path.is_file() {
            let what = format!("there is no file {}", path.display());
            self.complain(place, what, "paths are looked for from the folder of this file");
        }
        Some(path)
    }

    fn intents(
        &mut self,
        draft: &IntentsDraft,
        git: &GitDraft,
        clusters: &draft::ClustersDraft,
        state: &Path,
    ) -> Option<IntentsFrom> {
        let IntentsDraft { path, git: repository, hub, every: _ } = draft;
        match (path, repository, hub) {
            (Some(path), None, None) => Some(IntentsFrom::Files(self.folder.join(path))),
            (None, Some(repository), None) => self.repository(repository, git, state),
            (None, None, Some(hub)) => self.hub(hub, clusters),
            _ => {
                let what = "things are declared in one place: `path`, `git` or `hub`";
                self.complain("intents", what, "give exactly one of them");
                None
            }
        }
    }

    fn repository(
        &mut self,
        draft: &IntentsGitDraft,
        git: &GitDraft,
        state: &Path,
    ) -> Option<IntentsFrom> {
        let revision = draft.revision.as_deref().unwrap_or(BRANCH);
        let target = match Target::new(&self.reached_url(&draft.url), revision) {
            Ok(target) => target,
            Err(bad) => {
                self.complain("intents.git.url", bad.to_string(), URL_HELP);
                return None;
            }
        };
        let access = match &draft.access {
            Some(access) => self.access("intents.git.access", access),
            // What is wrong with it is told where it stands.
            None => Checker { wrong: Vec::new(), ..*self }.access("git.access", &git.access),
        };
        let (path, cache) = (draft.path.clone(), state.join("intents"));
        Some(IntentsFrom::Repository(Box::new(intents::Repository { target, path, access, cache })))
    }

    fn hub(
        &mut self,
        draft: &IntentsHubDraft,
        clusters: &draft::ClustersDraft,
    ) -> Option<IntentsFrom> {
        let name = draft.context.as_deref().unwrap_or("the cluster of the service");
        let source = self.source("intents.hub.context", draft.context.as_ref(), clusters)?;
        let mut hub = Hub::new(name, source);
        if let Some(ProfilesDraft { namespace, template_file }) = &draft.profiles {
            let template = self.template(template_file)?;
            hub.profiles = Some(Profiles { namespace: namespace.clone(), template });
        }
        Some(IntentsFrom::Hub(hub))
    }

    /// How a cluster is reached; the one that the service runs in where no context is said.
    pub(super) fn source(
        &mut self,
        place: &str,
        context: Option<&String>,
        clusters: &draft::ClustersDraft,
    ) -> Option<Source> {
        let Some(context) = context else { return Some(Source::InCluster) };
        let Some(file) = &clusters.kubeconfig else {
            let what = format!("`{context}` is a context of a kubeconfig, and none is named");
            self.complain(place, what, "say `clusters.kubeconfig`");
            return None;
        };
        let file = self.folder.join(file);
        Some(Source::Context { file, context: context.clone() })
    }

    fn template(&mut self, file: &Path) -> Option<serde_json::Value> {
        let path = self.folder.join(file);
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let read =
            read.and_then(|text| serde_saphyr::from_str(&text).map_err(|error| error.to_string()));
        read.map_err(|why| {
            let what = format!("{} is no template: {why}", path.display());
            let help = "write a `Cluster` without its name: `metadata.labels` and `spec`";
            self.complain("intents.hub.profiles.templateFile", what, help);
        })
        .ok()
    }

    fn git(&mut self, draft: &GitDraft, mode: Mode) -> GitSettings {
        let branch = draft.branch.clone().unwrap_or_else(|| BRANCH.to_owned());
        let proposals = draft.proposals.clone().unwrap_or_else(|| PROPOSALS.to_owned());
        if proposals == branch {
            let what = format!("`{proposals}` is the branch that clusters pull from");
            self.complain("git.proposals", what, "name a branch of its own for proposals");
        }
        let url = self.reached_url(&draft.url);
        let named = [
            ("git.url", &*url, BRANCH),
            ("git.branch", "/a", &branch),
            ("git.proposals", "/a", &proposals),
        ];
        for (place, url, branch) in named {
            // Variables stand for what labels may hold, which is less than what a URL or a branch may.
            let plain = |text: &str| text.replace("${", "").replace('}', "");
            if let Err(bad) = Target::new(&plain(url), &plain(branch)) {
                self.complain(place, bad.to_string(), URL_HELP);
            }
        }
        let (written_branch, base) = match mode {
            Mode::Propose => (proposals, Some(branch.clone())),
            Mode::Observe | Mode::Act => (branch.clone(), None),
        };
        let pulled = draft.pulled.clone().unwrap_or_else(|| url.clone());
        let author = match &draft.author {
            Some(draft::AuthorDraft { name, email }) => (name.as_str(), email.as_str()),
            None => ("Periplus", "periplus@localhost"),
        };
        for (place, text) in [("git.author.name", author.0), ("git.author.email", author.1)] {
            if text.trim().is_empty() || text.contains(['<', '>', '\n', '\0']) {
                let what = format!("git takes no `{}`", text.escape_debug());
                self.complain(place, what, "write it without `<`, `>` and line breaks");
            }
        }
        let at_once = usize::from(draft.at_once.unwrap_or(8));
        if at_once == 0 {
            let what = "with 0 repositories at once nothing is written";
            self.complain("git.atOnce", what, "write 8, or leave it out");
        }
        let per_minute = draft.pushes_per_minute.unwrap_or(PUSHES_PER_MINUTE);
        if per_minute == 0 {
            let what = "with 0 pushes in a minute nothing is written";
            self.complain("git.pushesPerMinute", what, "to write nothing, say `mode: observe`");
        }
        GitSettings {
            routes: Routes {
                pulled: Repository { url: pulled, branch },
                written: Repository { url, branch: written_branch },
                base,
            },
            window: draft.window.map_or(WINDOW, |values::Duration(window)| window),
            access: Options {
                signer: self.file("git.signKeyFile", draft.sign_key_file.as_ref()).map(Signer::new),
                ownership: Ownership::Listed {
                    owner: periplus_git::place,
                    edited: match draft.edited {
                        draft::Edited::Keep => Edited::Keep,
                        draft::Edited::Restore => Edited::Restore,
                    },
                },
                ..self.access("git.access", &draft.access)
            },
            fleet: FleetOptions {
                at_once,
                rate: Some(Rate { burst: BURST, per_minute }),
                ..FleetOptions::default()
            },
            author: Author { name: author.0.to_owned(), email: author.1.to_owned() },
        }
    }

    /// A folder is looked for from the folder of the file, a URL is as it is.
    fn reached_url(&self, said: &str) -> String {
        if said.contains("://") || said.contains(':') {
            return said.to_owned();
        }
        let folder = self.folder.join(said);
        std::path::absolute(&folder).unwrap_or(folder).display().to_string()
    }

    fn access(&mut self, place: &str, draft: &AccessDraft) -> Options {
        let at = |field: &str| format!("{place}.{field}");
        let token = self.file(&at("tokenFile"), draft.token_file.as_ref());
        if token.is_none() && draft.user.is_some() {
            let what = "a user without a token is nobody";
            self.complain(&at("user"), what, "say `tokenFile`, or leave `user` out");
        }
        if token.is_some() && draft.helper {
            let what = "a token and a helper are two answers to the same question";
            self.complain(&at("helper"), what, "leave one of them out");
        }
        let auth = match (token, &draft.user) {
            (Some(token), Some(user)) => Auth::Basic { user: user.clone(), token },
            (Some(token), None) => Auth::Bearer(token),
            (None, _) if draft.helper => Auth::Helper,
            (None, _) => Auth::None,
        };
        let ssh = Ssh {
            key: self.file(&at("sshKeyFile"), draft.ssh_key_file.as_ref()),
            known_hosts: self.file(&at("knownHostsFile"), draft.known_hosts_file.as_ref()),
            ..Ssh::default()
        };
        Options { auth, ssh, ..Options::default() }
    }

    fn clusters(&mut self, draft: &draft::ClustersDraft) -> (Reached, clusters::Options) {
        let kubeconfig = self.file("clusters.kubeconfig", draft.kubeconfig.as_ref());
        if kubeconfig.is_none() && !draft.contexts.is_empty() {
            let what = "contexts are those of a kubeconfig, and none is named";
            self.complain("clusters.contexts", what, "say `kubeconfig` beside it");
        }
        let contexts =
            draft.contexts.iter().map(|(name, context)| (name.to_string(), context.clone()));
        let reached = Reached {
            kubeconfig,
            contexts: contexts.collect(),
            in_cluster: draft.in_cluster.as_ref().map(ToString::to_string),
        };
        let usual = clusters::Options::default();
        let options = clusters::Options {
            heartbeat: self.every("clusters.heartbeat", draft.heartbeat, usual.heartbeat),
            room_every: self.every("clusters.roomEvery", draft.room_every, usual.room_every),
            patience: self.every("clusters.patience", draft.patience, usual.patience),
            ..usual
        };
        (reached, options)
    }
}

impl Reached {
    /// How a cluster is reached; `None` if nothing says how. `contexts` are those of the kubeconfig.
    #[must_use]
    pub fn source(&self, cluster: &str, contexts: &[String]) -> Option<Source> {
        if self.in_cluster.as_deref() == Some(cluster) {
            return Some(Source::InCluster);
        }
        let context = self.contexts.get(cluster).map_or(cluster, String::as_str);
        let file = self.kubeconfig.clone()?;
        let known = contexts.iter().any(|one| one == context);
        known.then(|| Source::Context { file, context: context.to_owned() })
    }

    /// The contexts of the kubeconfig, as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn contexts(&self) -> Result<Vec<String>, String> {
        self.kubeconfig.as_deref().map_or(Ok(Vec::new()), clusters::contexts)
    }
}
