"""Decisions: `decisions/<app>.json` says for people what the rest of the tree does, and nothing else lies there."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import layout
from tree import Complaint, Item, Object, files, part, text
from view import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

KEYS = {"app", "generation", "placements", "routes", "tenant"}
# Of an app, a cluster, and a component or the Application that brings it from elsewhere.
Folders = dict[tuple[str, str, str], list[Item]]


def complaints(root: Path, found: Sequence[Item]) -> list[Complaint]:
    """What decisions say otherwise than the tree, and files that are neither objects nor decisions."""
    folders = _folders(found)
    wrong = []
    decided = set()
    for path, file in files(root):
        match path.split("/"):
            case ["decisions", name] if name.endswith(".json"):
                app = name.removesuffix(".json")
                said, what = _read(file, app)
                wrong += [Complaint(path, one) for one in what]
                wrong += [Complaint(path, one) for one in _routed(said)]
                for cluster, component, placement in _placed(said):
                    elsewhere = layout.joined(layout.joined(app, component), cluster)
                    keys = {(app, cluster, name) for name in (component, elsewhere)}
                    decided |= keys
                    its = [item for key in keys for item in folders.get(key, [])]
                    wrong += [
                        Complaint(path, f"{component} in {cluster}: {one}")
                        for one in _held(its, placement)
                    ]
            case _ if not path.endswith((".yaml", ".yml")):
                wrong.append(Complaint(path, "it is neither an object nor a decision"))
    for app, cluster, component in folders.keys() - decided:
        path = folders[app, cluster, component][0].path
        wrong.append(Complaint(path, f"decisions/{app}.json does not place it in {cluster}"))
    return wrong


def _folders(found: Sequence[Item]) -> Folders:
    """What is written for each component, be it for a cluster or for Argo CD."""
    folders: Folders = {}
    for item in found:
        place = layout.place_of(item.path)
        if place is None:
            continue
        app = text(part(item.object, "metadata", "labels"), f"{OURS}/app")
        source = text(part(item.object, "spec", "source"), "path")
        elsewhere = item.kind == "Application" and not source.startswith("deploy/")
        if name := item.name if elsewhere else place.component:
            folders.setdefault((app, place.cluster, name), []).append(item)
    return folders


def _read(file: Path, app: str) -> tuple[Object, list[str]]:
    raw = file.read_bytes()
    try:
        said: Any = json.loads(raw, object_pairs_hook=_once)
    except ValueError as error:
        return {}, [f"it is no JSON: {error}"]
    if not isinstance(said, dict) or said.keys() != KEYS:
        return {}, [f"it has not the keys {', '.join(sorted(KEYS))}"]
    wrong = []
    if not raw.endswith(b"}\n") or b"\r" in raw:
        wrong.append("lines must end in \\n alone, the last one too")
    if said["app"] != app:
        wrong.append(f"it is about {said['app']}")
    return said, wrong


def _once(entries: list[tuple[str, Any]]) -> Object:
    twice = [key for key, count in Counter(key for key, _ in entries).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]} stands there twice")
    return dict(entries)


def _placed(said: Object) -> Iterator[tuple[str, str, Object]]:
    for cluster, components in part(said, "placements").items():
        for component, placement in components.items():
            yield cluster, component, placement


def _held(its: list[Item], placement: Object) -> Iterator[str]:
    if not its:
        yield "nothing is written for it"
        return
    decision = str(placement.get("decision", ""))
    for item in its:
        noted = text(part(item.object, "metadata", "annotations"), f"{OURS}/decision")
        if noted != decision:
            yield f"{item.kind} {item.name} names decision {noted or 'none'}, not {decision}"
    scaled = any(item.kind == "HorizontalPodAutoscaler" for item in its)
    counts = [part(item.object, "spec").get("replicas") for item in its]
    counts = [count for count in counts if count is not None]
    if counts and not scaled and placement.get("replicas") not in counts:
        yield f"{placement.get('replicas')} replicas are decided, {counts} are written"


def _routed(said: Object) -> Iterator[str]:
    for group, places in part(said, "routes").items():
        for place, shares in places.items():
            if sum(shares.values()) > 1000:
                yield f"from {place} to {group}, more than all is routed: {shares}"
            for cluster in shares.keys() - part(said, "placements").keys():
                yield f"from {place} to {group}, {cluster} is routed to, and nothing is there"
