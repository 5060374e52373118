"""Where files stand: what a path says of the object in it, and the names that agents' objects have for folders.

```text
clusters/<cluster>/NN-kind-name.yaml                       what tells Flux in a cluster of its folders
argocd/<cluster>/NN-kind-name.yaml                         what tells Argo CD of them
deploy/<cluster>/_namespaces/<namespace>/NN-kind-name.yaml
deploy/<cluster>/<app>/<component>/NN-kind-name.yaml
deploy/<cluster>/_net/<app>/<guard or route>/NN-kind-name.yaml
decisions/<app>.json
```
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

NAMESPACES = "_namespaces"
NET = "_net"
NET_FOLDERS = {"guard", "route"}
NAME_MAX = 63
HASH_DIGITS = 10


@dataclass(frozen=True)
class Place:
    """What a path says: for whom the file is, and of which cluster, namespace, app and component."""

    top: str
    cluster: str
    file: str
    app: str = ""
    component: str = ""
    namespace: str = ""


def place_of(path: str) -> Place | None:
    """What a path says; nothing where no object is wanted."""
    match path.split("/"):
        case ["clusters" | "argocd" as top, cluster, file]:
            return Place(top, cluster, file)
        case ["deploy", cluster, "_namespaces", namespace, file]:
            return Place("deploy", cluster, file, namespace=namespace)
        case ["deploy", cluster, "_net", app, "guard" | "route", file]:
            return Place("deploy", cluster, file, app=app)
        case ["deploy", cluster, app, component, file] if not app.startswith("_"):
            return Place("deploy", cluster, file, app, component)
    return None


def joined(*parts: str) -> str:
    """Parts of a name with dots between them; a longer one than a label value ends in a hash of all of it."""
    name = ".".join(parts)
    if len(name) <= NAME_MAX:
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]
    return f"{name[: NAME_MAX - HASH_DIGITS - 1].rstrip('-.')}-{digits}"


def leader(folder: str) -> str:
    """The name of Flux's `Kustomization` of a folder below `deploy`; empty where any would do."""
    match folder.split("/"):
        case [_, _, "_namespaces", namespace]:
            return joined("ns", namespace)
        case [_, _, app, component] if not app.startswith("_"):
            return joined(app, component)
    return ""


def application(folder: str) -> str:
    """The name of Argo CD's `Application` of a folder below `deploy`; empty where any would do."""
    match folder.split("/"):
        case [_, cluster, "_namespaces", namespace]:
            return joined(f"ns.{namespace}", cluster)
        case [_, cluster, app] if not app.startswith("_"):
            return joined(app, cluster)
    return ""


def folder_of(path: str) -> str:
    """A path of an agent's object as a folder of the tree."""
    return path.removeprefix("./").rstrip("/")


def below(folder: str, top: str) -> bool:
    """Whether a folder is another, or stands below it."""
    return folder == top or folder.startswith(f"{top}/")


def file_name(kind: str, name: str) -> re.Pattern[str]:
    """What the file of an object is called."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    digits = "" if plain == name else "-[0-9a-f]{8}"
    return re.compile(rf"([0-9]{{2}})-{re.escape(f'{kind.lower()}-{plain}')}{digits}\.yaml")
