"""Istio: its routes and rules lead to hosts that are there, and other clusters take in what is sent to them.

Each check is a function from a view to complaints; they are listed at the end of the file. Addresses of gateways are
in no tree: whether they are right cannot be told, only that there is a gateway, and that a firewall lets them through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outside import SDEWAN, is_address, through
from tree import Complaint, Item, Object, items, part, text
from view import Cluster, View, selects, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

ISTIO = "networking.istio"


def mesh(view: View) -> Iterator[Complaint]:
    """Istio's routes and rules lead to hosts that are there, on ports and to subsets that are there."""
    for cluster in view.clusters:
        hosts = _hosts(cluster)
        for item in cluster.of(ISTIO, "VirtualService"):
            yield from (Complaint(item.path, what) for what in _entered(item, cluster, hosts))
            yield from (Complaint(item.path, what) for what in _routed(item, cluster, hosts))
        for item in cluster.of(ISTIO, "DestinationRule"):
            yield from (Complaint(item.path, what) for what in _destination(item, cluster, hosts))
        for item in cluster.of(ISTIO, "ServiceEntry"):
            yield from (Complaint(item.path, what) for what in _entry(item, view, hosts))


def _hosts(cluster: Cluster) -> dict[str, set[Any]]:
    """The ports of each host that a mesh knows in a cluster."""
    hosts: dict[str, set[Any]] = {}
    for item in cluster.of("", "Service"):
        ports = {port.get("port") for port in items(part(item.object, "spec"), "ports")}
        hosts[f"{item.name}.{item.namespace}.svc.cluster.local"] = ports
    for item in cluster.of(ISTIO, "ServiceEntry"):
        spec = part(item.object, "spec")
        for host in items(spec, "hosts"):
            hosts.setdefault(host, set()).update(port["number"] for port in items(spec, "ports"))
    return hosts


def _entered(item: Item, cluster: Cluster, hosts: dict[str, set[Any]]) -> Iterator[str]:
    """The hosts of a route are those of its gateways, or of the mesh where it has none."""
    spec = part(item.object, "spec")
    gateways = items(spec, "gateways")
    served = set()
    for name in gateways:
        gateway = cluster.get("Gateway", item.namespace, name)
        if gateway is None or not gateway.group.startswith(ISTIO):
            yield f"there is no Gateway {name} of Istio in namespace {item.namespace}"
        else:
            servers = items(part(gateway.object, "spec"), "servers")
            served |= {host for server in servers for host in items(server, "hosts")}
    for host in items(spec, "hosts"):
        if host not in (served if gateways else hosts):
            yield f"its host {host} is {'that of no gateway of its' if gateways else 'nowhere'}"


def _routed(item: Item, cluster: Cluster, hosts: dict[str, set[Any]]) -> Iterator[str]:
    known = {
        (text(part(rule.object, "spec"), "host"), text(subset, "name"))
        for rule in cluster.of(ISTIO, "DestinationRule")
        for subset in items(part(rule.object, "spec"), "subsets")
    }
    pods, seen = [*cluster.pods(item.namespace)], item.namespace not in cluster.veiled
    for path, key, value in walk(part(item.object, "spec")):
        if key == "route":
            weights = [one.get("weight", 0) for one in value]
            if len(value) > 1 and sum(weights) != 100:
                yield f"the weights of {path[1:]} do not sum to 100"
        elif key == "destination":
            yield from _led(path[1:], value, hosts)
            wanted = (text(value, "host"), text(value, "subset"))
            if wanted[1] and wanted not in known:
                yield f"{path[1:]}: no DestinationRule has this subset"
        elif key == "sourceLabels" and seen and not any(selects(value, pod) for pod in pods):
            yield f"{path[1:]} finds no pod in namespace {item.namespace}"


def _led(path: str, destination: Object, hosts: dict[str, set[Any]]) -> Iterator[str]:
    host, port = text(destination, "host"), part(destination, "port").get("number")
    if host not in hosts:
        yield f"{path}: there is no host {host}"
    elif port is not None and port not in hosts[host]:
        yield f"{path}: {host} has no port {port}"


