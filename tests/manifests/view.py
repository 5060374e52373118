"""A tree of objects as checks look at it: by cluster, by folder, by agent."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layout import below
from tree import Item, Object, part, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OURS = "periplus.dev"
# The GitRepository of the tree itself, which `periplus bootstrap` installs.
SOURCE = "periplus"
# Namespaces that belong to others and are there before us.
GIVEN = {"argocd", "default", "flux-system", "istio-system", "linkerd"}
WORKLOADS = {"CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"}


@dataclass(frozen=True)
class Cluster:
    """What is applied in one cluster: what is deployed to it, and what tells Flux there of it."""

    name: str
    found: tuple[Item, ...]

    @functools.cached_property
    def names(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of all of it."""
        return {(item.kind, item.namespace, item.name) for item in self.found}

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether there is such an object."""
        return (kind, namespace, name) in self.names

    def spaces(self, folder: str) -> set[str]:
        """The namespaces that what is in a folder needs, of those that are made here."""
        found = [item for item in self.found if below(item.path, folder)]
        spaces = {item.namespace for item in found}
        spaces |= {text(part(item.object, "spec"), "targetNamespace") for item in found}
        return {space for space in spaces if space and not is_given(space)}

    def pods(self, namespace: str) -> Iterator[Object]:
        """The pod templates of a namespace."""
        return (
            pod for item in self.found if item.namespace == namespace for pod in templates(item)
        )


@dataclass(frozen=True)
class View:
    """A tree: its objects, and which of them go to which cluster."""

    found: tuple[Item, ...]
    clusters: tuple[Cluster, ...]

    @functools.cached_property
    def folders(self) -> set[str]:
        """All folders with files in them, as `deploy/edge-1/shop`."""
        return {"/".join(item.path.split("/")[:-1]) for item in self.found}

    def argo(self, kind: str) -> list[Item]:
        """Argo CD objects of a kind."""
        return [item for item in self.found if item.group == "argoproj.io" and item.kind == kind]


def is_given(space: str) -> bool:
    """Whether a namespace is there before us."""
    return space in GIVEN or space.startswith("kube-")


def templates(item: Item) -> Iterator[Object]:
    """The pod templates of an object."""
    if item.kind == "CronJob":
        yield part(item.object, "spec", "jobTemplate", "spec", "template")
    elif item.kind in WORKLOADS:
        yield part(item.object, "spec", "template")


def walk(value: object, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """All that is in a value: where, below which key, and what."""
    entries: list[tuple[str, str, Any]] = []
    if isinstance(value, dict):
        entries = [(f"{path}.{key}", str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        entries = [(f"{path}[{place}]", "", one) for place, one in enumerate(value)]
    for entry in entries:
        yield entry
        yield from walk(entry[2], entry[0])


def view_of(found: Sequence[Item]) -> View:
    """A view of objects."""
    by_cluster: dict[str, list[Item]] = {}
    for item in found:
        top, *rest = item.path.split("/")
        if top in {"clusters", "deploy"} and len(rest) > 1:
            by_cluster.setdefault(rest[0], []).append(item)
    clusters = tuple(Cluster(name, tuple(its)) for name, its in sorted(by_cluster.items()))
    return View(tuple(found), clusters)
