//! A study as a Kubernetes Indexed Job: a shard per index, a suspended Job that puts them together, and the
//! scenario's files.
//!
//! No shell stands between Kubernetes and periplus: arguments are a list, and a shard finds its number in the
//! variable that each index has. <https://kubernetes.io/docs/concepts/workloads/controllers/job/> has the fields.

mod files;
mod pod;
mod yaml;

use std::path::{Component, Path};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use self::files::Files;
use self::yaml::{map, written};
use crate::args::{KubernetesArgs, WhatifArgs};
use crate::failure::Failure;
use crate::whatif::study::Study;
use crate::whatif::target::Target;

/// A shard is tried so often beside the first time.
const TRIES_MAX: usize = 3;
/// If more than one shard in so many fails for good, it is not the shards' fault.
const FAILED_SHARE: usize = 4;
/// What the container, and all that belongs to it, is called.
const NAME: &str = "periplus";

/// A study on its way into a cluster.
struct IndexedJob<'a> {
    args: &'a WhatifArgs,
    kubernetes: &'a KubernetesArgs,
    shards: usize,
    files: Files,
    /// What all objects are called, or begin with.
    name: String,
    out: String,
}

/// The documents that run a study in a cluster.
///
/// # Errors
/// They cannot keep the study anywhere, or the scenario's files are too large.
pub(crate) fn indexed_job(args: &WhatifArgs, study: &Study) -> Result<String, Failure> {
    let kubernetes = &args.kubernetes;
    let shards = kubernetes.shards.unwrap_or(1);
    let runs = study.runs().len();
    if shards > runs {
        return Err(Failure::Usage {
            message: format!("{shards} shards are more than the study has runs: {runs}"),
            hint: "each shard needs a run of its own; ask for fewer".into(),
        });
    }
    let mut all = study.variants.iter().flat_map(|variant| &variant.settings);
    if let Some(setting) = all.find(|setting| setting.is_from_file()) {
        return Err(Failure::Usage {
            message: format!("pods do not find the file of `{}`", setting.text()),
            hint: "write the value itself instead of the file's name".into(),
        });
    }
    let files = match &study.recorded {
        None => Files::new(&args.subject, &study.files)?,
        Some(_) => of_log(args)?,
    };
    let scenario = &study.variants[0].scenario().name;
    let start = start_of(scenario);
    let (name, out) = (start.clone(), out_of(args)?);
    let mut job = IndexedJob { args, kubernetes, shards, files, name, out };
    // Jobs cannot be changed: what differs in anything has another name.
    let hash = xxh3_64(job.documents()?.as_bytes());
    job.name = format!("{start}-{hash:016x}");
    let name = &job.name;
    Ok(format!(
        "# {scenario}: {runs} runs in {shards} shards. The second Job puts them together once the first is done:\n\
         #   kubectl apply --server-side -f THIS_FILE\n\
         #   kubectl wait job/{name} --for=condition=Complete --timeout=24h\n\
         #   kubectl patch job/{name}-merge --type=merge --patch='{{\"spec\":{{\"suspend\":false}}}}'\n\
         #   kubectl wait job/{name}-merge --for=condition=Complete --timeout=24h\n\
         #   kubectl logs job/{name}-merge\n{}",
        job.documents()?
    ))
}

/// A log, which pods find on a volume.
fn of_log(args: &WhatifArgs) -> Result<Files, Failure> {
    let refused = |message: &str, hint: &str| {
        Err(Failure::Usage { message: message.into(), hint: hint.into() })
    };
    if args.kubernetes.scenario_claim.is_none() {
        return refused(
            "a log is too large for a ConfigMap",
            "put its folder on a volume, and name its claim with `--scenario-claim`",
        );
    }
    if args.scenario.is_some() {
        return refused(
            "pods do not find a scenario that is named beside a log",
            "leave `--scenario` out where the log carries it, as those of `periplus sim` do",
        );
    }
    Files::of_log(&args.subject)
}

/// What names of a scenario's objects begin with: few enough letters that an index fits behind them.
fn start_of(scenario: &str) -> String {
    const LETTERS_MAX: usize = 24;
    let start: String = scenario.chars().take(LETTERS_MAX).collect();
    start.trim_end_matches('-').to_owned()
}

