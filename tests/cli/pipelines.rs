//! Example pipelines: every step runs here as it would there, with stand-ins for what is not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use saphyr_parser::{Event, Parser};

use crate::place::Place;

const GITHUB: &str = include_str!("../../contrib/ci/github.yml");
const GITLAB: &str = include_str!("../../contrib/ci/gitlab.yml");

const POLICY: &str = "\
apiVersion: periplus.dev/v1alpha1
kind: Policy
metadata: {name: ours}
spec:
  pace: {dwell: 6m, scaleInAfter: 5m, reconsiderAfter: 5m}
  trust: TRUST
";

/// A checkout with a policy and, where the pipeline fetches it from, the log of last week.
fn checkout(trust: &str) -> Place {
    let place = Place::after_a_run();
    place.write("policy.yaml", &POLICY.replace("TRUST", trust));
    fs::create_dir(place.path("bin")).unwrap();
    let stand_in = |name: &str, script: &str| {
        let path = place.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    stand_in("aws", r#"[ "$1 $2" = "s3 sync" ] && cp -r run/run.log last-week.log"#);
    stand_in("gh", r#"echo "$@" >asked; cp comment.md comment"#);
    stand_in("curl", r#"echo "$@" >asked; cat >comment"#);
    stand_in("periplus", &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_periplus")));
    place
}

/// Runs a step as a runner does, and says whether it held.
fn holds(place: &Place, script: &str) -> bool {
    let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
    let known = [
        ("LOG", "s3://example/periplus/last-week.log"),
        ("PULL_REQUEST", "7"),
        ("COMMENT_TOKEN", "secret"),
        ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
        ("CI_PROJECT_ID", "3"),
        ("CI_MERGE_REQUEST_IID", "9"),
    ];
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eu", "-o", "pipefail", "-c", script]);
    bash.current_dir(place.path("")).env_clear().env("PATH", path).envs(known);
    bash.status().unwrap().success()
}

/// The steps of a pipeline: those that stop at the first that fails, and what follows in any case.
fn steps(pipeline: &str) -> (Vec<String>, String) {
    let events = Parser::new_from_str(pipeline).map(|event| event.unwrap().0);
    let text = |event| {
        if let Event::Scalar(text, ..) = event { Some(text.into_owned()) } else { None }
    };
    let texts: Vec<String> = events.filter_map(text).collect();
    let place = |key: &str| texts.iter().position(|text| text == key);
    if let (Some(script), Some(after)) = (place("script"), place("after_script")) {
        let end = place("artifacts").unwrap();
        let joined = |range: std::ops::Range<usize>| texts[range].join("\n");
        return (vec![joined(script + 1..after)], joined(after + 1..end));
    }
    let pairs = texts.windows(2).filter(|pair| pair[0] == "run");
    let mut scripts: Vec<String> =
        pairs.map(|pair| pair[1].clone()).filter(|script| script != "shell").collect();
    let comment = scripts.pop().unwrap();
    (scripts, comment)
}

#[test]
fn a_policy_change_is_commented_on_and_stopped_where_it_costs_too_much() {
    for pipeline in [GITHUB, GITLAB] {
        let (scripts, comment) = steps(pipeline);
        for (trust, held) in [("{staleAfter: 90s, lostAfter: 3m}", true), ("{}", false)] {
            let place = checkout(trust);
            assert_eq!(scripts.iter().all(|script| holds(&place, script)), held, "{trust}");
            assert!(holds(&place, &comment));
            let (said, asked) = (place.read("comment"), place.read("asked"));
            assert!(said.contains("promise kept"), "{said}");
            assert_eq!(said.contains("error: policy=@policy.yaml: `slo < -0.1%`"), !held, "{said}");
            let merge_request = "https://gitlab.example/api/v4/projects/3/merge_requests/9/notes";
            assert!(asked.contains("comment 7 ") || asked.contains(merge_request), "{asked}");
            assert!(place.path("report.html").exists());
        }
    }
}
