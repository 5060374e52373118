"""Folders of YAML files as objects: read twice, so that no value depends on the version of YAML."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from ruamel.yaml import YAML, YAMLError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Object = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """An object, and the file in which it stands, seen from the root of its tree."""

    path: str
    object: Object

    @property
    def api_version(self) -> str:
        """Its `apiVersion`; empty where it has none."""
        return text(self.object, "apiVersion")

    @property
    def group(self) -> str:
        """The group of its `apiVersion`; empty for the core of Kubernetes."""
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        """Its `kind`; empty where it has none."""
        return text(self.object, "kind")

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        return text(part(self.object, "metadata"), "name")

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it is in none."""
        return text(part(self.object, "metadata"), "namespace")


@dataclass(frozen=True, order=True)
class Complaint:
    """What is wrong in a file."""

    path: str
    what: str

    def __str__(self) -> str:
        """It in a line."""
        return f"{self.path}: {self.what}"


def part(value: object, *keys: str) -> Object:
    """The mapping below some keys; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: object, key: str) -> list[Any]:
    """The list below a key; an empty one where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def text(value: object, key: str) -> str:
    """The text below a key; an empty one where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def files(root: Path) -> list[tuple[str, Path]]:
    """All files below a folder that are ours, with their paths seen from it."""
    found = [(file.relative_to(root).as_posix(), file) for file in sorted(root.rglob("*"))]
    return [
        (path, file)
        for path, file in found
        # What stands in hidden folders and in `flux-system` is not ours.
        if file.is_file()
        and not any(name.startswith(".") or name == "flux-system" for name in path.split("/")[:-1])
    ]


def read(root: Path) -> tuple[list[Item], list[Complaint]]:
    """All objects below a folder, and what is wrong with its files."""
    found: list[Item] = []
    wrong: list[Complaint] = []
    for path, file in files(root):
        if path.endswith((".yaml", ".yml")):
            objects, what = _documents(file.read_bytes())
            found += [Item(path, one) for one in objects]
            wrong += [Complaint(path, one) for one in what]
    return found, wrong


def read_files(files: Sequence[Path]) -> tuple[list[Item], list[Complaint]]:
    """All objects in files, and what is wrong with these."""
    found: list[Item] = []
    wrong: list[Complaint] = []
    for file in files:
        objects, what = _documents(file.read_bytes())
        found += [Item(str(file), one) for one in objects]
        wrong += [Complaint(str(file), one) for one in what]
    return found, wrong


@functools.cache
def _documents(raw: bytes) -> tuple[list[Object], list[str]]:
    if not raw.endswith(b"\n") or b"\r" in raw:
        return [], ["lines must end in \\n alone, the last one too"]
    try:
        old = list(yaml.safe_load_all(raw))
        new = list(YAML(typ="safe", pure=True).load_all(raw))
    except (yaml.YAMLError, YAMLError) as error:
        return [], [f"it is no YAML, or has a key twice: {' '.join(str(error).split())}"]
    if not old:
        return [], ["there is no object in it"]
    wrong = _differences(old, new, "")
    objects = []
    for document in old:
        if isinstance(document, dict):
            wrong += _unwritable(document, "")
            objects.append(document)
        else:
            wrong.append(f"an object is wanted, not {document!r}")
    return objects, wrong


def _differences(old: object, new: object, path: str) -> list[str]:
    """Values that YAML 1.1 reads otherwise than YAML 1.2 does."""
    if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
        return [one for key in old for one in _differences(old[key], new[key], f"{path}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            one
            for place, (before, after) in enumerate(zip(old, new, strict=True))
            for one in _differences(before, after, f"{path}[{place}]")
        ]
    if type(old) is type(new) and old == new:
        return []
    return [f"{path}: YAML 1.1 reads {old!r}, YAML 1.2 reads {new!r}: quote it"]


def _unwritable(value: object, path: str) -> list[str]:
    """Values that JSON does not have, or that mean nothing: dates, bytes, keys that are no texts, and null."""
    match value:
        case dict():
            keys = [
                f"{path}: the key {key!r} is no text: quote it"
                for key in value
                if not isinstance(key, str)
            ]
            return keys + [one for key in value for one in _unwritable(value[key], f"{path}.{key}")]
        case list():
            return [
                one
                for place, item in enumerate(value)
                for one in _unwritable(item, f"{path}[{place}]")
            ]
        case None:
            return [f"{path} is null: leave it out"]
        case datetime.date() | bytes():
            return [f"{path} is read as {value!r}: quote it"]
    return []
