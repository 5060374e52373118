//! What is to be said of a pod at a time of its life. A pure function: who calls it has the clock and the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::{FATE, Fate, Options};

/// What is to be said now, and after which time since the beginning there will be something else.
pub(super) struct Said {
    pub(super) status: Value,
    pub(super) ready: bool,
    pub(super) next: Option<Duration>,
}

/// What is known of a pod beside what the cluster says.
pub(super) struct Life {
    /// When it came to its node.
    pub(super) began: Timestamp,
    /// How long ago that is.
    pub(super) age: Duration,
    /// Its address.
    pub(super) address: String,
}

/// A container is not started again later than so.
const RESTART_MAX: Duration = Duration::from_secs(300);

/// What becomes of each container of a pod, or the word that was not understood.
pub(super) fn fates(pod: &Pod, images: &BTreeMap<String, Fate>) -> Result<Vec<Fate>, String> {
    let annotated = pod.metadata.annotations.as_ref().and_then(|all| all.get(FATE));
    let annotated = annotated.map(|word| fate_of_word(word).ok_or_else(|| word.clone()));
    let annotated = annotated.transpose()?;
    Ok(containers(pod)
        .iter()
        .map(|container| annotated.unwrap_or_else(|| fate_of_image(image(container), images)))
        .collect())
}

/// What is to be said of a pod whose containers have these fates.
pub(super) fn said(
    pod: &Pod,
    fates: &Result<Vec<Fate>, String>,
    life: &Life,
    options: &Options,
) -> Said {
    let stages: Vec<Stage> = containers(pod)
        .iter()
        .enumerate()
        .map(|(at, _)| match fates {
            Ok(fates) => Stage::of(fates[at], pod, life.age, options),
            Err(word) => Stage::Unclear(word.clone()),
        })
        .collect();
    let ready = stages.iter().all(|stage| matches!(stage, Stage::Runs { ready: true, .. }));
    // Conditions change when the last container comes to its stage.
    let changed = stages.iter().map(|stage| stage.since(options)).max().unwrap_or_default();
    let changed = at(life, changed);
    let began = at(life, Duration::ZERO);
    let done = stages.iter().all(|stage| matches!(stage, Stage::Done { .. }));
    let why = if done { "PodCompleted" } else { "ContainersNotReady" };
    let condition = |kind: &str, holds: bool, since: &str| {
        let mut condition = json!({ "type": kind, "status": "False", "lastTransitionTime": since });
        if holds {
            condition["status"] = json!("True");
        } else {
            condition["reason"] = json!(why);
        }
        // Else a reason from before would stay.
        if holds {
            condition["reason"] = Value::Null;
        }
        condition
    };
    let statuses: Vec<Value> = containers(pod)
        .iter()
        .zip(&stages)
        .map(|(container, stage)| stage.status(container, life, options))
        .collect();
    let status = json!({
        "phase": phase(&stages),
        "startTime": began,
        "hostIP": "127.0.0.1",
        "podIP": life.address,
        "podIPs": [{ "ip": life.address }],
        "conditions": [
            condition("Initialized", true, &began),
            condition("ContainersReady", ready, &changed),
            condition("Ready", ready, &changed),
        ],
        "containerStatuses": statuses,
    });
    let next = stages.iter().filter_map(|stage| stage.next(pod, options)).min();
    Said { status, ready, next }
}

/// Where a container is in its life. Times are counted from when the pod came to its node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Its image is fetched.
    Starts,
    /// It is not known what should become of it.
    Unclear(String),
    /// Its image is not to be had.
    Unfetched,
    Runs {
        ready: bool,
    },
    /// It has ended and will be started again: so often it was.
    Waits {
        restarts: u32,
    },
    /// It has ended for good.
    Done {
        code: i32,
    },
}

