"""What must hold of each object by itself, beyond its schema: what the API server wants, and what we want in git.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from tree import Complaint, Object, items, part, text
from view import OURS, Cluster, View, is_given, templates, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

CLUSTER_WIDE = {
    "CiliumClusterwideNetworkPolicy",
    "CiliumEgressGatewayPolicy",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
}

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LONG_NAME = re.compile(rf"(?=.{{1,253}}$){NAME.pattern}(\.{NAME.pattern})*")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
# Names may hold colons in RBAC alone.
PATH_NAME = re.compile(r"[^/%\s]+")
PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
DURATIONS = {
    "interval",
    "refreshInterval",
    "retryInterval",
    "timeout",
    "perTryTimeout",
    "baseEjectionTime",
    "maxDuration",
}
URL_WITH_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
WHOLE = re.compile(r"-?[0-9]+")
HASH = re.compile(r"sha256:[0-9a-f]{64}")
QUANTITY = re.compile(r"([0-9.]+)([numkMGTPE]?|[KMGTPE]i)")
UNITS = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate("num", start=-3)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(["", *"kMGTPE"])},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
ANNOTATIONS_MAX = 256 * 1024
WAVE = "argocd.argoproj.io/sync-wave"


def names(view: View) -> Iterator[Complaint]:
    """Names are names, namespaces are there, and nothing is written twice."""
    for item in view.found:
        pattern = LONG_NAME
        if item.group == "rbac.authorization.k8s.io":
            pattern = PATH_NAME
        elif item.kind in {"Namespace", "Service"} and item.group == "":
            pattern = NAME
        if not pattern.fullmatch(item.name):
            yield Complaint(item.path, f"{item.name!r} is no name of a {item.kind}")
        if (item.kind in CLUSTER_WIDE) == bool(item.namespace):
            wanted = "no namespace" if item.namespace else "a namespace"
            yield Complaint(item.path, f"a {item.kind} has {wanted}")
    for cluster in view.clusters:
        yield from _namespaces(cluster)
        twice = Counter(
            (item.group, item.kind, item.namespace, item.name) for item in cluster.found
        )
        for item in cluster.found:
            if twice[item.group, item.kind, item.namespace, item.name] > 1:
                yield Complaint(
                    item.path, f"{item.kind} {item.name} is written twice in cluster {cluster.name}"
                )


def _namespaces(cluster: Cluster) -> Iterator[Complaint]:
    for item in cluster.found:
        space = item.namespace
        if space and not is_given(space) and not cluster.has("Namespace", "", space):
            yield Complaint(
                item.path, f"nothing makes its namespace {space} in cluster {cluster.name}"
            )
        if item.kind == "Namespace" and is_given(item.name):
            yield Complaint(item.path, f"the namespace {item.name} is not ours")


def labels(view: View) -> Iterator[Complaint]:
    """Labels are written as Kubernetes wants them, and so are the keys of annotations."""
    for item in view.found:
        for path, key, value in walk(item.object):
            if key in {"labels", "annotations", "matchLabels"} and isinstance(value, dict):
                for one, said in value.items():
                    if not _is_label_key(one):
                        yield Complaint(item.path, f"{path}: {one!r} is no label key")
                    elif key != "annotations" and not _is_label_value(said):
                        yield Complaint(item.path, f"{path}.{one}: {said!r} is no label value")


def annotations(view: View) -> Iterator[Complaint]:
    """Annotations are not too long, and those that we know say what they should."""
    for item in view.found:
        notes = part(item.object, "metadata", "annotations")
        if sum(len(str(key)) + len(str(value)) for key, value in notes.items()) > ANNOTATIONS_MAX:
            yield Complaint(item.path, f"its annotations have more than {ANNOTATIONS_MAX} bytes")
        if WAVE in notes and not WHOLE.fullmatch(str(notes[WAVE])):
            yield Complaint(item.path, f"the sync wave {notes[WAVE]!r} is no whole number")
        said = notes.get(f"{OURS}/input-hash", "sha256:" + "0" * 64)
        if not HASH.fullmatch(str(said)):
            yield Complaint(item.path, f"{OURS}/input-hash is {said!r}, not a SHA-256")
        for template in templates(item):
            for key in part(template, "metadata", "annotations"):
                if key in {f"{OURS}/decision", f"{OURS}/input-hash"}:
                    yield Complaint(item.path, f"{key} in a pod template would restart its pods")


def _is_label_key(key: object) -> bool:
    if not isinstance(key, str):
        return False
    domain, slash, name = key.rpartition("/")
    return bool(LABEL_NAME.fullmatch(name)) and (not slash or bool(LONG_NAME.fullmatch(domain)))


def _is_label_value(value: object) -> bool:
    return isinstance(value, str) and (value == "" or bool(LABEL_NAME.fullmatch(value)))


def secrets(view: View) -> Iterator[Complaint]:
    """No secret is in git."""
    for item in view.found:
        for path, key, value in walk({"object": item.object}):
            if (
                isinstance(value, dict)
                and value.get("kind") == "Secret"
                and value.keys() & {"data", "stringData"}
            ):
                yield Complaint(
                    item.path,
                    f"{path[7:] or 'it'} is a Secret with data: use an ExternalSecret or SealedSecret",
                )
            if key in {"pre_shared_key", "local_private_cert"} and value:
                yield Complaint(
                    item.path, f"{path[7:]} is a key: leave it to a controller in the cluster"
                )
            if isinstance(value, str) and URL_WITH_PASSWORD.search(value):
                yield Complaint(item.path, f"{path[7:]} has a URL with a password")


def durations(view: View) -> Iterator[Complaint]:
    """Durations are durations: some schemas call them texts."""
    for item in view.found:
        for path, key, value in walk(item.object):
            if key in DURATIONS and isinstance(value, str) and not DURATION.fullmatch(value):
                yield Complaint(item.path, f"{path}: {value!r} is no duration such as 90s")


def firewalls(view: View) -> Iterator[Complaint]:
    """SDEWAN finds what it configures by a label."""
    for item in view.found:
        purpose = part(item.object, "metadata", "labels").get("sdewanPurpose")
        if item.group == "batch.sdewan.akraino.org" and not purpose:
            yield Complaint(item.path, "without the label sdewanPurpose nothing takes it in")


def pods(view: View) -> Iterator[Complaint]:
    """What the API server wants of containers."""
    for item in view.found:
        for template in templates(item):
            for container in items(part(template, "spec"), "containers"):
                yield from (Complaint(item.path, what) for what in _container(container))


def _container(container: Object) -> Iterator[str]:
    name = text(container, "name")
    if not text(container, "image"):
        yield f"container {name} has no image"
    limits = part(container, "resources", "limits")
    for key, asked in part(container, "resources", "requests").items():
        if key in limits and _number(asked) > _number(limits[key]):
            yield f"container {name} asks for {asked} {key} and may use {limits[key]}"
    port_names = [text(port, "name") for port in items(container, "ports")]
    yield from (
        f"container {name}: {port!r} is no name of a port"
        for port in port_names
        if port and not PORT_NAME.fullmatch(port)
    )
    for what, said in (
        ("port", port_names),
        ("variable", [text(one, "name") for one in items(container, "env")]),
    ):
        for one, count in Counter(said).items():
            if one and count > 1:
                yield f"container {name} has {count} times the {what} {one}"


def _number(quantity: object) -> Decimal:
    """A quantity as a number; one that is none is for the schema to complain about."""
    found = QUANTITY.fullmatch(str(quantity))
    return Decimal(found[1]) * UNITS[found[2]] if found else Decimal(0)


CHECKS = [names, labels, annotations, secrets, durations, firewalls, pods]
