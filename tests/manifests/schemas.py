"""Holds objects against schemas that others publish, as packages of pinned versions.

Kinds of Kubernetes itself against the OpenAPI schemas in `kubernetes-validate`; `DNSEndpoint` and `ServiceExport`
against the types in `crates.txt`; all others against what `types.mjs` knows. A field that a schema does not know is
an error. What is in none of them must be listed in `unverified.txt`, and its fields in `fields.yaml`.
"""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fields
import rust_types
from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource
from tree import Complaint, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / ".tools/manifests"

KUBERNETES = "1.37.0"
# The groups of Kubernetes itself, and how its schemas are named for them.
GROUPS = {
    "": "",
    "apps": "apps-",
    "apiextensions.k8s.io": "apiextensions-",
    "autoscaling": "autoscaling-",
    "batch": "batch-",
    "networking.k8s.io": "networking-",
    "policy": "policy-",
    "rbac.authorization.k8s.io": "rbac-",
    "scheduling.k8s.io": "scheduling-",
    "storage.k8s.io": "storage-",
}

# Kubernetes publishes these words in prose only, and checks them in its API server.
WORDS = {
    "core.v1.Container.imagePullPolicy": ["Always", "IfNotPresent", "Never"],
    "core.v1.ContainerPort.protocol": ["SCTP", "TCP", "UDP"],
    "core.v1.LimitRangeItem.type": ["Container", "PersistentVolumeClaim", "Pod"],
    "core.v1.PodSpec.dnsPolicy": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
    "core.v1.PodSpec.restartPolicy": ["Always", "Never", "OnFailure"],
    "core.v1.ServicePort.protocol": ["SCTP", "TCP", "UDP"],
    "core.v1.ServiceSpec.type": ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    "core.v1.Taint.effect": ["NoExecute", "NoSchedule", "PreferNoSchedule"],
    "core.v1.Toleration.effect": ["NoExecute", "NoSchedule", "PreferNoSchedule"],
    "core.v1.Toleration.operator": ["Equal", "Exists", "Gt", "Lt"],
    "core.v1.TopologySpreadConstraint.whenUnsatisfiable": ["DoNotSchedule", "ScheduleAnyway"],
    "core.v1.PersistentVolumeClaimSpec.volumeMode": ["Block", "Filesystem"],
    "apps.v1.DaemonSetUpdateStrategy.type": ["OnDelete", "RollingUpdate"],
    "apps.v1.DeploymentStrategy.type": ["Recreate", "RollingUpdate"],
    "apps.v1.StatefulSetSpec.podManagementPolicy": ["OrderedReady", "Parallel"],
    "apps.v1.StatefulSetUpdateStrategy.type": ["OnDelete", "RollingUpdate"],
    "autoscaling.v2.MetricSpec.type": [
        "ContainerResource",
        "External",
        "Object",
        "Pods",
        "Resource",
    ],
    "autoscaling.v2.MetricTarget.type": ["AverageValue", "Utilization", "Value"],
    "batch.v1.CronJobSpec.concurrencyPolicy": ["Allow", "Forbid", "Replace"],
    "batch.v1.JobSpec.completionMode": ["Indexed", "NonIndexed"],
    "networking.v1.HTTPIngressPath.pathType": ["Exact", "ImplementationSpecific", "Prefix"],
    "networking.v1.NetworkPolicyPort.protocol": ["SCTP", "TCP", "UDP"],
    "policy.v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": [
        "AlwaysAllow",
        "IfHealthyBudget",
    ],
    "rbac.v1.RoleRef.kind": ["ClusterRole", "Role"],
    "rbac.v1.Subject.kind": ["Group", "ServiceAccount", "User"],
}
HELP = "add a package that has one, or list it in unverified.txt and fields.yaml"
QUANTITY = r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"


