"""Policies: they protect pods that are there, name callers that are there, and agree with each other.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tree import Complaint, Item, Object, items, part, text
from view import Cluster, View, is_given, selects

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_NAMESPACE = "kubernetes.io/metadata.name"
OF_CLUSTER = "io.cilium.k8s.policy.cluster"
OF_POD = "io.kubernetes.pod.namespace"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
# Where Linkerd's proxies take in what other proxies send.
PROXY = 4143
# The ports on which Linkerd guesses no protocol, unless a Server says otherwise; one that says nothing does.
OPAQUE = {25, 587, 3306, 4444, 5432, 6379, 9300, 11211}
ISTIO_INJECTION = "istio-injection"
LINKERD_INJECTION = "linkerd.io/inject"
PRINCIPAL = re.compile(r"[^/]+/ns/([^/]+)/sa/([^/]+)")
IDENTITY = re.compile(r"([^.]+)\.([^.]+)\.serviceaccount\.identity\.linkerd\..+")


@dataclass(frozen=True)
class Pods:
    """Pods that a policy means: in a namespace of a cluster, with labels."""

    cluster: str
    namespace: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Them in words."""
        said = ", ".join(f"{key}={value}" for key, value in self.labels) or "any"
        return f"pods {said} in namespace {self.namespace} of cluster {self.cluster}"


@dataclass(frozen=True)
class Rule:
    """Whom a policy lets its pods talk with, on which ports; on all where there are none."""

    path: str
    ours: Pods
    way: str
    peer: Pods
    ports: frozenset[int]


def protected(view: View) -> Iterator[Complaint]:
    """Policies select pods that are there."""
    for cluster in view.clusters:
        for item in cluster.found:
            for namespace, wanted in _selected(item):
                what = Pods(cluster.name, namespace, tuple(sorted(wanted.items())))
                if wanted and not _found(what, view):
                    yield Complaint(item.path, f"it protects {what}, and there are none")


def _selected(item: Item) -> Iterator[tuple[str, Object]]:
    """The pods that an object is for: namespaces and labels."""
    spec = part(item.object, "spec")
    match item.kind:
        case "NetworkPolicy" | "Server":
            yield item.namespace, part(spec, "podSelector", "matchLabels")
        case "CiliumNetworkPolicy":
            yield item.namespace, _plain(part(spec, "endpointSelector", "matchLabels"))
        case "AuthorizationPolicy" | "PeerAuthentication" if item.group == "security.istio.io":
            yield item.namespace, part(spec, "selector", "matchLabels")
        case "CiliumEgressGatewayPolicy":
            for one in items(spec, "selectors"):
                labels = dict(part(one, "podSelector", "matchLabels"))
                yield str(labels.pop(OF_POD, "")), labels


def _plain(labels: Object) -> Object:
    """Labels without the source that Cilium wants said of some."""
    return {key.removeprefix("k8s:"): value for key, value in labels.items()}


def _found(pods: Pods, view: View) -> list[Object]:
    """What pods there are; a gateway, or what cannot be seen from here, is as good as any."""
    cluster = view.cluster(pods.cluster)
    if cluster is None:
        return []
    unseen: Object = {"unseen": True}
    if is_given(pods.namespace) or pods.namespace in cluster.veiled:
        return [unseen]
    labels = dict(pods.labels)
    gateway = labels.get(GATEWAY_NAME)
    if gateway and cluster.has("Gateway", pods.namespace, gateway):
        return [unseen]
    return [pod for pod in cluster.pods(pods.namespace) if selects(labels, pod)]


def _numbers(pods: list[Object]) -> set[Any]:
    """The ports of pods."""
    containers = [one for pod in pods for one in items(part(pod, "spec"), "containers")]
    return {port.get("containerPort") for one in containers for port in items(one, "ports")}


def peers(view: View) -> Iterator[Complaint]:
    """Whom policies name is there, and listens on the ports that they name; what may go out may also come in."""
    rules = [rule for cluster in view.clusters for rule in _rules(cluster)]
    closed = {(rule.ours.cluster, rule.ours.namespace) for rule in rules}
    admitted = [rule for rule in rules if rule.way == "ingress"]
    for rule in rules:
        found = _found(rule.peer, view)
        if not found:
            yield Complaint(rule.path, f"it names {rule.peer}, and there are none")
        called = _found(rule.ours, view) if rule.way == "ingress" else found
        if called and not any("unseen" in pod for pod in called):
            for port in sorted(rule.ports - _numbers(called) - {PROXY}):
                whose = rule.ours if rule.way == "ingress" else rule.peer
                yield Complaint(rule.path, f"{whose} have no port {port}")
        there = (rule.peer.cluster, rule.peer.namespace)
        if rule.way == "egress" and found and there in closed and not is_given(there[1]):
            for port in sorted(rule.ports):
                if not any(_admits(one, rule, port) for one in admitted):
                    yield Complaint(rule.path, f"{rule.peer} let nobody in from here on {port}")


