//! `bootstrap`: what must be installed once, so that a cluster pulls what is written for it.

#[cfg(feature = "live")]
mod applier;
#[cfg(feature = "live")]
mod reporter;

use std::path::Path;
use std::sync::Arc;

use periplus_spec::scenario::Delivery;

use crate::args::BootstrapArgs;
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run(args: &BootstrapArgs) -> Result<Exit, Failure> {
    let delivery = delivery(&args.source)?;
    let mut clusters = delivery.clusters.iter().filter_map(|versions| versions.last());
    let Some(cluster) = clusters.find(|cluster| *cluster.facts.name == *args.cluster) else {
        let known = delivery.clusters.iter().filter_map(|versions| versions.last());
        let known: Vec<&str> = known.map(|cluster| &*cluster.facts.name).collect();
        return Err(Failure::no_such("cluster", &args.cluster, &known));
    };
    #[cfg(feature = "live")]
    if args.account {
        let mut text = account();
        if args.apply {
            text = [text, applier::objects()].join("---\n");
        }
        render::line(text.trim_end());
        return Ok(Exit::Held);
    }
    #[cfg(feature = "live")]
    if args.reporter {
        render::line(reporter::objects(&cluster.facts, &args.hub).trim_end());
        return Ok(Exit::Held);
    }
    let objects = periplus_emit::bootstrap(&cluster.facts, &args.repository.repository(None))?;
    let texts: Vec<String> = objects.iter().map(periplus_emit::Object::to_yaml).collect();
    render::line(texts.join("---\n").trim_end());
    Ok(Exit::Held)
}

/// What is declared in a file, or in the folder of a service.
fn delivery(source: &Path) -> Result<Arc<Delivery>, Failure> {
    #[cfg(feature = "live")]
    if source.is_dir() {
        use periplus_live::intents::{Intents, read};

        let declared = read(source).map_err(Failure::Files)?;
        let intents = Intents::begin(declared, 0).map_err(Failure::Files)?;
        return Ok(Arc::clone(intents.delivery()));
    }
    periplus_spec::delivery(source).map_err(Failure::Files)
}

/// The account, its namespace, and the Secret with its token.
#[cfg(feature = "live")]
const NAME: &str = "periplus";

/// The account by which a service watches a cluster, with a token that does not expire. What it may do is what the service
/// asks for, and nothing else.
#[cfg(feature = "live")]
fn account() -> String {
    use serde_json::json;

    let named = json!({"name": NAME, "namespace": NAME});
    let role = "periplus-watch";
    let objects = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named}),
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": NAME,
                "namespace": NAME,
                "annotations": {"kubernetes.io/service-account.name": NAME},
            },
            "type": "kubernetes.io/service-account-token",
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": periplus_live::clusters::rules(),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        }),
    ];
    let texts = objects.map(|object| {
        serde_saphyr::to_string(&object).expect("objects of strings are written as YAML")
    });
    texts.join("---\n")
}