impl Stage {
    fn of(fate: Fate, pod: &Pod, age: Duration, options: &Options) -> Self {
        let ends = ends(pod);
        if age < options.starts_after {
            return Self::Starts;
        }
        let runs_for = age - options.starts_after;
        match fate {
            Fate::PullFails => Self::Unfetched,
            Fate::NeverReady => Self::Runs { ready: false },
            Fate::Serves if ends && runs_for >= options.job_takes => Self::Done { code: 0 },
            Fate::Serves => Self::Runs { ready: true },
            Fate::Crashes if is_restarted(pod) => {
                let mut restarts = 0;
                while runs_for >= crash(restarts + 1, options) {
                    restarts += 1;
                }
                Self::Waits { restarts }
            }
            Fate::Crashes => Self::Done { code: 1 },
        }
    }

    /// When it came to this stage.
    fn since(&self, options: &Options) -> Duration {
        match self {
            Self::Starts | Self::Unclear(_) => Duration::ZERO,
            // A crashing pod is unready from its first crash on.
            Self::Unfetched | Self::Runs { .. } | Self::Waits { .. } | Self::Done { code: 1.. } => {
                options.starts_after
            }
            Self::Done { .. } => options.starts_after + options.job_takes,
        }
    }

    /// When it leaves this stage.
    fn next(&self, pod: &Pod, options: &Options) -> Option<Duration> {
        match self {
            Self::Starts => Some(options.starts_after),
            Self::Runs { ready: true } if ends(pod) => {
                Some(options.starts_after + options.job_takes)
            }
            Self::Waits { restarts } => Some(options.starts_after + crash(restarts + 1, options)),
            Self::Unclear(_) | Self::Unfetched | Self::Runs { .. } | Self::Done { .. } => None,
        }
    }

    fn status(&self, container: &Container, life: &Life, options: &Options) -> Value {
        let started = at(life, options.starts_after);
        let waits = |reason: &str, message: &str| json!({ "waiting": { "reason": reason, "message": message } });
        let ended = |code: i32, when: &str| {
            let reason = if code == 0 { "Completed" } else { "Error" };
            let ended = json!({
                "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": when,
            });
            json!({ "terminated": ended })
        };
        let image = image(container);
        let (state, last, restarts) = match self {
            Self::Starts => (waits("ContainerCreating", ""), json!({}), 0),
            Self::Unclear(word) => {
                let message = format!("no fate is called {word:?}");
                (waits("CreateContainerConfigError", &message), json!({}), 0)
            }
            Self::Unfetched => {
                let message = format!("Back-off pulling image {image:?}");
                (waits("ImagePullBackOff", &message), json!({}), 0)
            }
            Self::Runs { .. } => (json!({ "running": { "startedAt": started } }), json!({}), 0),
            Self::Waits { restarts } => {
                let crashed = at(life, options.starts_after + crash(*restarts, options));
                let message = "back-off restarting failed container";
                (waits("CrashLoopBackOff", message), ended(1, &crashed), *restarts)
            }
            Self::Done { code } => (ended(*code, &at(life, self.since(options))), json!({}), 0),
        };
        let ready = matches!(self, Self::Runs { ready: true });
        let fetched = !matches!(self, Self::Starts | Self::Unclear(_) | Self::Unfetched);
        json!({
            "name": container.name,
            "image": image,
            "imageID": if fetched { format!("none://{image}") } else { String::new() },
            "ready": ready,
            "started": matches!(self, Self::Runs { .. }),
            "restartCount": restarts,
            "state": state,
            "lastState": last,
        })
    }
}

/// When a container crashes for the so-manyeth time, counted from its first start, at which it crashes at once.
fn crash(restarts: u32, options: &Options) -> Duration {
    (0..restarts)
        .map(|before| options.restarts_after.saturating_mul(1 << before.min(16)).min(RESTART_MAX))
        .sum()
}

fn phase(stages: &[Stage]) -> &'static str {
    let starts =
        |stage: &Stage| matches!(stage, Stage::Starts | Stage::Unclear(_) | Stage::Unfetched);
    if stages.iter().any(starts) {
        "Pending"
    } else if stages.iter().all(|stage| matches!(stage, Stage::Done { code: 0 })) {
        "Succeeded"
    } else if stages.iter().all(|stage| matches!(stage, Stage::Done { .. })) {
        "Failed"
    } else {
        "Running"
    }
}

