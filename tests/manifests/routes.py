"""Routes of the Gateway API, and services that are one over several clusters: what they lead to is there.

Each check is a function from a view to complaints; they are listed at the end of the file. The mirrors that Linkerd
makes are in no tree: they are known by what is mirrored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outside import is_for
from tree import Complaint, Item, Object, items, part, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from view import Cluster, View

GATEWAY = "gateway.networking"
EXPORTED = "mirror.linkerd.io/exported"
GLOBAL = "service.cilium.io/global"
SHARED = "service.cilium.io/shared"


def gateway_api(view: View) -> Iterator[Complaint]:
    """Routes of the Gateway API have parents that listen for them, and lead to what is there."""
    for cluster in view.clusters:
        for item in cluster.of(GATEWAY, "HTTPRoute"):
            yield from (Complaint(item.path, what) for what in _parents(item, cluster))
            for rule in items(part(item.object, "spec"), "rules"):
                for backend in items(rule, "backendRefs"):
                    what = _backend(backend, item, cluster, view)
                    yield from (Complaint(item.path, one) for one in what)


def _parents(item: Item, cluster: Cluster) -> Iterator[str]:
    spec = part(item.object, "spec")
    for parent in items(spec, "parentRefs"):
        kind, name = parent.get("kind", "Gateway"), text(parent, "name")
        space = parent.get("namespace", item.namespace)
        there = cluster.get(kind, space, name)
        if there is None or (kind == "Gateway" and not there.group.startswith(GATEWAY)):
            yield f"there is no {kind} {name} in namespace {space} to be its parent"
        elif kind == "Gateway":
            listeners = items(part(there.object, "spec"), "listeners")
            for host in items(spec, "hostnames"):
                if not any(is_for(host, text(one, "hostname")) for one in listeners):
                    yield f"its parent {name} does not listen for {host}"
        elif parent.get("port") not in _ports(there):
            yield f"its parent {name} has no port {parent.get('port')}"


def _ports(service: Item) -> set[Any]:
    return {port.get("port") for port in items(part(service.object, "spec"), "ports")}


def _backend(backend: Object, item: Item, cluster: Cluster, view: View) -> Iterator[str]:
    kind, name = backend.get("kind", "Service"), text(backend, "name")
    space = backend.get("namespace", item.namespace)
    others = [one for one in view.clusters if one.name != cluster.name]
    if kind == "ServiceImport":
        if not any(one.has("ServiceExport", space, name) for one in others):
            yield f"no other cluster exports {name} of namespace {space}"
        return
    service = cluster.get(kind, space, name)
    if service is None:
        service = next((one for far in others if (one := _mirrored(far, space, name))), None)
    if service is None:
        if space not in cluster.veiled:
            yield f"there is no {kind} {name} in namespace {space}"
    elif backend.get("port") not in _ports(service):
        yield f"{kind} {name} has no port {backend.get('port')}"


def _mirrored(far: Cluster, space: str, name: str) -> Item | None:
    """What Linkerd mirrors from another cluster under a name."""
    service = far.get("Service", space, name.removesuffix(f"-{far.name}"))
    mirrored = service and EXPORTED in part(service.object, "metadata", "labels")
    return service if mirrored and name.endswith(f"-{far.name}") else None


def shared(view: View) -> Iterator[Complaint]:
    """Services that are one over several clusters have somebody who serves, and the same ports everywhere."""
    for cluster in view.clusters:
        for item in cluster.of("", "Service"):
            others = [far for far in view.clusters if far.name != cluster.name]
            same = [one for far in others if (one := far.get("Service", item.namespace, item.name))]
            spec = part(item.object, "spec")
            is_global = _noted(item, GLOBAL)
            serving = [one for one in same if _noted(one, GLOBAL) and _noted(one, SHARED)]
            if is_global and not part(spec, "selector") and not serving:
                yield Complaint(item.path, "it is global, has no pods, and nobody shares any")
            for other in serving if is_global else ():
                if _named(other) != _named(item):
                    yield Complaint(
                        item.path,
                        f"it is global with ports {_named(item)}, and {_named(other)} in "
                        f"{other.path.split('/')[1]}",
                    )
            host = text(spec, "externalName")
            if host.endswith(".svc.clusterset.local"):
                name, space = host.split(".")[:2]
                if not any(far.has("ServiceExport", space, name) for far in others):
                    yield Complaint(item.path, f"no other cluster exports {host}")


def _noted(item: Item, key: str) -> bool:
    return part(item.object, "metadata", "annotations").get(key) == "true"


def _named(service: Item) -> str:
    ports = items(part(service.object, "spec"), "ports")
    return ", ".join(sorted(f"{text(port, 'name')}:{port.get('port')}" for port in ports))


CHECKS = [gateway_api, shared]