def _admits(admitted: Rule, rule: Rule, port: int) -> bool:
    """Whether one policy lets in what another lets out."""
    return (
        _includes(admitted.ours, rule.peer)
        and _includes(admitted.peer, rule.ours)
        and (not admitted.ports or port in admitted.ports)
    )


def _includes(more: Pods, fewer: Pods) -> bool:
    same = (more.cluster, more.namespace) == (fewer.cluster, fewer.namespace)
    return same and set(more.labels) <= set(fewer.labels)


def _rules(cluster: Cluster) -> Iterator[Rule]:
    for item in cluster.found:
        spec = part(item.object, "spec")
        if item.kind == "NetworkPolicy":
            read, selector = _peers, "podSelector"
        elif item.kind == "CiliumNetworkPolicy":
            read, selector = _endpoints, "endpointSelector"
        else:
            continue
        labels = _plain(part(spec, selector, "matchLabels"))
        ours = Pods(cluster.name, item.namespace, tuple(sorted(labels.items())))
        for way in ("ingress", "egress"):
            for rule in items(spec, way):
                for peer, ports in read(rule, ours):
                    yield Rule(item.path, ours, way, peer, frozenset(ports))


def _peers(rule: Object, ours: Pods) -> Iterator[tuple[Pods, set[int]]]:
    """Pods of Kubernetes' policies, and their ports."""
    ports = {port["port"] for port in items(rule, "ports") if isinstance(port.get("port"), int)}
    for one in [*items(rule, "from"), *items(rule, "to")]:
        if "podSelector" in one or "namespaceSelector" in one:
            named = part(one, "namespaceSelector", "matchLabels").get(OF_NAMESPACE, ours.namespace)
            labels = part(one, "podSelector", "matchLabels")
            yield Pods(ours.cluster, str(named), tuple(sorted(labels.items()))), ports


def _endpoints(rule: Object, ours: Pods) -> Iterator[tuple[Pods, set[int]]]:
    """Pods of Cilium's policies, and their ports."""
    every = [port for one in items(rule, "toPorts") for port in items(one, "ports")]
    ports = {int(port["port"]) for port in every if str(port.get("port")).isdigit()}
    for one in [*items(rule, "fromEndpoints"), *items(rule, "toEndpoints")]:
        labels = _plain(part(one, "matchLabels"))
        cluster = str(labels.pop(OF_CLUSTER, ours.cluster))
        namespace = str(labels.pop(OF_POD, ours.namespace))
        yield Pods(cluster, namespace, tuple(sorted(labels.items()))), ports


def ranges(view: View) -> Iterator[Complaint]:
    """Addresses in policies are those of networks, without bits of hosts."""
    for item in view.found:
        spec = part(item.object, "spec")
        found = [*items(spec, "destinationCIDRs")]
        found += [text(one, "cidr") for one in items(spec, "networks")]
        for rule in [*items(spec, "ingress"), *items(spec, "egress")]:
            found += [*items(rule, "fromCIDR"), *items(rule, "toCIDR")]
            blocks = [*items(rule, "from"), *items(rule, "to")]
            found += [text(part(one, "ipBlock"), "cidr") for one in blocks if "ipBlock" in one]
        for one in found:
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                yield Complaint(item.path, str(error))


def names_asked(view: View) -> Iterator[Complaint]:
    """Where what may leave is limited, names may be asked for."""
    for cluster in view.clusters:
        limits = [item for item in cluster.found if _limits(item)]
        asked = {
            item.namespace
            for item in limits
            if any(_asks(rule, item) for rule in items(part(item.object, "spec"), "egress"))
        }
        for item in limits:
            if item.namespace not in asked:
                yield Complaint(
                    item.path, f"no policy lets pods of {item.namespace} ask for names at port 53"
                )


def _limits(item: Item) -> bool:
    spec = part(item.object, "spec")
    cilium = item.kind == "CiliumNetworkPolicy" and "egress" in spec
    return cilium or (item.kind == "NetworkPolicy" and "Egress" in items(spec, "policyTypes"))