/// Whether it is a job's, and so comes to an end.
fn ends(pod: &Pod) -> bool {
    let owners = pod.metadata.owner_references.iter().flatten();
    owners.into_iter().any(|owner| owner.kind == "Job")
}

fn is_restarted(pod: &Pod) -> bool {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    policy != Some("Never")
}

fn fate_of_word(word: &str) -> Option<Fate> {
    Some(match word {
        "serves" => Fate::Serves,
        "pull-fails" => Fate::PullFails,
        "crashes" => Fate::Crashes,
        "never-ready" => Fate::NeverReady,
        _ => return None,
    })
}

fn fate_of_image(image: &str, images: &BTreeMap<String, Fate>) -> Fate {
    if let Some(fate) = images.get(image) {
        return *fate;
    }
    match image.rsplit_once(':').map(|(_, tag)| tag) {
        Some("missing") => Fate::PullFails,
        Some("crashes") => Fate::Crashes,
        Some("never-ready") => Fate::NeverReady,
        Some(_) | None => Fate::Serves,
    }
}

fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map_or(&[], |spec| &spec.containers)
}

fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

fn at(life: &Life, after: Duration) -> String {
    let then = life.began.saturating_add(after).unwrap_or(life.began);
    format!("{then:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(owner: &str, policy: &str) -> Pod {
        let pod = json!({
            "metadata": {
                "ownerReferences": [{ "apiVersion": "v1", "kind": owner, "name": "o", "uid": "u" }],
            },
            "spec": { "restartPolicy": policy, "containers": [{ "name": "main", "image": "app:1" }] },
        });
        serde_json::from_value(pod).expect("it is a pod")
    }

    #[test]
    fn a_container_is_where_its_fate_and_its_age_bring_it() {
        let options = Options::of([]);
        let (app, job) = (pod("ReplicaSet", "Always"), pod("Job", "Never"));
        let after = |seconds| options.starts_after + Duration::from_secs(seconds);
        let runs = |ready| Stage::Runs { ready };
        let waits = |restarts| Stage::Waits { restarts };
        for (fate, pod, age, stage) in [
            (Fate::Serves, &app, Duration::ZERO, Stage::Starts),
            (Fate::Serves, &app, after(3600), runs(true)),
            (Fate::Serves, &job, after(0), runs(true)),
            (Fate::Serves, &job, after(1), Stage::Done { code: 0 }),
            (Fate::PullFails, &app, Duration::ZERO, Stage::Starts),
            (Fate::PullFails, &app, after(1), Stage::Unfetched),
            (Fate::NeverReady, &job, after(3600), runs(false)),
            (Fate::Crashes, &job, after(0), Stage::Done { code: 1 }),
            (Fate::Crashes, &app, after(0), waits(0)),
            (Fate::Crashes, &app, after(1), waits(1)),
            (Fate::Crashes, &app, after(2), waits(1)),
            (Fate::Crashes, &app, after(3), waits(2)),
            // 1, 2, 4 … 256 s, and 300 s from then on.
            (Fate::Crashes, &app, after(511), waits(9)),
            (Fate::Crashes, &app, after(811), waits(10)),
        ] {
            assert_eq!(Stage::of(fate, pod, age, &options), stage, "{fate:?} after {age:?}");
        }
    }

    #[test]
    fn a_fate_is_said_by_the_annotation_else_by_a_test_else_by_the_tag() {
        let mut pod = pod("ReplicaSet", "Always");
        let mut images = BTreeMap::new();
        pod.spec.as_mut().expect("it has one").containers[0].image = Some("app:missing".to_owned());
        assert_eq!(fates(&pod, &images), Ok(vec![Fate::PullFails]));
        images.insert("app:missing".to_owned(), Fate::Serves);
        assert_eq!(fates(&pod, &images), Ok(vec![Fate::Serves]));
        let annotate = |word: &str| Some([(FATE.to_owned(), word.to_owned())].into());
        pod.metadata.annotations = annotate("crashes");
        assert_eq!(fates(&pod, &images), Ok(vec![Fate::Crashes]));
        pod.metadata.annotations = annotate("flies");
        assert_eq!(fates(&pod, &images), Err("flies".to_owned()));
    }
}
