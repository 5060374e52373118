"""What must hold between the objects of a cluster, and between clusters.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree import Complaint, Item, Object, items, part, text
from view import View, templates, walk

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
        case "HTTPRoute":
            yield from _routed(item)
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


def _routed(item: Item) -> Iterator[tuple[str, str]]:
    for rule in items(part(item.object, "spec"), "rules"):
        for backend in items(rule, "backendRefs"):
            here = backend.get("namespace", item.namespace) == item.namespace
            service = backend.get("kind", "Service") == "Service" and not backend.get("group")
            if here and service:
                yield "Service", text(backend, "name")


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
                if not wanted or not _selects(wanted, part(spec, "template")):
                    yield Complaint(item.path, "its selector does not find its own pods")
            elif item.kind == "Service" and part(spec, "selector"):
                yield from _service(item, [*cluster.pods(item.namespace)])
            elif item.kind == "PodDisruptionBudget":
                wanted = part(spec, "selector", "matchLabels")
                if not any(_selects(wanted, pod) for pod in cluster.pods(item.namespace)):
                    yield Complaint(
                        item.path, f"its selector finds no pod in namespace {item.namespace}"
                    )


def _service(item: Item, pods: list[Object]) -> Iterator[Complaint]:
    spec = part(item.object, "spec")
    found = [pod for pod in pods if _selects(part(spec, "selector"), pod)]
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


def _selects(wanted: Object, pod: Object) -> bool:
    return wanted.items() <= part(pod, "metadata", "labels").items()


def mesh(view: View) -> Iterator[Complaint]:
    """Weights are whole, failover can see failures, and subsets are there."""
    for cluster in view.clusters:
        rules = [item for item in cluster.found if item.kind == "DestinationRule"]
        for item in rules:
            yield from _destination(item)
        known = {
            (text(part(item.object, "spec"), "host"), text(subset, "name"))
            for item in rules
            for subset in items(part(item.object, "spec"), "subsets")
        }
        for item in cluster.found:
            for path, key, value in walk(item.object) if item.kind == "VirtualService" else ():
                wanted = (text(value, "host"), text(value, "subset"))
                if key == "destination" and wanted[1] and wanted not in known:
                    yield Complaint(item.path, f"{path}: no DestinationRule has this subset")


def _destination(item: Item) -> Iterator[Complaint]:
    policy = part(item.object, "spec", "trafficPolicy")
    setting = part(policy, "loadBalancer", "localityLbSetting")
    if len(setting.keys() & {"distribute", "failover", "failoverPriority"}) > 1:
        yield Complaint(
            item.path, "one of distribute, failover and failoverPriority is wanted, not several"
        )
    if setting.keys() & {"failover", "failoverPriority"} and not part(policy, "outlierDetection"):
        yield Complaint(item.path, "without outlierDetection there is no failover")
    for place, one in enumerate(items(setting, "distribute")):
        weights = part(one, "to").values()
        if sum(weight for weight in weights if isinstance(weight, int)) != 100:
            yield Complaint(item.path, f"the weights of distribute[{place}] do not sum to 100")


def addresses(view: View) -> Iterator[Complaint]:
    """One virtual address leads to one host, in the whole fleet."""
    hosts: dict[str, set[str]] = {}
    entries = [item for item in view.found if item.kind == "ServiceEntry"]
    for item in entries:
        for address in items(part(item.object, "spec"), "addresses"):
            hosts.setdefault(address, set()).update(items(part(item.object, "spec"), "hosts"))
    for item in entries:
        for address in items(part(item.object, "spec"), "addresses"):
            if len(hosts[address]) > 1:
                yield Complaint(
                    item.path, f"{address} leads to {', '.join(sorted(hosts[address]))}"
                )


def names_asked(view: View) -> Iterator[Complaint]:
    """Where what may leave is limited, names may be asked for."""
    for cluster in view.clusters:
        limits = [item for item in cluster.found if item.kind == "NetworkPolicy"]
        limits = [
            item for item in limits if "Egress" in items(part(item.object, "spec"), "policyTypes")
        ]
        asked = {
            item.namespace
            for item in limits
            if any(_asks(rule) for rule in items(part(item.object, "spec"), "egress"))
        }
        for item in limits:
            if item.namespace not in asked:
                yield Complaint(
                    item.path, f"no policy lets pods of {item.namespace} ask for names at port 53"
                )


def _asks(rule: Object) -> bool:
    ports = items(rule, "ports")
    return not ports or any(port.get("port") == 53 for port in ports)


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


CHECKS = [references, selectors, mesh, addresses, names_asked, replicas]