def complaints(found: Sequence[Item]) -> list[Complaint]:
    """What the schemas have to say about objects."""
    wrong = []
    others = []
    for item in found:
        if not (item.api_version and item.kind and item.name):
            wrong.append(Complaint(item.path, "an object has apiVersion, kind and metadata.name"))
        elif validator := _validator(item.api_version, item.kind):
            wrong += [Complaint(item.path, one) for one in _errors(validator, item)]
        else:
            others.append(item)
    for item, said in zip(others, _models(others), strict=True):
        unknown = f"there is no schema for {item.api_version}: {HELP}"
        wrong += [
            Complaint(item.path, f"{item.kind} {one}")
            for one in ([unknown] if said is None else said)
        ]
    return wrong


@functools.cache
def unverified() -> dict[tuple[str, str], str]:
    """Kinds of which nobody publishes a package, each with the reason."""
    lines = (HERE / "unverified.txt").read_text().splitlines()
    said = [line.split(maxsplit=2) for line in lines if line and not line.startswith("#")]
    return {(api_version, kind): why for api_version, kind, why in said}


def _errors(validator: Draft202012Validator, item: Item) -> list[str]:
    errors = sorted(validator.iter_errors(item.object), key=lambda error: error.json_path)
    return [f"{item.kind} {error.json_path[1:]}: {error.message[:300]}" for error in errors]


@functools.cache
def _validator(api_version: str, kind: str) -> Draft202012Validator | None:
    group, _, version = api_version.rpartition("/")
    registry = Resource.from_contents(_definitions()) @ Registry()
    if spec := _specs().get((api_version, kind)):
        return Draft202012Validator(_around(api_version, kind, spec), registry=registry)
    if group not in GROUPS or not kind.isalnum() or not version.isalnum():
        return None
    name = f"{_folder()}/{kind.lower()}-{GROUPS[group]}{version}.json"
    try:
        schema = utils.schema_contents(name, KUBERNETES)
    except FileNotFoundError:
        return None
    return Draft202012Validator(schema, registry=registry)


def _folder() -> str:
    return f"kubernetes-json-schema/v{KUBERNETES}-local-strict"


@functools.cache
def _definitions() -> dict[str, Any]:
    """What the schemas of Kubernetes refer to, with the words and numbers that it does not say there."""
    said = utils.schema_contents(f"{_folder()}/_definitions.json", KUBERNETES)
    definitions = said["$defs"]
    for path, words in WORDS.items():
        name, _, field = path.rpartition(".")
        definitions[f"io.k8s.api.{name}"]["properties"][field]["enum"] = words
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {
        "type": ["number", "string"],
        "pattern": QUANTITY,
    }
    return said


@functools.cache
def _specs() -> dict[tuple[str, str], dict[str, Any]]:
    """Schemas of `spec` alone: of crates, and of what was taken down by hand."""
    packaged = dict(
        one for crate in sorted(HOME.glob("crates/*.crate")) for one in rust_types.kinds(crate)
    )
    by_hand = fields.kinds(HERE / "fields.yaml")
    if by_hand.keys() != unverified().keys():
        odd = sorted(" ".join(kind) for kind in by_hand.keys() ^ unverified().keys())
        raise ValueError(f"unverified.txt and fields.yaml do not name the same kinds: {odd}")
    return {**by_hand, **packaged}


def _around(api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An object around a `spec`."""
    metadata = "https://kubernetes.io/api/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"const": api_version},
            "kind": {"const": kind},
            "metadata": {"$ref": metadata},
            "spec": spec,
        },
        "additionalProperties": False,
    }


def _models(found: Sequence[Item]) -> list[list[str] | None]:
    """What `types.mjs` says about each object; nothing where it knows no such kind."""
    if not found:
        return []
    done = subprocess.run(
        ["node", HERE / "types.mjs", HOME],
        input=json.dumps([item.object for item in found], default=str),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"types.mjs failed: {done.stderr}")
    return json.loads(done.stdout)
