"""Ways in from outside: names that users ask for, and what firewalls let through.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from tree import Complaint, Object, items, part, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from view import Cluster, View

SDEWAN = "batch.sdewan"
WEIGHT = "aws/weight"


def records(view: View) -> Iterator[Complaint]:
    """Records of one name are told apart, live equally long, and lead to where somebody listens for it."""
    seen: dict[tuple[str, str, str], str] = {}
    ttls: dict[tuple[str, str], int] = {}
    for cluster in view.clusters:
        listened = _listened(cluster)
        for item in cluster.of("externaldns", "DNSEndpoint"):
            for one in items(part(item.object, "spec"), "endpoints"):
                name, kind, mark = (
                    text(one, key) for key in ("dnsName", "recordType", "setIdentifier")
                )
                if seen.setdefault((name, kind, mark), item.path) != item.path:
                    yield Complaint(
                        item.path, f"{name} is also {mark}'s in {seen[name, kind, mark]}"
                    )
                if mark != cluster.name:
                    yield Complaint(
                        item.path, f"the record of {name} is marked {mark}, not {cluster.name}"
                    )
                if ttls.setdefault((name, kind), one.get("recordTTL")) != one.get("recordTTL"):
                    yield Complaint(item.path, f"records of {name} live for different times")
                if not any(is_for(name, host) for host in listened):
                    yield Complaint(
                        item.path, f"nothing listens for {name} in cluster {cluster.name}"
                    )
                yield from (Complaint(item.path, what) for what in _record(one, cluster))


def _listened(cluster: Cluster) -> set[str]:
    """The hosts that gateways of a cluster listen for; a firewall that leads to a service takes all."""
    hosts = {"" for _ in cluster.of(SDEWAN, "CNFService")}
    for item in cluster.of("", "Gateway"):
        for server in items(part(item.object, "spec"), "servers"):
            hosts |= set(items(server, "hosts"))
        hosts |= {text(one, "hostname") for one in items(part(item.object, "spec"), "listeners")}
    return hosts


def _record(record: Object, cluster: Cluster) -> Iterator[str]:
    name = text(record, "dnsName")
    for target in items(record, "targets"):
        kind = (
            {4: "A", 6: "AAAA"}[ipaddress.ip_address(target).version]
            if is_address(target)
            else "CNAME"
        )
        if kind != record.get("recordType"):
            yield f"{name}: {target} is for a record of type {kind}"
        known = {address for address, _ in through(cluster)}
        if cluster.of(SDEWAN, "FirewallZone") and known and target not in known:
            yield f"{name}: the firewall lets nothing through from {target}"
    weights = [one for one in items(record, "providerSpecific") if one.get("name") == WEIGHT]
    if not weights or not all(text(one, "value").isdigit() for one in weights):
        yield f"{name}: its {WEIGHT} is no whole number"


def firewalls(view: View) -> Iterator[Complaint]:
    """What firewalls let through is between zones that are there, and what is translated is let in."""
    for cluster in view.clusters:
        zones = {item.name for item in cluster.of(SDEWAN, "FirewallZone")}
        rules = [part(item.object, "spec") for item in cluster.of(SDEWAN, "FirewallRule")]
        for item in cluster.found:
            if item.kind not in {"FirewallDNAT", "FirewallForwarding", "FirewallRule"}:
                continue
            spec = part(item.object, "spec")
            for key in ("src", "dest"):
                if text(spec, key) not in zones:
                    yield Complaint(item.path, f"there is no FirewallZone {text(spec, key)}")
            same = ("src", "dest", "dest_ip", "dest_port", "proto")
            let_in = any(all(rule.get(key) == spec.get(key) for key in same) for rule in rules)
            if item.kind == "FirewallDNAT" and not let_in:
                yield Complaint(item.path, "what it translates is let in by no FirewallRule")


def through(cluster: Cluster) -> set[tuple[str, str]]:
    """What a firewall translates: addresses and ports."""
    specs = [part(item.object, "spec") for item in cluster.of(SDEWAN, "FirewallDNAT")]
    return {(text(spec, "src_dip"), text(spec, "src_dport")) for spec in specs}


def is_address(said: str) -> bool:
    """Whether a text is an address."""
    try:
        ipaddress.ip_address(said)
    except ValueError:
        return False
    return True


def is_for(host: str, listened: str) -> bool:
    """Whether who listens for a name hears a host; a star stands for one part at least."""
    return listened in {"", host} or (listened[:2] == "*." and host.endswith(listened[1:]))


CHECKS = [records, firewalls]
