//! Typed shorthands: image, resources, env, args, replicas, labels, annotations, namespace, node selector, storage class.

use periplus_spec::draft::{CustomizeDraft, ImageDraft};
use serde_json::{Map, Value, json};

use super::Wrong;
use crate::binding::Binding;
use crate::object::Object;
use crate::workload::resources;

/// Applies the shorthands of an entry to an object. Those that its kind has no place for are passed over, so that an
/// entry can mean all objects of a component.
pub(super) fn apply(
    object: &mut Object,
    entry: &CustomizeDraft,
    binding: &Binding<'_>,
) -> Result<(), Wrong> {
    for (key, value) in &entry.labels {
        object.label(key, value);
    }
    for (key, value) in &entry.annotations {
        object.annotate(key, value);
    }
    if entry.namespace.is_some() && (entry.target.kind.is_some() || entry.target.name.is_some()) {
        let why =
            "all objects of a component move together; leave `target.kind` and `target.name` out";
        return Err(Wrong::new("namespace", why));
    }
    if let Some(class) = &entry.storage_class {
        storage_class(object, class);
    }
    let planned = entry.replicas.is_some() && is_planned(object);
    if planned {
        let why = format!("the replicas of {} {} are planned", object.kind(), object.name());
        return Err(Wrong::new("replicas", why));
    }
    if let (Some(replicas), Some(spec)) = (entry.replicas, object.0.get_mut("spec"))
        && spec.get("template").is_some()
    {
        spec["replicas"] = replicas.into();
    }
    refuse_larger(entry, binding)?;
    let Some(pod) = pod(object) else { return Ok(()) };
    if !entry.node_selector.is_empty() {
        let selector = mapping(pod, "nodeSelector");
        for (key, value) in &entry.node_selector {
            selector.insert(key.to_string(), value.to_string().into());
        }
    }
    if let Some(image) = &entry.image {
        let container = container(pod, image.container.as_deref())
            .ok_or_else(|| Wrong::new("image.container", "there is no such container"))?;
        let now = container.get("image").and_then(Value::as_str).unwrap_or("");
        container["image"] = rewritten(now, image).into();
    }
    let others = !entry.env.is_empty()
        || entry.args.is_some()
        || entry.requests != Default::default()
        || entry.limits != Default::default();
    if !others {
        return Ok(());
    }
    let container =
        container(pod, None).ok_or_else(|| Wrong::new("env", "there is no container"))?;
    if let Some(args) = &entry.args {
        container["args"] = args.clone().into();
    }
    env(container, entry);
    for (field, said) in [("requests", &entry.requests), ("limits", &entry.limits)] {
        if let Value::Object(said) = resources(said)
            && !said.is_empty()
        {
            let all = mapping(mapping_value(container, "resources"), field);
            all.extend(said);
        }
    }
    Ok(())
}

/// Whether the number of an object's replicas is decided, not written by hand.
fn is_planned(object: &Object) -> bool {
    matches!(object.kind(), "Deployment" | "StatefulSet")
}

/// Room is planned with what the component asks for: a replica that asks for more would not find it.
fn refuse_larger(entry: &CustomizeDraft, binding: &Binding<'_>) -> Result<(), Wrong> {
    let planned = &binding.component.requests;
    let pairs = [
        ("cpu", entry.requests.cpu, planned.cpu),
        ("memory", entry.requests.memory, planned.memory),
    ];
    for (field, said, planned) in pairs {
        if let Some(said) = said
            && planned.is_none_or(|planned| said > planned)
        {
            let planned = planned.map_or("nothing".to_owned(), |planned| planned.to_string());
            let why = format!(
                "{said} is more than the component asks for ({planned}), with which room is planned; raise it there"
            );
            return Err(Wrong::new(&format!("requests.{field}"), why));
        }
    }
    Ok(())
}

