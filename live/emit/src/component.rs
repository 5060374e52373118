//! A component's objects: made or brought, customized, looked through for secrets, and marked as ours.

use std::collections::BTreeSet;

use periplus_spec::draft::{AgentType, SourceDraft};

use crate::agent::argocd::WAVE;
use crate::binding::Binding;
use crate::customize;
use crate::fault::Fault;
use crate::file::Placed;
use crate::lint::refuse_secrets;
use crate::object::Object;
use crate::planned::Planned;
use crate::{manifests, source, workload};

/// A component's objects as they are written.
///
/// # Errors
/// Something in them is wrong.
pub(crate) fn objects(binding: &Binding<'_>) -> Result<Vec<Placed>, Fault> {
    let (mut objects, _) = customized(binding)?;
    for object in &mut objects {
        refuse_secrets(object)?;
        if binding.cluster.agent == AgentType::Argocd && binding.wave > 0 {
            object.annotate(WAVE, &binding.wave.to_string());
        }
        mark(object, &binding.cluster.name, Some(&binding.app.name));
    }
    // An `Application` of Argo CD is applied where Argo CD is, not in the cluster.
    let placed = |object: Object| match (binding.cluster.agent, &binding.component.source) {
        (AgentType::Argocd, Some(SourceDraft::Helm(_) | SourceDraft::Kustomize(_))) => {
            Placed::Agent(object)
        }
        (AgentType::Argocd, Some(SourceDraft::Files(_)) | None) | (AgentType::Flux, _) => {
            Placed::Payload(object)
        }
    };
    Ok(objects.into_iter().map(placed).collect())
}

/// A component's objects with its customizations, and the places of those that found an object.
///
/// # Errors
/// Something in them is wrong.
pub(crate) fn customized(binding: &Binding<'_>) -> Result<(Vec<Object>, BTreeSet<usize>), Fault> {
    let mut objects = match &binding.component.source {
        None => workload::objects(binding),
        Some(SourceDraft::Files(files)) => manifests::objects(binding, files.workload.as_deref())?,
        Some(SourceDraft::Helm(helm)) => source::helm(binding, helm),
        Some(SourceDraft::Kustomize(kustomize)) => source::kustomize(binding, kustomize),
    };
    let planned = Planned::of(&objects);
    let found = customize::apply(&mut objects, binding)?;
    planned.refuse_other(&objects, binding)?;
    let component = &binding.component.name;
    for object in &objects {
        let fields = [
            ("apiVersion", object.api_version()),
            ("kind", object.kind()),
            ("metadata.name", object.name()),
        ];
        if binding.cluster.agent == AgentType::Argocd && object.0.get("sops").is_some() {
            return Err(Fault::Sealed { kind: object.kind().into(), name: object.name().into() });
        }
        if let Some((field, _)) = fields.into_iter().find(|(_, text)| text.is_empty()) {
            return Err(Fault::Incomplete { component: component.to_string(), field });
        }
    }
    Ok((objects, found))
}

/// The label of all objects of ours, with its value.
pub const OURS: (&str, &str) = ("app.kubernetes.io/managed-by", "periplus.dev");

/// Marks an object as ours: who wrote it, and for what. What it was made from is told when it is [written](crate::file).
pub(crate) fn mark(object: &mut Object, cluster: &str, app: Option<&str>) {
    object.label(OURS.0, OURS.1);
    object.label("periplus.dev/cluster", cluster);
    if let Some(app) = app {
        object.label("periplus.dev/app", app);
    }
}
