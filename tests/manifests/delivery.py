"""How a tree is brought into clusters: each file in its place, and each folder led to by one agent.

Each check is a function from a view to complaints; they are listed at the end of the file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import layout
from layout import Place, below, folder_of
from tree import Complaint, Item, items, part, text
from view import OURS, SOURCE, View, is_given

if TYPE_CHECKING:
    from collections.abc import Iterator

    from view import Cluster

MANAGED_BY = "app.kubernetes.io/managed-by"
HASH = f"{OURS}/input-hash"
OF_A_NAMESPACE = {"LimitRange", "Namespace", "ResourceQuota", "RoleBinding"}
# Argo CD's own cluster is what Applications are in; others are known to it by name.
ARGOCD = "argocd"
FLUX = "flux-system"


def places(view: View) -> Iterator[Complaint]:
    """Files stand where their objects say, one in each, and each holds what its folder is for."""
    per_file = Counter(item.path for item in view.found)
    ranks: dict[str, str] = {}
    for item in view.found:
        place = layout.place_of(item.path)
        if place is None:
            yield Complaint(item.path, "no object is wanted in this folder")
            continue
        if per_file[item.path] > 1:
            yield Complaint(item.path, "one object per file is wanted")
        if found := layout.file_name(item.kind, item.name).fullmatch(place.file):
            rank = ranks.setdefault(item.kind, found[1])
            if rank != found[1]:
                yield Complaint(item.path, f"files of a {item.kind} elsewhere start with {rank}")
        else:
            wanted = f"NN-{item.kind.lower()}-{item.name}.yaml"
            yield Complaint(item.path, f"its object would have it named {wanted}")
        yield from (Complaint(item.path, what) for what in _marked(item, place))
        yield from (Complaint(item.path, what) for what in _wanted(item, place))


def _marked(item: Item, place: Place) -> Iterator[str]:
    """Whose an object is, is told by its labels."""
    labels = part(item.object, "metadata", "labels")
    if labels.get(MANAGED_BY) != OURS:
        yield f"the label {MANAGED_BY} is not {OURS}"
    if labels.get(f"{OURS}/cluster") != place.cluster:
        yield f"its label says cluster {labels.get(f'{OURS}/cluster')}, its folder {place.cluster}"
    if place.app and labels.get(f"{OURS}/app") != place.app:
        yield f"its label says app {labels.get(f'{OURS}/app')}, its folder {place.app}"
    if place.namespace and f"{OURS}/app" in labels:
        yield f"a namespace may be shared, and its label says app {labels[f'{OURS}/app']}"
    if HASH not in part(item.object, "metadata", "annotations"):
        yield f"it has no annotation {HASH}"


def _keeps(item: Item, place: Place) -> bool:
    """Whether it is what keeps an agent's folder from being empty."""
    names = {"clusters": (FLUX, "periplus"), "argocd": (ARGOCD, f"periplus.{place.cluster}")}
    return item.kind == "ConfigMap" and (item.namespace, item.name) == names.get(place.top)


def _wanted(item: Item, place: Place) -> Iterator[str]:
    """Each folder is for some objects, and not for others."""
    flux = item.group.endswith("fluxcd.io")
    argo = item.group == "argoproj.io"
    if _keeps(item, place):
        return
    if place.top == "clusters" and not (flux and item.namespace == FLUX):
        yield f"only Flux's own objects in {FLUX} are wanted here"
    elif place.top == "argocd" and not (argo and item.namespace == ARGOCD):
        yield f"only Argo CD's own objects in {ARGOCD} are wanted here"
    elif place.top != "deploy":
        return
    elif argo:
        yield "an object of Argo CD does nothing in another cluster"
    elif flux and not (place.component and item.namespace == FLUX):
        yield f"Flux's own objects are wanted in components' folders and in {FLUX} alone"
    elif place.namespace:
        if item.kind not in OF_A_NAMESPACE:
            yield f"a {item.kind} is none of {', '.join(sorted(OF_A_NAMESPACE))}"
        named = item.name if item.kind == "Namespace" else item.namespace
        if named != place.namespace:
            yield f"it is of namespace {named}, its folder of {place.namespace}"
    elif item.kind == "Namespace":
        yield f"a Namespace is wanted in {layout.NAMESPACES} alone"


def flux(view: View) -> Iterator[Complaint]:
    """Flux's objects lead to folders that are there, to sources that are there, and to each other without a circle."""
    for cluster in view.clusters:
        every = [item for item in cluster.found if item.group.startswith("kustomize.toolkit.")]
        for item in every:
            if text(part(item.object, "spec", "sourceRef"), "name") == SOURCE:
                yield from (Complaint(item.path, what) for what in _led(item, cluster, view))
            elif item.path.startswith("clusters/"):
                yield Complaint(item.path, f"its source is not the GitRepository {SOURCE}")
        yield from _sources(cluster)
        awaited = {item.name: _awaited(item) for item in every}
        for item in every:
            for other in _awaited(item):
                if other not in awaited:
                    where = f"clusters/{cluster.name}"
                    yield Complaint(item.path, f"it depends on {other}, which is not in {where}")
        if circle := _circle(awaited):
            path = next(item.path for item in every if item.name == circle[0])
            yield Complaint(path, f"these wait for each other for ever: {' → '.join(circle)}")