/// The spec of the pods that an object makes.
fn pod(object: &mut Object) -> Option<&mut Value> {
    let spec = match object.kind() {
        "Pod" => return object.0.get_mut("spec"),
        "CronJob" => object.0.get_mut("spec")?.get_mut("jobTemplate")?.get_mut("spec")?,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => {
            object.0.get_mut("spec")?
        }
        _ => return None,
    };
    spec.get_mut("template")?.get_mut("spec")
}

fn container<'v>(pod: &'v mut Value, name: Option<&str>) -> Option<&'v mut Value> {
    let containers = pod.get_mut("containers")?.as_array_mut()?;
    containers.iter_mut().find(|one| name.is_none_or(|name| one["name"] == name))
}

fn mapping<'v>(value: &'v mut Value, key: &str) -> &'v mut Map<String, Value> {
    mapping_value(value, key).as_object_mut().expect("just made a mapping")
}

fn mapping_value<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    if !value[key].is_object() {
        value[key] = Value::Object(Map::new());
    }
    &mut value[key]
}

fn env(container: &mut Value, entry: &CustomizeDraft) {
    if entry.env.is_empty() {
        return;
    }
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    let list = container["env"].as_array_mut().expect("just made a list");
    for (name, value) in &entry.env {
        let said = json!({ "name": name, "value": value });
        match list.iter_mut().find(|one| one["name"] == name.as_str()) {
            Some(one) => *one = said,
            None => list.push(said),
        }
    }
}

fn storage_class(object: &mut Object, class: &str) {
    let set = |claim: &mut Value| claim["spec"]["storageClassName"] = class.into();
    match object.kind() {
        "PersistentVolumeClaim" => set(&mut object.0),
        "StatefulSet" => {
            let claims = object.0["spec"].get_mut("volumeClaimTemplates");
            claims.and_then(Value::as_array_mut).into_iter().flatten().for_each(set);
        }
        _ => {}
    }
}

/// An image with some of its parts replaced: `registry/name:tag@digest`.
fn rewritten(image: &str, said: &ImageDraft) -> String {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(a, b)| (a, Some(b)));
    let (registry, last) = rest.rsplit_once('/').map_or((None, rest), |(a, b)| (Some(a), b));
    let (name, tag) = last.split_once(':').map_or((last, None), |(a, b)| (a, Some(b)));
    let name = said.name.as_deref().unwrap_or(name);
    let tag_said = said.tag.as_deref();
    // A new tag says nothing of the old one's bytes.
    let digest = said.digest.as_deref().or(digest.filter(|_| tag_said.is_none()));
    let mut out = String::new();
    if let Some(registry) = said.registry.as_deref().or(registry) {
        out.push_str(registry.trim_end_matches('/'));
        out.push('/');
    }
    out.push_str(name);
    let tag = tag_said.or(tag.filter(|_| said.digest.is_none()));
    if let Some(tag) = tag {
        out.push(':');
        out.push_str(tag);
    }
    if let Some(digest) = digest {
        out.push('@');
        out.push_str(digest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_image_are_replaced_one_by_one() {
        let image = |said: ImageDraft| rewritten("docker.io/library/redis:7@sha256:aa", &said);
        let some = |text: &str| Some(text.to_owned());
        let none = ImageDraft::default();
        assert_eq!(
            image(ImageDraft { tag: some("8"), ..none.clone() }),
            "docker.io/library/redis:8"
        );
        assert_eq!(
            image(ImageDraft { digest: some("sha256:bb"), ..none.clone() }),
            "docker.io/library/redis@sha256:bb"
        );
        assert_eq!(
            image(ImageDraft { registry: some("edge.local:5000/x/"), ..none.clone() }),
            "edge.local:5000/x/redis:7@sha256:aa"
        );
        assert_eq!(
            rewritten("edge.local:5000/web", &ImageDraft { tag: some("1"), ..none.clone() }),
            "edge.local:5000/web:1"
        );
        assert_eq!(rewritten("web", &ImageDraft { name: some("app"), ..none }), "app");
    }
}
