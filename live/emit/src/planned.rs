//! What is planned and so must not be written otherwise: how many replicas there are, and what each of them asks for.

use periplus_spec::values::Quantity;
use serde_json::Value;

use crate::binding::Binding;
use crate::fault::Fault;
use crate::object::Object;

/// The replicas of workloads, before anything was customized.
pub(crate) struct Planned(Vec<(String, String, Value)>);

/// Kinds whose replicas are planned.
const SCALED: [&str; 2] = ["Deployment", "StatefulSet"];
/// What is counted for a pod that says nothing of a resource, as the Kubernetes scheduler does.
const USUAL: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "200Mi")];

impl Planned {
    pub(crate) fn of(objects: &[Object]) -> Self {
        let scaled = objects.iter().filter(|object| SCALED.contains(&object.kind()));
        Self(
            scaled
                .map(|object| (object.kind().into(), object.name().into(), replicas(object)))
                .collect(),
        )
    }

    /// Refuses objects of which a patch has changed what is planned.
    ///
    /// # Errors
    /// A workload has other replicas than before, or pods that ask for more than their component.
    pub(crate) fn refuse_other(
        &self,
        objects: &[Object],
        binding: &Binding<'_>,
    ) -> Result<(), Fault> {
        for object in objects.iter().filter(|object| SCALED.contains(&object.kind())) {
            let named = |(kind, name, _): &&(String, String, Value)| {
                kind == object.kind() && name == object.name()
            };
            let before = self.0.iter().find(named).map(|(_, _, replicas)| replicas);
            if before.is_some_and(|before| *before != replicas(object)) {
                let (kind, name) = (object.kind().into(), object.name().into());
                return Err(Fault::Replicas { kind, name });
            }
            refuse_larger(object, binding)?;
        }
        Ok(())
    }
}

fn replicas(object: &Object) -> Value {
    object.0["spec"].get("replicas").cloned().unwrap_or(Value::Null)
}

/// Room is planned with what the component asks for: a pod that asks for more would not find it.
fn refuse_larger(object: &Object, binding: &Binding<'_>) -> Result<(), Fault> {
    let containers = object.0.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let requests = &binding.component.requests;
    for (resource, usual) in USUAL {
        let declared = if resource == "cpu" { requests.cpu } else { requests.memory };
        let planned = declared.unwrap_or_else(|| usual.parse().expect("a quantity"));
        let asked = containers.into_iter().flatten().filter_map(|container| {
            match container.get("resources")?.get("requests")?.get(resource)? {
                Value::String(text) => text.parse::<Quantity>().ok(),
                Value::Number(number) => number.to_string().parse().ok(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            }
        });
        // Thousandths, so that cores and bytes can both be added up.
        let asked: u64 = asked.map(Quantity::thousandths).fold(0, u64::saturating_add);
        if asked > planned.thousandths() {
            let cure = match &binding.component.source {
                None => "raise `requests` of the component instead",
                Some(_) => "say `requests` of the component: what one of its pods asks for",
            };
            let asked = Quantity::milli(asked);
            let why = format!(
                "ask for {asked} of {resource}, and room is planned with {planned}; {cure}"
            );
            let (kind, name) = (object.kind().into(), object.name().into());
            return Err(Fault::Larger { kind, name, why });
        }
    }
    Ok(())
}