def _led(item: Item, cluster: Cluster, view: View) -> Iterator[str]:
    """A folder of ours is led to by an object of its name, after its namespaces."""
    if not item.path.startswith("clusters/"):
        yield f"what leads to a folder of {SOURCE} is wanted in clusters/{cluster.name}"
    folder = folder_of(text(part(item.object, "spec"), "path"))
    if not folder.startswith(f"deploy/{cluster.name}/"):
        yield f"its path {folder} is none of deploy/{cluster.name}"
    elif folder not in view.folders:
        yield f"its path {folder} is not in the tree"
    if item.name == SOURCE:
        yield f"the Kustomization {SOURCE} is what `periplus bootstrap` installs"
    if item.name != (layout.leader(folder) or item.name):
        yield f"what leads to {folder} is called {layout.leader(folder)}"
    if f"/{layout.NAMESPACES}/" in folder:
        return
    for space in sorted(cluster.spaces(folder)):
        wanted = layout.joined("ns", space)
        if wanted not in _awaited(item):
            yield f"it does not wait for {wanted}, which makes its namespace"


def _sources(cluster: Cluster) -> Iterator[Complaint]:
    """Sources are there, and what they bring has a namespace."""
    for item in cluster.found:
        if not item.group.endswith("fluxcd.io"):
            continue
        spec = part(item.object, "spec")
        for ref in (part(spec, "sourceRef"), part(spec, "chart", "spec", "sourceRef")):
            kind, name = text(ref, "kind"), text(ref, "name")
            there = (kind, name) == ("GitRepository", SOURCE) or cluster.has(kind, FLUX, name)
            if ref and not there:
                yield Complaint(item.path, f"there is no {kind} {name} in {FLUX}")
        for key in ("targetNamespace", "storageNamespace"):
            space = text(spec, key)
            if space and not is_given(space) and not cluster.has("Namespace", "", space):
                where = f"cluster {cluster.name}"
                yield Complaint(item.path, f"nothing makes its {key} {space} in {where}")


def _awaited(item: Item) -> list[str]:
    return [text(one, "name") for one in items(part(item.object, "spec"), "dependsOn")]


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
    """Argo CD's applications lead to folders that are there, in projects that are there, for the cluster they say."""
    apps = view.argo("Application")
    projects = {"default", *(item.name for item in view.argo("AppProject"))}
    twice = Counter(item.name for item in apps)
    ours = {
        text(source, "repoURL")
        for source in (part(item.object, "spec", "source") for item in apps)
        if folder_of(text(source, "path")).startswith("deploy/")
    }
    for item in apps:
        yield from (Complaint(item.path, what) for what in _application(item, view, ours))
        if part(item.object, "spec").get("project") not in projects:
            project = part(item.object, "spec").get("project")
            yield Complaint(item.path, f"there is no AppProject {project}")
        if twice[item.name] > 1:
            yield Complaint(item.path, f"there are {twice[item.name]} Applications {item.name}")


def _application(item: Item, view: View, ours: set[str]) -> Iterator[str]:
    spec = part(item.object, "spec")
    destination = part(spec, "destination")
    if len(destination.keys() & {"name", "server"}) != 1:
        yield "its destination has either a name or a server"
    place = layout.place_of(item.path)
    cluster = place.cluster if place else ""
    if item.name == layout.joined(SOURCE, cluster):
        yield f"the Application {item.name} is what `periplus bootstrap` installs"
    if destination.get("name") != cluster:
        yield f"its destination is {destination.get('name')}, its folder {cluster}"
    space = text(destination, "namespace")
    makes = [one for one in view.clusters if one.name == cluster]
    if not is_given(space) and not any(one.has("Namespace", "", space) for one in makes):
        yield f"nothing makes its namespace {space} in cluster {cluster}"
    if len(item.name) > layout.NAME_MAX:
        yield f"{item.name} is longer than the {layout.NAME_MAX} characters of a label value"
    for source in [part(spec, "source"), *items(spec, "sources")]:
        folder = folder_of(text(source, "path"))
        if folder and text(source, "repoURL") in ours:
            yield from _leading(item, folder, cluster, view)


def _leading(item: Item, folder: str, cluster: str, view: View) -> Iterator[str]:
    """A folder of ours is led to by an object of its name."""
    if not folder.startswith(f"deploy/{cluster}/"):
        yield f"its path {folder} is none of deploy/{cluster}"
    elif not any(below(one, folder) for one in view.folders):
        yield f"its path {folder} is not in the tree"
    if item.name != (layout.application(folder) or item.name):
        yield f"what leads to {folder} is called {layout.application(folder)}"


def owners(view: View) -> Iterator[Complaint]:
    """Each folder below `deploy` is brought into its cluster by exactly one object, and each cluster has one agent."""
    leading = []
    for cluster in view.clusters:
        agents = {item.path.split("/")[0] for item in view.found if _of(item, cluster.name)}
        if len(agents & {"clusters", "argocd"}) > 1:
            yield Complaint(f"deploy/{cluster.name}", "it is told of by Flux and by Argo CD")
        led = [item for item in cluster.found if item.path.startswith("clusters/")]
        # Without a kustomization.yaml, Flux takes what is in folders below too.
        leading += [(folder_of(text(part(item.object, "spec"), "path")), True) for item in led]
    for item in view.argo("Application"):
        source = part(item.object, "spec", "source")
        deep = part(source, "directory").get("recurse") is True
        leading.append((folder_of(text(source, "path")), deep))
    for folder in sorted(view.folders):
        if not folder.startswith("deploy/"):
            continue
        count = sum(folder == top or (deep and below(folder, top)) for top, deep in leading if top)
        if count != 1:
            wanted = "one Kustomization or Application"
            yield Complaint(folder, f"{wanted} has to lead here, and {count} do")


def _of(item: Item, cluster: str) -> bool:
    place = layout.place_of(item.path)
    return place is not None and place.cluster == cluster


CHECKS = [places, flux, argo, owners]