def _destination(item: Item, cluster: Cluster, hosts: dict[str, set[Any]]) -> Iterator[str]:
    host = text(part(item.object, "spec"), "host")
    if host not in hosts:
        yield f"there is no host {host}"
    policy = part(item.object, "spec", "trafficPolicy")
    setting = part(policy, "loadBalancer", "localityLbSetting")
    if len(setting.keys() & {"distribute", "failover", "failoverPriority"}) > 1:
        yield "one of distribute, failover and failoverPriority is wanted, not several"
    if setting.keys() & {"failover", "failoverPriority"} and not part(policy, "outlierDetection"):
        yield "without outlierDetection there is no failover"
    there = {
        text(endpoint, "locality")
        for entry in cluster.of(ISTIO, "ServiceEntry")
        if entry.namespace == item.namespace and host in items(part(entry.object, "spec"), "hosts")
        for endpoint in items(part(entry.object, "spec"), "endpoints")
    }
    for place, one in enumerate(items(setting, "distribute")):
        to = part(one, "to")
        if sum(weight for weight in to.values() if isinstance(weight, int)) != 100:
            yield f"the weights of distribute[{place}] do not sum to 100"
        for locality in sorted(to.keys() ^ there):
            lacking = "is no endpoint" if locality in to else "gets no weight, and an endpoint is"
            yield f"distribute[{place}]: {lacking} in {locality}"


def _entry(item: Item, view: View, hosts: dict[str, set[Any]]) -> Iterator[str]:
    spec = part(item.object, "spec")
    names = {port["name"] for port in items(spec, "ports")}
    for place, endpoint in enumerate(items(spec, "endpoints")):
        where, address = f"endpoints[{place}]", text(endpoint, "address")
        yield from (
            f"{where}: there is no port {name}"
            for name in sorted(part(endpoint, "ports"))
            if name not in names
        )
        if spec.get("resolution") == "STATIC" and not is_address(address):
            yield f"{where}: {address} is no address"
        elif spec.get("resolution") == "DNS":
            for port in sorted(set(part(endpoint, "ports").values())):
                yield from _led(where, {"host": address, "port": {"number": port}}, hosts)
        if far := text(part(endpoint, "labels"), "cluster"):
            yield from _received(where, endpoint, items(spec, "hosts"), view.cluster(far), far)
    accounts = {
        f"ns/{one.namespace}/sa/{one.name}" for one in view.found if one.kind == "ServiceAccount"
    }
    for name in items(spec, "subjectAltNames"):
        if name.removeprefix("spiffe://").partition("/")[2] not in accounts:
            yield f"nobody is {name}"


def _received(
    where: str, endpoint: Object, hosts: list[str], cluster: Cluster | None, name: str
) -> Iterator[str]:
    """Another cluster takes in what is sent to it: its gateway, what stands behind it, and its firewall."""
    if cluster is None:
        yield f"{where}: there is no cluster {name}"
        return
    ports = set(part(endpoint, "ports").values())
    taken = {
        (port, host)
        for gateway in cluster.of(ISTIO, "Gateway")
        for server in items(part(gateway.object, "spec"), "servers")
        for port in [part(server, "port").get("number")]
        for host in items(server, "hosts")
    }
    behind = {
        host
        for entry in cluster.of(ISTIO, "ServiceEntry")
        if entry.namespace == "istio-system"
        for host in items(part(entry.object, "spec"), "hosts")
    }
    for host in hosts:
        for port in sorted(ports):
            if (port, host) not in taken:
                yield f"{where}: no Gateway in {name} takes in {host} on port {port}"
        if host not in behind:
            yield f"{where}: nothing stands behind {host} in {name}"
    address = text(endpoint, "address")
    yield from (
        f"{where}: the firewall of {name} lets nothing through from {address}:{port}"
        for port in sorted(ports)
        if cluster.of(SDEWAN, "FirewallZone") and (address, str(port)) not in through(cluster)
    )


def addresses(view: View) -> Iterator[Complaint]:
    """One virtual address leads to one host, and one host has one address, in the whole fleet."""
    hosts: dict[str, set[str]] = {}
    entries = [item for item in view.found if item.kind == "ServiceEntry"]
    for item in entries:
        for address in items(part(item.object, "spec"), "addresses"):
            for host in items(part(item.object, "spec"), "hosts"):
                hosts.setdefault(address, set()).add(host)
                hosts.setdefault(host, set()).add(address)
    for item in entries:
        spec = part(item.object, "spec")
        for one in [*items(spec, "addresses"), *items(spec, "hosts")]:
            if len(hosts.get(one, ())) > 1:
                yield Complaint(item.path, f"{one} leads to {', '.join(sorted(hosts[one]))}")


CHECKS = [mesh, addresses]
