"""How a tree is brought into clusters: each file in its place, and each folder led to by one agent.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tree import Complaint, Item, items, part, text
from view import OURS, View

if TYPE_CHECKING:
    from collections.abc import Iterator


def places(view: View) -> Iterator[Complaint]:
    """Files stand where their objects say, and each holds what its folder is for."""
    per_file = Counter(item.path for item in view.found)
    for item in view.found:
        top, *rest = item.path.split("/")
        if top == "deploy" and len(rest) == 3:
            yield from _deployed(item, rest)
            if per_file[item.path] > 1:
                yield Complaint(item.path, "one object per file is wanted here")
        elif top == "clusters" and len(rest) == 2:
            if not item.group.endswith("fluxcd.io"):
                yield Complaint(
                    item.path, f"only Flux's own objects are wanted here, not a {item.kind}"
                )
        elif top == "argocd" and len(rest) == 1:
            if item.group != "argoproj.io":
                yield Complaint(
                    item.path, f"only Argo CD's own objects are wanted here, not a {item.kind}"
                )
        else:
            wanted = "deploy/<cluster>/<app>/, clusters/<cluster>/ or argocd/"
            yield Complaint(item.path, f"it stands in none of {wanted}")


def _deployed(item: Item, rest: list[str]) -> Iterator[Complaint]:
    cluster, app, file = rest
    name = re.sub(r"[^a-z0-9.-]", "-", item.name.lower())
    wanted = f"{item.kind.lower()}-{name}.yaml"
    in_namespace = f"{item.kind.lower()}-{item.namespace}-{name}.yaml"
    number, _, stem = file.partition("-")
    if not (len(number) == 2 and number.isdigit() and stem in {wanted, in_namespace}):
        yield Complaint(item.path, f"its object would have it named NN-{wanted}")
    labels = part(item.object, "metadata", "labels")
    if labels.get("app.kubernetes.io/managed-by") != OURS:
        yield Complaint(item.path, f"the label app.kubernetes.io/managed-by is not {OURS}")
    said = labels.get(f"{OURS}/cluster", cluster)
    if said != cluster:
        yield Complaint(item.path, f"its label says cluster {said}, its folder {cluster}")
    said = labels.get(f"{OURS}/app", app)
    if app not in {"_net", said}:
        yield Complaint(item.path, f"its label says app {said}, its folder {app}")


def flux(view: View) -> Iterator[Complaint]:
    """Flux's objects lead to folders that are there, to sources that are there, and to each other without a circle."""
    sources = view.flux("GitRepository")
    for cluster, all_of in view.flux("Kustomization").items():
        ours = {_source(item) for item in all_of.values() if _leads_here(item)}
        for item in all_of.values():
            spec = part(item.object, "spec")
            # Other sources are repositories of apps: what is in them is not known here.
            if _source(item) in ours and _folder(text(spec, "path")) not in view.folders:
                yield Complaint(item.path, f"its path {spec.get('path')} is not in the tree")
            source = part(spec, "sourceRef")
            known = {"flux-system", *sources.get(cluster, {})}
            if source.get("kind") == "GitRepository" and source.get("name") not in known:
                yield Complaint(
                    item.path,
                    f"there is no GitRepository {source.get('name')} in clusters/{cluster}",
                )
            for other in _awaited(item):
                if other not in all_of:
                    yield Complaint(
                        item.path, f"it depends on {other}, which is not in clusters/{cluster}"
                    )
        if circle := _circle({name: _awaited(item) for name, item in all_of.items()}):
            path = all_of[circle[0]].path
            yield Complaint(path, f"these wait for each other for ever: {' → '.join(circle)}")


def _source(item: Item) -> tuple[str, str]:
    source = part(item.object, "spec", "sourceRef")
    return text(source, "kind"), text(source, "name")


def _leads_here(item: Item) -> bool:
    return _folder(text(part(item.object, "spec"), "path")).startswith("deploy/")


def _awaited(item: Item) -> list[str]:
    return [text(one, "name") for one in items(part(item.object, "spec"), "dependsOn")]


def _folder(path: str) -> str:
    return path.removeprefix("./").rstrip("/")


def _circle(graph: dict[str, list[str]]) -> list[str]:
    """A circle in a graph; nothing where there is none."""
    done: set[str] = set()

    def from_here(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        done.add(name)
        ways = (from_here(other, [*way, name]) for other in graph.get(name, []))
        return next((found for found in ways if found), [])

    return next((found for name in sorted(graph) if (found := from_here(name, []))), [])


def argo(view: View) -> Iterator[Complaint]:
    """Argo CD's applications lead to folders that are there, in projects that are there."""
    projects = {"default", *(item.name for item in view.argo("AppProject"))}
    apps = view.argo("Application")
    ours = {
        text(source, "repoURL")
        for source in (part(item.object, "spec", "source") for item in apps)
        if _folder(text(source, "path")).startswith("deploy/")
    }
    for item in apps:
        spec = part(item.object, "spec")
        for source in [part(spec, "source"), *items(spec, "sources")]:
            path = text(source, "path")
            if text(source, "repoURL") in ours and path and _folder(path) not in view.folders:
                yield Complaint(item.path, f"its path {path} is not in the tree")
        if spec.get("project") not in projects:
            yield Complaint(item.path, f"there is no AppProject {spec.get('project')}")
        if len(part(spec, "destination").keys() & {"name", "server"}) != 1:
            yield Complaint(item.path, "its destination has either a name or a server")
        if len(item.name) > 63:
            yield Complaint(
                item.path, f"{item.name} is longer than the 63 characters of a label value"
            )


def owners(view: View) -> Iterator[Complaint]:
    """Each folder below `deploy` is brought into its cluster by exactly one object."""
    leading = [_folder(text(part(item.object, "spec"), "path")) for item in _kustomizations(view)]
    leading += [
        _folder(text(part(item.object, "spec", "source"), "path"))
        for item in view.argo("Application")
    ]
    brought = Counter(leading)
    for folder in sorted(view.folders):
        if folder.startswith("deploy/") and brought[folder] != 1:
            wanted = "one Kustomization or Application"
            yield Complaint(folder, f"{wanted} has to lead here, and {brought[folder]} do")


def _kustomizations(view: View) -> list[Item]:
    return [item for all_of in view.flux("Kustomization").values() for item in all_of.values()]


CHECKS = [places, flux, argo, owners]
