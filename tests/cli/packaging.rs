//! What `contrib/live` brings: it parses, asks for no more rights than the service uses, and names metrics that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use periplus_live::clusters::rules;
use periplus_live::config::Draft;
use periplus_spec::Sheet;
use serde_json::Value;

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/live").join(name)
}

fn documents(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(contrib(name)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

#[test]
fn the_account_may_do_what_the_service_asks_for_and_nothing_else() {
    let role =
        documents("kustomize/account.yaml").into_iter().find(|one| one["kind"] == "ClusterRole");
    let role: ClusterRole = serde_json::from_value(role.unwrap()).unwrap();
    let sorted = |mut rules: Vec<PolicyRule>| {
        for rule in &mut rules {
            rule.verbs.sort();
            rule.resources.iter_mut().for_each(|resources| resources.sort());
        }
        let mut texts: Vec<String> =
            rules.iter().map(|rule| serde_json::to_string(rule).unwrap()).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(role.rules.unwrap()), sorted(rules()));
}

#[test]
fn its_files_are_whole_and_name_each_other() {
    let listed = &documents("kustomize/kustomization.yaml")[0];
    for file in listed["resources"].as_array().unwrap() {
        for document in documents(&format!("kustomize/{}", file.as_str().unwrap())) {
            assert!(
                document["kind"].is_string() && document["metadata"]["name"] == "periplus"
                    || document["metadata"]["name"] == "periplus-watch",
                "{document}"
            );
        }
    }
    Sheet::<Draft>::read(&contrib("kustomize/live.yaml")).unwrap();
    let deployment = &documents("kustomize/deployment.yaml")[0];
    let pod = &deployment["spec"]["template"]["spec"];
    let names = |place: &Value| -> BTreeSet<String> {
        let all = place.as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&pod["volumes"]), names(&pod["containers"][0]["volumeMounts"]));
}

#[test]
fn two_replicas_are_as_one_but_for_their_lease_and_their_volumes() {
    let listed = &documents("replicas/kustomization.yaml")[0];
    for file in listed["resources"].as_array().unwrap() {
        assert!(contrib("replicas").join(file.as_str().unwrap()).exists(), "{file}");
    }
    Sheet::<Draft>::read(&contrib("replicas/live.yaml")).unwrap();
    let pod = |file: &str| documents(file)[0]["spec"]["template"]["spec"].clone();
    let (one, two) = (pod("kustomize/deployment.yaml"), pod("replicas/statefulset.yaml"));
    assert_eq!(one["containers"], two["containers"]);
    let volumes: Vec<&Value> =
        one["volumes"].as_array().unwrap().iter().filter(|one| one["name"] != "state").collect();
    assert_eq!(volumes, two["volumes"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(one["securityContext"], two["securityContext"]);
    let role = documents("replicas/lease.yaml").into_iter().find(|one| one["kind"] == "Role");
    let allowed: Vec<PolicyRule> = serde_json::from_value(role.unwrap()["rules"].clone()).unwrap();
    assert_eq!(allowed, periplus_live::leader::rules("periplus"));
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("periplus_")).map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboards_ask_for_metrics_that_there_are() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("live/hub/src/api/metrics.rs");
    let known = metrics(&fs::read_to_string(source).unwrap());
    for name in ["alerts.yaml", "dashboard.json"] {
        let asked = metrics(&fs::read_to_string(contrib(name)).unwrap());
        let unknown: Vec<&String> = asked.difference(&known).collect();
        assert!(!asked.is_empty() && unknown.is_empty(), "{name}: {unknown:?}");
    }
    let _: Value =
        serde_json::from_str(&fs::read_to_string(contrib("dashboard.json")).unwrap()).unwrap();
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prometheus/install");
    assert!(Command::new(install).status().unwrap().success());
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(contrib("alerts.yaml"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