def _asks(rule: Object, item: Item) -> bool:
    # An empty rule lets everything out in Kubernetes, and nothing in Cilium.
    if not rule:
        return item.kind == "NetworkPolicy"
    ports = [*items(rule, "ports")]
    ports += [port for one in items(rule, "toPorts") for port in items(one, "ports")]
    return not ports or any(str(port.get("port")) == "53" for port in ports)


def callers(view: View) -> Iterator[Complaint]:
    """Whom meshes let in is somebody, on ports that are there."""
    for cluster in view.clusters:
        for item in cluster.of("security.istio.io", "AuthorizationPolicy"):
            yield from (Complaint(item.path, what) for what in _principals(item, cluster, view))
        for item in cluster.found:
            if item.group == "policy.linkerd.io":
                yield from (Complaint(item.path, what) for what in _linkerd(item, cluster, view))


def _principals(item: Item, cluster: Cluster, view: View) -> Iterator[str]:
    spec = part(item.object, "spec")
    wanted = part(spec, "selector", "matchLabels")
    pods = _found(Pods(cluster.name, item.namespace, tuple(wanted.items())), view)
    for rule in items(spec, "rules"):
        for one in items(rule, "from"):
            for principal in items(part(one, "source"), "principals"):
                named = PRINCIPAL.fullmatch(principal)
                if not named or not _is_account(named[1], named[2], view):
                    yield f"nobody is {principal}"
        for one in items(rule, "to"):
            for port in items(part(one, "operation"), "ports"):
                if pods and not {int(port)} & _numbers(pods) and "unseen" not in pods[0]:
                    yield f"its pods have no port {port}"


def _is_account(namespace: str, name: str, view: View) -> bool:
    """Whether there is such an account anywhere; of others' we know nothing, and gateways make their own."""
    if is_given(namespace):
        return True
    return any(
        cluster.has("ServiceAccount", namespace, name)
        or (name == "default" and cluster.has("Namespace", "", namespace))
        or namespace in cluster.veiled
        or (
            cluster.has("Gateway", namespace, name.removesuffix("-istio"))
            and name.endswith("-istio")
        )
        for cluster in view.clusters
    )


def _linkerd(item: Item, cluster: Cluster, view: View) -> Iterator[str]:
    spec = part(item.object, "spec")
    match item.kind:
        case "AuthorizationPolicy":
            refs = [part(spec, "targetRef"), *items(spec, "requiredAuthenticationRefs")]
            for ref in refs:
                kind, name = text(ref, "kind"), text(ref, "name")
                space = ref.get("namespace", item.namespace)
                if not cluster.has(kind, space, name):
                    yield f"there is no {kind} {name} in namespace {space}"
        case "MeshTLSAuthentication":
            for identity in items(spec, "identities"):
                named = IDENTITY.fullmatch(identity)
                if not named or not _is_account(named[2], named[1], view):
                    yield f"nobody is {identity}"
        case "Server":
            labels = part(spec, "podSelector", "matchLabels")
            pods = _found(Pods(cluster.name, item.namespace, tuple(labels.items())), view)
            unseen = any("unseen" in pod for pod in pods)
            port, protocol = spec.get("port"), spec.get("proxyProtocol")
            if pods and not unseen and port not in _numbers(pods):
                yield f"its pods have no port {port}"
            if port in OPAQUE and protocol != "opaque":
                yield f"on port {port} it has Linkerd guess what is spoken: it is not opaque"


def meshed(view: View) -> Iterator[Complaint]:
    """Pods that a mesh is to protect are in it: their namespace says so, or they do."""
    for cluster in view.clusters:
        for item in cluster.of("", "Namespace"):
            said = part(item.object, "metadata")
            pods = [part(pod, "metadata") for pod in cluster.pods(item.name)]
            kinds = {one.group for one in cluster.found if one.namespace == item.name}
            istio = [part(said, "labels").get(ISTIO_INJECTION) == "enabled"]
            istio += ["istio.io/rev" in part(said, "labels")]
            inside = [part(pod, "labels").get("sidecar.istio.io/inject") == "true" for pod in pods]
            if "security.istio.io" in kinds and not any(istio) and not (inside and all(inside)):
                yield Complaint(item.path, "Istio has policies in it, and none of its pods")
            linkerd = part(said, "annotations").get(LINKERD_INJECTION) == "enabled"
            inside = [part(pod, "annotations").get(LINKERD_INJECTION) == "enabled" for pod in pods]
            if "policy.linkerd.io" in kinds and not linkerd and not (inside and all(inside)):
                yield Complaint(item.path, "Linkerd has policies in it, and none of its pods")


CHECKS = [protected, peers, ranges, names_asked, callers, meshed]