/// Where the pods keep the study.
fn out_of(args: &WhatifArgs) -> Result<String, Failure> {
    let refused = |message: String, hint: &str| Err(Failure::Usage { message, hint: hint.into() });
    args.out.as_ref().map_or(Ok(()), Target::check)?;
    match (&args.out, &args.kubernetes.claim) {
        (Some(Target::Url(url)), None) if !url.to_ascii_lowercase().starts_with("file:") => {
            Ok(url.clone())
        }
        (Some(Target::Folder(folder)), Some(_)) if is_inside(folder) => {
            Ok(format!("{}/{}", pod::STUDY, folder.display()))
        }
        (Some(out), Some(_)) => refused(
            format!("{out} is no folder on a claim"),
            "with `--claim`, `--out` is the path of a folder on it, as in `june/harbour`",
        ),
        (out, None) => refused(
            format!(
                "pods do not share {}",
                out.as_ref().map_or("nothing".into(), Target::to_string)
            ),
            "name an object store with `--out`, or a volume with `--claim` and a folder on it with `--out`",
        ),
        (None, Some(_)) => {
            refused("the study is kept nowhere".into(), "name a folder on the claim with `--out`")
        }
    }
}

fn is_inside(folder: &Path) -> bool {
    let normal = |component| matches!(component, Component::Normal(_));
    folder.to_str().is_some_and(|text| !text.is_empty()) && folder.components().all(normal)
}

impl IndexedJob<'_> {
    fn documents(&self) -> Result<String, Failure> {
        let mut documents = Vec::new();
        if self.kubernetes.scenario_claim.is_none() {
            documents.push(self.config_map()?);
        }
        documents.extend([self.shards(), self.merge()]);
        let documents: Vec<String> = documents.iter().map(written).collect();
        Ok(documents.join("---\n"))
    }

    fn config_map(&self) -> Result<Value, Failure> {
        Ok(map([
            ("apiVersion", "v1".into()),
            ("kind", "ConfigMap".into()),
            ("metadata", self.metadata(&self.name, "scenario")),
            ("immutable", true.into()),
            ("data", self.files.data()?),
        ]))
    }

    /// The Job that runs the shards.
    fn shards(&self) -> Value {
        let shard = format!("--shard=env:JOB_COMPLETION_INDEX/{}", self.shards);
        let rules = vec![
            // A pod that had to make room is not counted as a try.
            map([
                ("action", "Ignore".into()),
                (
                    "onPodConditions",
                    vec![map([("type", "DisruptionTarget".into()), ("status", "True".into())])]
                        .into(),
                ),
            ]),
            // Wrong usage stays wrong, in every shard.
            on_exit_codes("FailJob", &[2]),
            // So does a bug, in this one.
            on_exit_codes("FailIndex", &[101]),
        ];
        let spec = map([
            ("completionMode", "Indexed".into()),
            ("completions", self.shards.into()),
            ("parallelism", self.shards.into()),
            ("backoffLimitPerIndex", TRIES_MAX.into()),
            ("maxFailedIndexes", self.shards.div_ceil(FAILED_SHARE).into()),
            ("podFailurePolicy", map([("rules", rules.into())])),
            ("template", self.pod("shard", vec![shard])),
        ]);
        self.job(&self.name, "shard", spec)
    }

    /// The Job that puts the shards together, which waits until somebody lets it go on.
    fn merge(&self) -> Value {
        let args = self.args;
        let mut more: Vec<String> =
            args.fail_if.iter().map(|one| format!("--fail-if={one}")).collect();
        more.extend(args.format.word().map(|format| format!("--format={format}")));
        // A guard that does not hold is an answer.
        let rules = vec![on_exit_codes("FailJob", &[1, 2, 101])];
        let spec = map([
            ("suspend", true.into()),
            ("backoffLimit", TRIES_MAX.into()),
            ("podFailurePolicy", map([("rules", rules.into())])),
            ("template", self.pod("merge", more)),
        ]);
        self.job(&format!("{}-merge", self.name), "merge", spec)
    }

    fn job(&self, name: &str, component: &str, spec: Value) -> Value {
        map([
            ("apiVersion", "batch/v1".into()),
            ("kind", "Job".into()),
            ("metadata", self.metadata(name, component)),
            ("spec", spec),
        ])
    }

    fn metadata(&self, name: &str, component: &str) -> Value {
        map([("name", name.into()), ("labels", self.labels(component))])
    }

    fn labels(&self, component: &str) -> Value {
        map([
            ("app.kubernetes.io/component", component.into()),
            ("app.kubernetes.io/instance", self.name.as_str().into()),
            ("app.kubernetes.io/name", NAME.into()),
        ])
    }
}

fn on_exit_codes(action: &str, codes: &[usize]) -> Value {
    let values: Vec<Value> = codes.iter().map(|code| (*code).into()).collect();
    let codes =
        map([("containerName", NAME.into()), ("operator", "In".into()), ("values", values.into())]);
    map([("action", action.into()), ("onExitCodes", codes)])
}
