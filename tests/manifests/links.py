"""What must hold between the objects of a tree, and what Kubernetes checks beyond schemas.

Each check is a function from a view to complaints. They are listed at the end of the file.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tree import Complaint, Item, Object, items, part, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLUSTER_WIDE = {
    "CiliumClusterwideNetworkPolicy",
    "CiliumEgressGatewayPolicy",
    "ClusterRole",
    "ClusterRoleBinding",
    "Namespace",
    "PriorityClass",
}
# Namespaces that belong to others and are there before us.
GIVEN_NAMESPACES = {"argocd", "default", "flux-system", "istio-system", "kube-system", "linkerd"}
WORKLOADS = {"CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"}

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LONG_NAME = re.compile(rf"(?=.{{1,253}}$){NAME.pattern}(\.{NAME.pattern})*")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
# Names may hold colons in RBAC alone.
PATH_NAME = re.compile(r"[^/%\s]+")
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
HASH = re.compile(r"[0-9a-f]{64}")

ANNOTATIONS_MAX = 256 * 1024

OURS = "periplus.dev"
WAVE = "argocd.argoproj.io/sync-wave"


@dataclass(frozen=True)
class Cluster:
    """What is deployed to one cluster."""

    name: str
    found: tuple[Item, ...]

    @functools.cached_property
    def names(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of all of it."""
        return {(item.kind, item.namespace, item.name) for item in self.found}

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether there is such an object."""
        return (kind, namespace, name) in self.names

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

    def flux(self, kind: str) -> dict[str, dict[str, Item]]:
        """Flux objects of a kind, by cluster and name."""
        by_cluster: dict[str, dict[str, Item]] = {}
        for item in self.found:
            top, *rest = item.path.split("/")
            if (
                top == "clusters"
                and rest
                and item.kind == kind
                and item.group.endswith("fluxcd.io")
            ):
                by_cluster.setdefault(rest[0], {})[item.name] = item
        return by_cluster

    def argo(self, kind: str) -> list[Item]:
        """Argo CD objects of a kind."""
        return [item for item in self.found if item.group == "argoproj.io" and item.kind == kind]


def complaints(found: Sequence[Item]) -> list[Complaint]:
    """All that does not hold between objects."""
    by_cluster: dict[str, list[Item]] = {}
    for item in found:
        top, *rest = item.path.split("/")
        if top == "deploy" and len(rest) > 1:
            by_cluster.setdefault(rest[0], []).append(item)
    clusters = tuple(Cluster(name, tuple(its)) for name, its in sorted(by_cluster.items()))
    view = View(tuple(found), clusters)
    return [one for check in CHECKS for one in check(view)]


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
        if space and space not in GIVEN_NAMESPACES and not cluster.has("Namespace", "", space):
            yield Complaint(
                item.path, f"nothing makes its namespace {space} in cluster {cluster.name}"
            )


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
        said = notes.get(f"{OURS}/input-hash", "0" * 64)
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


def flux(view: View) -> Iterator[Complaint]:
    """Flux's objects lead to folders that are there, to sources that are there, and to each other without a circle."""
    sources = view.flux("GitRepository")
    for cluster, all_of in view.flux("Kustomization").items():
        for item in all_of.values():
            spec = part(item.object, "spec")
            if _folder(text(spec, "path")) not in view.folders:
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
    for item in view.argo("Application"):
        spec = part(item.object, "spec")
        for source in [part(spec, "source"), *items(spec, "sources")]:
            path = text(source, "path")
            if path and _folder(path) not in view.folders:
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


CHECKS = [
    places,
    names,
    labels,
    annotations,
    secrets,
    durations,
    flux,
    argo,
    owners,
    references,
    selectors,
    mesh,
]
