"""What must hold between an app's own objects in a cluster.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree import Complaint, Item, Object, items, part, text
from view import View, selects, templates, walk

if TYPE_CHECKING:
    from collections.abc import Iterator


def references(view: View) -> Iterator[Complaint]:
    """What an object names in its own namespace is there."""
    for cluster in view.clusters:
        for item in cluster.found:
            for kind, name in _named(item):
                if not cluster.has(kind, item.namespace, name):
                    yield Complaint(
                        item.path, f"there is no {kind} {name} in namespace {item.namespace}"
                    )


def _named(item: Item) -> Iterator[tuple[str, str]]:
    spec = part(item.object, "spec")
    match item.kind:
        case "HorizontalPodAutoscaler":
            target = part(spec, "scaleTargetRef")
            yield text(target, "kind"), text(target, "name")
        case "Ingress":
            services = [value for _, key, value in walk(spec) if key == "service"]
            yield from (("Service", text(service, "name")) for service in services)
        case "ServiceExport":
            yield "Service", item.name
        case "StatefulSet":
            if text(spec, "serviceName"):
                yield "Service", text(spec, "serviceName")
        case "RoleBinding":
            yield from _bound(item)
    for template in templates(item):
        yield from _used(part(template, "spec"))


def _bound(item: Item) -> Iterator[tuple[str, str]]:
    role = part(item.object, "roleRef")
    if role.get("kind") == "Role":
        yield "Role", text(role, "name")
    for one in items(item.object, "subjects"):
        here = one.get("namespace", item.namespace) == item.namespace
        if here and one.get("kind") == "ServiceAccount" and one.get("name") != "default":
            yield "ServiceAccount", text(one, "name")


def _used(pod: Object) -> Iterator[tuple[str, str]]:
    """What a pod cannot start without."""
    account = text(pod, "serviceAccountName")
    if account not in {"", "default"}:
        yield "ServiceAccount", account
    for _, key, value in walk(pod):
        if key in {"configMap", "configMapRef", "configMapKeyRef"} and isinstance(value, dict):
            if not value.get("optional"):
                yield "ConfigMap", text(value, "name")
        elif key == "persistentVolumeClaim" and isinstance(value, dict):
            yield "PersistentVolumeClaim", text(value, "claimName")


def selectors(view: View) -> Iterator[Complaint]:
    """Selectors find pods, and ports with a name are those of a container."""
    for cluster in view.clusters:
        for item in cluster.found:
            spec = part(item.object, "spec")
            if item.kind in {"DaemonSet", "Deployment", "StatefulSet"}:
                wanted = part(spec, "selector", "matchLabels")
                if not wanted or not selects(wanted, part(spec, "template")):
                    yield Complaint(item.path, "its selector does not find its own pods")
            elif item.kind == "Service" and part(spec, "selector"):
                yield from _service(item, [*cluster.pods(item.namespace)])
            elif item.kind == "PodDisruptionBudget":
                wanted = part(spec, "selector", "matchLabels")
                if not any(selects(wanted, pod) for pod in cluster.pods(item.namespace)):
                    yield Complaint(
                        item.path, f"its selector finds no pod in namespace {item.namespace}"
                    )


def _service(item: Item, pods: list[Object]) -> Iterator[Complaint]:
    spec = part(item.object, "spec")
    found = [pod for pod in pods if selects(part(spec, "selector"), pod)]
    if not found:
        yield Complaint(item.path, f"its selector finds no pod in namespace {item.namespace}")
        return
    ports = [
        port
        for pod in found
        for container in items(part(pod, "spec"), "containers")
        for port in items(container, "ports")
    ]
    for port in items(spec, "ports"):
        target = port.get("targetPort", port.get("port"))
        key = "name" if isinstance(target, str) else "containerPort"
        if not any(one.get(key) == target for one in ports):
            yield Complaint(item.path, f"none of its pods has the port {target}")


def replicas(view: View) -> Iterator[Complaint]:
    """Each number of replicas has one owner."""
    for cluster in view.clusters:
        scaled = {
            (text(target, "kind"), item.namespace, text(target, "name"))
            for item in cluster.found
            if item.kind == "HorizontalPodAutoscaler"
            for target in [part(item.object, "spec", "scaleTargetRef")]
        }
        for item in cluster.found:
            here = (item.kind, item.namespace, item.name) in scaled
            if here and "replicas" in part(item.object, "spec"):
                yield Complaint(
                    item.path, "it says replicas, and a HorizontalPodAutoscaler does too"
                )


CHECKS = [references, selectors, replicas]
